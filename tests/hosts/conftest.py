"""The user's own hosts, read from the inventory: `pytest tests/hosts --inventory inventory.py`.

pyinfra is asked in a process of its own: importing its command line inside pytest would patch
pytest's own sockets and threads.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import testinfra

from breakwater.problems import keys_of
from breakwater.settings import Settings, load

# Seconds for one command on a host; without one for so long its connection is closed.
LIMIT, IDLE = 60, 20
# Where ssh keeps each host's connection, so that a test's next command need not make another.
CONNECTIONS = tempfile.TemporaryDirectory(prefix="hosts")


@dataclass(frozen=True)
class Hosts:
    """The inventory: groups, and how each host is reached."""

    groups: dict[str, list[str]]
    data: dict[str, dict[str, Any]]

    def connect(self, name: str) -> Any:
        """testinfra's host, by the same user, key and known hosts as pyinfra's."""
        data = self.data[name]
        if name == "@local":
            return testinfra.get_host("local://")
        options = f"-o StrictHostKeyChecking=yes -o BatchMode=yes -o ConnectTimeout={LIMIT}"
        if data.get("ssh_known_hosts_file"):
            options += f" -o UserKnownHostsFile={shlex.quote(_path(data['ssh_known_hosts_file']))}"
        query = {
            "timeout": str(LIMIT),
            "sudo": str(bool(data.get("_sudo"))),
            "ssh_config": _path(data.get("ssh_config_file")),
            "ssh_identity_file": _path(data.get("ssh_key")),
        }
        user = f"{data['ssh_user']}@" if data.get("ssh_user") else ""
        port = f":{data['ssh_port']}" if data.get("ssh_port") else ""
        address = data.get("ssh_hostname") or name
        return testinfra.get_host(
            f"ssh://{user}{address}{port}?{urlencode({k: v for k, v in query.items() if v})}",
            # not in the address: testinfra takes only some options from there
            ssh_extra_args=options,
            # %% for testinfra, which puts what it runs into this command by %
            controlpath=f"{CONNECTIONS.name}/%%C",
            controlpersist=IDLE,
        )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--inventory", default="inventory.py", help="the inventory whose hosts are looked at")


@pytest.fixture(scope="session")
def hosts(request: pytest.FixtureRequest) -> Hosts:
    return read_inventory(request.config.getoption("--inventory"))


@pytest.fixture(scope="session")
def settings(hosts: Hosts) -> Settings:
    """What these hosts shall be."""
    everywhere = hosts.data["@local"]
    addresses = {
        group: {name: _address(name, hosts.data[name]) for name in names}
        for group, names in hosts.groups.items()
    }
    return load({key: everywhere[key] for key in keys_of(Settings) if key in everywhere}, addresses)


@pytest.fixture(scope="session")
def storage(hosts: Hosts) -> Any:
    return hosts.connect(hosts.groups["storage"][0])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that wants `node` runs once a node, one that wants `proxy` once a proxy."""
    for one, group in (("node", "nodes"), ("proxy", "proxies")):
        if one in metafunc.fixturenames:
            found = read_inventory(metafunc.config.getoption("--inventory"))
            names = found.groups[group]
            metafunc.parametrize(one, [found.connect(name) for name in names], ids=names, scope="session")


@cache
def read_inventory(path: str) -> Hosts:
    """Ask pyinfra, which merges groups and data as it does in a run; connects to nothing."""
    pyinfra = Path(sys.executable).with_name("pyinfra")
    answer = subprocess.run(
        [str(pyinfra), "--json", path, "debug-inventory"], capture_output=True, text=True, timeout=LIMIT
    )
    assert answer.returncode == 0, f"pyinfra cannot read {path}: {answer.stderr[-2000:]}"
    return _parse(json.loads(answer.stdout))


def _parse(found: list[dict[str, Any]]) -> Hosts:
    groups: dict[str, list[str]] = {"storage": [], "nodes": [], "proxies": [], "bastion": []}
    for host in found:
        for group in sorted(set(host["groups"])):
            groups.setdefault(group, []).append(host["name"])
    return Hosts(groups, {host["name"]: host["data"] for host in found})


def _path(written: str | None) -> str:
    return str(Path(written).expanduser()) if written else ""


def _address(name: str, data: dict[str, Any]) -> str:
    return "127.0.0.1" if name == "@local" else str(data.get("ssh_hostname") or name)
