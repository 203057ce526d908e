"""A CA, two nodes, and an Envoy in front of them."""

import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asking import Ask, asker
from backend import Pool
from moving import Planned, planner
from proxy_host import ProxyHost
from real_envoy import DOMAIN, NODES, Make, RealEnvoy, free_port

from breakwater import tls
from breakwater.proxy.config import Wanted
from breakwater.proxy.settings import Proxy
from breakwater.tls import Pair


@pytest.fixture(scope="session")
def ca() -> Pair:
    """Ours."""
    return tls.new_ca(DOMAIN, datetime.now(UTC))


@pytest.fixture(scope="session")
def pair(ca: Pair) -> Pair:
    """What the nodes and the proxies show, for every name in these tests."""
    names = [DOMAIN, "registry.localhost", "wiki.example.org", "wiki.internal"]
    return tls.new_certificate(ca, names, datetime.now(UTC))


@pytest.fixture(scope="session")
def make(ca: Pair, pair: Pair) -> Make:
    """Wanted for a folder: make(node_port=…, certificates=…, port=…, upstreams=…)."""

    def made(**changes: Any) -> Callable[[Path], Wanted]:
        own = {key: changes.pop(key) for key in list(changes) if key in Wanted.__dataclass_fields__}
        changes.setdefault("port", free_port())
        changes.setdefault("http_redirect_port", free_port())
        changes.setdefault("listen", ("127.0.0.1",))
        proxy = Proxy(**changes)
        sites = [DOMAIN, *(upstream.domain for upstream in proxy.upstreams)]
        given: dict[str, Any] = {
            "domain": DOMAIN,
            "nodes": NODES,
            "node_port": 30003,
            "server_name": DOMAIN,
            "certificates": dict.fromkeys(sites, pair.certificate + pair.key),
            "authorities": dict.fromkeys(sites, ca.certificate),
            "proxy": proxy,
            **own,
        }
        return lambda folder: Wanted(
            **{"directory": str(folder), "admin_socket": str(folder / "admin.sock"), **given}
        )

    return made


@pytest.fixture
def pool(pair: Pair) -> Iterator[Pool]:
    """Two nodes that are up."""
    with Pool(free_port(), pair) as running:
        yield running


@pytest.fixture
def envoy(pool: Pool, make: Make) -> Iterator[RealEnvoy]:
    """With the default settings, in front of the pool."""
    with RealEnvoy(make(node_port=pool.port)) as running:
        yield running


@pytest.fixture
def ask(envoy: RealEnvoy, ca: Pair) -> Ask:
    """A client of that one."""
    return asker(envoy, ca)


@pytest.fixture
def host() -> Iterator[ProxyHost]:
    """A proxy without Envoy; its folder is no test's own, since those only root may enter."""
    with tempfile.TemporaryDirectory(prefix="proxy") as folder:
        host = ProxyHost(Path(folder))
        yield host
        host.end()


@pytest.fixture
def planned(host: ProxyHost, make: Make, pool: Pool) -> Planned:
    """For that one, before the pool."""
    return planner(host, make, pool.port)


@pytest.fixture
def serving(host: ProxyHost, planned: Planned) -> ProxyHost:
    """That one, with the default settings."""
    assert host.deploy(planned())[-1] == "move"
    return host
