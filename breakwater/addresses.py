"""Addresses, networks and names: who is meant, and how the kernel, DNS and YAML read them."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from breakwater.problems import Fault

# exports(5): every host there is
EVERYONE = "*"
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
# Lower-case names that are no text where a YAML document has them without quotes, as the provisioner's
# chart has names of classes, namespaces and servers: switches, and numbers of each kind that Helm reads.
_NO_TEXT = re.compile(
    r"y|n|yes|no|on|off|true|false|null|[0-9]+(\.[0-9]*)?(e-?[0-9]+)?|0x[0-9a-f]+|0o[0-7]+|0b-?[01]+"
)


def checked_client(text: str) -> str:
    """One of an export's clients as it may stand in the settings. Raises Fault."""
    everyone = "name the nodes, or remove the key to get group nodes"
    network = _network(text)
    if text == EVERYONE:
        return text  # whether that is allowed, load() sees
    if "*" in text or (network and network.prefixlen == 0):
        raise Fault("exports to everyone", everyone)
    if network and network.network_address.is_unspecified:
        raise Fault("is nobody's address", everyone)
    address = canonical(text)
    if address is not None:
        return address
    if network:
        host_bits = int(ip_address(text.partition("/")[0])) != int(network.network_address)
        fault = "with host bits set" if host_bits else "in a form that the kernel does not print"
        raise Fault(f"is a network {fault}", f"did you mean {str(network)!r}?")
    # A group, a host, or a name that DNS may know: only load() knows which.
    if not (text.isascii() and text.isidentifier()) and not (dns_name(text) and not _ends_in_number(text)):
        raise Fault("is neither an address, a network, a group of the inventory nor a host's name")
    return text


def checked_address(address: str) -> str:
    """Where a host is reached, in the kernel's form or as a name. Raises Fault."""
    plain = canonical(address)
    if plain is not None and "/" not in plain:
        if ip_address(plain).is_unspecified:
            raise Fault("is nobody's address")
        if plain.endswith(":"):
            # Such as fd00::, which the chart puts into YAML without quotes: a key without a value.
            raise Fault("is a network's own address", "give the host another one")
        return plain
    if not dns_name(address) or _ends_in_number(address):
        raise Fault("must be an IP address or a host's name")
    check_text(address)
    return address


def canonical(text: str) -> str | None:
    """An address or network as the kernel prints it (else a difference for ever), None for other text."""
    try:
        network = ip_network(text)
    except ValueError:
        return None
    # A zone or a dotted mask: exports(5) and our comparison know neither.
    if "%" in text or ("/" in text and not text.rpartition("/")[2].isdecimal()):
        return None
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address if single else network)


def by_address(client: str) -> tuple[int, int, int]:
    """Sort key: 10.0.0.9 comes before 10.0.0.10, and everyone first."""
    if client == EVERYONE:
        return 0, 0, 0
    network = ip_network(client)
    return network.version, int(network.network_address), network.prefixlen


def dns_name(text: str) -> bool:
    """Whether this looks like a name that DNS could know."""
    if not text.isascii() or len(text) > 253:  # the Kelvin sign's lower case is a plain k
        return False
    return all(len(label) <= 63 and LABEL.fullmatch(label) for label in text.lower().split("."))


def check_text(name: str) -> None:
    """Whether YAML reads a name as text. Raises Fault."""
    if _NO_TEXT.fullmatch(name.lower()):
        raise Fault("is a number or a switch to YAML, not text", f"such as 'nfs-{name}'")


def _ends_in_number(name: str) -> bool:
    """A mistyped address, then: no domain ends in a number. Resolvers take 0x7f000001 for one, too."""
    return re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.lower().rpartition(".")[2]) is not None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return None if "%" in text else ip_network(text, strict=False)
    except ValueError:
        return None


def source_addresses(targets: Iterable[str]) -> set[str]:
    """From where this machine comes to these; sends nothing. A name is not looked up."""
    found = set()
    for address in filter(None, map(canonical, targets)):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((address, 9))
                found.add(str(probe.getsockname()[0]))
        except OSError:
            continue  # it has no way there, so it will not come from anywhere
    return found
