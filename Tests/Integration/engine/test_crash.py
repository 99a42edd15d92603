"""The daemon may be killed at any moment: containers run on, and the next start finds the truth."""

import subprocess
import time

import pytest

from engine import BIN, Engine, differences, wait_until


def crash_points():
    """The numbered steps at which the daemon lets itself be killed, as it names them."""
    listed = subprocess.run([BIN / "caisd", "crash-points"], capture_output=True, check=True).stdout.decode()
    points = listed.split()
    assert points, "the daemon names no crash points"
    return points


def test_a_container_runs_on_while_the_daemon_is_dead(fresh_engine):
    engine = fresh_engine
    engine.ok("run", "-d", "--name", "steady", "busybox", "sh", "-c", "i=0; while :; do echo tick $i; i=$((i+1)); sleep 0.02; done")
    pid = engine.inspect("steady")["State"]["Pid"]
    engine.kill()
    log = next(engine.root.joinpath("data").glob("containers/*/*-json.log"))
    count = len(log.read_text().splitlines())
    wait_until("it logs on", lambda: len(log.read_text().splitlines()) > count + 5)
    engine.start()
    state = engine.inspect("steady")["State"]
    assert state["Running"] and state["Pid"] == pid
    ticks = engine.ok("logs", "steady").splitlines()
    assert ticks == [f"tick {i}" for i in range(len(ticks))]
    assert engine.ok("exec", "steady", "echo", "in") == "in"
    engine.ok("stop", "-t", "0", "steady")
    assert not engine.inspect("steady")["State"]["Running"]


def test_an_exit_code_from_the_daemons_absence_is_known(fresh_engine):
    engine = fresh_engine
    engine.ok("run", "-d", "--name", "mortal", "-i", "busybox", "sh", "-c", "sleep 0.5; exit 42")
    engine.ok("run", "-d", "--rm", "--name", "fleeting", "busybox", "sleep", "0.5")
    engine.kill()
    wait_until("both shims have ended", lambda: not engine.shims())
    engine.start()
    state = engine.inspect("mortal")["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 42)
    wait_until("the fleeting one is removed", lambda: engine.ok("ps", "-a", "--format", "{{.Names}}") == "mortal")


def test_a_restart_policy_is_served_while_the_daemon_is_dead(fresh_engine):
    engine = fresh_engine
    engine.ok("run", "-d", "--name", "phoenix", "--restart", "always", "busybox", "sh", "-c", "echo born; sleep 0.2; exit 1")
    log = wait_until("a log", lambda: next(iter(engine.root.joinpath("data").glob("containers/*/*-json.log")), None))
    engine.kill()
    begun = log.read_text().count("born")
    wait_until("it was born again twice", lambda: log.read_text().count("born") >= begun + 2, 20)
    engine.start()
    state = engine.inspect("phoenix")
    assert state["RestartCount"] >= 2
    engine.ok("rm", "-f", "phoenix")
    assert not engine.shims()


def test_a_terminated_daemon_leaves_containers_running(fresh_engine):
    engine = fresh_engine
    engine.ok("run", "-d", "--name", "kept", "busybox", "sleep", "600")
    assert engine.stop() == 0
    assert len(engine.shims()) == 1
    engine.start()
    assert engine.inspect("kept")["State"]["Running"]


@pytest.fixture(scope="module")
def crashing_engine(busybox_archive):
    engine = Engine()
    try:
        engine.start()
        engine.ok("load", "-i", busybox_archive)
        yield engine
    finally:
        engine.close()


@pytest.mark.parametrize("point", crash_points())
def test_a_kill_at_each_step_leaves_a_consistent_world(crashing_engine, point):
    """create, start, stop, remove with the kill injected; then the engine starts again: what it
    lists is what runs, everything can be removed, and the machine holds what it held before."""
    engine = crashing_engine
    before = engine.census()
    engine.stop()
    engine.start(environment={"CAIS_CRASH_AT": point})
    name = "victim-" + point.replace(".", "-")
    for arguments in (("create", "--name", name, "-p", "127.0.0.1::80", "busybox", "sleep", "600"), ("start", name),
                      ("stop", "-t", "1", name), ("rm", name)):
        if engine.process.poll() is not None or engine.docker(*arguments, timeout=40).code != 0:
            break
    engine.wait_for_death()
    engine.start()
    listed = engine.ok("ps", "-aq", "--no-trunc").split()
    for identifier in listed:
        state = engine.inspect(identifier)["State"]
        assert state["Status"] in ("created", "exited", "running"), state
        if state["Running"]:
            assert engine.ok("exec", identifier, "echo", "alive") == "alive"
        else:
            engine.ok("start", identifier)
            assert engine.inspect(identifier)["State"]["Running"]
    engine.ok("run", "--rm", "busybox", "true")
    if listed:
        engine.ok("rm", "-f", *listed)
    assert engine.ok("ps", "-aq") == ""
    engine.ok("run", "--rm", "--name", name, "busybox", "true")
    wait_until("nothing is left", lambda: not differences(before, engine.census()) or print(differences(before, engine.census())), 10)


def test_one_damaged_file_does_not_keep_the_daemon_down(fresh_engine):
    engine = fresh_engine
    engine.ok("create", "--name", "before", "busybox")
    engine.stop()
    database = engine.root / "data" / "cais.db"
    for extra in ("-wal", "-shm"):
        database.with_name(database.name + extra).unlink(missing_ok=True)
    database.write_bytes(b"this is no database" * 100)
    engine.start()
    assert "cais.db" in engine.log_text()
    assert engine.ok("ps", "-a", "--format", "{{.Names}}") == "before"


def test_twenty_running_containers_are_found_again(fresh_engine):
    """The daemon is asked as soon as it listens."""
    engine = fresh_engine
    for number in range(20):
        engine.ok("run", "-d", "--name", f"n{number}", "busybox", "sleep", "600")
    engine.kill()
    began = time.monotonic()
    engine.start()
    took = time.monotonic() - began
    print(f"answered {took * 1000:.0f} ms after its start with 20 containers")
    assert len(engine.ok("ps", "-q").split()) == 20
