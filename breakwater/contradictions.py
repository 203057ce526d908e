"""What contradicts what: exports among each other, and the settings against the inventory's hosts."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from breakwater.addresses import EVERYONE, by_address, canonical, checked_address
from breakwater.problems import UNSHOWN, Fault, Problem, did_you_mean, listed

GROUPS = ("storage", "nodes", "proxies", "bastion")
# Hosts that use the registry and are no nodes: they trust it and find it and Docker Hub's cache, no more.
CLIENTS = "clients"

Hosts = Mapping[str, Mapping[str, str]]
Resolve = Callable[[str], Iterable[str]]
Exports = Mapping[int, Mapping[str, Any]]


def export_clashes(exports: Exports, wrong: Mapping[int, Collection[str]]) -> list[Problem]:
    """What contradicts what, inside one export and between two.

    + exports: {place in the list: its keys whose values are right by themselves}
    + wrong: {place in the list: its other keys}: nothing is said to lack what was meant to be there
    """
    problems = _path_clashes({index: export.get("path") for index, export in exports.items()})
    seen: dict[tuple[str, str], int] = {}
    for index, export in exports.items():
        problems += _access_problems(f"exports[{index}]", export, wrong[index])
        problems += _class_problems(f"exports[{index}]", export, wrong[index])
        fsid = next((o for o in export.get("options", ()) if o.startswith("fsid=")), None)
        unique = {
            "storage_class": export.get("storage_class"),
            "default": export.get("default") or None,
            "options": fsid,
        }
        for key, value in unique.items():
            first = seen.setdefault((key, str(value)), index)
            if value is not None and first != index:
                fault = f"is also exports[{first}].{key}"
                fix = "one class at most is the default" if key == "default" else "each export has its own"
                problems.append(Problem(f"exports[{index}].{key}", value, fault, fix))
    return problems


# Keys that say something of a storage class, and what a class needs of its export.
_OF_A_CLASS = ("reclaim", "archive_on_delete", "mount_options", "default")
_AGAINST_A_CLASS = {
    "ro": "volumes are written to",
    "root_squash": "the provisioner makes directories as root and gives them to others",
    "all_squash": "files of a volume belong to several users",
}


def _access_problems(key: str, export: Mapping[str, Any], wrong: Collection[str]) -> list[Problem]:
    """Keys that say where a directory is and who comes to it."""
    problems = []
    path, mountpoint = export.get("path"), export.get("mountpoint")
    if path and mountpoint and path != mountpoint and not path.startswith(f"{mountpoint}/"):
        fault = f"is neither the path {path!r} nor above it"
        problems.append(Problem(f"{key}.mountpoint", mountpoint, fault))
    everyone = EVERYONE in (export.get("clients") or ())
    if export.get("allow_everyone") and not everyone and "clients" not in wrong:
        # Left lying about, it would let through the "*" that somebody adds one day.
        fault = f"has no effect without {EVERYONE!r} in clients"
        problems.append(Problem(f"{key}.allow_everyone", True, fault, "remove it"))
    return problems


def _class_problems(key: str, export: Mapping[str, Any], wrong: Collection[str]) -> list[Problem]:
    """Keys that say something of a storage class."""
    problems = []
    if not export.get("storage_class"):
        return [
            Problem(f"{key}.{name}", export[name], "says something of a class, and there is no storage_class",
                    "add storage_class, or remove it")
            for name in _OF_A_CLASS if name in export and "storage_class" not in wrong
        ]  # fmt: skip
    for word in export.get("options", ()):
        if reason := _AGAINST_A_CLASS.get(word):
            fault = f"cannot serve storage_class {export['storage_class']!r}: {reason}"
            problems.append(Problem(f"{key}.options", word, fault, "remove one of the two"))
    if export.get("archive_on_delete") and export.get("reclaim") == "Retain":
        # With Retain nothing is deleted, so nothing is archived: somebody expects one of the two.
        fault = "has no effect with reclaim 'Retain', which keeps the directory as it is"
        problems.append(Problem(f"{key}.archive_on_delete", True, fault, "remove it"))
    flavour = _security(export.get("mount_options", ()))
    offered = (_security(export.get("options", ())) or "sys").split(":")
    if flavour and flavour not in offered and "options" not in wrong:
        fault = f"cannot be mounted: options offer sec={':'.join(offered)}"
        problems.append(
            Problem(f"{key}.mount_options", f"sec={flavour}", fault, "write one security in both")
        )
    return problems


def _security(options: Iterable[str]) -> str:
    return next((word.removeprefix("sec=") for word in options if word.startswith("sec=")), "")


def warnings(exports: Iterable[Any]) -> Iterator[str]:
    """What the settings allow and may be regretted.

    + exports: whole and checked
    """
    for export in exports:
        if EVERYONE in export.networks:
            yield f"{export.path}: everyone who reaches the storage host may mount it (allow_everyone)"
        if "async" in export.options:
            yield f"{export.path}: async: what a program believes written is lost when the storage host dies"


def nodes_down_problems(names: object, hosts: Hosts) -> list[Problem]:
    """Names that are no nodes, or all of them, or of a machine without which nothing goes on."""
    nodes = hosts.get("nodes", {})
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return []
    problems = [
        Problem(f"nodes_down[{index}]", name, "is no host of group nodes", did_you_mean(name, nodes))
        for index, name in enumerate(names)
        if name not in nodes
    ]
    problems += [
        Problem(f"nodes_down[{index}]", name, f"is in group {group} too, without which no run goes on",
                "remove it, and run when that host is up")
        for index, name in enumerate(names) for group in ("storage", "bastion")
        if name in nodes and name in hosts.get(group, ())
    ]  # fmt: skip
    if nodes and set(nodes) <= set(names):
        problems.append(
            Problem("nodes_down", UNSHOWN, "names every node", "without a node there is nothing to do")
        )
    return problems


def _path_clashes(paths: Mapping[int, str | None]) -> list[Problem]:
    """Two exports of one directory, or one below another."""
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
    return problems


def group_problems(hosts: Hosts) -> list[Problem]:
    """Whether the inventory's groups have the hosts that a run needs.

    A host may be in several groups: storage that is also a node, or one machine that is all of
    them, is unusual and works. Only bastion excludes others: what runs there runs here.
    """
    others = [name for name in hosts if name not in (*GROUPS, CLIENTS)]
    # Any name is a group, and this one would be skipped without a word.
    problems = [
        Problem(f"group {name}", UNSHOWN, "has no meaning of its own", f"is it called {CLIENTS!r}?")
        for name in others if name.lower() in ("client", CLIENTS)
    ]  # fmt: skip
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
        fault = f"has {len(storage)} hosts" + (f" ({listed(storage)})" if storage else "")
        problems.append(Problem("group storage", UNSHOWN, fault, "it must have exactly one"))
    if not nodes:
        problems.append(Problem("group nodes", UNSHOWN, "has no hosts", "name the cluster's nodes"))
    if "bastion" in hosts and bastion != ["@local"]:
        # Helm, the kubeconfig and the state are where pyinfra runs; another host would have none of them.
        fault = f"has {listed(bastion) or 'no hosts'}"
        problems.append(Problem("group bastion", UNSHOWN, fault, 'it must be ["@local"], this machine'))
    return problems


def storage_address(written: object, hosts: Hosts) -> tuple[str, list[Problem]]:
    """The address by which the nodes reach the storage host, and what is wrong with it.

    + written: the setting; None: the inventory's address of the storage host is taken
    """
    of_inventory = next(iter(hosts.get("storage", {}).values()), None)
    address = of_inventory if written is None else written
    fix = "write the address by which the nodes reach the storage host"
    if not isinstance(address, str):
        return "", []  # said where the value is checked, or with the groups
    try:
        plain = checked_address(address)
    except Fault as raised:
        fault = f"is from the inventory and {raised.fault}"
        return "", [] if written is not None else [Problem("storage_address", address, fault, fix)]
    if not _loopback(plain) or all(_loopback(node) for node in hosts.get("nodes", {}).values()):
        return plain, []
    return plain, [Problem("storage_address", plain, "leads every node to itself", fix)]


class Clients:
    """Finds who is meant by `clients`, and notes what is wrong on the way.

    Addresses, networks and names of DNS are looked up once and written as they are. Hosts of the
    inventory stay names: preflight sees from which address each of them really comes.
    """

    def __init__(self, hosts: Hosts, resolve: Resolve | None = None) -> None:
        self.hosts = hosts
        self.problems: list[Problem] = []
        self.networks: dict[int, tuple[str, ...]] = {}  # export -> addresses and networks
        self.members: dict[int, tuple[str, ...]] = {}  # export -> hosts of the inventory
        self.found: dict[str, tuple[str, ...]] = {}  # host -> its addresses
        self._resolve = resolve or resolved

    def find(self, export: int, entries: Sequence[str], everyone: bool) -> None:
        """Sort one export's clients into addresses and hosts; none written means group nodes.

        + everyone: whether "*" is allowed
        """
        plain: set[str] = set()
        members: set[str] = set()
        groups: dict[str, Mapping[str, str]] = {}
        for position, entry in enumerate(entries):
            host = next((group for group in self.hosts.values() if entry in group), None)
            key = f"exports[{export}].clients[{position}]"
            if entry == EVERYONE and not everyone:
                fix = "name the nodes, remove the key to get group nodes, or say allow_everyone = True"
                self.problems.append(Problem(key, entry, "exports to everyone", fix))
            elif entry == EVERYONE or canonical(entry):
                plain.add(entry)
            elif self.hosts.get(entry):
                groups[entry] = self.hosts[entry]
            elif host is not None:
                groups[entry] = {entry: host[entry]}
            else:
                plain.update(self._looked_up(key, entry))
        if not entries and "nodes" in self.hosts:
            groups["nodes"] = self.hosts["nodes"]
        for name, group in groups.items():
            self._find_hosts(name, group)
            members.update(group)
        self.networks[export] = tuple(sorted(plain, key=by_address))
        self.members[export] = tuple(sorted(members))

    def _find_hosts(self, group: str, hosts: Mapping[str, str]) -> None:
        storage = next(iter(self.hosts.get("storage", {}).values()), "")
        key = f"group {group}" if group in self.hosts else "host"
        for name, address in hosts.items():
            addresses = self._addresses(address)
            if not addresses:
                fault = "has no address that this machine can find"
                fix = "give the host ssh_hostname in the inventory, or write clients as addresses"
                self.problems.append(Problem(key, name, fault, fix))
            elif any(map(_loopback, addresses)) and not _loopback(storage):
                # Debian's /etc/hosts gives a machine's own name 127.0.1.1: an export to that is to nobody.
                fault = f"is {min(addresses)} here, which is another machine to the storage host"
                fix = "write clients as addresses"
                self.problems.append(Problem(key, name, fault, fix))
            self.found[name] = tuple(sorted(addresses, key=by_address))

    def _looked_up(self, key: str, name: str) -> set[str]:
        """The addresses of a name that is not in the inventory."""
        if name in self.hosts:
            fix = "name the nodes, or remove the key to get group nodes"
            self.problems.append(Problem(key, name, "is a group without hosts", fix))
            return set()
        addresses = self._addresses(name)
        if not addresses:
            known = [*self.hosts, *(host for group in self.hosts.values() for host in group)]
            fault = "is no group or host of the inventory, and no name that this machine can find"
            self.problems.append(Problem(key, name, fault, did_you_mean(name, self.hosts, known)))
        return addresses

    def _addresses(self, name: str) -> set[str]:
        try:
            return {plain for text in self._resolve(name) if (plain := canonical(text))}
        except (OSError, UnicodeError):
            return set()


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
