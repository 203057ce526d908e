"""Envoy on a proxy host."""

import re
from dataclasses import dataclass, field

from pyinfra.api import FactBase, FactProcessError, QuoteString, StringCommand

from breakwater.facts.tagged import END, tagged

# What is asked of Envoy: which version of each file it serves, what it refused, whether it is up, and at how
# many nodes Harbor answers it.
STATISTICS = (
    "(version_text|update_rejected|update_failure|key_rotation_failed|listener_create_failure|"
    "total_listeners_active|total_listeners_warming|workers_started|server.state|"
    "warming_clusters|membership_healthy|health_check.success)$"
)
# Seconds that its answer may take.
_ANSWER = 10


@dataclass(frozen=True)
class Entry:
    """A file or directory; of a file also its sha256, since its text may be secret."""

    owner: str  # user:group
    mode: str
    digest: str = ""


@dataclass(frozen=True)
class EnvoyState:
    """Envoy on this host, as it is; empty: not there."""

    system: tuple[str, ...]  # ID, then ID_LIKE, of /etc/os-release
    curl: bool  # what its admin socket is asked with
    group: str  # of its user
    binary: str  # sha256
    unit: str  # sha256
    enabled: bool
    active: str  # systemd's word: active, activating, failed, inactive …
    started_from_binary: bool  # the process was started from the file that is there now
    entries: dict[str, Entry]  # path below our directory -> what is there; "" is the directory itself
    statistics: dict[str, str] | None  # name -> value; None: it does not answer
    # What a killed run kept: (path, sha256) of what was there before it; None: none was killed
    former: dict[str, str] | None = None
    former_binary: bool = False  # a killed run replaced the binary
    leftovers: tuple[str, ...] = ()  # of killed runs
    errors: tuple[str, ...] = field(default=())  # what exists but could not be read
    machine: str = ""  # of this host: x86_64, aarch64 …
    busy: bool = False  # another run is changing it, and went on for all the time that was waited


class Envoy(FactBase[EnvoyState | None]):
    """Binary, user, unit, process, files, and what Envoy itself says, in one command."""

    def command(
        self, binary: str, unit: str, directory: str, service: str, user: str, socket: str,
        lock: str, wait: int,
    ) -> StringCommand:  # fmt: skip
        """The command; secrets stay on the host, only their sha256 comes back.

        + binary, unit, directory, socket, lock: absolute paths
        + service: the unit's name
        + wait: seconds, for a change to end that is under way: its run may have been killed, and it goes on
        """
        values = {
            "binary": binary, "unit": unit, "dir": directory, "service": service, "socket": socket,
            "lock": lock, "wait": str(wait),
        }  # fmt: skip
        return StringCommand(
            "export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin; . /etc/os-release; echo system=$ID $ID_LIKE;",
            *(bit for name, value in values.items() for bit in _assigned(name, value)),
            '[ ! -e "$lock" ] || flock -s -w "$wait" "$lock" true || echo busy=yes;',
            "echo machine=$(uname -m);",
            "command -v curl >/dev/null && echo curl=yes;",
            "{ g=$(id -gn", QuoteString(user), ') && echo "group=$g"; } 2>/dev/null;',
            'sum() { [ ! -e "$2" ] || { s=$(sha256sum <"$2") && echo "$1=${s%% *}" || echo "error=$2"; }; };',
            'sum binary "$binary"; sum unit "$unit";',
            'systemctl show "$service" -p UnitFileState -p ActiveState -p MainPID | sed s/^/show=/;',
            'pid=$(systemctl show "$service" -p MainPID --value);',
            '[ "${pid:-0}" != 0 ] && [ "/proc/$pid/exe" -ef "$binary" ] && echo started_from_binary=yes;',
            # a directory: mode and owner; a file: these and its digest
            'if [ -d "$dir" ]; then',
            "find \"$dir\" -printf 'entry=%u:%g %m ./%P\\n';",
            "cd \"$dir\" && find . -type f -exec sha256sum {} + | sed 's/^/digest=/'; cd /; fi;",
            'if [ -d "$dir.before" ]; then echo former=; cd "$dir.before" &&',
            "find . -type f -exec sha256sum {} + | sed 's/^/former=/'; cd /;",
            '[ "$binary.before" -ef "$binary" ] || echo former_binary=yes; fi;',
            'for f in "$dir.new" "$dir.before.new" "$dir.done" "${binary%/*}/new" "$binary.before";',
            'do [ ! -e "$f" ] || echo "leftover=$f"; done;',
            f"""s=$(curl -gsS --max-time {_ANSWER} --unix-socket "$socket" 'http://envoy/stats?filter={STATISTICS}'""",
            """2>/dev/null) && { echo answers=; printf '%s\\n' "$s" | sed s/^/statistic=/; };""",
            END,
        )  # fmt: skip

    def process(self, output: list[str]) -> EnvoyState:
        values = tagged("Envoy", output)
        one = {tag: found[0] for tag, found in values.items() if found}
        show = dict(line.partition("=")[::2] for line in values["show"])
        try:
            digests = dict(map(_digest, values["digest"]))
            former = dict(map(_digest, filter(None, values["former"]))) if "former" in values else None
            return EnvoyState(
                system=tuple(" ".join(values["system"]).split()),
                curl="curl" in one,
                group=one.get("group", ""),
                binary=one.get("binary", ""),
                unit=one.get("unit", ""),
                enabled=show.get("UnitFileState") == "enabled",
                active=show.get("ActiveState", ""),
                started_from_binary="started_from_binary" in one,
                entries=dict(_entry(line, digests) for line in values["entry"]),
                statistics=dict(_statistic(line) for line in values["statistic"] if line.strip())
                if "answers" in one
                else None,
                former=former,
                former_binary="former_binary" in one,
                leftovers=tuple(values["leftover"]),
                errors=tuple(values["error"]),
                machine=one.get("machine", ""),
                busy="busy" in one,
            )
        except ValueError as error:
            raise FactProcessError(f"Envoy: {error}") from error


def _assigned(name: str, value: str) -> list[StringCommand]:
    return [StringCommand(f"{name}=", QuoteString(value), ";", _separator="")]


def _digest(line: str) -> tuple[str, str]:
    """A line of sha256sum: 64 digits, two spaces, ./PATH."""
    digest, _, path = line.partition("  ./")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ValueError(f"no sha256sum's line: {path}")
    return path, digest


def _entry(line: str, digests: dict[str, str]) -> tuple[str, Entry]:
    owner, mode, path = line.split(" ", 2)
    path = path.removeprefix("./")
    return path, Entry(owner, mode, digests.get(path, ""))


def _statistic(line: str) -> tuple[str, str]:
    """NAME: NUMBER, or NAME: "TEXT"."""
    name, separator, value = line.partition(": ")
    if not separator:
        raise ValueError(f"no statistic: {line}")
    return name, value.strip('"')
