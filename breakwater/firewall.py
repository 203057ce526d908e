"""How each firewall is told to let the nodes to the storage host's NFS port."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_network

from breakwater.facts.firewall import Firewall

PORT = 2049
# firewalld has no comments: a priority of ours makes our rules ours. Below zero, so that a rule of the
# user's that denies more does not come first.
_PRIORITY = -PORT
_COMMENT = "breakwater"
_OURS_UFW = re.compile(rf"^ufw allow from (\S+) to any port {PORT} proto tcp comment '{_COMMENT}'$")
_CLOSES = re.compile(r"\b(drop|reject|jump|goto)\b")


def rich_rule(source: str) -> str:
    """firewalld's rule for one client, as it prints it."""
    return (
        f'rule priority="{_PRIORITY}" family="ipv{ip_network(source).version}" source address="{source}"'
        f' port port="{PORT}" protocol="tcp" accept'
    )


def managed(firewall: Firewall, sources: Iterable[str]) -> list[list[str]]:
    """Commands, as words, after which it lets in exactly these by rules of ours; none when it does.

    + sources: addresses and networks
    """
    if firewall.kind == "firewalld":
        wanted = {rich_rule(source) for source in sources}
        return [
            ["firewall-cmd", *how, f"--zone={firewall.zone}", *changes]
            for how, there in ((["--permanent"], firewall.kept), ([], firewall.rules))
            for changes in _rich_changes(wanted, there)
        ]
    if firewall.kind == "ufw":
        wanted = set(sources)
        found = {match[1] for rule in firewall.rules if (match := _OURS_UFW.match(rule))}
        gone = [["ufw", "delete", *_ufw(source)] for source in sorted(found - wanted)]
        # prepend: a rule of the user's that denies more must not come first
        return gone + [
            ["ufw", "prepend", *_ufw(source), "comment", _COMMENT] for source in sorted(wanted - found)
        ]
    return []


def opening(firewall: Firewall, sources: Sequence[str], file: str) -> str:
    """The commands that a person types on the storage host; empty when the firewall does not say how.

    + file: where nftables rules outlive a reboot
    """
    if firewall.kind in ("firewalld", "ufw"):
        # All of them: what is there already is no error, and these rules were not asked for by their names.
        return " && ".join(map(shlex.join, managed(Firewall(firewall.kind, firewall.zone), sources)))
    rules = [
        f"nft insert rule {chain} {word} saddr {shlex.quote(_set(found))} tcp dport {PORT} accept"
        for chain in closed_chains(firewall.rules)
        for version, word in ((4, "ip"), (6, "ip6"))
        if chain.startswith(("inet ", f"{word} "))
        and (found := [s for s in sources if ip_network(s).version == version])
    ]
    if not rules:
        return ""
    return f"{' && '.join(rules)}; and in {file}, first in the same chain, so that it outlives a reboot"


def closed_chains(ruleset: Iterable[str]) -> list[str]:
    """Chains that see what comes in and may drop it: a packet must be let through by each of them.

    + ruleset: the lines of `nft list ruleset`
    """
    table, chain, comes_in, closed = "", "", False, []
    for line in map(str.strip, ruleset):
        words = line.split()
        if words[:1] == ["table"]:
            table = " ".join(words[1:3])
        elif words[:1] == ["chain"]:
            chain, comes_in = f"{table} {words[1]}", False
        elif line.startswith("type "):
            comes_in = re.search(r"hook (input|prerouting)\b", line) is not None
        if comes_in and _CLOSES.search(line) and chain not in closed:
            closed.append(chain)
    return closed


def _rich_changes(wanted: set[str], there: Iterable[str]) -> Iterator[list[str]]:
    ours = {rule for rule in there if f'priority="{_PRIORITY}"' in rule}
    for verb, rules in (("add", wanted - ours), ("remove", ours - wanted)):
        if rules:
            yield [f"--{verb}-rich-rule={rule}" for rule in sorted(rules)]


def _ufw(source: str) -> list[str]:
    return ["allow", "from", source, "to", "any", "port", str(PORT), "proto", "tcp"]


def _set(sources: Iterable[str]) -> str:
    return f"{{ {', '.join(sources)} }}"
