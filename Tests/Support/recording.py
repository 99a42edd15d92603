"""An engine that makes nothing: it answers a client's ping, records what is asked and refuses the rest."""

import contextlib
import http.server
import json
import pathlib
import socketserver
import tempfile
import threading


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return ""

    def _answer(self, status, value=None):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        for name, text in (("Api-Version", self.server.version), ("Ostype", "linux"), ("Content-Type", "application/json"),
                           ("Content-Length", str(len(body)))):
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _take(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.server.requests.append((self.command, self.path, dict(self.headers), body))

    def do_HEAD(self):
        self._take()
        self._answer(200)

    def do_GET(self):
        self._take()
        self._answer(404, {"message": "not here"})

    def do_DELETE(self):
        self.do_GET()

    def do_POST(self):
        self._take()
        if "/containers/create" in self.path:
            self._answer(201, {"Id": "a" * 64, "Warnings": []})
        else:
            self._answer(404, {"message": "not here"})


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def recording_engine(version="1.47"):
    """Yields (host, requests): the address, and the list that requests are appended to."""
    with tempfile.TemporaryDirectory(prefix="cais-recording-") as folder:
        path = pathlib.Path(folder) / "engine.sock"
        server = _Server(str(path), _Handler)
        server.requests = []
        server.version = version
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"unix://{path}", server.requests
        finally:
            server.shutdown()
            server.server_close()
