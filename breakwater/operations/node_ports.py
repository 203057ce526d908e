"""Who may come to Harbor's node ports, on each node."""

from collections.abc import Callable, Iterable

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand, operation

from breakwater.addresses import canonical
from breakwater.commands import Commands, Refusal, refuse, write_file
from breakwater.facts.node_ports import NodePorts, NodePortsState
from breakwater.node_ports import FILE, TABLE, UNIT, UNIT_FILE, ruleset, unit
from breakwater.platforms import install, platform_of
from breakwater.survey import Survey

# nft is there for root; a user's sudo may search elsewhere
_PATH = "PATH=$PATH:/usr/sbin:/sbin;"
_UNREAD = "node ports: what guards them could not be read, so nothing was changed"


@operation()
def guarded(ports: list[int], callers: Callable[[], Iterable[str]], survey: Survey) -> Commands:
    """Only these callers reach the ports; everyone else is refused before the cluster sees a packet.

    + ports: TCP node ports
    + callers: addresses and networks, or raises Refusal; this machine's as the node sees it is added
    + survey: with what preflight saw, where it looked
    """
    live = _live(survey)
    if live is None or live.errors:
        yield refuse(_UNREAD)
        return
    try:
        text = ruleset(ports, [*callers(), *_bastion(live)])
    except Refusal as refusal:
        yield refuse(str(refusal))
        return
    platform = platform_of(live.system)
    commands = []
    if not live.nft:
        if platform is None:
            yield refuse(f"node ports: {' '.join(live.system)} is no system breakwater knows")
            return
        commands.append(install(platform, platform.nft))
    if live.text != text:
        commands.append(_judged(FILE, text))
    if live.unit != unit():
        commands.append(write_file(UNIT_FILE, unit()))
    # The kernel's table too: a run may have been killed before it was loaded, a `flush ruleset`
    # by hand leaves everything else as it was.
    if commands or not live.running or not live.live:
        commands.append(_loaded())
    if not commands:
        host.noop("node ports answer their callers only")
    yield from commands


@operation()
def open_to_all(survey: Survey) -> Commands:
    """Nothing of ours guards the ports.

    + survey: with what preflight saw, where it looked
    """
    live = _live(survey)
    if live is None:
        yield refuse(_UNREAD)
        return
    if live.text is None and live.unit is None and not live.table:
        host.noop("node ports answer everyone")
        return
    name, files = QuoteString(UNIT), [QuoteString(FILE), QuoteString(UNIT_FILE)]
    if live.unit is not None:
        yield StringCommand("systemctl disable --now", name)
    yield StringCommand("rm -f --", *files, "&& systemctl daemon-reload")
    if live.table:
        # The unit's end has removed it, unless it was loaded by hand.
        yield StringCommand(_PATH, f"! nft list table {TABLE} >/dev/null 2>&1 || nft delete table {TABLE}")


def _live(survey: Survey) -> NodePortsState | None:
    seen = survey.node_ports.get(host.name)
    return seen or host.get_fact(NodePorts, file=FILE, unit=UNIT_FILE, table=TABLE)


def _bastion(live: NodePortsState) -> list[str]:
    """This machine, as the node sees it: it asks Harbor's health there, maybe through NAT.

    A node that is this very machine sees from where somebody logged in to it: that is nobody's to let in.
    """
    plain = canonical(live.bastion)
    return [plain] if plain and not host.name.startswith("@") else []


def _judged(path: str, text: str) -> StringCommand:
    """Put the file into place when nft and the kernel take it; otherwise nothing has happened."""
    file, new = QuoteString(path), QuoteString(f"{path}.new")
    return StringCommand(
        _PATH, "mkdir -p /etc/breakwater && printf %s", QuoteString(text), ">", new,
        "&& chmod 644", new, "&& { nft -c -f", new, "|| { rm -f", new, "; false; }; } && mv -T", new, file,
    )  # fmt: skip


def _loaded() -> StringCommand:
    """The unit starts at each boot and its table is loaded, in one transaction where there is one already."""
    name = QuoteString(UNIT)
    return StringCommand(
        "systemctl daemon-reload && systemctl enable -q", name, "&& systemctl reload-or-restart", name
    )
