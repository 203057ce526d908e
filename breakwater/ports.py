"""Ports that Envoy needs and others have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from breakwater.facts.listeners import Listener
from breakwater.proxy.plan import SERVICE

# What ss and the settings write for every address, and of which versions of IP.
_EVERY = {"*": {4, 6}, "::": {6}, "[::]": {6}, "0.0.0.0": {4}}  # noqa: S104


def taken(live: Iterable[Listener], listens: Iterable[tuple[str, int]]) -> Iterator[tuple[str, str]]:
    """Who is in Envoy's way, and how to end it: pairs, one a program.

    The kernel would let two Envoys listen at one port and give each some of the clients; all others it
    refuses, and that shows only when Envoy starts.

    + live: who listens
    + listens: addresses and ports that Envoy needs; `::` is every IPv6 one alone
    """
    wanted = list(listens)
    found: dict[tuple[str, int], list[Listener]] = {}
    for one in live:
        ours = one.group.endswith(f"/{SERVICE}")
        if not ours and any(port == one.port and _meet(address, one.address) for address, port in wanted):
            found.setdefault((one.program, one.pid), []).append(one)
    for (program, pid), sockets in found.items():
        who = f"{program} (process {pid})" if program else "the kernel"
        places = " and ".join(f"{one.address}:{one.port}" for one in sockets)
        yield f"{who} listens on {places}, where Envoy is to", _end(sockets[0])


def _meet(wanted: str, live: str) -> bool:
    """Whether nobody can have both."""
    if wanted in _EVERY or live in _EVERY:
        return bool(_versions(wanted) & _versions(live))
    return ip_address(wanted) == ip_address(live.strip("[]"))


def _versions(address: str) -> set[int]:
    return _EVERY.get(address) or {ip_address(address.strip("[]")).version}


def _end(one: Listener) -> str:
    """What a person types. The program's control group says who started it."""
    last = one.group.rpartition("/")[2]
    if one.program == "docker-proxy":
        return f"stop its container: docker ps --filter publish={one.port} names it"
    if "kubepods" in one.group:
        return f"it is in a pod on the host's network: take it off port {one.port}, or off this host"
    if one.pid == 1:
        return "it is a socket unit: systemctl list-sockets names it; systemctl disable --now that"
    if last.endswith(".service") and not last.startswith("user@"):
        return f"stop it: systemctl disable --now {last.removesuffix('.service')}"
    return f"stop it: kill {one.pid}" if one.pid else "see: ss -ltnp"
