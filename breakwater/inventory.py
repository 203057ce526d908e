"""From pyinfra's inventory to `Settings`: who the hosts are, and that every key is where it counts.

pyinfra hands any name it finds to any host, and the most specific place wins: a misspelt key is
silent, and one on a single host would give that host another opinion of what the whole should be.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from pyinfra.api.arguments import all_global_arguments
from pyinfra.api.connectors import get_all_connectors
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.connectors.local import LocalConnector
from pyinfra.connectors.ssh import SSHConnector

from breakwater.contradictions import Resolve
from breakwater.problems import UNSHOWN, Problem, SettingsError, keys_of, quoted, unknown_key
from breakwater.settings import Settings, load

HOME = "group_data/all.py"

_OWN_NAMES = "a name for the file's own use begins with '_'"


def settings_of(inventory: Inventory, resolve: Resolve | None = None) -> Settings:
    """The settings in group_data/all.py, checked against this inventory; SettingsError with all mistakes.

    + resolve: a host's name to its addresses; this machine's resolver by default
    """
    ours, connectors = keys_of(Settings), _connector_keys()
    problems = [problem for host in inventory for problem in _host_key_problems(host)]
    problems = _said_once(problems, sum(issubclass(host.connector_cls, SSHConnector) for host in inventory))
    for place, data in _places(inventory):
        problems += _misplaced(place, data, ours, connectors)
    everyone = inventory.data
    problems += [_unknown(key, connectors) for key in everyone if _is_unknown(key, ours, connectors)]
    problems += _config_file_problems(everyone)
    problems += _named_twice(inventory.groups.get("nodes", []))
    try:
        settings = load({key: everyone[key] for key in ours if key in everyone}, hosts_of(inventory), resolve)
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from None
    if problems:
        raise SettingsError(problems)
    return settings


def hosts_of(inventory: Inventory) -> dict[str, dict[str, str]]:
    """{group: {host: address}}, for every group; --limit does not make it smaller."""
    # inventory.groups leaves out groups without hosts, and an empty group is not a missing one.
    return {
        group: {host.name: _address(host) for host in inventory.groups.get(group, [])}
        for group in inventory.group_data
    }


def _address(host: Host) -> str:
    if issubclass(host.connector_cls, LocalConnector):
        return "127.0.0.1"
    return str(host.data.get("ssh_hostname") or host.name)


def _places(inventory: Inventory) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Everywhere but group_data/all.py that pyinfra takes data from."""
    for group, data in inventory.group_data.items():
        yield f"group {group}", data
    for host, data in inventory.host_data.items():
        yield f"host {host}", data
    yield "--data", inventory.override_data


def _misplaced(
    place: str, data: Mapping[str, Any], ours: list[str], connectors: set[str]
) -> Iterator[Problem]:
    for key in data:
        if key in ours:
            fix = "move it there, so that every host wants the same"
            yield Problem(f"{key} ({place})", UNSHOWN, f"is a setting, which counts in {HOME} only", fix)
        # --data also carries what a run is asked to do, such as report=FILE: those are no settings.
        elif place != "--data" and _is_unknown(key, ours, connectors):
            problem = _unknown(key, connectors)
            yield Problem(f"{problem.key} ({place})", UNSHOWN, problem.fault, problem.fix)


def _is_unknown(key: str, ours: list[str], connectors: set[str]) -> bool:
    if key.startswith("_"):
        return _misspelt_argument(key) is not None
    return key not in ours and key not in connectors


def _unknown(key: str, connectors: set[str]) -> Problem:
    if key.startswith("_"):
        return Problem(key, UNSHOWN, "unknown key", f"did you mean {_misspelt_argument(key)!r}?")
    problem = unknown_key([key], Settings, also=connectors)
    if "known are" in problem.fix:
        return Problem(problem.key, UNSHOWN, problem.fault, f"{problem.fix}; {_OWN_NAMES}")
    return problem


def _misspelt_argument(key: str) -> str | None:
    """The pyinfra argument that an unknown `_name` looks like; a name of the user's own looks like none."""
    arguments = [name for name, _ in all_global_arguments()]
    if key in arguments:
        return None
    near = difflib.get_close_matches(key, arguments, n=1, cutoff=0.85)
    return near[0] if near else None


def _connector_keys() -> set[str]:
    connectors = get_all_connectors()
    return {key for connector in connectors.values() for key in get_type_hints(connector.data_cls)}


def _host_key_problems(host: Host) -> Iterator[Problem]:
    """pyinfra's default takes whatever key an unknown host shows, and ignores ssh_config on this."""
    if not issubclass(host.connector_cls, SSHConnector):
        return
    place = f" (host {host.name})"
    if not host.data.get("ssh_known_hosts_file"):
        fix = f'write ssh_known_hosts_file = "~/.ssh/known_hosts" in {HOME}'
        yield Problem("ssh_known_hosts_file" + place, UNSHOWN, "is required", fix)
    if host.data.get("ssh_strict_host_key_checking") != "yes":
        fault = 'must be "yes": unknown hosts would be believed'
        fix = f'write ssh_strict_host_key_checking = "yes" in {HOME}'
        yield Problem("ssh_strict_host_key_checking" + place, UNSHOWN, fault, fix)


def _named_twice(nodes: Iterable[Host]) -> Iterator[Problem]:
    """One machine under two names: all that is done to a node would be done to it twice at once."""
    seen: dict[tuple[str, str], str] = {}
    for host in nodes:
        # Machines behind one address, of a gateway or this machine's own guests, have a port each.
        at = _address(host), str(host.data.get("ssh_port") or 22)
        first = seen.setdefault(at, host.name)
        if first != host.name and issubclass(host.connector_cls, SSHConnector):
            fault = f"is at {at[0]}, port {at[1]}, as is {quoted(first)}"
            yield Problem("group nodes", host.name, fault, "name each machine once")


def _said_once(problems: list[Problem], hosts: int) -> list[Problem]:
    """A key that every host lacks is one mistake, in all.py, and not one for each host."""
    keys = [problem.key.partition(" ")[0] for problem in problems]
    everywhere = {key for key in keys if keys.count(key) == hosts}
    said = [
        Problem(key if key in everywhere else problem.key, UNSHOWN, problem.fault, problem.fix)
        for key, problem in zip(keys, problems, strict=True)
    ]
    return list(dict.fromkeys(said))


def _config_file_problems(everyone: Mapping[str, Any]) -> Iterator[Problem]:
    path = everyone.get("ssh_config_file")
    # pyinfra goes on without a word when the file is not there: no keepalive, no ProxyJump.
    if isinstance(path, str) and not Path(path).is_file():
        fix = "paths count from the folder in which pyinfra is started; '~' is not expanded here"
        yield Problem("ssh_config_file", path, "is not a file", fix)
