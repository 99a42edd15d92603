"""Namespaces made, joined and inherited."""

import os
import subprocess

import pytest

from cais_testing import IS_PEER, wait_until


def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def without(*kinds):
    def change(config):
        config["linux"]["namespaces"] = [entry for entry in config["linux"]["namespaces"] if entry["type"] not in kinds]
    return change


@pytest.mark.parametrize("kind,name", [("mount", "mnt"), ("network", "net"), ("uts", "uts"), ("pid", "pid"), ("ipc", "ipc")])
def test_each_kind_is_new_when_listed(runtime, kind, name):
    container = runtime.started("sleep", "1000")
    assert namespace(container.pid, name) != namespace("self", name)


def test_a_kind_that_is_missing_is_inherited(runtime):
    container = runtime.started("sleep", "1000", change=without("ipc", "network"))
    assert namespace(container.pid, "ipc") == namespace("self", "ipc")
    assert namespace(container.pid, "net") == namespace("self", "net")


def test_cgroup_namespace_shows_the_containers_cgroup_as_root(runtime):
    def change(config):
        config["linux"]["namespaces"].append({"type": "cgroup"})
    result = runtime.once("cat", "/proc/self/cgroup", change=change)
    assert [line for line in result.out.splitlines() if ":pids:" in line or line.startswith("0::")]
    assert all(line.endswith(":/") for line in result.out.splitlines() if ":pids:" in line), result.out


@pytest.mark.parametrize("kind,name", [("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("pid", "pid")])
def test_a_namespace_is_joined_by_path(runtime, kind, name):
    first = runtime.started("sleep", "1000")

    def change(config):
        for entry in config["linux"]["namespaces"]:
            if entry["type"] == kind:
                entry["path"] = f"/proc/{first.pid}/ns/{name}"
        if kind == "uts":
            del config["hostname"]
    second = runtime.started("sleep", "1000", change=change)
    assert namespace(second.pid, name) == namespace(first.pid, name)


def test_a_path_of_another_kind_is_refused(runtime):
    def change(config):
        config["linux"]["namespaces"] = [{"type": "network", "path": "/proc/self/ns/uts"}] + [
            entry for entry in config["linux"]["namespaces"] if entry["type"] != "network"]
    result = runtime.once("true", change=change)
    assert result.code != 0 and result.err


def test_a_kind_listed_twice_is_refused(runtime):
    result = runtime.once("true", change=lambda config: config["linux"]["namespaces"].append({"type": "pid"}))
    assert result.code != 0


def user(config):
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]


def test_a_user_namespace_maps_ids(runtime):
    bundle = runtime.bundle("sh", "-c", "id -u; cat /proc/self/uid_map; touch /tmp/made; ls -l /dev/null; cat /dev/null; head -c 1 /dev/zero | wc -c", change=user)
    for directory, names, files in os.walk(bundle.rootfs):
        os.lchown(directory, 100000, 200000)
        for name in names + files:
            os.lchown(os.path.join(directory, name), 100000, 200000)
    os.chmod(runtime.directory, 0o711)
    os.chmod(bundle.path, 0o711)
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.code == 0, result
    lines = result.out.splitlines()
    assert lines[0] == "0" and lines[1].split() == ["0", "100000", "65536"]
    made = os.stat(bundle.rootfs / "tmp/made")
    assert (made.st_uid, made.st_gid) == (100000, 200000)


@pytest.mark.skipif(IS_PEER, reason="the peers need every directory above the root open to the mapped user")
def test_a_user_namespace_works_beneath_closed_directories(runtime):
    def change(config):
        user(config)
        config["mounts"].append({"destination": "/host", "type": "bind", "source": str(runtime.directory / "closed/file"), "options": ["bind", "ro"]})
    (runtime.directory / "closed").mkdir(mode=0o700)
    (runtime.directory / "closed/file").write_text("secret")
    bundle = runtime.bundle("cat", "/host", change=change)
    os.chmod(bundle.path, 0o700)
    for name in ("", "dev", "proc", "sys"):
        os.chown(bundle.rootfs / name, 100000, 200000)
    (bundle.rootfs / "host").touch()
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert (result.code, result.out) == (0, "secret"), result


def test_exec_enters_a_user_namespace(runtime):
    def change(config):
        user(config)
        config["root"]["readonly"] = False
    bundle = runtime.bundle("sleep", "1000", change=change)
    subprocess.run(["chown", "-R", "100000:200000", bundle.rootfs], check=True)
    os.chmod(runtime.directory, 0o711)
    os.chmod(bundle.path, 0o711)
    container = runtime.created(bundle=bundle)
    assert runtime("start", container.name).code == 0
    assert container.exec("sh", "-c", "id -u; hostname").out == "0\nbox\n"


@pytest.mark.skipif(IS_PEER, reason="no peer of this age joins a user namespace and makes the others in it")
def test_a_user_namespace_is_joined_and_others_made_in_it(runtime):
    bundle = runtime.bundle("sleep", "1000", change=user)
    subprocess.run(["chown", "-R", "100000:200000", bundle.rootfs], check=True)
    first = runtime.created(bundle=bundle)

    def change(config):
        config["linux"]["namespaces"].append({"type": "user", "path": f"/proc/{first.pid}/ns/user"})
    second = runtime.bundle("sh", "-c", "id -u; echo $$", change=change)
    subprocess.run(["chown", "-R", "100000:200000", second.rootfs], check=True)
    result = runtime("run", "--bundle", second.path, runtime.name())
    assert (result.code, result.out) == (0, "0\n1\n"), result


@pytest.mark.skipif(IS_PEER, reason="newer than the peers' Debian versions")
def test_a_time_namespace_has_its_offsets(runtime):
    def change(config):
        config["linux"]["namespaces"].append({"type": "time"})
        config["linux"]["timeOffsets"] = {"boottime": {"secs": 1_000_000}, "monotonic": {"secs": 5}}
    up = float(open("/proc/uptime").read().split()[0])
    result = runtime.once("cat", "/proc/uptime", change=change)
    assert float(result.out.split()[0]) > up + 999_000, result


def test_hostname_and_domainname(runtime):
    result = runtime.once("sh", "-c", "hostname; cat /proc/sys/kernel/domainname",
                          change=lambda config: config.update(hostname="other"))
    assert result.out.splitlines()[0] == "other"
    assert runtime.once("true", change=without("uts")).code != 0


def test_sysctls_of_own_namespaces_are_set_and_others_refused(runtime):
    def change(config):
        config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.shmmax": "67108864", "fs.mqueue.msg_max": "20"}
    result = runtime.once("cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/shmmax", "/proc/sys/fs/mqueue/msg_max", change=change)
    assert result.out.split() == ["1", "67108864", "20"], result
    for key in ("kernel.core_pattern", "kernel.shmmax/../core_pattern", "vm.swappiness", "net..ipv4"):
        result = runtime.once("true", change=lambda config, key=key: config["linux"].update(sysctl={key: "1"}))
        assert result.code != 0, key

    def host_network(config):
        without("network")(config)
        config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
    assert runtime.once("true", change=host_network).code != 0
    wait_until("core_pattern is the host's", lambda: "1" != open("/proc/sys/kernel/core_pattern").read().strip())
