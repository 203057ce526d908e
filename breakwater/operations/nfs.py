"""Exports on the storage host, and what a node needs to mount them."""

from collections.abc import Iterable, Iterator, Sequence

from pyinfra import host, state
from pyinfra.api import QuoteString, StringCommand, operation

from breakwater.cluster import wait
from breakwater.commands import Commands, Refusal, refuse, write_file
from breakwater.exports_file import in_kernel, line_of, lines_of, mountpoints_of, table_of, text_of
from breakwater.facts.nfs import NfsClient, NfsMounts, NfsServer, ServerState
from breakwater.leaving import Leaving, in_use
from breakwater.nfs_options import meaning
from breakwater.platforms import DEBIAN, NFS_CLIENT, REDHAT, install, platform_of
from breakwater.settings import Export
from breakwater.survey import Survey
from breakwater.volumes import below, volumes_below

EXPORTS_FILE = "/etc/exports.d/breakwater.exports"
# Seconds for the kubelet to unmount what a pod that has gone had mounted.
_UNMOUNTED = 90
_SERVER = [DEBIAN.nfs_server, REDHAT.nfs_server]

# Whether the kernel's table has every path and client of the file that follows; its length does not
# grow with the nodes, as one comparison each would.
_TAKEN = (
    """exportfs -s | awk 't == 1 { taken[$1, substr($2, 1, index($2, "("))]; next }"""
    """ /^\\// { for (i = 2; i <= NF; i++) if (!(($1, substr($i, 1, index($i, "("))) in taken)) exit 1 }'"""
    " t=1 - t=2"
)


@operation()
def server(exports: list[Export], survey: Survey, leaving: Leaving, path: str = EXPORTS_FILE) -> Commands:
    """An NFS server that exports these directories; foreign exports are left alone.

    What left the settings is still exported: `unexport` takes it away, late in the run.

    + exports: directories, with their options, owner and mode
    + survey: where the clients come from
    + leaving: takes note of what left the settings
    + path: our file in /etc/exports.d
    """
    live = host.get_fact(NfsServer, path=path, directories=[e.path for e in exports], packages=_SERVER)
    if live is None or live.errors:
        yield refuse(f"{path}: its present state could not be read, so nothing was changed")
        return
    platform = platform_of(live.system)
    if platform is None:
        yield refuse(f"NFS server: {' '.join(live.system)} is no system breakwater knows")
        return
    lines = {e.path: line_of(e, e.clients_at(survey.addresses), _disk(e, live)) for e in exports}
    former = lines_of(live.text)
    leaving.paths = tuple(place for place in former if place not in lines)
    wrong = [
        *(f"{e.path}: none of its clients has an address" for e in exports if " " not in lines[e.path]),
        *_disk_problems(exports, live),
        *_contradictions(text_of(lines.values()), live),
        *_users(leaving, leaving.namespace, survey, live),
    ]
    if wrong:
        yield refuse("; ".join(wrong))
        return
    _warn_of_everyone(exports, live, survey)
    _warn_of_uploads(live, survey)
    text = text_of([*lines.values(), *(former[place] for place in leaving.paths)])
    commands = [] if live.installed else [install(platform, platform.nfs_server)]
    commands += [_directory(e) for e in exports if not _as_set(e, live)]
    if not live.running:
        commands.append(StringCommand("systemctl enable --now nfs-server"))
    # The kernel's table is compared too: a run killed after the file was moved and before
    # exportfs left only the file right, and a hand may have changed only the table. What such
    # a run was to unexport is named nowhere any more, except in the former file it left.
    same = live.text == text and not live.interrupted and live.running
    if not same or not in_kernel(live.table, text, live.text, {f.path for f in live.foreign}):
        commands.append(_export(path, text))
    if not commands:
        host.noop(f"{len(exports)} exports as set")
    yield from commands


@operation()
def unexport(exports: list[Export], survey: Survey, leaving: Leaving, path: str = EXPORTS_FILE) -> Commands:
    """What left the settings is exported no more; its data stays.

    + exports: what stays
    + survey: takes note of where the data is
    + leaving: what goes, as `server` found out
    + path: our file in /etc/exports.d
    """
    if not leaving.paths:
        host.noop("nothing left the settings")
        return
    live = host.get_fact(NfsServer, path=path, directories=[e.path for e in exports], packages=_SERVER)
    if live is None or live.text is None:
        yield refuse(f"{path}: its present state could not be read, so nothing was unexported")
        return
    # Provisioners have gone by now, and the kubelet takes a moment to unmount what they had.
    reasons = wait(
        f"nobody uses {', '.join(leaving.paths)}", lambda: _users(leaving, "", survey, live), _UNMOUNTED
    )
    if reasons:
        yield refuse("; ".join(reasons))
        return
    for place in leaving.paths:
        survey.warn(f"{place}: exported no more; its data stays in {place} on {host.name}")
    kept = [line for place, line in lines_of(live.text).items() if place not in leaving.paths]
    yield _export(path, text_of(kept))


@operation()
def client(survey: Survey) -> Commands:
    """A node that can mount NFS; no look of its own where preflight looked.

    + survey: with what preflight saw, where it looked
    """
    live = survey.nfs_clients.get(host.name) or host.get_fact(NfsClient, packages=list(NFS_CLIENT))
    platform = platform_of(live.system) if live else None
    if live is None or platform is None:
        yield refuse("NFS client: this host's system could not be read, so nothing was changed")
        return
    if live.installed:
        host.noop("NFS can be mounted")
        return
    yield install(platform, platform.nfs_client)


def _disk(export: Export, live: ServerState) -> str:
    """Where the disk under an export has to be mounted; empty for the system's own disk.

    The settings say it, else the first run found it out and our exports file remembers it (mp=).
    """
    if export.mountpoint:
        return export.mountpoint
    found = live.mounts.get(export.path, "/")
    return mountpoints_of(live.text).get(export.path, "" if found == "/" else found)


def _disk_problems(exports: Iterable[Export], live: ServerState) -> Iterator[str]:
    """Exports whose disk is not there: volumes would start afresh in the empty directory below it."""
    for export in exports:
        found, disk = live.mounts.get(export.path, "/"), _disk(export, live)
        known = [place for place in live.disks if below(export.path, [place]) and len(place) > len(found)]
        if disk and found != disk and below(disk, [found]):
            yield (
                f"{export.path}: its disk is not mounted at {disk}, so the server hands out nothing;"
                # The kernel remembers for two minutes that there was nothing to export.
                f" mount {disk}, then exportfs -f to let waiting clients in at once, and run again"
            )
        elif disk != found and found != "/":
            yield (
                f"{export.path}: was on {disk or 'the system disk'}, and {found} is mounted over it now;"
                f" unmount that or, when its data was moved there, set mountpoint = {found!r} for it"
            )
        elif known:
            yield (
                f"{export.path}: {max(known, key=len)} is to be mounted by fstab or a unit, and is not;"
                " mount it, or remove it there"
            )


def _contradictions(text: str, live: ServerState) -> Iterator[str]:
    """Others' lines for our path and client that mean something else: exportfs takes whichever comes last."""
    wanted = table_of(text)
    for foreign in live.foreign:
        ours = wanted.get((foreign.path, foreign.client))
        theirs = meaning(foreign.options)
        if ours is not None and {**ours, "mountpoint": ""} != {**theirs, "mountpoint": ""}:
            differ = ", ".join(
                f"{theirs[key] or 'no ' + key} there and {ours[key] or 'no ' + key} in the settings"
                for key in ours
                if ours[key] != theirs[key] and key != "mountpoint"
            )
            yield (
                f"{foreign.place} exports {foreign.path} to {foreign.client} as well, with {differ};"
                " remove that line, or the export from the settings"
            )


def _warn_of_everyone(exports: Sequence[Export], live: ServerState, survey: Survey) -> None:
    paths = {export.path for export in exports}
    for foreign in live.foreign:
        if foreign.path in paths and foreign.client == "*":
            survey.warn(f"{foreign.path}: {foreign.place} exports it to everyone; the line is not ours")


def _warn_of_uploads(live: ServerState, survey: Survey) -> None:
    if live.uploads:
        mib = sum(live.uploads.values()) // 1024
        survey.warn(
            "uploads of images that began more than a day ago and never ended:"
            f" {len(live.uploads)}, {mib} MiB, such as {min(live.uploads)}; no run deletes them:"
            " docs/troubleshooting.md, Orphaned uploads"
        )


def _users(leaving: Leaving, namespace: str, survey: Survey, live: ServerState) -> list[str]:
    """Why what left the settings cannot be unexported; nothing when nobody uses it.

    + namespace: what our provisioners in it have is about to go, and counts for nothing
    """
    if not leaving.paths:
        return []
    gone = f"{', '.join(leaving.paths)}: left the settings, and"
    try:
        volumes = volumes_below(leaving.access, leaving.paths, leaving.servers)
        used = in_use(leaving.paths, volumes, _mounts(leaving.nodes), namespace)
    except Refusal as refusal:
        return [f"{gone} who uses it cannot be seen: {refusal}"]
    if used:
        fix = "put the export back into the settings, or delete what uses it first"
        return [f"{gone} is in use: {'; '.join(used)}; {fix}"]
    doubts = [] if leaving.force else list(_doubts(leaving.nodes, survey, live))
    if doubts:
        fix = "when you are sure that nobody does, add --data force=unexport"
        return [f"{gone} may be in use: {'; '.join(doubts)}; {fix}"]
    return []


def _mounts(nodes: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """What each node that this run has looked at has mounted by NFS. Raises Refusal."""
    found = {}
    for node in state.active_hosts:
        if node.name in nodes:
            mounted = node.get_fact(NfsMounts)
            if mounted is None:
                raise Refusal(f"{node.name}: what it has mounted could not be read")
            found[node.name] = mounted
    return found


def _doubts(nodes: Iterable[str], survey: Survey, live: ServerState) -> Iterator[str]:
    """What cannot be seen from here: nodes that are not in this run, and clients that are in no inventory."""
    active = {node.name for node in state.active_hosts}
    yield from (f"node {name} was not looked at" for name in nodes if name not in active)
    known = {address for addresses in survey.addresses.values() for address in addresses}
    strangers = sorted(live.clients - known)
    if strangers:
        yield f"the server has clients that are not in the inventory: {', '.join(strangers)}"


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
    return StringCommand(
        "mkdir -p /etc/exports.d &&",
        "{ [ -e", old, "] || [ ! -e", file, "] || ln -T", file, old, "; } &&",
        write_file(path, text), "&&",
        "if exportfs -ra &&", _TAKEN, file,
        "; then rm -f", old,
        "; else { [ ! -e", old, "] && rm -f", file, "|| mv -T", old, file, "; }; exportfs -ra;",
        "echo 'the kernel did not take these exports; the former file is back' >&2; exit 1; fi",
    )  # fmt: skip
