"""Bad input gets a clear message and leaves nothing behind."""

import io
import json
import os
import socket
import subprocess
import tarfile

import pytest

import images
from engine import BIN, Engine, differences

pytestmark = pytest.mark.usefixtures("clean")


def request(engine, text, body=b""):
    """One raw request; the status and the decoded body."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(engine.socket))
        client.sendall(text.encode() + b"\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                       + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), rest


@pytest.mark.parametrize("line, status", [
    ("GET /v1.51/no/such/route HTTP/1.1", 404),
    ("GET /v1.99/containers/json HTTP/1.1", 400),
    ("GET /v1.3/containers/json HTTP/1.1", 400),
    ("GET /v1.51/containers/nobody/json HTTP/1.1", 404),
    ("GET /v1.51/containers/json?filters=%7Bbroken HTTP/1.1", 400),
    ("GET /v1.51/containers/json?filters=%7B%22no-such-filter%22%3A%5B%22x%22%5D%7D HTTP/1.1", 400),
    ("POST /v1.51/containers/nobody/start HTTP/1.1", 404),
    ("DELETE /v1.51/images/nothing HTTP/1.1", 404),
])
def test_a_wrong_request_has_its_status_and_a_json_message(engine, line, status):
    code, body = request(engine, line)
    assert code == status
    assert json.loads(body)["message"]


@pytest.mark.parametrize("body, words", [
    (b'{"Image": "busybox", "Cmd": [', ""),
    (b'{"Image": 7}', "Image"),
    (b'{"Image": "busybox", "HostConfig": {"Memory": "much"}}', "Memory"),
    (b'{"Image": "busybox", "HostConfig": {"Memory": 1000}}', "emory"),
    (b'{"Image": "busybox", "HostConfig": {"Binds": ["relative:/x:nonsense"]}}', ""),
    (b'{"Image": "busybox", "HostConfig": {"CapAdd": ["CAP_NONSENSE"]}}', "NONSENSE"),
    (b'{"Image": "busybox", "HostConfig": {"RestartPolicy": {"Name": "sometimes"}}}', "sometimes"),
    (b'', ""),
    (b'[' * 5000, ""),
])
def test_a_wrong_body_is_refused_by_name_and_nothing_is_created(engine, body, words):
    code, answer = request(engine, "POST /v1.51/containers/create?name=wrong HTTP/1.1", body)
    assert code in (400, 404, 501), answer
    assert words in json.loads(answer)["message"]
    assert engine.ok("ps", "-aq") == ""


def test_a_start_that_fails_leaves_nothing(engine):
    engine.ok("run", "--rm", "busybox", "true")
    before = engine.census()
    for arguments in (["busybox", "no-such"], ["--network", "no-such-network", "busybox", "true"], ["-v", "/no-such-host-path-at-all:/x:ro", "--mount", "type=bind,src=/definitely/missing,dst=/y", "busybox", "true"],
                      ["--runtime", "no-such-runtime", "busybox", "true"], ["-w", "/etc/passwd", "busybox", "true"], ["-u", "nobody-at-all", "busybox", "true"]):
        result = engine.docker("run", "--rm", *arguments)
        assert result.code in (125, 126, 127) and result.err.strip(), (arguments, result)
    if os.path.isdir("/no-such-host-path-at-all"):
        os.rmdir("/no-such-host-path-at-all")
    assert not differences(before, engine.census())


def test_archives_that_are_broken_or_foreign(engine, tmp_path, busybox_archive):
    before = engine.ok("images", "-aq")
    whole = busybox_archive.read_bytes()
    cases = {"truncated": whole[: len(whole) // 2], "foreign": os.urandom(100_000), "empty": b"", "text": b"hello " * 1000}
    for name, data in cases.items():
        path = tmp_path / f"{name}.tar"
        path.write_bytes(data)
        result = engine.docker("load", "-i", path)
        assert result.code == 1 and result.err.strip(), (name, result)
    assert engine.ok("images", "-aq") == before


@pytest.mark.parametrize("name, link", [("../../escaped", None), ("/absolute/../../../escaped", None), ("jump/escaped", "/tmp"), ("jump/escaped", "../../../../../../../../tmp")])
def test_a_layer_entry_that_tries_to_leave_its_root_does_not(engine, tmp_path, name, link):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        if link:
            entry = tarfile.TarInfo("jump")
            entry.type, entry.linkname = tarfile.SYMTYPE, link
            tar.addfile(entry)
        entry = tarfile.TarInfo(name)
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"caged"))
    archive = tmp_path / "attack.tar"
    images.docker_archive(archive, "attack:latest", [images.busybox_layer(), out.getvalue()])
    try:
        engine.docker("load", "-i", archive)
        for outside in ("/tmp/escaped", "/escaped", engine.root / "escaped", engine.root / "data" / "escaped"):
            assert not os.path.exists(outside), outside
    finally:
        engine.docker("rmi", "-f", "attack:latest")


def test_a_socket_in_use_and_a_root_in_use_are_said(engine):
    second = subprocess.run([BIN / "caisd", "--data-root", engine.root / "other", "--exec-root", engine.root / "other-run", "--pidfile", engine.root / "other.pid",
                             "-H", engine.host, "--bridge", "caisother"], capture_output=True, timeout=20)
    assert second.returncode != 0 and b"use" in second.stderr and str(engine.socket).encode() in second.stderr
    third = subprocess.run([BIN / "caisd", "--data-root", engine.root / "data", "--exec-root", engine.root / "other-run", "--pidfile", engine.root / "other.pid",
                            "-H", f"unix://{engine.root}/third.sock", "--bridge", "caisother"], capture_output=True, timeout=20)
    assert third.returncode != 0 and b"data" in third.stderr
    assert engine.answers()
    subprocess.run(["ip", "link", "delete", "caisother"], check=False, stderr=subprocess.DEVNULL)


def test_without_root_the_daemon_says_so(tmp_path):
    said = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", str(BIN / "caisd"), "--data-root", "/tmp/x"],
                          capture_output=True, timeout=20)
    assert said.returncode != 0 and b"root" in said.stderr


def test_a_full_disk_is_said_and_nothing_is_half_done(tmp_path, busybox_archive):
    engine = Engine()
    try:
        data = engine.root / "data"
        data.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", data], check=True)
        engine.start()
        result = engine.docker("load", "-i", busybox_archive)
        assert result.code == 1 and "space" in result.err.lower()
        assert engine.ok("images", "-q") == ""
        assert engine.answers()
        engine.kill()
        engine.start()
    finally:
        engine.close()
        subprocess.run(["umount", "-l", engine.root / "data"], check=False, stderr=subprocess.DEVNULL)
