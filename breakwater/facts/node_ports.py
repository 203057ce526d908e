"""What guards Harbor's node ports on a node, and from where hosts and this machine come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyinfra.api import FactBase, QuoteString, StringCommand

from breakwater.facts.tagged import END, tagged

Bits = list[str | QuoteString]

# What the unit must be: loaded as its file is, active, and started at each boot.
_RUNNING = {"ActiveState=active", "UnitFileState=enabled", "NeedDaemonReload=no"}


@dataclass(frozen=True)
class NodePortsState:
    """A node's side of the guard."""

    system: tuple[str, ...]  # ID, then ID_LIKE, of /etc/os-release
    nft: bool  # the program is there
    text: str | None  # our nftables file; None: not there
    unit: str | None  # our unit's file; None: not there
    running: bool  # the unit is active, enabled, and what its file says
    table: bool  # the kernel has our table
    live: bool  # and it is what our file makes
    bastion: str  # the address from which this machine's connection comes; empty: not by ssh
    errors: tuple[str, ...]  # what exists but could not be read


class NodePorts(FactBase[NodePortsState | None]):
    """Our file, our unit and the kernel's table, in one command."""

    def command(self, file: str, unit: str, table: str) -> StringCommand:
        return StringCommand(
            "PATH=$PATH:/usr/sbin:/sbin; [ ! -r /etc/os-release ] || . /etc/os-release;",
            "echo system=$ID $ID_LIKE;",
            *look(file, unit, table),
            END,
        )

    def process(self, output: list[str]) -> NodePortsState:
        return read(tagged("NodePorts", output))


def look(file: str, unit: str, table: str) -> Bits:
    """Shell words that print it: on their own, or as a part of a fact that prints `system=` itself.

    + file: our nftables file
    + unit: our unit's file in /etc/systemd/system
    + table: family and name
    """
    listing = f"nft -s list table {table}"
    return [
        *_file("text", file), *_file("unit", unit),
        "systemctl show -p ActiveState -p UnitFileState -p NeedDaemonReload",
        QuoteString(unit.rpartition("/")[2]), "2>/dev/null | sed s/^/state=/;",
        "if command -v nft >/dev/null; then echo nft=yes;",
        f"if live=$({listing} 2>/dev/null); then echo table=yes;",
        # What our file makes is asked of the kernel itself, in a network of its own that is gone
        # afterwards: each nft prints a table in its own words, and ours would have to know them all.
        f"""made=$(unshare -n sh -c 'nft -f "$0" && {listing}' """, QuoteString(file), "2>/dev/null)",
        '&& [ "$made" = "$live" ] && echo live=yes; fi; fi;',
        # From where this machine is seen to come, also through NAT; sudo hides it from its commands.
        's=$SSH_CONNECTION p=$PPID; while [ -z "$s" ] && [ "${p:-0}" -gt 1 ]; do',
        r"s=$(tr '\0' '\n' </proc/$p/environ | sed -n s/^SSH_CONNECTION=//p);",
        'p=$(sed -n "s/^PPid:[^0-9]*//p" /proc/$p/status); done 2>/dev/null; echo "bastion=${s%% *}";',
    ]  # fmt: skip


def read(values: Mapping[str, Sequence[str]]) -> NodePortsState:
    """What the answer says of it.

    + values: of each tag
    """
    found = {tag: list(values.get(tag, ())) for tag in ("file", "text", "unit", "state", "bastion", "error")}
    return NodePortsState(
        system=tuple(" ".join(values.get("system", ())).split()),
        nft="nft" in values,
        text=_text(found["text"]) if "text" in found["file"] else None,
        unit=_text(found["unit"]) if "unit" in found["file"] else None,
        running=set(found["state"]) >= _RUNNING,
        table="table" in values,
        live="live" in values,
        bastion="".join(found["bastion"][:1]),
        errors=tuple(error.strip() for error in found["error"]),
    )


def own_addresses() -> Bits:
    """Shell words that print a host's own addresses: a part of another fact. Passing ones are left out."""
    return [
        "ip -o addr show scope global -temporary -tentative -deprecated 2>/dev/null |",
        "while read -r _ _ _ own _; do echo own=${own%/*}; done;",
    ]


def _file(tag: str, path: str) -> Bits:
    """A file's lines; the bare echo ends a last one that has no end."""
    quoted = QuoteString(path)
    return [
        "if [ -e", quoted, f"]; then echo file={tag};",
        f"sed s/^/{tag}=/", quoted, "2>/dev/null && echo || echo error=", quoted, "; fi;",
    ]  # fmt: skip


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
