"""What the lab runs: commands with a limit, and daemons that are found again and ended by their own id.

A daemon has a file in the state folder with its process id and start time, so that a
process id which the kernel gave to somebody else is never taken for ours. The daemon's
own shell writes that file before it becomes the daemon: a lab killed at any moment
leaves no daemon without one.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from lab import paths

NAMESPACE = "breakwater"
# $1 is the record, the rest the command. exec keeps the process id and its start time.
RECORD_THEN_BECOME = """
read -r stat < /proc/$$/stat && printf '%s\\n' "$stat" > "$1.new" && mv "$1.new" "$1" && shift && exec "$@"
"""


class Failure(Exception):
    """Something the user must know: what failed, the log lines that matter, what to do next."""


def in_namespace(argv: Sequence[str]) -> list[str]:
    """The same command, run inside the lab's network."""
    return ["ip", "netns", "exec", NAMESPACE, *argv]


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float,
    what: str = "",
    input: bytes | None = None,
    check: bool = True,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, its output captured.

    + timeout: seconds; the command is killed after them
    + what: what it does, for the message when it fails
    + check: raise Failure, with the last lines, when it ends with another code than 0
    """
    what = what or " ".join(str(a) for a in argv[:6])
    try:
        done = subprocess.run(
            [str(a) for a in argv],
            # Never none: a command must not read, and wait on, the user's terminal.
            input=input or b"",
            capture_output=True,
            timeout=timeout,
            env={**os.environ, **(env or {})},
        )
    except subprocess.TimeoutExpired as ended:
        seen = (ended.stdout or b"") + (ended.stderr or b"")
        raise Failure(
            f"{what}: no end within {timeout:g} s{last_lines(seen.decode(errors='replace'))}"
        ) from None
    except FileNotFoundError:
        raise Failure(
            f"{what}: {argv[0]} is not installed; `python -m lab up` installs what it needs"
        ) from None
    text = [stream.decode(errors="replace") for stream in (done.stdout, done.stderr)]
    if check and done.returncode:
        raise Failure(f"{what}: ended with {done.returncode}{last_lines(text[0] + text[1])}")
    return subprocess.CompletedProcess(done.args, done.returncode, *text)


def last_lines(text: str, count: int = 15) -> str:
    """The end of a log, indented, to stand behind a message; nothing when it is empty."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()][-count:]
    return "".join(f"\n    {line}" for line in lines)


def start(
    name: str, argv: Sequence[str], *, namespace: bool = True, env: dict[str, str] | None = None
) -> int:
    """Start a daemon in its own session, output to logs/NAME.log; nothing when it runs already.

    + name: its name in the lab, such as "etcd" or "guest-node1"
    + namespace: inside the lab's network, or on the machine itself
    + env: added to this process's environment

    Returns its process id.
    """
    running = pid(name)
    if running:
        return running
    command = in_namespace(argv) if namespace else list(argv)
    _file(name).unlink(missing_ok=True)
    with log(name).open("ab") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", RECORD_THEN_BECOME, "sh", str(_file(name)), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
    deadline = time.monotonic() + 10
    while not _file(name).exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failure(f"{name}: did not start{last_lines(_tail(log(name)))}")
        time.sleep(0.01)
    return process.pid


def pid(name: str) -> int | None:
    """The process id of a daemon that runs, or None."""
    try:
        process, started = _identity(_file(name).read_text())
    except (FileNotFoundError, ValueError, IndexError):
        return None
    return process if _start_time(process) == started else None


def send(name: str, number: signal.Signals) -> None:
    """Send a signal to a daemon, if it runs."""
    running = pid(name)
    if running:
        # It may end between the look and the signal.
        with contextlib.suppress(ProcessLookupError):
            os.kill(running, number)


def stop(name: str, *, timeout: float = 20) -> None:
    """End a daemon: SIGTERM, and SIGKILL after `timeout` seconds. Nothing when it does not run."""
    send(name, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while pid(name) and time.monotonic() < deadline:
        time.sleep(0.05)
    send(name, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while pid(name):
        if time.monotonic() > deadline:
            raise Failure(f"{name}: process {pid(name)} does not end, not even by SIGKILL")
        time.sleep(0.05)
    _file(name).unlink(missing_ok=True)


def names() -> list[str]:
    """Every daemon that has a record, running or not."""
    return sorted(file.stem for file in _file("any").parent.glob("*.stat"))


def log(name: str) -> Path:
    """The daemon's log."""
    return paths.logs() / f"{name}.log"


def log_end(name: str, count: int = 15) -> str:
    """The last lines of the daemon's log, to stand behind a message."""
    return last_lines(_tail(log(name)), count)


def _tail(file: Path, size: int = 20_000) -> str:
    if not file.exists():
        return ""
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - size))
        return opened.read().decode(errors="replace")


def _file(name: str) -> Path:
    folder = paths.state() / "processes"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.stat"


def _identity(stat: str) -> tuple[int, int]:
    """Process id and start time, in clock ticks since boot, of a line of /proc/PID/stat."""
    head, _, fields = stat.rpartition(")")
    return int(head.split()[0]), int(fields.split()[19])


def _start_time(process: int) -> int | None:
    """The start time of a process that runs; None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if stat.rpartition(")")[2].split()[0] == "Z" else _identity(stat)[1]
