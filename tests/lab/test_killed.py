"""SIGKILL of the deploy in each of its parts: the next run goes on from there, and the last one converges."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.lab.conftest import DEPLOY, REPOSITORY, Lab, deploy_command

# An operation's name, and seconds into it at which the deploy is killed: in the middle of what takes long.
PARTS = [
    ("Preflight", 0.5),
    ("NFS server", 10),
    ("NFS client", 10),
    ("Images", 5),
    ("Storage class", 1),
    ("Proof | Exports", 2),
    ("Proof | Class", 4),
]


def test_killed_in_each_part_in_turn(clean: Lab) -> None:
    """Each run gets through the part that killed the one before, and is killed in the next."""
    for part, delay in PARTS:
        kill_deploy_in(part, delay)
    converged(clean)


@pytest.mark.faults
@pytest.mark.parametrize(("part", "delay"), [(p, d * f) for p, d in PARTS for f in (0.2, 1, 2)])
def test_killed_once_from_clean(clean: Lab, part: str, delay: float) -> None:
    kill_deploy_in(part, delay)
    converged(clean)


def kill_deploy_in(part: str, delay: float) -> None:
    """Start a deploy, wait until it is in this part, and kill it there.

    + delay: seconds after the part's first operation began; a part that is shorter is killed in what follows
    """
    command = [sys.executable, "-m", "lab", "exec", "--", *deploy_command()]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout
    said = []
    deadline = time.monotonic() + DEPLOY
    try:
        for line in process.stdout:
            said.append(line)
            if f"Starting operation: {part}" in line:
                break
            assert time.monotonic() < deadline, f"{part} not begun after {DEPLOY} s: {''.join(said[-20:])}"
        else:
            pytest.fail(f"the deploy ended before it came to {part}:\n{''.join(said[-40:])}")
        time.sleep(delay)
    finally:
        # pyinfra alone: what it started on this machine and on hosts goes on, as in real life.
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=20)
        process.stdout.close()


def converged(lab: Lab) -> None:
    """One more run makes it whole; a further one finds nothing to do; the hosts agree."""
    final = lab.deploy()
    assert final.report["result"] == "done", final.output[-3000:]
    assert final.report["hosts"]["@local"]["Proof"]["status"] == "done"
    again = lab.deploy()
    assert again.report["result"] == "unchanged", again.output[-3000:]
    lab.host_tests()
    # Nor does a proof that was killed leave anything on the storage host or on a node.
    assert lab.on("storage", "ls -A /srv/nfs/breakwater").strip() == ""
    for node in ("node1", "node2"):
        assert "breakwater-proof" not in lab.on(node, "ls /run; cat /proc/mounts")
