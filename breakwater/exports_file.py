"""Our exports file: what stands in it, what it means, and what the kernel makes of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from breakwater.nfs_options import complete, meaning, shown_meaning
from breakwater.settings import Export

HEAD = "# Managed by breakwater from group_data/all.py; the next run puts changes back."

# (path, client) -> the options' meaning
Table = dict[tuple[str, str], dict[str, str]]


def line_of(export: Export, clients: Sequence[str], mountpoint: str) -> str:
    """One export, as exports(5) has it.

    + clients: addresses, networks, or "*"
    + mountpoint: where its disk is mounted; empty for a directory of the system's own disk
    """
    options = ",".join(complete(export.options, mountpoint))
    return " ".join([export.path, *(f"{client}({options})" for client in clients)])


def text_of(lines: Iterable[str]) -> str:
    """The whole file."""
    return "".join(f"{line}\n" for line in (HEAD, *lines))


def lines_of(text: str | None) -> dict[str, str]:
    """{path: its line} of a file that was written as above."""
    lines = [line for line in (text or "").splitlines() if line.startswith("/")]
    return {line.split()[0]: line for line in lines}


def table_of(text: str | None) -> Table:
    """What the file puts into the kernel's table."""
    return {
        (path, client): meaning(options.rstrip(")").split(","))
        for path, line in lines_of(text).items()
        for client, _, options in (word.partition("(") for word in line.split()[1:])
    }


def mountpoints_of(text: str | None) -> dict[str, str]:
    """{path: where its disk was mounted when it was first exported}; empty: it was on the system's own."""
    return {path: options["mountpoint"] for (path, _), options in table_of(text).items()}


def in_kernel(
    live: Mapping[tuple[str, str], Collection[str]], text: str, former: str | None, foreign: Iterable[str]
) -> bool:
    """Whether the kernel exports what the text says, with the same meaning, and of our paths nothing else.

    + live: the kernel's table
    + former: the file as it is; what left it must have left the kernel too
    + foreign: paths that others' files name as well: further clients there are theirs
    """
    wanted = table_of(text)
    ours = {path for path, _ in (*wanted, *table_of(former))} - set(foreign)
    extra = {key for key in live if key[0] in ours} - set(wanted)
    same = all(key in live and shown_meaning(live[key]) == options for key, options in wanted.items())
    return same and not extra
