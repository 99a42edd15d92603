"""Network devices of the host that move into a container (config-linux.md, Network Devices). The host's network namespace
here is one of this test's own: the runtime is started in it."""

import contextlib
import json
import os
import subprocess

import pytest

from cais_testing import IS_PEER, busybox, changed, wait_until

pytestmark = pytest.mark.skipif(IS_PEER, reason="netDevices came with specification 1.3, after Debian's peers")


def ip(*words, check=True):
    done = subprocess.run(["ip", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout.decode()


def device(name):
    """What the host sees of a device; None where there is none."""
    shown = subprocess.run(["ip", "-j", "addr", "show", "dev", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return json.loads(shown.stdout)[0] if shown.returncode == 0 else None


@pytest.fixture
def veth():
    """A device `move0` with addresses, and its other end `stay0`."""
    ip("link", "add", "stay0", "type", "veth", "peer", "name", "move0")
    ip("link", "set", "stay0", "up")
    ip("link", "set", "move0", "mtu", "1400", "address", "02:00:00:00:00:07")
    ip("addr", "add", "10.77.0.2/24", "brd", "10.77.0.255", "dev", "move0", "label", "move0:a")
    ip("addr", "add", "10.77.0.3/24", "dev", "move0")
    ip("addr", "add", "fd77::2/64", "dev", "move0", "nodad")
    ip("addr", "add", "10.78.0.2/24", "dev", "move0", "valid_lft", "3600", "preferred_lft", "3600")
    ip("addr", "add", "10.79.0.2/24", "dev", "move0", "scope", "link")
    ip("link", "set", "move0", "up")
    yield "move0"
    for name in ("stay0", "move0"):
        ip("link", "del", name, check=False)


def moving(**devices):
    return lambda config: changed(config, "linux.netDevices", {name: {"name": new} if new else {} for name, new in devices.items()})


def addresses(shown):
    return {(entry["family"], entry["local"], entry["prefixlen"]) for entry in shown["addr_info"] if entry["scope"] == "global"}


WANTED = {("inet", "10.77.0.2", 24), ("inet", "10.77.0.3", 24), ("inet6", "fd77::2", 64)}


def inside(container, *words):
    """`ip` of the host in the container's network namespace: busybox's has no JSON."""
    return json.loads(subprocess.run(["nsenter", "-t", str(container.pid), "-n", "ip", "-j", *words], stdout=subprocess.PIPE, check=True).stdout or "[]")


def test_a_device_moves_with_its_properties_and_is_up(runtime, veth):
    container = runtime.started("sleep", "60", change=moving(move0="eth0"))
    assert device("move0") is None
    there, = inside(container, "addr", "show", "dev", "eth0")
    assert addresses(there) == WANTED
    assert there["mtu"] == 1400 and there["address"] == "02:00:00:00:00:07" and "UP" in there["flags"]
    first = next(entry for entry in there["addr_info"] if entry["local"] == "10.77.0.2")
    assert first["label"] == "eth0:a" and first["broadcast"] == "10.77.0.255"
    ip("addr", "add", "10.77.0.1/24", "dev", "stay0")
    wait_until("the host reaches the container", lambda: subprocess.run(
        [busybox(), "ping", "-c", "1", "-W", "1", "10.77.0.2"], stdout=subprocess.DEVNULL, check=False).returncode == 0)


def test_a_device_keeps_its_name_where_none_is_given(runtime, veth):
    result = runtime.once("ip", "addr", "show", "dev", "move0", change=moving(move0=None))
    assert "10.77.0.2/24" in result.out and "UP" in result.out, result


def test_a_template_lets_the_kernel_choose(runtime, veth):
    container = runtime.started("sleep", "60", change=moving(move0="lan%d"))
    names = {link["ifname"] for link in inside(container, "link")}
    assert len(names) == 2 and all(name == "lo" or name.startswith("lan") and name[3:].isdigit() for name in names), names
    assert addresses(inside(container, "addr", "show", "dev", (names - {"lo"}).pop())[0]) == WANTED


def test_several_devices_move(runtime, veth):
    ip("link", "add", "more0", "type", "veth", "peer", "name", "more1")
    try:
        container = runtime.started("sleep", "60", change=moving(move0="eth0", more0="eth1", more1="eth2"))
        assert {link["ifname"] for link in inside(container, "link")} == {"lo", "eth0", "eth1", "eth2"}
    finally:
        ip("link", "del", "more0", check=False)


@contextlib.contextmanager
def namespace():
    """A network namespace that a process holds."""
    holder = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    try:
        wait_until("it is in its namespace", lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        yield holder
    finally:
        holder.kill()
        holder.wait()


def joining(holder, devices):
    def apply(config):
        moving(**devices)(config)
        config["linux"]["namespaces"] = [kind for kind in config["linux"]["namespaces"] if kind["type"] != "network"]
        config["linux"]["namespaces"].append({"type": "network", "path": f"/proc/{holder.pid}/ns/net"})
    return apply


def test_a_device_moves_into_a_namespace_that_is_joined(runtime, veth):
    with namespace() as holder:
        result = runtime.once("ip", "addr", "show", "dev", "eth0", change=joining(holder, {"move0": "eth0"}))
        assert "10.77.0.2/24" in result.out, result
        # The namespace is not the container's: the device stays in it, and nothing takes it out.
        there = subprocess.run(["nsenter", "-t", str(holder.pid), "-n", "ip", "-j", "addr", "show", "dev", "eth0"], stdout=subprocess.PIPE, check=True)
        assert addresses(json.loads(there.stdout)[0]) == WANTED


def test_a_name_that_is_taken_is_an_error_and_nothing_has_moved(runtime, veth):
    before = device("move0")
    with namespace() as holder:
        subprocess.run(["nsenter", "-t", str(holder.pid), "-n", "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth9"], check=True)
        result = runtime.once("true", change=joining(holder, {"move0": "eth0"}))
        assert result.code != 0 and "move network device move0: the container has a device eth0 already" in result.err, result
        assert device("move0") == before
        result = runtime.once("true", change=joining(holder, {"move0": "eth%d"}))
        assert result.code == 0, result


def test_a_device_that_is_not_there_is_named(runtime):
    result = runtime.once("true", change=moving(nowhere0="eth0"))
    assert result.code != 0 and "move network device nowhere0: there is no such device" in result.err, result


def test_a_device_that_cannot_move_is_named(runtime):
    result = runtime.once("true", change=moving(lo="lo1"))
    assert result.code != 0 and "move network device lo" in result.err, result


def test_what_fails_later_gives_the_devices_back_as_they_were(runtime, veth):
    before = device("move0")

    def change(config):
        moving(move0="eth0")(config)
        config["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}
    assert runtime.once("true", change=change).code != 0
    after = device("move0")
    assert after is not None and "UP" in after["flags"] and addresses(after) == WANTED
    assert (after["mtu"], after["address"]) == (before["mtu"], before["address"])


def test_without_a_network_namespace_there_is_nowhere_to_move_to(runtime, veth):
    def change(config):
        moving(move0="eth0")(config)
        config["linux"]["namespaces"] = [kind for kind in config["linux"]["namespaces"] if kind["type"] != "network"]
        config["mounts"] = [mount for mount in config["mounts"] if mount["type"] != "sysfs"]
    result = runtime.once("true", change=change)
    assert result.code != 0 and "linux.netDevices" in result.err, result
    assert device("move0") is not None


def test_sysctls_of_a_moved_device_are_set(runtime, veth):
    def change(config):
        moving(move0="eth0")(config)
        config["linux"]["sysctl"] = {"net.ipv4.conf.eth0.forwarding": "1"}
    result = runtime.once("cat", "/proc/sys/net/ipv4/conf/eth0/forwarding", change=change)
    assert result.out == "1\n", result


def test_a_device_moves_into_a_user_namespaces_network(runtime, veth):
    def change(config):
        moving(move0="eth0")(config)
        config["linux"]["namespaces"].append({"type": "user"})
        config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        config["mounts"] = [mount for mount in config["mounts"] if mount["type"] == "proc"]
    bundle = runtime.bundle("ip", "addr", "show", "dev", "eth0", change=change)
    for path in (runtime.directory, bundle.path):
        path.chmod(0o711)
    for name in ("", "dev", "proc", "sys"):
        os.chown(bundle.rootfs / name, 100000, 100000)
    result = runtime.run("run", "--bundle", bundle.path, runtime.name())
    assert "10.77.0.2/24" in result.out and "UP" in result.out, result
