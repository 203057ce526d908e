"""Harbor's node ports answer proxies, nodes and this machine, and refuse everyone else."""

from __future__ import annotations

from typing import Any

import pytest

from breakwater.node_ports import TABLE, UNIT
from breakwater.settings import Settings
from tests.hosts.conftest import Hosts

# bash's own /dev/tcp: the hosts need no further program for this
TRY = "timeout 10 bash -c '</dev/tcp/%s/%s'"


@pytest.fixture(scope="module", autouse=True)
def guarded(settings: Settings) -> None:
    if not settings.domain:
        pytest.skip("the settings name no domain: there is no Harbor")
    if settings.harbor.node_ports.allow == "any" or not settings.hosts["proxies"]:
        pytest.skip("the node ports are open to everyone")


@pytest.fixture(scope="module")
def doors(settings: Settings) -> list[tuple[str, str]]:
    """Every node port of every node that should be there."""
    ports = settings.harbor.node_ports
    up = [at for name, at in settings.nodes.items() if name not in settings.nodes_down]
    return [(at, str(port)) for at in up for port in (ports.http, ports.https)]


def test_the_guard_is_there_and_comes_back_after_a_reboot(node: Any) -> None:
    service = node.service(UNIT)
    assert service.is_running
    assert service.is_enabled
    assert node.run(f"PATH=$PATH:/usr/sbin nft list table {TABLE}").succeeded


def test_every_node_reaches_every_node_s_ports(node: Any, doors: list[tuple[str, str]]) -> None:
    assert [door for door in doors if node.run(TRY, *door).failed] == []


def test_every_proxy_reaches_every_node_s_ports(
    hosts: Hosts, settings: Settings, doors: list[tuple[str, str]]
) -> None:
    for name in settings.hosts["proxies"]:
        proxy = hosts.connect(name)
        assert [door for door in doors if proxy.run(TRY, *door).failed] == [], name


def test_a_host_that_is_neither_is_refused(
    hosts: Hosts, settings: Settings, doors: list[tuple[str, str]]
) -> None:
    name = settings.storage_host
    inside = {*settings.hosts["nodes"].values(), *settings.hosts["proxies"].values()}
    if settings.hosts["storage"][name] in inside:
        pytest.skip("the storage host is a node or a proxy: there is no foreign host to try it from")
    storage = hosts.connect(name)
    assert [door for door in doors if storage.run(TRY, *door).succeeded] == []
