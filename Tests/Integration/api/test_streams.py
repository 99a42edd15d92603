"""Hijacked connections: byte-exact both ways, half-closes, detach keys, and clients that go."""

import json
import os
import pty
import signal
import threading

import pytest

from engine import wait_until
from wire import Wire, ask, split

pytestmark = pytest.mark.usefixtures("clean")


def create(engine, *command, **config):
    code, answer = ask(engine, "POST /v1.51/containers/create", {"Image": "busybox", "Cmd": list(command), **config})
    assert code == 201, answer
    return answer["Id"]


def start(engine, container):
    code, answer = ask(engine, f"POST /v1.51/containers/{container}/start")
    assert code == 204, answer


UPGRADE = ["Connection: Upgrade", "Upgrade: tcp"]


@pytest.mark.parametrize("headers, status", [(UPGRADE, 101), ([], 200)])
def test_attach_takes_the_connection_over_with_and_without_an_upgrade(engine, headers, status):
    container = create(engine, "sh", "-c", "echo out; echo err >&2")
    with Wire(engine) as wire:
        code, answer = wire.ask(f"POST /v1.51/containers/{container}/attach?stream=1&stdout=1&stderr=1", headers=headers).head()
        assert code == status and "content-length" not in answer and "transfer-encoding" not in answer
        expected = "multiplexed" if headers else "raw"
        assert answer["content-type"] == f"application/vnd.docker.{expected}-stream"
        start(engine, container)
        assert wire.frames() == {1: b"out\n", 2: b"err\n"}


def test_older_clients_are_told_of_a_raw_stream(engine):
    container = create(engine, "true")
    with Wire(engine) as wire:
        assert wire.ask(f"POST /v1.41/containers/{container}/attach?stream=1&stdout=1", headers=UPGRADE).head()[1]["content-type"] == "application/vnd.docker.raw-stream"


@pytest.mark.parametrize("headers", [UPGRADE, []])
def test_what_comes_in_one_segment_with_the_request_is_input(engine, headers):
    container = create(engine, "cat", OpenStdin=True, StdinOnce=True, AttachStdin=True)
    data = bytes(range(256)) * 41 + b"GET / HTTP/1.1\r\n\r\n"
    with Wire(engine) as wire:
        head = "\r\n".join([f"POST /v1.51/containers/{container}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1", "Host: a", *headers, "", ""])
        wire.send(head.encode() + data)
        wire.end_input()
        wire.head()
        start(engine, container)
        assert wire.frames().get(1) == data


def test_ten_megabytes_go_through_byte_for_byte_and_back(engine):
    container = create(engine, "cat", OpenStdin=True, StdinOnce=True, AttachStdin=True)
    data = os.urandom(10 << 20)
    with Wire(engine, seconds=60) as wire:
        assert wire.ask(f"POST /v1.51/containers/{container}/attach?stream=1&stdin=1&stdout=1", headers=UPGRADE).head()[0] == 101
        start(engine, container)

        def send():
            wire.send(data)
            wire.end_input()

        sender = threading.Thread(target=send)
        sender.start()
        assert wire.frames()[1] == data
        sender.join()


def test_a_client_that_reads_slowly_slows_the_container_and_not_the_engine(engine):
    container = create(engine, "sh", "-c", "yes | head -c 16777216")
    def resident():
        with open(f"/proc/{engine.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    with Wire(engine, seconds=60) as wire:
        assert wire.ask(f"POST /v1.51/containers/{container}/attach?stream=1&stdout=1", headers=UPGRADE).head()[0] == 101
        before = resident()
        start(engine, container)
        wire.exactly(1 << 20)
        assert ask(engine, "GET /_ping")[0] == 200
        assert resident() < before + 40_000
        total = (1 << 20) + len(wire.rest())
        assert total >= 16 << 20


def test_logs_follow_until_the_end(engine):
    container = create(engine, "sh", "-c", "for i in 1 2 3; do echo line $i; echo oops $i >&2; done")
    start(engine, container)
    with Wire(engine) as wire:
        status, headers = wire.ask(f"GET /v1.51/containers/{container}/logs?follow=1&stdout=1&stderr=1").head()
        assert status == 200 and headers["content-type"] == "application/vnd.docker.multiplexed-stream"
        streams = split(wire.body(headers))
    assert streams == {1: b"line 1\nline 2\nline 3\n", 2: b"oops 1\noops 2\noops 3\n"}


def test_logs_without_a_stream_are_refused(engine):
    container = create(engine, "true")
    code, answer = ask(engine, f"GET /v1.51/containers/{container}/logs")
    assert code == 400 and "at least one stream" in answer["message"]


def test_wait_has_its_head_before_the_container_starts(engine):
    container = create(engine, "sh", "-c", "exit 5")
    with Wire(engine) as wire:
        status, headers = wire.ask(f"POST /v1.51/containers/{container}/wait?condition=next-exit").head()
        assert status == 200
        start(engine, container)
        assert json.loads(wire.body(headers))["StatusCode"] == 5


def test_a_terminal_is_raw_and_its_detach_keys_leave_the_container_running(engine):
    container = create(engine, "sh", Tty=True, OpenStdin=True, AttachStdin=True)
    with Wire(engine) as wire:
        status, headers = wire.ask(f"POST /v1.51/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1&detachKeys=ctrl-a,x", headers=UPGRADE).head()
        assert status == 101 and headers["content-type"] == "application/vnd.docker.raw-stream"
        start(engine, container)
        wire.send(b"echo $((6*7))-there\n")
        seen = b""
        while b"42-there" not in seen:
            seen += wire.exactly(1)
        wire.send(b"\x01")
        wire.send(b"x")
        rest = wire.rest()
        assert b"exit" not in rest
    assert engine.inspect(container)["State"]["Running"]


def test_wrong_detach_keys_are_refused(engine):
    container = create(engine, "true")
    code, answer = ask(engine, f"POST /v1.51/containers/{container}/attach?stream=1&detachKeys=ctrl-nonsense")
    assert code == 400 and "Invalid detach keys (ctrl-nonsense) provided" in answer["message"]


def exec_(engine, container, *command, **options):
    code, answer = ask(engine, f"POST /v1.51/containers/{container}/exec", {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True, **options})
    assert code == 201, answer
    return answer["Id"]


@pytest.mark.parametrize("headers, status", [(UPGRADE, 101), ([], 200)])
def test_exec_streams_and_leaves_its_exit_code(engine, headers, status):
    container = create(engine, "sleep", "600")
    start(engine, container)
    for number in range(10):
        id = exec_(engine, container, "sh", "-c", f"cat; echo err >&2; exit {number}", AttachStdin=True)
        with Wire(engine) as wire:
            body = b'{"Detach":false,"Tty":false}'
            head = "\r\n".join([f"POST /v1.51/exec/{id}/start HTTP/1.1", "Host: a", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers, "", ""])
            wire.send(head.encode() + body + b"typed ahead")
            wire.end_input()
            assert wire.head()[0] == status
            assert wire.frames() == {1: b"typed ahead", 2: b"err\n"}
        code, answer = ask(engine, f"GET /v1.51/exec/{id}/json")
        assert (code, answer["Running"], answer["ExitCode"]) == (200, False, number)
    assert ask(engine, f"POST /v1.51/exec/{id}/start", {"Detach": False})[0] == 409


def test_an_exec_starts_when_its_client_has_the_head(engine):
    """The SDK reads the head through a buffer and then past it: output that came along would be lost."""
    container = create(engine, "sleep", "600")
    start(engine, container)
    id = exec_(engine, container, "echo", "kept")
    [shim] = engine.shims()
    os.kill(shim, signal.SIGSTOP)
    try:
        with Wire(engine) as wire:
            # Its supervisor is held, so nothing of the process can be there.
            assert wire.ask(f"POST /v1.51/exec/{id}/start", {"Detach": False}, headers=UPGRADE).head()[0] == 101
            os.kill(shim, signal.SIGCONT)
            assert wire.frames() == {1: b"kept\n"}
    finally:
        os.kill(shim, signal.SIGCONT)


def test_exec_of_a_missing_command_says_so_on_its_stream(engine):
    container = create(engine, "sleep", "600")
    start(engine, container)
    id = exec_(engine, container, "no-such-command")
    with Wire(engine) as wire:
        assert wire.ask(f"POST /v1.51/exec/{id}/start", {"Detach": False}, headers=UPGRADE).head()[0] == 101
        assert b"no-such-command" in wire.frames()[1]
    assert ask(engine, f"GET /v1.51/exec/{id}/json")[1]["ExitCode"] in (126, 127)


def test_what_a_client_typed_does_not_cost_it_the_reason_of_a_failure(engine):
    container = create(engine, "sleep", "600")
    start(engine, container)
    for _ in range(20):
        id = exec_(engine, container, "no-such-command", AttachStdin=True)
        with Wire(engine) as wire:
            body = json.dumps({"Detach": False})
            head = "\r\n".join([f"POST /v1.51/exec/{id}/start HTTP/1.1", "Host: a", "Content-Type: application/json", f"Content-Length: {len(body)}", *UPGRADE, "", ""])
            wire.send((head + body).encode() + b"typed ahead" * 1000)
            wire.head()
            assert b"no-such-command" in wire.frames()[1]


def test_attached_clients_that_vanish_leave_nothing(engine):
    container = create(engine, "sh", "-c", "while :; do echo tick; sleep 0.01; done", OpenStdin=True)
    start(engine, container)

    def descriptors():
        return len(os.listdir(f"/proc/{engine.process.pid}/fd"))

    before = descriptors()
    for number in range(40):
        wire = Wire(engine)
        if number % 2:
            wire.ask(f"POST /v1.51/containers/{container}/attach?stream=1&stdin=1&stdout=1", headers=UPGRADE)
        else:
            wire.ask(f"GET /v1.51/containers/{container}/logs?follow=1&stdout=1")
        if number % 4 < 2:
            wire.head()
        wire.socket.close()
    wait_until("all descriptors are closed", lambda: descriptors() <= before + 2)
    assert engine.inspect(container)["State"]["Running"]


def test_an_interactive_shell_through_the_real_client(engine):
    control, terminal = pty.openpty()
    client = engine.popen("docker", "run", "--rm", "-it", "busybox", "sh", stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    try:
        os.write(control, b"stty size; echo he''llo; exit 4\n")
        assert client.wait(timeout=30) == 4
        seen = b""
        try:
            while data := os.read(control, 65536):
                seen += data
        except OSError:  # the terminal's other end has gone
            pass
        assert b"hello" in seen
    finally:
        client.kill()
        client.wait()
        os.close(control)
