"""Harbor through each node, over real TLS on this machine's loopback addresses."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from harbor_certificates import Authority

from breakwater import cluster
from breakwater.commands import Refusal
from breakwater.harbor import api as harbor_api
from breakwater.harbor.health import Doors, not_healthy, wait_until_healthy

DOMAIN = "registry.example.org"
HEALTHY = {"status": "healthy", "components": [{"name": "core", "status": "healthy"}]}
SICK = {
    "status": "unhealthy",
    "components": [{"name": name, "status": "unhealthy"} for name in ("jobservice", "database")],
}


@dataclass
class Node:
    """One node's two ports. The answers can be changed at any time."""

    address: str = "127.0.0.1"
    health: Any = field(default_factory=lambda: HEALTHY)
    status: int = 200
    redirect: str = "https://{host}/"
    redirect_status: int = 301

    def serve(self, certificate: Path | None) -> ThreadingHTTPServer:
        """One of its ports: HTTPS with a certificate, else HTTP."""
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                code, body = (
                    (node.status, json.dumps(node.health) if node.health else "<html>")
                    if certificate
                    else (node.redirect_status, "")
                )
                self.send_response(code)
                if not certificate and node.redirect:
                    self.send_header("Location", node.redirect.format(host=self.headers["Host"]))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer((self.address, 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def node(authority: Authority) -> Node:
    return Node()


@pytest.fixture
def doors(node: Node, authority: Authority) -> Iterator[Doors]:
    yield from opened(node, authority.sign("127.0.0.1"), authority)


def opened(node: Node, certificate: Path, authority: Authority) -> Iterator[Doors]:
    secure, plain = node.serve(certificate), node.serve(None)
    https, http = secure.server_address[1], plain.server_address[1]
    yield Doors(nodes={"node1": node.address}, https=https, http=http, ca=str(authority.ca), domain=DOMAIN)
    for server in (secure, plain):
        server.shutdown()
        server.server_close()


def test_healthy(doors: Doors) -> None:
    assert not_healthy(doors) == []


def test_what_is_not_healthy_is_named(node: Node, doors: Doors) -> None:
    node.health = SICK
    assert not_healthy(doors) == ["node1: unhealthy: database, jobservice"]


def test_a_node_that_does_not_answer(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    # nobody listens on this loopback address: each node has its own line, in their order
    both = Doors(**{**vars(doors), "nodes": {"node2": "127.0.0.9", **doors.nodes}})
    [line] = not_healthy(both)
    assert line == f"node2: no answer on port {doors.https}: [Errno 111] Connection refused"


def test_a_page_of_nginx(node: Node, doors: Doors) -> None:
    node.status, node.health = 502, None
    assert not_healthy(doors) == [f"node1: answers 502 on port {doors.https}: Bad Gateway"]


def test_a_node_without_an_answer_in_time(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harbor_api, "LIMIT", httpx.Timeout(0.2, connect=0.1))
    with socket.create_server(("127.0.0.8", doors.https)):
        silent = Doors(**{**vars(doors), "nodes": {"node1": "127.0.0.8"}})
        assert not_healthy(silent) == [f"node1: no answer on port {doors.https}: no connection within 0.1 s"]


def test_a_certificate_of_another_address(node: Node, authority: Authority) -> None:
    for doors in opened(node, authority.sign("127.0.0.2"), authority):
        [line] = not_healthy(doors)
    assert line == (
        f"node1: no answer on port {doors.https}: its certificate is not to be trusted: IP address mismatch,"
        " certificate is not valid for '127.0.0.1'."
    )


def test_a_certificate_of_another_authority(node: Node, authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other", "another CA")
    for doors in opened(node, other.sign("127.0.0.1"), authority):
        [line] = not_healthy(doors)
    assert "its certificate is not to be trusted: " in line


@pytest.mark.parametrize(
    ("status", "location", "shown"),
    [
        (200, "", "200 and sends to nowhere"),
        (302, "https://{host}/", f"302 and sends to https://{DOMAIN}"),
        (301, "http://{host}/", f"301 and sends to http://{DOMAIN}"),
        (301, "https://{host}:30003/", f"301 and sends to https://{DOMAIN}:30003"),
        (308, "https://elsewhere/", "308 and sends to https://elsewhere"),
    ],
)
def test_plain_http_must_go_to_the_domain(
    node: Node, doors: Doors, status: int, location: str, shown: str
) -> None:
    node.redirect_status, node.redirect = status, location
    fault = f"node1: port {doors.http} answers {shown}, not to https://{DOMAIN}"
    assert not_healthy(doors) == [fault]


def test_308_will_do(node: Node, doors: Doors) -> None:
    node.redirect_status = 308
    assert not_healthy(doors) == []


def test_no_plain_port(doors: Doors) -> None:
    other = Doors(**{**vars(doors), "http": 1})
    assert not_healthy(other) == ["node1: no answer on port 1: [Errno 111] Connection refused"]


def test_the_wait_ends_when_all_are_healthy(
    node: Node, doors: Doors, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_SAY", 0)
    monkeypatch.setattr(cluster, "_LOOK", 0.01)
    node.health = SICK
    looks: list[str] = []

    def watch() -> list[str]:
        looks.append("look")
        if len(looks) == 3:
            node.health = HEALTHY
        return ["jobservice: nudged"]

    wait_until_healthy(doors, 30, "harbor", watch)
    said = capsys.readouterr().out
    assert (
        "Harbor through each node: node1: unhealthy: database, jobservice; jobservice: nudged, 0 s of 30 s"
        in said
    )
    assert len(looks) == 3


def test_the_wait_ends_when_the_time_is_over(
    node: Node, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_LOOK", 0.01)
    node.health = SICK
    with pytest.raises(Refusal) as caught:
        wait_until_healthy(doors, 0, "registry")
    assert str(caught.value) == (
        "harbor: not healthy after 0 s: node1: unhealthy: database, jobservice;"
        " see `kubectl --namespace registry get pods`, and run again"
    )
