"""What a single value of the proxy's keys may be; otherwise as limits.py."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Annotated

from pydantic import AfterValidator, Strict

from breakwater.addresses import canonical, checked_address
from breakwater.harbor.limits import between
from breakwater.problems import Fault
from breakwater.quantities import checked_memory, quantity

# What trickles out of the kernel is silence to Envoy, which hands on up to 2 MiB at a time (measured): on a
# bad line, of 7 KB/s, a client takes 300 s for that.
SHORTEST_IDLE, LONGEST_IDLE = 300, 86400
FEWEST_CONNECTIONS, MOST_CONNECTIONS = 100, 400_000
MOST_REQUESTS = 1_000_000
LEAST_MEMORY = "128Mi"

_PATH = re.compile(r"/[A-Za-z0-9._~/%-]*")


def _listen(address: str) -> str:
    plain = canonical(address)
    if plain is None or "/" in plain:
        fix = "such as '0.0.0.0', which is every IPv4 address of the proxy, or '::', every IPv6 one"
        raise Fault("must be an IP address of the proxy's own", fix)
    if ip_address(plain).is_multicast or plain == "255.255.255.255":
        raise Fault("is no single machine's address")
    return plain


def _network(text: str) -> str:
    everyone = "remove the key to let everyone in"
    plain = canonical(text)
    if text == "*" or (plain or "").endswith("/0"):
        raise Fault("is everyone", everyone)
    if plain is None:
        try:
            meant = "" if "%" in text else str(ip_network(text, strict=False))
        except ValueError:
            meant = ""
        if not meant:
            raise Fault("must be an address or a network", "such as '10.0.0.0/8'")
        if meant.endswith("/0"):
            raise Fault("is everyone", everyone)
        raise Fault("is a network with host bits set, or a mask in dots", f"did you mean {meant!r}?")
    if ip_address(plain.partition("/")[0]).is_unspecified:
        raise Fault("is nobody's address", everyone)
    return plain


def endpoint(text: str) -> tuple[str, int]:
    """(host, port) of an endpoint. Raises Fault."""
    host, colon, port = text.rpartition(":")
    fix = "such as '10.0.0.5:8080', '[fd00::5]:8080' or 'app.example.org:443'"
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or not port.isascii():
        raise Fault("must be HOST:PORT", fix)
    if not 1 <= int(port) <= 65535:
        raise Fault("has a port that is not from 1 to 65535", fix)
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if (":" in bare) != (bare != host):
        raise Fault("must be HOST:PORT, an IPv6 address in [ ]", fix)
    return checked_address(bare), int(port)


def _endpoint(text: str) -> str:
    host, port = endpoint(text)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _health(path: str) -> str:
    if not _PATH.fullmatch(path) or len(path) > 1000:
        raise Fault("must be a path that begins with /, of letters, digits and . _ ~ - / %")
    return path


def _server_name(name: str) -> str:
    plain = checked_address(name)
    if canonical(plain) is not None:
        # A certificate for an address is matched in another way, and SNI carries names only.
        raise Fault("is an address", "give the name that the upstream's certificate is for")
    return plain.lower()


def _memory(text: str) -> str:
    checked_memory(text)
    if quantity(text) < quantity(LEAST_MEMORY):
        raise Fault("is too little to serve anybody", f"at least {LEAST_MEMORY!r}")
    return text


Listen = Annotated[str, Strict(), AfterValidator(_listen)]
Network = Annotated[str, Strict(), AfterValidator(_network)]
Endpoint = Annotated[str, Strict(), AfterValidator(_endpoint)]
HealthPath = Annotated[str, Strict(), AfterValidator(_health)]
ServerName = Annotated[str, Strict(), AfterValidator(_server_name)]
Memory = Annotated[str, Strict(), AfterValidator(_memory)]
Idle = Annotated[int, Strict(), between(SHORTEST_IDLE, LONGEST_IDLE, " seconds")]
Connections = Annotated[int, Strict(), between(FEWEST_CONNECTIONS, MOST_CONNECTIONS)]
Requests = Annotated[int, Strict(), between(1, MOST_REQUESTS)]
