"""What preflight saw of the hosts, for the parts that come later: one, filled while hosts are looked at."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Survey:
    """Handed on as a value: an operation's arguments are fixed before the first host was looked at."""

    # node -> its machine-id, by which the cluster knows it too; only nodes that this run looked at
    machine_ids: dict[str, str] = field(default_factory=dict)
    # node -> the addresses from which it reaches the storage host. Before it was looked at: those
    # that an earlier run saw, else those that the inventory gives.
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # lines for the end of the run: what works, and should be known
    warnings: list[str] = field(default_factory=list)
