"""Hostile processes inside, while the runtime enters, signals, freezes and ends them (docs/threat-model.md)."""

import os
import signal
import subprocess

import pytest

from attacking import ended, put, python, with_python
from cais_testing import IS_PEER, RUNTIME, ConsoleSocket, cgroup_hierarchies, changed, processes, wait_until

ours = pytest.mark.skipif(IS_PEER, reason="about this runtime's own promises")


def admin(config):
    """All that a container may be given without being the host: capabilities, and its cgroup writable."""
    everything = ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE", "CAP_SETUID", "CAP_SETGID", "CAP_MKNOD", "CAP_KILL", "CAP_NET_ADMIN"]
    config["process"]["capabilities"] = {kind: everything for kind in ("bounding", "effective", "permitted")}
    config["linux"]["readonlyPaths"] = config["linux"]["maskedPaths"] = []
    return config


def writable_cgroup(config):
    """The container sees its cgroup and may change it, as one does that runs an init system."""
    config["linux"]["namespaces"].append({"type": "cgroup"})
    for mount in config["mounts"]:
        if mount["type"] == "cgroup":
            mount["options"] = ["nosuid", "noexec", "nodev"]
    return config


def limited(config):
    changed(config, "linux.resources.pids", {"limit": 200})
    return config


# -- the runtime's own file -------------------------------------------------------------------------------

@ours
def test_the_executable_cannot_be_mounted_writable_either(runtime):
    """CAP_SYS_ADMIN inside: binds of it, copies of its mount, other properties for them."""
    program = r"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def mount(source, flags): return libc.mount(source.encode(), b"/tmp/x", b"none", flags, None)
open("/tmp/x", "w").close()
for entry in [name for name in os.listdir("/proc") if name.isdigit()]:
    exe = f"/proc/{entry}/exe"
    try:
        if "cais-runtime" not in os.readlink(exe): continue
    except OSError: continue
    print("seen")
    if mount(exe, 0x1000) == 0:
        mount(exe, 0x1020)
        try: os.open("/tmp/x", os.O_WRONLY | os.O_APPEND); print("WRITABLE")
        except OSError as error: print("bound", error.errno)
    tree = libc.syscall(428, -100, exe.encode(), 1)
    if tree >= 0:
        class attr(ctypes.Structure): _fields_ = [("set", ctypes.c_uint64), ("clear", ctypes.c_uint64), ("prop", ctypes.c_uint64), ("ns", ctypes.c_uint64)]
        libc.syscall(442, tree, b"", 0x1000, ctypes.byref(attr(0, 1, 0, 0)), 32)
        try: os.open(f"/proc/self/fd/{tree}", os.O_WRONLY | os.O_APPEND); print("WRITABLE")
        except OSError as error: print("copied", error.errno)
    for flags in (os.O_WRONLY, os.O_RDWR | os.O_TRUNC, os.O_WRONLY | os.O_APPEND):
        try: os.open(exe, flags); print("WRITABLE")
        except OSError: pass
print("over")
"""
    digest = subprocess.run(["sha256sum", os.path.realpath(RUNTIME)], stdout=subprocess.PIPE, check=True).stdout
    # What waits in the background is the runtime itself as the container's program: it may be looked at, and lives on.
    container = runtime.started("sleep", "1000", change=lambda config: with_python(admin(config)))
    bundle = runtime.bundle("/proc/self/exe", "run", "--bundle", "/", "x", change=lambda config: with_python(admin(config)))
    runtime("run", "--bundle", bundle.path, runtime.name())
    holder = subprocess.Popen(runtime.command("exec", container.name, "/proc/self/exe", "spec", "--bundle", "/proc/self/fd/0"), stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    result = container.exec(*python(program))
    holder.communicate(timeout=20)
    assert "WRITABLE" not in result.out and "over" in result.out, result
    assert subprocess.run(["sha256sum", os.path.realpath(RUNTIME)], stdout=subprocess.PIPE, check=True).stdout == digest


@ours
def test_nothing_of_the_callers_environment_is_inside(runtime):
    """Neither in the program nor in what it may read of init and of those that joined."""
    secret = {"CAIS_SECRET": "not-for-the-container"}
    words = ["sh", "-c", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'; env"]
    bundle = runtime.bundle(*words)
    assert "not-for" not in runtime("run", "--bundle", bundle.path, runtime.name(), env=secret).out
    container = runtime.started("sleep", "1000")
    result = container.exec(*words, env=secret)
    assert "sleep" in result.out and "not-for" not in result.out and str(runtime.root) not in result.out, result


# -- entering ------------------------------------------------------------------------------------------------

@ours
def test_what_joins_is_killed_from_inside(runtime):
    """Root inside may kill what it sees; the caller is told, at once."""
    container = runtime.started("sleep", "1000")
    killer = subprocess.Popen(runtime.command("exec", container.name, "sh", "-c",
                                              "while [ ! -e /stop ]; do for p in /proc/[0-9]*; do p=${p#/proc/}; [ $p = 1 ] || [ $p = $$ ] || kill -9 $p; done; done 2>/dev/null"))
    codes = {ended(container.exec("sleep", "0.05", timeout=20)).code for _ in range(20)}
    (container.bundle.rootfs / "stop").touch()
    assert killer.wait(timeout=20) in (0, 137) and codes <= {0, 137, 255}, codes
    assert container.status() == "running"


@ours
@pytest.mark.parametrize("kind,target", [("fifo", None), ("file", None), ("link", "/proc/1/fd/0"), ("link", "/proc/self/fd/3"), ("directory", None),
                                         ("socket", None), ("link", "/etc/passwd"), ("character", None)])
def test_a_terminal_for_an_exec_comes_from_no_hostile_file(runtime, kind, target):
    """Root inside has put something else where the multiplexer is."""
    def change(config):
        config["mounts"] = [mount for mount in config["mounts"] if not mount["destination"].startswith("/dev")]
    container = runtime.started("sleep", "1000", change=change)
    put(container.bundle.rootfs / "dev/pts/ptmx", kind, target)
    console = ConsoleSocket(str(runtime.directory))
    result = ended(container.exec("true", flags=["--tty", "--console-socket", console.path], timeout=20))
    console.listener.close()
    assert result.code != 0 and "ptmx" in result.err, result


@ours
def test_an_exec_enters_the_container_whatever_init_has_made_of_itself(runtime):
    """Init has gone to other namespaces and another root: exec is then where init is, and not on the host."""
    program = r"""
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x00020000 | 0x04000000) == 0  # mounts, names
os.chroot("/home")
open("/ready", "w").close()
time.sleep(1000)
"""
    container = runtime.started(*python(program), change=lambda config: with_python(admin(config)))
    wait_until("it has changed its root", lambda: (container.bundle.rootfs / "home/ready").exists())
    result = ended(container.exec("ls", "/"))
    assert "boot" not in result.out.split() and "srv" not in result.out.split(), result


@ours
def test_names_of_processes_that_look_like_the_kernels_words(runtime):
    """The line of /proc/PID/stat that tells whether init lives has init's own name in it."""
    program = 'import ctypes, time; ctypes.CDLL(None).prctl(15, b") Z 0 0 0 (", 0, 0, 0, 0); open("/ready", "w").close(); time.sleep(1000)'
    container = runtime.started(*python(program), change=with_python)
    wait_until("it is renamed", lambda: (container.bundle.rootfs / "ready").exists())
    assert container.status() == "running"
    assert runtime("kill", container.name, "KILL").code == 0
    container.wait()


@ours
def test_words_of_processes_forge_no_rows_and_move_no_cursor(runtime):
    container = runtime.started("sh", "-c", "sleep 1000; true", "x\n99999   forged\x1b[2J\x07")
    wait_until("it has its words", lambda: "forged" in runtime("ps", container.name).out)
    out = runtime("ps", container.name).out
    assert not any(line.startswith("99999") for line in out.splitlines()) and "\x1b" not in out and "\x07" not in out, repr(out)


@ours
def test_errors_with_hostile_words_are_one_line(runtime):
    import json
    log = runtime.directory / "log"
    result = runtime.once("no\nsuch\x1b[31m\"program", flags=["--log", log, "--log-format", "json"])
    assert result.code != 0 and len(result.err.splitlines()) == 1, result
    assert all(json.loads(line) for line in log.read_text().splitlines())


# -- ending -----------------------------------------------------------------------------------------------------

FORKER = r"""
import os, signal, sys
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
open("/ready", "w").close()
while True:
    try: os.fork()
    except OSError: pass
"""


@ours
@pytest.mark.parametrize("verb", ["delete --force", "kill --all"])
@pytest.mark.parametrize("hierarchy", ["all", "v1 alone"])
def test_what_forks_without_end_is_ended(runtime, verb, hierarchy):
    """With its own pid namespace init's death is everybody's; without one every process has to be found."""
    if hierarchy == "v1 alone":
        both = [line.split()[1] for line in open("/proc/self/mounts") if line.split()[2] == "cgroup2"]
        if not both or not any(line.split()[2] == "cgroup" for line in open("/proc/self/mounts")):
            pytest.skip("v1 and v2 are not mounted side by side here, so there is nothing to leave out")
        wrap = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", f"umount {both[0]} && exec \"$@\"", "sh"]
    else:
        wrap = []

    def change(config):
        limited(with_python(config))
        config["linux"]["namespaces"] = [entry for entry in config["linux"]["namespaces"] if entry["type"] != "pid"]
    bundle = runtime.bundle(*python(FORKER), change=change)
    name = runtime.name()
    null = subprocess.DEVNULL
    subprocess.run(wrap + runtime.command("run", "--detach", "--bundle", bundle.path, name), stdin=null, stdout=null, stderr=null, timeout=60, check=True)
    wait_until("it forks", lambda: (bundle.rootfs / "ready").exists())
    cgroup = bundle.config["linux"]["cgroupsPath"]
    words = ["delete", "--force", name] if verb.startswith("delete") else ["kill", "--all", name, "KILL"]
    done = subprocess.run(wrap + runtime.command(*words), stdin=null, stdout=null, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 0, done.stderr

    def left():
        found = []
        for top in cgroup_hierarchies():
            if os.path.exists(f"{top}{cgroup}/cgroup.procs"):
                found += open(f"{top}{cgroup}/cgroup.procs").read().split()
        return found
    wait_until("nobody is left", lambda: not left())
    if verb.startswith("kill"):
        assert subprocess.run(wrap + runtime.command("delete", name), stdin=null, stdout=null, stderr=null, timeout=60, check=False).returncode == 0


@ours
def test_a_container_that_freezes_itself_is_told_and_ended(runtime):
    """With its cgroup writable it stops itself: killed it goes, entered it cannot be, and nobody waits for it."""
    if not any(line.split()[2] == "cgroup" and "freezer" in line.split()[3].split(",") for line in open("/proc/self/mounts")):
        pytest.skip("no freezer of cgroup v1 is here; v2's does not stop kills")
    for last in (["kill", "KILL"], ["kill", "--all", "KILL"], ["delete", "--force"]):
        container = runtime.started("sh", "-c", "echo FROZEN > /sys/fs/cgroup/freezer/freezer.state; sleep 1000", change=writable_cgroup)
        container.wait("paused")
        assert "paused" in ended(container.exec("true", timeout=20)).err
        verb, *rest = last
        flags = [word for word in rest if word.startswith("--")]
        assert runtime(verb, *flags, container.name, *[word for word in rest if not word.startswith("--")], timeout=20).code == 0
        if verb == "kill":
            container.wait()
            assert runtime("delete", container.name).code == 0


@ours
def test_cgroups_made_inside_are_removed_however_deep_and_whatever_their_names(runtime):
    """Deeper than a path may be long, with names that are no text, and a process in one of them."""
    program = r"""
import os, time
for hierarchy in ("memory", "freezer"):
    here = os.open(f"/sys/fs/cgroup/{hierarchy}", os.O_RDONLY)
    for number in range(60):
        for name in (b"\xff\xfe%d" % number, b"n" * 200):
            os.mkdir(name, dir_fd=here)
        below = os.open(b"n" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    with open(os.open("cgroup.procs", os.O_WRONLY, dir_fd=here), "w") as procs: procs.write("0")
open("/ready", "w").close()
time.sleep(1000)
"""
    container = runtime.started(*python(program), change=lambda config: with_python(writable_cgroup(config)))
    wait_until("it has made them", lambda: (container.bundle.rootfs / "ready").exists() or container.status() == "stopped")
    assert container.status() == "running", container.output()
    assert str(container.pid) in runtime("ps", container.name).out
    result = runtime("delete", "--force", container.name)
    assert result.code == 0, result
    cgroup = container.bundle.config["linux"]["cgroupsPath"]
    assert not any(os.path.exists(top + cgroup) for top in cgroup_hierarchies())


@ours
def test_processes_that_moved_to_cgroups_of_their_own_are_ended(runtime):
    """kill --all and delete look beneath."""
    def change(config):
        writable_cgroup(config)
        config["linux"]["namespaces"] = [entry for entry in config["linux"]["namespaces"] if entry["type"] != "pid"]
    words = "for h in /sys/fs/cgroup/*/; do mkdir $h/in; done 2>/dev/null; sleep 1000 & for h in /sys/fs/cgroup/*/; do echo $! > $h/in/cgroup.procs; done; echo $! > /child; sleep 1000"
    container = runtime.started("sh", "-c", words, change=change)
    wait_until("its child has moved", lambda: (container.bundle.rootfs / "child").exists())
    child = int((container.bundle.rootfs / "child").read_text())
    assert child in processes()
    assert runtime("kill", "--all", container.name, "KILL").code == 0
    wait_until("the child is gone", lambda: child not in processes())


@ours
def test_a_signal_before_init_is_ready_is_refused_or_kills(runtime):
    """A name that is taken and has no init yet: killed it is not running, deleted by force it goes."""
    from attacking import State
    container = runtime.created("true")
    State(runtime, container.name).change(lambda record: record.pop("initProcess"))
    assert container.status() == "creating"
    assert "not running" in runtime("kill", container.name, "KILL").err
    assert runtime("start", container.name).code != 0 and container.exec("true").code != 0
    assert runtime("delete", container.name).code != 0
    assert runtime("delete", "--force", container.name).code == 0
    wait_until("init is gone", lambda: container.pid not in processes())


@ours
def test_init_that_is_killed_while_it_waits(runtime):
    container = runtime.created("true")
    os.kill(container.pid, signal.SIGKILL)
    container.wait()
    for words in (["start"], ["kill"], ["exec", "true"], ["pause"]):
        result = ended(runtime(words[0], container.name, *words[1:], timeout=20))
        assert result.code != 0 and result.err, (words, result)
    assert runtime("delete", container.name).code == 0


@ours
def test_every_mapping_of_the_executable_is_of_the_read_only_mount(runtime):
    """The executable can also be reached by what is mapped of it, by whoever may look there."""
    container = runtime.created("true")
    places = [f"/proc/{container.pid}/map_files/{name}" for name in os.listdir(f"/proc/{container.pid}/map_files")] + [f"/proc/{container.pid}/exe"]
    files = [place for place in places if os.path.samefile(place, RUNTIME)]
    assert len(files) > 1, "its path is that of the mount, which is attached nowhere; the file is the same"
    for place in files:
        assert os.statvfs(place).f_flag & os.ST_RDONLY, (place, os.readlink(place))
        with pytest.raises(OSError):
            os.close(os.open(place, os.O_WRONLY))
