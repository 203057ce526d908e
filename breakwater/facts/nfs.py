"""The NFS server on the storage host, and the NFS client on a node."""

import re
from dataclasses import dataclass

from pyinfra.api import FactBase, QuoteString, StringCommand

from breakwater.facts.tagged import END, tagged

# exportfs -s prints `PATH  CLIENT(OPTION,OPTION)`, one a line (exportfs(8)).
_EXPORT = re.compile(r"^(?P<path>\S+)\s+(?P<client>\S+)\((?P<options>[^)]*)\)$")


@dataclass(frozen=True)
class ServerState:
    """The storage host's side of NFS."""

    system: tuple[str, ...]  # ID, then ID_LIKE, of /etc/os-release
    installed: bool
    running: bool  # the unit is active and enabled
    text: str | None  # our exports file; None: not there
    interrupted: bool  # a run was killed before it saw the effect of the text it had written
    table: dict[tuple[str, str], frozenset[str]]  # the kernel's: (path, client) -> options
    foreign: frozenset[str]  # paths that other exports files name
    directories: dict[str, tuple[str, str, str]]  # path -> (owner:group by name, by number, mode)
    errors: tuple[str, ...]  # what exists but could not be read


class NfsServer(FactBase[ServerState | None]):
    """Package, unit, our exports file, the kernel's table and the directories, in one command."""

    def command(self, path: str, directories: list[str]) -> StringCommand:
        ours, former = QuoteString(path), QuoteString(f"{path}.before")
        # The bare echo ends a last line that has no newline: it would swallow the next answer.
        return StringCommand(
            ". /etc/os-release; echo system=$ID $ID_LIKE; PATH=$PATH:/usr/sbin:/sbin;",
            *_installed("nfs-kernel-server"),
            "systemctl is-active -q nfs-server && systemctl is-enabled -q nfs-server && echo running=yes;",
            "if [ -e", ours, "]; then echo file=yes;",
            "sed s/^/text=/", ours, "2>/dev/null && echo || echo error=", ours, "; fi;",
            "[ ! -e", former, "] || echo interrupted=yes;",
            # every other file exportfs reads: its first words are paths that are not ours alone
            "for f in /etc/exports /etc/exports.d/*.exports; do",
            '[ "$f" = ', ours, '] || [ ! -e "$f" ] ||',
            r"""{ sed -n 's/^\(\/[^[:space:]]*\).*/foreign=\1/p' "$f"; echo; };""",
            "done;",
            "exportfs -s 2>/dev/null | sed s/^/export=/;",
            *_stat(directories),
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
            foreign=frozenset(values["foreign"]),
            directories=dict(map(_directory, values["directory"])),
            errors=tuple(error.strip() for error in values["error"]),
        )


@dataclass(frozen=True)
class ClientState:
    """A node's side of NFS."""

    system: tuple[str, ...]
    installed: bool


class NfsClient(FactBase[ClientState | None]):
    """Whether this node can mount NFS."""

    def command(self) -> StringCommand:
        return StringCommand(
            ". /etc/os-release; echo system=$ID $ID_LIKE;",
            *_installed("nfs-common"),
            END,
        )

    def process(self, output: list[str]) -> ClientState:
        values = tagged("NfsClient", output)
        return ClientState(tuple(" ".join(values["system"]).split()), "installed" in values)


def _installed(debian: str) -> list[str | QuoteString]:
    """Whether the package is whole: a run of apt that was killed leaves its programs there, not configured.

    + debian: the package's name there; the Red Hat family has one for server and client
    """
    return [
        "case $(dpkg-query -W -f '${db:Status-Abbrev}'", QuoteString(debian), "2>/dev/null",
        "|| rpm -q --qf 'ii ' nfs-utils 2>/dev/null) in ii*) echo installed=yes;; esac;",
    ]  # fmt: skip


def _stat(directories: list[str]) -> list[str | QuoteString]:
    if not directories:
        return []
    return ["stat -c 'directory=%U:%G %u:%g %a %n'", *map(QuoteString, directories), "2>/dev/null;"]


def _export(line: str) -> tuple[tuple[str, str], frozenset[str]] | None:
    match = _EXPORT.match(line.strip())
    return match and ((match["path"], match["client"]), frozenset(match["options"].split(",")))


def _directory(line: str) -> tuple[str, tuple[str, str, str]]:
    names, numbers, mode, path = line.split(" ", 3)
    return path, (names, numbers, mode)
