"""buildah from Debian on cais-runtime. It runs programs to their end while an image is made, and has no words for exec, pause,
update, kill and stats; what it has is here."""

import pathlib
import shutil
import subprocess
import tempfile

import pytest

from cais_testing import RUNTIME, make_rootfs
from peers import needs


class Buildah:
    """A storage of its own with a working container made of busybox."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="cais-buildah-", dir="/tmp"))
        self.root.chmod(0o711)  # what runs as another user has to get through
        rootfs = make_rootfs(self.root / "image")
        (rootfs / "run").mkdir()  # mapped to another user, nobody could make it
        subprocess.run(["tar", "-C", rootfs, "-cf", self.root / "image.tar", "."], check=True)
        # Without a default policy file buildah trusts no image, not even one made here.
        (self.root / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self.container = self.made()
        assert self("commit", "--signature-policy", self.root / "policy.json", self.container, "box:1").returncode == 0

    def made(self, *flags, base="scratch"):
        """A working container with the files; its name."""
        made = self("from", "--signature-policy", self.root / "policy.json", *flags, base)
        assert made.returncode == 0, made
        name = made.stdout.decode().strip()
        if base == "scratch":
            added = self("add", name, self.root / "image.tar", "/")
            assert added.returncode == 0, added
        return name

    def words(self, *arguments):
        return ["buildah", "--root", str(self.root / "data"), "--runroot", str(self.root / "run"), "--storage-driver", "vfs", *map(str, arguments)]

    def __call__(self, *arguments):
        return subprocess.run(self.words(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)

    def run(self, *words, flags=(), container=None):
        return self("run", "--runtime", RUNTIME, "--isolation", "oci", *flags, container or self.container, "--", *words)

    def close(self):
        self("rm", "--all")
        subprocess.run(["sh", "-c", f"grep -o '{self.root}[^ ]*' /proc/self/mounts | sort -ru | xargs -r umount -l"], check=False)
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.fixture(scope="module")
def buildah():
    needs("buildah", "buildah")
    buildah = Buildah()
    yield buildah
    buildah.close()


def test_run_gives_output_and_exit_code(buildah):
    result = buildah.run("sh", "-c", "echo hello; exit 9")
    assert (result.returncode, result.stdout) == (9, b"hello\n"), result


def test_a_command_that_cannot_run_is_named(buildah):
    result = buildah.run("nope")
    assert result.returncode != 0 and b"nope" in result.stderr, result


def test_users_capabilities_and_what_is_written_stays(buildah):
    result = buildah.run("sh", "-c", "id -u; id -g; pwd", flags=["--user", "5:6"])
    assert result.stdout.split()[:2] == [b"5", b"6"], result
    all_of_them = buildah.run("sh", "-c", "grep CapBnd /proc/self/status").stdout
    fewer = buildah.run("sh", "-c", "grep CapBnd /proc/self/status", flags=["--cap-drop", "CAP_CHOWN"]).stdout
    assert int(all_of_them.split()[1], 16) & ~int(fewer.split()[1], 16) == 1, (all_of_them, fewer)
    assert buildah.run("sh", "-c", "echo kept > /kept").returncode == 0
    assert buildah.run("cat", "/kept").stdout == b"kept\n"


def test_a_terminal(buildah):
    words = " ".join(buildah.words("run", "--runtime", RUNTIME, "--isolation", "oci", "-t", buildah.container, "--", "tty"))
    result = subprocess.run(["script", "-qec", words, "/dev/null"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60, check=False)
    assert b"/dev/pts/0" in result.stdout, result


def test_limits(buildah):
    container = buildah.made("--ulimit", "nofile=99:99", base="localhost/box:1")
    assert buildah.run("sh", "-c", "ulimit -n", container=container).stdout == b"99\n"


def test_a_filter_of_system_calls(buildah):
    profile = buildah.root / "seccomp.json"
    profile.write_text('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}')
    container = buildah.made("--security-opt", f"seccomp={profile}", base="localhost/box:1")
    result = buildah.run("mkdir", "/made", container=container)
    assert result.returncode != 0 and b"not permitted" in result.stderr, result
    assert buildah.run("mkdir", "/made").returncode == 0


def test_a_user_namespace(buildah):
    container = buildah.made("--userns-uid-map", "0:123456:65536", "--userns-gid-map", "0:123456:65536", base="localhost/box:1")
    result = buildah.run("sh", "-c", "id -u; cat /proc/self/uid_map; stat -c %u /bin/busybox", container=container)
    assert result.stdout.split() == [b"0", b"0", b"123456", b"65536", b"0"], result


def test_an_image_is_built(buildah):
    (buildah.root / "Containerfile").write_text("FROM localhost/box:1\nRUN echo built > /made-by && id -u > /who\nUSER 7\nRUN id -u > /tmp/who\n")
    built = buildah("bud", "--runtime", RUNTIME, "--isolation", "oci", "--signature-policy", buildah.root / "policy.json", "-t", "built:1",
                    "-f", buildah.root / "Containerfile", buildah.root / "run")
    assert built.returncode == 0, built
    container = buildah.made(base="localhost/built:1")
    assert buildah.run("cat", "/made-by", "/who", "/tmp/who", container=container).stdout == b"built\n0\n7\n"
