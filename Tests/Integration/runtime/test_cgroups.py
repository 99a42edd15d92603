"""The contract of a container's cgroup, the same on v1, on v2 and on both side by side: where it is made, who is in
it, what each limit becomes, freezing, killing, ownership, and that nothing of it is left."""

import contextlib
import json
import os
import signal
import subprocess
import uuid

import pytest

import cgroup_files
from cais_testing import CGROUP_PARENT, IS_PEER, busybox, cgroup_hierarchies, cgroups, changed, processes, wait_until
from cgroup_files import ALLOWED, DENIED, NO_LIMIT, Cgroup, open_device, version

MEBIBYTE = 1 << 20
only_here = pytest.mark.skipif(IS_PEER, reason="a promise of this runtime's own")
needs_v1 = pytest.mark.skipif(cgroup_files.only_v2(), reason="needs a v1 hierarchy")
needs_v2_alone = pytest.mark.skipif(not cgroup_files.only_v2(), reason="needs v2 without v1")


def needs(controller):
    return pytest.mark.skipif(version(controller) is None, reason=f"no {controller} controller")


def own(container):
    return Cgroup(container.bundle.config["linux"]["cgroupsPath"])


def placed(runtime, path, *args):
    """A running container with its cgroup at a path, and that cgroup."""
    container = runtime.started(*(args or ("sleep", "1000")), change=lambda config: config["linux"].update(cgroupsPath=path))
    return container, Cgroup(path)


def limited(runtime, *args, **resources):
    """A running container with these limits, and its cgroup."""
    container = runtime.started(*(args or ("sleep", "1000")), change=lambda config: config["linux"]["resources"].update(resources))
    return container, own(container)


def refused(runtime, **resources):
    """What is said where these limits cannot be; nothing of the container is left."""
    bundle = runtime.bundle("true", change=lambda config: config["linux"]["resources"].update(resources))
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.code != 0, result
    assert not Cgroup(bundle.config["linux"]["cgroupsPath"]).existing()
    return result.err


def without_pid_namespace(config):
    config["linux"]["namespaces"] = [entry for entry in config["linux"]["namespaces"] if entry["type"] != "pid"]


def writable_cgroup(config):
    """A cgroup namespace and a mount of the hierarchies that can be written to."""
    config["linux"]["namespaces"].append({"type": "cgroup"})
    for mount in config["mounts"]:
        if mount["type"] == "cgroup":
            mount["options"] = ["nosuid", "noexec", "nodev", "rw"]


# -- where it is --------------------------------------------------------------------------------

def test_an_absolute_path_counts_from_the_root_of_every_hierarchy(runtime):
    path = f"{CGROUP_PARENT}/{uuid.uuid4().hex[:8]}"
    container, cgroup = placed(runtime, path)
    assert cgroup.existing() == cgroup.directories()
    assert {p for p in cgroup_files.of(container.pid).values() if p} == {path.strip("/")}
    assert runtime("delete", "--force", container.name).code == 0
    assert not cgroup.existing()


@only_here
def test_a_relative_path_counts_from_the_callers_own_cgroup(runtime):
    """On v2 it begins beside that: a cgroup with processes, the caller, can give no controllers to those beneath it."""
    name = f"cais-test-{uuid.uuid4().hex[:8]}"
    container, _ = placed(runtime, f"{name}/x")
    mine, found = cgroup_files.of("self"), cgroup_files.of(container.pid)
    for controller, path in mine.items():
        base = os.path.dirname(path) if controller == "unified" else path
        assert found[controller] == f"{base}/{name}/x".strip("/")
    assert runtime("delete", "--force", container.name).code == 0
    for hierarchy in cgroup_hierarchies():
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(f"{hierarchy}/{name}")


@only_here
def test_without_a_path_it_is_named_after_the_container(runtime):
    container = runtime.started("sleep", "1000", change=lambda config: config["linux"].pop("cgroupsPath"))
    assert f"cais/{container.name}" in cgroup_files.of(container.pid).values()
    assert runtime("delete", "--force", container.name).code == 0
    assert not Cgroup(f"cais/{container.name}").existing()


def test_a_path_that_climbs_ends_beneath_the_root(runtime):
    container, _ = placed(runtime, f"/../../{CGROUP_PARENT.strip('/')}/x/../../{CGROUP_PARENT.strip('/')}/climbed")
    assert f"{CGROUP_PARENT.strip('/')}/climbed" in cgroup_files.of(container.pid).values()


@only_here
def test_cgroups_made_on_the_way_are_removed_with_the_last_container_in_them(runtime):
    parent = f"{CGROUP_PARENT}/{uuid.uuid4().hex[:8]}"
    for hierarchy in cgroup_hierarchies():
        os.makedirs(hierarchy + parent, exist_ok=True)
    first, _ = placed(runtime, f"{parent}/made/also/one")
    second, _ = placed(runtime, f"{parent}/made/also/two")
    assert runtime("delete", "--force", first.name).code == 0
    assert Cgroup(f"{parent}/made/also/two").existing() and not Cgroup(f"{parent}/made/also/one").existing()
    assert runtime("delete", "--force", second.name).code == 0
    assert not Cgroup(f"{parent}/made").existing(), "the runtime made it"
    assert Cgroup(parent).existing(), "the runtime did not make it"
    for directory in Cgroup(parent).existing():
        directory.rmdir()


@only_here
def test_a_failed_create_leaves_no_cgroup_made_on_the_way(runtime):
    parent = f"{CGROUP_PARENT}/{uuid.uuid4().hex[:8]}"
    for hierarchy in cgroup_hierarchies():
        os.makedirs(hierarchy + CGROUP_PARENT, exist_ok=True)
    result = runtime.once("/no/such/program", change=lambda config: config["linux"].update(cgroupsPath=f"{parent}/deep/x"))
    assert result.code != 0
    assert not Cgroup(parent).existing()


@only_here
def test_containers_that_come_and_go_side_by_side_share_what_is_made_on_the_way(runtime):
    """One's delete removes the cgroup above while another's create wants to use it."""
    parent = f"{CGROUP_PARENT}/{uuid.uuid4().hex[:8]}/shared"
    bundles = [runtime.bundle("true", change=lambda config, n=n: config["linux"].update(cgroupsPath=f"{parent}/{n}")) for n in range(4)]
    for _ in range(4):
        running = [subprocess.Popen(runtime.command("run", "--bundle", bundle.path, runtime.name()), stderr=subprocess.PIPE) for bundle in bundles]
        ends = [(process.communicate(timeout=60)[1], process.returncode) for process in running]
        assert all(code == 0 for _, code in ends), ends
    assert not Cgroup(os.path.dirname(parent)).existing()


# -- one that is there already ------------------------------------------------------------------

@contextlib.contextmanager
def prepared(path):
    """A cgroup that somebody else made in every hierarchy."""
    cgroup = Cgroup(path)
    for directory in cgroup.directories():
        directory.mkdir(parents=True)
        if (directory / "cpuset.mems").exists() and version("cpuset") == 1:
            for above in (directory.parent, directory):
                for file in ("cpuset.cpus", "cpuset.mems"):
                    if not (above / file).read_text().strip():
                        (above / file).write_text((above.parent / file).read_text())
    try:
        yield cgroup
    finally:
        for directory in cgroup.existing():
            directory.rmdir()


@only_here
def test_one_that_is_there_and_empty_is_used_and_stays(runtime):
    """`delete`: "Note that resources associated with the container, but not created by this container, MUST NOT be deleted." """
    with prepared(f"{CGROUP_PARENT}/{uuid.uuid4().hex[:8]}") as cgroup:
        container, _ = placed(runtime, f"/{cgroup.path}", "sh", "-c", "sleep 1000")
        assert container.pid in cgroup.processes()
        assert runtime("delete", "--force", container.name).code == 0
        assert cgroup.existing() == cgroup.directories() and not cgroup.processes()


@only_here
@pytest.mark.parametrize("inner", ["", "inner"])
def test_one_with_processes_is_refused_and_they_stay(runtime, inner):
    """runc 1.1 only warns."""
    with prepared(f"{CGROUP_PARENT}/{uuid.uuid4().hex[:8]}") as cgroup:
        holder = subprocess.Popen([busybox(), "sleep", "1000"])
        directory = cgroup.directory("pids") / inner
        directory.mkdir(exist_ok=True)
        (directory / "cgroup.procs").write_text(str(holder.pid))
        result = runtime.once("true", change=lambda config: config["linux"].update(cgroupsPath=f"/{cgroup.path}"))
        assert result.code != 0 and "processes" in result.err
        assert holder.poll() is None and cgroup.existing() == cgroup.directories()
        holder.kill()
        holder.wait()
        if inner:
            wait_until("removable", lambda: not directory.rmdir())


def test_one_that_is_frozen_is_refused(runtime):
    """"A frozen cgroup: runtimes MUST generate an error when checked." """
    with prepared(f"{CGROUP_PARENT}/{uuid.uuid4().hex[:8]}") as cgroup:
        file = cgroup.directory("freezer") / "freezer.state" if version("freezer") == 1 else cgroup.directory("unified") / "cgroup.freeze"
        file.write_text("FROZEN" if version("freezer") == 1 else "1")
        result = runtime.once("true", change=lambda config: config["linux"].update(cgroupsPath=f"/{cgroup.path}"), timeout=30)
        file.write_text("THAWED" if version("freezer") == 1 else "0")
        assert result.code != 0 and "frozen" in result.err
        for directory in cgroup.directories():
            directory.mkdir(exist_ok=True)


# -- who is in it -------------------------------------------------------------------------------

def test_init_its_children_and_added_processes_are_in_it_in_every_hierarchy(runtime):
    container = runtime.started("sh", "-c", "sleep 999 & wait")
    cgroup = own(container)
    wait_until("a child", lambda: len(cgroup.processes()) == 2)
    added = subprocess.Popen(runtime.command("exec", container.name, "sleep", "998"))
    wait_until("an added process", lambda: len(cgroup.processes()) == 3)
    for pid in cgroup.processes():
        assert {path for name, path in cgroup_files.of(pid).items() if path} == {cgroup.path}
    for directory in cgroup.existing():
        assert len((directory / "cgroup.procs").read_text().split()) == 3
    runtime("kill", container.name, "KILL")
    added.wait(timeout=20)


# -- limits -------------------------------------------------------------------------------------

def test_memory_with_swap_and_reservation(runtime):
    _, cgroup = limited(runtime, memory={"limit": 64 * MEBIBYTE, "swap": 96 * MEBIBYTE, "reservation": 32 * MEBIBYTE})
    assert (cgroup.memory, cgroup.memory_and_swap, cgroup.reservation) == (64 * MEBIBYTE, 96 * MEBIBYTE, 32 * MEBIBYTE)


def test_memory_and_no_swap_at_all(runtime):
    _, cgroup = limited(runtime, memory={"limit": 64 * MEBIBYTE, "swap": 64 * MEBIBYTE})
    assert cgroup.memory_and_swap == 64 * MEBIBYTE


def test_memory_without_a_limit(runtime):
    _, cgroup = limited(runtime, memory={"limit": -1, "swap": -1})
    assert (cgroup.memory, cgroup.memory_and_swap) == (NO_LIMIT, NO_LIMIT)


@needs_v1
def test_memory_settings_of_v1_alone(runtime):
    _, cgroup = limited(runtime, memory={"limit": 64 * MEBIBYTE, "kernelTCP": 8 * MEBIBYTE, "swappiness": 7, "disableOOMKiller": True})
    assert cgroup.amount(cgroup.read("memory", "memory.kmem.tcp.limit_in_bytes")) == (NO_LIMIT if IS_PEER else 8 * MEBIBYTE)
    assert cgroup.read("memory", "memory.swappiness") == "7"
    assert cgroup.read("memory", "memory.oom_control").startswith("oom_kill_disable 1")


@needs_v2_alone
@only_here
@pytest.mark.parametrize("resources", [
    {"memory": {"swappiness": 7}}, {"memory": {"disableOOMKiller": True}}, {"memory": {"kernelTCP": 4096}},
    {"cpu": {"realtimeRuntime": 1000}}, {"blockIO": {"leafWeight": 100}}, {"network": {"classID": 1}}], ids=str)
def test_what_only_v1_has_is_refused_on_v2(runtime, resources):
    (controller, settings), = resources.items()
    assert "v1" in (message := refused(runtime, **resources)) or "no net_cls" in message, message
    assert next(iter(settings)) in message or "net_cls" in message


def test_kernel_memory_is_ignored_as_kernels_do(runtime):
    container, _ = limited(runtime, memory={"limit": 64 * MEBIBYTE, "kernel": 16 * MEBIBYTE})
    assert container.status() == "running"


def test_processor_time(runtime):
    _, normal = limited(runtime)
    _, cgroup = limited(runtime, cpu={"shares": 512, "quota": 30_000, "period": 60_000})
    assert cgroup.quota == (30_000, 60_000) and 0 < cgroup.shares < normal.shares
    _, more = limited(runtime, cpu={"shares": 4096})
    assert more.shares > normal.shares


@only_here
def test_normal_shares_are_the_normal_weight(runtime):
    """On v2 a straight line from shares to weights would halve what a container gets beside its siblings."""
    _, normal = limited(runtime)
    _, cgroup = limited(runtime, cpu={"shares": 1024})
    assert cgroup.shares == normal.shares


@only_here
def test_burst_and_idle(runtime):
    _, cgroup = limited(runtime, cpu={"quota": 30_000, "period": 60_000, "burst": 10_000})
    assert cgroup.burst == 10_000
    _, cgroup = limited(runtime, cpu={"idle": 1, "shares": 512})
    assert cgroup.idle == 1


def test_processors_and_nodes(runtime):
    container, cgroup = limited(runtime, cpu={"cpus": "0", "mems": "0"})
    assert cgroup.processors == "0" and cgroup.read("cpuset", "cpuset.mems") == "0"
    status = open(f"/proc/{container.pid}/status").read()
    assert "Cpus_allowed_list:\t0\n" in status


@pytest.mark.parametrize("cpu", [{"cpus": "9999"}, {"cpus": "x"}, {"mems": "77"}], ids=str)
def test_processors_the_machine_has_not_are_refused(runtime, cpu):
    assert "cpuset" in refused(runtime, cpu=cpu)


def test_the_number_of_processes_holds(runtime):
    _, cgroup = limited(runtime, pids={"limit": 5})
    assert cgroup.pids == 5
    result = runtime.once("sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 100 & done; echo all", change=lambda config: changed(config, "linux.resources.pids", {"limit": 5}))
    assert "all" not in result.out and "fork" in result.err
    _, cgroup = limited(runtime, pids={"limit": -1})
    assert cgroup.pids == NO_LIMIT


def test_block_device_weight(runtime):
    container, cgroup = limited(runtime)
    names = ("blkio.bfq.weight", "blkio.weight") if version("blkio") == 1 else ("io.bfq.weight", "io.weight")
    present = [name for name in names if cgroup.has("blkio", name)]
    if not present:
        assert "weight" in refused(runtime, blockIO={"weight": 300})
        return
    _, cgroup = limited(runtime, blockIO={"weight": 300})
    # v2's general file has 1 to 10000 for v1's and BFQ's 10 to 1000.
    expected = str(1 + 290 * 9999 // 990) if present[0] == "io.weight" else "300"
    assert cgroup.read("blkio", present[0]).splitlines()[0].split()[-1] == expected


@pytest.mark.skipif(not cgroup_files.block_device(), reason="no block device")
def test_block_device_rates(runtime):
    device = cgroup_files.block_device()
    major, minor = map(int, device.split(":"))
    rate = lambda value: [{"major": major, "minor": minor, "rate": value}]
    _, cgroup = limited(runtime, blockIO={
        "throttleReadBpsDevice": rate(1 << 20), "throttleWriteBpsDevice": rate(2 << 20), "throttleReadIOPSDevice": rate(300), "throttleWriteIOPSDevice": rate(400)})
    if version("blkio") == 2:
        assert cgroup.read("io", "io.max") == f"{device} rbps={1 << 20} wbps={2 << 20} riops=300 wiops=400"
        return
    for file, value in (("read_bps", 1 << 20), ("write_bps", 2 << 20), ("read_iops", 300), ("write_iops", 400)):
        assert cgroup.read("blkio", f"blkio.throttle.{file}_device") == f"{device} {value}"


def test_a_rate_for_no_device_is_refused(runtime):
    assert "4095:77" in refused(runtime, blockIO={"throttleReadBpsDevice": [{"major": 4095, "minor": 77, "rate": 1}]})


@needs("hugetlb")
@pytest.mark.skipif(IS_PEER and version("hugetlb") == 2 and not cgroup_files.only_v2(), reason="peers know no v2 controller beside v1")
def test_huge_pages(runtime):
    _, cgroup = limited(runtime, hugepageLimits=[{"pageSize": "2MB", "limit": 8 * MEBIBYTE}])
    assert cgroup.read("hugetlb", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max") == str(8 * MEBIBYTE)
    assert cgroup.read("hugetlb", "hugetlb.2MB.rsvd.limit_in_bytes", "hugetlb.2MB.rsvd.max") == str(8 * MEBIBYTE)


@only_here
@needs("hugetlb")
def test_huge_pages_of_a_size_the_kernel_has_not_are_refused(runtime):
    assert "3MB" in refused(runtime, hugepageLimits=[{"pageSize": "3MB", "limit": 1}])


@only_here
def test_rdma_of_a_device_that_is_not_there_is_refused(runtime):
    assert "rdma" in refused(runtime, rdma={"nosuch0": {"hcaHandles": 3, "hcaObjects": 10}})


@pytest.mark.skipif(version("unified") is None, reason="no v2 hierarchy")
@pytest.mark.skipif(IS_PEER and not cgroup_files.only_v2(), reason="peers know no v2 controller beside v1")
def test_files_of_v2_are_written_as_they_are(runtime):
    if cgroup_files.only_v2():
        _, cgroup = limited(runtime, unified={"memory.high": str(50 * MEBIBYTE), "pids.max": "33", "cgroup.max.depth": "4"})
        assert cgroup.read("memory", "memory.high") == str(50 * MEBIBYTE) and cgroup.pids == 33
    else:
        _, cgroup = limited(runtime, unified={"hugetlb.2MB.max": "0", "cgroup.max.depth": "4"})
        assert cgroup.read("hugetlb", "hugetlb.2MB.max") == "0"
    assert cgroup.read("unified", "cgroup.max.depth") == "4"


@only_here
@pytest.mark.parametrize("file", ["cgroup.procs", "../pids.max", "a/b", "nodot", "net_cls.x", "pids.nosuch"])
def test_files_of_v2_that_are_no_limits_are_refused(runtime, file):
    assert file in refused(runtime, unified={file: "1"})


def test_running_out_of_memory_kills_and_is_counted(runtime):
    container = runtime.started("sh", "-c", "tail /dev/zero; echo ended; sleep 1000", change=lambda config: changed(
        config, "linux.resources.memory", {"limit": 16 * MEBIBYTE, "swap": 16 * MEBIBYTE}))
    wait_until("the end of the greedy one", lambda: "ended" in container.output())
    assert own(container).table("memory", "memory.oom_control", "memory.events")["oom_kill"] == 1
    assert container.status() == "running"


def test_init_that_runs_out_of_memory_is_killed(runtime):
    result = runtime.once("tail", "/dev/zero", change=lambda config: changed(config, "linux.resources.memory", {"limit": 16 * MEBIBYTE, "swap": 16 * MEBIBYTE}))
    assert result.code == 137


@only_here
@pytest.mark.parametrize("limit", [4096, 32768, 65536])
def test_a_memory_limit_too_small_for_init_itself_is_said_and_nothing_is_left(runtime, limit):
    message = refused(runtime, memory={"limit": limit, "swap": limit})
    assert "memory limit too small" in message and str(limit) in message and "in use" in message, message


@only_here
@needs_v1
def test_a_small_limit_without_the_killer_does_not_hang_the_runtime(runtime):
    message = refused(runtime, memory={"limit": 65536, "swap": 65536, "disableOOMKiller": True})
    assert "memory limit too small" in message


# -- devices ------------------------------------------------------------------------------------

def with_devices(runtime, *rules):
    devices = []
    for rule in rules:
        verb, *rest = rule.split()
        device = {"allow": verb == "allow", "access": "rwm"}
        if rest:
            kind, numbers, access = rest
            device.update(type=kind, access=access)
            device.update({name: int(value) for name, value in zip(("major", "minor"), numbers.split(":")) if value != "*"})
        devices.append(device)
    return runtime.started("sleep", "1000", change=lambda config: changed(config, "linux.resources.devices", devices))


def test_device_rules_apply_in_order_to_nothing(runtime):
    container = with_devices(runtime, "deny", "allow c 60:1 r", "allow c 60:2 rwm", "allow c 61:* rwm", "deny c 60:2 w")
    assert open_device(container, 60, 1) == ALLOWED
    assert open_device(container, 60, 1, ">") == DENIED
    assert open_device(container, 60, 2) == ALLOWED
    assert open_device(container, 60, 2, ">") == DENIED
    assert open_device(container, 61, 9, ">") == ALLOWED
    assert open_device(container, 62, 0) == DENIED
    assert open_device(container, 60, 1, kind="b") == DENIED


def test_device_rules_apply_in_order_to_everything(runtime):
    container = with_devices(runtime, "deny", "allow", "deny c 60:1 rw", "deny c 61:* w")
    assert open_device(container, 60, 1) == DENIED
    assert open_device(container, 60, 2) == ALLOWED
    assert open_device(container, 61, 5) == ALLOWED
    assert open_device(container, 61, 5, ">") == DENIED


def test_a_later_rule_for_all_devices_forgets_those_before(runtime):
    container = with_devices(runtime, "allow c 60:1 rwm", "deny", "allow c 60:2 rwm")
    assert open_device(container, 60, 1) == DENIED
    assert open_device(container, 60, 2) == ALLOWED


def test_devices_that_every_container_has_are_allowed_without_a_rule(runtime):
    container = with_devices(runtime, "deny")
    assert container.exec("sh", "-c", "echo x >/dev/null && head -c1 /dev/zero /dev/urandom /dev/random >/dev/null").code == 0


def test_a_hole_in_a_wildcard_is_refused_not_forgotten(runtime):
    """The v1 controller takes such a rule and does nothing: the device would stay allowed."""
    with pytest.raises(AssertionError, match="60"):
        with_devices(runtime, "deny", "allow c 60:* rwm", "deny c 60:5 rwm")


# -- freezing -----------------------------------------------------------------------------------

def test_pause_stops_every_process_and_resume_lets_them_go(runtime):
    container = runtime.started("sh", "-c", "trap 'echo heard' USR1; sleep 999 & echo ready; while :; do wait; done")
    wait_until("ready", lambda: "ready" in container.output())
    cgroup = own(container)
    assert runtime("pause", container.name).code == 0
    assert container.status() == "paused" and cgroup.is_frozen
    os.kill(container.pid, signal.SIGUSR1)
    assert container.exec("true").code != 0
    assert runtime("pause", container.name).code != 0
    assert "heard" not in container.output()
    assert runtime("resume", container.name).code == 0
    wait_until("heard", lambda: "heard" in container.output())
    assert container.status() == "running" and not cgroup.is_frozen
    assert runtime("resume", container.name).code != 0


@pytest.mark.skipif(IS_PEER, reason="runc 1.1 leaves it frozen on v1 until resume")
def test_a_paused_container_can_be_killed(runtime):
    container = runtime.started("sleep", "1000")
    assert runtime("pause", container.name).code == 0
    assert runtime("kill", container.name, "KILL").code == 0
    container.wait()
    assert runtime("delete", container.name).code == 0


def test_a_paused_container_can_be_deleted_by_force(runtime):
    container = runtime.started("sh", "-c", "sleep 999 & wait")
    assert runtime("pause", container.name).code == 0
    assert runtime("delete", "--force", container.name).code == 0
    assert not own(container).existing()


# -- killing ------------------------------------------------------------------------------------

def family(runtime):
    """A container in the host's pid namespace, whose children outlive its init."""
    container = runtime.started("sh", "-c", "sleep 999 & sleep 998 & sleep 997 & wait", change=without_pid_namespace)
    wait_until("a family", lambda: len(own(container).processes()) == 4)
    return container, own(container).processes()


def alive(pids):
    found = processes()
    return {pid for pid in pids if pid in found}


def test_kill_all_reaches_every_process_without_a_pid_namespace(runtime):
    container, pids = family(runtime)
    assert runtime("kill", "--all", container.name, "TERM").code == 0
    wait_until("all have ended", lambda: not alive(pids))
    container.wait()


@only_here
def test_killing_init_kills_the_rest_where_no_pid_namespace_does(runtime):
    container, pids = family(runtime)
    assert runtime("kill", container.name, "KILL").code == 0
    wait_until("all have ended", lambda: not alive(pids))


def test_kill_all_of_a_stopped_container_ends_what_init_left(runtime):
    container, pids = family(runtime)
    with contextlib.suppress(ProcessLookupError):
        os.kill(container.pid, signal.SIGKILL)
    container.wait()
    assert alive(pids - {container.pid})
    assert runtime("kill", "--all", container.name, "KILL").code == 0
    wait_until("all have ended", lambda: not alive(pids))


def test_delete_ends_what_init_left(runtime):
    container, pids = family(runtime)
    os.kill(container.pid, signal.SIGKILL)
    container.wait()
    assert runtime("delete", container.name).code == 0
    wait_until("all have ended", lambda: not alive(pids))
    assert not own(container).existing()


def test_one_that_makes_processes_without_end_is_deleted(runtime):
    def change(config):
        without_pid_namespace(config)
        changed(config, "linux.resources.pids", {"limit": 60})
    script = "storm() { while :; do (:) & (:) & wait; done; }; for i in 1 2 3 4; do storm & done; wait"
    container = runtime.started("sh", "-c", script, change=change)
    wait_until("a storm", lambda: len(own(container).processes()) > 4)
    assert runtime("delete", "--force", container.name).code == 0
    assert not own(container).existing()


# -- cgroups of the container's own -------------------------------------------------------------

# Makes cgroups beneath its own and moves into the deepest one, in all hierarchies it sees.
DIVIDE = """
for top in /sys/fs/cgroup /sys/fs/cgroup/*; do
  [ -f $top/cgroup.procs ] || continue
  mkdir -p $top/inner/most || continue
  for file in cpuset.cpus cpuset.mems; do
    if [ -f $top/cgroup.clone_children ] && [ -f $top/$file ]; then cat $top/$file >$top/inner/$file; cat $top/$file >$top/inner/most/$file; fi
  done
  echo $$ >$top/inner/most/cgroup.procs
done
echo divided; sleep 1000 & wait
"""


def test_cgroups_that_the_container_made_are_killed_and_removed_with_it(runtime):
    container = runtime.started("sh", "-c", DIVIDE, change=writable_cgroup)
    wait_until("divided", lambda: "divided" in container.output())
    cgroup = own(container)
    inner = Cgroup(f"{cgroup.path}/inner/most")
    assert container.pid in inner.processes()
    assert str(container.pid) in runtime("ps", container.name).out
    assert runtime("pause", container.name).code == 0 and container.status() == "paused"
    assert runtime("resume", container.name).code == 0
    if not IS_PEER:
        assert json.loads(runtime("events", "--stats", container.name).out)["data"]["pids"]["current"] >= 2
    assert runtime("kill", "--all", container.name, "KILL").code == 0
    container.wait()
    assert runtime("delete", container.name).code == 0
    assert not cgroup.existing()


def test_a_read_only_mount_shows_the_containers_cgroup_and_takes_nothing(runtime):
    container, cgroup = limited(runtime, pids={"limit": 37})
    seen = container.exec("sh", "-c", "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; mkdir /sys/fs/cgroup/x /sys/fs/cgroup/pids/x")
    assert "37" in seen.out and seen.code != 0 and "Read-only" in seen.err
    assert not Cgroup(f"{cgroup.path}/x").existing()


def test_with_a_cgroup_namespace_the_containers_cgroup_is_the_root(runtime):
    result = runtime.once("cat", "/proc/self/cgroup", change=writable_cgroup)
    assert {line.split(":", 2)[2] for line in result.out.splitlines()} == {"/"}


DELEGATED = ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads")


def owners(cgroup):
    directory = cgroup.directory("unified")
    return {name: os.stat(directory / name).st_uid for name in (".", "cgroup.freeze", *DELEGATED)}


def as_user(config):
    """In a user namespace, root being 100000 on the host and the program user 1000 in it."""
    config["linux"]["namespaces"].append({"type": "user"})
    mapping = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    config["linux"].update(uidMappings=mapping, gidMappings=mapping)
    config["process"]["user"] = {"uid": 1000, "gid": 1000}


@needs_v2_alone
@pytest.mark.parametrize("mode", ["rw", "ro", "no namespace", "no mount"])
def test_the_cgroup_belongs_to_the_programs_user_where_it_can_be_written(runtime, mode):
    """"Runtimes SHOULD change the cgroup ownership if and only if the cgroup filesystem is to be mounted read/write", with a
    cgroup namespace, "to the host uid that maps to the value of process.user.uid in the container namespace"."""
    def change(config):
        writable_cgroup(config)
        as_user(config)
        if mode == "no namespace":
            config["linux"]["namespaces"] = [entry for entry in config["linux"]["namespaces"] if entry["type"] != "cgroup"]
        for mount in list(config["mounts"]):
            if mount["type"] == "cgroup":
                mount["options"] = ["nosuid", "noexec", "nodev", "ro" if mode == "ro" else "rw"]
                if mode == "no mount":
                    config["mounts"].remove(mount)
        os.chmod(runtime.directory, 0o711)
    container = runtime.started("sleep", "1000", change=change)
    owner = 101000 if mode == "rw" else 0
    found = owners(own(container))
    assert found.pop("cgroup.freeze") == 0, "a file that is not to be given away"
    assert set(found.values()) == {owner}
    if mode == "rw":
        done = container.exec("sh", "-c", "mkdir /sys/fs/cgroup/mine && echo $$ >/sys/fs/cgroup/mine/cgroup.procs && cat /proc/self/cgroup")
        assert done.code == 0 and "0::/mine" in done.out, done


@needs_v1
@only_here
def test_on_v1_ownership_is_never_changed(runtime):
    """"Runtimes SHOULD NOT change the ownership of container cgroups when cgroups v1 is in use." """
    def change(config):
        writable_cgroup(config)
        as_user(config)
        os.chmod(runtime.directory, 0o711)
    container = runtime.started("sleep", "1000", change=change)
    for directory in own(container).existing():
        assert os.stat(directory).st_uid == 0 and os.stat(directory / "cgroup.procs").st_uid == 0


# -- drivers ------------------------------------------------------------------------------------

@only_here
def test_the_systemd_driver_is_refused_by_name(runtime):
    bundle = runtime.bundle("true")
    result = runtime("run", "--bundle", bundle.path, runtime.name(), flags=("--systemd-cgroup",))
    assert result.code == 1 and "--systemd-cgroup" in result.err and "systemd" in result.err.replace("--systemd-cgroup", "")
    assert cgroups() == set()
