"""update: other limits while the container runs, by flags and by a document, one after the other and in both directions."""

import json

import pytest

from cais_testing import IS_PEER, changed, wait_until
from cgroup_files import ALLOWED, DENIED, NO_LIMIT, Cgroup, open_device

MEBIBYTE = 1 << 20


def running(runtime, **resources):
    """A container with limits, and its cgroup."""
    def change(config):
        config["linux"]["resources"].update(resources)
    container = runtime.started("sleep", "1000", change=change)
    return container, Cgroup(container.bundle.config["linux"]["cgroupsPath"])


def update(container, *flags, document=None):
    if document is None:
        return container.runtime("update", *flags, container.name)
    return container.runtime("update", *flags, "-r", "-", container.name, input=json.dumps(document).encode())


def test_memory_is_raised_and_lowered_with_and_without_swap(runtime):
    container, cgroup = running(runtime, memory={"limit": 64 * MEBIBYTE, "swap": 128 * MEBIBYTE})
    for memory, swap in ((256, 512), (32, 32), (512, 1024), (128, 128)):
        result = update(container, "--memory", f"{memory}M", "--memory-swap", f"{swap}m")
        assert result.code == 0, result
        assert (cgroup.memory, cgroup.memory_and_swap) == (memory * MEBIBYTE, swap * MEBIBYTE)


def test_each_half_of_memory_and_swap_keeps_the_other(runtime):
    container, cgroup = running(runtime, memory={"limit": 64 * MEBIBYTE, "swap": 128 * MEBIBYTE})
    assert update(container, "--memory", "96M").code == 0
    assert (cgroup.memory, cgroup.memory_and_swap) == (96 * MEBIBYTE, 128 * MEBIBYTE)
    assert update(container, "--memory-swap", "512M").code == 0
    assert (cgroup.memory, cgroup.memory_and_swap) == (96 * MEBIBYTE, 512 * MEBIBYTE)
    assert update(container, "--memory", "512M").code == 0
    assert (cgroup.memory, cgroup.memory_and_swap) == (512 * MEBIBYTE, 512 * MEBIBYTE)


def test_memory_beyond_memory_and_swap_is_refused_and_changes_nothing(runtime):
    container, cgroup = running(runtime, memory={"limit": 64 * MEBIBYTE, "swap": 128 * MEBIBYTE})
    assert update(container, "--memory", "256M").code != 0
    assert (cgroup.memory, cgroup.memory_and_swap) == (64 * MEBIBYTE, 128 * MEBIBYTE)


@pytest.mark.parametrize("word", ["-1", "unlimited"])
def test_memory_without_a_limit_lifts_swap_too(runtime, word):
    if IS_PEER and word != "-1":
        pytest.skip("a word of this runtime's own")
    container, cgroup = running(runtime, memory={"limit": 64 * MEBIBYTE, "swap": 128 * MEBIBYTE})
    assert update(container, "--memory", word).code == 0
    assert (cgroup.memory, cgroup.memory_and_swap) == (NO_LIMIT, NO_LIMIT)


def test_reservation_is_set_with_a_suffix(runtime):
    container, cgroup = running(runtime, memory={"limit": 64 * MEBIBYTE})
    assert update(container, "--memory-reservation", "33554432").code == 0
    assert cgroup.reservation == 32 * MEBIBYTE
    assert update(container, "--memory-reservation", "16m").code == 0
    assert cgroup.reservation == 16 * MEBIBYTE


def test_quota_and_period_keep_each_other(runtime):
    container, cgroup = running(runtime, cpu={"quota": 50_000, "period": 100_000})
    assert update(container, "--cpu-quota", "20000").code == 0
    assert cgroup.quota == (20_000, 100_000)
    assert update(container, "--cpu-period", "50000").code == 0
    assert cgroup.quota == (20_000, 50_000)
    for quota, period in ((1_000_000, 1_000_000), (5_000, 10_000)):
        assert update(container, "--cpu-period", str(period), "--cpu-quota", str(quota)).code == 0
        assert cgroup.quota == (quota, period)
    assert update(container, "--cpu-quota", "-1").code == 0
    assert cgroup.quota == (NO_LIMIT, 10_000)


@pytest.mark.skipif(IS_PEER, reason="newer than the peers here")
def test_burst_and_idle(runtime):
    container, cgroup = running(runtime, cpu={"quota": 50_000, "period": 100_000, "shares": 512})
    assert update(container, "--cpu-burst", "40000").code == 0
    assert cgroup.burst == 40_000
    # The kernel compares the two: the order of writing them depends on those before.
    assert update(container, "--cpu-quota", "10000", "--cpu-burst", "10000").code == 0
    assert update(container, "--cpu-quota", "60000", "--cpu-burst", "60000").code == 0
    assert (cgroup.quota, cgroup.burst) == ((60_000, 100_000), 60_000)
    assert update(container, "--cpu-quota", "5000").code != 0
    shares = cgroup.shares
    assert update(container, "--cpu-idle", "1").code == 0
    assert cgroup.idle == 1
    assert update(container, "--cpu-idle", "0").code == 0
    assert (cgroup.idle, cgroup.shares) == (0, shares)


def test_shares_processors_nodes_and_processes(runtime):
    container, cgroup = running(runtime)
    before = cgroup.shares
    assert update(container, "--cpu-share", "512", "--cpuset-cpus", "0", "--cpuset-mems", "0", "--pids-limit", "77").code == 0
    assert cgroup.shares < before and cgroup.processors == "0" and cgroup.pids == 77
    assert update(container, "--pids-limit", "-1").code == 0
    assert cgroup.pids == NO_LIMIT and cgroup.processors == "0"


def test_a_document_changes_what_it_names_and_zero_says_nothing(runtime):
    container, cgroup = running(runtime, memory={"limit": 64 * MEBIBYTE}, pids={"limit": 50})
    document = {"memory": {"limit": 0, "reservation": 8 * MEBIBYTE, "swap": 0}, "cpu": {"shares": 0, "quota": 0, "period": 0, "cpus": "", "mems": ""},
                "blockIO": {"weight": 0}}
    assert update(container, document=document).code == 0
    assert (cgroup.memory, cgroup.reservation, cgroup.pids) == (64 * MEBIBYTE, 8 * MEBIBYTE, 50)
    path = container.bundle.path / "limits.json"
    path.write_text(json.dumps({"pids": {"limit": 60}}))
    assert container.runtime("update", "--resources", path, "--memory", "1G", container.name).code == 0
    assert (cgroup.memory, cgroup.pids) == (64 * MEBIBYTE, 60), "beside a document the other flags are ignored"


def test_a_refused_step_takes_back_the_ones_before(runtime):
    container, cgroup = running(runtime, memory={"limit": 64 * MEBIBYTE, "swap": 64 * MEBIBYTE}, pids={"limit": 50})
    result = update(container, document={"memory": {"limit": 128 * MEBIBYTE, "swap": 256 * MEBIBYTE}, "cpu": {"cpus": "9999"}, "pids": {"limit": 70}})
    assert result.code != 0 and "cpuset" in result.err
    if not IS_PEER:  # runc warns that what it keeps and what is in force may differ
        assert (cgroup.memory, cgroup.memory_and_swap, cgroup.pids) == (64 * MEBIBYTE, 64 * MEBIBYTE, 50)
    assert update(container, "--pids-limit", "60").code == 0
    assert cgroup.pids == 60 and (IS_PEER or cgroup.memory == 64 * MEBIBYTE)


def test_a_created_and_a_paused_container_are_changed_a_stopped_one_is_not(runtime):
    container = runtime.created("sleep", "1000")
    cgroup = Cgroup(container.bundle.config["linux"]["cgroupsPath"])
    assert update(container, "--pids-limit", "40").code == 0 and cgroup.pids == 40
    assert runtime("start", container.name).code == 0
    assert runtime("pause", container.name).code == 0
    assert update(container, "--pids-limit", "41").code == 0 and cgroup.pids == 41
    assert container.status() == "paused" and cgroup.is_frozen
    assert runtime("resume", container.name).code == 0
    runtime("kill", container.name, "KILL")
    container.wait()
    result = update(container, "--pids-limit", "42")
    assert result.code != 0 and "not running" in result.err


@pytest.mark.parametrize("flags", [("--memory", "much"), ("--cpu-quota", "x"), ("--pids-limit", "1.5"), ("--blkio-weight", "70000"), ("--memory", "9999999P")])
def test_nonsense_is_refused_with_its_flag(runtime, flags):
    container, _ = running(runtime)
    result = update(container, *flags)
    # runc 1.1 cuts 70000 to 16 bits before it is refused.
    assert result.code != 0 and (IS_PEER or flags[0].strip("-") in result.err)


def test_a_document_that_is_none_is_refused(runtime):
    container, _ = running(runtime)
    assert container.runtime("update", "-r", "-", container.name, input=b"{").code != 0
    assert container.runtime("update", "-r", "/nonexistent", container.name).code != 0


def test_an_unknown_container_says_so(runtime):
    result = runtime("update", "--pids-limit", "5", "nothing")
    assert result.code != 0 and "does not exist" in result.err


@pytest.mark.skipif(IS_PEER, reason="runc leaves out devices in an update")
def test_device_rules_of_a_document_take_the_place_of_those_before(runtime):
    container, _ = running(runtime)
    assert open_device(container, 60, 7) == DENIED
    allow = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 60, "minor": 7, "access": "rwm"}]
    assert update(container, document={"devices": allow}).code == 0
    assert open_device(container, 60, 7) == ALLOWED
    assert update(container, document={"devices": allow[:1]}).code == 0
    assert open_device(container, 60, 7) == DENIED
    assert container.exec("sh", "-c", "echo x >/dev/null").code == 0


def test_a_memory_limit_below_what_is_in_use_is_refused_where_asked(runtime):
    def hold(config):
        changed(config, "linux.resources.memory", {"limit": 128 * MEBIBYTE, "checkBeforeUpdate": True})
    container = runtime.started("sh", "-c", "dd if=/dev/zero of=/dev/shm/held bs=1M count=24 2>/dev/null; echo held; sleep 1000", change=hold)
    wait_until("held", lambda: "held" in container.output())
    cgroup = Cgroup(container.bundle.config["linux"]["cgroupsPath"])
    result = update(container, "--memory", "1M")
    assert result.code != 0, result
    if not IS_PEER:
        assert "memory limit too small" in result.err and "1048576" in result.err and "in use" in result.err
    assert cgroup.memory == 128 * MEBIBYTE and container.status() == "running"
