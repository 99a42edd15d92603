"""--no-pivot: what was the root must be out of reach, whatever the program may do."""

import json
import os
import shutil
import subprocess
import tempfile
import uuid

import pytest

from cais_testing import CAPABILITIES, IS_PEER

# Walks up from its own root with CAP_SYS_CHROOT: a chroot in a chroot whose working directory stays outside.
CLIMB = """
import os
os.makedirs("/below", exist_ok=True)
outside = os.open("/", os.O_RDONLY)
os.chroot("/below")
os.fchdir(outside)
for _ in range(64):
    os.chdir("..")
os.chroot(".")
print("FOUND" if os.path.exists(MARKER) else "NOT FOUND")
"""

# Takes its own root away with CAP_SYS_ADMIN and enters its mount namespace anew, at what is the root of it then.
UNCOVER = """
import ctypes, os
c = ctypes.CDLL(None, use_errno=True)
namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY)
found = False
for _ in range(4):
    c.umount2(b"/", 2)
    if c.setns(namespace, 0x20000):
        break
    found = found or os.path.exists(MARKER)
print("FOUND" if found else "NOT FOUND")
"""


def with_python(config):
    """The host's file trees that a Python program needs, read-only."""
    for path in ("/usr", "/lib", "/lib64"):
        if os.path.exists(path):
            config["mounts"].append({"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]})


def attacking(runtime, attack, marker, change=None):
    """A bundle whose program attacks."""
    def both(config):
        with_python(config)
        if change:
            change(config)
    bundle = runtime.bundle("/usr/bin/python3", "-I", "-S", "/attack.py", change=both)
    (bundle.rootfs / "attack.py").write_text(f"MARKER = {str(marker)!r}\n{attack}")
    return bundle


def all_capabilities(config):
    everything = CAPABILITIES + [f"CAP_{name}" for name in ("SYS_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH")]
    config["process"]["capabilities"] = {kind: everything for kind in ("bounding", "effective", "permitted")}
    del config["linux"]["maskedPaths"], config["linux"]["readonlyPaths"]


@pytest.fixture
def marker(runtime):
    """A file that exists on the host only."""
    path = runtime.directory / f"marker-{uuid.uuid4().hex}"
    path.write_text("outside")
    return path


def test_a_container_without_pivot_root_runs(runtime):
    result = runtime("run", "--no-pivot", "--bundle", runtime.bundle("sh", "-c", "ls /; pwd").path, runtime.name())
    assert result.code == 0 and "bin" in result.out.split() and result.out.split()[-1] == "/", result


def test_climbing_leads_nowhere(runtime, marker):
    bundle = attacking(runtime, CLIMB, marker)
    result = runtime("run", "--no-pivot", "--bundle", bundle.path, runtime.name())
    assert result.code == 0 and result.out.startswith("NOT FOUND"), result


@pytest.mark.skipif(IS_PEER, reason="an attack that runc lets through: its --no-pivot leaves the old root in the mount namespace")
def test_uncovering_the_root_shows_nothing(runtime, marker):
    bundle = attacking(runtime, UNCOVER, marker, change=all_capabilities)
    result = runtime("run", "--no-pivot", "--bundle", bundle.path, runtime.name())
    assert result.code == 0 and result.out == "NOT FOUND\n", result


@pytest.mark.skipif(IS_PEER, reason="an attack that runc lets through: its --no-pivot leaves the old root in the mount namespace")
def test_no_mount_of_the_host_stays_in_the_namespace(runtime):
    canary = runtime.directory / "canary"
    canary.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "canary", canary], check=True)
    try:
        bundle = runtime.bundle("sleep", "1000")
        name = runtime.name()
        assert runtime("run", "-d", "--no-pivot", "--bundle", bundle.path, name).code == 0
        # A mount that is still held by the container's namespace keeps its file system busy.
        subprocess.run(["umount", canary], check=True)
        seen = subprocess.run(["nsenter", "-t", pid_of(runtime, name), "-m", "cat", "/proc/self/mountinfo"], stdout=subprocess.PIPE, check=False)
        assert b"canary" not in seen.stdout
    finally:
        subprocess.run(["umount", "-q", canary], check=False)


def pid_of(runtime, name):
    return str(json.loads(runtime("state", name).out)["pid"])


class Cage:
    """A directory with the runtime and a bundle in it, to be run with chroot(8): the host is its parent."""

    def __init__(self, runtime, bundle):
        self.path = runtime.directory / "cage"
        for name in ("proc", "sys", "dev", "tmp", "usr", "lib", "lib64", "run"):
            (self.path / name).mkdir(parents=True)
        shutil.copy(runtime.path, self.path / "runtime")
        shutil.copytree(bundle.path, self.path / "bundle", symlinks=True)

    def run(self):
        binds = "; ".join(f"[ -e /{name} ] && mount --rbind /{name} {self.path}/{name}" for name in ("proc", "sys", "dev", "usr", "lib", "lib64"))
        # The shared mounts of a usual host: what happens in the container may not happen outside.
        script = f"mount --make-rshared /; mount --bind {self.path} {self.path}; {binds}; " \
            f"exec chroot {self.path} /runtime --root /run/state run --no-pivot --bundle /bundle caged"
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()


# Goes down to the ramdisk that every Linux root lies on, puts this machine's tree at /mnt of it, and
# runs the rest of its words there. What it changes are mounts of its own namespace.
RAMDISK = """
import ctypes, os, sys
c = ctypes.CDLL(None, use_errno=True)
def check(value):
    if value < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return value
OPEN_TREE, MOVE_MOUNT = 428, 429
def copy(path):
    return check(c.syscall(OPEN_TREE, -100, path, ctypes.c_uint(1 | 0x8000 | 0o2000000)))
def attach(tree, path):
    check(c.syscall(MOVE_MOUNT, tree, b"", -100, path, 4))
check(c.unshare(0x20000))
check(c.mount(None, b"/", None, 0x44000, None))
namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY)
trees = {path: copy(path) for path in (b"/proc", b"/sys", b"/dev")}
whole = copy(b"/")
while os.path.exists(sys.argv[1]):
    check(c.umount2(b"/", 2))
    check(c.setns(namespace, 0x20000))
if not all(os.path.isdir(path) for path in (b"/mnt", *trees)):
    print("no ramdisk with folders here")
    sys.exit(77)
attach(whole, b"/mnt")
for path, tree in trees.items():
    attach(tree, path)
os.execv(sys.argv[2], sys.argv[2:])
"""


def on_ramdisk(runtime, bundle, *flags):
    here = str(runtime.path)
    # Files, since a detached container holds them open.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        done = subprocess.run(["/usr/bin/python3", "-I", "-S", "-c", RAMDISK, here, f"/mnt{here}", "--root", f"/mnt{runtime.root}", "run",
                               "--bundle", f"/mnt{bundle.path}", *flags, runtime.name()],
                              stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=60, check=False)
        out.seek(0)
        err.seek(0)
        if done.returncode == 77:
            pytest.skip(out.read().decode())
        return done.returncode, out.read().decode(), err.read().decode()


@pytest.mark.skipif(IS_PEER, reason="an attack that the peers let through: they attach the root where their own root is")
@pytest.mark.parametrize("attack", [CLIMB, UNCOVER], ids=["climb", "uncover"])
def test_a_runtime_in_a_chroot_gives_no_way_out(runtime, marker, attack):
    cage = Cage(runtime, attacking(runtime, attack, marker, change=all_capabilities if attack is UNCOVER else None))
    code, out, err = cage.run()
    assert code == 0 and out.startswith("NOT FOUND"), (code, out, err)


@pytest.mark.skipif(IS_PEER, reason="a ramdisk has no libraries for a peer")
def test_on_a_ramdisk_pivot_root_cannot_work(runtime):
    code, _, err = on_ramdisk(runtime, runtime.bundle("true"))
    assert code == 1 and "pivot_root" in err, err


@pytest.mark.skipif(IS_PEER, reason="an attack that the peers let through: runc leaves the host's mounts beneath")
@pytest.mark.parametrize("attack", [CLIMB, UNCOVER], ids=["climb", "uncover"])
def test_on_a_ramdisk_nothing_of_the_host_is_in_reach(runtime, marker, attack):
    bundle = attacking(runtime, attack, f"/mnt{marker}", change=all_capabilities if attack is UNCOVER else None)
    for mount in bundle.config["mounts"]:
        if mount["type"] == "bind":
            mount["source"] = "/mnt" + mount["source"]
    bundle.write()
    code, out, err = on_ramdisk(runtime, bundle, "--no-pivot")
    assert code == 0 and out.startswith("NOT FOUND"), (code, out, err)


@pytest.mark.skipif(IS_PEER, reason="as above")
def test_on_a_ramdisk_an_exec_gets_the_same_root(runtime):
    bundle = runtime.bundle("sleep", "1000")
    code, _, err = on_ramdisk(runtime, bundle, "--no-pivot", "--detach")
    assert code == 0, err
    result = runtime("exec", runtime.containers[-1], "ls", "/")
    assert result.code == 0 and set(result.out.split()) == set(os.listdir(bundle.rootfs)), result


PROC = "mount -t proc none /tmp && ls /tmp/sysrq-trigger && echo BARE"


def test_a_user_namespace_inside_gets_no_proc_without_masks(runtime):
    bundle = runtime.bundle("unshare", "-m", "-r", "-p", "-f", "sh", "-c", PROC)
    result = runtime("run", "--no-pivot", "--bundle", bundle.path, runtime.name())
    assert result.code != 0 and "BARE" not in result.out and "mount" in result.err, result


@pytest.mark.skipif(IS_PEER, reason="as above")
def test_on_a_ramdisk_a_user_namespace_inside_gets_no_proc_without_masks(runtime):
    bundle = runtime.bundle("unshare", "-m", "-r", "-p", "-f", "sh", "-c", PROC)
    code, out, err = on_ramdisk(runtime, bundle, "--no-pivot")
    assert code != 0 and "BARE" not in out and "mount" in err, (code, out, err)
