"""Raw requests on the engine's socket, so that a test sees every byte."""

import json
import socket
import struct


class Wire:
    """One connection."""

    def __init__(self, engine, seconds=15):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.socket.connect(str(engine.socket))
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, line, body=None, headers=(), content="application/json"):
        """Sends a request with an HTTP/1.1 head."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"{line} HTTP/1.1", "Host: docker", *headers]
        if body is not None:
            lines += [f"Content-Type: {content}", f"Content-Length: {len(data)}"]
        self.send("\r\n".join([*lines, "", ""]).encode() + data)
        return self

    def _fill(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def line(self):
        while b"\r\n" not in self.buffer:
            assert self._fill(), f"the connection ended within a line: {self.buffer!r}"
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def head(self):
        """Status and headers (names in lower case)."""
        status = int(self.line().split()[1])
        headers = {}
        while line := self.line():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return status, headers

    def exactly(self, count):
        while len(self.buffer) < count:
            assert self._fill(), f"the connection ended, {count - len(self.buffer)} bytes early"
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def rest(self):
        """Everything up to the end."""
        while self._fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def chunk(self):
        """The next chunk of a body; b"" is its end."""
        size = int(self.line(), 16)
        data = self.exactly(size)
        assert self.line() == b""
        return data

    def body(self, headers):
        if "content-length" in headers:
            return self.exactly(int(headers["content-length"]))
        if headers.get("transfer-encoding") == "chunked":
            data = b""
            while part := self.chunk():
                data += part
            return data
        return b""

    def answer(self):
        """Status, headers and the whole body."""
        status, headers = self.head()
        return status, headers, b"" if status in (204, 304) else self.body(headers)

    def end_input(self):
        """Half-closes: no more bytes will come."""
        self.socket.shutdown(socket.SHUT_WR)

    def frames(self):
        """The rest as docker's frames: what each stream said, joined."""
        return split(self.rest())


def split(data):
    """Docker's frames: what each stream said, joined."""
    streams = {}
    while data:
        stream, length = struct.unpack(">BxxxI", data[:8])
        streams[stream] = streams.get(stream, b"") + data[8:8 + length]
        assert len(data) >= 8 + length, "the last frame is cut off"
        data = data[8 + length:]
    return streams


def ask(engine, line, body=None, headers=(), **options):
    """One request on a connection of its own; the status and the decoded body."""
    with Wire(engine) as wire:
        status, _, data = wire.ask(line, body, ["Connection: close", *headers], **options).answer()
        return status, json.loads(data) if data.strip().startswith((b"{", b"[")) else data
