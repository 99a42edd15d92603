"""What the runtime's tests stand on: a root file system out of busybox, bundles with a configuration
like an engine's, the runtime under test (RUNTIME=/usr/sbin/runc runs the same suite on a peer), and
a census of what the machine holds, so that a test can say that nothing was left."""

import array
import contextlib
import copy
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CAIS_BIN", REPOSITORY / "bin"))
RUNTIME = os.environ.get("RUNTIME", str(BIN / "cais-runtime"))
IS_PEER = "RUNTIME" in os.environ and "cais-runtime" not in os.environ["RUNTIME"]
CGROUP_PARENT = f"/cais-test-{os.getpid()}"


# By how much longer than here things may take: an emulated machine is ten times slower.
PATIENCE = float(os.environ.get("CAIS_TEST_PATIENCE", "1"))


def wait_until(what, condition, seconds=15.0):
    """Polls until `condition()` is true and returns its value; fails naming `what` at the deadline."""
    deadline = time.monotonic() + seconds * PATIENCE
    pause = 0.002
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

    def __init__(self, code, out, err):
        self.code = code
        self.out = out.decode(errors="replace")
        self.err = err.decode(errors="replace")

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out}\nstderr: {self.err}"


# -- root file system ---------------------------------------------------------------------------

def busybox():
    """The path of a static busybox."""
    path = shutil.which("busybox") or "/bin/busybox"
    assert os.path.exists(path), "busybox-static is not installed"
    return path


def make_rootfs(path):
    """A root file system with busybox's commands, /etc/passwd and the usual directories."""
    path = pathlib.Path(path)
    for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "var", "home/user"):
        (path / name).mkdir(parents=True, exist_ok=True)
    os.chmod(path / "tmp", 0o1777)
    shutil.copy(busybox(), path / "bin/busybox")
    names = subprocess.run([busybox(), "--list"], stdout=subprocess.PIPE, check=True).stdout.decode().split()
    for name in names:
        with contextlib.suppress(FileExistsError):
            os.symlink("busybox", path / "bin" / name)
    (path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n")
    (path / "etc/group").write_text("root:x:0:\nuser:x:1000:\n")
    return path


# -- configuration ------------------------------------------------------------------------------

CAPABILITIES = [f"CAP_{name}" for name in (
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE").split()]


def configuration(*args, seccomp=False, cgroup=None):
    """A config.json as an engine writes it for a container with default settings."""
    config = {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": list(args) or ["true"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=box"],
            "cwd": "/",
            "capabilities": {"bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES},
            "oomScoreAdj": 0,
        },
        "root": {"path": "rootfs"},
        "hostname": "box",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro", "nosuid", "noexec", "nodev"]},
            {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"]},
        ],
        "linux": {
            "cgroupsPath": cgroup or f"{CGROUP_PARENT}/{uuid.uuid4().hex[:12]}",
            "resources": {
                "devices": [{"allow": False, "access": "rwm"}]
                + [{"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
                   for major, minor in ((1, 5), (1, 3), (1, 9), (1, 8), (5, 0), (5, 1), (1, 7))],
                "memory": {"disableOOMKiller": False},
                "cpu": {"shares": 0},
                "pids": {"limit": 0},
            },
            "namespaces": [{"type": kind} for kind in ("mount", "network", "uts", "pid", "ipc")],
            "maskedPaths": ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                            "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }
    # A limit of no processes is how some engines write "no limit"; here it is left out.
    del config["linux"]["resources"]["pids"]
    del config["linux"]["resources"]["cpu"]
    if seccomp:
        config["linux"]["seccomp"] = seccomp_profile()
    return config


def seccomp_profile():
    """A filter of the size that engines use: a list of allowed calls, some by argument."""
    names = ALLOWED_CALLS.split()
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": [
            {"names": names, "action": "SCMP_ACT_ALLOW"},
            {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]},
            {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]},
            {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
        ],
    }


ALLOWED_CALLS = """
accept accept4 access adjtimex alarm arch_prctl bind brk capget capset chdir chmod chown chroot clock_adjtime clock_getres clock_gettime
clock_nanosleep close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait
epoll_pwait2 epoll_wait eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fallocate fanotify_mark
fchdir fchmod fchmodat fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstatfs fsync
ftruncate futex futimesat getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp
getpid getppid getpriority getrandom getresgid getresuid getrlimit get_robust_list getrusage getsid getsockname getsockopt
get_thread_area gettid gettimeofday getuid getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl
io_destroy io_getevents ioprio_get ioprio_set io_setup io_submit kill lchown lgetxattr link linkat listen listxattr llistxattr
lremovexattr lseek lsetxattr lstat madvise membarrier memfd_create mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap
mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock
munlockall munmap nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 poll ppoll prctl pread64
preadv preadv2 prlimit64 pselect6 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg
remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask
rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam
sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr
sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto
setfsgid setfsuid setgid setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit set_robust_list
setsid setsockopt set_thread_area set_tid_address setuid setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4
socket socketcall socketpair splice stat statfs statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time
timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill
truncate umask uname unlink unlinkat utime utimensat utimes vfork vmsplice wait4 waitid waitpid write writev
"""


class Bundle:
    """A bundle in a directory of its own."""

    def __init__(self, directory, config):
        self.path = pathlib.Path(directory)
        self.rootfs = make_rootfs(self.path / "rootfs")
        self.config = config
        self.write()

    def write(self):
        """Writes the configuration after a change."""
        (self.path / "config.json").write_text(json.dumps(self.config))
        return self

    def change(self, function):
        """Changes the configuration and writes it."""
        function(self.config)
        return self.write()


# -- the runtime --------------------------------------------------------------------------------

class Runtime:
    """The runtime under test on a root of its own. Closing it deletes what a test left."""

    def __init__(self, path=None):
        self.path = path or RUNTIME
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="cais-rt-", dir="/tmp"))
        self.root = self.directory / "state"
        self.containers = []
        self.counter = 0

    def close(self):
        for name in reversed(self.containers):
            self("delete", "--force", name)
        subprocess.run(["umount", "-R", "-l", self.directory], check=False, stderr=subprocess.DEVNULL)
        # Python's own removal of trees gives up on deep ones, which hostile bundles have.
        subprocess.run(["rm", "-rf", "--", self.directory], check=False)
        remove_cgroups(CGROUP_PARENT)

    def __call__(self, *arguments, **options):
        return self.run(*arguments, **options)

    def command(self, *arguments, flags=()):
        return [self.path, "--root", str(self.root), *map(str, flags), *map(str, arguments)]

    def run(self, *arguments, flags=(), input=b"", timeout=60, env=None, cwd=None, **options):
        """Runs one verb to its end. What it prints goes to files: a container that runs on keeps
        them open, and a pipe would be waited for until it ends."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(input)
            given.seek(0)
            done = subprocess.run(self.command(*arguments, flags=flags), stdin=given, stdout=out, stderr=err, timeout=timeout * PATIENCE,
                                  env={**os.environ, **(env or {})}, cwd=cwd, check=False, **options)
            out.seek(0)
            err.seek(0)
            return Result(done.returncode, out.read(), err.read())

    def name(self):
        """A fresh name, deleted at the end."""
        self.counter += 1
        name = f"c{self.counter}-{os.getpid()}"
        self.containers.append(name)
        return name

    def bundle(self, *args, change=None, **options):
        """A fresh bundle whose program is `args`."""
        config = configuration(*args, **options)
        if change:
            change(config)
        return Bundle(tempfile.mkdtemp(prefix="bundle-", dir=self.directory), config)

    def once(self, *args, change=None, **options):
        """Runs `args` in a container from an engine's configuration to its end."""
        bundle = self.bundle(*args, change=change)
        return self.run("run", "--bundle", bundle.path, self.name(), **options)

    def created(self, *args, change=None, flags=(), bundle=None):
        """A container that waits for start. Its output goes to `output` in its bundle."""
        bundle = bundle or self.bundle(*args, change=change)
        name = self.name()
        with open(bundle.path / "output", "wb") as output, open(bundle.path / "errors", "wb") as errors:
            done = subprocess.run(self.command("create", "--bundle", bundle.path, "--pid-file", bundle.path / "pid", *flags, name),
                                  stdin=subprocess.DEVNULL, stdout=output, stderr=errors, timeout=60 * PATIENCE, check=False)
        assert done.returncode == 0, (bundle.path / "errors").read_text()
        return Running(self, name, bundle)

    def started(self, *args, change=None, flags=()):
        """A container whose program runs."""
        container = self.created(*args, change=change, flags=flags)
        result = self("start", container.name)
        assert result.code == 0, result
        return container


class Running:
    """A container that exists."""

    def __init__(self, runtime, name, bundle):
        self.runtime, self.name, self.bundle = runtime, name, bundle
        self.pid = int((bundle.path / "pid").read_text())

    def output(self):
        return (self.bundle.path / "output").read_text(errors="replace")

    def state(self):
        result = self.runtime("state", self.name)
        assert result.code == 0, result
        return json.loads(result.out)

    def status(self):
        return self.state()["status"]

    def wait(self, status="stopped"):
        return wait_until(f"{self.name} is {status}", lambda: self.status() == status)

    def exec(self, *args, flags=(), **options):
        return self.runtime("exec", *flags, self.name, *args, **options)


# -- terminal -----------------------------------------------------------------------------------

class ConsoleSocket:
    """The end of --console-socket that gets the terminal."""

    def __init__(self, directory):
        self.path = os.path.join(directory, f"console-{uuid.uuid4().hex[:8]}.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.listener.settimeout(20)

    def receive(self):
        """The terminal's master end."""
        connection, _ = self.listener.accept()
        fds = array.array("i")
        _, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(data[:4])
        connection.close()
        self.listener.close()
        return fds[0]


def read_until(descriptor, wanted, seconds=15.0):
    """What a descriptor gives until `wanted` is among it."""
    os.set_blocking(descriptor, False)
    seen = bytearray()

    def look():
        with contextlib.suppress(BlockingIOError, OSError):
            seen.extend(os.read(descriptor, 65536))
        return wanted in seen
    wait_until(f"{wanted!r} in {bytes(seen)!r}", look, seconds)
    return bytes(seen)


# -- census -------------------------------------------------------------------------------------

def remove_cgroups(parent):
    """Removes the cgroups of this run's tests, deepest first, and kills what is in them."""
    for hierarchy in cgroup_hierarchies():
        top = hierarchy + parent
        for directory, _, _ in sorted(os.walk(top), key=lambda entry: -len(entry[0])):
            with contextlib.suppress(OSError):
                for pid in open(os.path.join(directory, "cgroup.procs")).read().split():
                    os.kill(int(pid), signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.rmdir(directory)


def cgroup_hierarchies():
    """Where cgroup hierarchies are mounted."""
    return [line.split()[1] for line in open("/proc/self/mounts") if line.split()[2] in ("cgroup", "cgroup2")]


def cgroups(parent=CGROUP_PARENT):
    """The cgroups of this run's tests."""
    return {os.path.join(directory, name) for hierarchy in cgroup_hierarchies()
            for directory, names, _ in os.walk(hierarchy + parent) for name in names}


def processes():
    """Living processes by pid and command, of this machine as far as it can be seen."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()[0] not in "ZX":
                    found[int(entry)] = open(f"/proc/{entry}/cmdline").read().replace("\0", " ")
    return found


class Census:
    """What there is before a test, to compare with after it: mounts of this namespace, the tests'
    cgroups, processes with this runtime's root in their words, namespaces of the network that are
    mounted, files of the root."""

    def __init__(self, runtime):
        self.runtime = runtime
        self.before = self.take()

    def take(self):
        words = str(self.runtime.directory)
        state = self.runtime.root
        return {
            "mounts": {line for line in open("/proc/self/mountinfo") if words in line},
            "cgroups": cgroups(),
            "processes": {pid for pid, command in processes().items() if words in command},
            "state": {path.name for path in state.iterdir() if not path.name.startswith(".")} if state.exists() else set(),
        }

    def check(self):
        """Fails and names what is there that was not."""
        def left():
            now = self.take()
            return {kind: now[kind] - self.before[kind] for kind in now if now[kind] - self.before[kind]}
        with contextlib.suppress(AssertionError):
            wait_until("nothing is left", lambda: not left(), 5)
        assert not left(), left()


def changed(config, path, value):
    """Sets a value deep in a configuration: changed(c, "linux.resources.pids", {...})."""
    *parents, last = path.split(".")
    for parent in parents:
        config = config.setdefault(parent, {})
    config[last] = copy.deepcopy(value)
