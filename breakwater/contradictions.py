"""What contradicts what: exports among each other, and the settings against the inventory's hosts."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address

from breakwater.limits import by_address, canonical
from breakwater.problems import UNSHOWN, Problem, did_you_mean

GROUPS = ("storage", "nodes", "proxies", "bastion")

Hosts = Mapping[str, Mapping[str, str]]
Resolve = Callable[[str], Iterable[str]]


def clashes(paths: Mapping[int, str | None], classes: Mapping[int, str | None]) -> list[Problem]:
    """Two exports of one directory, one below another, or two storage classes of one name."""
    problems = []
    known = {index: path for index, path in paths.items() if path}
    for index, path in known.items():
        for other, above in known.items():
            if path == above and index > other:
                fault = f"is also exports[{other}].path"
                problems.append(Problem(f"exports[{index}].path", path, fault, "remove one of them"))
            elif path.startswith(above + "/"):
                # A client of the outer one would reach the inner one's data whatever its own clients say.
                fault = f"lies below exports[{other}].path {above!r}"
                problems.append(Problem(f"exports[{index}].path", path, fault, "put them side by side"))
    for index, name in classes.items():
        first = next(other for other, also in classes.items() if also == name)
        if name and first != index:
            key, fault = f"exports[{index}].storage_class", f"is also exports[{first}].storage_class"
            problems.append(Problem(key, name, fault, "each export has its own"))
    return problems


def group_problems(hosts: Hosts) -> list[Problem]:
    """Whether the inventory's groups have the hosts that a run needs.

    A host may be in several groups: storage that is also a node, or one machine that is all of
    them, is unusual and works. Nothing is refused here without a reason.
    """
    others = [name for name in hosts if name not in GROUPS]
    problems = []
    for group in GROUPS:
        if group not in hosts:
            fix = did_you_mean(group, others) if others else ""
            fix = (
                fix.replace("did you mean", "is it called")
                if "did you mean" in fix
                else f"add {group} = [...]"
            )
            problems.append(Problem(f"group {group}", UNSHOWN, "is missing in the inventory", fix))
    storage, nodes, bastion = (list(hosts.get(group, ["?"])) for group in ("storage", "nodes", "bastion"))
    if len(storage) != 1:
        # Several would need a choice of host for each export; one failing disk must stay one host's matter.
        fault = f"has {len(storage)} hosts" + (f" ({', '.join(storage)})" if storage else "")
        problems.append(Problem("group storage", UNSHOWN, fault, "it must have exactly one"))
    if not nodes:
        problems.append(Problem("group nodes", UNSHOWN, "has no hosts", "name the cluster's nodes"))
    if "bastion" in hosts and bastion != ["@local"]:
        # Helm, the kubeconfig and the state are where pyinfra runs; another host would have none of them.
        fault = f"has {', '.join(bastion) or 'no hosts'}"
        problems.append(Problem("group bastion", UNSHOWN, fault, 'it must be ["@local"], this machine'))
    return problems


def storage_problems(address: str, hosts: Hosts) -> list[Problem]:
    """An address that only the storage host itself can reach, while the nodes are other machines."""
    if not _loopback(address) or all(_loopback(node) for node in hosts.get("nodes", {}).values()):
        return []
    fix = "write the address by which the nodes reach the storage host"
    return [Problem("storage_address", address, "leads every node to itself", fix)]


class Clients:
    """Turns what may stand in `clients` into addresses, and notes what is wrong on the way."""

    def __init__(self, hosts: Hosts, resolve: Resolve | None = None) -> None:
        self.hosts = hosts
        self.problems: list[Problem] = []
        self._resolve = resolve or resolved

    def addresses(self, export: int, entries: Sequence[str]) -> tuple[str, ...]:
        """The clients of this export, sorted and unique; none written means group nodes."""
        found: set[str] = set()
        for position, entry in enumerate(entries):
            if canonical(entry):
                found.add(entry)
            elif self.hosts.get(entry):
                found.update(self._group(entry))
            else:
                key = f"exports[{export}].clients[{position}]"
                self.problems.append(Problem(key, entry, *self._unknown(entry)))
        if not entries and "nodes" in self.hosts:
            found.update(self._group("nodes"))
        return tuple(sorted(found, key=by_address))

    def _group(self, group: str) -> set[str]:
        storage = next(iter(self.hosts.get("storage", {}).values()), "")
        found: set[str] = set()
        for name, address in self.hosts[group].items():
            key = f"group {group}"
            try:
                addresses = {plain for text in self._resolve(address) if (plain := canonical(text))}
            except (OSError, UnicodeError):
                addresses = set()
            if not addresses:
                fault = "has no address that this machine can find"
                fix = "give the host ssh_hostname in the inventory, or write clients as addresses"
                self.problems.append(Problem(key, name, fault, fix))
            elif any(map(_loopback, addresses)) and not _loopback(storage):
                # Debian's /etc/hosts gives a machine's own name 127.0.1.1: an export to that is to nobody.
                fault = f"is {min(addresses)} here, which is another machine to the storage host"
                fix = "write clients as addresses"
                self.problems.append(Problem(key, name, fault, fix))
            found |= addresses
        return found

    def _unknown(self, entry: str) -> tuple[str, str]:
        if entry in self.hosts:
            return "is a group without hosts", "name the nodes, or remove the key to get group nodes"
        addresses = [group[entry] for group in self.hosts.values() if entry in group]
        if addresses:
            return "is a host; clients are addresses, networks or groups", f"write {addresses[0]!r}"
        return "is no group of the inventory", did_you_mean(entry, self.hosts)


def resolved(name: str) -> list[str]:
    """The addresses of a name, by this machine's resolver; an address is its own."""
    if canonical(name):
        return [name]
    return sorted({str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})


def _loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
