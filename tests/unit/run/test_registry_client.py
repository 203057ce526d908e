"""The registry's client against a real registry behind real TLS, and against what is none."""

import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from harbor_certificates import Authority
from standin import ADDRESS, DOMAIN, PASSWORD, Standin

from breakwater import registry_client
from breakwater.commands import Refusal
from breakwater.harbor.api import ADMIN
from breakwater.harbor.projects import Robot, make_project, make_robot, projects_named, remove_project
from breakwater.registry_client import Registry
from breakwater.registry_errors import RegistryError
from breakwater.small_image import Image, digest, program, unique

PROJECT = "client"
IMAGE = f"{PROJECT}/image"


@pytest.fixture(scope="module")
def project(standin: Standin) -> Iterator[Standin]:
    """The stand-in, with a private project."""
    with standin.administrator() as harbor:
        make_project(harbor, PROJECT)
        yield standin
        for found in projects_named(harbor, PROJECT):
            remove_project(harbor, found)


@pytest.fixture
def admin(project: Standin) -> Iterator[Registry]:
    with Registry(project.host, project.ca, ADMIN, PASSWORD, address=ADDRESS) as registry:
        yield registry


def robot(standin: Standin, *actions: str) -> Robot:
    with standin.administrator() as harbor:
        return make_robot(harbor, PROJECT, f"r{os.urandom(4).hex()}", list(actions))


def refused(registry: Registry, call: Callable[[Registry], object] = Registry.login) -> RegistryError:
    """The error, which says none of the password."""
    with registry, pytest.raises(RegistryError) as caught:
        call(registry)
    assert PASSWORD not in str(caught.value)
    return caught.value


class TestAnImage:
    def test_there_and_back_by_a_robot(self, project: Standin) -> None:
        account = robot(project, "pull", "push")
        image = unique("amd64")
        with Registry(project.host, project.ca, account.name, account.secret, address=ADDRESS) as registry:
            registry.login()
            registry.push(IMAGE, "one", image)
            assert registry.digest(IMAGE, "one") == image.digest
            assert registry.pull(IMAGE, "one") == image
            assert registry.pull(IMAGE, image.digest) == image

    def test_pushed_twice(self, admin: Registry) -> None:
        image = unique("arm64", bulk=10)
        for tag in ("one", "two"):
            admin.push(IMAGE, tag, image)
        assert admin.digest(IMAGE, "two") == admin.digest(IMAGE, "one") == image.digest

    def test_deleted(self, admin: Registry) -> None:
        image = unique("amd64", bulk=10)
        admin.push(IMAGE, "gone", image)
        admin.delete(IMAGE, image.digest)
        with pytest.raises(RegistryError) as caught:
            admin.digest(IMAGE, "gone")
        assert caught.value.status == 404

    def test_a_manifest_whose_layer_is_missing(self, admin: Registry) -> None:
        whole = unique("amd64", bulk=10)
        with pytest.raises(RegistryError, match=r"answered (400|404) .*blob unknown"):
            admin.push(IMAGE, "torn", replace(whole, blobs=whole.blobs[1:]))

    def test_every_one_is_new(self) -> None:
        assert unique("amd64", bulk=8).digest != unique("amd64", bulk=8).digest

    def test_what_it_runs_ends_well(self, tmp_path: Path) -> None:
        if os.uname().machine not in ("x86_64", "aarch64"):
            pytest.skip("there is no small image for this machine")
        here = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
        path = tmp_path / "proof"
        path.write_bytes(program(here))
        path.chmod(0o755)
        assert subprocess.run([path], timeout=10).returncode == 0


class TestWhoMay:
    def test_wrong_password(self, project: Standin) -> None:
        error = refused(Registry(project.host, project.ca, ADMIN, "Wr0ng-words", address=ADDRESS))
        assert str(error) == (
            f"{project.host} (at 127.0.0.1:{project.port}): unauthorized: user admin with this password is"
            " not known; check both; after a wrong password Harbor refuses a user's right one, too, for 1.5 s"
        )
        assert error.status == 401

    def test_a_robots_wrong_secret_although_harbor_gives_a_token(self, project: Standin) -> None:
        name = robot(project, "pull").name
        error = refused(Registry(project.host, project.ca, name, "Wr0ng-words", address=ADDRESS))
        assert (error.status, error.said) == (
            401,
            f"unauthorized: user {name} with this password is not known",
        )

    def test_a_robot_that_may_only_pull(self, project: Standin) -> None:
        account = robot(project, "pull")
        error = refused(
            Registry(project.host, project.ca, account.name, account.secret, address=ADDRESS),
            lambda registry: registry.push(IMAGE, "one", unique("amd64", bulk=10)),
        )
        assert error.said == f"denied: {account.name} may not push {IMAGE}"
        assert "right in the project" in error.fix

    def test_another_project(self, project: Standin) -> None:
        account = robot(project, "pull", "push")
        error = refused(
            Registry(project.host, project.ca, account.name, account.secret, address=ADDRESS),
            lambda registry: registry.push("library/image", "one", unique("amd64", bulk=10)),
        )
        assert "denied" in error.said

    def test_a_full_quota(self, project: Standin) -> None:
        with project.administrator() as harbor:
            body = {"project_name": "narrow", "storage_limit": 1024}
            harbor.call("POST", "/projects", body=body)
            error = refused(
                Registry(project.host, project.ca, ADMIN, PASSWORD, address=ADDRESS),
                lambda registry: registry.push("narrow/image", "one", unique("amd64", bulk=4096)),
            )
            [narrow] = projects_named(harbor, "narrow")
            remove_project(harbor, narrow)
        assert error.status == 403
        assert "will exceed the configured upper limit of 1.0 KiB" in error.said


class TestCertificates:
    def test_an_unknown_authority(self, standin: Standin, tmp_path: Path) -> None:
        other = str(Authority(tmp_path).ca)
        error = refused(Registry(standin.host, other, ADMIN, PASSWORD, address=ADDRESS))
        assert error.said.startswith("x509: certificate signed by unknown authority (")
        assert error.fix.startswith(f"{other} is not the CA of what answers there")
        assert (error.status, error.passing) == (None, False)

    def test_none_of_this_machines_authorities(self, standin: Standin) -> None:
        error = refused(Registry(standin.host, "", ADMIN, PASSWORD, address=ADDRESS))
        assert error.said.startswith("x509: certificate signed by unknown authority (")

    def test_another_name(self, standin: Standin) -> None:
        host = f"other.example.org:{standin.port}"
        error = refused(Registry(host, standin.ca, ADMIN, PASSWORD, address=ADDRESS))
        assert "certificate is not valid for 'other.example.org'" in error.said
        assert "must have this one" in error.fix

    @pytest.mark.parametrize("days", [(-9, -1), (3, 9)])
    def test_not_valid_today(self, tmp_path: Path, days: tuple[int, int]) -> None:
        authority = Authority(tmp_path)
        with serving([], authority.sign(ADDRESS, DOMAIN, days=days)) as port:
            error = refused(Registry(f"{DOMAIN}:{port}", str(authority.ca), ADMIN, PASSWORD, address=ADDRESS))
        assert error.said == f"x509: certificate {'has expired' if days[0] < 0 else 'is not yet valid'}"
        assert "timedatectl" in error.fix

    def test_a_file_that_is_no_certificate(self, tmp_path: Path) -> None:
        (tmp_path / "ca").write_text("nonsense")
        with pytest.raises(Refusal, match=r"cannot be read as certificates: .*; put the CA's PEM there"):
            Registry(DOMAIN, str(tmp_path / "ca"), ADMIN, PASSWORD)


class TestTheWayThere:
    def test_plain_http_to_a_tls_port(self, standin: Standin) -> None:
        error = refused(Registry(standin.host, "", ADMIN, PASSWORD, address=ADDRESS, plain=True))
        assert error.said.startswith("a plain HTTP request came to a port that speaks TLS: ")
        assert (error.fix, error.passing) == ("use https://", False)

    def test_plain_http_to_a_tls_port_that_says_nothing(self) -> None:
        with listening(lambda connection: connection.recv(1)) as port:
            error = refused(Registry(f"{DOMAIN}:{port}", "", ADMIN, PASSWORD, address=ADDRESS, plain=True))
        assert error.said.startswith("a plain HTTP request came to a port that speaks TLS: ")

    def test_plain_http_that_is_sent_to_https(self) -> None:
        moved = httpx.Response(301, headers={"Location": f"https://{DOMAIN}/v2/"})
        with serving([moved]) as port:
            error = refused(Registry(f"{DOMAIN}:{port}", "", ADMIN, PASSWORD, address=ADDRESS, plain=True))
        assert (error.said, error.fix) == (f"plain HTTP is sent to https://{DOMAIN}/v2/", "use https://")

    def test_tls_to_a_plain_port(self) -> None:
        with serving([]) as port:
            error = refused(Registry(f"{DOMAIN}:{port}", "", ADMIN, PASSWORD, address=ADDRESS))
        assert error.said.startswith("server gave HTTP response to HTTPS client (")

    def test_tls_that_is_ended_at_once(self) -> None:
        with listening(lambda connection: connection.recv(1 << 12)) as port:
            error = refused(Registry(f"{DOMAIN}:{port}", "", ADMIN, PASSWORD, address=ADDRESS))
        assert error.passing
        assert "does it serve this name" in error.fix

    def test_no_such_host(self) -> None:
        error = refused(Registry("registry.breakwater.invalid", "", ADMIN, PASSWORD))
        assert str(error) == (
            "registry.breakwater.invalid: no such host: this machine does not know the name;"
            " put it into DNS or /etc/hosts, leading to the proxies"
        )

    def test_nobody_listens(self) -> None:
        with socket.socket() as unused:
            unused.bind((ADDRESS, 0))
            port = unused.getsockname()[1]
            error = refused(Registry(f"{DOMAIN}:{port}", "", ADMIN, PASSWORD, address=ADDRESS))
        assert str(error) == (
            f"{DOMAIN}:{port} (at 127.0.0.1:{port}): connection refused; nothing listens there:"
            " is the proxy up?"
        )
        assert error.passing

    def test_a_host_that_says_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(registry_client, "LIMIT", httpx.Timeout(0.3))
        with listening(lambda connection: connection.recv(1 << 20) and threading.Event().wait(1)) as port:
            error = refused(Registry(f"{DOMAIN}:{port}", "", ADMIN, PASSWORD, address=ADDRESS))
        assert (error.said, error.passing) == ("no connection in time", True)


class TestWhatIsNoRegistry:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path)

    def said(self, authority: Authority, *answers: httpx.Response) -> RegistryError:
        """What the client makes of these answers."""
        with serving(list(answers), authority.sign(ADDRESS, DOMAIN)) as port:
            registry = Registry(f"{DOMAIN}:{port}", str(authority.ca), ADMIN, PASSWORD, address=ADDRESS)
            return refused(registry)

    @pytest.mark.parametrize(
        ("status", "said", "fix"),
        [
            (404, "answered 404 Not Found", "no registry answers by this name there"),
            (413, "answered 413 Request Entity Too Large", "takes no layer of that size"),
            (429, "answered 429 Too Many Requests", "asked too often"),
            (500, "answered 500 Internal Server Error", "see the logs"),
        ],
    )
    def test_other_answers(self, authority: Authority, status: int, said: str, fix: str) -> None:
        error = self.said(authority, httpx.Response(status, text="<html>\n<body>odd</body></html>"))
        assert error.said == said
        assert fix in error.fix

    def test_a_login_that_asks_for_no_token(self, authority: Authority) -> None:
        error = self.said(authority, httpx.Response(401, headers={"WWW-Authenticate": 'Basic realm="x"'}))
        assert error.said == "it does not say where tokens are"

    @pytest.mark.parametrize(
        "realm", [f"http://{DOMAIN}/service/token", "https://harbor.internal/service/token"]
    )
    def test_a_login_that_is_sent_elsewhere(self, authority: Authority, realm: str) -> None:
        challenge = f'Bearer realm="{realm}",service="harbor-registry"'
        error = self.said(authority, httpx.Response(401, headers={"WWW-Authenticate": challenge}))
        assert error.said.startswith(f"a login is sent to {realm.removesuffix('/service/token')}, not to")
        assert "externalURL" in error.fix


def test_content_that_was_changed_on_its_way(admin: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    image = unique("amd64", bulk=10)
    admin.push(IMAGE, "changed", image)
    handle = httpx.HTTPTransport.handle_request

    def change(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        response = handle(self, request)
        if request.method == "GET" and "/blobs/" in request.url.path:
            return httpx.Response(200, content=response.read() + b"!")
        return response

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", change)
    with pytest.raises(RegistryError, match=f"a layer of {IMAGE} has digest .* changes content$"):
        admin.pull(IMAGE, "changed")


def test_layers_in_an_object_store(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    image = unique("amd64", bulk=10)
    blobs = {digest(blob): blob for blob in image.blobs}
    with serving([httpx.Response(200, content=image.blobs[0])]) as store:
        token = httpx.Response(200, json={"token": "t"})
        config, layer = image.blobs[1], image.blobs[0]
        moved = httpx.Response(307, headers={"Location": f"http://{ADDRESS}:{store}/{digest(layer)}"})
        named = {"Docker-Content-Digest": image.digest}
        answers = [token, httpx.Response(200, content=image.manifest, headers=named), moved]
        answers.append(httpx.Response(200, content=config))
        with (
            serving(answers, authority.sign(ADDRESS, DOMAIN), login=True) as port,
            Registry(f"{DOMAIN}:{port}", str(authority.ca), ADMIN, PASSWORD, address=ADDRESS) as registry,
        ):
            assert registry.pull(IMAGE, "one") == Image(image.manifest, tuple(blobs.values()))


@contextmanager
def serving(answers: list[httpx.Response], pem: Path | None = None, login: bool = False) -> Iterator[int]:
    """A server that gives these answers in turn, and its port.

    + pem: for TLS
    + login: before them, it asks for a token and then takes who logs in
    """
    waiting = list(answers)
    greeting = ["challenge"] if login else []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if greeting and greeting.pop():
                realm = f'Bearer realm="https://{self.headers["Host"]}/service/token",service="x"'
                answer = httpx.Response(401, headers={"WWW-Authenticate": realm})
            elif login and self.path == "/v2/":
                answer = httpx.Response(200)
            else:
                answer = waiting.pop(0)
            self.send_response(answer.status_code)
            headers = {**answer.headers, "Content-Length": str(len(answer.content))}
            for name, value in headers.items():
                if name.lower() != "content-length" or name == "Content-Length":
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((ADDRESS, 0), Handler)
    if pem:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def listening(does: Callable[[socket.socket], object]) -> Iterator[int]:
    """A port where somebody is who does this with one connection, and ends it."""
    with socket.socket() as listener:
        listener.bind((ADDRESS, 0))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                does(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join(timeout=5)
