"""A supervisor that looks at its container's health, with each runtime in its place."""

import json
import subprocess
import time

import pytest
from conftest import exec_process, wait_until

WAITS = ["sh", "-c", "while true; do sleep 0.1; done"]


def check(*command, **times):
    """A check that looks often."""
    wanted = {"intervalMilliseconds": 100, "timeoutMilliseconds": 10_000, "startPeriodMilliseconds": 0, "startIntervalMilliseconds": 100, "retries": 2}
    return "--health", json.dumps({"command": list(command), **wanted, **times})


def inside(client, *words):
    """Runs a command in the container."""
    name = "-".join(words).replace("/", "")
    answer = client.ask("exec", {"exec": name, "process": exec_process(*words), "tty": False, "stdin": False, "stdout": False, "stderr": False})
    assert answer["exec"]["exec"] == name, answer


def verdict(client, status):
    """Waits until the container is said to be so and returns the report."""
    while (report := client.event("health"))["status"] != status:
        pass
    return report


def test_the_verdict_follows_what_the_check_says(shim):
    shim.launch(WAITS, *check("sh", "-c", "echo looked; test ! -e /tmp/ill"))
    client = shim.client()
    client.ask("subscribe")
    report = verdict(client, "healthy")
    assert report["failingStreak"] == 0 and report["log"][-1]["exitCode"] == 0 and report["log"][-1]["output"] == "looked\n"
    assert report["log"][-1]["start"] <= report["log"][-1]["end"]
    inside(client, "touch", "/tmp/ill")
    report = verdict(client, "unhealthy")
    assert report["failingStreak"] == 2 and [look["exitCode"] for look in report["log"][-2:]] == [1, 1]
    status = shim.record("status.json")["health"]
    assert status["status"] == "unhealthy" and len(status["log"]) <= 5
    assert client.ask("status")["status"]["health"]["status"] == "unhealthy"
    client.ask("stop", {"timeoutSeconds": 0})
    assert shim.wait()["exitCode"] == 137
    assert not list(shim.state.glob("health-*")) and not shim.known_to_runtime()


def test_a_check_that_hangs_is_ended(shim):
    shim.launch(WAITS, *check("sh", "-c", "echo begun; exec sleep 1000", timeoutMilliseconds=500, retries=1))
    client = shim.client()
    client.ask("subscribe")
    report = verdict(client, "unhealthy")
    look = report["log"][-1]
    assert look["exitCode"] == -1 and look["output"] == "Health check exceeded timeout (500ms): begun\n"
    client.ask("stop", {"timeoutSeconds": 0})
    shim.wait()


def test_a_check_that_cannot_run_is_a_failure_with_its_reason(shim):
    shim.launch(WAITS, *check("/nosuch", retries=1))
    client = shim.client()
    client.ask("subscribe")
    look = verdict(client, "unhealthy")["log"][-1]
    assert look["exitCode"] == -1 and "/nosuch" in look["output"], look
    client.ask("stop", {"timeoutSeconds": 0})
    shim.wait()


def test_of_a_flood_the_beginning_is_kept(shim):
    shim.launch(WAITS, *check("sh", "-c", "yes | head -c 3000000"))
    client = shim.client()
    client.ask("subscribe")
    look = verdict(client, "healthy")["log"][-1]
    assert look["output"] == ("y\n" * 3000)[:4096]
    client.ask("stop", {"timeoutSeconds": 0})
    shim.wait()


def test_in_the_start_period_failures_do_not_count(shim):
    shim.launch(WAITS, *check("sh", "-c", "test -e /tmp/up", startPeriodMilliseconds=60_000, intervalMilliseconds=50, retries=1))
    client = shim.client()
    client.ask("subscribe")
    for _ in range(4):
        report = client.event("health")
    assert report["status"] == "starting" and report["failingStreak"] == 0 and report["log"]
    inside(client, "touch", "/tmp/up")
    verdict(client, "healthy")
    inside(client, "rm", "/tmp/up")
    assert verdict(client, "unhealthy")["failingStreak"] == 1
    client.ask("stop", {"timeoutSeconds": 0})
    shim.wait()


def test_an_unhealthy_container_is_started_again_if_that_is_wanted(shim):
    """Whatever the policy is; a stop ends it for good all the same."""
    shim.launch(["sh", "-c", "trap 'exit 5' TERM; echo run; while true; do sleep 0.1; done"], "--restart-unhealthy",
                *check("false", retries=2))
    client = shim.client()
    client.ask("subscribe")
    exited = client.event("exited")
    assert exited["willRestart"] and exited["exit"]["exitCode"] == 5
    client.event("started")
    assert client.event("health")["status"] == "starting"
    assert client.event("exited")["willRestart"]
    wait_until("it ran three times", lambda: shim.output().count("run") >= 3)
    client.ask("stop", {"timeoutSeconds": 5})
    assert shim.wait()["restartCount"] >= 2


def test_the_end_of_the_container_ends_the_looking(shim):
    shim.launch(["sleep", "0.7"], *check("sleep", "1000", intervalMilliseconds=100))
    begun = time.monotonic()
    assert shim.wait()["exitCode"] == 0
    assert time.monotonic() - begun < 15
    assert not shim.known_to_runtime() and not list(shim.state.glob("health-*"))


@pytest.mark.parametrize("words", [("--restart-unhealthy",), ("--health", "{}"), ("--health", '{"command":[]}'), ("--health-cmd", "true", "--health-retries", "0")])
def test_nonsense_is_refused(shim, words):
    if "--health-cmd" in words:  # these are a person's
        shim.write_bundle(["true"])
        done = subprocess.run(shim.words(*words), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == 125 and "health" in done.stderr, done
    else:
        assert "health" in shim.launch(["true"], *words)["failed"]["message"]
        shim.process.wait(20)
