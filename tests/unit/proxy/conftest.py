"""A CA, two nodes, and an Envoy in front of them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from backend import Pool
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
