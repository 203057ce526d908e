"""Whether a host finds the registry by its name, and finds the proxies there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from breakwater.addresses import by_address, canonical
from breakwater.facts.trust import Way

Pair = tuple[str, str]


def proxy_addresses(
    written: Sequence[str], proxies: Iterable[str], resolve: Callable[[str], Iterable[str]]
) -> tuple[str, ...]:
    """Where the domain should lead: what the settings say, else where the inventory has the proxies.

    + written: `trust.addresses`
    + proxies: addresses or names of group proxies
    + resolve: a name to its addresses, OSError when it has none
    """
    if written:
        return tuple(written)
    found: set[str] = set()
    for proxy in proxies:
        try:
            found.update(filter(None, map(canonical, resolve(proxy))))
        except (OSError, UnicodeError):
            continue
    return tuple(sorted(found, key=by_address))


def way_problems(domain: str, way: Way, addresses: Sequence[str], writes: bool) -> list[Pair]:
    """What keeps a host from the proxies, each with what to do; for preflight.

    + domain: the registry's name
    + way: as the host itself sees it
    + addresses: of the proxies, or what stands before them; none known: nothing is held against them
    + writes: the run itself writes /etc/hosts (`trust.etc_hosts`)
    """
    right = {canonical(address) for address in addresses}
    foreign = [
        (f"line {line.number} of /etc/hosts sends {domain} to {line.address}", "remove that line")
        for line in way.lines
        if not line.ours and right and canonical(line.address) not in right
    ]
    if foreign or writes:
        return foreign
    line = f"{next(iter(addresses), 'ADDRESS-OF-A-PROXY')} {domain}"
    fix = f"make a DNS record; or set trust.etc_hosts = True; or add to /etc/hosts: {line}"
    if not way.addresses:
        return [(f"it finds no address for {domain}", fix)]
    if not right or right & set(map(canonical, way.addresses)):
        return []
    seen = ", ".join(way.addresses)
    first = way.addresses[0]
    fix = f"mend the DNS record; when a load balancer stands there, write trust.addresses = ['{first}']"
    return [(f"{domain} leads to {seen}, and the proxies are at {', '.join(addresses)}", fix)]


def way_warnings(domain: str, way: Way, addresses: Sequence[str]) -> list[str]:
    """What works by luck: a name that leads to the proxies and elsewhere too.

    + domain, way, addresses: as for `way_problems`
    """
    right = {canonical(address) for address in addresses}
    seen = [address for address in way.addresses if canonical(address) not in right]
    if not right or not seen or len(seen) == len(way.addresses):
        return []
    return [f"{domain} also leads to {', '.join(seen)}, where no proxy is known: some pulls may go there"]
