"""Who may come to Harbor's node ports, as addresses: of whole groups, whatever --limit says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from breakwater.addresses import canonical, source_addresses
from breakwater.commands import Refusal
from breakwater.contradictions import resolved
from breakwater.pod_networks import ClusterAddresses
from breakwater.survey import Survey


@dataclass
class Callers:
    """Filled while hosts are looked at, asked when the nodes' turn has come.

    + hosts: {group: {host: address}}, of the whole inventory
    + survey: with the proxies' own addresses, of those that this run looked at
    + cluster: asks the cluster, or raises Refusal
    + file: remembers the proxies' own addresses for runs that do not look at all of them
    + resolve: a host's name to its addresses
    """

    hosts: Mapping[str, Mapping[str, str]]
    survey: Survey
    cluster: Callable[[], ClusterAddresses]
    file: Path
    resolve: Callable[[str], Iterable[str]] = resolved
    _asked: ClusterAddresses | None = None
    _asking: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __call__(self) -> list[str]:
        """All of them: nodes, proxies, this machine, pods. Raises Refusal when one cannot be known."""
        cluster, remembered = self._cluster(), self._remembered()
        found = {*cluster.nodes, *cluster.pods}
        for group in ("nodes", "proxies"):
            for name, address in self.hosts.get(group, {}).items():
                own = self._own().get(name) or remembered.get(name, ())
                addresses = {*self._resolved(address), *self.survey.addresses.get(name, ()), *own}
                # Its own loopback is another machine's to a node: a port forwarded on this machine.
                outside = {a for a in addresses if not ip_address(a).is_loopback}
                if not outside and group == "proxies":
                    raise Refusal(
                        f"node ports: proxy {name} has no address that this machine can find;"
                        " run with it, or give it ssh_hostname in the inventory"
                    )
                found |= outside
                if group == "nodes":
                    found |= {a for a in source_addresses(outside) if not ip_address(a).is_loopback}
        return sorted(found)

    def remember(self) -> None:
        """Keep what this run saw, for one that does not see it. Writes only what differs."""
        before = self._remembered()
        now = {n: at for n, at in {**before, **self._own()}.items() if n in self.hosts.get("proxies", {})}
        if now != before:
            new = self.file.with_suffix(".new")
            new.touch(mode=0o600)
            new.write_text(json.dumps(now, indent=2, sort_keys=True) + "\n")
            new.rename(self.file)

    def _own(self) -> dict[str, tuple[str, ...]]:
        """What proxies say of themselves. A node has its pods' and services' too, which come and go."""
        nodes, proxies = self.hosts.get("nodes", {}), self.hosts.get("proxies", {})
        return {n: at for n, at in self.survey.own.items() if at and n in proxies and n not in nodes}

    def _cluster(self) -> ClusterAddresses:
        """Asked once a run; what is to be said of it is said then."""
        with self._asking:
            if self._asked is None:
                self._asked = self.cluster()
        if plugin := self._asked.before_us:
            self.survey.warn(
                f"harbor.node_ports.allow: {plugin} answers node ports in eBPF, before nftables: everyone may"
                f" come there; close them with {plugin}'s own host policies (docs/harbor.md), and set `any`"
            )
        if not self._asked.pods:
            self.survey.warn(
                "harbor.node_ports.allow: the cluster does not say which network its pods have: those that"
                " ask a node port under their own address are refused"
            )
        return self._asked

    def _remembered(self) -> dict[str, tuple[str, ...]]:
        try:
            seen = json.loads(self.file.read_text()) if self.file.exists() else {}
            return {name: tuple(at) for name, at in seen.items()}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise Refusal(
                f"state: {self.file} cannot be read: {error}; remove it, and run with all hosts"
            ) from error

    def _resolved(self, address: str) -> set[str]:
        try:
            return {plain for text in self.resolve(address) if (plain := canonical(text))}
        except (OSError, UnicodeError):
            return set()
