"""Daemons are found again and ended by their own id, whatever happened to whoever started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import processes
from lab.processes import Failure


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_a_daemon_is_started_once_and_ended() -> None:
    first = processes.start("sleeper", ["sleep", "60"], namespace=False)
    assert processes.start("sleeper", ["sleep", "60"], namespace=False) == first
    assert processes.pid("sleeper") == first
    processes.stop("sleeper")
    assert processes.pid("sleeper") is None
    assert processes.names() == []


def test_a_process_id_given_to_somebody_else_is_not_ours() -> None:
    process = processes.start("sleeper", ["sleep", "60"], namespace=False)
    record = processes._file("sleeper")
    text = record.read_text()
    started = text.rpartition(")")[2].split()[19]
    record.write_text(text.replace(f" {started} ", " 1 "))
    assert processes.pid("sleeper") is None
    processes.stop("sleeper")
    os.kill(process, 0)  # it was left alone
    os.kill(process, signal.SIGKILL)


def test_whoever_starts_a_daemon_may_be_killed_at_once(tmp_path: Path) -> None:
    """The record is the daemon's own work: it is there although its starter never came back from Popen."""
    code = (
        "import os, signal, subprocess\n"
        "from lab import processes\n"
        "real = subprocess.Popen\n"
        "def killed(*a, **k):\n"
        "    real(*a, **k)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "subprocess.Popen = killed\n"
        "processes.start('sleeper', ['sleep', '60'], namespace=False)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=30)
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while processes.pid("sleeper") is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes.pid("sleeper")
    processes.stop("sleeper")


def test_one_that_ignores_sigterm_is_killed() -> None:
    processes.start("stubborn", ["sh", "-c", "trap '' TERM; sleep 60 & wait; wait"], namespace=False)
    time.sleep(0.2)
    processes.stop("stubborn", timeout=0.5)
    assert processes.pid("stubborn") is None


def test_a_command_that_hangs_says_what_and_how_long() -> None:
    with pytest.raises(Failure, match=r"the long one: no end within 0\.2 s"):
        processes.run(["sleep", "5"], timeout=0.2, what="the long one")


def test_a_command_that_fails_shows_its_last_lines() -> None:
    with pytest.raises(Failure, match=r"talk: ended with 3\n    out\n    err"):
        processes.run(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout=5, what="talk")


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(Failure, match="no-such-program is not installed"):
        processes.run(["no-such-program"], timeout=5)
