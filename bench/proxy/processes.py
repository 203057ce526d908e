"""Programs of one measurement: started, asked for their processor time, ended by their id."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Seconds until a program must listen, and until one that was told to end has ended.
_LISTENS, _ENDS = 20, 10
_TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """One that nobody listens on just now, by the kernel's choice."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def running(argv: list[str], port: int, log: Path) -> Iterator[int]:
    """The process's id, once it listens; ended afterwards, and whatever it started with it."""
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output, start_new_session=True)
    try:
        _wait_until_it_listens(process, port, log)
        yield process.pid
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            # Its own session, so its own group: nobody else is in it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_ENDS)
                break


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and of all that it started and that still runs."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / _TICK  # utime and stime, proc(5)
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(cpu_seconds(int(child)) for child in children)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _LISTENS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    said = log.read_text(errors="replace")[-2000:]
    raise SystemExit(f"{Path(str(process.args[0])).name} does not listen: {said}")  # type: ignore[index]
