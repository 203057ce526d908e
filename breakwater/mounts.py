"""What a node mounts to prove an export: which ones it may, with which options, and what it tries there."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from breakwater.addresses import EVERYONE
from breakwater.nfs_options import complete, meaning
from breakwater.settings import Export

PREFIX = ".breakwater-proof-"
# Any node's file, whatever its token, for find(1).
ANY_FILE = PREFIX + "[0-9a-f]" * 8
# A proof that waits for ever proves nothing: a server that went away costs a minute.
_SOFT = ("soft", "timeo=100", "retrans=2", "retry=0")


@dataclass
class MountProof:
    """One run's proof from the nodes, handed from those that write to the storage host, which looks.

    A node's random token names its files, so that nothing else is ever taken for them.
    """

    tokens: dict[str, str] = field(default_factory=dict)
    begun: bool = False  # some node may have left files
    written: list[tuple[str, str]] = field(default_factory=list)  # (node, export) where a file waits

    def file(self, node: str) -> str:
        """The name of the file that a node leaves in each export."""
        return PREFIX + self.tokens.setdefault(node, secrets.token_hex(4))


def text(node: str, export: str) -> str:
    """What a node writes into its file: it tells two exports from each other, too."""
    return f"{node} on {export}"


def may_mount(export: Export, node: str, addresses: Sequence[str]) -> bool:
    """Whether this node is one of the export's clients.

    + addresses: from which the node reaches the storage host
    """
    if node in export.members or EVERYONE in export.networks:
        return True
    networks = [ip_network(network) for network in export.networks]
    return any(ip_address(address) in network for address in addresses for network in networks)


def source(server: str, path: str) -> str:
    """What mount(8) is given.

    + server: address or name
    """
    return f"[{server}]:{path}" if ":" in server else f"{server}:{path}"


def mount_options(export: Export) -> str:
    """The export's own options, but not for ever; with the first security flavour that it offers."""
    names = {word.partition("=")[0] for word in _SOFT} | {"hard"}
    kept = [word for word in export.mount_options if word.partition("=")[0] not in names]
    flavour = _flavour(export)
    if flavour != "sys" and not any(word.startswith("sec=") for word in kept):
        kept.append(f"sec={flavour}")
    return ",".join([*kept, *_SOFT])


def tries(export: Export) -> str:
    """How far a node's root gets there: it writes, or lists, or only looks at the mount itself."""
    means = meaning(complete(export.options))
    # Kerberos knows a node's root as nobody of the server's, and nobody may be kept out of the directory.
    if "root_squash" in means.values() or "all_squash" in means.values() or _flavour(export) != "sys":
        return "look"
    return "list" if "ro" in means.values() else "write"


def _flavour(export: Export) -> str:
    return meaning(complete(export.options))["sec"].partition(":")[0]
