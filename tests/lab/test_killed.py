"""The deploy is killed in each of its parts: the next run goes on from there, and the last one converges."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.lab.clients import equip
from tests.lab.conftest import DEPLOY, DOMAIN, HARBOR_ONLY, REPOSITORY, WHOLE, Lab, deploy_command

KILL, TERM = signal.SIGKILL, signal.SIGTERM
# An operation's name, seconds into it at which the deploy is killed, in the middle of what takes long, and by
# what: pyinfra has no time to do anything, or is asked to end.
TO_HARBOR = [
    ("NFS server", 10, KILL),
    ("NFS client", 10, TERM),
    ("Images", 5, KILL),
    ("Proof | Class", 4, KILL),
    # what Helm was doing goes on without its run; the next one finds it pending, or done
    ("Harbor | Harbor released", 1, KILL),
    ("Registry", 0.5, KILL),
]
TO_THE_DOMAIN = [
    ("Proxy | Envoy", 8, KILL),
    ("Proof | Image", 5, TERM),
]
# In `make faults` alone: the first changes nothing, the others are short, or like one above.
IN_THE_MATRIX = [
    ("Preflight", 0.5, KILL),
    ("Trust", 3, KILL),
    ("Storage class", 1, KILL),
    ("Proof | Exports", 2, TERM),
    ("Harbor | Secrets", 0.1, KILL),
    ("Harbor | Harbor released", 0.2, TERM),
]


@pytest.mark.saves
def test_killed_in_each_part_up_to_harbor(clean: Lab) -> None:
    """Each run gets through the part that killed the one before, and is killed in the next."""
    clean.inventory = HARBOR_ONLY
    for part, delay, by in TO_HARBOR:
        kill_deploy_in(clean, part, delay, by)
    converged(clean)
    clean.save("harbor")


@pytest.mark.saves
def test_killed_in_each_part_up_to_the_domain(harbored_once: Lab) -> None:
    lab = harbored_once.go_to("harbor")
    equip(lab, DOMAIN)
    lab.inventory = WHOLE
    for part, delay, by in TO_THE_DOMAIN:
        kill_deploy_in(lab, part, delay, by)
    converged(lab)
    lab.save("whole")


@pytest.mark.faults
@pytest.mark.parametrize(
    ("part", "delay", "by"),
    [(p, d * f, by) for p, d, by in TO_HARBOR + TO_THE_DOMAIN + IN_THE_MATRIX for f in (0.2, 1, 2)],
)
def test_killed_once_from_clean(clean: Lab, part: str, delay: float, by: signal.Signals) -> None:
    clean.inventory = WHOLE
    kill_deploy_in(clean, part, delay, by)
    converged(clean)
    clean.host_tests()


def kill_deploy_in(lab: Lab, part: str, delay: float, by: signal.Signals) -> None:
    """Start a deploy, wait until it is in this part, and kill it there.

    + delay: seconds after the part's first operation began; a part that is shorter is killed in what follows
    """
    command = [sys.executable, "-m", "lab", "exec", "--", *deploy_command(inventory=lab.inventory)]
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
        os.kill(process.pid, by)
        process.wait(timeout=60)
        process.stdout.close()
    # else there is nothing to converge from, and the test shows nothing
    assert process.returncode != 0, f"the deploy was over {delay} s after {part} began"


def converged(lab: Lab) -> None:
    """One more run makes it whole; a further one finds nothing to do (test_domain asks the hosts)."""
    final = lab.deploy()
    assert final.report["result"] == "done", final.output[-3000:]
    assert final.report["hosts"]["@local"]["Proof"]["status"] == "done"
    again = lab.deploy()
    assert again.report["result"] == "unchanged", again.output[-3000:]
    # Nor does a proof that was killed leave anything on the storage host or on a node.
    assert "proof" not in lab.on("storage", "ls -A /srv/nfs/breakwater")
    for node in ("node1", "node2"):
        assert "breakwater-proof" not in lab.on(node, "ls /run; cat /proc/mounts")
