"""podman and conmon from Debian on cais-runtime."""

import pathlib
import shutil
import subprocess
import tempfile

import pytest

from cais_testing import CGROUP_PARENT, RUNTIME, make_rootfs, remove_cgroups
from peers import is_frozen, memory_limit, needs, read_cgroup


class Podman:
    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="cais-podman-", dir="/tmp"))
        self.root.chmod(0o711)  # what runs as another user has to get through
        rootfs = make_rootfs(self.root / "image")
        (rootfs / "run").mkdir()  # mapped to another user, nobody could make it
        archive = self.root / "image.tar"
        subprocess.run(["tar", "-C", rootfs, "-cf", archive, "."], check=True)
        assert self("import", archive, "box:1").returncode == 0

    def words(self, *arguments):
        return ["podman", "--root", self.root / "data", "--runroot", self.root / "run", "--tmpdir", self.root / "tmp", "--runtime", RUNTIME,
                "--cgroup-manager", "cgroupfs", "--events-backend", "none", *map(str, arguments)]

    def __call__(self, *arguments):
        return subprocess.run(
            self.words(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)

    def terminal(self, *arguments):
        """The same with a terminal."""
        return subprocess.run(["script", "-qec", " ".join(map(str, self.words(*arguments))), "/dev/null"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, timeout=60, check=False)

    def close(self):
        self("rm", "-af", "-t", "0")
        remove_cgroups(CGROUP_PARENT)
        subprocess.run(["sh", "-c", f"grep -o '{self.root}[^ ]*' /proc/self/mounts | sort -ru | xargs -r umount -l"], check=False)
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.fixture(scope="module")
def podman():
    needs("podman", "podman conmon")
    podman = Podman()
    yield podman
    podman.close()


def test_run_gives_output_and_exit_code(podman):
    result = podman("run", "--rm", "--network", "none", "box:1", "sh", "-c", "echo hello; exit 9")
    assert (result.returncode, result.stdout) == (9, b"hello\n"), result


@pytest.mark.parametrize("command,code", [("nope", 127), ("/etc", 126)])
def test_commands_that_cannot_run_have_their_code(podman, command, code):
    result = podman("run", "--rm", "--network", "none", "box:1", command)
    assert result.returncode == code, result


def test_a_detached_container_is_entered_and_removed(podman):
    assert podman("run", "-d", "--name", "web", "--network", "none", "box:1", "sleep", "1000").returncode == 0
    result = podman("exec", "web", "hostname")
    assert result.returncode == 0 and result.stdout, result
    assert podman("exec", "web", "nope").returncode == 127
    assert podman("exec", "web", "sh", "-c", "exit 3").returncode == 3
    assert podman("stop", "-t", "1", "web").returncode == 0
    assert podman("rm", "-f", "web").returncode == 0


def test_limits_and_a_read_only_root(podman):
    result = podman("run", "--rm", "--network", "none", "--read-only", "--memory", "64m", "--user", "5:6", "box:1",
                    "sh", "-c", "id -u; id -g; touch /x")
    assert result.stdout == b"5\n6\n" and b"ead-only" in result.stderr, result


def test_a_terminal(podman):
    assert b"/dev/pts/0" in podman.terminal("run", "--rm", "--network", "none", "-t", "box:1", "tty").stdout


def test_a_filter_of_system_calls(podman):
    profile = podman.root / "seccomp.json"
    profile.write_text('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}')
    words = ("--rm", "--network", "none", "box:1", "mkdir", "/tmp/made")
    result = podman("run", "--security-opt", f"seccomp={profile}", *words)
    assert result.returncode != 0 and b"not permitted" in result.stderr, result
    assert podman("run", *words).returncode == 0


def test_a_user_namespace(podman):
    result = podman("run", "--rm", "--network", "none", "--uidmap", "0:123456:65536", "--gidmap", "0:123456:65536", "box:1",
                    "sh", "-c", "id -u; cat /proc/self/uid_map; stat -c %u /bin/busybox")
    assert result.stdout.split() == [b"0", b"0", b"123456", b"65536", b"0"], result


def test_pause_update_stats_and_kill_do_what_they_say(podman):
    """Seen in the kernel, not in what podman keeps."""
    started = podman("run", "-d", "--name", "seen", "--network", "none", "--cgroup-parent", CGROUP_PARENT, "--memory", "64m", "--pids-limit", "50", "box:1",
                     "sh", "-c", "trap 'exit 5' USR1; while :; do sleep 1 & wait; done")
    assert started.returncode == 0, started
    cgroup = f"{CGROUP_PARENT}/libpod-{started.stdout.decode().strip()}"
    assert (memory_limit(cgroup), read_cgroup(cgroup, "pids.max")) == ("67108864", "50")
    assert b"/dev/pts/" in podman.terminal("exec", "-t", "seen", "tty").stdout

    assert podman("pause", "seen").returncode == 0 and is_frozen(cgroup)
    assert podman("exec", "seen", "true").returncode != 0
    assert podman("unpause", "seen").returncode == 0 and not is_frozen(cgroup)

    updated = podman("update", "--memory", "96m", "--memory-swap", "96m", "--cpu-quota", "70000", "seen")
    assert updated.returncode == 0, updated
    assert (memory_limit(cgroup), read_cgroup(cgroup, "cpu.cfs_quota_us", "cpu.max").split()[0]) == ("100663296", "70000")

    assert podman("kill", "--signal", "USR1", "seen").returncode == 0
    assert podman("wait", "seen").stdout.strip() == b"5"
    assert not read_cgroup(cgroup, "cgroup.procs")
    assert podman("rm", "seen").returncode == 0
