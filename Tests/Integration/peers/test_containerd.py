"""containerd from Debian on cais-runtime, by its own client `ctr`. What ctr has no word for (updating limits) is not asked."""

import json
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import images
from cais_testing import CGROUP_PARENT, RUNTIME, processes, remove_cgroups, wait_until
from peers import is_frozen, memory_limit, needs, read_cgroup

IMAGE = "docker.io/library/busybox:latest"


class Containerd:
    """A daemon with a root, a state directory and a socket of its own."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="cais-containerd-", dir="/tmp"))
        self.root.chmod(0o711)  # what runs as another user has to get through
        self.socket = self.root / "sock"
        self.count = 0
        (self.root / "config.toml").write_text(f"""
version = 2
root = "{self.root}/data"
state = "{self.root}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "{self.socket}"
[debug]
  level = "warn"
""")
        with open(self.root / "log", "wb") as log:
            self.process = subprocess.Popen(["containerd", "--config", self.root / "config.toml"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until("containerd answers", lambda: self("version").returncode == 0, 60)
        images.docker_archive(self.root / "image.tar")
        loaded = self("images", "import", "--snapshotter", "native", self.root / "image.tar")
        assert loaded.returncode == 0, loaded

    def words(self, *arguments):
        return ["ctr", "-a", str(self.socket), *map(str, arguments)]

    def __call__(self, *arguments):
        return subprocess.run(self.words(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)

    def name(self):
        self.count += 1
        return f"c{self.count}"

    def flags(self, name):
        return ["--runc-binary", RUNTIME, "--snapshotter", "native", "--cgroup", f"{CGROUP_PARENT}/{name}"]

    def run(self, *words, flags=()):
        """Runs a program to its end."""
        name = self.name()
        return self("run", "--rm", *self.flags(name), *flags, IMAGE, name, *words)

    def started(self, *words, flags=()):
        """A container that runs on; its name."""
        name = self.name()
        done = self("run", "--detach", "--null-io", *self.flags(name), *flags, IMAGE, name, *words)
        assert done.returncode == 0, done
        return name

    def status(self, name):
        for line in self("task", "ls").stdout.decode().splitlines():
            if line.split()[0] == name:
                return line.split()[2]
        return None

    def terminal(self, *arguments):
        """The same with a terminal."""
        return subprocess.run(["script", "-qec", " ".join(self.words(*arguments)), "/dev/null"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              timeout=60, check=False)

    def close(self):
        for line in self("task", "ls", "-q").stdout.decode().split():
            self("task", "rm", "--force", line)
        for line in self("containers", "ls", "-q").stdout.decode().split():
            self("containers", "rm", line)
        self.process.terminate()
        self.process.wait(timeout=60)
        remove_cgroups(CGROUP_PARENT)
        subprocess.run(["sh", "-c", f"grep -o '{self.root}[^ ]*' /proc/self/mounts | sort -ru | xargs -r umount -l"], check=False)
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.fixture(scope="module")
def containerd():
    needs("containerd", "containerd")
    needs("ctr", "containerd")
    containerd = Containerd()
    yield containerd
    containerd.close()


def test_run_gives_output_and_exit_code(containerd):
    result = containerd.run("sh", "-c", "echo hello; exit 9")
    assert (result.returncode, result.stdout) == (9, b"hello\n"), result


def test_a_command_that_cannot_run_is_named(containerd):
    result = containerd.run("nope")
    assert result.returncode != 0 and b"nope" in result.stderr and b"executable file not found" in result.stderr, result


def test_limits_are_in_the_cgroup(containerd):
    name = containerd.started("sleep", "1000", flags=["--memory-limit", "67108864", "--cpu-quota", "50000", "--cpu-period", "100000"])
    assert memory_limit(f"{CGROUP_PARENT}/{name}") == "67108864"
    assert read_cgroup(f"{CGROUP_PARENT}/{name}", "cpu.cfs_quota_us", "cpu.max").split()[0] == "50000"


def test_a_filter_of_system_calls(containerd):
    words = ("sh", "-c", "unshare -U true && echo allowed")
    assert b"allowed" in containerd.run(*words, flags=[]).stdout
    result = containerd.run(*words, flags=["--seccomp"])
    assert b"allowed" not in result.stdout and b"not permitted" in result.stderr, result


def test_a_user_namespace(containerd):
    result = containerd.run("sh", "-c", "id -u; cat /proc/self/uid_map; stat -c %u /bin/busybox",
                            flags=["--uidmap", "0:123456:65536", "--gidmap", "0:123456:65536"])
    assert result.stdout.split() == [b"0", b"0", b"123456", b"65536", b"0"], result


def test_a_terminal(containerd):
    name = containerd.name()
    result = containerd.terminal("run", "--rm", "-t", *containerd.flags(name), IMAGE, name, "tty")
    assert b"/dev/pts/0" in result.stdout, result


def test_exec_pause_metrics_kill_delete(containerd):
    name = containerd.started("sleep", "1000", flags=["--memory-limit", "67108864"])
    assert containerd("task", "exec", "--exec-id", "a", name, "sh", "-c", "exit 3").returncode == 3
    assert containerd("task", "exec", "--exec-id", "b", name, "hostname").returncode == 0
    assert b"/dev/pts/" in containerd.terminal("task", "exec", "-t", "--exec-id", "d", name, "tty").stdout
    failed = containerd("task", "exec", "--exec-id", "e", name, "nope")
    assert failed.returncode != 0 and b"nope" in failed.stderr, failed

    pids = [line.split()[0] for line in containerd("task", "ps", name).stdout.decode().splitlines()[1:]]
    assert any("sleep 1000" in command for pid, command in processes().items() if str(pid) in pids)

    assert containerd("task", "pause", name).returncode == 0
    assert containerd.status(name) == "PAUSED"
    assert is_frozen(f"{CGROUP_PARENT}/{name}")
    assert containerd("task", "resume", name).returncode == 0
    assert containerd.status(name) == "RUNNING" and not is_frozen(f"{CGROUP_PARENT}/{name}")

    metrics = containerd("task", "metrics", "--format", "json", name)
    assert metrics.returncode == 0 and json.loads(metrics.stdout), metrics

    assert containerd("task", "kill", "--signal", "SIGKILL", name).returncode == 0
    wait_until("it has stopped", lambda: containerd.status(name) == "STOPPED")
    containerd("task", "rm", name)
    assert containerd("containers", "rm", name).returncode == 0
    assert containerd.status(name) is None
