"""Which functions of cais-runtime a container's life calls, in the order of their first call: the
linker puts them side by side (docs/design/0012). `make link-order` calls this.

Every function's first instruction is replaced by a breakpoint (ptrace(2)); the first hit notes the
function and puts the instruction back, so the program runs at nearly full speed."""

import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

TRACEME, POKETEXT, CONT, GETREGS, SETREGS, DETACH, SETOPTIONS = 0, 4, 7, 12, 13, 17, 0x4200
FORK, VFORK, CLONE, EXEC, EXITKILL = 0x2, 0x4, 0x8, 0x10, 0x100000
WALL = 0x40000000
BREAKPOINT = 0xCC
REGISTERS, RIP = 27, 16  # words of user_regs_struct, and which of them is the instruction pointer
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long


def ptrace(request, pid, address=0, data=0):
    if LIBC.ptrace(request, pid, address, data) == -1:
        raise OSError(ctypes.get_errno(), f"ptrace {request} of {pid}")


def functions(program):
    """Names by address."""
    found = {}
    for line in subprocess.run(["nm", program], check=True, capture_output=True, text=True).stdout.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1] in "tTwWi":
            found.setdefault(int(fields[0], 16), []).append(fields[2])
    return found


class Trace:
    """The functions that a command line calls, its children before their exec included."""

    def __init__(self, addresses):
        self.addresses = addresses
        self.originals = {}
        self.called = {}

    def follow(self, arguments):
        pid = os.fork()
        if pid == 0:
            LIBC.ptrace(TRACEME, 0, 0, 0)
            os.execv(arguments[0], list(map(str, arguments)))
        os.waitpid(pid, 0)
        ptrace(SETOPTIONS, pid, 0, FORK | VFORK | CLONE | EXEC | EXITKILL)
        with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
            for address in self.addresses:
                memory.seek(address)
                self.originals[address] = memory.read(1)
                memory.seek(address)
                memory.write(bytes([BREAKPOINT]))
        ptrace(CONT, pid)
        while True:
            stopped, status = os.waitpid(-1, WALL)
            if os.WIFSTOPPED(status):
                self.stopped(stopped, status)
            elif stopped == pid:
                return os.waitstatus_to_exitcode(status)

    def stopped(self, pid, status):
        event, number = status >> 16, os.WSTOPSIG(status)
        if event == 4:  # PTRACE_EVENT_EXEC: another program from here on
            return ptrace(DETACH, pid)
        if event == 0 and number == signal.SIGTRAP:
            self.hit(pid)
        ptrace(CONT, pid, 0, 0 if event or number in (signal.SIGTRAP, signal.SIGSTOP) else number)

    def hit(self, pid):
        registers = (ctypes.c_ulonglong * REGISTERS)()
        ptrace(GETREGS, pid, 0, ctypes.addressof(registers))
        address = registers[RIP] - 1
        if address not in self.originals:
            return
        self.called.setdefault(address)
        with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(address)
            memory.write(self.originals[address])
        registers[RIP] = address
        ptrace(SETREGS, pid, 0, ctypes.addressof(registers))


def bundle(folder):
    """A bundle as an engine makes it: the default seccomp profile and limits."""
    root = folder / "rootfs" / "bin"
    root.mkdir(parents=True)
    busybox = subprocess.run(["sh", "-c", "command -v busybox"], check=True, capture_output=True, text=True).stdout.strip()
    for name in ("busybox", "true", "sleep"):
        (root / name).write_bytes(pathlib.Path(busybox).read_bytes())
        (root / name).chmod(0o755)
    return folder


def on_read_only_mount(program, place):
    """The program on a read-only file system, where it stays in the memory it was loaded to: elsewhere it maps
    itself anew (Runtime/Core/OwnBinary.swift), and the breakpoints are gone."""
    place.mkdir()
    new_namespace, private, read_only_again = 0x20000, 1 << 18 | 1 << 14, 1 | 32
    target = os.fsencode(place)
    steps = (
        lambda: LIBC.unshare(new_namespace), lambda: LIBC.mount(None, b"/", None, private, None),
        lambda: LIBC.mount(b"tmpfs", target, b"tmpfs", 0, None), lambda: shutil.copy(program, place) and 0,
        lambda: LIBC.mount(None, target, None, read_only_again, None))
    for step in steps:
        if step() != 0:
            raise OSError(ctypes.get_errno(), f"make {place} read-only")
    return place / program.name


def configure(runtime, folder, command):
    config = folder / "config.json"
    config.unlink(missing_ok=True)
    subprocess.run([runtime, "spec", "--bundle", folder], check=True)
    document = json.loads(config.read_text())
    document["process"].update(args=command, terminal=False)
    document["linux"]["resources"] = {"memory": {"limit": 67108864}, "pids": {"limit": 64}, "cpu": {"shares": 512}}
    document["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": [{"names": sorted(ALLOWED), "action": "SCMP_ACT_ALLOW"}],
    }
    config.write_text(json.dumps(document))


# What busybox needs; which calls they are is of no matter here, only that a filter is made and read.
ALLOWED = {
    "arch_prctl", "brk", "clock_nanosleep", "close", "close_range", "execve", "exit", "exit_group", "fcntl", "fstat", "futex",
    "getpid", "getrandom", "getuid", "ioctl", "lseek", "mmap", "mprotect", "munmap", "nanosleep", "newfstatat", "openat", "poll",
    "prctl", "prlimit64", "read", "readlink", "recvfrom", "rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sendto",
    "sendmsg", "recvmsg", "set_robust_list", "set_tid_address", "setgid", "setuid", "write", "writev", "capset", "capget",
    "setgroups", "fchdir", "chdir", "getcwd", "uname", "socket", "connect", "dup", "dup2", "dup3", "seccomp", "keyctl",
    "execveat", "madvise", "sched_yield", "clock_gettime", "umask", "setresuid", "setresgid", "kill", "tgkill", "wait4",
}


def main():
    program, output = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    names = functions(program)
    trace = Trace(sorted(names))
    with tempfile.TemporaryDirectory(prefix="cais-link-order-") as name:
        folder = bundle(pathlib.Path(name) / "bundle")
        state = pathlib.Path(name) / "state"
        configure(program, folder, ["/bin/true"])
        trace.follow([program, "--root", state, "run", "--bundle", folder, "first"])
        base = [on_read_only_mount(program, pathlib.Path(name) / "still"), "--root", state]
        lives = [
            (["/bin/true"], [["run", "--bundle", folder, "a"], ["run", "--bundle", folder, "a"]]),
            (["/bin/sleep", "60"], [
                ["create", "--bundle", folder, "b"], ["start", "b"], ["exec", "b", "/bin/true"], ["state", "b"], ["list"],
                ["kill", "b", "KILL"], ["delete", "--force", "b"]]),
        ]
        for command, verbs in lives:
            configure(program, folder, command)
            for verb in verbs:
                code = trace.follow([*base, *verb])
                if code != 0:
                    sys.exit(f"{verb[0]}: exit code {code}")
        subprocess.run(["umount", pathlib.Path(name) / "still"], check=True)
    lines = [symbol for address in trace.called for symbol in sorted(names[address])]
    output.write_text("".join(f"{line}\n" for line in lines))
    print(f"{len(trace.called)} functions in {output}")


if __name__ == "__main__":
    main()
