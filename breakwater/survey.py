"""What preflight saw of the hosts, for the parts that come later: one, filled while hosts are looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

from breakwater.facts.firewall import Firewall
from breakwater.facts.nfs import ClientState
from breakwater.facts.node_ports import NodePortsState


@dataclass(frozen=True)
class Finding:
    """One thing on one host that keeps the run from beginning."""

    host: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.what}; {self.fix}"


@dataclass(frozen=True)
class Room:
    """The file system under an export."""

    mount: str
    free: int  # bytes


@dataclass
class Survey:
    """Handed on as a value: an operation's arguments are fixed before the first host was looked at."""

    # node -> its machine-id, by which the cluster knows it too; only nodes that this run looked at
    machine_ids: dict[str, str] = field(default_factory=dict)
    # node -> the addresses from which it reaches the storage host. Before it was looked at: those
    # that an earlier run saw, else those that the inventory gives.
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # host -> all addresses of its own, of those that this run looked at
    own: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # node -> what guards its node ports, when preflight looked at that too
    node_ports: dict[str, NodePortsState] = field(default_factory=dict)
    # node -> whether it can mount NFS, when preflight looked at that too
    nfs_clients: dict[str, ClientState] = field(default_factory=dict)
    # node -> what became of its connection to the storage host's port: open, refused, blocked
    reached: dict[str, str] = field(default_factory=dict)
    # export -> the file system under it; only when the storage host was looked at
    room: dict[str, Room] = field(default_factory=dict)
    # the storage host's; None when it was not asked for
    firewall: Firewall | None = None
    # who looked -> what was found; pyinfra looks once more before its question, and the last look counts
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    # hosts that trust a former CA beside the registry's, until the proxies show none of its certificates
    widened: set[str] = field(default_factory=set)
    # lines for the end of the run: what works, and should be known
    warnings: list[str] = field(default_factory=list)

    def warn(self, line: str) -> None:
        """Once, however often it was looked at."""
        if line not in self.warnings:
            self.warnings.append(line)
