"""Real root makes containers whose ids are others on the host."""

import os
import subprocess

import pytest

from cais_testing import CGROUP_PARENT, IS_PEER, CAPABILITIES, changed, make_rootfs, wait_until

FIRST_UID, FIRST_GID = 100000, 200000


def mapped(config, size=65536):
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": FIRST_UID, "size": size}]
    config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": FIRST_GID, "size": size}]


def owned(runtime, *args, change=None, directory=None):
    """A bundle whose root file system belongs to the mapped root."""
    def both(config):
        mapped(config)
        if change:
            change(config)
    bundle = runtime.bundle(*args, change=both)
    subprocess.run(["chown", "-R", f"{FIRST_UID}:{FIRST_GID}", bundle.rootfs], check=True)
    os.chmod(runtime.directory, 0o711)
    os.chmod(bundle.path, 0o711)
    return bundle


def ran(runtime, *args, change=None):
    return runtime("run", "--bundle", owned(runtime, *args, change=change).path, runtime.name())


def allow_mounts(config):
    for kind in ("bounding", "effective", "permitted"):
        config["process"]["capabilities"][kind] = [*CAPABILITIES, "CAP_SYS_ADMIN"]


@pytest.fixture
def shared(runtime):
    """A place whose mounts the host shares, as systemd has it for the whole machine."""
    place = runtime.directory / "shared"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=711", "tmpfs", place], check=True)
    subprocess.run(["mount", "--make-shared", place], check=True)
    yield place
    subprocess.run(["umount", "-R", "-l", place], check=True)


@pytest.mark.parametrize("options", [["rbind"], ["rbind", "rshared"], ["bind", "rslave"]])
def test_what_a_mapped_root_mounts_stays_inside(runtime, shared, options):
    if IS_PEER and "rshared" in options:
        pytest.skip("runc makes its own root mount shared for that and fails")
    (shared / "data").mkdir()
    os.chown(shared / "data", FIRST_UID, FIRST_GID)

    def change(config):
        allow_mounts(config)
        config["mounts"].append({"destination": "/data", "type": "bind", "source": str(shared / "data"), "options": options})
    bundle = owned(runtime, "sh", "-c", "mkdir -p /data/x /tmp/x && mount -t tmpfs t /data/x && mount -t tmpfs t /tmp/x && grep -c /x /proc/self/mountinfo; exec sleep 1000", change=change)
    moved = shared / "bundle"
    moved.mkdir(mode=0o711)
    make_rootfs(moved / "rootfs")
    subprocess.run(["chown", "-R", f"{FIRST_UID}:{FIRST_GID}", moved / "rootfs"], check=True)
    (moved / "config.json").write_text((bundle.path / "config.json").read_text())
    before = open("/proc/self/mountinfo").read()
    bundle.path = moved
    container = runtime.created(bundle=bundle)
    assert runtime("start", container.name).code == 0
    wait_until("it has mounted", lambda: container.output() == "2\n")
    assert open("/proc/self/mountinfo").read() == before


@pytest.mark.skipif(IS_PEER, reason="its own mounts in the container are private there")
def test_what_the_host_mounts_later_arrives(runtime, shared):
    (shared / "data/late").mkdir(parents=True)

    def change(config):
        config["mounts"].append({"destination": "/data", "type": "bind", "source": str(shared / "data"), "options": ["rbind"]})
    container = runtime.created(bundle=owned(runtime, "sleep", "1000", change=change))
    assert runtime("start", container.name).code == 0
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", shared / "data/late"], check=True)
    assert "/data/late" in container.exec("cat", "/proc/self/mountinfo").out


def test_sources_that_only_root_reaches_are_opened_before(runtime):
    secret = runtime.directory / "secret"
    secret.mkdir(mode=0o700)
    (secret / "file").write_text("of root's\n")

    def change(config):
        config["mounts"].append({"destination": "/secret", "type": "bind", "source": str(secret / "file"), "options": ["bind", "ro"]})
    result = ran(runtime, "cat", "/secret", change=change)
    if IS_PEER:
        pytest.skip("the peers need every directory above the source open to the mapped user")
    assert (result.code, result.out) == (0, "of root's\n"), result


def test_devices_work_and_are_no_others(runtime):
    def change(config):
        config["linux"]["devices"] = [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": 0o600}]
    result = ran(runtime, "sh", "-c", "head -c 3 /dev/zero | wc -c; stat -c %t:%T /dev/null /dev/kmsg; mknod /tmp/x b 254 0", change=change)
    assert result.out.split() == ["3", "1:3", "1:b"] and result.code == 1, result


def test_sysctls_of_its_own_namespaces_are_set(runtime):
    def change(config):
        config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.shmmax": "67108864", "fs.mqueue.msg_max": "20"}
    result = ran(runtime, "cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/shmmax", "/proc/sys/fs/mqueue/msg_max", change=change)
    assert result.out.split() == ["1", "67108864", "20"], result


@pytest.mark.skipif(IS_PEER, reason="Debian's runc knows no idmap")
def test_an_id_mapped_mount_has_the_owners_that_the_container_knows(runtime):
    data = runtime.directory / "data"
    data.mkdir()
    (data / "file").write_text("x")

    def change(config):
        config["mounts"].append({"destination": "/data", "type": "bind", "source": str(data), "options": ["bind", "idmap"]})
    result = ran(runtime, "sh", "-c", "stat -c %u:%g /data/file && touch /data/made", change=change)
    assert (result.code, result.out) == (0, "0:0\n"), result
    assert (os.stat(data / "made").st_uid, os.stat(data / "made").st_gid) == (0, 0)


def test_exec_takes_users_groups_and_limits(runtime):
    container = runtime.created(bundle=owned(runtime, "sleep", "1000"))
    assert runtime("start", container.name).code == 0
    result = container.exec("sh", "-c", "id -u; id -g; id -G; cat /proc/self/uid_map", flags=["--user", "5:6", "--additional-gids", "7"])
    assert result.out.split() == ["5", "6", "6", "7", "0", str(FIRST_UID), "65536"], result
    assert CGROUP_PARENT in open(f"/proc/{container.pid}/cgroup").read()
    assert container.exec("sh", "-c", "echo $$ > /tmp/pid; id -u").out == "0\n"
    made = os.stat(container.bundle.rootfs / "tmp/pid")
    assert (made.st_uid, made.st_gid) == (FIRST_UID, FIRST_GID)


def test_a_container_that_waits_is_entered_by_root(runtime):
    container = runtime.created(bundle=owned(runtime, "true"))
    assert container.exec("id", "-u").out == "0\n"


def test_a_score_below_the_callers_is_set_for_it(runtime):
    now = int(open("/proc/self/oom_score_adj").read())
    result = ran(runtime, "cat", "/proc/self/oom_score_adj", change=lambda config: changed(config, "process.oomScoreAdj", now + 100))
    assert result.out == f"{now + 100}\n", result


@pytest.mark.skipif(IS_PEER, reason="runc 1.1 says `no space left on device` or `invalid argument`")
def test_a_map_that_the_kernel_refuses_is_an_error_and_leaves_nothing(runtime):
    def change(config):
        config["linux"]["uidMappings"].append({"containerID": 0, "hostID": 5, "size": 1})
    result = ran(runtime, "true", change=change)
    assert result.code == 1 and "uid_map" in result.err, result


@pytest.mark.skipif(IS_PEER, reason="the specification leaves it to the runtime")
@pytest.mark.skipif(any("cgroup2" not in line for line in open("/proc/self/mounts") if line.split()[2].startswith("cgroup")),
                    reason="config-linux.md: not where cgroup v1 is in use")
@pytest.mark.parametrize("options", [["rw"], ["ro"]])
def test_a_writable_cgroup_is_the_mapped_users_own(runtime, options):
    def change(config):
        config["linux"]["namespaces"].append({"type": "cgroup"})
        next(entry for entry in config["mounts"] if entry["type"] == "cgroup")["options"] = options
    result = ran(runtime, "sh", "-c", "cd /sys/fs/cgroup; stat -c %u . cgroup.procs pids.max; mkdir inner && rmdir inner", change=change)
    owners = ["0", "0", "65534"] if options == ["rw"] else ["65534"] * 3
    assert (result.out.split(), result.code) == (owners, 0 if options == ["rw"] else 1), result
