"""What the specification demands of namespaces (config-linux.md, namespaces): made, joined, inherited."""

import os
import subprocess

import pytest

from cais_testing import IS_PEER, wait_until

FILES = {"mount": "mnt", "network": "net", "uts": "uts", "pid": "pid", "ipc": "ipc", "user": "user", "cgroup": "cgroup", "time": "time"}
UNSHARE = {"mount": "-m", "network": "-n", "uts": "-u", "pid": "-p", "ipc": "-i", "user": "-r", "cgroup": "-C", "time": "-T"}


def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{FILES[kind]}")


def listed(kind, path=None):
    """Puts a namespace on the list, or exchanges it."""
    def change(config):
        config["linux"]["namespaces"] = [entry for entry in config["linux"]["namespaces"] if entry["type"] != kind]
        config["linux"]["namespaces"].append({"type": kind, **({"path": path} if path else {})})
        if kind == "uts" and path:
            del config["hostname"]
        if kind == "user" and not path:
            mapped(config)
    return change


def unlisted(*kinds):
    def change(config):
        config["linux"]["namespaces"] = [entry for entry in config["linux"]["namespaces"] if entry["type"] not in kinds]
        if "uts" in kinds:
            del config["hostname"]
    return change


def mapped(config):
    config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]


def created(runtime, change, *args):
    """A created container whose root belongs to whom it is mapped to."""
    bundle = runtime.bundle(*(args or ["sleep", "1000"]), change=change)
    if any(entry["type"] == "user" for entry in bundle.config["linux"]["namespaces"]):
        subprocess.run(["chown", "-R", "100000:200000", bundle.rootfs], check=True)
        for place in (runtime.directory, bundle.path):
            os.chmod(place, 0o711)
    return runtime.created(bundle=bundle)


class Holder:
    """A process in a new namespace of one kind."""

    def __init__(self, kind):
        self.kind = kind
        # A pid or time namespace is its children's.
        words = ["unshare", UNSHARE[kind], *(["--fork"] if kind in ("pid", "time") else []), "sleep", "1000"]
        self.process = subprocess.Popen(words)
        self.path = wait_until("it is in its namespace", self.find)

    def find(self):
        for pid in [self.process.pid, *map(int, open(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read().split())]:
            name = FILES[self.kind]
            if os.readlink(f"/proc/{pid}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}"):
                return f"/proc/{pid}/ns/{name}"
        return None

    def close(self):
        for child in open(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read().split():
            os.kill(int(child), 9)
        self.process.kill()
        self.process.wait()


@pytest.fixture
def holder():
    holders = []

    def make(kind):
        holders.append(Holder(kind))
        return holders[-1]
    yield make
    for one in holders:
        one.close()


@pytest.mark.parametrize("kind", FILES)
def test_a_kind_that_is_listed_without_a_path_is_new(runtime, kind):
    if IS_PEER and kind == "time":
        pytest.skip("config-linux.md: time namespaces came with 1.1.0; Debian's runc is for 1.0.2")
    container = created(runtime, listed(kind))
    assert namespace(container.pid, kind) != namespace("self", kind)


def test_all_kinds_at_once_are_new(runtime):
    def change(config):
        for kind in ("user", "cgroup") + (() if IS_PEER else ("time",)):
            listed(kind)(config)
    container = created(runtime, change)
    for entry in container.bundle.config["linux"]["namespaces"]:
        assert namespace(container.pid, entry["type"]) != namespace("self", entry["type"]), entry


@pytest.mark.parametrize("kind", ["network", "uts", "ipc", "pid", "user", "cgroup", "time"])
def test_a_kind_that_is_not_listed_is_the_runtimes(runtime, kind):
    container = created(runtime, unlisted(kind))
    assert namespace(container.pid, kind) == namespace("self", kind)


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, namespaces: 'If a namespace type is not specified in the namespaces array, the container MUST "
                                    "inherit the runtime namespace of that type'; runc refuses masks then, or leaves its mounts behind")
class TestTheRuntimesMountNamespace:
    """A container without a mount namespace of its own."""

    def test_is_inherited_and_the_container_has_its_root_all_the_same(self, runtime):
        container = created(runtime, unlisted("mount"), "sh", "-c", "ls /; cat /proc/self/comm; stat -f -c %T /dev/shm; touch /inside; sleep 1000")
        assert namespace(container.pid, "mount") == namespace("self", "mount")
        assert runtime("start", container.name).code == 0
        wait_until("it runs", lambda: (container.bundle.rootfs / "inside").exists())
        assert container.output().split() == [*sorted(set(os.listdir(container.bundle.rootfs)) - {"inside"}), "cat", "tmpfs"]
        assert not os.path.exists("/inside")

    def test_has_nothing_more_when_the_container_is_gone(self, runtime):
        before = open("/proc/self/mountinfo").read()
        container = created(runtime, unlisted("mount"))
        assert open("/proc/self/mountinfo").read() != before
        runtime("start", container.name)
        assert runtime("delete", "--force", container.name).code == 0
        assert open("/proc/self/mountinfo").read() == before
        assert (container.bundle.rootfs / "bin/busybox").exists()

    def test_has_nothing_more_after_a_create_that_failed(self, runtime):
        before = open("/proc/self/mountinfo").read()
        for change in (lambda config: config["process"].update(args=["/nonexistent"]),
                       lambda config: config["mounts"].append({"destination": "/x", "type": "nosuchfs", "source": "x"}),
                       lambda config: config.update(hooks={"createContainer": [{"path": "/bin/false"}]})):
            bundle = runtime.bundle("true", change=lambda config, change=change: (unlisted("mount")(config), change(config)))
            name = runtime.name()
            assert runtime("create", "--bundle", bundle.path, name).code != 0
            assert open("/proc/self/mountinfo").read() == before and runtime("state", name).code != 0
            assert (bundle.rootfs / "bin/busybox").exists()

    def test_sees_none_of_its_mounts_in_the_bundle(self, runtime):
        container = created(runtime, unlisted("mount"))
        assert not any(str(container.bundle.path) == line.split()[4] for line in open("/proc/self/mountinfo"))
        assert os.listdir(container.bundle.rootfs / "dev") == []

    def test_exec_has_the_containers_root(self, runtime):
        container = created(runtime, unlisted("mount"))
        runtime("start", container.name)
        result = container.exec("sh", "-c", "ls -d /bin/busybox; ls /usr; pwd")
        assert result.out.split() == ["/bin/busybox", "/"] and "No such file" in result.err, result

    def test_is_as_it_was_when_the_runtime_was_killed(self, runtime):
        before = open("/proc/self/mountinfo").read()
        bundle = runtime.bundle("true", change=lambda config: (
            unlisted("mount")(config), config.update(hooks={"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "1000"]}]})))
        name = runtime.name()
        with subprocess.Popen(runtime.command("create", "--bundle", bundle.path, name), stderr=subprocess.DEVNULL, start_new_session=True) as process:
            wait_until("the tree is there", lambda: open("/proc/self/mountinfo").read() != before)
            wait_until("the hook runs", lambda: b"sleep" in subprocess.run(["ps", "-o", "cmd", "--ppid", str(process.pid)], stdout=subprocess.PIPE, check=False).stdout)
            os.killpg(process.pid, 9)
        wait_until("delete", lambda: runtime("delete", "--force", name).code == 0)
        assert open("/proc/self/mountinfo").read() == before and (bundle.rootfs / "bin/busybox").exists()


@pytest.mark.parametrize("kind", ["network", "uts", "ipc", "pid", "cgroup", "time"])
def test_a_namespace_is_joined_by_its_path(runtime, holder, kind):
    if IS_PEER and kind == "time":
        pytest.skip("config-linux.md: time namespaces came with 1.1.0; Debian's runc is for 1.0.2")
    place = holder(kind).path
    container = created(runtime, listed(kind, place))
    assert namespace(container.pid, kind) == os.readlink(place)
    assert runtime("start", container.name).code == 0
    assert namespace(container.pid, kind) == os.readlink(place)
    result = container.exec("readlink", f"/proc/self/ns/{FILES[kind]}")
    assert result.out.strip() == os.readlink(place), result


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, path: the container is placed in the namespace; runc changes the root of all others in it too")
class TestAJoinedMountNamespace:
    """A container in the mount namespace of somebody else."""

    def test_is_that_of_the_path_and_the_container_has_its_own_root_in_it(self, runtime, holder):
        place = holder("mount").path
        pid = place.split("/")[2]
        container = created(runtime, listed("mount", place), "sh", "-c", "ls -d /bin/busybox /usr; stat -f -c %T /dev/shm; touch /inside; sleep 1000")
        assert namespace(container.pid, "mount") == os.readlink(place) != namespace("self", "mount")
        assert runtime("start", container.name).code == 0
        wait_until("it runs", lambda: (container.bundle.rootfs / "inside").exists())
        assert container.output().split() == ["/bin/busybox", "tmpfs"]
        # Whoever was there before still has the root it had.
        assert os.path.exists(f"/proc/{pid}/root/usr") and os.stat(f"/proc/{pid}/root/").st_ino == os.stat("/").st_ino
        assert container.exec("ls", "-d", "/bin/busybox").code == 0

    def test_has_nothing_more_when_the_container_is_gone(self, runtime, holder):
        place = holder("mount").path
        pid = place.split("/")[2]
        before = open(f"/proc/{pid}/mountinfo").read()
        container = created(runtime, listed("mount", place))
        assert open(f"/proc/{pid}/mountinfo").read() != before
        assert runtime("delete", "--force", container.name).code == 0
        assert open(f"/proc/{pid}/mountinfo").read() == before
        assert (container.bundle.rootfs / "bin/busybox").exists()


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, path: a user namespace may be joined too; no peer of this age makes the others in it")
def test_a_user_namespace_is_joined_by_its_path(runtime):
    first = created(runtime, listed("user"))
    second = created(runtime, listed("user", f"/proc/{first.pid}/ns/user"))
    assert namespace(second.pid, "user") == namespace(first.pid, "user")


@pytest.mark.parametrize("kind", ["network", "uts", "ipc", "pid", "mount", "cgroup", "user"])
def test_a_path_to_another_kind_is_refused(runtime, holder, kind):
    other = "ipc" if kind == "network" else "network"
    place = holder(other).path
    bundle = runtime.bundle("true", change=listed(kind, place))
    name = runtime.name()
    result = runtime("create", "--bundle", bundle.path, name)
    assert result.code != 0 and result.err, result
    assert runtime("state", name).code != 0
    if not IS_PEER:
        assert kind in result.err and place in result.err, result


@pytest.mark.parametrize("path", ["/nonexistent/ns", "/etc/hostname", "/"])
def test_a_path_to_no_namespace_is_refused(runtime, path):
    assert runtime.once("true", change=listed("network", path)).code != 0


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, path: 'This value MUST be an absolute path in the runtime mount namespace'; runc takes any")
@pytest.mark.parametrize("path", ["proc/self/ns/net", "../../proc/self/ns/net", "net"])
def test_a_relative_path_is_refused(runtime, path):
    result = runtime.once("true", change=listed("network", path), cwd="/")
    assert result.code != 0 and "absolute" in result.err, result


@pytest.mark.parametrize("kind", [kind for kind in FILES if kind not in ("time", "user")])
def test_a_kind_listed_twice_is_refused(runtime, kind):
    def change(config):
        listed(kind)(config)
        config["linux"]["namespaces"].append({"type": kind})
    assert runtime.once("true", change=change).code != 0
    with_path = lambda config: (change(config), config["linux"]["namespaces"][-1].update(path=f"/proc/self/ns/{FILES[kind]}"))
    assert runtime.once("true", change=with_path).code != 0


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, user namespace mappings: they are those of the user namespace; runc ignores mappings without one")
@pytest.mark.parametrize("change", [
    lambda config: config["linux"].update(uidMappings=[{"containerID": 0, "hostID": 1, "size": 1}]),
    lambda config: config["linux"]["namespaces"].append({"type": "user"}),
    lambda config: (listed("user")(config), config["linux"].update(uidMappings=[{"containerID": 0, "hostID": 0, "size": 0}])),
], ids=["mappings alone", "namespace alone", "of no size"])
def test_a_user_namespace_and_its_mappings_belong_together(runtime, change):
    assert runtime.once("true", change=change).code != 0


def test_several_mappings_are_all_there(runtime):
    def change(config):
        listed("user")(config)
        config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 10}, {"containerID": 10, "hostID": 300000, "size": 20}]
        config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 10}, {"containerID": 50, "hostID": 400000, "size": 5}]
    container = created(runtime, change)
    rows = {name: [line.split() for line in open(f"/proc/{container.pid}/{name}_map")] for name in ("uid", "gid")}
    assert rows == {"uid": [["0", "100000", "10"], ["10", "300000", "20"]], "gid": [["0", "200000", "10"], ["50", "400000", "5"]]}


@pytest.mark.parametrize("key,value", [("net.ipv4.ip_forward", "1"), ("net.ipv4.ping_group_range", "0\t100"), ("kernel.msgmax", "8192"),
                                       ("kernel.shm_rmid_forced", "1"), ("fs.mqueue.queues_max", "100"), ("net/ipv4/conf/lo/forwarding", "1")])
def test_a_kernel_parameter_of_its_namespaces_is_set_there_alone(runtime, key, value):
    if IS_PEER and "/" in key:
        pytest.skip("sysctl(8): a first slash separates, so that names may have dots; not so for this peer")
    path = "/proc/sys/" + (key if "/" in key else key.replace(".", "/"))
    before = open(path).read()
    result = runtime.once("cat", path, change=lambda config: config["linux"].update(sysctl={key: value}))
    assert result.out.split() == value.split(), result
    assert open(path).read() == before


@pytest.mark.parametrize("key,kind", [("net.ipv4.ip_forward", "network"), ("kernel.msgmax", "ipc"), ("fs.mqueue.queues_max", "ipc")])
def test_a_kernel_parameter_without_its_namespace_is_refused(runtime, key, kind):
    result = runtime.once("true", change=lambda config: (unlisted(kind)(config), config["linux"].update(sysctl={key: "1"})))
    assert result.code != 0, result
