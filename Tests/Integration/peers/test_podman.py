"""podman and conmon from Debian on cais-runtime."""

import pathlib
import shutil
import subprocess
import tempfile

import pytest

from cais_testing import RUNTIME, make_rootfs
from peers import needs


class Podman:
    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="cais-podman-", dir="/tmp"))
        rootfs = make_rootfs(self.root / "image")
        archive = self.root / "image.tar"
        subprocess.run(["tar", "-C", rootfs, "-cf", archive, "."], check=True)
        assert self("import", archive, "box:1").returncode == 0

    def __call__(self, *arguments):
        return subprocess.run(
            ["podman", "--root", self.root / "data", "--runroot", self.root / "run", "--tmpdir", self.root / "tmp", "--runtime", RUNTIME,
             "--cgroup-manager", "cgroupfs", "--events-backend", "none", *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)

    def close(self):
        self("rm", "-af", "-t", "0")
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
