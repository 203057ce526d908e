"""The client through the real Envoy before the stand-in: what Envoy answers, and what is made of it."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from os import urandom
from pathlib import Path

import pytest
from harbor_certificates import Authority
from real_envoy import RealEnvoy, free_port
from standin import ADDRESS, DOMAIN, PASSWORD, Standin

from breakwater.harbor.api import ADMIN
from breakwater.harbor.projects import make_project, projects_named, remove_project
from breakwater.proxy.config import Wanted, files
from breakwater.proxy.settings import Proxy
from breakwater.registry_client import Registry
from breakwater.registry_errors import RegistryError
from breakwater.small_image import CONFIG, LAYER, MANIFEST, Image, unique

PROJECT = "through-envoy"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The domain's."""
    return Authority(tmp_path_factory.mktemp("domain"))


@contextmanager
def running(authority: Authority, upstream: int, upstream_ca: str) -> Iterator[RealEnvoy]:
    """An Envoy with files of ours before what listens at this port."""

    def wanted(folder: Path) -> Wanted:
        return Wanted(
            domain=DOMAIN,
            nodes={"node1": ADDRESS},
            node_port=upstream,
            server_name=DOMAIN,
            certificates={DOMAIN: authority.sign(ADDRESS, DOMAIN).read_text()},
            authorities={DOMAIN: Path(upstream_ca).read_text()},
            proxy=Proxy(port=free_port(), http_redirect_port=None, listen=(ADDRESS,)),
            directory=str(folder),
            admin_socket=str(folder / "admin.sock"),
        )

    with RealEnvoy(wanted) as envoy:
        yield envoy


@pytest.fixture(scope="module")
def envoy(standin: Standin, authority: Authority) -> Iterator[RealEnvoy]:
    with running(authority, standin.port, standin.ca) as envoy:
        yield envoy


@pytest.fixture(scope="module")
def port(envoy: RealEnvoy) -> int:
    return envoy.wanted.proxy.port


def refused(registry: Registry) -> RegistryError:
    with registry, pytest.raises(RegistryError) as caught:
        registry.login()
    return caught.value


def test_an_image_there_and_back(standin: Standin, authority: Authority, port: int) -> None:
    image = unique("amd64")
    host = f"{DOMAIN}:{port}"
    with standin.administrator() as harbor:
        make_project(harbor, PROJECT)
        with Registry(host, str(authority.ca), ADMIN, PASSWORD, address=ADDRESS) as registry:
            registry.push(f"{PROJECT}/image", "one", image)
            assert registry.pull(f"{PROJECT}/image", "one") == image
        for project in projects_named(harbor, PROJECT):
            remove_project(harbor, project)


def test_a_wrong_password(authority: Authority, port: int) -> None:
    host = f"{DOMAIN}:{port}"
    error = refused(Registry(host, str(authority.ca), ADMIN, "Wr0ng-words", address=ADDRESS))
    assert (error.status, error.said) == (401, "unauthorized: user admin with this password is not known")


def test_plain_http(authority: Authority, port: int) -> None:
    host = f"{DOMAIN}:{port}"
    error = refused(Registry(host, str(authority.ca), ADMIN, PASSWORD, address=ADDRESS, plain=True))
    assert error.said.startswith("a plain HTTP request came to a port that speaks TLS")


def test_a_name_that_it_does_not_serve(authority: Authority, port: int) -> None:
    host = f"other.example.org:{port}"
    error = refused(Registry(host, str(authority.ca), ADMIN, PASSWORD, address=ADDRESS))
    assert "does it serve this name" in error.fix


@pytest.mark.parametrize("trusts", [True, False])
def test_an_envoy_that_does_not_come_through(standin: Standin, authority: Authority, trusts: bool) -> None:
    # Nobody listens, or it is somebody that Envoy does not trust: a client is told the same.
    with socket.socket() as unused:
        unused.bind((ADDRESS, 0))
        nobody = int(unused.getsockname()[1])
        upstream = (nobody, standin.ca) if trusts else (standin.port, str(authority.ca))
        with running(authority, *upstream) as envoy:
            port = envoy.wanted.proxy.port
            error = refused(Registry(f"{DOMAIN}:{port}", str(authority.ca), ADMIN, PASSWORD, address=ADDRESS))
    assert (error.status, error.passing) == (503, True)
    assert error.said.startswith("answered 503 upstream connect error or disconnect/reset before headers")
    assert "does it trust their CA? The proxy's access log" in error.fix


# Bytes.
LARGE = 1 << 30


def test_a_large_layer_moves_on_while_routes_endpoints_and_certificate_change(
    standin: Standin, authority: Authority, envoy: RealEnvoy
) -> None:
    image = of_one_layer(urandom(LARGE))
    changes: list[str] = []
    moved = threading.Event()
    changing = threading.Thread(target=change, args=(envoy, authority, changes, moved))
    host = f"{DOMAIN}:{envoy.wanted.proxy.port}"
    with standin.administrator() as harbor:
        make_project(harbor, PROJECT)
        changing.start()
        try:
            with Registry(host, str(authority.ca), ADMIN, PASSWORD, address=ADDRESS) as registry:
                registry.push(f"{PROJECT}/large", "one", image)
                pushed = len(changes)
                assert registry.pull(f"{PROJECT}/large", "one") == image
        finally:
            moved.set()
            changing.join()
            for project in projects_named(harbor, PROJECT):
                remove_project(harbor, project)
    assert pushed >= 2, "changed too seldom to show anything"
    assert len(changes) - pushed >= 2
    assert max(line["code"] for line in envoy.lines()) < 500


def of_one_layer(layer: bytes) -> Image:
    """An image that nobody runs."""
    config = json.dumps(
        {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    )
    parts = [(LAYER, layer), (CONFIG, config.encode())]
    described = [
        {"mediaType": kind, "size": len(content), "digest": f"sha256:{sha256(content).hexdigest()}"}
        for kind, content in parts
    ]
    manifest = {
        "schemaVersion": 2, "mediaType": MANIFEST, "config": described[1], "layers": described[:1],
    }  # fmt: skip
    return Image(json.dumps(manifest).encode(), (layer, config.encode()))


def change(envoy: RealEnvoy, authority: Authority, taken: list[str], until: threading.Event) -> None:
    """Another certificate, other routes and a node more or less, again and again.

    + taken: gets the version of each that Envoy took
    """
    before = files(envoy.wanted)
    while not until.wait(0.3):
        number = len(taken)
        wanted = replace(
            envoy.wanted,
            # The second node is none; what is sent there goes to the first.
            nodes={"node1": ADDRESS, **({} if number % 2 else {"node2": "127.0.0.2"})},
            certificates={DOMAIN: authority.sign(ADDRESS, DOMAIN).read_text()},
            proxy=replace(envoy.wanted.proxy, idle_timeout=600 + number),
        )
        after = files(wanted)
        assert after["xds/lds.yaml"] == before["xds/lds.yaml"]
        envoy.write({name: text for name, text in after.items() if text != before[name]})
        version = after["xds/rds.yaml"].partition('"')[2].partition('"')[0]
        envoy.until(lambda: envoy.stat("http.https.rds.https.version_text") == version)  # noqa: B023
        before = after
        taken.append(version)
