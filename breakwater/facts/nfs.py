"""The NFS server on the storage host, and the NFS client on a node."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from pyinfra.api import FactBase, QuoteString, StringCommand

from breakwater.facts.tagged import END, tagged

# exportfs -s prints `PATH  CLIENT(OPTION,OPTION)`, one a line (exportfs(8)).
_EXPORT = re.compile(r"^(?P<path>\S+)\s+(?P<client>\S+)\((?P<options>[^)]*)\)$")

# Seconds to look for uploads that never ended, in one export: what was not found by then is not reported.
_UPLOADS_LIMIT = 10


@dataclass(frozen=True)
class ForeignExport:
    """What another exports file says of a path and a client."""

    place: str  # FILE line NUMBER
    path: str
    client: str
    options: frozenset[str]


@dataclass(frozen=True)
class ServerState:
    """The storage host's side of NFS."""

    system: tuple[str, ...]  # ID, then ID_LIKE, of /etc/os-release
    installed: bool
    running: bool  # the unit is active and enabled
    text: str | None  # our exports file; None: not there
    interrupted: bool  # a run was killed before it saw the effect of the text it had written
    table: dict[tuple[str, str], frozenset[str]]  # the kernel's: (path, client) -> options
    foreign: tuple[ForeignExport, ...]  # what other exports files name
    directories: dict[str, tuple[str, str, str]]  # path -> (owner:group by name, by number, mode)
    mounts: dict[str, str]  # path -> where the file system that holds it (or will) is mounted
    disks: frozenset[str]  # mount points that /etc/fstab or a mount unit names, mounted or not
    clients: frozenset[str]  # addresses of the NFSv4 clients there are right now
    uploads: dict[str, int]  # pushes to a registry that never ended: directory -> KiB
    errors: tuple[str, ...]  # what exists but could not be read


class NfsServer(FactBase[ServerState | None]):
    """Package, unit, exports files, the kernel's table, clients, directories and disks, in one command."""

    def command(self, path: str, directories: list[str], packages: list[str]) -> StringCommand:
        ours, former = QuoteString(path), QuoteString(f"{path}.before")
        # The bare echo ends a last line that has no newline: it would swallow the next answer.
        return StringCommand(
            ". /etc/os-release; echo system=$ID $ID_LIKE; PATH=$PATH:/usr/sbin:/sbin;",
            *installed(packages),
            "systemctl is-active -q nfs-server && systemctl is-enabled -q nfs-server && echo running=yes;",
            "if [ -e", ours, "]; then echo file=yes;",
            "sed s/^/text=/", ours, "2>/dev/null && echo || echo error=", ours, "; fi;",
            "[ ! -e", former, "] || echo interrupted=yes;",
            # every other file that exportfs reads; awk ends each line, also a last one without its end
            "for f in /etc/exports /etc/exports.d/*.exports; do",
            '[ "$f" = ', ours, '] || [ ! -e "$f" ] ||',
            """awk '{ print "foreign=" FILENAME ":" FNR ":" $0 }' "$f"; done;""",
            "exportfs -s 2>/dev/null | sed s/^/export=/;",
            # address: "10.0.0.21:798" (Linux 5.3 and newer; nfsd has no such folder before it runs)
            r"""sed -n 's/^address: "\(.*\):[0-9]*"$/client=\1/p'""",
            "/proc/fs/nfsd/clients/*/info 2>/dev/null;",
            r"""awk '$1 !~ /^#/ && $2 ~ /^\// { print "disk=" $2 }' /etc/fstab 2>/dev/null;""",
            "sed -n s/^Where=/disk=/p /etc/systemd/system/*.mount 2>/dev/null;",
            *_stat(directories),
            *_mounts(directories),
            *_uploads(directories),
            END,
        )  # fmt: skip

    def process(self, output: list[str]) -> ServerState:
        values = tagged("NfsServer", output)
        return ServerState(
            system=tuple(" ".join(values["system"]).split()),
            installed="installed" in values,
            running="running" in values,
            text="".join(f"{line}\n" for line in values["text"]) if "file" in values else None,
            interrupted="interrupted" in values,
            table=dict(filter(None, map(_export, values["export"]))),
            foreign=tuple(_foreign(values["foreign"])),
            directories=dict(map(_directory, values["directory"])),
            mounts={path: where for where, path in (line.split(" ", 1) for line in values["mount"])},
            disks=frozenset(values["disk"]),
            clients=frozenset(address.strip("[]") for address in values["client"]),
            uploads={path: int(size) for size, path in (line.split("\t", 1) for line in values["upload"])},
            errors=tuple(error.strip() for error in values["error"]),
        )


@dataclass(frozen=True)
class ClientState:
    """A node's side of NFS."""

    system: tuple[str, ...]
    installed: bool


class NfsClient(FactBase[ClientState | None]):
    """Whether this node can mount NFS."""

    def command(self, packages: list[str]) -> StringCommand:
        return StringCommand(
            ". /etc/os-release; echo system=$ID $ID_LIKE;",
            *installed(packages),
            END,
        )

    def process(self, output: list[str]) -> ClientState:
        values = tagged("NfsClient", output)
        return ClientState(tuple(" ".join(values["system"]).split()), "installed" in values)


class NfsMounts(FactBase[list[tuple[str, str]] | None]):
    """What a node has mounted by NFS: (directory on its server, mount point)."""

    def command(self) -> StringCommand:
        # proc(5): field 5 is the mount point; after the dash come type and source
        return StringCommand(
            """awk '{ for (i = 7; $i != "-"; i++); if ($(i+1) ~ /^nfs/) print "mount=" $(i+2) " " $5 }'""",
            "/proc/self/mountinfo &&",
            END,
        )

    def process(self, output: list[str]) -> list[tuple[str, str]]:
        lines = [line.split(" ", 1) for line in tagged("NfsMounts", output)["mount"]]
        # 10.0.0.20:/srv/nfs, [fd00::20]:/srv/nfs
        return [("/" + source.partition(":/")[2], point) for source, point in lines]


def installed(packages: Sequence[str]) -> list[str | QuoteString]:
    """Whether a package is whole: a run of apt that was killed leaves its programs there, not configured.

    + packages: the name it has with dpkg, and the one it has with rpm
    """
    debian, redhat = packages
    return [
        "case $(dpkg-query -W -f '${db:Status-Abbrev}'", QuoteString(debian), "2>/dev/null",
        "|| rpm -q --qf 'ii '", QuoteString(redhat), "2>/dev/null) in ii*) echo installed=yes;; esac;",
    ]  # fmt: skip


def _stat(directories: list[str]) -> list[str | QuoteString]:
    if not directories:
        return []
    return ["stat -c 'directory=%U:%G %u:%g %a %n'", *map(QuoteString, directories), "2>/dev/null;"]


def _mounts(directories: list[str]) -> list[str | QuoteString]:
    """Where the file system of each directory is mounted; the nearest parent's, of one that is not there."""
    if not directories:
        return []
    return [
        "for d in", *map(QuoteString, directories), "; do",
        'p=$d; while [ ! -e "$p" ]; do p=${p%/*}; p=${p:-/}; done;',
        'echo "mount=$(stat -c %m "$p") $d"; done;',
    ]  # fmt: skip


def _uploads(directories: list[str]) -> list[str | QuoteString]:
    """Uploads below registries' volumes that began more than a day ago: no push takes so long.

    Images' own directories, which may be very many, are not entered.
    """
    if not directories:
        return []
    return [
        "for d in", *map(QuoteString, directories), "; do",
        f'timeout {_UPLOADS_LIMIT} find "$d"/*/docker/registry/v2/repositories',
        r"\( -name _manifests -o -name _layers \) -prune -o",
        r"-path '*/_uploads/*/startedat' -mmin +1440 -printf '%h\0'",
        "2>/dev/null | xargs -0 -r du -sk 2>/dev/null | sed s/^/upload=/; done;",
    ]  # fmt: skip


def _export(line: str) -> tuple[tuple[str, str], frozenset[str]] | None:
    match = _EXPORT.match(line.strip())
    return match and ((match["path"], match["client"]), frozenset(match["options"].split(",")))


def _foreign(lines: list[str]) -> list[ForeignExport]:
    """exports(5): a path, then clients with options each; -OPTIONS before them are for all that follow."""
    found, begun = [], ""
    for line in lines:
        file, number, text = line.split(":", 2)
        if text.endswith("\\"):
            begun += text[:-1]
            continue
        words, begun = _words(begun + text), ""
        if not words or not words[0].startswith("/"):
            continue
        common: list[str] = []
        for word in words[1:]:
            if word.startswith("-"):
                common = word[1:].split(",")
                continue
            client, _, options = word.rstrip(")").partition("(")
            given = frozenset(filter(None, [*common, *options.split(",")]))
            # `(rw)` without a client is everybody
            found.append(ForeignExport(f"{file} line {number}", words[0], client or "*", given))
    return found


def _words(text: str) -> list[str]:
    """A path may stand in quotes; a line that is not well-formed is for exportfs to complain of."""
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return []


def _directory(line: str) -> tuple[str, tuple[str, str, str]]:
    names, numbers, mode, path = line.split(" ", 3)
    return path, (names, numbers, mode)
