"""Processes added to a running container."""

import json
import os

import pytest

from cais_testing import IS_PEER, ConsoleSocket, read_until, wait_until


def test_exec_joins_the_containers_namespaces_and_root(runtime):
    container = runtime.started("sleep", "1000")
    result = container.exec("sh", "-c", "hostname; cat /proc/1/cmdline | tr '\\0' ' '; ls /bin/busybox; exit 4")
    assert result.code == 4
    assert result.out == "box\nsleep 1000 /bin/busybox\n"


def test_exec_is_in_the_containers_cgroup(runtime):
    container = runtime.started("sleep", "1000")
    path = container.bundle.config["linux"]["cgroupsPath"]
    lines = container.exec("cat", "/proc/self/cgroup").out.split("\n")
    joined = [line for line in lines if ":pids:" in line or line.startswith("0::")]
    assert joined and all(line.endswith(path) for line in joined), lines


def test_exec_with_flags(runtime):
    container = runtime.started("sleep", "1000")
    result = container.exec("sh", "-c", "pwd; echo $A; id -u; id -g; id -G; grep NoNew /proc/self/status",
                            flags=["--cwd", "/tmp", "-e", "A=1", "--env", "B=2", "-u", "1000:1001", "--additional-gids", "7", "--no-new-privs"])
    assert result.out == "/tmp\n1\n1000\n1001\n1001 7\nNoNewPrivs:\t1\n"


def test_exec_with_a_capability_more(runtime):
    container = runtime.started("sleep", "1000")
    plain = container.exec("grep", "CapEff", "/proc/self/status").out
    more = container.exec("grep", "CapEff", "/proc/self/status", flags=["--cap", "CAP_NET_ADMIN"]).out
    assert int(more.split()[1], 16) == int(plain.split()[1], 16) | 1 << 12


def test_exec_of_a_process_file(runtime):
    container = runtime.started("sleep", "1000")
    process = {"args": ["sh", "-c", "echo $X; id -u"], "cwd": "/", "env": ["PATH=/bin", "X=file"], "user": {"uid": 5, "gid": 6}}
    path = container.bundle.path / "process.json"
    path.write_text(json.dumps(process))
    assert runtime("exec", "--process", path, container.name).out == "file\n5\n"


def exec_on(runtime, container, **affinity):
    """Where an added process with this `execCPUAffinity` may run."""
    path = container.bundle.path / "process.json"
    path.write_text(json.dumps({"args": ["grep", "Cpus_allowed_list", "/proc/self/status"], "cwd": "/", "env": ["PATH=/bin"],
                                "user": {"uid": 0, "gid": 0}, "execCPUAffinity": affinity}))
    return runtime("exec", "--process", path, container.name)


@pytest.mark.skipif(IS_PEER, reason="config.md: execCPUAffinity came with specification 1.2.1, after Debian's peers")
def test_exec_runs_on_the_processors_asked_for(runtime):
    container = runtime.started("sleep", "1000")
    last = max(os.sched_getaffinity(0))
    assert exec_on(runtime, container, initial="0", final=str(last)).out.split() == ["Cpus_allowed_list:", str(last)]
    assert exec_on(runtime, container, initial="", final=f"{last},{last}").out.split()[1] == str(last)


@pytest.mark.skipif(IS_PEER, reason="as above")
def test_exec_names_processors_that_cannot_be_had(runtime):
    container = runtime.started("sleep", "1000")
    for member, value, words in [("initial", "8000", "set execCPUAffinity.initial 8000: invalid argument"),
                                 ("final", "8000", "set execCPUAffinity.final 8000: invalid argument"),
                                 ("final", "2-1", 'process.execCPUAffinity.final "2-1" is not a list of processors')]:
        result = exec_on(runtime, container, **{member: value})
        assert result.code != 0 and words in result.err, result
    assert container.exec("true").code == 0


def test_exec_detached_writes_the_pid_and_returns(runtime):
    container = runtime.started("sleep", "1000")
    pid_file = container.bundle.path / "exec.pid"
    result = runtime("exec", "--detach", "--pid-file", pid_file, container.name, "sleep", "999", timeout=20)
    assert result.code == 0, result
    pid = int(pid_file.read_text())
    assert open(f"/proc/{pid}/cmdline").read() == "sleep\x00999\x00"


def test_exec_with_a_terminal(runtime):
    container = runtime.started("sleep", "1000")
    console = ConsoleSocket(str(runtime.directory))
    result = runtime("exec", "--tty", "--detach", "--console-socket", console.path, container.name, "sh", "-c", "tty; echo done; sleep 5")
    assert result.code == 0, result
    master = console.receive()
    seen = read_until(master, b"done")
    assert b"/dev/pts/" in seen
    os.close(master)


def test_exec_says_why_it_cannot(runtime):
    container = runtime.started("sleep", "1000")
    for words, text in ((["nope"], 'exec: "nope": executable file not found in $PATH'),
                        (["/nope"], "no such file or directory"),
                        (["/etc"], 'exec: "/etc"'),
                        (["/etc/passwd"], 'permission denied')):
        result = container.exec(*words)
        assert result.code != 0 and text in result.err.replace('\\"', '"'), result
        assert result.err.count("\n") == 1, result.err


def test_exec_in_a_stopped_container_fails(runtime):
    container = runtime.started("sleep", "1000")
    runtime("kill", container.name, "KILL")
    container.wait()
    result = container.exec("true")
    assert result.code == 255 and "stopped" in result.err


def test_exec_sees_the_filter_of_the_container(runtime):
    def change(config):
        config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                                      "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}
    container = runtime.started("sleep", "1000", change=change)
    result = container.exec("sh", "-c", "grep Seccomp: /proc/self/status; mkdir /tmp/x")
    assert result.code != 0 and "Seccomp:\t2" in result.out and "not permitted" in result.err


def test_exec_keeps_nothing_of_the_host_open(runtime):
    container = runtime.started("sleep", "1000")
    with open("/etc/hostname") as leaked:
        os.set_inheritable(leaked.fileno(), True)
        result = container.exec("sh", "-c", "ls -l /proc/self/fd | grep -v '/proc/' | wc -l; ls /proc/self/fd", close_fds=False)
    numbers = {int(word) for word in result.out.split("\n")[1:] if word}
    assert numbers <= {0, 1, 2, 3}, result.out
    wait_until("exec ended", lambda: len(runtime("ps", container.name).out.splitlines()) == 2)
