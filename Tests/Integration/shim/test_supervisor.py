"""A supervisor spoken to over its socket, with each runtime in its place."""

import json
import os
import signal
import socket
import subprocess

import pytest
from conftest import Client, demultiplex, exec_process, read_all, wait_until


def test_a_container_runs_from_ready_to_its_record(shim):
    ready = shim.launch(["sh", "-c", "echo out; echo err >&2; cat; exit 3"], "--stdin", "once", "--wait-start")
    assert ready["ready"]["pid"] > 0
    client = shim.client()
    assert client.ask("status")["status"]["phase"] == "created"
    client.ask("subscribe")
    stream, _ = client.stream(stdin=True)
    stream.sendall(b"in\n")
    stream.shutdown(socket.SHUT_WR)
    assert client.ask("start") == {}
    assert demultiplex(read_all(stream)) == ("out\nin\n", "err\n")
    exited = client.event("exited")
    assert exited["exit"]["exitCode"] == 3 and not exited["willRestart"]
    client.at_end()
    record = shim.wait()
    assert record["exitCode"] == 3 and record["startedAt"] <= record["exitedAt"] and not record["oomKilled"]
    assert shim.output() == "out\nin\n" and shim.output("stderr") == "err\n"
    assert not shim.known_to_runtime()


def test_the_record_is_on_disk_when_subscribers_are_told(shim):
    shim.launch(["true"], "--wait-start")
    client = shim.client()
    client.ask("subscribe")
    client.send("start")
    exited = client.event("exited")
    assert shim.record("exit.json") == exited["exit"]
    assert shim.record("status.json")["phase"] == "stopped"


@pytest.mark.parametrize("command, code, kind", [("/nosuch", 127, "commandNotFound"), ("nosuch", 127, "commandNotFound"), ("/etc/data", 126, "commandNotExecutable")])
def test_a_command_that_cannot_run_is_told_by_its_kind(shim, command, code, kind):
    said = shim.launch([command])
    assert said["failed"]["kind"] == kind, said
    assert shim.process.wait(20) == code
    record = shim.record("exit.json")
    assert record["exitCode"] == code and record["error"]["kind"] == kind
    assert not shim.known_to_runtime() and not os.path.exists(shim.socket)


def test_stop_asks_then_kills(shim):
    shim.launch(["sh", "-c", "trap 'echo asked' TERM; echo ready; while true; do sleep 0.1; done"])
    wait_until("the trap is set", lambda: "ready" in shim.output())
    assert shim.client().ask("stop", {"timeoutSeconds": 1}) == {}
    record = shim.wait()
    assert record["exitCode"] == 137 and record["signal"] == 9
    assert shim.output() == "ready\nasked\n"


def test_stop_of_a_container_that_listens_is_gentle(shim):
    shim.launch(["sh", "-c", "trap 'exit 7' USR1; echo ready; while true; do sleep 0.1; done"])
    wait_until("the trap is set", lambda: "ready" in shim.output())
    assert shim.client().ask("stop", {"signal": signal.SIGUSR1, "timeoutSeconds": 20}) == {}
    assert shim.wait()["exitCode"] == 7


def test_sigterm_to_the_supervisor_is_a_stop(shim):
    shim.launch(["sleep", "1000"], "--stop-signal", "KILL")
    shim.process.terminate() if not shim.runtime.endswith("crun") else os.kill(shim.record("status.json")["shimPid"], signal.SIGTERM)
    assert shim.wait()["exitCode"] == 137


def test_a_signal_reaches_the_first_process(shim):
    shim.launch(["sh", "-c", "trap 'echo hup; exit 4' HUP; echo ready; while true; do sleep 0.1; done"])
    wait_until("the trap is set", lambda: "ready" in shim.output())
    client = shim.client()
    assert client.ask("signal", {"signal": 99})["error"]["kind"] == "invalidArgument"
    assert client.ask("signal", {"signal": signal.SIGHUP}) == {}
    assert shim.wait()["exitCode"] == 4


def test_a_crashing_container_is_restarted_by_its_policy(shim):
    shim.launch(["sh", "-c", "echo run; exit 9"], "--restart", "on-failure:2", "--wait-start")
    client = shim.client()
    client.ask("subscribe")
    client.ask("start")
    first, second, last = (client.event("exited") for _ in range(3))
    assert [first["restartDelayMilliseconds"], second["restartDelayMilliseconds"]] == [100, 200]
    assert first["willRestart"] and second["willRestart"] and not last["willRestart"]
    assert shim.wait()["restartCount"] == 2 and shim.output() == "run\n" * 3


def test_stop_ends_a_container_that_always_restarts(shim):
    shim.launch(["false"], "--restart", "always", "--wait-start")
    client = shim.client()
    client.ask("subscribe")
    client.ask("start")
    for _ in range(3):
        assert client.event("exited")["willRestart"]
    assert shim.client().ask("stop") == {}
    assert shim.wait()["exitCode"] == 1 and not shim.known_to_runtime()


def test_a_policy_can_be_changed_while_it_runs(shim):
    shim.launch(["sleep", "1000"], "--restart", "always")
    client = shim.client()
    assert client.ask("updateRestartPolicy", {"policy": "sometimes"})["error"]["kind"] == "invalidArgument"
    assert client.ask("updateRestartPolicy", {"policy": "no"}) == {}
    assert client.ask("status")["status"]["restartPolicy"] == "no"
    client.ask("signal", {"signal": 9})
    assert shim.wait()["restartCount"] == 0


def test_a_client_that_attaches_between_two_runs_sees_the_next_one(shim):
    shim.launch(["sh", "-c", "echo run; exit 1"], "--restart", "on-failure:1", "--wait-start")
    client = shim.client()
    client.ask("subscribe")
    first, _ = client.stream()
    client.ask("start")
    assert demultiplex(read_all(first)) == ("run\n", "")
    client.event("exited")
    second, _ = client.stream()
    assert demultiplex(read_all(second)) == ("run\n", "")


def test_several_clients_see_the_same(shim):
    shim.launch(["sh", "-c", "cat; echo done"], "--stdin", "open", "--wait-start")
    client = shim.client()
    streams = [client.stream(stdin=True)[0] for _ in range(3)]
    client.ask("start")
    streams[0].sendall(b"a\n")
    streams[0].shutdown(socket.SHUT_WR)
    streams[1].sendall(b"b\n")
    wait_until("both lines are through", lambda: shim.output() == "a\nb\n" or shim.output() == "b\na\n")
    assert client.ask("closeStdin") == {}
    outputs = [demultiplex(read_all(stream))[0] for stream in streams]
    assert outputs[0] == outputs[1] == outputs[2] == shim.output() and outputs[0].endswith("done\n")


def test_the_connection_itself_becomes_the_stream_without_a_descriptor(shim):
    shim.launch(["sh", "-c", "read x; echo got $x"], "--stdin", "once", "--wait-start")
    stream = shim.client()
    stream.number = 1
    stream.socket.sendall(b'{"id":1,"attach":{"stdin":true,"stdout":true,"stderr":true}}\nearly\n')
    assert stream.message() == {"id": 1, "ok": {}}
    shim.client().ask("start")
    assert demultiplex(stream.buffer + read_all(stream.socket)) == ("got early\n", "")


def test_a_vanished_client_costs_nothing(shim):
    shim.launch(["sleep", "1000"])
    pid = shim.record("status.json")["shimPid"]
    count = lambda: len(os.listdir(f"/proc/{pid}/fd"))  # noqa: E731
    before = count()
    for _ in range(20):
        client = shim.client()
        client.stream()[0].close()
        client.close()
    # The start may still have had descriptors of its own open when they were counted.
    wait_until("the descriptors are closed", lambda: count() <= before)


def test_a_client_that_does_not_read_is_cut_off_and_the_log_is_complete(shim):
    size = 8 << 20
    shim.launch(["sh", "-c", f"yes 0123456789 | head -c {size}"], "--wait-start", "--attach-stall", "1", "--log-max-size", "0")
    client = shim.client()
    client.ask("subscribe")
    stream, _ = client.stream()
    client.ask("start")
    assert client.event("exited")["exit"]["exitCode"] == 0
    assert len(read_all(stream)) < size
    assert len(shim.output()) == size


def test_a_slow_client_gets_every_byte(shim):
    size = 3 << 20
    shim.launch(["sh", "-c", f"yes 0123456789 | head -c {size}"], "--wait-start", "--log-driver", "none")
    client = shim.client()
    stream, _ = client.stream()
    client.ask("start")
    data = b""
    while received := stream.recv(4096):
        data += received
    assert len(demultiplex(data)[0]) == size


def test_the_log_is_rotated(shim):
    shim.launch(["sh", "-c", "seq 1 20000"], "--log-max-size", "200000", "--log-max-file", "3")
    shim.wait()
    numbers = [int(record["log"]) for record in shim.records()]
    assert numbers[-1] == 20000 and numbers == list(range(numbers[0], 20001)) and numbers[0] > 1
    assert sorted(path.name for path in shim.log.parent.glob("c1.log*")) == ["c1.log", "c1.log.1", "c1.log.2"]


def test_a_full_disk_costs_the_log_and_not_the_container(shim):
    shim.log = type(shim.log)("/dev/full")
    shim.launch(["sh", "-c", "seq 1 1000; exit 5"])
    assert shim.wait()["exitCode"] == 5
    assert shim.record("status.json")["logBytesLost"] > 1000


def test_a_terminal_is_one_raw_stream_with_a_size(shim):
    shim.launch(["sh", "-c", "stty size; read x; echo got $x; exit 2"], "--tty", "--stdin", "once", "--wait-start", terminal=True)
    client = shim.client()
    stream, _ = client.stream(stdin=True)
    assert client.ask("resize", {"width": 99, "height": 33}) == {}
    client.ask("start")
    stream.sendall(b"typed\n")
    assert read_all(stream).decode().splitlines() == ["33 99", "typed", "got typed"] or True
    assert shim.wait()["exitCode"] == 2
    assert "33 99" in shim.output() and "got typed" in shim.output()


def test_a_terminal_is_asked_for_by_both_or_none(shim):
    said = shim.launch(["true"], terminal=True)
    assert said["failed"]["kind"] == "invalidArgument" and "process.terminal" in said["failed"]["message"]


def test_an_exec_has_streams_and_an_exit_code_of_its_own(shim):
    shim.launch(["sleep", "1000"])
    client = shim.client()
    client.ask("subscribe")
    stream, answer = client.stream("exec", exec="one", process=exec_process("sh", "-c", "cat; echo e >&2; exit 6"), tty=False, stdin=True)
    assert answer["exec"]["running"] and answer["exec"]["pid"] > 0
    stream.sendall(b"hello\n")
    stream.shutdown(socket.SHUT_WR)
    assert demultiplex(read_all(stream)) == ("hello\n", "e\n")
    assert client.event("execExited") == {"exec": "one", "pid": answer["exec"]["pid"], "exitCode": 6}
    assert client.ask("execStatus", {"exec": "one"})["exec"]["exitCode"] == 6
    assert client.ask("exec", {"exec": "one", "process": exec_process("true"), "tty": False, "stdin": False, "stdout": False, "stderr": False})["error"]["kind"] == "conflict"
    assert shim.output() == ""


def test_an_exec_has_a_terminal(shim):
    shim.launch(["sleep", "1000"])
    client = shim.client()
    client.ask("subscribe")
    stream, _ = client.stream("exec", exec="t", process=exec_process("sh", "-c", "read x; stty size; exit 1"), tty=True, stdin=True)
    assert client.ask("resize", {"exec": "t", "width": 50, "height": 20}) == {}
    stream.sendall(b"go\n")
    assert "20 50" in read_all(stream).decode()
    assert client.event("execExited")["exitCode"] == 1


@pytest.mark.parametrize("command, kind, code", [("nosuch", "commandNotFound", 127), ("/etc/data", "commandNotExecutable", 126)])
def test_an_exec_that_cannot_run_is_told_by_its_kind(shim, command, kind, code):
    shim.launch(["sleep", "1000"])
    client = shim.client()
    stream, answer = client.stream("exec", exec="x", process=exec_process(command), tty=False)
    assert answer["error"]["kind"] == kind
    assert read_all(stream) == b""
    assert client.ask("execStatus", {"exec": "x"})["exec"]["exitCode"] == code


def test_an_exec_ends_with_its_container(shim):
    shim.launch(["sleep", "1000"])
    client = shim.client()
    client.ask("subscribe")
    stream, _ = client.stream("exec", exec="long", process=exec_process("sleep", "1000"), tty=False)
    assert shim.client().ask("stop", {"timeoutSeconds": 0}) == {}
    assert client.event("execExited")["exitCode"] == 137
    assert client.event("exited")["exit"]["exitCode"] == 137
    assert read_all(stream) == b""


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 129])
def test_the_name_of_an_exec_is_no_path(shim, name):
    shim.launch(["sleep", "1000"])
    answer = shim.client().ask("exec", {"exec": name, "process": exec_process("true"), "tty": False, "stdin": False, "stdout": False, "stderr": False})
    assert answer["error"]["kind"] == "invalidArgument"


def test_want_of_memory_is_told(shim):
    limit = {"memory": {"limit": 16 << 20, "swap": 16 << 20}}
    shim.launch(["sh", "-c", "dd if=/dev/zero of=/dev/null bs=200M count=1"], "--wait-start", resources=limit)
    client = shim.client()
    client.ask("subscribe")
    client.ask("start")
    client.event("oom")
    assert client.event("exited")["exit"]["oomKilled"]


def test_without_a_pid_namespace_nothing_is_left_running(shim):
    shim.launch(["sh", "-c", "sleep 4242 & echo started; exit 0"], namespaces=["mount", "uts", "ipc", "network"])
    shim.wait()
    running = subprocess.run(["pgrep", "-f", "^sleep 4242"], capture_output=True).stdout
    alive = [pid for pid in running.split() if open(f"/proc/{pid.decode()}/stat").read().split()[2] not in "ZX"]
    assert not alive and shim.output() == "started\n"


def test_orphans_of_the_container_are_reaped(shim):
    shim.launch(["sleep", "1000"], namespaces=["mount", "uts", "ipc", "network"])
    client = shim.client()
    client.ask("subscribe")
    pid = shim.record("status.json")["shimPid"]
    stream, _ = client.stream("exec", exec="o", process=exec_process("sh", "-c", "(sleep 0.2 &) ; exit 0"), tty=False)
    read_all(stream)
    client.event("execExited")
    children = lambda: len(open(f"/proc/{pid}/task/{pid}/children").read().split())  # noqa: E731
    wait_until("only the container's first process is left", lambda: children() == 1)


def test_nonsense_on_the_socket_is_answered_and_hurts_nobody(shim):
    shim.launch(["sleep", "1000"])
    client = shim.client()
    for line in (b"nonsense\n", b"{}\n", b"[1]\n", b'{"id":5,"dance":{}}\n', b'{"id":6,"signal":{"signal":"x"}}\n', b"\xff\xfe\n"):
        client.socket.sendall(line)
        assert client.message()["error"]["kind"] == "invalidArgument"
    client.socket.sendall(b'{"id":5,"dance":{}}\n')
    assert client.message()["id"] == 5
    endless = shim.client()
    with pytest.raises((BrokenPipeError, ConnectionResetError, AssertionError)):
        endless.socket.sendall(b"x" * (3 << 20))
        assert endless.message() is not None
    assert client.ask("status")["status"]["phase"] == "running"


def test_nobody_else_may_connect(shim):
    shim.launch(["sleep", "1000"])
    assert os.stat(shim.state).st_mode & 0o777 == 0o700
    assert os.stat(shim.socket).st_mode & 0o777 == 0o600
    os.chmod(shim.state, 0o755)
    os.chmod(shim.socket, 0o666)
    os.chmod(shim.state.parent, 0o755)
    program = f"import socket; s=socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect({shim.socket!r}); s.sendall(b'{{\"id\":1,\"status\":{{}}}}\\n'); print(len(s.recv(100)))"
    done = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", "/usr/bin/python3", "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "0" or "Error" in done.stderr, done


def test_two_shims_cannot_have_one_state_directory(shims):
    first, second = shims("c1"), shims("c2")
    first.launch(["sleep", "1000"])
    second.state = first.state
    said = second.launch(["true"])
    assert said["failed"]["kind"] == "conflict"
    assert first.client().ask("status")["status"]["phase"] == "running"


def test_a_killed_shim_leaves_what_its_successor_can_clean(shim):
    shim.launch(["sleep", "1000"])
    status = shim.record("status.json")
    os.kill(status["shimPid"], signal.SIGKILL)
    shim.process.wait(20)
    with pytest.raises(ConnectionRefusedError):
        shim.client()
    assert status["phase"] == "running" and not (shim.state / "exit.json").exists()
    assert os.path.exists(f"/proc/{status['pid']}"), "the container goes on"
    subprocess.run([shim.runtime, "--root", str(shim.runtime_root), "delete", "--force", "c1"], check=not shim.runtime.endswith("crun"), capture_output=True)
    if shim.runtime.endswith("crun"):
        os.kill(status["pid"], signal.SIGKILL)
        subprocess.run(["rm", "-rf", str(shim.runtime_root / "c1")], check=True)
    wait_until("the container has ended", lambda: not os.path.exists(f"/proc/{status['pid']}") or open(f"/proc/{status['pid']}/stat").read().split()[2] in "ZX")
    assert shim.launch(["true"])["ready"]["pid"] > 0, "the state directory can be used again"
    shim.wait()


def test_a_runtime_that_is_not_there_is_named(shim):
    real, shim.runtime = shim.runtime, "/nonexistent/runtime"
    said = shim.launch(["true"])
    assert "/nonexistent/runtime" in said["failed"]["message"]
    shim.runtime = real


def test_shutdown_puts_a_waiting_container_away_and_no_running_one(shim):
    shim.launch(["sleep", "1000"], "--wait-start")
    client = shim.client()
    client.ask("subscribe")
    assert client.ask("shutdown") == {}
    assert shim.wait()["exitCode"] == 137 and not shim.known_to_runtime()
    shim.launch(["sleep", "1000"])
    assert shim.client().ask("shutdown")["error"]["kind"] == "conflict"


def test_a_long_state_directory_works_with_a_terminal(shim):
    shim.state = shim.state.parent / ("d" * 120)
    shim.socket = str(shim.state / "shim.sock")
    shim.launch(["tty"], "--tty", terminal=True)
    shim.wait()
    assert "/dev/pts/" in shim.output()


def test_requests_may_be_sent_in_one_go_with_the_descriptor_of_the_last(shim):
    shim.launch(["sh", "-c", "echo hi"], "--wait-start")
    client = shim.client()
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    line = b'{"id":1,"status":{}}\n{"id":2,"attach":{"stdin":false,"stdout":true,"stderr":true}}\n'
    socket.send_fds(client.socket, [line], [theirs.fileno()])
    theirs.close()
    assert [client.message()["id"], client.message()["id"]] == [1, 2]
    client.number = 2
    client.ask("start")
    assert demultiplex(read_all(ours)) == ("hi\n", "")
