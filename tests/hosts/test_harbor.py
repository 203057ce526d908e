"""Harbor is healthy through every node, over TLS by our own CA, with its data on the storage host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from breakwater.harbor.api import ADMIN, Harbor
from breakwater.settings import Settings

LIMIT = httpx.Timeout(30)


@pytest.fixture(scope="module")
def folder(settings: Settings) -> Path:
    """What the bastion keeps of Harbor."""
    if not settings.domain:
        pytest.skip("the settings name no domain: there is no Harbor")
    return Path(settings.state).expanduser() / "harbor"


@pytest.fixture(scope="module")
def addresses(settings: Settings, folder: Path) -> dict[str, str]:
    """{node: HOST:PORT} of the node port, of every node that should be there."""
    port = settings.harbor.node_ports.https
    return {name: f"{at}:{port}" for name, at in settings.nodes.items() if name not in settings.nodes_down}


def test_every_component_is_healthy_through_every_node(folder: Path, addresses: dict[str, str]) -> None:
    faults = {}
    for name, address in addresses.items():
        with Harbor(f"https://{address}", str(folder / "ca.crt")) as harbor:
            faults[name] = harbor.health().faults
    assert faults == {name: [] for name in addresses}


def test_the_administrator_logs_in_and_the_chart_s_password_does_not(
    folder: Path, addresses: dict[str, str], settings: Settings
) -> None:
    if settings.harbor.admin_password:
        pytest.skip(f"the password is where you keep it: {settings.harbor.admin_password}")
    with Harbor(f"https://{next(iter(addresses.values()))}", str(folder / "ca.crt")) as harbor:
        assert harbor.logs_in(ADMIN, (folder / "admin_password").read_text().rstrip("\n"))
        assert not harbor.logs_in(ADMIN, "Harbor12345")


def test_plain_http_is_sent_to_the_domain(
    settings: Settings, folder: Path, addresses: dict[str, str]
) -> None:
    for address in addresses.values():
        url = f"http://{address.rpartition(':')[0]}:{settings.harbor.node_ports.http}/"
        answer = httpx.get(url, headers={"Host": str(settings.domain)}, timeout=LIMIT, trust_env=False)
        assert answer.status_code in (301, 308)
        assert answer.headers["Location"].startswith(f"https://{settings.domain}/")


def test_secrets_are_their_owner_s_alone(folder: Path) -> None:
    modes = {path: path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}
    assert {path.name: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


def test_its_data_is_on_the_storage_host(storage: Any, settings: Settings, folder: Path) -> None:
    prefix = f"{settings.harbor.namespace}-"
    found = [
        name
        for export in settings.classes
        for name in storage.check_output("ls -A %s", export.path).split()
        if name.startswith(prefix) and "archived-" not in name
    ]
    assert found
