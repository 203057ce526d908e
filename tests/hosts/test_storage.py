"""The storage host exports what the settings say, to whom they say, and to nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from breakwater.exports_file import table_of
from breakwater.settings import Settings
from tests.hosts.conftest import Hosts


def test_nfs_server_runs_and_comes_back_after_a_reboot(storage: Any) -> None:
    service = storage.service("nfs-server")
    assert service.is_running
    assert service.is_enabled


@pytest.fixture(scope="module")
def clients(hosts: Hosts, settings: Settings) -> dict[str, set[str]]:
    """{path: who may mount it}, the nodes by the addresses from which they really come."""
    nodes = {name: (_source(hosts.connect(name), settings.storage_address),) for name in settings.nodes}
    return {e.path: set(e.clients_at({**settings.addresses, **nodes})) for e in settings.exports}


def test_the_exports_file_is_ours(storage: Any, clients: dict[str, set[str]]) -> None:
    file = storage.file("/etc/exports.d/breakwater.exports")
    assert set(table_of(file.content_string)) == {
        (path, client) for path in clients for client in clients[path]
    }
    assert (file.user, file.group, file.mode) == ("root", "root", 0o644)


def test_the_kernel_exports_to_these_clients_only(storage: Any, clients: dict[str, set[str]]) -> None:
    rows = [line.split() for line in storage.check_output("exportfs -s").splitlines()]
    exported = {path: {c.partition("(")[0] for at, c in rows if at == path} for path in clients}
    assert exported == clients


def test_directories_are_there_with_owner_and_mode(storage: Any, settings: Settings) -> None:
    for export in settings.exports:
        directory = storage.file(export.path)
        assert directory.is_directory
        owners = {f"{directory.user}:{directory.group}", f"{directory.uid}:{directory.gid}"}
        assert export.owner in owners
        assert directory.mode == int(export.mode, 8)


def test_exports_on_a_disk_of_their_own_are_bound_to_it(storage: Any, settings: Settings) -> None:
    rows = storage.check_output("exportfs -s").splitlines()
    for export in settings.exports:
        mounted = storage.check_output("stat -c %%m %s", export.path)
        bound = [f"mountpoint={mounted}" in row for row in rows if row.split()[0] == export.path]
        # On the system's own disk there is nothing that could be missing.
        assert all(bound) if mounted != "/" else not any(bound)


def _source(node: Any, storage_address: str) -> str:
    """The address from which a node reaches the storage host."""
    found = node.check_output("getent ahosts %s", storage_address).split()[0]
    return str(node.check_output("ip route get %s", found).partition(" src ")[2].split()[0])
