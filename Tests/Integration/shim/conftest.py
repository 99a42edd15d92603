"""A supervisor for a test: a bundle of busybox, a shim beside it with one of three runtimes, and a
client of its socket. Everything is put away last-in first-out, whatever the test did."""

import array
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

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("CAIS_BIN", REPOSITORY / "bin"))
APPLETS = "sh true false sleep cat echo seq yes id ls head stty tty ps kill dd tr wc trap touch rm".split()
NAMESPACES = ["pid", "mount", "uts", "ipc", "network"]


def wait_until(what, condition, seconds=20.0):
    """Polls until `condition()` is true and returns its value; fails naming `what` at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def exec_process(*args, **more):
    return {"args": list(args), "env": ["PATH=/bin"], "cwd": "/", "user": {"uid": 0, "gid": 0}, **more}


class Client:
    """A connection to a shim's control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        # A socket address holds 107 bytes; a descriptor of the directory is always short enough.
        directory = os.open(os.path.dirname(path), os.O_PATH)
        try:
            self.socket.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
        finally:
            os.close(directory)
        self.buffer = b""
        self.number = 0
        self.events = []

    def close(self):
        self.socket.close()

    def message(self):
        """The next message, None at the end."""
        while b"\n" not in self.buffer:
            try:
                received = self.socket.recv(65536)
            except ConnectionResetError:
                received = b""
            if not received:
                return None
            self.buffer += received
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def send(self, order, members=None, descriptor=None):
        """Sends an order and returns its number."""
        self.number += 1
        line = json.dumps({"id": self.number, order: members or {}}).encode() + b"\n"
        beside = []
        if descriptor is not None:
            beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        sent = self.socket.sendmsg([line], beside)
        self.socket.sendall(line[sent:])
        return self.number

    def ask(self, order, members=None, descriptor=None):
        """Sends an order and returns its answer, `ok`'s content or the whole with `error`."""
        number = self.send(order, members, descriptor)
        while True:
            message = self.message()
            assert message is not None, f"the shim ended before it answered {order}"
            if "event" in message:
                self.events.append(message["event"])
            elif message["id"] == number:
                return message if "error" in message else message["ok"]

    def event(self, name):
        """Waits for an event and returns what it says."""
        while True:
            for index, event in enumerate(self.events):
                if name in event:
                    del self.events[: index + 1]
                    return event[name]
            message = self.message()
            assert message is not None, f"the shim ended without {name}"
            if "event" in message:
                self.events.append(message["event"])

    def at_end(self):
        """Waits for the shim to close the connection."""
        while (message := self.message()) is not None:
            if "event" in message:
                self.events.append(message["event"])

    def stream(self, order="attach", **members):
        """Attaches, or runs an exec, over a socket of its own; returns it with the answer."""
        ours, theirs = socket.socketpair()
        ours.settimeout(20)
        answer = self.ask(order, {"stdin": False, "stdout": True, "stderr": True, **members}, theirs.fileno())
        theirs.close()
        return ours, answer


def read_all(stream):
    """Everything until the end of a stream."""
    data = b""
    while received := stream.recv(65536):
        data += received
    return data


def demultiplex(data):
    """Docker's framing taken apart: standard output and standard error."""
    parts = {1: b"", 2: b""}
    while data:
        length = int.from_bytes(data[4:8], "big")
        assert data[0] in parts and data[1:4] == b"\0\0\0" and len(data) >= 8 + length
        parts[data[0]] += data[8 : 8 + length]
        data = data[8 + length :]
    return parts[1].decode(), parts[2].decode()


class Shim:
    """A supervisor and its container."""

    def __init__(self, root, runtime, name):
        self.name, self.runtime = name, runtime
        self.bundle = root / name
        self.state = root / f"{name}-state"
        self.runtime_root = root / "runtime"
        self.log = root / f"{name}.log"
        self.socket = str(self.state / "shim.sock")
        self.process = None
        self.cgroup = f"cais-test-shim-{os.getpid()}/{name}"

    def write_bundle(self, args, terminal=False, namespaces=NAMESPACES, resources=None):
        rootfs = self.bundle / "rootfs"
        for folder in ("bin", "proc", "dev", "sys", "tmp", "etc"):
            (rootfs / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(shutil.which("busybox"), rootfs / "bin/busybox")
        for applet in APPLETS:
            with contextlib.suppress(FileExistsError):
                (rootfs / "bin" / applet).symlink_to("busybox")
        (rootfs / "etc/data").write_text("no program\n")
        capabilities = ["CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_CHOWN"]
        config = {
            "ociVersion": "1.0.2",
            "process": {
                "terminal": terminal,
                "user": {"uid": 0, "gid": 0},
                "args": args,
                "env": ["PATH=/bin", "HOME=/"],
                "cwd": "/",
                "capabilities": {kind: capabilities for kind in ("bounding", "effective", "permitted")},
            },
            "root": {"path": "rootfs"},
            "hostname": "shimmed",
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]},
            ],
            "linux": {
                "namespaces": [{"type": kind} for kind in namespaces],
                "cgroupsPath": f"/{self.cgroup}",
                "resources": resources or {},
            },
        }
        (self.bundle / "config.json").write_text(json.dumps(config))

    def words(self, *flags):
        """The command line of a supervisor."""
        prefix = []
        if self.runtime.endswith("crun"):
            # crun refuses a machine with both kinds of cgroups: it sees one without the second.
            hide = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'
            prefix = ["unshare", "-m", "--propagation", "private", "sh", "-c", hide, "sh"]
        return prefix + [
            str(BIN / "cais-shim"), "run", "--id", self.name, "--bundle", str(self.bundle), "--state-dir", str(self.state),
            "--runtime", self.runtime, "--runtime-root", str(self.runtime_root), "--log", str(self.log), *flags,
        ]  # fmt: skip

    def launch(self, args, *flags, **bundle):
        """Starts the supervisor as the engine does and returns what it says of readiness."""
        self.write_bundle(args, **bundle)
        reading, writing = os.pipe()
        high = os.dup2(writing, 60)
        self.process = subprocess.Popen(
            self.words(*flags, "--ready-fd", "60"), pass_fds=[60], stdin=subprocess.DEVNULL, start_new_session=True
        )
        os.close(high)
        os.close(writing)
        with os.fdopen(reading) as ready:
            line = ready.readline()
        assert line, "the shim ended without a word"
        return json.loads(line)

    def front(self, args, *flags, given=b"", **bundle):
        """Runs it in the foreground, as a person does."""
        self.write_bundle(args, **bundle)
        return subprocess.run(self.words(*flags), input=given, capture_output=True, timeout=60)

    def verb(self, *words, given=b""):
        """One of the verbs by hand, with the socket behind the first word's flags."""
        return subprocess.run([str(BIN / "cais-shim"), *map(str, words)], input=given, capture_output=True, timeout=60)

    def client(self):
        return Client(self.socket)

    def record(self, name):
        return json.loads((self.state / name).read_text())

    def wait(self):
        """Waits for the supervisor's end and returns its exit record."""
        code = self.process.wait(20)
        assert not os.path.exists(self.socket), f"the socket is left (exit code {code})"
        return self.record("exit.json")

    def records(self):
        """The log, the files put aside first."""
        files = sorted(self.log.parent.glob(self.log.name + ".*"), key=lambda path: -int(path.suffix[1:])) + [self.log]
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def output(self, stream="stdout"):
        return "".join(record["log"] for record in self.records() if record["stream"] == stream)

    def known_to_runtime(self):
        """Whether the runtime still knows the container."""
        return (self.runtime_root / self.name).exists()

    def put_away(self):
        pid = None
        with contextlib.suppress(Exception):
            pid = self.record("status.json").get("pid")
        with contextlib.suppress(Exception):
            client = self.client()
            client.socket.settimeout(10)
            client.ask("stop", {"timeoutSeconds": 0})
        if self.process and self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        if self.known_to_runtime():
            subprocess.run([self.runtime, "--root", str(self.runtime_root), "delete", "--force", self.name], capture_output=True)
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for hierarchy in pathlib.Path("/sys/fs/cgroup").glob("*/"):
            for leftover in (hierarchy / self.cgroup, hierarchy / os.path.dirname(self.cgroup)):
                with contextlib.suppress(OSError):
                    leftover.rmdir()


def runtimes():
    """The runtimes that are here: ours, and the peers in its place."""
    found = [str(BIN / "cais-runtime")] + [path for path in map(shutil.which, ("runc", "crun")) if path]
    chosen = os.environ.get("SHIM_RUNTIMES")
    return [path for path in found if not chosen or os.path.basename(path) in chosen.split(",")]


@pytest.fixture(params=runtimes(), ids=os.path.basename)
def runtime(request):
    return request.param


@pytest.fixture
def shims(runtime):
    """Makes supervisors; with them goes everything they left."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="cais-shim-"))
    made = []

    def make(name="c1"):
        made.append(Shim(root, runtime, name))
        return made[-1]

    yield make
    for shim in reversed(made):
        shim.put_away()
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def shim(shims):
    return shims()
