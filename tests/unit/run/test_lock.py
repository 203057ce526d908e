"""One run at a time on a bastion."""

import getpass
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from breakwater import lock
from breakwater.commands import Refusal

HOLD = """
import pathlib, sys
from breakwater import lock
held = lock.hold(pathlib.Path(sys.argv[1]))
print("held", flush=True)
input()
"""


def holder(folder: Path) -> "subprocess.Popen[str]":
    """Another run, which has the lock when this returns."""
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(lock.__file__).parents[1],
    )
    assert other.stdout
    assert other.stdout.readline() == "held\n"
    return other


def test_the_second_is_told_who_and_may_begin_when_the_first_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    other = holder(folder)
    with pytest.raises(Refusal) as refusal:
        lock.hold(folder)
    said = str(refusal.value)
    assert said.startswith(f"another run is going on: {getpass.getuser()}, process {other.pid}, since 20")
    assert said.endswith("; wait for it, or end that process")
    os.kill(other.pid, signal.SIGKILL)
    other.communicate()
    with lock.hold(folder) as held:
        assert f"process {os.getpid()}," in (folder / "lock").read_text()
        assert str(other.pid) not in (folder / "lock").read_text()
    assert held.closed


def test_the_folder_is_made_for_its_user_alone(tmp_path: Path) -> None:
    with lock.hold(tmp_path / "a" / "state"):
        assert oct((tmp_path / "a" / "state").stat().st_mode) == "0o40700"


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_folder_that_cannot_be_made(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        Refusal, match=r"^state: .*file.* cannot be used: .*; name a folder that you can write"
    ):
        lock.hold(tmp_path / where)
