"""Filters that ask an agent: the container process state, the notification descriptor, and who waits for whom."""

import errno
import os

import pytest

from cais_testing import IS_PEER, RUNTIME, changed
from seccomp_agent import SeccompAgent

MKDIR, MKDIRAT, WRITE, SENDMSG, EXECVE, SETRESUID = 83, 258, 1, 46, 59, 117


def asking(path, *names, **values):
    return {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": str(path), **values,
            "syscalls": [{"names": list(names) or ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}]}


def quota(number, _):
    return errno.EDQUOT if number in (MKDIR, MKDIRAT) else None


def change(profile, privileges):
    def apply(config):
        changed(config, "linux.seccomp", profile)
        config["process"]["noNewPrivileges"] = privileges
    return apply


@pytest.mark.parametrize("privileges", [False, True])
def test_an_agent_answers_the_programs_calls(runtime, privileges):
    with SeccompAgent(runtime.directory / "agent", quota) as agent:
        profile = asking(agent.path, listenerMetadata="some: metadata")
        result = runtime.once("sh", "-c", "mkdir /tmp/a; echo $?; ls /tmp", change=change(profile, privileges))
        assert "quota exceeded" in result.err and result.out == "1\n", result
        state, = agent.states
        assert state["fds"] == ["seccompFd"] and state["metadata"] == "some: metadata"
        assert state["state"]["status"] == "creating" and state["state"]["pid"] == state["pid"]
        assert state["state"]["id"] == runtime.containers[-1] and os.path.isabs(state["state"]["bundle"])
        assert agent.are_connections_closed()
        if not IS_PEER:  # crun says 0.2.0 to the agent, whatever the specification's version.
            assert state["ociVersion"] == "1.3.0" and state["state"]["ociVersion"] == "1.0.2"


@pytest.mark.parametrize("privileges", [False, True])
def test_the_agent_is_told_at_create_and_the_process_is_the_containers(runtime, privileges):
    if privileges and os.path.basename(RUNTIME) == "crun":
        pytest.skip("crun loads the filter at start, and its create does not return while there is an agent")
    with SeccompAgent(runtime.directory / "agent", quota) as agent:
        container = runtime.created("sh", "-c", "mkdir /tmp/a; echo $?", change=change(asking(agent.path), privileges))
        assert [state["pid"] for state in agent.states] == [container.pid]
        assert "metadata" not in agent.states[0] or not agent.states[0]["metadata"]
        assert runtime("start", container.name).code == 0
        container.wait()
        assert container.output() == "1\n"


@pytest.mark.parametrize("privileges", [False, True])
def test_an_added_process_has_an_agent_of_its_own_filter(runtime, privileges):
    with SeccompAgent(runtime.directory / "agent", quota) as agent:
        container = runtime.started("sleep", "60", change=change(asking(agent.path, listenerMetadata="m"), privileges))
        result = container.exec("sh", "-c", "mkdir /tmp/a; echo $?; echo $$")
        assert result.out.splitlines()[0] == "1", result
        first, second = agent.states
        assert second["fds"] == ["seccompFd"] and second["metadata"] == "m"
        assert second["pid"] != first["pid"]
        # runtime.md, State: the pid is the container's process; crun's state of an added process has 0.
        assert second["state"]["pid"] == container.pid or os.path.basename(RUNTIME) == "crun"
        assert second["state"]["id"] == container.name
        if not IS_PEER:  # config-linux.md, example: the state is the container's; Debian's crun says "creating".
            assert second["state"]["status"] == "running"


@pytest.mark.skipif(IS_PEER, reason="runc refuses SCMP_ACT_NOTIFY for write, which its init needs before the agent is told; crun takes it")
@pytest.mark.parametrize("privileges", [False, True])
@pytest.mark.parametrize("names", [["write"], ["sendmsg"], ["execve"], ["close_range", "rt_sigaction", "wait4", "accept4", "sendmsg", "write"]])
def test_calls_of_the_runtime_itself_may_be_asked_about(runtime, names, privileges):
    with SeccompAgent(runtime.directory / "agent", lambda *_: None) as agent:
        result = runtime.once("echo", "said", change=change(asking(agent.path, *names), privileges))
        assert (result.code, result.out) == (0, "said\n"), result
        assert agent.calls


@pytest.mark.skipif(IS_PEER, reason="crun leaves a child; runc has no helper")
@pytest.mark.parametrize("privileges", [False, True])
def test_the_program_has_no_child_and_no_descriptor_it_did_not_make(runtime, privileges):
    with SeccompAgent(runtime.directory / "agent", quota) as agent:
        result = runtime.once("sh", "-c", "ls /proc/1/fd; echo -; cat /proc/1/task/1/children; echo -; grep -h State /proc/[0-9]*/status",
                              change=change(asking(agent.path), privileges))
        descriptors, children, states = result.out.split("-\n")
        assert descriptors.split() == ["0", "1", "2"], result
        assert len(children.split()) == 1 and "Z (zombie)" not in states, result  # The one is the cat.


@pytest.mark.parametrize("privileges", [False, True])
def test_start_container_hooks_run_beneath_the_filter(runtime, privileges):
    def apply(config):
        change(asking(runtime.directory / "agent"), privileges)(config)
        config["hooks"] = {"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "cat >/dev/null; echo hook > /hook"], "env": ["PATH=/bin"]}]}
    with SeccompAgent(runtime.directory / "agent", quota):
        result = runtime.once("cat", "/hook", change=apply)
        assert (result.code, result.out) == (0, "hook\n"), result


@pytest.mark.parametrize("privileges", [False, True])
def test_without_an_agent_there_is_no_container(runtime, privileges):
    path = runtime.directory / "nobody"
    result = runtime.once("true", change=change(asking(path), privileges))
    assert result.code != 0, result
    if not IS_PEER:
        assert f"send seccomp state to {path}: no such file or directory" in result.err


@pytest.mark.skipif(IS_PEER, reason="config.md: invalid values MUST generate an error; Debian's crun runs such a container, and its calls fail")
def test_a_filter_that_asks_needs_somebody_to_ask(runtime):
    profile = asking("")
    del profile["listenerPath"]
    result = runtime.once("true", change=change(profile, True))
    assert result.code != 0 and "SCMP_ACT_NOTIFY needs a listenerPath" in result.err, result


@pytest.mark.skipif(os.path.basename(RUNTIME) == "crun", reason="config-linux.md, seccomp: 'If the SCMP_ACT_NOTIFY action is not used this "
                                                                 "value is ignored'; crun connects all the same")
def test_a_listener_path_without_a_question_is_ignored(runtime):
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/nobody", "listenerMetadata": "m"}
    assert runtime.once("true", change=change(profile, True)).code == 0


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, seccomp: listenerMetadata MUST NOT be set if listenerPath is not set; the peers ignore it")
def test_metadata_without_a_listener_path_is_refused(runtime):
    result = runtime.once("true", change=change({"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "m"}, True))
    assert result.code != 0 and "listenerMetadata" in result.err, result


def test_an_agent_for_a_user_namespace(runtime):
    def apply(config):
        change(asking(runtime.directory / "agent"), True)(config)
        config["linux"]["namespaces"].append({"type": "user"})
        config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        config["mounts"] = [mount for mount in config["mounts"] if mount["type"] == "proc"]
    bundle = runtime.bundle("sh", "-c", "mkdir /a; echo $?", change=apply)
    for path in (runtime.directory, bundle.path):
        path.chmod(0o711)
    for name in ("", "dev", "proc", "sys"):
        os.chown(bundle.rootfs / name, 100000, 100000)
    with SeccompAgent(runtime.directory / "agent", quota):
        result = runtime.run("run", "--bundle", bundle.path, runtime.name())
        assert result.out == "1\n" and "quota" in result.err, result
