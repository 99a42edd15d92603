"""What the specification demands of hooks (config.md, POSIX-platform hooks; runtime.md, lifecycle)."""

import json
import os
import subprocess

import pytest

from cais_testing import IS_PEER, wait_until

KINDS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
BY_CREATE = KINDS[:3]
IN_RUNTIME = ["prestart", "createRuntime", "poststart", "poststop"]
STATUS = {"prestart": "creating", "createRuntime": "creating", "createContainer": "creating", "startContainer": "created",
          "poststart": "running", "poststop": "stopped"}


def shell(script):
    return {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"]}


class Log:
    """A directory of the host that the container has under the same path, for hooks to write to."""

    def __init__(self, runtime):
        self.path = runtime.directory / "hooks"
        self.path.mkdir(mode=0o777)
        self.order = self.path / "order"

    def __call__(self, **lists):
        """Changes a configuration so that it has these hooks and can reach the directory."""
        def change(config):
            config["mounts"].append({"destination": str(self.path), "type": "bind", "source": str(self.path), "options": ["bind"]})
            config["hooks"] = {kind: [hook if isinstance(hook, dict) else shell(hook) for hook in hooks] for kind, hooks in lists.items()}
        return change

    def says(self, word):
        return f"echo {word} >> {self.order}"

    def words(self):
        return self.order.read_text().split() if self.order.exists() else []


@pytest.fixture
def log(runtime):
    return Log(runtime)


def to_the_end(runtime, container):
    """From created to deleted."""
    assert runtime("start", container.name).code == 0
    runtime("kill", container.name, "KILL")
    container.wait()
    return runtime("delete", container.name)


def until(runtime, container, kind):
    """Takes a created container as far as its hooks of `kind` have run."""
    if kind not in BY_CREATE:
        assert runtime("start", container.name).code == 0
    if kind == "poststop":
        runtime("kill", container.name, "KILL")
        container.wait()
        assert runtime("delete", container.name).code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_hooks_of_one_kind_run_in_their_order(runtime, log, kind):
    container = runtime.created("sleep", "1000", change=log(**{kind: [log.says(number) for number in range(4)]}))
    until(runtime, container, kind)
    assert log.words() == ["0", "1", "2", "3"]
@pytest.mark.skipif(IS_PEER, reason="config.md, poststart: 'the poststart hooks MUST be called after the user-specified process is executed but before the start operation returns'; runc calls them in create")
def test_each_kind_runs_once_and_by_its_operation(runtime, log):
    container = runtime.created("sleep", "1000", change=log(**{kind: [log.says(kind)] for kind in KINDS}))
    assert log.words() == BY_CREATE
    assert runtime("start", container.name).code == 0
    assert log.words() == KINDS[:5]
    runtime("kill", container.name, "KILL")
    container.wait()
    assert log.words() == KINDS[:5]
    assert runtime("delete", container.name).code == 0
    assert log.words() == KINDS
@pytest.mark.skipif(IS_PEER, reason="config.md, poststart: 'the poststart hooks MUST be called after the user-specified process is executed but before the start operation returns'; runc calls them in create")
def test_run_calls_every_kind(runtime, log):
    result = runtime.once("true", change=log(**{kind: [log.says(kind)] for kind in KINDS}))
    assert result.code == 0 and log.words() == KINDS, result


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_is_on_a_hooks_input(runtime, log, kind):
    def change(config):
        log(**{kind: [f"cat > {log.path}/state"]})(config)
        config["annotations"] = {"org.example.key": "value", "empty": ""}
    if IS_PEER and kind == "poststart":
        pytest.skip("runtime.md, state: 'running: the container process has executed the user-specified program'; runc calls poststart in create")
    container = runtime.created("sleep", "1000", change=change)
    until(runtime, container, kind)
    state = json.loads((log.path / "state").read_text())
    assert state["id"] == container.name and state["bundle"] == str(container.bundle.path) and state["ociVersion"]
    assert state["annotations"] == {"org.example.key": "value", "empty": ""}
    assert state["status"] == STATUS[kind]
    if kind == "poststop":
        assert not state.get("pid")
    else:
        # runtime.md, state: as the one sees it who is in the hook's namespaces.
        assert state["pid"] == (container.pid if kind in IN_RUNTIME else 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_that_does_not_read_its_state_is_within_its_rights(runtime, log, kind):
    def change(config):
        log(**{kind: [{"path": "/bin/true"}] * 8 + [log.says("end")]})(config)
        # More than a pipe holds: whoever writes it meets the closed end.
        config["annotations"] = {f"key{number}": "x" * 1000 for number in range(200)}
    container = runtime.created("sleep", "1000", change=change)
    until(runtime, container, kind)
    assert log.words() == ["end"]


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer", "startContainer", "poststop"])
def test_a_state_larger_than_a_pipe_arrives_whole(runtime, log, kind):
    annotations = {f"key{number}": "x" * 1000 for number in range(200)}

    def change(config):
        log(**{kind: [f"cat > {log.path}/state"]})(config)
        config["annotations"] = annotations
    container = runtime.created("sleep", "1000", change=change)
    until(runtime, container, kind)
    assert json.loads((log.path / "state").read_text())["annotations"] == annotations


@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_has_the_arguments_and_variables_given_and_no_others(runtime, log, kind):
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"exec 5< /proc/self/environ; tr '\\0' '\\n' <&5 > {log.path}/env; echo $0 $1 > {log.path}/args", "zero", "one"],
            "env": ["A=1", "B=two words"]}
    container = runtime.created("sleep", "1000", change=log(**{kind: [hook]}))
    until(runtime, container, kind)
    assert (log.path / "env").read_text() == "A=1\nB=two words\n"
    assert (log.path / "args").read_text() == "zero one\n"


@pytest.mark.skipif(IS_PEER, reason="config.md: 'env (array of strings, OPTIONAL) with the same semantics as IEEE Std 1003.1-2008s environ'; where none are given runc hands its own through")
@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_without_variables_has_an_empty_environment(runtime, log, kind):
    script = f"exec 5< /proc/self/environ; tr '\\0' '\\n' <&5 > {log.path}/env"
    container = runtime.created("sleep", "1000", change=log(**{kind: [{"path": "/bin/sh", "args": ["sh", "-c", script]}]}))
    until(runtime, container, kind)
    assert (log.path / "env").read_text() == ""


@pytest.mark.skipif(IS_PEER, reason="config.md: 'path (string, REQUIRED) with similar semantics to IEEE Std 1003.1-2008 execv's path. "
                                    "This specification extends the IEEE standard in that path MUST be absolute.' runc runs what it finds")
@pytest.mark.parametrize("kind", KINDS)
def test_a_relative_path_of_a_hook_is_refused(runtime, kind):
    result = runtime.once("true", change=lambda config: config.update(hooks={kind: [{"path": "bin/true"}]}))
    assert result.code != 0 and "bin/true" in result.err


@pytest.mark.skipif(IS_PEER, reason="config.md: 'If set, timeout MUST be greater than zero.' runc takes any number")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("timeout", [0, -1])
def test_a_timeout_that_is_not_above_zero_is_refused(runtime, kind, timeout):
    result = runtime.once("true", change=lambda config: config.update(hooks={kind: [{"path": "/bin/true", "timeout": timeout}]}))
    assert result.code != 0 and "timeout" in result.err


@pytest.mark.parametrize("kind", KINDS[:4])
def test_a_hook_that_runs_past_its_timeout_is_killed_and_has_failed(runtime, log, kind):
    slow = {**shell(f"{log.says('began')}; exec sleep 1000"), "timeout": 1}
    result = runtime.once("true", change=log(**{kind: [slow, log.says("second")]}), timeout=30)
    assert result.code != 0 and log.words() == ["began"]


@pytest.mark.skipif(IS_PEER, reason="runc leaves reading the hook's output unbounded in time")
def test_a_hook_that_talks_without_end_is_killed_at_its_timeout(runtime, log):
    loud = {**shell("while :; do echo noise >&2; done"), "timeout": 1}
    assert runtime.once("true", change=log(createRuntime=[loud]), timeout=30).code != 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_runs_in_its_namespaces(runtime, log, kind):
    script = "; ".join(f"readlink /proc/self/ns/{name} >> {log.path}/ns" for name in ("mnt", "net", "uts", "ipc", "pid"))
    container = runtime.created("sleep", "1000", change=log(**{kind: [script]}))
    inside = [os.readlink(f"/proc/{container.pid}/ns/{name}") for name in ("mnt", "net", "uts", "ipc", "pid")]
    outside = [os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "net", "uts", "ipc", "pid")]
    until(runtime, container, kind)
    assert (log.path / "ns").read_text().split() == (outside if kind in IN_RUNTIME else inside)


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "poststart", "poststop"])
def test_a_hooks_path_is_the_runtimes(runtime, log, kind):
    program = runtime.directory / "only-outside"
    program.write_text(f"#!/bin/sh\n{log.says('found')}\n")
    program.chmod(0o755)
    container = runtime.created("sleep", "1000", change=log(**{kind: [{"path": str(program)}]}))
    until(runtime, container, kind)
    assert log.words() == ["found"]


def test_the_path_of_startcontainer_is_the_containers(runtime, log):
    bundle = runtime.bundle("sleep", "1000", change=log(startContainer=[{"path": "/bin/only-inside"}]))
    (bundle.rootfs / "bin/only-inside").write_text(f"#!/bin/sh\n{log.says('found')}\n")
    (bundle.rootfs / "bin/only-inside").chmod(0o755)
    container = runtime.created(bundle=bundle)
    assert runtime("start", container.name).code == 0
    assert log.words() == ["found"]


@pytest.mark.parametrize("kind", ["prestart", "createRuntime"])
def test_runtime_hooks_of_create_come_when_the_environment_is_there_and_before_pivot_root(runtime, log, kind):
    # The state's pid leads to what init has: its own namespaces and mounts, and still the old root.
    script = (f"pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/'); readlink /proc/$pid/ns/net > {log.path}/net; "
              f"grep -c /marked /proc/$pid/mountinfo > {log.path}/mounts; ls -d /proc/$pid/root{runtime.directory} > {log.path}/root")

    def change(config):
        log(**{kind: [script]})(config)
        config["mounts"].append({"destination": "/marked", "type": "tmpfs", "source": "tmpfs"})
    container = runtime.created("true", change=change)
    assert (log.path / "net").read_text().strip() == os.readlink(f"/proc/{container.pid}/ns/net")
    assert (log.path / "mounts").read_text() == "1\n"
    assert (log.path / "root").read_text()


def test_createcontainer_comes_before_pivot_root(runtime, log):
    script = f"ls -d {runtime.directory}/state > {log.path}/outside; grep -c /marked /proc/self/mountinfo > {log.path}/mounts"

    def change(config):
        log(createContainer=[script])(config)
        config["mounts"].append({"destination": "/marked", "type": "tmpfs", "source": "tmpfs"})
    runtime.created("true", change=change)
    assert (log.path / "outside").read_text() and (log.path / "mounts").read_text() == "1\n"
@pytest.mark.skipif(IS_PEER, reason="config.md, poststart: 'the poststart hooks MUST be called after the user-specified process is executed but before the start operation returns'; runc calls them in create")
def test_startcontainer_comes_before_the_program_and_poststart_before_start_returns(runtime, log):
    gate = log.path / "gate"
    os.mkfifo(gate)
    container = runtime.created("sh", "-c", f"{log.says('program')}; sleep 1000", change=log(
        startContainer=[f"{log.says('began')}; cat {gate}; {log.says('startContainer')}"],
        poststart=[f"while ! grep -q program {log.order}; do :; done; {log.says('poststart')}"]))
    assert log.words() == []
    with subprocess.Popen(runtime.command("start", container.name), stdin=subprocess.DEVNULL) as start:
        wait_until("the hook runs", lambda: log.words() == ["began"])
        assert container.status() == "created" and start.poll() is None
        gate.write_text("go on")
        assert start.wait(timeout=20) == 0
    assert log.words() == ["began", "startContainer", "program", "poststart"]


def test_poststop_comes_after_the_container_is_gone_and_before_delete_returns(runtime, log):
    path = " ".join(runtime.command("state"))
    container = runtime.created("sleep", "1000", change=log(poststop=[
        f"id=$(sed 's/.*\"id\": *\"\\([^\"]*\\)\".*/\\1/'); {path} $id > /dev/null 2>&1 && {log.says('exists')}; {log.says('poststop')}"]))
    assert to_the_end(runtime, container).code == 0
    assert log.words() == ["poststop"]


def test_startcontainer_runs_under_a_filter_without_clone3(runtime, log):
    def change(config):
        log(startContainer=[log.says("ran")])(config)
        config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}
    container = runtime.created("sleep", "1000", change=change)
    result = runtime("start", container.name)
    assert result.code == 0 and log.words() == ["ran"], result


# -- hooks that fail ----------------------------------------------------------------------------

@pytest.mark.parametrize("kind", BY_CREATE)
def test_a_hook_that_fails_in_create_is_an_error_and_ends_the_container(runtime, log, kind):
    bundle = runtime.bundle("sh", "-c", log.says("program"), change=log(**{
        kind: [log.says("first"), "exit 3", log.says("third")], "poststop": [log.says("poststop")]}))
    name = runtime.name()
    result = runtime("create", "--bundle", bundle.path, name)
    assert result.code != 0 and "hook" in result.err, result
    assert runtime("state", name).code != 0
    assert log.words()[0] == "first" and "third" not in log.words() and "program" not in log.words()
    if not IS_PEER:
        # runtime.md, lifecycle: "continue the lifecycle at step 12", which ends with the poststop hooks.
        assert log.words() == ["first", "poststop"]
        assert f"error running {kind} hook #1: /bin/sh: exit status 3" in result.err


@pytest.mark.skipif(IS_PEER, reason="runtime.md, lifecycle: 'If any startContainer hook fails, the runtime MUST generate an error, stop the "
                                    "container, and continue the lifecycle at step 12.' runc's start succeeds and leaves a stopped container")
def test_a_startcontainer_hook_that_fails_is_an_error_of_start_and_ends_the_container(runtime, log):
    container = runtime.created("sh", "-c", log.says("program"), change=log(
        startContainer=["exit 3", log.says("second")], poststart=[log.says("poststart")], poststop=[log.says("poststop")]))
    result = runtime("start", container.name)
    assert result.code != 0 and "error running startContainer hook #0: /bin/sh: exit status 3" in result.err, result
    assert runtime("state", container.name).code != 0
    assert log.words() == ["poststop"]


def failing_poststart(log, version):
    def change(config):
        log(poststart=[log.says("first"), "exit 3", log.says("third")], poststop=[log.says("poststop")])(config)
        config["ociVersion"] = version
    return change


@pytest.mark.skipif(IS_PEER, reason="config.md, poststart: 'the poststart hooks MUST be called after the user-specified process is executed but before the start operation returns'; runc calls them in create")
@pytest.mark.parametrize("version", ["1.3.0", "1.4.1"])
def test_a_poststart_hook_that_fails_is_an_error_and_ends_the_container(runtime, log, version):
    container = runtime.created("sleep", "1000", change=failing_poststart(log, version))
    result = runtime("start", container.name)
    assert result.code != 0 and "hook" in result.err, result
    wait_until("the program has ended", lambda: not os.path.exists(f"/proc/{container.pid}") or "Z" in open(f"/proc/{container.pid}/stat").read().split()[2])
    assert runtime("state", container.name).code != 0
    assert log.words() == ["first", "poststop"]


@pytest.mark.skipif(IS_PEER, reason="runtime.md until 1.2: 'If any poststart hook fails, the runtime MUST log a warning, but the remaining "
                                    "hooks and lifecycle continue as if the hook had succeeded.' runc ends the container")
@pytest.mark.parametrize("version", ["1.0.2", "1.2.1"])
def test_a_poststart_hook_of_an_older_bundle_that_fails_is_a_warning(runtime, log, version):
    container = runtime.created("sleep", "1000", change=failing_poststart(log, version))
    result = runtime("start", container.name)
    assert result.code == 0 and "warning" in result.err and "poststart" in result.err, result
    assert container.status() == "running" and log.words() == ["first", "third"]


@pytest.mark.parametrize("hook", ["exit 3", {"path": "/nonexistent"}, {**shell("exec sleep 1000"), "timeout": 1}])
def test_a_poststop_hook_that_fails_is_a_warning_and_the_others_run(runtime, log, hook):
    container = runtime.created("sleep", "1000", change=log(poststop=[hook, log.says("second"), "exit 4", log.says("fourth")]))
    result = to_the_end(runtime, container)
    assert result.code == 0 and ("warning" in result.err or IS_PEER), result
    assert runtime("state", container.name).code != 0
    if not IS_PEER:
        # runtime.md: "the remaining hooks and lifecycle continue as if the hook had succeeded"; runc stops at the first.
        assert log.words() == ["second", "fourth"]


@pytest.mark.parametrize("kind", KINDS[:4])
def test_run_fails_with_its_hook(runtime, log, kind):
    result = runtime.once("sh", "-c", log.says("program"), change=log(**{kind: ["exit 3"], "poststop": [log.says("poststop")]}))
    assert result.code != 0 and "hook" in result.err and "program" not in log.words(), result
    if not IS_PEER:
        assert log.words() == ["poststop"]


def test_run_ends_with_a_poststart_hook_that_fails(runtime, log):
    name = runtime.name()
    for flags in ([], ["--detach"]):
        bundle = runtime.bundle("sleep", "1000", change=failing_poststart(log, "1.3.0"))
        log.order.unlink(missing_ok=True)
        with open(runtime.directory / "out", "wb") as out:
            done = subprocess.run(runtime.command("run", *flags, "--bundle", bundle.path, name), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                  timeout=30, check=False)
        assert done.returncode != 0
        if IS_PEER:
            runtime("delete", "--force", name)
        else:
            assert runtime("state", name).code != 0 and log.words() == ["first", "poststop"]
        log.path.chmod(0o777)


def test_a_hook_that_cannot_be_run_is_named(runtime):
    result = runtime.once("true", change=lambda config: config.update(hooks={"createRuntime": [{"path": "/nonexistent/hook"}]}))
    assert result.code != 0 and "/nonexistent/hook" in result.err and "o such file" in result.err, result


def test_the_last_words_of_a_hook_are_in_the_error(runtime, log):
    result = runtime.once("true", change=log(createContainer=["echo the reason is this >&2; exit 1"]))
    assert result.code != 0 and "the reason is this" in result.err, result
