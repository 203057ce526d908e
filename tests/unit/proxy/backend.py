"""A small upstream with TLS that says what it was asked, and misbehaves on request."""

import contextlib
import hashlib
import socket
import ssl
import struct
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from breakwater.tls import Pair

_PIECE = 64 * 1024


@dataclass
class Seen:
    """One request."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    size: int
    digest: str

    def header(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name]


class Backend(ThreadingHTTPServer):
    """At an address, until closed.

    + pair: its certificate; None: plain HTTP
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: str, port: int, pair: Pair | None) -> None:
        super().__init__((address, port), _Handler)
        self.seen: list[Seen] = []
        self.name = address
        self._context = _context(pair) if pair else None
        self._open: set[socket.socket] = set()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def get_request(self) -> tuple[socket.socket, object]:
        """The handshake is the thread's matter, not the listener's."""
        connection, address = super().get_request()
        if self._context:
            connection = self._context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        self._open.add(connection)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""

    def die(self) -> None:
        """As a machine whose processes are all killed."""
        self.shutdown()
        self.server_close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def asked(self, method: str) -> list[Seen]:
        """Requests of clients: those of health checks are none."""
        return [seen for seen in self.seen if seen.method == method and seen.path != "/api/v2.0/ping"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Backend

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def _answer(self) -> None:
        digest, size = hashlib.sha256(), 0
        for piece in self._body():
            digest.update(piece)
            size += len(piece)
        seen = Seen(self.command, self.path, list(self.headers.items()), size, digest.hexdigest())
        self.server.seen.append(seen)
        if self.path.startswith("/reset"):
            # A reset, not a goodbye: the answer is lost on its way.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        if self.path.startswith("/busy"):
            self._send(503, b"busy")
        elif self.path.startswith("/bytes/"):
            self._send(200, bytes(int(self.path.rpartition("/")[2])))
        elif self.path.startswith("/slow"):
            time.sleep(float(self.path.rpartition("/")[2]))
            self._send(200, self.server.name.encode())
        else:
            self._send(200, b"Pong" if self.path == "/api/v2.0/ping" else self.server.name.encode())

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def _send(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Strict-Transport-Security", "max-age=1; includeSubDomains; preload")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self):  # type: ignore[no-untyped-def]
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline().strip(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.rfile.read(min(left, _PIECE))
            left -= len(piece)
            yield piece


def _context(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(pair.certificate + pair.key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


@dataclass
class Pool:
    """Some of them at one port, each at an address of its own on loopback."""

    port: int
    pair: Pair
    addresses: tuple[str, ...] = ("127.0.0.1", "127.0.0.2")
    running: dict[str, Backend] = field(default_factory=dict)

    def __enter__(self) -> "Pool":
        self.running = {at: Backend(at, self.port, self.pair) for at in self.addresses}
        return self

    def __exit__(self, *_: object) -> None:
        for backend in self.running.values():
            backend.die()

    def asked(self, method: str) -> list[Seen]:
        """What clients asked any of them."""
        return [seen for backend in self.running.values() for seen in backend.asked(method)]
