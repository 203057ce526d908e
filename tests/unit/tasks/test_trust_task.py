"""Which hosts are told of the registry, and what of it."""

from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.context import ctx_host, ctx_state
from pyinfra_testing.util import FakeHost, FakeState

from breakwater.operations import trust as operations
from breakwater.registry.settings import Registry
from breakwater.survey import Survey
from breakwater.trust.settings import Trust
from tasks import trust as task


@pytest.mark.parametrize(
    ("groups", "domain", "cri"),
    [
        (["nodes"], "registry.example.org", True),
        (["clients"], "registry.example.org", False),
        (["storage", "nodes", "clients"], "registry.example.org", True),
        (["proxies"], "registry.example.org", None),
        (["bastion"], "registry.example.org", None),
        (["nodes"], None, None),
    ],
)
def test_nodes_and_clients_are_told(
    monkeypatch: pytest.MonkeyPatch, groups: list[str], domain: str | None, cri: bool | None
) -> None:
    called: list[dict[str, Any]] = []
    monkeypatch.setattr(operations, "registry", lambda **arguments: called.append(arguments))
    state = FakeState()
    host = FakeHost(state, "host", {}, {})
    host.groups = groups
    proxy = SimpleNamespace(port=8443)
    settings = SimpleNamespace(
        domain=domain, storage_address="10.0.0.20", proxy=proxy, trust=Trust(),
        registry=Registry(docker_hub_cache="hub"),
    )  # fmt: skip
    front = SimpleNamespace(ca=lambda: "PEM") if domain else None
    run: Any = SimpleNamespace(settings=settings, survey=Survey(), front=front, proxies_at=("10.0.0.31",))
    with ctx_state.use(state), ctx_host.use(host):
        task.trust._inner(run)  # type: ignore[attr-defined]
    told = [
        (*(call[key] for key in ("domain", "port", "owner", "cri", "cache")), call["ca"]()) for call in called
    ]
    assert told == ([] if cri is None else [(domain, 8443, "10.0.0.20", cri, "hub", "PEM")])
