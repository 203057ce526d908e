"""Who listens at ports of a host: a part of preflight's fact."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_LINE = re.compile(r"^(?P<group>\S*) LISTEN +\d+ +\d+ +(?P<address>\S+):(?P<port>\d+) +\S+(?P<users>.*)$")
_USER = re.compile(r'\("(?P<program>[^"]*)",pid=(?P<pid>\d+)')


@dataclass(frozen=True)
class Listener:
    """A socket that listens."""

    address: str  # as ss says it: 0.0.0.0, [::] (IPv6 alone), * (both), or one of the host's own
    port: int
    program: str = ""  # empty: the kernel's own
    pid: int = 0
    group: str = ""  # its control group: where systemd and container runtimes put it


def look(ports: Sequence[int]) -> list[str]:
    """Shell words that print it."""
    wanted = " or ".join(f"sport = :{port}" for port in ports)
    return [
        f"taken=$(ss -H -ltnp '{wanted}' 2>/dev/null) && echo taken_read= &&",
        """printf '%s\\n' "$taken" | while read -r l; do [ -n "$l" ] || continue;""",
        "g=; p=${l#*pid=}; p=${p%%,*};",
        '[ "$p" = "$l" ] || g=$(cut -d: -f3 "/proc/$p/cgroup" 2>/dev/null | tail -n 1);',
        'echo "taken=$g $l"; done;',
    ]


def read(values: Mapping[str, list[str]]) -> tuple[Listener, ...] | None:
    """What the answer says; None when it was not asked or could not be told. Raises ValueError.

    + values: of each tag
    """
    if not values.get("taken_read"):
        return None
    return tuple(map(_listener, values.get("taken", [])))


def _listener(line: str) -> Listener:
    found = _LINE.match(line)
    if found is None:
        raise ValueError(f"no line of ss: {line}")
    user = _USER.search(found["users"])
    address = found["address"].partition("%")[0]
    if user is None:
        return Listener(address, int(found["port"]))
    return Listener(address, int(found["port"]), user["program"], int(user["pid"]), found["group"])
