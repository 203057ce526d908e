"""What `pytest tests/live` shows of any Harbor, it shows of the lab's stand-in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from standin import ADDRESS, running

REPOSITORY = Path(__file__).resolve().parents[3]


def live(*options: str) -> "subprocess.CompletedProcess[str]":
    """`pytest tests/live`, as a user types it."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "tests/live", "-q", "-p", "no:cacheprovider", *options],
        cwd=REPOSITORY, env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_they_pass_on_the_stand_in(tmp_path: Path) -> None:
    with running(tmp_path) as standin:
        where = ("--harbor", f"https://{ADDRESS}:{standin.port}", "--ca", standin.ca)
        done = live(*where, "--password-file", str(tmp_path / "password"))
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout


def test_a_file_that_is_not_there_is_said_once(tmp_path: Path) -> None:
    done = live("--harbor", "https://registry.example.org", "--password-file", str(tmp_path / "none"))
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip() == f"ERROR: --password-file {tmp_path}/none: there is no such file"
