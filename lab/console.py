"""What a guest's serial console says: the only witness when its kernel dies."""

import re
from pathlib import Path

from lab import paths
from lab.processes import last_lines

PANIC = re.compile(
    r"Kernel panic|Oops: |BUG: (?!soft lockup|workqueue lockup)|double fault|Out of memory and no killable"
)


def log(name: str) -> Path:
    """The serial console's log of a guest."""
    return paths.logs() / f"console-{name}.log"


def panic(name: str) -> str | None:
    """The console's lines around a kernel panic or oops since the guest was started; None without one."""
    lines = _lines(name)
    for number, line in enumerate(lines):
        if PANIC.search(line):
            return last_lines("\n".join(lines[max(0, number - 2) : number + 12]))
    return None


def gave_up(name: str) -> bool:
    """Whether the guest's boot, or its kernel, ended where only a new start helps."""
    return panic(name) is not None or any("You are in emergency mode" in line for line in _lines(name))


def end(name: str) -> str:
    """The console's last lines."""
    return last_lines("\n".join(_lines(name)))


def _lines(name: str) -> list[str]:
    if not log(name).exists():
        return []
    text = log(name).read_bytes()[-200_000:].decode(errors="replace")
    # The console draws with escape sequences; a message must be readable in any terminal.
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text).splitlines()
