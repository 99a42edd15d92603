"""dockerd and containerd from Debian on cais-runtime, in a mount and network namespace of their own."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

from cais_testing import CGROUP_PARENT, RUNTIME, make_rootfs, processes, remove_cgroups, wait_until
from peers import is_frozen, memory_limit, needs, read_cgroup


class Dockerd:
    """A daemon of its own. With `remaps` it puts every container into a user namespace: the ids are given to `nobody` in files that
    only its mount namespace sees."""

    def __init__(self, remaps=False):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="cais-dockerd-", dir="/tmp"))
        self.root.chmod(0o711)  # what runs as another user has to get through
        self.host = f"unix://{self.root}/sock"
        (self.root / "ids").write_text("nobody:200000:65536\nnogroup:200000:65536\n")
        ids = f"mount --bind {self.root}/ids /etc/subuid && mount --bind {self.root}/ids /etc/subgid && " if remaps else ""
        with open(self.root / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "-n", "-m", "--propagation", "slave", "sh", "-c", ids + 'exec "$@"', "sh", "dockerd", "--cgroup-parent", CGROUP_PARENT,
                 *(["--userns-remap", "nobody:nogroup"] if remaps else []), "--data-root", self.root / "data", "--exec-root", self.root / "exec",
                 "--pidfile", self.root / "pid", "-H", self.host, "--add-runtime", f"cais={RUNTIME}", "--default-runtime", "cais",
                 "--bridge", "none", "--iptables=false", "--ip6tables=false"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until("dockerd answers", lambda: self.process.poll() is not None or self("version").returncode == 0, 60)
        assert self.process.poll() is None, (self.root / "log").read_text()
        rootfs = make_rootfs(self.root / "image")
        archive = self.root / "image.tar"
        subprocess.run(["tar", "-C", rootfs, "-cf", archive, "."], check=True)
        assert self("import", archive, "box:1").returncode == 0

    def __call__(self, *arguments):
        return subprocess.run(["docker", "-H", self.host, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, check=False)

    def terminal(self, *arguments):
        """The same with a terminal."""
        words = " ".join(["docker", "-H", self.host, *arguments])
        return subprocess.run(["script", "-qec", words, "/dev/null"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60, check=False)

    def close(self):
        for name in self("ps", "-aq").stdout.decode().split():
            self("rm", "-f", name)
        os.kill(self.process.pid, signal.SIGTERM)
        self.process.wait(timeout=60)
        remove_cgroups(CGROUP_PARENT)
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.fixture(scope="module")
def dockerd():
    needs("dockerd", "docker.io")
    needs("docker", "docker.io")
    dockerd = Dockerd()
    yield dockerd
    dockerd.close()


def run(dockerd, *arguments):
    return dockerd("run", "--rm", "--network", "none", *arguments)


def test_run_gives_output_and_exit_code(dockerd):
    result = run(dockerd, "box:1", "sh", "-c", "echo hello; exit 9")
    assert (result.returncode, result.stdout) == (9, b"hello\n"), result


@pytest.mark.parametrize("command,code", [("nope", 127), ("/etc", 126)])
def test_commands_that_cannot_run_have_their_code(dockerd, command, code):
    assert run(dockerd, "box:1", command).returncode == code


def test_limits_users_and_a_read_only_root(dockerd):
    result = run(dockerd, "--memory", "64m", "--pids-limit", "50", "--read-only", "--cap-drop", "ALL", "-u", "5:6", "-w", "/tmp", "box:1",
                 "sh", "-c", "id -u; id -g; pwd; touch /x; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null")
    assert result.stdout.split() == [b"5", b"6", b"/tmp", b"50"] and b"ead-only" in result.stderr, result


def test_exec_pause_top_stop_start_kill(dockerd):
    assert dockerd("run", "-d", "--name", "web", "--network", "none", "box:1", "sleep", "1000").returncode == 0
    assert dockerd("exec", "web", "sh", "-c", "exit 3").returncode == 3
    assert dockerd("exec", "web", "nope").returncode in (126, 127)
    assert b"/dev/pts/" in dockerd.terminal("exec", "-t", "web", "tty").stdout
    assert dockerd("pause", "web").returncode == 0
    assert dockerd("inspect", "-f", "{{.State.Status}}", "web").stdout.strip() == b"paused"
    assert dockerd("unpause", "web").returncode == 0
    assert b"sleep 1000" in dockerd("top", "web").stdout
    assert dockerd("stop", "-t", "1", "web").returncode == 0
    assert dockerd("start", "web").returncode == 0
    assert dockerd("kill", "web").returncode == 0
    assert dockerd("rm", "-f", "web").returncode == 0


def test_a_terminal(dockerd):
    assert b"/dev/pts/0" in dockerd.terminal("run", "--rm", "--network", "none", "-t", "box:1", "tty").stdout


def test_a_privileged_container(dockerd):
    result = run(dockerd, "--privileged", "box:1", "sh", "-c", "mount -t tmpfs t /tmp && echo mounted")
    assert result.stdout == b"mounted\n", result


def test_a_filter_of_system_calls(dockerd):
    words = ("box:1", "sh", "-c", "unshare -U true && echo allowed")
    assert b"allowed" not in run(dockerd, *words).stdout
    assert b"allowed" in run(dockerd, "--security-opt", "seccomp=unconfined", *words).stdout


def test_pause_update_stats_and_kill_do_what_they_say(dockerd):
    """Seen in the kernel, not in what the daemon keeps."""
    started = dockerd("run", "-d", "--name", "seen", "--network", "none", "--memory", "64m", "--pids-limit", "50", "--cpu-quota", "50000", "box:1",
                      "sh", "-c", "trap 'echo told > /told; exit 5' USR1; while :; do sleep 1 & wait; done")
    assert started.returncode == 0, started
    cgroup = f"{CGROUP_PARENT}/{started.stdout.decode().strip()}"
    assert (memory_limit(cgroup), read_cgroup(cgroup, "pids.max"), read_cgroup(cgroup, "cpu.cfs_quota_us", "cpu.max").split()[0]) == ("67108864", "50", "50000")

    assert dockerd("pause", "seen").returncode == 0 and is_frozen(cgroup)
    assert b"paused" in dockerd("exec", "seen", "true").stderr
    assert dockerd("unpause", "seen").returncode == 0 and not is_frozen(cgroup)

    updated = dockerd("update", "--memory", "96m", "--memory-swap", "96m", "--pids-limit", "60", "--cpu-quota", "70000", "seen")
    assert updated.returncode == 0, updated
    assert (memory_limit(cgroup), read_cgroup(cgroup, "pids.max"), read_cgroup(cgroup, "cpu.cfs_quota_us", "cpu.max").split()[0]) == ("100663296", "60", "70000")

    stats = dockerd("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", "seen").stdout.decode()
    assert "96MiB" in stats and int(stats.split()[-1]) >= 1, stats

    assert dockerd("kill", "-s", "USR1", "seen").returncode == 0
    assert dockerd("wait", "seen").stdout.strip() == b"5"
    assert not read_cgroup(cgroup, "cgroup.procs")
    assert dockerd("rm", "seen").returncode == 0


def test_containers_of_a_daemon_that_remaps_users():
    needs("dockerd", "docker.io")
    dockerd = Dockerd(remaps=True)
    try:
        result = run(dockerd, "box:1", "sh", "-c", "id -u; cat /proc/self/uid_map; stat -c %u /bin/busybox; mount -t tmpfs x /tmp || echo refused")
        assert result.stdout.split() == [b"0", b"0", b"200000", b"65536", b"0", b"refused"], result
        started = dockerd("run", "-d", "--name", "mapped", "--network", "none", "box:1", "sleep", "1000")
        assert started.returncode == 0, started
        pid = int(dockerd("inspect", "-f", "{{.State.Pid}}", "mapped").stdout)
        assert "sleep 1000" in processes()[pid] and "Uid:\t200000" in open(f"/proc/{pid}/status").read()
        assert dockerd("exec", "mapped", "id", "-u").stdout == b"0\n"
        assert b"/dev/pts/" in dockerd.terminal("exec", "-t", "mapped", "tty").stdout
        assert dockerd("kill", "mapped").returncode == 0
    finally:
        dockerd.close()
