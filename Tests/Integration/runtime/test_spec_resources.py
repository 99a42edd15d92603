"""Limits that the other tests of cgroups leave out: huge pages, block devices, RDMA, files of cgroup v2 by name; and
scheduling policies."""

import os

import pytest

import cgroup_files
from cais_testing import IS_PEER, RUNTIME, changed
from cgroup_files import Cgroup


def limited(**resources):
    return lambda config: config["linux"]["resources"].update(resources)


def cgroup(container):
    return Cgroup(container.bundle.config["linux"]["cgroupsPath"])


def needs(controller):
    if cgroup_files.version(controller) is None:
        pytest.skip(f"this machine has no {controller} controller")


def refused(runtime, words, **resources):
    result = runtime.once("true", change=limited(**resources))
    assert result.code != 0 and (IS_PEER or words in result.err), result


@pytest.mark.skipif(IS_PEER and cgroup_files.version("hugetlb") == 2 and not cgroup_files.only_v2(), reason="the peers know either v1 or v2")
def test_huge_pages_are_limited_when_used_and_when_reserved(runtime):
    needs("hugetlb")
    container = runtime.started("sleep", "60", change=limited(hugepageLimits=[{"pageSize": "2MB", "limit": 4194304}]))
    files = cgroup(container)
    assert files.read("hugetlb", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max") == "4194304"
    assert files.read("hugetlb", "hugetlb.2MB.rsvd.limit_in_bytes", "hugetlb.2MB.rsvd.max") == "4194304"


@pytest.mark.parametrize("size, words", [("2", "page size"), ("MB", "page size"), ("02MB", "page size"), ("../2MB", "page size"), ("3MB", "hugetlb.3MB")])
def test_a_page_size_that_is_none_is_refused(runtime, size, words):
    needs("hugetlb")
    if IS_PEER:
        pytest.skip("config-linux.md, Huge page limits: the value must match a control file; the peers of this age leave it out on a hybrid machine")
    refused(runtime, words, hugepageLimits=[{"pageSize": size, "limit": 1}])


def test_block_devices_are_throttled(runtime):
    needs("blkio")
    number = cgroup_files.block_device()
    if number is None:
        pytest.skip("this machine has no block device")
    major, minor = map(int, number.split(":"))
    rates = {name: [{"major": major, "minor": minor, "rate": rate}] for name, rate in (
        ("throttleReadBpsDevice", 1048576), ("throttleWriteBpsDevice", 2097152), ("throttleReadIOPSDevice", 100), ("throttleWriteIOPSDevice", 200))}
    files = cgroup(runtime.started("sleep", "60", change=limited(blockIO=rates)))
    if cgroup_files.version("blkio") == 2:
        assert set(files.read("blkio", "io.max").split()) == {number, "rbps=1048576", "wbps=2097152", "riops=100", "wiops=200"}
        return
    for file, rate in (("read_bps", 1048576), ("write_bps", 2097152), ("read_iops", 100), ("write_iops", 200)):
        assert files.read("blkio", f"blkio.throttle.{file}_device") == f"{number} {rate}"


@pytest.mark.skipif(os.path.basename(RUNTIME) == "crun", reason="Debian's crun knows the file of a scheduler that is gone")
def test_block_devices_have_weights(runtime):
    needs("blkio")
    container = runtime.started("sleep", "60", change=limited(blockIO={"weight": 300}))
    files = cgroup(container)
    if not files.has("blkio", "blkio.bfq.weight", "io.bfq.weight"):
        pytest.skip("this kernel has no BFQ scheduler")
    assert files.read("blkio", "blkio.bfq.weight", "io.bfq.weight").split()[-1] == "300"


@pytest.mark.skipif(IS_PEER, reason="the peers let the kernel judge weights")
@pytest.mark.parametrize("limits, words", [
    ({"weight": 5}, "weight 5"), ({"leafWeight": 2000}, "leafWeight 2000"), ({"weightDevice": [{"major": 8, "minor": 0, "weight": 1001}]}, "weight 1001"),
    # config-linux.md, Block IO: 'You MUST specify at least one of weight or leafWeight in a given entry'.
    ({"weightDevice": [{"major": 8, "minor": 0}]}, "has no weight"),
])
def test_weights_that_are_none_are_refused(runtime, limits, words):
    refused(runtime, words, blockIO=limits)


@pytest.mark.skipif(IS_PEER, reason="the peers know either v1 or v2, and Debian's leave RDMA out")
def test_rdma_without_its_controller_is_named(runtime):
    if cgroup_files.version("rdma") is not None:
        pytest.skip("this machine has the controller, and no device to show it with")
    refused(runtime, "rdma", rdma={"mlx5_1": {"hcaHandles": 3}})


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, RDMA: 'You MUST specify at least one of the hcaHandles or hcaObjects'; the peers do not look")
def test_rdma_without_a_limit_is_refused(runtime):
    refused(runtime, "hcaHandles or hcaObjects", rdma={"mlx5_1": {}})


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, Network: on a machine without the controllers the peers ignore it")
@pytest.mark.parametrize("limits", [{"classID": 7}, {"priorities": [{"name": "lo", "priority": 3}]}])
def test_marks_on_traffic_without_their_controllers_are_named(runtime, limits):
    if cgroup_files.version("net_cls") is not None:
        pytest.skip("this machine has the controllers")
    refused(runtime, "net_cls" if "classID" in limits else "net_prio", network=limits)


@pytest.mark.skipif(IS_PEER and not cgroup_files.only_v2(), reason="the peers take unified limits only where there is v2 alone")
def test_files_of_cgroup_v2_are_written_by_name(runtime):
    needs("unified")
    values = {"cgroup.max.depth": "3"}
    if cgroup_files.version("hugetlb") == 2:
        # config-linux.md, Unified: what the runtime does not know MUST still be written; needed controllers are enabled.
        values["hugetlb.2MB.max"] = "2097152"
    files = cgroup(runtime.started("sleep", "60", change=limited(unified=values)))
    for name, value in values.items():
        assert (files.directory("unified") / name).read_text().strip() == value


@pytest.mark.parametrize("name, words", [
    ("nonsense.max", "nonsense"), ("hugetlb.nonsense", "hugetlb.nonsense"), ("../cgroup.max.depth", "not a file"), ("cgroup.procs", "not a file"),
    ("cgroup.kill", "not a file"),
])
def test_files_that_are_not_there_or_no_limits_are_refused(runtime, name, words):
    needs("unified")
    if IS_PEER and name in ("cgroup.procs", "cgroup.kill"):
        pytest.skip("the peers write them")
    refused(runtime, words, unified={name: "1"})


POLICIES = {"SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_IDLE": 5}


@pytest.mark.skipif(IS_PEER, reason="scheduler came with specification 1.1, after Debian's peers")
@pytest.mark.parametrize("scheduler, nice, priority", [
    ({"policy": "SCHED_OTHER", "nice": 3}, 3, 0), ({"policy": "SCHED_BATCH", "nice": -5}, -5, 0), ({"policy": "SCHED_IDLE"}, 0, 0),
    ({"policy": "SCHED_FIFO", "priority": 5}, 0, 5), ({"policy": "SCHED_RR", "priority": 7, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}, 0, 7),
])
def test_each_scheduling_policy(runtime, scheduler, nice, priority):
    def change(config):
        changed(config, "process.scheduler", scheduler)
        config["linux"]["resources"].pop("cpu", None)
    result = runtime.once("cat", "/proc/self/stat", change=change)
    if result.code != 0 and "operation not permitted" in result.err and "priority" in scheduler:
        pytest.skip("this machine's cgroup has no time for real-time policies")
    assert result.code == 0, result
    fields = result.out.rsplit(")", 1)[1].split()
    assert (int(fields[16]), int(fields[37]), int(fields[38])) == (nice, priority, POLICIES[scheduler["policy"]])


@pytest.mark.skipif(IS_PEER, reason="as above")
@pytest.mark.parametrize("scheduler, words", [
    ({"policy": "SCHED_FIFO", "priority": 100}, "set scheduler: invalid argument"), ({"policy": "SCHED_ISO"}, "SCHED_ISO"),
    ({"policy": "SCHED_DEADLINE", "runtime": 2, "deadline": 1, "period": 1}, "set scheduler: invalid argument"),
    ({"policy": "SCHED_FAIR"}, "/process/scheduler/policy"), ({"policy": "SCHED_OTHER", "flags": ["X"]}, "/process/scheduler/flags/0"),
])
def test_a_policy_that_cannot_be_is_named(runtime, scheduler, words):
    result = runtime.once("true", change=lambda config: changed(config, "process.scheduler", scheduler))
    assert result.code != 0 and words in result.err, result


@pytest.mark.skipif(IS_PEER, reason="ioPriority came with specification 1.1, after Debian's peers")
@pytest.mark.parametrize("kind, shown", [("IOPRIO_CLASS_RT", "realtime: prio 3"), ("IOPRIO_CLASS_BE", "best-effort: prio 3")])
def test_each_class_of_disk_priority(runtime, kind, shown):
    result = runtime.once("sh", "-c", "ionice -p $$", change=lambda config: changed(config, "process.ioPriority", {"class": kind, "priority": 3}))
    assert result.out.strip() == shown, result
