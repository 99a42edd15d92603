"""What the tests that attack the runtime share: files that must stay as they are, programs that run inside a container
and try to get out, hostile state files, and a loop that swaps two names as fast as the kernel lets it."""

import ctypes
import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys

RENAME_EXCHANGE = 2
AT_FDCWD = -100
libc = ctypes.CDLL(None, use_errno=True)

# -- what must not change -------------------------------------------------------------------------

HOST_FILES = ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/modprobe")


class Host:
    """What of the host an attack would change: a file and a directory beside the bundle, parameters of the kernel, the
    mounts of this namespace, the names in `/`."""

    def __init__(self, directory):
        self.outside = pathlib.Path(directory) / "outside"
        self.outside.mkdir(exist_ok=True)
        self.canary = self.outside / "canary"
        self.canary.write_text("the host's\n")
        self.before = self.take()

    def take(self):
        status = self.canary.lstat()
        return {
            "canary": (self.canary.read_text(), status.st_mode, status.st_uid, status.st_gid, status.st_nlink),
            "outside": sorted(os.listdir(self.outside)),
            "root": sorted(os.listdir("/")),
            "mounts": sorted(line.split(" - ")[0].split(" ", 3)[3] for line in open("/proc/self/mountinfo") if "/outside" in line),
            "kernel": [open(path).read() for path in HOST_FILES if os.path.exists(path)],
        }

    def check(self, attack):
        """Fails naming the attack and what it changed."""
        now = self.take()
        assert now == self.before, (attack, {kind: (self.before[kind], now[kind]) for kind in now if now[kind] != self.before[kind]})


def put(path, kind, target=None):
    """Makes a file of some kind at `path`, in place of what is there."""
    path = pathlib.Path(path)
    remove(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link":
        path.symlink_to(target)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "file":
        path.write_text(target or "of the image\n")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    elif kind == "character":  # kmsg's numbers: whoever writes here writes into the kernel's log
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 11))
    elif kind == "block":
        os.mknod(path, stat.S_IFBLK | 0o666, os.makedev(7, 77))
    else:
        raise ValueError(kind)
    return path


def remove(path):
    """Removes a file of any kind, or a directory with all in it."""
    subprocess.run(["rm", "-rf", "--", path], check=True)


def ended(result):
    """A command that ended by itself: no signal, no crash, and where it failed one line that says why."""
    assert 0 <= result.code < 128 or result.code in (137, 255), result
    assert "Fatal error" not in result.err and "Illegal instruction" not in result.err, result
    return result


# -- programs inside --------------------------------------------------------------------------------

def with_python(config):
    """The host's Python for a program of the container: attacks need system calls that busybox has no words for."""
    for path in ("/usr", "/lib", "/lib64"):
        if os.path.exists(path):
            config["mounts"].append({"destination": path, "type": "bind", "source": path, "options": ["bind", "ro"]})
    return config


def python(program):
    """The words that run `program` inside."""
    return ["/usr/bin/python3", "-c", program]


# -- the runtime's state ----------------------------------------------------------------------------

class State:
    """The state file of a container: one JSON document, or one in each line of which the last is in force."""

    def __init__(self, runtime, name):
        self.directory = runtime.root / name
        self.path = self.directory / "state.json"

    def read(self):
        """The record in force."""
        text = self.path.read_text()
        try:
            return json.loads(text)
        except ValueError:
            return json.loads([line for line in text.splitlines() if line.strip()][-1])

    def write(self, record):
        """Makes `record` the only one."""
        self.path.write_text(json.dumps(record) + "\n")

    def change(self, function):
        """Changes the record in force."""
        record = self.read()
        function(record)
        self.write(record)


# -- races ------------------------------------------------------------------------------------------

def exchange(first, second):
    """Swaps two names at once (renameat2(2))."""
    if libc.renameat2(AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(first))


class Swapper:
    """A process that swaps pairs of names in a tight loop until it is stopped."""

    PROGRAM = """
import ctypes, os, sys
call = ctypes.CDLL(None).renameat2
names = [os.fsencode(name) for name in sys.argv[1:]]
pairs = list(zip(names[::2], names[1::2]))
sys.stdout.write("."); sys.stdout.flush()
while True:
    for first, second in pairs: call(-100, first, -100, second, 2)
"""

    def __init__(self, *pairs):
        self.names = [str(name) for pair in pairs for name in pair]
        for pair in pairs:  # a file system that cannot do it must not make a race that cannot be lost
            exchange(*pair)
            exchange(*pair)

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", self.PROGRAM, *self.names], stdout=subprocess.PIPE)
        self.process.stdout.read(1)
        return self

    def __exit__(self, *_):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
