"""What passes between the caller and the program beside the standard streams: pidfds, sockets that a
service manager listens on, descriptors that are preserved, and the news that the program is ready."""

import array
import os
import select
import signal
import socket
import subprocess
import threading

import pytest

from cais_testing import IS_PEER, busybox, wait_until

# Debian's runc is older than --pidfd-socket (1.2).
newer_than_peers = pytest.mark.skipif(IS_PEER, reason="runc has --pidfd-socket from 1.2 on, Debian's is 1.1")


class PidfdSocket:
    """The end of --pidfd-socket that gets the descriptor."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "pidfd.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.listener.settimeout(20)

    def receive(self):
        connection, _ = self.listener.accept()
        with connection:
            _, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
        self.listener.close()
        fds = array.array("i")
        for level, kind, data in ancillary:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            fds.frombytes(data)
        assert len(fds) == 1
        return fds[0]


def pid_behind(pidfd):
    """The process that a pidfd names, as the kernel tells it."""
    lines = open(f"/proc/self/fdinfo/{pidfd}").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))


# -- pidfd --------------------------------------------------------------------------------------

@newer_than_peers
def test_create_sends_the_pidfd_of_init(runtime):
    receiver = PidfdSocket(runtime.directory)
    container = runtime.created("sleep", "1000", flags=["--pidfd-socket", receiver.path])
    pidfd = receiver.receive()
    assert pid_behind(pidfd) == container.pid
    assert runtime("start", container.name).code == 0
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    container.wait()
    assert select.select([pidfd], [], [], 20)[0]
    os.close(pidfd)


@newer_than_peers
def test_run_sends_the_pidfd_of_init(runtime):
    receiver = PidfdSocket(runtime.directory)
    bundle = runtime.bundle("sleep", "1000")
    with subprocess.Popen(runtime.command("run", "--bundle", bundle.path, "--pidfd-socket", receiver.path, runtime.name())) as process:
        pidfd = receiver.receive()
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        assert process.wait(20) == 137
    os.close(pidfd)


@newer_than_peers
def test_exec_sends_the_pidfd_of_its_own_process(runtime):
    container = runtime.started("sleep", "1000")
    receiver = PidfdSocket(runtime.directory)
    with subprocess.Popen(runtime.command("exec", "--pidfd-socket", receiver.path, container.name, "sleep", "999")) as process:
        pidfd = receiver.receive()
        assert open(f"/proc/{pid_behind(pidfd)}/cmdline").read().startswith("sleep\x00999")
        signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        assert process.wait(20) == 143
    assert container.status() == "running"
    os.close(pidfd)


@newer_than_peers
def test_a_pidfd_socket_that_nobody_listens_on_is_named_and_nothing_is_left(runtime):
    bundle = runtime.bundle("true")
    result = runtime("create", "--bundle", bundle.path, "--pidfd-socket", runtime.directory / "nobody.sock", runtime.name())
    assert result.code == 1 and "pidfd socket" in result.err and "nobody.sock" in result.err, result
    assert runtime("list", "-q").out == ""


# -- preserved descriptors and listening sockets ------------------------------------------------

class Caller:
    """Calls the runtime as a service manager would: with descriptors from 3 on and LISTEN_* of its own pid."""

    def __init__(self, runtime, listening=0, preserved=0, names=None):
        self.runtime, self.listening, self.preserved, self.names = runtime, listening, preserved, names
        self.files = []
        for number in range(listening + preserved):
            read, write = os.pipe()
            os.write(write, f"pipe{number}\n".encode())
            os.close(write)
            self.files.append(read)

    def __call__(self, *arguments):
        words = []
        for number, file in enumerate(self.files):
            words.append(f"exec {number + 3}<&{file}")
        if self.listening:
            words.append(f"export LISTEN_PID=$$ LISTEN_FDS={self.listening}")
        if self.names:
            words.append(f"export LISTEN_FDNAMES={self.names}")
        # busybox's shell, since this one knows descriptors above 9.
        script = "; ".join(words + ['exec "$@"'])
        done = subprocess.run([busybox(), "sh", "-c", script, "sh", *self.runtime.command(*arguments)], pass_fds=self.files,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
        for file in self.files:
            os.close(file)
        return done.returncode, done.stdout.decode(), done.stderr.decode()


REPORT = "cat <&3; cat <&4; cat <&5; env | grep LISTEN | sort; ls /proc/self/fd | tr '\\n' ' '"


def test_preserved_descriptors_reach_the_program(runtime):
    bundle = runtime.bundle("sh", "-c", "cat <&3; cat <&4; env | grep -c LISTEN")
    code, out, err = Caller(runtime, preserved=2)("run", "--bundle", bundle.path, "--preserve-fds", "2", runtime.name())
    assert (code, out) == (1, "pipe0\npipe1\n0\n"), err


def test_listening_sockets_reach_the_program_and_it_is_told(runtime):
    bundle = runtime.bundle("sh", "-c", "cat <&3; cat <&4; env | grep -E '^LISTEN_(FDS|PID)' | sort")
    code, out, err = Caller(runtime, listening=2)("run", "--bundle", bundle.path, runtime.name())
    assert (code, out) == (0, "pipe0\npipe1\nLISTEN_FDS=2\nLISTEN_PID=1\n"), err


@pytest.mark.skipif(IS_PEER, reason="runc passes LISTEN_FDNAMES from 1.1.? on; sd_listen_fds_with_names(3) describes it")
def test_names_of_listening_sockets_reach_the_program(runtime):
    bundle = runtime.bundle("sh", "-c", REPORT)
    code, out, err = Caller(runtime, listening=2, preserved=1, names="web:admin")(
        "run", "--bundle", bundle.path, "--preserve-fds", "1", runtime.name())
    lines = out.splitlines()
    assert code == 0 and lines[:6] == ["pipe0", "pipe1", "pipe2", "LISTEN_FDNAMES=web:admin", "LISTEN_FDS=2", "LISTEN_PID=1"], (out, err)
    # ls has its own directory open beside them.
    assert lines[6].split() == ["0", "1", "2", "3", "4", "5", "6"]


def test_without_preserve_fds_nothing_of_the_caller_reaches_the_program(runtime):
    bundle = runtime.bundle("sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; env | grep -c LISTEN")
    code, out, err = Caller(runtime, preserved=2)("run", "--bundle", bundle.path, runtime.name())
    assert out.split() == ["0", "1", "2", "3", "0"], err


def test_sockets_meant_for_another_process_are_not_passed(runtime):
    bundle = runtime.bundle("sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; env | grep -c LISTEN")
    result = runtime("run", "--bundle", bundle.path, runtime.name(), env={"LISTEN_PID": "1", "LISTEN_FDS": "2"})
    assert result.out.split() == ["0", "1", "2", "3", "0"], result


def test_a_created_container_keeps_the_sockets_until_start(runtime):
    bundle = runtime.bundle("sh", "-c", "cat <&3; env | grep LISTEN_FDS; exec sleep 1000")
    name = runtime.name()
    out = bundle.path / "output"
    caller = Caller(runtime, listening=1)
    script = f"exec 3<&{caller.files[0]}; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\" >{out}"
    subprocess.run([busybox(), "sh", "-c", script, "sh", *runtime.command("create", "--bundle", bundle.path, name)],
                   pass_fds=caller.files, stdin=subprocess.DEVNULL, timeout=60, check=True)
    os.close(caller.files[0])
    assert runtime("start", name).code == 0
    wait_until("output", lambda: out.read_text() == "pipe0\nLISTEN_FDS=1\n")


def test_exec_preserves_descriptors(runtime):
    container = runtime.started("sleep", "1000")
    code, out, err = Caller(runtime, preserved=1)("exec", "--preserve-fds", "1", container.name, "sh", "-c", "cat <&3; ls /proc/self/fd | tr '\\n' ' '")
    assert (code, out.split()) == (0, ["pipe0", "0", "1", "2", "3", "4"]), err


@pytest.mark.skipif(IS_PEER, reason="runc's listens to LISTEN_PID=1 in exec too, which is never the process's own pid")
def test_exec_tells_the_process_its_own_pid(runtime):
    container = runtime.started("sleep", "1000")
    code, out, err = Caller(runtime, listening=1)("exec", container.name, "sh", "-c", "test $LISTEN_PID = $$ && cat <&3")
    assert (code, out) == (0, "pipe0\n"), err


@pytest.mark.skipif(IS_PEER, reason="runc takes descriptors of its own for preserved ones")
@pytest.mark.parametrize("count", ["3", "1000", "100000"])
def test_descriptors_that_are_not_open_are_refused(runtime, count):
    bundle = runtime.bundle("true")
    code, _, err = Caller(runtime, preserved=1)("run", "--bundle", bundle.path, "--preserve-fds", count, runtime.name())
    assert code != 0 and err, err
    assert runtime("list", "-q").out == ""


@pytest.mark.skipif(IS_PEER, reason="an attack that runc lets through")
def test_the_runtimes_own_log_is_not_taken_for_a_preserved_descriptor(runtime):
    # The log is opened first and would be descriptor 3.
    bundle = runtime.bundle("sh", "-c", "echo forged >&3")
    log = runtime.directory / "log"
    result = runtime("run", "--bundle", bundle.path, "--preserve-fds", "1", runtime.name(), flags=["--log", log])
    assert result.code == 1 and "descriptor 3" in result.err, result
    assert "forged" not in log.read_text()


# -- NOTIFY_SOCKET ------------------------------------------------------------------------------

# Debian's runc is older than the barrier (sd_notify_barrier(3)).
BARRIER = [] if IS_PEER else ["BARRIER=1"]


class ServiceManager:
    """The socket of a service manager; collects datagrams and closes the pipes of barriers."""

    def __init__(self, directory, abstract=False):
        self.address = f"@cais-test-{os.getpid()}" if abstract else os.path.join(directory, "manager.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + self.address[1:] if abstract else self.address)
        self.heard = []
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(4))
            except OSError:
                return
            for _, _, fds in ancillary:
                os.close(int.from_bytes(fds[:4], "little"))
            if data == b"end":
                return
            self.heard.append(data.decode().strip())

    def close(self):
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        end.sendto(b"end", self.socket.getsockname())
        end.close()
        self.thread.join(20)
        self.socket.close()

    @property
    def environment(self):
        return {"NOTIFY_SOCKET": self.address}


@pytest.fixture(params=[False, True], ids=["path", "abstract"])
def manager(request, runtime):
    manager = ServiceManager(runtime.directory, request.param)
    yield manager
    manager.close()


# busybox has no client for datagrams of unix sockets: python's, of the host, does it.
SEND = """import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
for text in {texts!r}:
    s.send(text.encode())
"""


def with_python(config):
    """The host's file trees that a Python program needs, read-only."""
    for path in ("/usr", "/lib", "/lib64"):
        if os.path.exists(path):
            config["mounts"].append({"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]})


def notifying(runtime, *texts, then="sleep 1000", change=None):
    """A bundle whose program sends these and goes on."""
    def both(config):
        with_python(config)
        if change:
            change(config)
    bundle = runtime.bundle("sh", "-c", f"echo $NOTIFY_SOCKET; /usr/bin/python3 -I -S /send.py; {then}", change=both)
    (bundle.rootfs / "send.py").write_text(SEND.format(texts=texts))
    return bundle


def test_run_forwards_ready_and_names_itself(runtime, manager):
    bundle = notifying(runtime, "STATUS=warming", "READY=1", then="exec sleep 1000")
    with subprocess.Popen(runtime.command("run", "--bundle", bundle.path, runtime.name()), stdout=subprocess.PIPE,
                          env={**os.environ, **manager.environment}) as process:
        assert process.stdout.readline() == b"/run/notify/notify.sock\n"
        wait_until("it is heard", lambda: len(manager.heard) >= 2)
        assert manager.heard[:2] == ["READY=1", f"MAINPID={process.pid}"]
        runtime("kill", runtime.containers[-1], "KILL")
        assert process.wait(20) == 137
    assert runtime("state", runtime.containers[-1]).code != 0


def test_a_detached_run_returns_when_the_program_is_ready_and_names_init(runtime, manager):
    bundle = notifying(runtime, "READY=1")
    name = runtime.name()
    result = runtime("run", "--detach", "--pid-file", bundle.path / "pid", "--bundle", bundle.path, name, env=manager.environment)
    assert result.code == 0, result
    wait_until("all is heard", lambda: len(manager.heard) >= 2 + len(BARRIER))
    assert manager.heard == ["READY=1", f"MAINPID={(bundle.path / 'pid').read_text()}", *BARRIER]


def test_start_waits_for_ready(runtime, manager):
    bundle = notifying(runtime, "READY=1")
    name = runtime.name()
    assert runtime("create", "--bundle", bundle.path, "--pid-file", bundle.path / "pid", name, env=manager.environment).code == 0
    assert manager.heard == []
    assert runtime("start", name, env=manager.environment).code == 0
    wait_until("all is heard", lambda: len(manager.heard) >= 2 + len(BARRIER))
    assert manager.heard == ["READY=1", f"MAINPID={(bundle.path / 'pid').read_text()}", *BARRIER]


def test_start_ends_when_the_program_ends_without_being_ready(runtime, manager):
    bundle = notifying(runtime, "STATUS=never", then="exit 3")
    name = runtime.name()
    assert runtime("create", "--bundle", bundle.path, name, env=manager.environment).code == 0
    runtime("start", name, env=manager.environment, timeout=30)
    assert manager.heard == []


@pytest.mark.skipif(IS_PEER, reason="runc takes what begins with READY= for readiness; sd_notify(3) has READY=1 only")
def test_only_ready_goes_to_the_service_manager(runtime, manager):
    bundle = notifying(runtime, "MAINPID=1", "READY=0", "FDSTORE=1", "x" * 4000, "STATUS=x\nREADY=1\nMAINPID=1")
    name = runtime.name()
    assert runtime("run", "--detach", "--pid-file", bundle.path / "pid", "--bundle", bundle.path, name, env=manager.environment).code == 0
    wait_until("all is heard", lambda: len(manager.heard) >= 2 + len(BARRIER))
    assert manager.heard == ["READY=1", f"MAINPID={(bundle.path / 'pid').read_text()}", *BARRIER]


@pytest.mark.skipif(IS_PEER, reason="runc's root may be walked by the container's user namespace or not, by its mode")
def test_a_user_of_a_user_namespace_is_heard(runtime, manager):
    def change(config):
        config["linux"]["namespaces"].append({"type": "user"})
        config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        config["process"]["user"] = {"uid": 1000, "gid": 1000}
    bundle = notifying(runtime, "READY=1", change=change)
    os.chmod(runtime.directory, 0o755)
    os.chmod(bundle.path, 0o755)
    for directory, _, _ in os.walk(bundle.rootfs):
        os.chown(directory, 100000, 100000)
    result = runtime("run", "--detach", "--bundle", bundle.path, runtime.name(), env=manager.environment)
    assert result.code == 0, result
    wait_until("all is heard", lambda: len(manager.heard) >= 3)


@pytest.mark.skipif(IS_PEER, reason="an attack on this runtime's own socket directory")
def test_the_program_can_neither_replace_the_socket_nor_leave_its_directory(runtime, manager):
    bundle = notifying(runtime, then="cd /run/notify; rm notify.sock; ln -s /etc x; ls -a; ls -a ..; exec sleep 1000")
    name = runtime.name()
    with subprocess.Popen(runtime.command("run", "--bundle", bundle.path, name), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, **manager.environment}) as process:
        lines = [process.stdout.readline().decode().strip() for _ in range(7)]
        assert lines[1:] == [".", "..", "notify.sock", ".", "..", "notify"], lines
        runtime("kill", name, "KILL")
        assert process.stderr.read().count(b"Read-only file system") == 2


@pytest.mark.skipif(IS_PEER, reason="an attack on this runtime's resolution of /run/notify")
def test_a_link_at_run_notify_does_not_lead_out_of_the_root(runtime, manager):
    bundle = notifying(runtime, "READY=1")
    outside = runtime.directory / "outside"
    outside.mkdir()
    (bundle.rootfs / "run").mkdir()
    os.symlink(f"../../../../..{outside}/made", bundle.rootfs / "run/notify")
    result = runtime("run", "--detach", "--bundle", bundle.path, runtime.name(), env=manager.environment)
    assert list(outside.iterdir()) == [], result
    assert result.code == 0, result


def test_without_notify_socket_there_is_no_mount_and_no_variable(runtime):
    result = runtime.once("sh", "-c", "echo [$NOTIFY_SOCKET]; grep -c notify /proc/mounts")
    assert result.out == "[]\n0\n"
