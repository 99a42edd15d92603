"""What the specification demands of states, operations and bundles (runtime.md, bundle.md)."""

import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from cais_testing import IS_PEER, cgroup_hierarchies, cgroups, wait_until

SIGNALS = ["HUP", "INT", "QUIT", "USR1", "USR2", "TERM", "CONT", "WINCH"]


def trapping(*names):
    """A program that says which signals came."""
    traps = "; ".join(f"trap 'echo got {name}' {name}" for name in names)
    return ["sh", "-c", f"{traps}; echo ready; while :; do sleep 0.02; done"]


def in_status(runtime, status):
    """A container in the status asked for."""
    if status == "created":
        return runtime.created("sleep", "1000")
    container = runtime.started("sleep", "1000")
    if status == "paused":
        assert runtime("pause", container.name).code == 0
    if status == "stopped":
        runtime("kill", container.name, "KILL")
        container.wait()
    return container


def resumed(runtime, container):
    """So that the end of the test is none of a frozen container."""
    runtime("resume", container.name)


# -- state --------------------------------------------------------------------------------------

def check_schema(state):
    """The rules of the specification's state schema."""
    assert {"ociVersion", "id", "status", "bundle"} <= state.keys()
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", state["ociVersion"])
    assert isinstance(state["id"], str) and state["id"] and isinstance(state["bundle"], str) and state["bundle"]
    assert isinstance(state["status"], str)
    assert isinstance(state.get("pid", 0), int) and state.get("pid", 0) >= 0
    annotations = state.get("annotations") or {}
    assert isinstance(annotations, dict) and all(key and isinstance(value, str) for key, value in annotations.items())


@pytest.mark.parametrize("status", ["created", "running", "paused", "stopped"])
def test_the_state_of_each_status(runtime, status):
    container = in_status(runtime, status)
    state = container.state()
    check_schema(state)
    assert state["status"] == status and state["id"] == container.name and state["bundle"] == str(container.bundle.path)
    if status in ("created", "running"):
        assert state["pid"] == container.pid
    resumed(runtime, container)


def test_annotations_are_in_the_state(runtime):
    given = {"org.example.key": "value", "empty": "", "ünïcode": "ü"}
    container = runtime.created("true", change=lambda config: config.update(annotations=given))
    assert container.state()["annotations"] == given


def test_the_bundle_of_the_state_is_absolute(runtime):
    for spelling in (".", "../{}", "./../{}/."):
        bundle = runtime.bundle("true")
        name = runtime.name()
        assert runtime("create", "--bundle", spelling.format(bundle.path.name), name, cwd=bundle.path).code == 0
        assert json.loads(runtime("state", name).out)["bundle"] == str(bundle.path)


# -- create -------------------------------------------------------------------------------------

def test_create_makes_everything_but_runs_nothing(runtime):
    def change(config):
        config["mounts"].append({"destination": "/made", "type": "tmpfs", "source": "tmpfs"})
    container = runtime.created("touch", "/ran", change=change)
    path = container.bundle.config["linux"]["cgroupsPath"]
    assert any(str(container.pid) in open(f"{top}{path}/cgroup.procs").read().split() for top in cgroup_hierarchies() if os.path.exists(f"{top}{path}"))
    assert os.readlink(f"/proc/{container.pid}/ns/net") != os.readlink("/proc/self/ns/net")
    assert any(line.split()[4] == "/made" for line in open(f"/proc/{container.pid}/mountinfo"))
    assert container.status() == "created" and not (container.bundle.rootfs / "ran").exists()
    assert runtime("start", container.name).code == 0
    container.wait()
    assert (container.bundle.rootfs / "ran").exists()


def test_a_configuration_that_changes_or_goes_after_create_changes_nothing(runtime):
    container = runtime.created("sh", "-c", "hostname; id -u")
    container.bundle.change(lambda config: (config.update(hostname="other"), config["process"].update(user={"uid": 7, "gid": 7})))
    (container.bundle.path / "config.json").unlink()
    assert runtime("start", container.name).code == 0
    container.wait()
    assert container.output() == "box\n0\n"


@pytest.mark.parametrize("change", [
    lambda config: config["root"].update(path="missing"),
    lambda config: config["mounts"].append({"destination": "/x", "type": "nosuchfs", "source": "x"}),
    lambda config: config["mounts"].append({"destination": "/x", "type": "bind", "source": "/nonexistent", "options": ["bind"]}),
    lambda config: config["linux"]["namespaces"].append({"type": "user", "path": "/nonexistent"}),
    lambda config: config["linux"].update(sysctl={"net.ipv4.nosuch": "1"}),
    lambda config: config["linux"]["resources"].update(pids={"limit": 10}, cpu={"cpus": "9999"}),
    lambda config: config["process"].update(args=["/nonexistent"]),
], ids=["root", "file system", "bind source", "namespace", "sysctl", "cpuset", "program"])
def test_a_create_that_fails_is_an_error_and_leaves_nothing(runtime, change):
    bundle = runtime.bundle("true", change=change)
    before = cgroups()
    mounts = open("/proc/self/mountinfo").read()
    name = runtime.name()
    result = runtime("create", "--bundle", bundle.path, name)
    assert result.code != 0 and result.err, result
    assert runtime("state", name).code != 0
    assert cgroups() - before == set() and open("/proc/self/mountinfo").read() == mounts
    assert name not in runtime("list", "-q").out


def test_a_name_can_be_used_again_after_a_create_that_failed(runtime):
    bundle = runtime.bundle("true", change=lambda config: config["root"].update(path="missing"))
    name = runtime.name()
    assert runtime("create", "--bundle", bundle.path, name).code != 0
    bundle.change(lambda config: config["root"].update(path="rootfs"))
    assert runtime("create", "--bundle", bundle.path, name).code == 0


@pytest.mark.parametrize("verb", ["create", "start", "state", "kill", "delete"])
def test_an_operation_without_its_arguments_is_an_error(runtime, verb):
    bundle = runtime.bundle("true")
    result = runtime(verb, cwd=bundle.path)
    assert result.code != 0 and (result.err or result.out)


@pytest.mark.parametrize("verb", [["state"], ["start"], ["kill", "KILL"], ["delete"]], ids=lambda verb: verb[0])
def test_an_operation_on_an_unknown_name_is_an_error(runtime, verb):
    runtime.created("true")
    result = runtime(verb[0], "unknown-name", *verb[1:])
    assert result.code != 0 and "does not exist" in result.err, result


def test_create_without_a_configuration_is_an_error(runtime):
    (runtime.directory / "empty").mkdir()
    for bundle in (runtime.directory / "empty", runtime.directory / "missing"):
        name = runtime.name()
        assert runtime("create", "--bundle", bundle, name).code != 0
        assert runtime("state", name).code != 0


def test_the_configuration_has_its_exact_name_in_the_bundles_root(runtime):
    bundle = runtime.bundle("true")
    for place in ("Config.json", "config.JSON", "sub/config.json"):
        (bundle.path / place).parent.mkdir(exist_ok=True)
        shutil.copy(bundle.path / "config.json", bundle.path / place)
    (bundle.path / "config.json").unlink()
    result = runtime("create", "--bundle", bundle.path, runtime.name())
    assert result.code != 0 and "config.json" in result.err


def test_a_bundle_may_be_anywhere_and_moved(runtime):
    bundle = runtime.bundle("cat", "/file")
    (bundle.rootfs / "file").write_text("of the bundle\n")
    moved = runtime.directory / "moved elsewhere"
    shutil.move(bundle.path, moved)
    assert runtime("run", "--bundle", moved, runtime.name()).out == "of the bundle\n"


@pytest.mark.parametrize("status", ["created", "running", "paused", "stopped"])
def test_a_name_is_one_containers_in_every_status(runtime, status):
    container = in_status(runtime, status)
    other = runtime.bundle("true")
    result = runtime("create", "--bundle", other.path, container.name)
    assert result.code != 0 and "already exists" in result.err
    assert container.status() == status and container.state()["bundle"] == str(container.bundle.path)
    resumed(runtime, container)


# -- start --------------------------------------------------------------------------------------

@pytest.mark.parametrize("status", ["running", "paused", "stopped"])
def test_start_of_one_that_is_not_created_is_an_error_without_effect(runtime, status):
    container = in_status(runtime, status)
    result = runtime("start", container.name)
    assert result.code != 0 and result.err
    assert container.status() == status
    if status != "stopped":
        assert container.state()["pid"] == container.pid
    resumed(runtime, container)


def test_start_runs_the_program_of_the_configuration(runtime):
    container = runtime.created("sh", "-c", "echo $0 $1 \"$2\" $A; pwd; id -u", "zero", "one", "two three",
                                change=lambda config: config["process"].update(env=["PATH=/bin", "A=a b"], cwd="/tmp", user={"uid": 5, "gid": 6}))
    assert runtime("start", container.name).code == 0
    container.wait()
    assert container.output() == "zero one two three a b\n/tmp\n5\n"


# -- kill ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", SIGNALS)
def test_kill_delivers_the_signal_by_its_names_and_number(runtime, name):
    container = runtime.started(*trapping(name))
    wait_until("ready", lambda: "ready" in container.output())
    for count, spelling in enumerate([name, f"SIG{name}", str(int(getattr(signal, f"SIG{name}")))], 1):
        assert runtime("kill", container.name, spelling).code == 0
        wait_until("it came", lambda count=count: container.output().count(f"got {name}") == count)


def test_kill_sends_sigterm_by_default(runtime):
    container = runtime.started(*trapping("TERM"))
    wait_until("ready", lambda: "ready" in container.output())
    assert runtime("kill", container.name).code == 0
    wait_until("it came", lambda: "got TERM" in container.output())


def test_kill_reaches_a_created_container(runtime):
    container = runtime.created("touch", "/ran")
    assert runtime("kill", container.name, "KILL").code == 0
    container.wait()
    assert not (container.bundle.rootfs / "ran").exists()


def test_kill_of_a_stopped_container_is_an_error_without_effect(runtime):
    container = in_status(runtime, "stopped")
    before = container.state()
    for name in ("TERM", "KILL", "0"):
        assert runtime("kill", container.name, name).code != 0
    assert container.state() == before


def test_kill_with_a_signal_nobody_knows_is_an_error_without_effect(runtime):
    container = runtime.started("sleep", "1000")
    for name in ("NOSUCH", "SIGNOSUCH", "-1", "9999"):
        assert runtime("kill", container.name, name).code != 0, name
    assert container.status() == "running"


# -- delete -------------------------------------------------------------------------------------

@pytest.mark.skipif(IS_PEER, reason="runtime.md, delete: 'Attempting to delete a container that is not stopped MUST have no effect on the "
                                    "container and MUST generate an error'; runc deletes a created one")
def test_delete_of_a_created_container_is_an_error_without_effect(runtime):
    container = runtime.created("echo", "ran")
    result = runtime("delete", container.name)
    assert result.code != 0 and "not stopped" in result.err
    assert container.status() == "created" and container.state()["pid"] == container.pid
    assert runtime("start", container.name).code == 0
    container.wait()
    assert container.output() == "ran\n"


@pytest.mark.parametrize("status", ["running", "paused"])
def test_delete_of_one_that_has_not_stopped_is_an_error_without_effect(runtime, status):
    container = in_status(runtime, status)
    result = runtime("delete", container.name)
    assert result.code != 0 and result.err
    assert container.status() == status and container.state()["pid"] == container.pid
    resumed(runtime, container)


def test_delete_removes_what_create_made(runtime):
    def change(config):
        config["mounts"].append({"destination": "/made", "type": "tmpfs", "source": "tmpfs"})
    before = (cgroups(), open("/proc/self/mountinfo").read())
    container = runtime.started("true", change=change)
    container.wait()
    assert runtime("delete", container.name).code == 0
    assert (cgroups(), open("/proc/self/mountinfo").read()) == before
    assert runtime("state", container.name).code != 0 and container.name not in runtime("list", "-q").out
    assert runtime("delete", container.name).code != 0


def test_a_name_is_free_after_delete(runtime):
    container = in_status(runtime, "stopped")
    assert runtime("delete", container.name).code == 0
    assert runtime("run", "--bundle", container.bundle.change(lambda config: config["process"].update(args=["echo", "again"])).path,
                   container.name).out == "again\n"


def test_delete_leaves_what_create_did_not_make(runtime):
    data = runtime.directory / "data"
    data.mkdir()
    (data / "file").write_text("kept")
    container = runtime.started("touch", "/written", change=lambda config: config["mounts"].append(
        {"destination": "/data", "type": "bind", "source": str(data), "options": ["bind"]}))
    container.wait()
    config = (container.bundle.path / "config.json").read_text()
    assert runtime("delete", container.name).code == 0
    assert (data / "file").read_text() == "kept" and (container.bundle.rootfs / "written").exists()
    assert (container.bundle.rootfs / "bin/busybox").exists() and (container.bundle.path / "config.json").read_text() == config


# -- errors and warnings ------------------------------------------------------------------------

@pytest.mark.parametrize("words", [
    ["start", "NAME"], ["delete", "NAME"], ["resume", "NAME"], ["kill", "NAME", "NOSUCH"], ["exec", "NAME", "/nonexistent"],
    ["exec", "--cwd", "relative", "NAME", "true"], ["create", "--bundle", "BUNDLE", "NAME"], ["run", "--bundle", "BUNDLE", "NAME"],
    ["run", "--detach", "--bundle", "BUNDLE", "NAME"],
], ids=lambda words: " ".join(words[:2]))
def test_an_operation_that_fails_leaves_a_running_container_as_it_was(runtime, words):
    container = runtime.started("sleep", "1000")
    before = container.state()
    processes = runtime("ps", "--format", "json", container.name).out
    places = {"NAME": container.name, "BUNDLE": str(container.bundle.path)}
    result = runtime(*[places.get(word, word) for word in words])
    assert result.code != 0 and result.err, result
    assert container.state() == before
    wait_until("no process more", lambda: runtime("ps", "--format", "json", container.name).out == processes)
    assert container.exec("true").code == 0


def test_a_warning_changes_nothing_else(runtime):
    sets = {kind: ["CAP_KILL", "CAP_NONSENSE"] for kind in ("bounding", "effective", "permitted")}
    result = runtime.once("sh", "-c", "grep CapEff /proc/self/status; exit 3", change=lambda config: config["process"].update(capabilities=sets))
    assert result.code == 3 and "CAP_NONSENSE" in result.err and int(result.out.split()[1], 16) == 1 << 5, result


def test_whoever_created_a_container_may_do_all_with_it(runtime):
    container = runtime.created("sleep", "1000")
    for words in (["state"], ["start"], ["pause"], ["resume"], ["ps"], ["kill", "KILL"]):
        assert runtime(words[0], container.name, *words[1:]).code == 0, words
    container.wait()
    assert runtime("delete", container.name).code == 0


def test_extra_statuses_are_states_of_their_own(runtime):
    container = in_status(runtime, "paused")
    # Neither running, since nothing goes on, nor stopped, since it has a process.
    assert container.status() == "paused" and os.path.exists(f"/proc/{container.pid}")
    resumed(runtime, container)
    assert container.status() == "running"


def test_the_pid_file_has_the_pid_and_nothing_else(runtime):
    container = runtime.created("true")
    assert (container.bundle.path / "pid").read_text() == str(container.state()["pid"])


def test_a_pid_file_that_cannot_be_written_fails_create_and_leaves_nothing(runtime):
    bundle = runtime.bundle("true")
    name = runtime.name()
    result = runtime("create", "--bundle", bundle.path, "--pid-file", "/nonexistent/pid", name)
    assert result.code != 0 and "/nonexistent/" in result.err
    assert runtime("state", name).code != 0


def test_killed_at_any_time_start_and_delete_find_the_truth(runtime):
    """A container whose init was killed from outside is stopped for every operation."""
    for make in (runtime.created, runtime.started):
        container = make("sleep", "1000")
        os.kill(container.pid, signal.SIGKILL)
        container.wait()
        assert runtime("start", container.name).code != 0 and runtime("kill", container.name, "TERM").code != 0
        assert subprocess.run(runtime.command("delete", container.name), check=False).returncode == 0
