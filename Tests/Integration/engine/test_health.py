"""Health checks: asked for by docker's client and by cais, seen by both, looked at by the shim alone."""

import json
import time

import images
import pytest

from engine import wait_until

pytestmark = pytest.mark.usefixtures("clean")

OFTEN = ("--health-interval", "200ms", "--health-retries", "2")


@pytest.fixture(params=["docker", "cais"])
def client(request):
    return request.param


def health(engine, name):
    return engine.inspect(name)["State"].get("Health")


def is_said_to_be(engine, name, status):
    return wait_until(f"{name} is {status}", lambda: (found := health(engine, name)) and found["Status"] == status and found)


def test_a_container_becomes_healthy_unhealthy_and_healthy_again(engine, client):
    name = engine.ok("run", "-d", "--name", "well", *OFTEN, "--health-cmd", "echo seen; test ! -e /ill", "busybox", "sleep", "1000", client=client).strip()
    assert health(engine, "well")["Status"] in ("starting", "healthy")
    report = is_said_to_be(engine, "well", "healthy")
    assert report["FailingStreak"] == 0 and report["Log"][-1]["ExitCode"] == 0 and report["Log"][-1]["Output"] == "seen\n"
    assert engine.ok("ps", "--format", "{{.Status}}", client=client).strip().endswith("(healthy)")
    engine.ok("exec", "well", "touch", "/ill")
    report = is_said_to_be(engine, "well", "unhealthy")
    assert report["FailingStreak"] >= 2 and len(report["Log"]) <= 5 and report["Log"][-1]["ExitCode"] == 1
    assert engine.ok("ps", "-q", "--no-trunc", "--filter", "health=unhealthy", client=client).strip() == name
    assert engine.ok("ps", "-q", "--filter", "health=healthy", client=client) == ""
    engine.ok("exec", "well", "rm", "/ill")
    is_said_to_be(engine, "well", "healthy")
    engine.ok("stop", "-t", "0", "well")
    assert health(engine, "well")["Status"] == "unhealthy"
    engine.ok("start", "well")
    is_said_to_be(engine, "well", "healthy")


def test_changes_are_events(engine):
    begun = time.time()
    engine.ok("run", "-d", "--name", "events", *OFTEN, "--health-cmd", "test ! -e /ill", "busybox", "sleep", "1000")
    is_said_to_be(engine, "events", "healthy")
    engine.ok("exec", "events", "touch", "/ill")
    is_said_to_be(engine, "events", "unhealthy")
    said = engine.ok("events", "--since", str(begun), "--until", str(time.time() + 1), "--filter", "event=health_status", "--format", "{{.Action}}")
    assert said.splitlines() == ["health_status: healthy", "health_status: unhealthy"]


def test_the_shim_looks_while_the_engine_is_dead(engine):
    engine.ok("run", "-d", "--name", "alone", *OFTEN, "--health-cmd", "test -e /ok", "busybox", "sh", "-c", "sleep 4; touch /ok; sleep 1000")
    is_said_to_be(engine, "alone", "unhealthy")
    engine.kill()
    time.sleep(5)
    engine.start()
    report = health(engine, "alone")
    assert report["Status"] == "healthy" and report["Log"], report


def test_none_and_nothing_look_at_nothing(engine, client):
    engine.ok("run", "-d", "--name", "none", "--no-healthcheck", "busybox", "sleep", "1000", client=client)
    engine.ok("run", "-d", "--name", "bare", "busybox", "sleep", "1000", client=client)
    assert health(engine, "none") is None and health(engine, "bare") is None
    assert sorted(engine.ok("ps", "--filter", "health=none", "--format", "{{.Names}}", client=client).split()) == ["bare", "none"]


def test_what_cannot_be_is_refused(engine):
    sdk = engine.sdk()
    try:
        for field, value, word in (("Interval", 5, "Interval"), ("Timeout", -1, "Timeout"), ("StartPeriod", 999_999, "StartPeriod"), ("Retries", -1, "Retries")):
            with pytest.raises(Exception, match=f"{word} in Healthcheck") as refused:
                sdk.api.create_container("busybox", "true", healthcheck={"Test": ["CMD", "true"], field: value})
            assert refused.value.response.status_code == 400
        with pytest.raises(Exception, match="RUN"):
            sdk.api.create_container("busybox", "true", healthcheck={"Test": ["RUN", "true"]})
    finally:
        sdk.close()
    result = engine.docker("ps", "--filter", "health=well")
    assert result.code == 1 and "health=well" in result.err


def test_an_image_declares_it_and_a_container_changes_some_of_it(engine, tmp_path):
    images.docker_archive(tmp_path / "checked.tar", tag="checked:latest",
                          Healthcheck={"Test": ["CMD", "test", "-e", "/ok"], "Interval": 200_000_000, "Retries": 2})
    engine.ok("load", "-i", tmp_path / "checked.tar")
    engine.ok("run", "-d", "--name", "image", "--health-retries", "3", "checked", "sleep", "1000")
    config = engine.inspect("image")["Config"]["Healthcheck"]
    assert config["Test"] == ["CMD", "test", "-e", "/ok"] and config["Interval"] == 200_000_000 and config["Retries"] == 3
    assert is_said_to_be(engine, "image", "unhealthy")["FailingStreak"] >= 3
    assert json.loads(engine.ok("inspect", "--format", "{{json .State.Health.Status}}", "image")) == "unhealthy"
