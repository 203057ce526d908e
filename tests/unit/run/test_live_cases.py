"""What `pytest tests/live` shows of any Harbor, it shows of the lab's stand-in."""

import os
import subprocess
import sys
from pathlib import Path

from standin import ADDRESS, running

REPOSITORY = Path(__file__).resolve().parents[3]


def test_they_pass_on_the_stand_in(tmp_path: Path) -> None:
    with running(tmp_path) as standin:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "tests/live", "-q", "-p", "no:cacheprovider"),
                *("--harbor", f"https://{ADDRESS}:{standin.port}", "--ca", standin.ca),
                *("--password-file", str(tmp_path / "password")),
            ],
            cwd=REPOSITORY, env={**os.environ, "PYTEST_ADDOPTS": ""},
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout
