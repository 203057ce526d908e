"""The lab's guests, and how to say something to one: every word to them has a limit."""

import os
import secrets
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab import console, keys, processes
from lab.processes import Failure, in_namespace


@dataclass(frozen=True)
class Guest:
    """One virtual machine.

    + address: on the lab's bridge, /24
    + memory_mib: what it is given, in MiB
    + data_gib: size of its second disk, mounted at /srv, in GiB; 0 is none
    """

    name: str
    address: str
    cpus: int
    memory_mib: int
    data_gib: int = 0


GUESTS = (
    Guest("storage", "10.77.0.11", 1, 1024, data_gib=8),
    Guest("node1", "10.77.0.21", 2, 3072),
    Guest("node2", "10.77.0.22", 2, 3072),
    Guest("proxy", "10.77.0.31", 1, 1024),
)


def guest(name: str) -> Guest:
    """The guest of that name."""
    for one in GUESTS:
        if one.name == name:
            return one
    raise Failure(f"no guest is called {name!r}; there are {', '.join(g.name for g in GUESTS)}")


def ssh_argv(to: Guest, *, user: str = "root") -> list[str]:
    """The ssh command line that reaches a guest from the machine."""
    return in_namespace(["ssh", "-F", str(keys.config()), "-l", user, to.name])


def ssh(
    guest: Guest, command: str, *, timeout: float, input: bytes | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a shell command on a guest, as root.

    + timeout: seconds, connecting included; ssh is killed after them
    + check: raise Failure, with the last lines, when it ends with another code than 0
    """
    what = f"{guest.name}: {command.strip().splitlines()[0][:100]}"
    try:
        return processes.run(
            [*ssh_argv(guest), "--", command], timeout=timeout, input=input, check=check, what=what
        )
    except Failure as failure:
        panic = console.panic(guest.name)
        if panic:
            raise Failure(
                f"{guest.name}: its kernel panicked, so nothing it is asked is answered:{panic}"
            ) from None
        raise failure


def upload(guest: Guest, local: Path, remote: str, *, mode: int = 0o644, timeout: float = 120) -> None:
    """Copy a file to a guest as root's: whole or not at all.

    + mode: its permissions there
    + timeout: seconds
    """
    temporary = f"{os.path.dirname(remote)}/.{secrets.token_hex(6)}.lab"
    q = shlex.quote
    command = (
        f"mkdir -p {q(os.path.dirname(remote))} && trap 'rm -f {temporary}' EXIT && cat > {q(temporary)}"
        f" && [ $(stat -c %s {q(temporary)}) = {local.stat().st_size} ]"
        f" && chmod {mode:o} {q(temporary)} && mv -T {q(temporary)} {q(remote)}"
    )
    with local.open("rb") as content:
        try:
            done = subprocess.run(
                [*ssh_argv(guest), "--", command], stdin=content, capture_output=True, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"{guest.name}: upload of {remote} took more than {timeout:g} s") from None
    if done.returncode:
        raise Failure(
            f"{guest.name}: upload of {remote} ended with {done.returncode}"
            f"{processes.last_lines(done.stderr.decode(errors='replace'))}"
        )
