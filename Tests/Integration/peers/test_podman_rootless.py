"""podman from Debian, run by an ordinary user, on cais-runtime."""

import os
import subprocess

import pytest

from cais_testing import RUNTIME, make_rootfs
from ordinary_user import SUB_UIDS, UID, UserRuntime
from peers import needs


class RootlessPodman:
    def __init__(self):
        self.user = UserRuntime()
        self.root = self.user.session
        rootfs = make_rootfs(self.user.directory / "image")
        archive = self.user.directory / "image.tar"
        subprocess.run(["tar", "-C", rootfs, "-cf", archive, "."], check=True)
        imported = self("import", archive, "box:1")
        assert imported.code == 0, imported

    def __call__(self, *arguments):
        return self.user.plainly(
            "podman", "--root", self.root / "data", "--runroot", self.root / "run", "--tmpdir", self.root / "tmp", "--runtime", RUNTIME,
            "--cgroup-manager", "cgroupfs", "--events-backend", "none", "--storage-driver", "vfs", *arguments,
            environment={"XDG_RUNTIME_DIR": str(self.root), "HOME": str(self.root)})

    def close(self):
        self("rm", "-af", "-t", "0")
        # Ends the process that keeps podman's namespaces, and with them its mounts.
        self("system", "migrate")
        self.user.close()


@pytest.fixture(scope="module")
def podman():
    needs("podman", "podman conmon")
    needs("newuidmap", "uidmap")
    podman = RootlessPodman()
    yield podman
    podman.close()


@pytest.mark.parametrize("network", ["none", "host"])
def test_run_gives_output_and_exit_code(podman, network):
    result = podman("run", "--rm", "--network", network, "box:1", "sh", "-c", "echo hello; id -u; exit 9")
    assert (result.code, result.out) == (9, "hello\n0\n"), result


@pytest.mark.parametrize("command,code", [("nope", 127), ("/etc", 126)])
def test_commands_that_cannot_run_have_their_code(podman, command, code):
    result = podman("run", "--rm", "--network", "none", "box:1", command)
    assert result.code == code, result


def test_a_detached_container_is_entered_and_removed(podman):
    assert podman("run", "-d", "--name", "web", "--network", "none", "box:1", "sleep", "1000").code == 0
    result = podman("exec", "web", "sh", "-c", "hostname; id -u")
    assert result.code == 0 and result.out.split()[1:] == ["0"], result
    assert podman("exec", "web", "nope").code == 127
    assert podman("exec", "web", "sh", "-c", "exit 3").code == 3
    assert podman("exec", "--user", "5:6", "web", "sh", "-c", "id -u; id -g").out == "5\n6\n"
    assert "sleep" in podman("top", "web").out
    assert podman("stop", "-t", "0", "web").code == 0
    assert podman("rm", "-f", "web").code == 0


def test_a_user_and_a_read_only_root(podman):
    result = podman("run", "--rm", "--network", "none", "--read-only", "--user", "5:6", "box:1", "sh", "-c", "id -u; id -g; touch /x")
    assert result.out == "5\n6\n" and "ead-only" in result.err, result


def test_a_terminal(podman):
    assert podman("run", "--rm", "-t", "--network", "none", "box:1", "tty").out.strip() == "/dev/pts/0"


def test_ones_own_id_is_kept_and_files_belong_to_whom_they_should(podman):
    place = podman.user.directory / "volume"
    place.mkdir()
    os.chown(place, UID, UID)
    os.chmod(place, 0o777)
    result = podman("run", "--rm", "--network", "none", "--userns", "keep-id", "-v", f"{place}:/data", "box:1", "sh", "-c", "id -u; touch /data/own")
    assert (result.code, result.out) == (0, f"{UID}\n"), result
    assert os.stat(place / "own").st_uid == UID
    assert podman("run", "--rm", "--network", "none", "--user", "7", "-v", f"{place}:/data", "box:1", "touch", "/data/other").code == 0
    assert os.stat(place / "other").st_uid == SUB_UIDS[0] + 6


@pytest.mark.parametrize("kind", ["pid", "uts"])
def test_a_namespace_of_the_hosts(podman, kind):
    place = podman.user.directory / f"seen-{kind}"
    place.mkdir(mode=0o777)
    os.chmod(place, 0o777)
    result = podman("run", "--rm", "--network", "none", f"--{kind}", "host", "-v", f"{place}:/data", "box:1",
                    "sh", "-c", f"readlink /proc/self/ns/{kind} > /data/name")
    assert result.code == 0, result
    assert (place / "name").read_text().strip() == os.readlink(f"/proc/self/ns/{kind}")
