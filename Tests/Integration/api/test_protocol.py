"""What the server says to requests, well-formed or not, before any container is involved."""

import json
import os
import socket
import threading

import pytest

from engine import wait_until
from wire import Wire, ask


def test_ping_tells_what_a_client_negotiates_by(engine):
    for method in ("GET", "HEAD"):
        with Wire(engine) as wire:
            status, headers = wire.ask(f"{method} /_ping").head()
            assert status == 200
            assert headers["api-version"] == "1.51" and headers["ostype"] == "linux" and headers["docker-experimental"] == "false"
            assert headers["content-type"].startswith("text/plain") and headers["content-length"] == "2"
            if method == "GET":
                assert wire.exactly(2) == b"OK"
            # The connection is still good: nothing was sent behind the head of a HEAD.
            assert wire.ask("GET /_ping").answer()[0] == 200


@pytest.mark.parametrize("path, status, words", [
    ("/v1.99/_ping", 400, "client version 1.99 is too new. Maximum supported API version is 1.51"),
    ("/v1.23/_ping", 400, "client version 1.23 is too old. Minimum supported API version is 1.24"),
    ("/v1.51/nothing", 404, "page not found"),
    ("/containers", 404, "page not found"),
    ("/v1.51/containers/%zz/json", 400, "escape"),
])
def test_versions_and_routes(engine, path, status, words):
    code, answer = ask(engine, f"GET {path}")
    assert code == status and words in answer["message"]


def test_a_wrong_method_is_an_unknown_page(engine):
    assert ask(engine, "PUT /v1.51/_ping")[0] == 404
    assert ask(engine, "OPTIONS /v1.51/containers/json")[0] == 200


@pytest.mark.parametrize("request_bytes, status", [
    (b"GET /_ping HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"GET /_ping HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    (b"GET /_ping HTTP/1.1\r\n\r\n", 400),
    (b"GET /_ping HTTP/1.1\nHost: a\n\n", 400),
    (b"GET /_ping HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    (b"nonsense\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
])
def test_requests_that_can_be_read_in_two_ways_are_refused_and_the_connection_ends(engine, request_bytes, status):
    with Wire(engine) as wire:
        wire.send(request_bytes)
        code, headers, body = wire.answer()
        assert code == status and json.loads(body)["message"] and headers["connection"] == "close"
        assert wire.rest() == b""


def test_many_requests_go_over_one_connection(engine):
    with Wire(engine) as wire:
        for _ in range(50):
            assert wire.ask("GET /v1.51/containers/json").answer()[0] == 200
        # All at once, too: they are answered in order.
        wire.send(b"GET /_ping HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
        for _ in range(20):
            assert wire.answer()[2] == b"OK"


def test_http_1_0_gets_an_answer_and_the_end(engine):
    with Wire(engine) as wire:
        wire.send(b"GET /_ping HTTP/1.0\r\n\r\n")
        data = wire.rest()
        assert data.endswith(b"OK") and b"chunked" not in data


def test_a_refused_body_does_not_cost_the_connection(engine):
    with Wire(engine) as wire:
        status, _, _ = wire.ask("POST /v1.51/nothing", body={"x": "y" * 10_000}).answer()
        assert status == 404
        assert wire.ask("GET /_ping").answer()[0] == 200


def test_a_document_larger_than_16_mib_is_too_large(engine):
    with Wire(engine) as wire:
        wire.send(b"POST /v1.51/containers/create HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 16777217\r\n\r\n")
        status, _, body = wire.answer()
        assert status == 413 and "16777216" in json.loads(body)["message"]
    with Wire(engine) as wire:
        wire.send(b"POST /v1.51/containers/create HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(OSError):
            for _ in range(400):
                wire.send(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")
        assert b" 413 " in wire.line() + b" "


def test_a_body_that_is_no_json_says_so(engine):
    code, answer = ask(engine, "POST /v1.51/containers/create", b"Image=busybox", content="application/x-www-form-urlencoded")
    assert code == 400 and "Content-Type" in answer["message"]
    code, answer = ask(engine, "POST /v1.51/containers/create", b'{"Image": }')
    assert code == 400 and "1:11" in answer["message"]
    assert ask(engine, "POST /v1.51/containers/create")[0] == 400


def test_the_client_is_asked_to_go_on_with_its_body(engine):
    with Wire(engine) as wire:
        wire.send(b"POST /v1.51/images/load HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert wire.head()[0] == 100
        wire.send(b"x" * 100)
        assert wire.answer()[0] == 400


def test_a_body_that_is_cut_off_is_refused(engine):
    with Wire(engine) as wire:
        wire.send(b"POST /v1.51/images/load HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nonly this")
        wire.end_input()
        status, _, _ = wire.answer()
        assert status == 400


def test_clients_that_vanish_leave_no_descriptor(engine):
    def descriptors():
        return len(os.listdir(f"/proc/{engine.process.pid}/fd"))

    ask(engine, "GET /_ping")
    before = descriptors()
    for number in range(150):
        wire = Wire(engine)
        kind = number % 5
        if kind == 0:
            wire.send(b"GET /v1.51/events HTTP/1.1\r\nHost: a\r\n\r\n")
            wire.head()
        elif kind == 1:
            wire.send(b"POST /v1.51/images/load HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nsome")
        elif kind == 2:
            wire.send(b"GET /v1.51/contain")
        elif kind == 3:
            wire.send(b"GET /v1.51/events HTTP/1.1\r\nHost: a\r\n\r\n")
        wire.socket.close()
    wait_until("all descriptors are closed", lambda: descriptors() <= before + 2)


def test_slow_clients_do_not_keep_others_waiting(engine):
    slow = [Wire(engine) for _ in range(200)]
    try:
        for wire in slow:
            wire.send(b"GET /v1.51/containers/json HTTP/1.1\r\nHos")
        assert ask(engine, "GET /_ping")[0] == 200
        for wire in slow:
            wire.send(b"t: a\r\n\r\n")
        for wire in slow:
            assert wire.answer()[0] == 200
    finally:
        for wire in slow:
            wire.socket.close()


def test_many_clients_at_once(engine):
    failures = []

    def work():
        try:
            with Wire(engine) as wire:
                for _ in range(20):
                    if wire.ask("GET /v1.51/info").answer()[0] != 200:
                        failures.append("status")
        except (OSError, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_an_event_stream_has_its_head_at_once_and_then_each_event(engine):
    with Wire(engine) as wire:
        status, headers = wire.ask("GET /v1.51/events?filters=" + "%7B%22type%22%3A%5B%22image%22%5D%7D").head()
        assert status == 200 and headers["content-type"] == "application/json"
        engine.ok("tag", "busybox", "told:1")
        told = json.loads(wire.chunk())
        assert (told["Type"], told["Action"]) == ("image", "tag")
        engine.ok("rmi", "told:1")
        assert json.loads(wire.chunk())["Action"] == "untag"


def test_events_of_a_span_end_by_themselves(engine):
    status, _ = ask(engine, "GET /v1.51/events?since=1&until=2")
    assert status == 200
    assert ask(engine, "GET /v1.51/events?since=3&until=2")[0] == 400
    assert ask(engine, "GET /v1.51/events?since=yesterday")[0] == 400


def test_the_socket_is_for_root_and_its_group(engine):
    mode = os.stat(engine.socket)
    assert mode.st_mode & 0o777 == 0o660 and mode.st_uid == 0


def test_pulling_says_that_registries_come_later(engine):
    code, answer = ask(engine, "POST /v1.51/images/create?fromImage=busybox&tag=latest")
    assert code == 501 and "registr" in answer["message"]


def test_tcp_without_tls_needs_its_flag(engine, tmp_path):
    import subprocess
    from engine import BIN
    said = subprocess.run([BIN / "caisd", "--data-root", tmp_path / "d", "--exec-root", tmp_path / "e", "--pidfile", tmp_path / "p",
                           "-H", "tcp://127.0.0.1:0", "--bridge", "none"], capture_output=True, timeout=20)
    assert said.returncode == 1 and b"--tlsverify=false" in said.stderr
