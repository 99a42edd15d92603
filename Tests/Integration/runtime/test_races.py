"""Races: names that change between the moment the runtime looks and the moment it acts, and processes that come and go
meanwhile. A round may be refused; it may not reach the host. `make races` runs each ten thousand times (docs/threat-model.md)."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from attacking import Host, Swapper, put, python, with_python
from cais_testing import CGROUP_PARENT, IS_PEER, RUNTIME, ConsoleSocket, cgroup_hierarchies, wait_until
from races import Spawn, rounds

pytestmark = pytest.mark.skipif(IS_PEER, reason="the peers of Debian 12 lose some of these")


@pytest.fixture
def spawn(runtime):
    spawn = Spawn(runtime.directory)
    yield spawn
    spawn.close()


@pytest.fixture
def host(runtime):
    return Host(runtime.directory)


def light(config):
    """A container that starts quickly: of the namespaces only what the races are about."""
    config["linux"]["namespaces"] = [{"type": kind} for kind in ("mount", "pid", "ipc", "uts")]
    config["mounts"] = [mount for mount in config["mounts"] if mount["destination"] in ("/proc", "/dev", "/dev/pts")]
    return config


class Race:
    """A bundle that is started again and again while names in it, or in a volume of it, are swapped."""

    def __init__(self, runtime, spawn, host, *args, change=lambda config: None):
        self.runtime, self.spawn, self.host = runtime, spawn, host
        self.volume = runtime.directory / "volume"
        self.volume.mkdir()

        def all_changes(config):
            light(config)
            config["mounts"].append({"destination": "/volume", "type": "bind", "source": str(self.volume), "options": ["bind"]})
            change(config)
        self.bundle = runtime.bundle(*args, change=all_changes)
        self.name = runtime.name()

    def go(self, race, *pairs, check=lambda code, said: None):
        """Runs the rounds; `check` looks at each."""
        with Swapper(*pairs):
            for number in rounds(race):
                code, said = self.spawn.run(self.runtime.command("run", "--bundle", self.bundle.path, self.name))
                assert 0 <= code < 128, (race, code, said)
                check(code, said)
                if number % 50 == 0:
                    self.host.check((race, number))
        self.host.check(race)


def bind(destination, source):
    return {"destination": destination, "type": "bind", "source": str(source), "options": ["bind"]}


# -- where mounts go ------------------------------------------------------------------------------------

def test_the_target_of_a_mount(runtime, spawn, host):
    """CVE-2021-30465: a directory of a shared volume that becomes a link to the host, above the root, or into /proc."""
    data = put(runtime.directory / "data", "directory")
    race = Race(runtime, spawn, host, "true", change=lambda config: config["mounts"].extend(
        [bind(f"/volume/{name}/target", data) for name in "abc"]))
    links = (str(host.outside), f"../../../../../../../..{host.outside}", f"/proc/1/root{host.outside}")
    for name, link in zip("abc", links):
        (race.volume / name / "target").mkdir(parents=True)
        put(race.volume / f"{name}-link", "link", link)
    (host.outside / "target").mkdir()
    host.before = host.take()
    race.go("target", *[(race.volume / name, race.volume / f"{name}-link") for name in "abc"])


def test_the_directories_that_a_mount_needs(runtime, spawn, host):
    """CVE-2024-45310: what is missing is made one step at a time, each in the directory opened before."""
    data = put(runtime.directory / "data", "file")
    race = Race(runtime, spawn, host, "true", change=lambda config: config["mounts"].extend(
        [bind(f"/volume/{name}/new/deeper/file", data) for name in "ab"]))
    for name, link in zip("ab", (str(host.outside), f"../../../../../..{host.outside}")):
        (race.volume / name).mkdir()
        put(race.volume / f"{name}-link", "link", link)

    def empty(*_):  # so that there is something to make again
        subprocess.run(["rm", "-rf", race.volume / "a/new", race.volume / "b/new", race.volume / "a-link/new", race.volume / "b-link/new"],
                       stderr=subprocess.DEVNULL, check=False)  # names move under it too
        assert not (host.outside / "new").exists()
    race.go("directories", *[(race.volume / name, race.volume / f"{name}-link") for name in "ab"], check=empty)


def test_masked_and_read_only_paths(runtime, spawn, host):
    def change(config):
        config["linux"]["maskedPaths"] += ["/volume/secret", "/volume/place/secret"]
        config["linux"]["readonlyPaths"] += ["/volume/kept"]
    race = Race(runtime, spawn, host, "true", change=change)
    put(race.volume / "secret", "file")
    put(race.volume / "secret-link", "link", str(host.canary))
    put(race.volume / "place/secret", "file")
    put(race.volume / "place-link", "link", str(host.outside))
    put(race.volume / "kept", "directory")
    put(race.volume / "kept-link", "link", f"../../../../..{host.outside}")
    race.go("masks", *[(race.volume / name, race.volume / f"{name}-link") for name in ("secret", "place", "kept")])


def test_devices_of_the_image(runtime, spawn, host):
    """CVE-2025-31133 with a race: /dev/null becomes a link after it was looked at, and /dev itself."""
    race = Race(runtime, spawn, host, "sh", "-c", "echo through > /dev/null", change=lambda config: config["mounts"].__delitem__(slice(1, 3)))
    dev = race.bundle.rootfs / "dev"
    put(race.bundle.rootfs / "null-link", "link", "/proc/sys/kernel/core_pattern")
    os.mknod(dev / "null", 0o20666, os.makedev(1, 3))
    (race.bundle.rootfs / "other").mkdir()
    os.mknod(race.bundle.rootfs / "other/null", 0o20666, os.makedev(1, 3))
    put(race.bundle.rootfs / "other-link", "link", f"../../../../../..{host.outside}")
    race.go("devices", (dev / "null", race.bundle.rootfs / "null-link"), (dev, race.bundle.rootfs / "other-link"))


def test_proc_and_what_is_written_to_it(runtime, spawn, host):
    """CVE-2019-19921: a parameter of the kernel is written to the kernel, whatever /proc is then. Who may rename in the root of a
    container that runs can show a false /proc to its program, which has the root's files anyway; never to the runtime."""
    def change(config):
        config["linux"]["namespaces"].append({"type": "network"})
        config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
        config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
    race = Race(runtime, spawn, host, "cat", "/proc/sys/net/ipv4/ip_forward", change=change)
    fake = race.bundle.rootfs / "fake"
    put(fake / "sys/net/ipv4/ip_forward", "file", "fake\n")
    put(race.bundle.rootfs / "proc-link", "link", "fake")

    def check(code, said):
        assert code != 0 or said in ("1\n", "fake\n"), (code, said)
        assert (fake / "sys/net/ipv4/ip_forward").read_text() == "fake\n"
    race.go("proc", (race.bundle.rootfs / "proc", race.bundle.rootfs / "proc-link"), check=check)


def test_the_working_directory(runtime, spawn, host):
    """CVE-2024-21626 with a race: a directory that becomes a link to whatever descriptor of the runtime's is a directory."""
    race = Race(runtime, spawn, host, "sh", "-c", "cat ../canary ../../canary ../outside/canary; ls ../../../../srv 2>/dev/null; pwd",
                change=lambda config: config["process"].update(cwd="/volume/here"))
    put(race.volume / "here", "directory")
    for number in range(3, 10):
        put(race.volume / f"link{number}", "link", f"/proc/self/fd/{number}")
    pairs = [(race.volume / "here", race.volume / "link3")] + [(race.volume / f"link{n}", race.volume / f"link{n + 1}") for n in range(3, 9)]

    def check(code, said):
        assert "the host's" not in said and (code != 0 or said.splitlines()[-1].startswith("/")), said
    race.go("cwd", *pairs, check=check)


def test_copying_up(runtime, spawn, host):
    """A file that becomes a link to the host's, a FIFO or a device while the tree is copied."""
    def change(config):
        config["mounts"].append({"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "size=8m"]})
    race = Race(runtime, spawn, host, "sh", "-c", "cat /data/a /data/d/a 2>/dev/null; true", change=change)
    data = race.bundle.rootfs / "data"
    for place in (data, data / "d"):
        put(place / "a", "file", "of the image\n")
    put(data / "b", "link", str(host.canary))
    put(data / "c", "fifo")
    put(data / "e", "character")
    put(race.bundle.rootfs / "away", "link", str(host.outside))
    put(host.outside / "a", "file", "the host's\n")
    host.before = host.take()

    def check(code, said):
        assert "the host's" not in said, said
    race.go("copyup", (data / "a", data / "b"), (data / "b", data / "c"), (data / "c", data / "e"), (data / "d", race.bundle.rootfs / "away"), check=check)


def test_the_terminal(runtime, spawn, host):
    """CVE-2025-52565: the multiplexer and the console of an image that change while they are used."""
    def change(config):
        config["process"]["terminal"] = True
        config["mounts"] = [mount for mount in config["mounts"] if mount["destination"] != "/dev"]
    race = Race(runtime, spawn, host, "true", change=change)
    dev = race.bundle.rootfs / "dev"
    put(dev / "console", "file")
    put(dev / "console-link", "link", "/proc/sys/kernel/core_pattern")
    put(dev / "pts", "directory")
    put(dev / "pts-link", "link", str(host.outside))
    put(dev / "other", "link", str(host.canary))
    pairs = [(dev / "console", dev / "console-link"), (dev / "console-link", dev / "other"), (dev / "pts", dev / "pts-link")]
    console = ConsoleSocket(str(runtime.directory))
    console.listener.listen(64)
    console.listener.setblocking(False)
    with Swapper(*pairs):
        for number in rounds("terminal"):
            create = runtime.command("create", "--bundle", race.bundle.path, "--console-socket", console.path, race.name)
            code, said = spawn.run(create)
            assert 0 <= code < 128, (code, said)
            try:
                while True:
                    console.listener.accept()[0].close()
            except BlockingIOError:
                pass
            if code == 0:
                assert spawn.run(runtime.command("delete", "--force", race.name))[0] == 0
            if number % 50 == 0:
                host.check(("terminal", number))
    host.check("terminal")


def test_the_password_file(runtime, spawn, host):
    race = Race(runtime, spawn, host, "sh", "-c", "echo $HOME")
    etc = race.bundle.rootfs / "etc"
    for name, kind, target in (("a", "fifo", None), ("b", "link", "/proc/self/environ"), ("c", "character", None), ("d", "link", "/proc/1/root/etc/passwd")):
        put(etc / name, kind, target)

    def check(code, said):
        assert code != 0 or said in ("/root\n", "/\n"), said
    race.go("passwd", (etc / "passwd", etc / "a"), (etc / "a", etc / "b"), (etc / "b", etc / "c"), (etc / "c", etc / "d"), check=check)


# -- processes that come and go -----------------------------------------------------------------------------

def nothing_left(runtime, bundle, name):
    """No name, no cgroup; a process would have kept the cgroup."""
    cgroup = bundle.config["linux"]["cgroupsPath"]
    assert not (runtime.root / name).exists()
    assert not any(os.path.exists(top + cgroup) for top in cgroup_hierarchies())


def test_signals_while_a_container_is_made(runtime, spawn):
    """kill, delete --force, start and exec of a container that another command is just making."""
    bundle = runtime.bundle("sleep", "1000", change=light)
    name = runtime.name()
    chance = random.Random(7)
    verbs = [["kill", name, "KILL"], ["kill", "--all", name, "KILL"], ["delete", "--force", name], ["start", name], ["exec", name, "true"], ["state", name],
             ["pause", name], ["delete", name]]
    for _ in rounds("making"):
        making = spawn.start(runtime.command("create", "--bundle", bundle.path, name))
        until = time.monotonic() + chance.random() * 0.012
        while time.monotonic() < until:
            pass
        others = [spawn.start(runtime.command(*chance.choice(verbs))) for _ in range(2)]
        # What exec added stops with the rest when it is paused, as does init before it starts; both go on with a resume.
        for process in [making, *(other for other in others if not {"exec", "start"} & set(other.args))]:
            assert process.wait(timeout=30) >= 0, (process.args, spawn.said())
        spawn.run(runtime.command("resume", name))
        for process in others:
            assert process.wait(timeout=30) >= 0, (process.args, spawn.said())
        assert spawn.run(runtime.command("delete", "--force", name))[0] == 0, spawn.said()
        nothing_left(runtime, bundle, name)


def test_an_exec_while_init_is_dying(runtime, spawn, host):
    """It runs inside or fails; it never waits for ever and never runs anywhere else."""
    bundle = runtime.bundle("sh", "-c", "read line < /volume/fifo", change=light)
    (bundle.rootfs / "volume").mkdir()
    fifo = put(bundle.rootfs / "volume/fifo", "fifo")
    name = runtime.name()
    chance = random.Random(8)
    for _ in rounds("dying"):
        code, said = spawn.run(runtime.command("run", "--detach", "--bundle", bundle.path, name))
        assert code == 0, said
        entering = spawn.start(runtime.command("exec", name, "ls", "/volume", str(host.outside)))
        until = time.monotonic() + chance.random() * 0.010
        while time.monotonic() < until:
            pass
        try:
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))  # init reads the end of the file, and ends
        except OSError:
            spawn.start(runtime.command("kill", name, "KILL")).wait(timeout=30)
        assert entering.wait(timeout=30) >= 0
        assert "canary" not in spawn.said()
        assert spawn.run(runtime.command("delete", "--force", name))[0] == 0, spawn.said()
        nothing_left(runtime, bundle, name)


HUNTER = r"""
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
SEIZE, INTERRUPT, DETACH, GETFD = 0x4206, 0x4207, 17, 438
me = os.getpid()
def name(pid):
    return open(f"/proc/{pid}/comm").read().strip()
print("ready", flush=True)
while not os.path.exists("/stop"):
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) in (1, me): continue
        pid = int(entry)
        try:
            if name(pid) != "cais-runtime": continue
        except OSError: continue
        for what in ("exe", "mem", "environ", "root/", "cwd/", "fd/3", "fd/4", "fd/5", "fd/6", "fd/7", "fd/8"):
            for flags in (os.O_RDONLY, os.O_WRONLY):
                try: opened = os.open(f"/proc/{pid}/{what}", flags | os.O_NONBLOCK)
                except OSError: continue
                try:  # only what was still the runtime counts: the container's own program may be looked into
                    if name(pid) == "cais-runtime": print("opened", what, flags, flush=True)
                except OSError: pass
                os.close(opened)
        for what in ("exe", "cwd", "root", "fd/0", "fd/3", "fd/4", "fd/5", "fd/6", "ns/mnt"):
            try: os.readlink(f"/proc/{pid}/{what}")
            except OSError: continue
            try:
                if name(pid) == "cais-runtime": print("read", what, flush=True)
            except OSError: pass
        if libc.ptrace(SEIZE, pid, 0, 0) == 0:
            try:
                if name(pid) == "cais-runtime": print("traced", flush=True)
            except OSError: pass
            libc.ptrace(INTERRUPT, pid, 0, 0)  # only a stopped one can be let go; held, it would be waited for
            try: os.waitpid(pid, 0x40000000)
            except OSError: pass
            libc.ptrace(DETACH, pid, 0, 0)
        try: handle = os.pidfd_open(pid)
        except OSError: continue
        for number in range(0, 12):
            taken = libc.syscall(GETFD, handle, number, 0)
            if taken >= 0:
                try:
                    if name(pid) == "cais-runtime": print("took", number, flush=True)
                except OSError: pass
                os.close(taken)
        os.close(handle)
print("over", flush=True)
"""


def test_a_process_that_joins_is_hunted(runtime, spawn):
    """Root inside looks at what joins before it is the container's program: it opens, traces and takes nothing of it."""
    digest = subprocess.run(["sha256sum", os.path.realpath(RUNTIME)], stdout=subprocess.PIPE, check=True).stdout
    container = runtime.started("sleep", "1000", change=lambda config: with_python(light(config)))
    (container.bundle.rootfs / "bin/itself").write_text("#!/proc/self/exe\n")
    (container.bundle.rootfs / "bin/itself").chmod(0o755)
    found = open(runtime.directory / "found", "w+b")
    hunt = subprocess.Popen(runtime.command("exec", container.name, *python(HUNTER)), stdin=subprocess.DEVNULL, stdout=found, stderr=found)
    wait_until("the hunter is ready", lambda: b"ready" in (runtime.directory / "found").read_bytes())
    words = [["true"], ["/bin/itself"], ["/proc/self/exe", "--version"]]
    for number in rounds("hunted"):
        code, said = spawn.run(runtime.command("exec", container.name, *words[number % 10 if number % 10 < 3 else 0]))
        assert 0 <= code <= 255, said
    (container.bundle.rootfs / "stop").touch()
    assert hunt.wait(timeout=60) == 0
    assert (runtime.directory / "found").read_bytes().split() == [b"ready", b"over"], (runtime.directory / "found").read_text()
    assert subprocess.run(["sha256sum", os.path.realpath(RUNTIME)], stdout=subprocess.PIPE, check=True).stdout == digest
    found.close()


def test_a_pid_that_is_used_again(runtime, spawn):
    """Init's pid is given to a process of the host, again and again, while every verb acts on the container: nothing reaches it."""
    helper = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", REUSE, RUNTIME, str(runtime.root), str(runtime.directory), CGROUP_PARENT],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=24 * 3600, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    said = helper.stdout.decode()
    print(said)
    if "the next run goes on" in said:
        pytest.skip(said.strip().splitlines()[-1])
    assert helper.returncode == 0 and "nobody was reached" in said, said


REUSE = r"""
import mmap, os, pathlib, signal, subprocess, sys
runtime, root, directory, parent = sys.argv[1:]
from cais_testing import Bundle, configuration
from races import Spawn, rounds

signal.signal(signal.SIGCHLD, signal.SIG_DFL)
spawn = Spawn(directory)
def command(*words): return [runtime, "--root", root, *words]
config = configuration("sleep", "1000", cgroup=f"{parent}/reuse")
config["linux"]["namespaces"] = [{"type": "mount"}, {"type": "pid"}, {"type": "ipc"}, {"type": "uts"}]
os.mkdir(f"{directory}/reused")
bundle = Bundle(f"{directory}/reused", config)
code, said = spawn.run(command("create", "--bundle", bundle.path, "--pid-file", f"{directory}/pid", "reused"))
assert code == 0, said
init = int(open(f"{directory}/pid").read())
os.kill(init, signal.SIGKILL)
os.waitpid(init, 0)

hits = mmap.mmap(-1, 4096)  # shared with the processes that get the pid
def hit(number, frame): hits[0:1] = b"x"
for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGCONT): signal.signal(number, hit)
stop = mmap.mmap(-1, 4096)
def recycle():
    # Gives the pid away as often as it can; who gets it lives for a moment and notes what reaches it.
    got = 0
    while stop[0:1] == b"\0":
        try:
            with open("/proc/sys/kernel/ns_last_pid", "w") as last: last.write(str(init - 1))
        except OSError: pass
        child = os.fork()
        if child == 0:
            if os.getpid() == init: signal.sigtimedwait([signal.SIGUSR2], 0.004)
            os._exit(0)
        got += child == init
        status = os.waitpid(child, 0)[1]
        if child == init and os.WIFSIGNALED(status): hits[0:1] = b"k"
    print("given away", got, "times", flush=True)
    os._exit(0 if got else 1)
recycler = os.fork()
if recycler == 0: recycle()
marker = f"{directory}/entered"
verbs = [["kill", "reused", "USR1"], ["kill", "reused", "KILL"], ["exec", "reused", "touch", marker], ["kill", "--all", "reused", "TERM"], ["start", "reused"],
         ["pause", "reused"], ["ps", "reused"]]
try:
    for number in rounds("reused"):
        words = verbs[number % len(verbs)]
        code, said = spawn.run(command(*words))
        assert code != 0 or words[0] == "ps" or "--all" in words, (words, code, said)
        assert hits[0:1] == b"\0", ("reached", words, hits[0:1])
        assert not os.path.exists(marker), "entered"
finally:
    stop[0:1] = b"x"
    given = os.waitpid(recycler, 0)[1]
    print(spawn.run(command("delete", "--force", "reused"))[1])
assert hits[0:1] == b"\0" and given == 0, given
print("nobody was reached", flush=True)
"""
