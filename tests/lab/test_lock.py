"""One run at a time on real hosts: the second is told about the first; the dead hold nobody up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.lab.conftest import DEPLOY, REPOSITORY, Lab, deploy_command

LEASE = ("--namespace", "kube-system", "lease", "breakwater")


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A deploy that is at its first operation; killed, if it still goes on at the end."""
    command = [sys.executable, "-m", "lab", "exec", "--", *deploy_command(*arguments)]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    assert process.stdout
    try:
        assert any("Starting operation: " in line for line in process.stdout), "it ended before it began"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_second_run_is_told_about_the_first(deployed: Lab) -> None:
    with running("--data", "prove=always") as first:
        second = deployed.deploy(check=False)
        assert second.code == 2
        assert f"another run is going on: root, process {first.pid}, since 20" in second.output
        assert "Starting operation" not in second.output
        assert lease(deployed)["holderIdentity"].endswith(f", process {first.pid}")
        first.communicate(timeout=DEPLOY)
        assert first.returncode == 0
    assert lease(deployed) == {}


def test_a_killed_run_of_this_machine_is_taken_over_at_once(deployed: Lab) -> None:
    with running() as killed:
        os.kill(killed.pid, signal.SIGKILL)
    assert lease(deployed)["holderIdentity"].endswith(f", process {killed.pid}")
    after = deployed.deploy()
    assert after.report["result"] in ("done", "unchanged")
    assert "has ended" not in after.output
    assert lease(deployed) == {}


@pytest.fixture
def elsewhere(deployed: Lab, tmp_path: Path) -> Iterator[Path]:
    """A file for a lease of another bastion's."""
    yield tmp_path / "lease"
    deployed.inside("kubectl", "delete", *LEASE, "--ignore-not-found")


def test_a_run_of_another_bastion_is_told_by_its_lease(deployed: Lab, elsewhere: Path) -> None:
    hold(deployed, elsewhere, age=0)
    refused = deployed.deploy(check=False)
    assert refused.code == 2
    said = "another run is going on: ada on desk, process 7, since 2026-01-02 03:04:05 UTC; wait for it"
    assert said in refused.output
    assert "Starting operation" not in refused.output


def test_a_dead_one_elsewhere_is_taken_over_when_its_lease_has_ended(deployed: Lab, elsewhere: Path) -> None:
    hold(deployed, elsewhere, age=40)
    after = deployed.deploy()
    assert "the lease of ada on desk, process 7, since 2026-01-02 03:04:05 UTC has ended" in after.output
    assert after.report["result"] in ("done", "unchanged")
    assert lease(deployed) == {}


def hold(lab: Lab, file: Path, age: float) -> None:
    """Write another bastion's lease, renewed so many seconds ago."""
    renewed = datetime.now(UTC) - timedelta(seconds=age)
    item = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "breakwater", "namespace": "kube-system"},
        "spec": {
            "holderIdentity": "ada on desk, process 7",
            "leaseDurationSeconds": 30,
            "acquireTime": "2026-01-02T03:04:05.000000Z",
            "renewTime": renewed.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
    }
    file.write_text(json.dumps(item))
    lab.inside("kubectl", "apply", "-f", str(file))


def lease(lab: Lab) -> dict[str, str]:
    """Who holds the cluster's lease, and since when; empty when nobody does."""
    found = lab.inside("kubectl", "get", *LEASE, "--ignore-not-found", "-o", "json").output
    spec: dict[str, str] = json.loads(found)["spec"] if found.strip() else {}
    return spec
