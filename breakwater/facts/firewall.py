"""What the storage host's firewall lets in, as far as it can say so itself: a part of preflight's fact."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyinfra.api import QuoteString


@dataclass(frozen=True)
class Firewall:
    """The one that is in charge, and its rules."""

    kind: str  # firewalld, ufw, nftables, none, or unknown: it could not be read
    zone: str = ""  # firewalld's, of the interface that leads to the nodes
    rules: tuple[str, ...] = ()  # those in force: rich rules, ufw's added ones, or the whole ruleset
    kept: tuple[str, ...] = ()  # firewalld's rich rules after a reload


def look(towards: str) -> list[str | QuoteString]:
    """Shell words that print it; firewalld and ufw write nftables rules of their own, so they come first.

    + towards: an address of a node
    """
    return [
        "if systemctl is-active -q firewalld 2>/dev/null; then",
        "dev=$(ip -o route get", QuoteString(towards), r"2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p');",
        'zone=$(firewall-cmd --get-zone-of-interface="$dev" 2>/dev/null',
        "|| firewall-cmd --get-default-zone 2>/dev/null)",
        '&& rules=$(firewall-cmd --zone="$zone" --list-rich-rules)',
        '&& kept=$(firewall-cmd --permanent --zone="$zone" --list-rich-rules)',
        '&& { echo firewall=firewalld; echo "zone=$zone";',
        """echo "$rules" | sed s/^/rule=/; echo "$kept" | sed s/^/kept=/; } || echo firewall=unknown;""",
        "elif ufw status 2>/dev/null | grep -q '^Status: active'; then",
        "echo firewall=ufw; ufw show added | sed s/^/rule=/;",
        "elif ! command -v nft >/dev/null; then echo firewall=none;",
        # -t: without the elements of sets, which may be thousands
        "elif rules=$(nft -s -t list ruleset 2>/dev/null); then",
        """echo firewall=nftables; echo "$rules" | sed s/^/rule=/; else echo firewall=unknown; fi;""",
    ]  # fmt: skip


def read(values: Mapping[str, list[str]]) -> Firewall | None:
    """What the answer says of it; None when it was not asked.

    + values: of each tag
    """
    if not values.get("firewall"):
        return None
    rules, kept = (tuple(line for line in values.get(tag, []) if line.strip()) for tag in ("rule", "kept"))
    return Firewall(values["firewall"][0], "".join(values.get("zone", [])), rules, kept)
