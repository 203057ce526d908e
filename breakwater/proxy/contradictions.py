"""What contradicts what among the keys of `proxy`, and what of them hangs on the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from breakwater.addresses import canonical
from breakwater.contradictions import Hosts
from breakwater.problems import UNSHOWN, Problem, listed
from breakwater.proxy.settings import Proxy

# {"rate_limit": …}: keys whose values are right by themselves, defaults included.
Known = Mapping[str, Any]
# {place in the list: its keys whose values are right by themselves}
Upstreams = Mapping[int, Mapping[str, Any]]

_OF_TLS = ("ca", "server_name")
_ALL = {4: "0.0.0.0", 6: "::"}  # noqa: S104


def proxy_clashes(
    known: Known, upstreams: Upstreams, wrong: Mapping[int, set[str]], domain: object
) -> list[Problem]:
    """What contradicts what inside `proxy`.

    + wrong: {place of an upstream: its keys that are not right}: nothing is said to lack what was meant
    + domain: the registry's name, as it was written
    """
    return [
        *_port_problems(known),
        *_listen_problems(known.get("listen", ())),
        *_client_problems(known.get("allow_clients") or ()),
        *_rate_problems(known.get("rate_limit")),
        *_name_problems(known.get("aliases", ()), upstreams, domain),
        *(
            found
            for index, upstream in upstreams.items()
            for found in _upstream_problems(f"proxy.upstreams[{index}]", upstream, wrong[index])
        ),
    ]


def node_port_problems(known: Known, harbor: Known, hosts: Hosts) -> Iterator[Problem]:
    """A port of the proxy that, on a machine which is a node too, leads to Harbor's node port instead.

    + harbor: {"node_ports.https": 30003, …}, as `known`
    """
    proxies, nodes = hosts.get("proxies", {}), hosts.get("nodes", {})
    both = [name for name, address in proxies.items() if name in nodes or address in nodes.values()]
    taken = {harbor[key]: key for key in ("node_ports.http", "node_ports.https") if key in harbor}
    for key in ("port", "http_redirect_port"):
        port = known.get(key)
        if both and port in taken:
            fault = f"is also harbor.{taken[port]}, and {listed(both)} is a node too"
            yield Problem(f"proxy.{key}", port, fault, "set another")


def proxy_warnings(
    proxy: Proxy, nodes: Mapping[str, str], clients: Mapping[str, str] | None = None
) -> Iterator[str]:
    """What the settings allow and may be regretted.

    + nodes, clients: {name: address} of these groups; an address that is a name is not looked up
    """
    for group, who in ((nodes, "node"), (clients or {}, "host of group clients")):
        out = shut_out(proxy.allow_clients, group.values())
        if outside := [f"{name} ({address})" for name, address in group.items() if address in out]:
            said = f"proxy.allow_clients: leaves out {listed(outside)}"
            yield f"{said}; a {who} that may not connect cannot pull"
    for index, upstream in enumerate(proxy.upstreams):
        if not upstream.tls:
            yield (
                f"proxy.upstreams[{index}].tls: False: what the proxies and {upstream.domain} say to each"
                " other is readable, and changeable, on the network"
            )


def shut_out(allow: Sequence[str] | None, addresses: Iterable[str]) -> set[str]:
    """Of these addresses, those that the proxies cut off.

    + allow: `proxy.allow_clients`; None: everyone
    """
    networks = [ip_network(text) for text in allow or ()]
    return {
        address
        for address in addresses
        if networks
        and (plain := canonical(address))
        and not any(ip_address(plain) in net for net in networks)
    }


def _port_problems(known: Known) -> Iterator[Problem]:
    port, redirect = known.get("port"), known.get("http_redirect_port")
    if redirect is not None and redirect == port:
        fix = "set another, or None for no redirect"
        yield Problem("proxy.http_redirect_port", redirect, "is also proxy.port", fix)


def _listen_problems(addresses: Sequence[str]) -> Iterator[Problem]:
    for index, address in enumerate(addresses):
        everything, key = _ALL[ip_address(address).version], f"proxy.listen[{index}]"
        first = addresses.index(address)
        if first != index:
            yield Problem(key, address, f"is also proxy.listen[{first}]", "remove one of them")
        elif address != everything and everything in addresses:
            fault = f"is within {everything!r}, which is listed too"
            yield Problem(key, address, fault, "remove one of them")


def _client_problems(networks: Sequence[str]) -> Iterator[Problem]:
    for index, text in enumerate(networks):
        if (first := networks.index(text)) != index:
            fault = f"is also proxy.allow_clients[{first}]"
            yield Problem(f"proxy.allow_clients[{index}]", text, fault, "remove one of them")


def _rate_problems(limit: Any) -> Iterator[Problem]:
    if limit and limit.burst is not None and limit.burst < limit.requests:
        fault = f"is less than proxy.rate_limit.requests, {limit.requests}, which could then never be reached"
        yield Problem("proxy.rate_limit.burst", limit.burst, fault, "set more, or remove it")


def _name_problems(aliases: Sequence[str], upstreams: Upstreams, domain: object) -> Iterator[Problem]:
    """A name can lead to one place only."""
    seen = {domain: "domain"} if isinstance(domain, str) else {}
    names = [(f"proxy.aliases[{index}]", name) for index, name in enumerate(aliases)]
    names += [
        (f"proxy.upstreams[{index}].domain", upstream["domain"])
        for index, upstream in upstreams.items()
        if "domain" in upstream
    ]
    for key, name in names:
        first = seen.setdefault(name, key)
        if first != key:
            yield Problem(key, name, f"is also {first}", "a name leads to one place only: remove one of them")


def _upstream_problems(key: str, upstream: Mapping[str, Any], wrong: set[str]) -> Iterator[Problem]:
    endpoints = upstream.get("endpoints", ())
    for index, text in enumerate(endpoints):
        if (first := endpoints.index(text)) != index:
            fault = f"is also {key}.endpoints[{first}]"
            yield Problem(f"{key}.endpoints[{index}]", text, fault, "remove one of them")
    if "tls" in wrong:
        return
    if not upstream.get("tls", True):
        for name in _OF_TLS:
            if value := upstream.get(name):
                fault = "says something of TLS, and tls is False"
                yield Problem(f"{key}.{name}", value, fault, "remove one of the two")
    elif "ca" not in wrong and not upstream.get("ca"):
        # Envoy takes any certificate when it is told no CA: that would be TLS with anybody.
        fix = "name the file of the CA's certificate; of a public one /etc/ssl/certs/ca-certificates.crt"
        yield Problem(f"{key}.ca", UNSHOWN, "is required with tls", fix)
