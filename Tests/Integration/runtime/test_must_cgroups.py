"""What the specification demands of control groups where a configuration must be refused, and of
their paths (config-linux.md, control groups). The whole contract is in test_cgroups.py."""

import os
import pathlib

import pytest

from cais_testing import CGROUP_PARENT, IS_PEER, cgroup_hierarchies, cgroups


def resources(**values):
    return lambda config: config["linux"]["resources"].update(values)


def path(value):
    return lambda config: config["linux"].update(cgroupsPath=value)


def refused(runtime, change, *words):
    """A create that is an error, and nothing of it left."""
    before = cgroups()
    bundle = runtime.bundle("true", change=change)
    name = runtime.name()
    result = runtime("create", "--bundle", bundle.path, name)
    assert result.code != 0 and result.err, result
    assert runtime("state", name).code != 0 and cgroups() == before
    if not IS_PEER:
        assert all(word in result.err for word in words), result


def places(value):
    """The directories of a cgroup path that is absolute, in each hierarchy."""
    return [pathlib.Path(top + value) for top in cgroup_hierarchies()]


def members(value):
    return {int(pid) for place in places(value) if place.exists() for pid in (place / "cgroup.procs").read_text().split()}


def test_an_absolute_path_counts_from_where_the_hierarchies_are_mounted(runtime):
    value = f"{CGROUP_PARENT}/absolute"
    container = runtime.started("sleep", "1000", change=path(value))
    assert members(value) == {container.pid}


def test_a_relative_path_is_a_place_of_the_runtimes_choice(runtime):
    value = f"cais-test-{os.getpid()}-relative"
    container = runtime.started("sleep", "1000", change=path(value))
    lines = open(f"/proc/{container.pid}/cgroup").read().splitlines()
    assert any(line.endswith(f"/{value}") for line in lines), lines


def test_the_same_path_is_the_same_place_every_time(runtime):
    value = f"{CGROUP_PARENT}/again"
    for _ in range(3):
        container = runtime.started("sleep", "1000", change=path(value))
        assert members(value) == {container.pid}
        assert runtime("delete", "--force", container.name).code == 0
        assert not any(place.exists() for place in places(value))


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, cgroupsPath: 'Runtimes MUST generate an error if the path is invalid'; runc takes the pieces it likes")
@pytest.mark.parametrize("value", ["/../../outside", "../../outside", "/"])
def test_a_path_that_is_no_place_of_its_own_is_refused_or_stays_beneath(runtime, value):
    bundle = runtime.bundle("true", change=path(value))
    name = runtime.name()
    result = runtime("create", "--bundle", bundle.path, name)
    # Whatever climbs ends at the root of the hierarchy, where it is a place like another.
    assert not any(os.path.exists(f"{os.path.dirname(top)}/outside") for top in cgroup_hierarchies())
    if value == "/":
        assert result.code != 0 and result.err, result
    runtime("delete", "--force", name)


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, cgroupsPath: a runtime that checks 'MUST generate an error' for a cgroup unfit for a new container; "
                                    "runc of this age does not check")
def test_a_cgroup_with_processes_is_unfit(runtime):
    value = f"{CGROUP_PARENT}/shared"
    first = runtime.started("sleep", "1000", change=path(value))
    bundle = runtime.bundle("true", change=path(value))
    result = runtime("create", "--bundle", bundle.path, runtime.name())
    assert result.code != 0 and "processes" in result.err, result
    assert members(value) == {first.pid} and first.status() == "running"


@pytest.mark.skipif(IS_PEER, reason="as above")
def test_a_cgroup_that_is_frozen_is_unfit(runtime):
    value = f"{CGROUP_PARENT}/frozen"
    switch = [(place, place / name, on, off) for place in places(value)
              for name, on, off in (("freezer.state", "FROZEN", "THAWED"), ("cgroup.freeze", "1", "0"))]
    for place in places(value):
        place.mkdir(parents=True)
    switch = [entry for entry in switch if entry[1].exists()]
    legacy = [entry for entry in switch if entry[1].name == "freezer.state"] or switch
    for _, file, on, _ in legacy:
        file.write_text(on)
    try:
        bundle = runtime.bundle("true", change=path(value))
        result = runtime("create", "--bundle", bundle.path, runtime.name())
        assert result.code != 0 and "frozen" in result.err, result
    finally:
        for _, file, _, off in legacy:
            file.write_text(off)
        for place in places(value):
            place.rmdir()


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, allowed device list: 'The runtime MUST apply entries in the listed order'; runc allows the default devices after all")
def test_devices_are_allowed_and_denied_in_the_order_of_their_list(runtime):
    zero = {"type": "c", "major": 1, "minor": 5, "access": "rwm"}
    for rules, opens in (([{"allow": False, "access": "rwm"}, {"allow": True, **zero}], True),
                         ([{"allow": True, "access": "rwm"}, {"allow": False, **zero}], False),
                         ([{"allow": False, **zero}, {"allow": True, "access": "rwm"}], True)):
        result = runtime.once("sh", "-c", "head -c 1 /dev/zero | wc -c", change=resources(devices=rules))
        assert (result.out.strip() == "1") is opens, (rules, result)


@pytest.mark.skipif(IS_PEER, reason="config-linux.md: burst and checkBeforeUpdate came with 1.1.0; runc is for 1.0.2")
@pytest.mark.parametrize("cpu", [{"quota": 10000, "period": 100000, "burst": 20000}, {"quota": 5000, "period": 100000, "burst": 5001}])
def test_a_burst_above_the_quota_is_refused(runtime, cpu):
    refused(runtime, resources(cpu=cpu), "burst")


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, weightDevice: 'You MUST specify at least one of weight or leafWeight in a given entry'; runc writes 0")
@pytest.mark.parametrize("entry", [{"major": 8, "minor": 0}])
def test_a_device_without_any_weight_is_refused(runtime, entry):
    refused(runtime, resources(blockIO={"weightDevice": [entry]}), "weight")


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, rdma: 'You MUST specify at least one of the hcaHandles or hcaObjects in a given entry'; runc passes it over")
def test_an_rdma_device_without_any_limit_is_refused(runtime):
    refused(runtime, resources(rdma={"mlx5_1": {}}), "hca")


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, unified: 'If a controller is not enabled … the runtime MUST generate an error'; runc looks at it on v2 alone")
@pytest.mark.parametrize("unified", [{"nosuch.max": "1"}, {"misc/../x": "1"}, {"cgroup.procs": "1"}])
def test_a_file_of_v2_that_cannot_be_is_refused(runtime, unified):
    refused(runtime, resources(unified=unified))


@pytest.mark.parametrize("limits", [
    {"hugepageLimits": [{"pageSize": "3KB", "limit": 4096}]}, {"cpu": {"cpus": "9999"}}, {"cpu": {"mems": "9999"}}, {"cpu": {"quota": 1}},
    {"blockIO": {"throttleReadBpsDevice": [{"major": 9999, "minor": 9999, "rate": 1}]}},
], ids=["page size", "processors", "nodes", "quota", "block device"])
def test_a_limit_that_cannot_be_set_is_an_error(runtime, limits):
    refused(runtime, resources(**limits))
