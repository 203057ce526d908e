"""Exports on the storage host, and what a node needs to mount them."""

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand, operation

from breakwater.commands import Commands, refuse, write_file
from breakwater.facts.nfs import NfsClient, NfsServer, ServerState
from breakwater.platforms import install, platform_of
from breakwater.settings import Export

EXPORTS_FILE = "/etc/exports.d/breakwater.exports"
# sync: the server answers when the data is on its disk; no_root_squash: the provisioner and
# Harbor's containers make directories as root and give them to their own users;
# no_subtree_check: exports(5) advises it, since renamed files break open handles otherwise.
OPTIONS = ("rw", "sync", "no_subtree_check", "no_root_squash")

Table = dict[tuple[str, str], frozenset[str]]


@operation()
def server(exports: list[Export], clients: list[list[str]], path: str = EXPORTS_FILE) -> Commands:
    """An NFS server that exports exactly these directories; foreign exports are left alone.

    + exports: directories, with their owner and mode
    + clients: for each export, the addresses that may mount it
    + path: our file in /etc/exports.d
    """
    live = host.get_fact(NfsServer, path=path, directories=[e.path for e in exports])
    if live is None or live.errors:
        yield refuse(f"{path}: its present state could not be read, so nothing was changed")
        return
    platform = platform_of(live.system)
    if platform is None:
        yield refuse(f"NFS server: {' '.join(live.system)} is no system breakwater knows")
        return
    text = exports_text(exports, clients)
    commands = [] if live.installed else [install(platform, platform.nfs_server)]
    commands += [_directory(e) for e in exports if not _as_set(e, live)]
    if not live.running:
        commands.append(StringCommand("systemctl enable --now nfs-server"))
    # The kernel's table is compared too: a run killed after the file was moved and before
    # exportfs left only the file right, and a hand may have changed only the table. What such
    # a run was to unexport is named nowhere any more, except in the former file it left.
    if live.text != text or live.interrupted or not live.running or not _exported(live, text):
        commands.append(_export(path, text))
    if not commands:
        host.noop(f"{len(exports)} exports as set")
    yield from commands


@operation()
def client() -> Commands:
    """A node that can mount NFS."""
    live = host.get_fact(NfsClient)
    platform = platform_of(live.system) if live else None
    if live is None or platform is None:
        yield refuse("NFS client: this host's system could not be read, so nothing was changed")
        return
    if live.installed:
        host.noop("NFS can be mounted")
        return
    yield install(platform, platform.nfs_client)


def exports_text(exports: list[Export], clients: list[list[str]]) -> str:
    """Our exports file: one line an export (exports(5)).

    + clients: for each export, the addresses that may mount it
    """
    options = ",".join(OPTIONS)
    lines = ["# Managed by breakwater from group_data/all.py; the next run puts changes back."]
    for export, addresses in zip(exports, clients, strict=True):
        lines.append(" ".join([export.path, *(f"{address}({options})" for address in addresses)]))
    return "".join(f"{line}\n" for line in lines)


def _table(text: str | None) -> Table:
    """What an exports file of ours puts into the kernel's table."""
    lines = [line.split() for line in (text or "").splitlines() if not line.startswith("#")]
    return {
        (words[0], word.partition("(")[0]): frozenset(OPTIONS)
        for words in lines
        if words
        for word in words[1:]
    }


def _exported(live: ServerState, text: str) -> bool:
    """Whether the kernel exports what the text says, and of our paths nothing else.

    The kernel adds options of its own (wdelay, hide, sec=sys): ours must be among them.
    """
    wanted = _table(text)
    ours = {path for path, _ in wanted} | {path for path, _ in _table(live.text)}
    extra = {key for key in live.table if key[0] in ours - live.foreign} - set(wanted)
    return not extra and all(options <= live.table.get(key, frozenset()) for key, options in wanted.items())


def _as_set(export: Export, live: ServerState) -> bool:
    names, numbers, mode = live.directories.get(export.path, ("", "", ""))
    return export.owner in (names, numbers) and export.mode.lstrip("0") == mode.lstrip("0")


def _directory(export: Export) -> StringCommand:
    path = QuoteString(export.path)
    return StringCommand(
        "mkdir -p --", path, "&& chown", QuoteString(export.owner), path,
        "&& chmod", QuoteString(export.mode), path,
    )  # fmt: skip


def _export(path: str, text: str) -> StringCommand:
    """Move the file into place, export it, look at the kernel's table, and go back when it is not so.

    exportfs has no mode that only checks a file, so the old one is kept until the effect is seen,
    by this run or by a later one: of two that were killed, the first kept the one that had worked.
    """
    file, old = QuoteString(path), QuoteString(f"{path}.before")
    seen = [
        bit
        for export, client_address in _table(text)
        for bit in ("&& echo \"$table\" | grep -q -F --", QuoteString(f"{export} {client_address}("))
    ]  # fmt: skip
    return StringCommand(
        "mkdir -p /etc/exports.d &&",
        "{ [ -e", old, "] || [ ! -e", file, "] || ln -T", file, old, "; } &&",
        write_file(path, text), "&&",
        "if exportfs -ra && table=$(exportfs -s | tr -s '[:blank:]' ' ')", *seen,
        "; then rm -f", old,
        "; else { [ ! -e", old, "] && rm -f", file, "|| mv -T", old, file, "; }; exportfs -ra;",
        "echo 'the kernel did not take these exports; the former file is back' >&2; exit 1; fi",
    )  # fmt: skip
