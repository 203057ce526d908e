"""Which hosts are told of the registry, what of it, and when a former CA goes."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.context import ctx_host, ctx_state
from pyinfra_testing.util import FakeHost, FakeState

from breakwater.operations import trust as operations
from breakwater.registry.settings import Registry
from breakwater.survey import Survey
from breakwater.trust.settings import Trust
from breakwater.trust.wanted import Wanted
from tasks import trust as task

DOMAIN = "registry.example.org"
BY_HAND = "write its files by hand (docs/trust.md), or name hosts in group proxies"


def run_of(domain: str | None = DOMAIN, proxies: tuple[str, ...] = ("proxy",), **keys: Any) -> Any:
    settings = SimpleNamespace(
        domain=domain,
        storage_address="10.0.0.20",
        proxy=SimpleNamespace(port=8443),
        trust=keys.get("trust", Trust()),
        registry=Registry(docker_hub_cache=keys.get("cache", "hub")),
        hosts={"proxies": dict.fromkeys(proxies, "10.0.0.31")},
    )
    return SimpleNamespace(
        settings=settings,
        survey=Survey(),
        front=SimpleNamespace(ca=lambda: "PEM") if domain and proxies else None,
        proxies_at=("10.0.0.31",),
        has=lambda name: name in keys.get("reached", proxies),
    )


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The operations' arguments."""
    found: list[dict[str, Any]] = []
    for name in ("told", "narrowed"):
        monkeypatch.setattr(operations, name, lambda **arguments: found.append(arguments))
    return found


def deploy(part: Callable[[Any], None], run: Any, *groups: str) -> None:
    """One part on a host of these groups."""
    state = FakeState()
    host = FakeHost(state, "host", {}, {})
    host.groups = list(groups)
    with ctx_state.use(state), ctx_host.use(host):
        part._inner(run)  # type: ignore[attr-defined]


@pytest.mark.parametrize("part", [task.trust, task.former_trust])
@pytest.mark.parametrize(
    ("groups", "domain", "cri"),
    [
        (["nodes"], DOMAIN, True),
        (["clients"], DOMAIN, False),
        (["storage", "nodes", "clients"], DOMAIN, True),
        (["proxies"], DOMAIN, None),
        (["bastion"], DOMAIN, None),
        (["nodes"], None, None),
    ],
)
def test_nodes_and_clients_are_told(
    called: list[dict[str, Any]],
    part: Callable[[Any], None],
    groups: list[str],
    domain: str | None,
    cri: bool | None,
) -> None:
    deploy(part, run_of(domain), *groups)
    told = [(call["wanted"], call["ca"](), call["cri"]) for call in called]
    wanted = Wanted(
        domain=DOMAIN,
        port=8443,
        owner="10.0.0.20",
        cache="hub",
        addresses=("10.0.0.31",),
        settings=Trust(),
    )
    assert told == ([] if cri is None else [(wanted, "PEM", cri)])


@pytest.mark.parametrize(
    ("reached", "due"), [(("one", "two"), True), (("one",), False), ((), False), (("one", "two", "x"), True)]
)
def test_a_former_ca_goes_when_every_proxy_was_in_the_run(
    called: list[dict[str, Any]], reached: tuple[str, ...], due: bool
) -> None:
    deploy(task.former_trust, run_of(proxies=("one", "two"), reached=reached), "nodes")
    [call] = called
    assert call["due"]() == due


@pytest.mark.parametrize(
    ("keys", "warnings"),
    [
        ({"cache": None}, []),
        ({}, [f"registry.docker_hub_cache: 'hub' is no host's mirror of Docker Hub, since group proxies is"
              f" empty; {BY_HAND}"]),
        ({"cache": None, "trust": Trust(etc_hosts=True)},
         [f"trust: has no effect, since group proxies is empty; {BY_HAND}"]),
        ({"domain": None}, []),
    ],
)  # fmt: skip
def test_without_proxies_the_run_says_what_is_left_out(
    called: list[dict[str, Any]], keys: dict[str, Any], warnings: list[str]
) -> None:
    run = run_of(proxies=(), **keys)
    for part in (task.trust, task.former_trust):
        deploy(part, run, "nodes")
    assert called == []
    assert run.survey.warnings == warnings
    run.survey.warnings.clear()
    deploy(task.trust, run, "storage")
    assert run.survey.warnings == []
