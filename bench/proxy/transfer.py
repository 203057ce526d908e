"""A registry's client that does as little as it can: one blob up or down, over TLS and HTTP/1.1."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from bench.proxy.configs import NAME

_LIMIT = 120  # seconds that one read or write may take
_READY = 20  # seconds until a registry answers
_PIECE = 256 << 10


class Client:
    """Comes to the registry through one port, its certificate verified, never faster than the link."""

    def __init__(self, port: int, ca: Path) -> None:
        self._port = port
        self.link = 0.0  # bytes a second; 0: as fast as it goes
        self._tls = ssl.create_default_context(cafile=str(ca))

    def until_ready(self) -> None:
        """A proxy that has just started may not have seen yet that the registry is well."""
        end = time.monotonic() + _READY
        while True:
            with self._connection() as connection:
                connection.request("GET", "/v2/")
                status = connection.getresponse().status
            if status == 200:
                return
            if time.monotonic() > end:
                raise SystemExit(f"port {self._port}: still answers {status} after {_READY} s")
            time.sleep(0.1)

    def upload(self, data: bytes, digest: str) -> None:
        """POST, PATCH with the whole, PUT: as docker pushes a layer."""
        with self._connection() as connection:
            place = _location(_answer(connection, "POST", "/v2/bench/blob/blobs/uploads/", 202))
            connection.putrequest("PATCH", place)
            connection.putheader("Content-Type", "application/octet-stream")
            connection.putheader("Content-Length", str(len(data)))
            connection.endheaders()
            view, begun = memoryview(data), time.monotonic()
            for start in range(0, len(view), _PIECE):
                connection.send(view[start : start + _PIECE])
                self._keep_to_the_link(start, begun)
            place = _location(_read(connection, 202))
            joint = "&" if "?" in place else "?"
            _answer(connection, "PUT", f"{place}{joint}digest={quote(digest)}", 201)

    def download(self, digest: str, size: int) -> None:
        """GET, every byte read and none looked at."""
        with self._connection() as connection:
            connection.request("GET", f"/v2/bench/blob/blobs/{digest}")
            answer = connection.getresponse()
            room, got, begun = bytearray(_PIECE), 0, time.monotonic()
            while count := answer.readinto(room):
                got += count
                self._keep_to_the_link(got, begun)
            if (answer.status, got) != (200, size):
                raise SystemExit(f"download: status {answer.status}, {got} of {size} bytes")

    def _keep_to_the_link(self, count: int, begun: float) -> None:
        early = begun + count / self.link - time.monotonic() if self.link else 0
        if early > 0:
            time.sleep(early)

    @contextmanager
    def _connection(self) -> Iterator[http.client.HTTPSConnection]:
        connection = _Loopback(NAME, self._port, timeout=_LIMIT)
        connection.tls = self._tls
        try:
            yield connection
        finally:
            connection.close()


class _Loopback(http.client.HTTPSConnection):
    """Asks for the name and goes to loopback."""

    tls: ssl.SSLContext

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=_LIMIT)
        # As http.client does; else a small request waits for the answer to the one before it.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.host)


def _answer(
    connection: http.client.HTTPSConnection, method: str, path: str, wanted: int
) -> http.client.HTTPResponse:
    connection.request(method, path, headers={"Content-Length": "0"})
    return _read(connection, wanted)


def _read(connection: http.client.HTTPSConnection, wanted: int) -> http.client.HTTPResponse:
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != wanted:
        raise SystemExit(f"the registry answered {answer.status}, not {wanted}: {text[:300]!r}")
    return answer


def _location(answer: http.client.HTTPResponse) -> str:
    """Where to go on; a proxy's own name and port in front of it are no news."""
    place = answer.headers["Location"]
    return "/" + place.split("/", 3)[3] if "://" in place else place
