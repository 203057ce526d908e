"""Long-lived processes of the lab: started once, found again, ended by their own id.

Each has a file in the state folder with its process id and start time, so that a
process id which the kernel gave to somebody else is never taken for ours.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from lab import paths

NAMESPACE = "breakwater"


def in_namespace(argv: Sequence[str]) -> list[str]:
    """The same command, run inside the lab's network."""
    return ["ip", "netns", "exec", NAMESPACE, *argv]


def start(name: str, argv: Sequence[str], *, namespace: bool = True, env: dict[str, str] | None = None) -> int:
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
    with log(name).open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
    record = {"pid": process.pid, "started": _start_time(process.pid)}
    temporary = _file(name).with_suffix(".new")
    temporary.write_text(json.dumps(record))
    temporary.rename(_file(name))
    return process.pid


def pid(name: str) -> int | None:
    """The process id of a daemon that runs, or None."""
    try:
        record = json.loads(_file(name).read_text())
    except (FileNotFoundError, ValueError):
        return None
    started = _start_time(record["pid"])
    return record["pid"] if started is not None and started == record["started"] else None


def send(name: str, number: signal.Signals) -> None:
    """Send a signal to a daemon, if it runs."""
    running = pid(name)
    if running:
        os.kill(running, number)


def stop(name: str, *, timeout: float = 20) -> None:
    """End a daemon: SIGTERM, and SIGKILL after `timeout` seconds. Nothing when it does not run."""
    running = pid(name)
    if running:
        os.kill(running, signal.SIGTERM)
        deadline = time.monotonic() + timeout
        while pid(name) and time.monotonic() < deadline:
            time.sleep(0.1)
        send(name, signal.SIGKILL)
        while pid(name):
            time.sleep(0.05)
    _file(name).unlink(missing_ok=True)


def log(name: str) -> Path:
    """The daemon's log."""
    return paths.logs() / f"{name}.log"


def _file(name: str) -> Path:
    folder = paths.state() / "processes"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.json"


def _start_time(process: int) -> int | None:
    """The kernel's start time of a process in clock ticks since boot; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])
