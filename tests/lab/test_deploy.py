"""The deploy on real hosts: what it makes, that drift is seen and goes, that a plan touches nothing."""

from __future__ import annotations

import re
from typing import Any

from tests.lab.conftest import STORAGE_ONLY, Lab
from tests.lab.unchanged import evidence

EXPORT = "/srv/nfs/breakwater"


def test_first_deploy_changes_and_proves(deployed: Lab, first_report: dict[str, Any]) -> None:
    assert first_report["result"] == "done"
    parts = {
        host: {name: part["status"] for name, part in found.items()}
        for host, found in first_report["hosts"].items()
    }
    assert parts["storage"]["NFS server"] == "done"
    assert parts["node1"]["NFS client"] == parts["node2"]["NFS client"] == "done"
    assert parts["node1"]["Images"] == parts["node2"]["Images"] == "done"
    assert parts["@local"]["Storage class"] == "done"
    # mounted by both nodes; written by a pod, read on the other node; seen on the storage host
    assert {parts[name]["Proof"] for name in ("storage", "node1", "node2", "@local")} == {"done"}


def test_the_proof_leaves_nothing(deployed: Lab) -> None:
    assert deployed.on("storage", f"ls -A {EXPORT}").strip() == ""
    volumes = deployed.inside("kubectl", "get", "pv,pvc,pods", "-A", "-o", "name").output
    assert "proof" not in volumes


OURS = "/etc/exports.d/breakwater.exports"


def test_damage_fails_the_hosts_tests_and_is_put_back(deployed: Lab) -> None:
    deployed.on("storage", f"sed -i s/10.77.0.21/10.77.0.99/ {OURS} && exportfs -ra")
    deployed.on("storage", "systemctl stop nfs-server")
    deployed.on("node1", "dpkg --remove --force-depends nfs-common")
    broken = deployed.host_tests(check=False)
    assert broken.code == 1
    for named in ("nfs_server_runs", "the_exports_file_is_ours", "the_kernel_exports", "nfs_can_be_mounted"):
        assert re.search(rf"FAILED .*test_{named}", broken.output), broken.output[-3000:]

    repaired = deployed.deploy()
    hosts = repaired.report["hosts"]
    assert hosts["storage"]["NFS server"]["status"] == hosts["node1"]["NFS client"]["status"] == "done"
    # A run that changed something ends by proving it.
    assert {hosts[name]["Proof"]["status"] for name in ("storage", "node1", "node2", "@local")} == {"done"}
    deployed.host_tests()


def test_a_plan_touches_nothing(deployed: Lab) -> None:
    deployed.on("storage", f"rm {OURS} && sync")
    try:
        before = evidence(deployed)
        plan = deployed.inside("pyinfra", "--dry", STORAGE_ONLY, "deploy.py", timeout=300)
        assert "Directories exported" in plan.output
        assert evidence(deployed) == before
    finally:
        deployed.deploy()


def test_a_lost_host_ends_the_run_before_anything_changes(deployed: Lab) -> None:
    deployed.on("storage", f"rm {OURS}")
    # The guest stays up and its ssh is gone: only a new lab restores it.
    deployed.on("node2", "systemctl stop ssh.socket ssh", check=False)
    try:
        result = deployed.deploy(check=False)
        assert result.code != 0
        assert result.report["result"] == "failed"
        assert "node2" in " ".join(result.report["ended_because"])
        assert result.report["hosts"]["storage"]["NFS server"]["status"] == "not reached"
        assert "No such file" in deployed.on("storage", f"ls {OURS}", check=False)
    finally:
        deployed.spoil()
