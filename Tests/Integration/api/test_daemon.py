"""The daemon as a process: configuration, claims, signals."""

import json
import os
import signal
import socket
import subprocess

import pytest

from engine import BIN, Engine, wait_until
from wire import ask


def caisd(*arguments, **options):
    return subprocess.run([BIN / "caisd", *map(str, arguments)], capture_output=True, timeout=20, **options)


def validate(tmp_path, text, *flags):
    file = tmp_path / "daemon.json"
    file.write_text(text)
    return caisd("--config-file", file, *flags, "validate")


def test_a_configuration_in_dockerds_names_is_good(tmp_path):
    said = validate(tmp_path, json.dumps({
        "hosts": ["unix:///run/x.sock"], "data-root": "/var/lib/x", "exec-root": "/run/x", "pidfile": "/run/x.pid", "debug": True,
        "log-level": "warn", "labels": ["a=b"], "bip": "10.9.0.1/24", "fixed-cidr": "10.9.0.128/25", "mtu": 1400, "icc": False,
        "runtimes": {"other": {"path": "/usr/bin/runc"}}, "default-runtime": "other", "default-shm-size": "128m",
        "log-driver": "json-file", "log-opts": {"max-size": "5m"}, "dns": ["10.0.0.53"], "live-restore": True,
        "default-address-pools": [{"base": "10.200.0.0/16", "size": 24}],
    }))
    assert said.returncode == 0 and b"OK" in said.stdout, said
    assert validate(tmp_path, "").returncode == 0


@pytest.mark.parametrize("text, flags, words", [
    ('{"nonsense": 1, "log-level": "info"}', [], "don't match any configuration option: nonsense"),
    ('{"log-level": "info"}', ["--log-level", "debug"], "log-level: (from flag: debug, from file: info)"),
    ('{"hosts": ["unix:///a"]}', ["-H", "unix:///b"], "hosts: (from flag: unix:///b, from file: unix:///a)"),
    ('{"log-level": "loud"}', [], "invalid logging level: loud"),
    ('{"mtu": "big"}', [], "mtu"),
    ('{"debug": "perhaps"}', [], "debug"),
    ('{"data-root": "relative"}', [], "absolute path"),
    ('{"bip": "10.0.0.1"}', [], "invalid CIDR address: 10.0.0.1"),
    ('{"live-restore": false}', [], "outlive"),
    ('{"default-address-pools": [{"base": "10.0.0.0/24", "size": 16}]}', [], "does not fit"),
    ('{"log-level": "info",}', [], "1:2"),
    ('[]', [], "expected an object"),
])
def test_a_wrong_configuration_is_refused_by_name(tmp_path, text, flags, words):
    said = validate(tmp_path, text, *flags)
    assert said.returncode == 1 and words in said.stderr.decode(), said
    assert len(said.stderr.decode().splitlines()) == 1


def test_a_configuration_file_that_was_asked_for_must_be_there(tmp_path):
    said = caisd("--config-file", tmp_path / "missing.json", "validate")
    assert said.returncode == 1 and b"missing.json" in said.stderr
    assert caisd("--no-such-flag").returncode != 0


def test_a_default_runtime_must_be_configured(tmp_path):
    said = caisd("--data-root", tmp_path / "d", "--exec-root", tmp_path / "e", "--pidfile", tmp_path / "p", "--default-runtime", "none")
    assert said.returncode == 1 and b"default runtime none" in said.stderr


def test_signals_stop_it_with_its_files_gone_and_its_containers_running(fresh_engine):
    engine = fresh_engine
    container = engine.ok("run", "-d", "busybox", "sleep", "600")
    pid = engine.inspect(container)["State"]["Pid"]
    assert (engine.root / "caisd.pid").read_text() == str(engine.process.pid)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.connect(str(engine.socket))
        listener.sendall(b"GET /v1.51/events HTTP/1.1\r\nHost: a\r\n\r\n")
        listener.recv(100)
        assert engine.stop() == 0
    assert not engine.socket.exists() and not (engine.root / "caisd.pid").exists()
    os.kill(pid, 0)
    engine.start()
    assert engine.inspect(container)["State"]["Pid"] == pid


def test_a_stale_socket_is_replaced_and_a_foreign_file_is_not(tmp_path):
    engine = Engine()
    try:
        engine.start()
        engine.kill()
        assert engine.socket.exists()
        engine.start()
        assert engine.answers()
        engine.stop()
        engine.socket.write_text("precious")
        said = caisd("--data-root", engine.root / "data", "--exec-root", engine.root / "run", "--pidfile", engine.root / "p",
                     "-H", engine.host, "--bridge", "none")
        assert said.returncode == 1 and b"not a socket" in said.stderr
        assert engine.socket.read_text() == "precious"
        engine.socket.unlink()
    finally:
        engine.close()


def test_sighup_takes_the_log_level_over(tmp_path):
    file = tmp_path / "daemon.json"
    file.write_text('{"log-level": "warn"}')
    engine = Engine("--config-file", file)
    try:
        engine.start()
        assert ask(engine, "GET /v1.51/info")[1]["Debug"] is False
        file.write_text('{"debug": true}')
        engine.process.send_signal(signal.SIGHUP)
        wait_until("the level is debug", lambda: ask(engine, "GET /v1.51/info")[1]["Debug"])
        file.write_text('{"debug": tru')
        engine.process.send_signal(signal.SIGHUP)
        wait_until("the file is refused", lambda: "configuration not taken over" in engine.log_text())
        assert engine.answers()
    finally:
        engine.close()


def test_tcp_on_loopback_is_served_to_this_machine_alone():
    engine = Engine("-H", "tcp://127.0.0.1:23751", "--tlsverify=false")
    try:
        engine.start()
        def status(*headers):
            with socket.create_connection(("127.0.0.1", 23751), timeout=10) as client:
                client.sendall("\r\n".join(["GET /_ping HTTP/1.1", "Connection: close", *headers, "", ""]).encode())
                return int(client.recv(4096).split()[1])
        assert status("Host: 127.0.0.1:23751") == 200
        assert status("Host: evil.example") == 403
        assert status("Host: localhost", "Origin: http://localhost") == 403
    finally:
        engine.close()


def test_a_damaged_record_file_does_not_keep_it_from_starting(fresh_engine):
    engine = fresh_engine
    engine.stop()
    database = engine.root / "data" / "cais.db"
    data = bytearray(database.read_bytes())
    data[0:200] = os.urandom(200)
    database.write_bytes(data)
    for extra in ("-wal", "-shm"):
        (engine.root / "data" / f"cais.db{extra}").unlink(missing_ok=True)
    engine.start()
    assert engine.answers() and "moved aside" in engine.log_text()


def test_the_engine_keeps_its_id(fresh_engine):
    first = ask(fresh_engine, "GET /v1.51/info")[1]["ID"]
    fresh_engine.kill()
    fresh_engine.start()
    assert ask(fresh_engine, "GET /v1.51/info")[1]["ID"] == first


def test_manual_and_completion_are_made(tmp_path):
    assert caisd("manual", tmp_path).returncode == 0
    assert (tmp_path / "caisd.8").read_text().startswith(".")
    assert b"caisd" in caisd("completion", "bash").stdout
    assert b"0.1.0" in caisd("--version").stdout
