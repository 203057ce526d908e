"""Charts as Helm fetches them by our own arguments: from a repository, a registry, a bundle.

All on loopback, where Helm speaks plain HTTP to a registry. The one here knows only what a pull needs
of the distribution API (tags, manifests and blobs, by GET and HEAD): no token, no push, no TLS. Helm,
the archive and the repository's index are real.
"""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from breakwater.bundle import Bundle, BundleChart
from breakwater.helm import Chart, chart

HELM = str(Path(sys.executable).with_name("helm"))
NAME, VERSION = "tiny", "1.2.3"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Helm:
    """Helm with a home of its own."""

    def __init__(self, home: Path) -> None:
        places = {f"HELM_{kind}_HOME": str(home / kind) for kind in ("CACHE", "CONFIG", "DATA")}
        self.env = {**os.environ, **places, "NO_PROXY": "127.0.0.1"}

    def __call__(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [HELM, *arguments], env=self.env, capture_output=True, text=True, timeout=60, check=False
        )

    def rendered(self, found: Chart) -> str:
        """What the chart comes to, or Helm's own words."""
        done = self("template", "release", *found.arguments)
        return done.stdout if done.returncode == 0 else done.stderr


@pytest.fixture
def helm(tmp_path: Path) -> Helm:
    return Helm(tmp_path / "helm")


@pytest.fixture
def packed(helm: Helm, tmp_path: Path) -> Path:
    """A chart of one object, packed."""
    folder = tmp_path / NAME
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text(json.dumps({"apiVersion": "v2", "name": NAME, "version": VERSION}))
    (folder / "values.yaml").write_text("{}\n")
    (folder / "templates/map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n"
    )
    (tmp_path / "repository").mkdir()
    assert helm("package", str(folder), "--destination", str(tmp_path / "repository")).returncode == 0
    return tmp_path / "repository" / f"{NAME}-{VERSION}.tgz"


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """HOST:PORT of a server on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def repository(helm: Helm, packed: Path) -> Iterator[str]:
    """The URL of a repository that `helm repo index` made."""
    folder = packed.parent

    class Files(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    with serving(Files) as address:
        assert helm("repo", "index", str(folder), "--url", f"http://{address}/").returncode == 0
        yield f"http://{address}/"


class Registry(BaseHTTPRequestHandler):
    """The pull half of a registry with one chart."""

    blobs: ClassVar[dict[str, bytes]] = {}
    manifest: ClassVar[bytes] = b""

    @classmethod
    def hold(cls, packed: Path) -> None:
        """Serve this chart."""
        config = json.dumps({"apiVersion": "v2", "name": NAME, "version": VERSION}).encode()
        layer = packed.read_bytes()
        cls.blobs = {_digest(blob): blob for blob in (config, layer)}
        kinds = ("config.v1+json", "chart.content.v1.tar+gzip")
        described = [
            {"mediaType": f"application/vnd.cncf.helm.{kind}", "digest": _digest(blob), "size": len(blob)}
            for kind, blob in zip(kinds, (config, layer), strict=True)
        ]
        item = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]}
        cls.manifest = json.dumps(item).encode()

    def do_GET(self) -> None:
        kind, _, name = self.path.partition(f"/v2/charts/{NAME}/")[2].partition("/")
        if kind == "tags":
            self._send(json.dumps({"name": f"charts/{NAME}", "tags": [VERSION]}).encode(), "application/json")
        elif kind == "manifests" and name in (VERSION, _digest(self.manifest)):
            self._send(self.manifest, MANIFEST)
        elif kind == "blobs" and name in self.blobs:
            self._send(self.blobs[name], "application/octet-stream")
        else:
            self._send(
                json.dumps({"errors": [{"code": "MANIFEST_UNKNOWN"}]}).encode(), "application/json", 404
            )

    do_HEAD = do_GET

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", _digest(body))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry(packed: Path) -> Iterator[str]:
    """The oci:// URL of a registry's folder."""
    Registry.hold(packed)
    with serving(Registry) as address:
        yield f"oci://{address}/charts"


def test_from_a_repository(helm: Helm, repository: str) -> None:
    found = chart(NAME, VERSION, repository, None)
    assert found.mark == f"breakwater: tiny 1.2.3 of {repository}"
    assert "kind: ConfigMap" in helm.rendered(found)


@pytest.mark.parametrize("closing", ["", "/"])
def test_from_a_registry(helm: Helm, registry: str, closing: str) -> None:
    found = chart(NAME, VERSION, registry + closing, None)
    assert found.arguments == (f"{registry}/tiny", "--version", "1.2.3")
    assert "kind: ConfigMap" in helm.rendered(found)


def test_from_a_bundle_nothing_is_asked(helm: Helm, packed: Path) -> None:
    entry = BundleChart(NAME, VERSION, packed.name, _digest(packed.read_bytes()))
    found = chart(NAME, VERSION, "http://127.0.0.1:1/", Bundle(packed.parent, (entry,), ()))
    assert found.arguments == (str(packed),)
    assert found.mark == f"breakwater: tiny 1.2.3 {entry.digest}"
    assert "kind: ConfigMap" in helm.rendered(found)


def test_a_version_that_is_not_there_is_named(helm: Helm, repository: str, registry: str) -> None:
    # Helm's own words, which the summary shows.
    assert 'chart "tiny" version "9.9.9" not found' in helm.rendered(chart(NAME, "9.9.9", repository, None))
    assert "/charts/tiny:9.9.9: not found" in helm.rendered(chart(NAME, "9.9.9", registry, None))


@pytest.mark.parametrize("scheme", ["http", "https", "oci"])
def test_a_place_that_does_not_answer_is_named(helm: Helm, scheme: str) -> None:
    said = helm.rendered(chart(NAME, VERSION, f"{scheme}://127.0.0.1:1/charts", None))
    assert "127.0.0.1:1" in said
    assert "connection refused" in said


def test_an_archive_that_was_cut_short_is_no_chart(helm: Helm, repository: str, packed: Path) -> None:
    packed.write_bytes(gzip.compress(b"nothing")[:-4])
    assert helm.rendered(chart(NAME, VERSION, repository, None)).startswith("Error: ")


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
