"""dockerd and containerd from Debian on cais-runtime, in a mount and network namespace of their own."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

from cais_testing import RUNTIME, make_rootfs, wait_until
from peers import needs


class Dockerd:
    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="cais-dockerd-", dir="/tmp"))
        self.host = f"unix://{self.root}/sock"
        with open(self.root / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "-n", "-m", "--propagation", "slave", "dockerd", "--data-root", self.root / "data", "--exec-root", self.root / "exec",
                 "--pidfile", self.root / "pid", "-H", self.host, "--add-runtime", f"cais={RUNTIME}", "--default-runtime", "cais",
                 "--bridge", "none", "--iptables=false", "--ip6tables=false"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until("dockerd answers", lambda: self("version").returncode == 0, 60)
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
