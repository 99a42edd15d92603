"""events: statistics once and in intervals, memory running out, and the end with the container."""

import json
import subprocess
import threading

import pytest

from cais_testing import IS_PEER, changed, wait_until
from cgroup_files import version

MEBIBYTE = 1 << 20


class Events:
    """`events` of a container while it runs, its lines as they come."""

    def __init__(self, container, *flags):
        self.lines = []
        self.process = subprocess.Popen(container.runtime.command("events", *flags, container.name), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def of(self, kind):
        return [line for line in list(self.lines) if line["type"] == kind]

    def end(self):
        """Waits for its own end."""
        code = self.process.wait(timeout=30)
        self.reader.join(timeout=30)
        self.process.stderr.close()
        self.process.stdout.close()
        return code


def statistics(container):
    result = container.runtime("events", "--stats", container.name)
    assert result.code == 0, result
    lines = result.out.splitlines()
    assert len(lines) == 1
    return json.loads(lines[0])


def test_statistics_once(runtime):
    def change(config):
        changed(config, "linux.resources.memory", {"limit": 64 * MEBIBYTE})
        changed(config, "linux.resources.pids", {"limit": 50})
    container = runtime.started("sh", "-c", "sleep 999 & wait", change=change)
    wait_until("two processes", lambda: len(runtime("ps", "-f", "json", container.name).out.split(",")) == 2)
    line = statistics(container)
    assert line["type"] == "stats" and line["id"] == container.name
    data = line["data"]
    assert data["pids"] == {"current": 2, "limit": 50}
    memory = data["memory"]
    assert memory["usage"]["limit"] == 64 * MEBIBYTE and 0 < memory["usage"]["usage"] <= 64 * MEBIBYTE and memory["raw"]
    assert data["cpu"]["usage"]["total"] > 0 and set(data) >= {"cpu", "memory", "pids", "blkio", "hugetlb"}
    assert 0 in data["cpuset"]["cpus"]
    if version("cpuacct") == 1:
        assert sum(data["cpu"]["usage"]["percpu"]) > 0


def test_throttling_is_counted(runtime):
    container = runtime.started("sh", "-c", "while :; do :; done", change=lambda config: changed(config, "linux.resources.cpu", {"quota": 2_000, "period": 20_000}))
    wait_until("throttled", lambda: statistics(container)["data"]["cpu"]["throttling"].get("throttledPeriods", 0) > 0)


def test_lines_come_in_intervals_and_end_with_the_container(runtime):
    container = runtime.started("sleep", "1000")
    events = Events(container, "--interval", "50ms")
    wait_until("three lines", lambda: len(events.of("stats")) >= 3)
    runtime("kill", container.name, "KILL")
    container.wait()
    # runc goes on until the cgroup is gone; here the container's end is the end.
    if IS_PEER:
        runtime("delete", container.name)
    assert events.end() == 0
    assert {line["id"] for line in events.lines} == {container.name}


def waiting(runtime, then):
    """A container with little memory that goes on with `then` when it is let go, and what lets it go."""
    def change(config):
        changed(config, "linux.resources.memory", {"limit": 24 * MEBIBYTE, "swap": 24 * MEBIBYTE})
    container = runtime.started("sh", "-c", f"mkfifo /dev/shm/go; echo ready; read go </dev/shm/go; {then}", change=change)
    wait_until("ready", lambda: "ready" in container.output())
    return container, lambda: container.exec("sh", "-c", "echo go >/dev/shm/go")


def test_memory_running_out_is_told(runtime):
    container, let_go = waiting(runtime, "tail /dev/zero; sleep 1000")
    events = Events(container, "--interval", "50ms")
    # The first line says that it listens.
    wait_until("a line", lambda: events.of("stats"))
    let_go()
    wait_until("an oom event", lambda: events.of("oom"))
    assert events.of("oom")[0] == {"type": "oom", "id": container.name}
    assert container.status() == "running"
    runtime("kill", container.name, "KILL")
    container.wait()
    if IS_PEER:
        runtime("delete", container.name)
    assert events.end() == 0


def test_what_ended_the_container_is_told_before_the_end(runtime):
    container, let_go = waiting(runtime, "exec tail /dev/zero")
    events = Events(container, "--interval", "50ms")
    wait_until("a line", lambda: events.of("stats"))
    let_go()
    container.wait()
    if IS_PEER:
        runtime("delete", container.name)
    assert events.end() == 0
    assert events.of("oom")


def test_a_stopped_or_unknown_container_is_an_error(runtime):
    container = runtime.started("true")
    container.wait()
    for flags in ((), ("--stats",)):
        result = runtime("events", *flags, container.name)
        assert result.code != 0 and "is not running" in result.err and result.out == ""
    result = runtime("events", "nothing")
    assert result.code != 0 and "does not exist" in result.err


@pytest.mark.parametrize("interval", ["0s", "-1s", "soon", "5"])
def test_an_interval_must_be_a_time_above_zero(runtime, interval):
    container = runtime.started("sleep", "1000")
    assert runtime("events", "--interval", interval, container.name).code != 0


def test_a_paused_container_has_statistics(runtime):
    container = runtime.started("sleep", "1000")
    assert runtime("pause", container.name).code == 0
    assert statistics(container)["data"]["pids"]["current"] == 1
    assert runtime("resume", container.name).code == 0
