"""From create to delete: what each verb does in each state, and what it says when it may not."""

import json
import os
import signal
import subprocess

import pytest

from cais_testing import IS_PEER, wait_until


def test_run_returns_the_programs_output_and_exit_code(runtime):
    result = runtime.once("sh", "-c", "echo out; echo err >&2; exit 7")
    assert (result.code, result.out, result.err) == (7, "out\n", "err\n")


def test_run_of_a_killed_program_returns_128_and_the_signal(runtime):
    bundle = runtime.bundle("sh", "-c", "echo ready; sleep 1000")
    name = runtime.name()
    with subprocess.Popen(runtime.command("run", "--bundle", bundle.path, name), stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        runtime("kill", name, "KILL")
        assert process.wait(timeout=20) == 137


def test_standard_input_reaches_the_program(runtime):
    assert runtime.once("cat", input=b"hello").out == "hello"


def test_a_created_container_waits_and_start_lets_it_run(runtime):
    container = runtime.created("sh", "-c", "echo started; sleep 1000")
    state = container.state()
    assert state["status"] == "created" and state["pid"] == container.pid and state["bundle"] == str(container.bundle.path)
    assert state["rootfs"] == str(container.bundle.rootfs) and state["id"] == container.name and "created" in state
    assert container.output() == ""
    assert runtime("start", container.name).code == 0
    assert container.status() == "running"
    wait_until("output", lambda: container.output() == "started\n")


def test_start_of_a_running_or_stopped_container_fails_and_changes_nothing(runtime):
    container = runtime.started("sleep", "1000")
    result = runtime("start", container.name)
    assert result.code == 1 and result.err
    assert container.status() == "running"
    runtime("kill", container.name, "KILL")
    container.wait()
    assert runtime("start", container.name).code == 1


def test_kill_sends_the_signal_by_name_or_number(runtime):
    for text in ("SIGTERM", "TERM", "15"):
        container = runtime.started("sh", "-c", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done")
        wait_until("ready", lambda: "ready" in container.output())
        assert runtime("kill", container.name, text).code == 0
        container.wait()


def test_kill_of_an_unknown_signal_or_a_stopped_container_fails(runtime):
    container = runtime.started("sleep", "1000")
    assert runtime("kill", container.name, "NOSUCH").code != 0
    assert runtime("kill", container.name, "KILL").code == 0
    container.wait()
    result = runtime("kill", container.name, "TERM")
    assert result.code != 0 and "not running" in result.err


def test_kill_all_reaches_every_process(runtime):
    container = runtime.started("sh", "-c", "sleep 999 & sleep 998 & wait; sleep 997")
    wait_until("three processes", lambda: len(runtime("ps", container.name).out.splitlines()) >= 4)
    assert runtime("kill", "--all", container.name, "KILL").code == 0
    container.wait()


def test_delete_of_a_running_container_fails_and_force_kills_it(runtime):
    container = runtime.started("sleep", "1000")
    result = runtime("delete", container.name)
    assert result.code != 0 and "not stopped" in result.err
    assert container.status() == "running"
    assert runtime("delete", "--force", container.name).code == 0
    assert runtime("state", container.name).code != 0


def test_forced_delete_of_a_created_container_takes_it_away(runtime):
    container = runtime.created("true")
    assert runtime("delete", "--force", container.name).code == 0
    assert runtime("state", container.name).code != 0


def test_forced_delete_of_nothing_is_done(runtime):
    assert runtime("delete", "--force", "nothing").code == 0
    result = runtime("delete", "nothing")
    assert result.code != 0 and "does not exist" in result.err


@pytest.mark.parametrize("verb", ["state", "start", "pause", "resume", "ps"])
def test_verbs_on_an_unknown_container_say_so(runtime, verb):
    result = runtime(verb, "nothing")
    assert result.code != 0 and "does not exist" in result.err


def test_a_taken_name_is_refused_and_its_holder_stays(runtime):
    container = runtime.started("sleep", "1000")
    result = runtime("create", "--bundle", container.bundle.path, container.name)
    assert result.code == 1 and "container with given ID already exists" in result.err
    assert container.status() == "running"


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "ä"])
def test_names_that_are_no_names_are_refused(runtime, name):
    bundle = runtime.bundle("true")
    assert runtime("run", "--bundle", bundle.path, name).code != 0


def test_list_shows_what_exists(runtime):
    container = runtime.started("sleep", "1000")
    assert runtime("list", "-q").out.split() == [container.name]
    listed = json.loads(runtime("list", "--format", "json").out)
    assert [(entry["id"], entry["status"], entry["pid"]) for entry in listed] == [(container.name, "running", container.pid)]
    assert container.name in runtime("list").out


def test_pause_stops_all_and_resume_lets_them_go_on(runtime):
    container = runtime.started("sh", "-c", "while :; do echo x; sleep 0.01; done")
    wait_until("output", lambda: container.output())
    assert runtime("pause", container.name).code == 0
    assert container.status() == "paused"
    assert runtime("exec", container.name, "true").code != 0
    assert runtime("resume", container.name).code == 0
    assert container.status() == "running"
    before = len(container.output())
    wait_until("it goes on", lambda: len(container.output()) > before)


def test_a_paused_container_can_be_deleted_by_force(runtime):
    container = runtime.started("sleep", "1000")
    assert runtime("pause", container.name).code == 0
    assert runtime("delete", "--force", container.name).code == 0


def test_changes_in_the_bundle_after_create_change_nothing(runtime):
    container = runtime.created("echo", "old")
    container.bundle.change(lambda config: config["process"].update(args=["echo", "new"]))
    runtime("start", container.name)
    container.wait()
    assert container.output() == "old\n"


@pytest.mark.skipif(IS_PEER, reason="config.md: process is REQUIRED when start is called; runc wants it at create")
def test_a_process_may_be_missing_until_start(runtime):
    container = runtime.created(change=lambda config: config.pop("process"))
    result = runtime("start", container.name)
    assert result.code != 0 and "process" in result.err


def test_run_detached_returns_while_the_program_runs(runtime):
    bundle = runtime.bundle("sleep", "1000")
    name = runtime.name()
    result = runtime("run", "--detach", "--bundle", bundle.path, name, timeout=30)
    assert result.code == 0, result
    assert json.loads(runtime("state", name).out)["status"] == "running"


def test_run_passes_signals_on(runtime):
    bundle = runtime.bundle("sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done")
    with subprocess.Popen(runtime.command("run", "--bundle", bundle.path, runtime.name()), stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 5


def test_the_pid_file_is_relative_to_the_working_directory(runtime):
    bundle = runtime.bundle("true")
    name = runtime.name()
    assert runtime("create", "--bundle", bundle.path, "--pid-file", "here.pid", name, cwd=runtime.directory).code == 0
    assert int((runtime.directory / "here.pid").read_text()) > 0


def test_the_bundle_is_the_working_directory_by_default(runtime):
    bundle = runtime.bundle("echo", "here")
    assert runtime("run", runtime.name(), cwd=bundle.path).out == "here\n"


@pytest.mark.skipif(IS_PEER, reason="the peers have other words for this")
def test_an_init_killed_before_start_is_stopped_and_deleted(runtime):
    container = runtime.created("true")
    os.kill(container.pid, signal.SIGKILL)
    container.wait()
    result = runtime("start", container.name)
    assert result.code == 1 and "cannot start a container that is stopped" in result.err
    assert runtime("delete", container.name).code == 0


@pytest.mark.skipif(IS_PEER, reason="the peers write fsynced state and handle it otherwise")
def test_a_create_that_was_killed_leaves_only_what_delete_takes_away(runtime):
    def slow(config):
        config["hooks"] = {"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "1000"]}]}
    bundle = runtime.bundle("true", change=slow)
    name = runtime.name()
    with subprocess.Popen(runtime.command("create", "--bundle", bundle.path, name), stderr=subprocess.PIPE, start_new_session=True) as process:
        wait_until("it is being made", lambda: json.loads(runtime("state", name).out or "{}").get("status") == "creating")
        wait_until("the hook runs", lambda: "sleep" in subprocess.run(["ps", "-o", "cmd", "--ppid", str(process.pid)], stdout=subprocess.PIPE, check=False).stdout.decode())
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert runtime("delete", "--force", name).code == 0
    assert runtime("state", name).code != 0


def test_features_are_json(runtime):
    document = json.loads(runtime("features").out)
    assert document["ociVersionMin"].startswith("1.0") and "createRuntime" in document["hooks"]
    assert "pid" in document["linux"]["namespaces"] and "rro" in document["mountOptions"]


def test_spec_writes_a_configuration_that_runs(runtime):
    bundle = runtime.bundle("true")
    (bundle.path / "config.json").unlink()
    assert runtime("spec", cwd=bundle.path).code == 0
    config = json.loads((bundle.path / "config.json").read_text())
    config["process"].update(terminal=False, args=["echo", "ran"])
    bundle.config = config
    bundle.write()
    assert runtime("run", "--bundle", bundle.path, runtime.name()).out == "ran\n"
    assert runtime("spec", cwd=bundle.path).code != 0
