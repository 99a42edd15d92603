"""An engine for a test: caisd on a private root with its own sockets and bridge, the clients that
drive it, and a census of what the machine holds, so that a test can say that nothing was left."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CAIS_BIN", REPOSITORY / "bin"))
# With ENGINE=/usr/sbin/dockerd the tests of the docker client run on that daemon: a test that fails
# there asks for something that Docker does not do.
PEER = os.environ.get("ENGINE")


def wait_until(what, condition, seconds=15.0):
    """Polls until `condition()` is true and returns its value; fails naming `what` at the deadline."""
    deadline = time.monotonic() + seconds
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


class Result:
    """What a command printed and how it ended."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode(errors="replace")
        self.err = done.stderr.decode(errors="replace")

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out}\nstderr: {self.err}"


class Engine:
    """One caisd. Crash-only as it is, it can be killed, started again and asked what it left."""

    counter = 0

    def __init__(self, *flags, environment=None, wrapper=()):
        Engine.counter += 1
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="cais-engine-", dir="/tmp"))
        self.bridge = f"caist{os.getpid() % 100000}{Engine.counter % 100}"
        self.subnet = f"10.{200 + Engine.counter % 50}.{os.getpid() % 250}"
        self.socket = self.root / "cais.sock"
        self.host = f"unix://{self.socket}"
        self.flags = list(flags)
        self.wrapper = list(wrapper)
        self.environment = dict(environment or {})
        self.log = self.root / "caisd.log"
        self.process = None

    # -- the daemon -------------------------------------------------------------------------
    def start(self, environment=None, wait=True):
        """Starts the daemon and waits until it answers a ping."""
        assert self.process is None
        roots = ["--data-root", self.root / "data", "--exec-root", self.root / "run", "--pidfile", self.root / "caisd.pid",
                 "-H", self.host, "--bip", f"{self.subnet}.1/24"]
        command = [*self.wrapper, BIN / "caisd", "--bridge", self.bridge, *roots, *self.flags] if not PEER else [PEER, *roots]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **self.environment, **(environment or {})})
        if wait:
            wait_until("the engine answers", lambda: self.answers() or self._ended(), 20)
        return self

    def _ended(self):
        if self.process.poll() is not None:
            raise AssertionError(f"caisd ended with {self.process.returncode}:\n{self.log_text()}")
        return False

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def answers(self):
        """Whether a ping is answered now."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5)
                client.connect(str(self.socket))
                client.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return b" 200 " in client.recv(4096)
        except OSError:
            return False

    def kill(self):
        """kill -9: no goodbye."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self):
        """SIGTERM, and its exit code."""
        self.process.terminate()
        code = self.process.wait(timeout=30)
        self.process = None
        return code

    def wait_for_death(self, seconds=20):
        """Waits until the daemon has ended by itself (an injected crash)."""
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired as late:
            raise AssertionError("the daemon did not die at the crash point") from late
        self.process = None

    def close(self):
        """Removes every container, ends the daemon and everything of its root."""
        if self.process is None:
            with contextlib.suppress(AssertionError):
                self.start()
        if self.process is not None:
            ids = self.docker("ps", "-aq").out.split()
            if ids:
                self.docker("rm", "-f", *ids)
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        self.sweep()

    def sweep(self):
        """What a failed test may have left: its mounts, links, rules and files."""
        for pid in self.shims():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for path in reversed(self.mounts()):
            subprocess.run(["umount", "-l", path], check=False)
        subprocess.run(["ip", "link", "delete", self.bridge], check=False, stderr=subprocess.DEVNULL)
        for family in ("ip", "bridge"):
            subprocess.run(["nft", "delete", "table", family, f"cais-{self.bridge}"], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.root, ignore_errors=True)

    # -- clients ----------------------------------------------------------------------------
    def environ(self):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_") and k != "CAIS_HOST"}
        return {**clean, "DOCKER_HOST": self.host, "DOCKER_CONFIG": str(self.root / "docker-config")}

    def command(self, program, *arguments, input=None, timeout=60):
        return Result(subprocess.run([str(program), *map(str, arguments)], env=self.environ(), timeout=timeout,
                                     input=input, capture_output=True,
                                     stdin=subprocess.DEVNULL if input is None else None))

    def cais(self, *arguments, **options):
        """Runs `cais`."""
        return self.command(BIN / "cais", *arguments, **options)

    def docker(self, *arguments, **options):
        """Runs the real docker client."""
        return self.command("docker", *arguments, **options)

    def command_of(self, client, *arguments, **options):
        """Runs the client of that name."""
        return {"cais": self.cais, "docker": self.docker}[client](*arguments, **options)

    def ok(self, *arguments, client="docker", **options):
        """Runs a client that must succeed and returns what it printed, stripped."""
        result = self.command_of(client, *arguments, **options)
        assert result.code == 0, f"{client} {' '.join(map(str, arguments))}: {result}\n{self.log_text()[-3000:]}"
        return result.out.strip()

    def sdk(self):
        """The Docker SDK for Python on this engine."""
        import docker
        return docker.DockerClient(base_url=self.host, timeout=60)

    def inspect(self, container):
        return json.loads(self.ok("inspect", container))[0]

    def popen(self, program, *arguments, **options):
        """A client that goes on in the background; the caller ends it."""
        path = BIN / "cais" if program == "cais" else program
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen([str(path), *map(str, arguments)], env=self.environ(), **options)

    # -- what there is ------------------------------------------------------------------------
    def mounts(self):
        """Mount points beneath this engine's root."""
        with open("/proc/self/mountinfo") as table:
            return [line.split()[4] for line in table if line.split()[4].startswith(str(self.root))]

    def shims(self):
        """Process ids of shims that name this engine's root."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    with open(f"/proc/{entry}/cmdline", "rb") as file:
                        arguments = file.read().decode(errors="replace").split("\0")
                    if arguments[0].endswith("cais-shim") and any(str(self.root) in a for a in arguments):
                        found.append(int(entry))
        return found

    def census(self):
        """Everything that containers of this engine make outside of their records, counted by kind."""
        links = json.loads(subprocess.run(["ip", "-j", "link"], capture_output=True, check=True).stdout)
        rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, check=True).stdout.decode()
        return {
            "mounts": len(self.mounts()),
            "cgroups": len(cgroups()),
            "links": sorted(link["ifname"] for link in links),
            "rules": sorted(line.split("# handle")[0].strip() for line in rules.splitlines()),
            "shims": len(self.shims()),
            "bundles": sorted(names(self.root / "run" / "containers")),
            "container directories": sorted(names(self.root / "data" / "containers")),
            "runtime states": sorted(names(self.root / "run" / "runtime")),
            "namespaces": sorted(names(self.root / "run" / "netns")),
            "daemon descriptors": self.descriptors(),
        }

    def descriptors(self):
        """How many descriptors the daemon has open, rounded so that a pool's own few do not count."""
        if self.process is None:
            return 0
        return len(os.listdir(f"/proc/{self.process.pid}/fd")) // 16


def names(folder):
    try:
        return [n for n in os.listdir(folder) if not n.startswith(".")]
    except FileNotFoundError:
        return []


def cgroups():
    """Directories beneath every hierarchy's `cais` group."""
    found = []
    base = pathlib.Path("/sys/fs/cgroup")
    roots = [base / "cais", *(child / "cais" for child in base.iterdir() if child.is_dir())]
    for root in roots:
        if root.is_dir():
            found += [p for p, _, _ in os.walk(root) if p != str(root)]
    return found


def differences(before, after):
    """What two censuses do not agree on."""
    return {k: (before[k], after[k]) for k in before if before[k] != after[k]}
