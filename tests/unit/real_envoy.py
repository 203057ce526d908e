"""The real Envoy with files of ours, on loopback and without root's rights where there are any."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from breakwater.proxy.config import Wanted, files

_package = find_spec("envoy")
assert _package is not None
assert _package.origin is not None
ENVOY = Path(_package.origin).parent / "_bin" / "envoy"
# Below what the kernel gives to outgoing connections, so that nobody takes one between look and use.
_PORTS = iter(range(20000 + os.getpid() % 5000, 32000))
NOBODY = 65534
DOMAIN = "registry.example.org"
NODES = {"node1": "127.0.0.1", "node2": "127.0.0.2"}
# make(node_port=…, port=…, upstreams=…): what is wanted, for a folder.
Make = Callable[..., Callable[[Path], Wanted]]


def free_port() -> int:
    """A port that is free on every address of loopback."""
    for port in _PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("0.0.0.0", port))  # noqa: S104
            return port
    raise AssertionError("no free port")


def validated(text: str) -> str:
    """What `envoy --mode validate` says against one bootstrap; empty when it is good."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        command = [ENVOY, "--mode", "validate", "--config-path", file.name, "--log-level", "error"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "" if run.returncode == 0 else run.stdout + run.stderr


class RealEnvoy:
    """Started with what files() gives; ended with the `with`."""

    def __init__(self, wanted: Callable[[Path], Wanted]) -> None:
        # Not pytest's folder: a socket's path has at most 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="envoy"))
        self.wanted = wanted(self.folder)
        self._log = self.folder / "log"

    def __enter__(self) -> "RealEnvoy":
        self.write(files(self.wanted))
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        if user:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", self.folder], check=True)
        options = [
            "--disable-hot-restart",
            "--file-flush-interval-msec",
            "200",
            "--reject-unknown-dynamic-fields",
            "--concurrency",
            "1",
        ]
        options += ["--drain-time-s", "14400", "--drain-strategy", "immediate", "--log-level", "warning"]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [ENVOY, "--config-path", self.folder / "bootstrap.yaml", *options],
                stdout=log, stderr=subprocess.STDOUT, **user,
            )  # fmt: skip
        self.until(lambda: b"LIVE" in self.admin("/ready"))
        # Every endpoint was looked at once; until then nobody knows which of them are well.
        self.until(lambda: b"pending_active_hc" not in self.admin("/clusters"))
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)

    def write(self, texts: Mapping[str, str]) -> None:
        """Each file whole, by rename; what others read goes before what names it."""
        for name in sorted(texts, key=lambda name: (not name.startswith("sds/"), "lds" in name)):
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            new = path.with_name("." + path.name)
            new.write_text(texts[name])
            if os.geteuid() == 0:
                os.chown(new, NOBODY, NOBODY)
            new.replace(path)

    def until(self, true: Callable[[], bool], seconds: float = 20) -> None:
        """Wait for it."""
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                if true():
                    return
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < end, self._log.read_text()
            time.sleep(0.05)

    def admin(self, path: str, method: str = "GET") -> bytes:
        """What the admin socket answers."""
        connection = HTTPConnection("admin", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(10)
        connection.sock.connect(str(self.folder / "admin.sock"))
        with contextlib.closing(connection):
            connection.request(method, path)
            return connection.getresponse().read()

    def stat(self, name: str) -> str:
        """A counter, a gauge or a text; empty when there is none."""
        lines = self.admin(f"/stats?filter=^{name}$").decode().splitlines()
        return lines[0].partition(": ")[2].strip('"') if lines else ""

    def lines(self) -> list[dict[str, Any]]:
        """The access log."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    def line(self, **wanted: object) -> dict[str, Any]:
        """The first line with these values, as soon as it is there: Envoy writes every second or so."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found.extend(line for line in self.lines() if wanted.items() <= line.items())
            return bool(found)

        self.until(there)
        return found[0]


def connect(
    port: int, name: str | None, ca: str | None, source: str = "127.0.0.1", to: str = "127.0.0.1"
) -> HTTPConnection:
    """A connection with TLS that asks for a name; with no CA nothing is verified.

    + name: None: none is asked for
    """
    context = ssl.create_default_context(cadata=ca)
    if ca is None or name is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = HTTPConnection(name or to, port, timeout=20)
    plain = socket.create_connection((to, port), timeout=20, source_address=(source, 0))
    connection.sock = context.wrap_socket(plain, server_hostname=name)
    return connection


@contextlib.contextmanager
def asked(
    connection: HTTPConnection,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    host: str | None = None,
) -> Iterator[HTTPResponse]:
    """The answer to one request, exactly as written: http.client changes no path."""
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host or connection.host)
        for key, value in (headers or {}).items():
            connection.putheader(key, value)
        chunked = body is not None and not isinstance(body, bytes)
        if isinstance(body, bytes):
            connection.putheader("Content-Length", str(len(body)))
        elif chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(body, encode_chunked=chunked)
        yield connection.getresponse()
