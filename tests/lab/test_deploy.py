"""The whole deploy on real hosts: what it makes, that a second run changes nothing, that drift goes."""

from __future__ import annotations

import re
from typing import Any

from tests.lab.conftest import STORAGE_ONLY, Lab

GUESTS = ("storage", "node1", "node2", "proxy")
EXPORT = "/srv/nfs/breakwater"

# Where a second run must write nothing; /etc also covers our exports file and units.
WATCHED = "/etc /usr/local /var/lib/breakwater /var/lib/nfs/etab"
# Objects that change by themselves: leases and leader election, nodes' status, events.
RESTLESS = {"leases", "events", "nodes", "componentstatuses"}


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


def test_second_run_changes_nothing_seen_from_outside(deployed: Lab) -> None:
    changes_nothing(deployed)


def test_second_run_needs_three_commands_a_host_at_most(deployed: Lab) -> None:
    needs_three_commands_a_host_at_most(deployed)


def test_hosts_tests_pass(deployed: Lab) -> None:
    passed = deployed.host_tests()
    assert " passed" in passed.output
    skipped = [line for line in passed.output.splitlines() if line.startswith("SKIPPED")]
    assert all("there is no Harbor" in line for line in skipped), skipped


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


def changes_nothing(lab: Lab) -> None:
    """One more run leaves hosts and cluster as they are, whatever it says itself."""
    before = evidence(lab)
    result = lab.deploy()
    assert result.report["result"] == "unchanged"
    assert result.statuses() == {"unchanged"}
    after = evidence(lab)
    for place in before:
        assert sorted(after[place] ^ before[place]) == [], place


def needs_three_commands_a_host_at_most(lab: Lab) -> None:
    """One more run, and what every guest's sshd saw of it."""
    marks = {guest: lab.on(guest, "date '+%F %T.%N' && sync").strip() for guest in GUESTS}
    assert lab.deploy().report["result"] == "unchanged"
    for guest in GUESTS:
        # sshd at LogLevel VERBOSE writes a line for each command, whoever sends it; root's is ours.
        log = lab.on(guest, f"journalctl -q -t sshd-session --since '{marks[guest][:19]}' -o cat")
        commands = re.findall(r"Starting session: (?:command|subsystem).* for debian ", log)
        # The proxy is only connected to, so far.
        allowed = (0, 0) if guest == "proxy" else (1, 3)
        assert allowed[0] <= len(commands) <= allowed[1], f"{guest}: {commands}"


def evidence(lab: Lab) -> dict[str, set[str]]:
    """What a run that changes nothing must leave as it is, as the hosts and the cluster show it: lines."""
    found = {
        **{f"files of {guest}": _files(lab, guest) for guest in GUESTS},
        **{f"units of {guest}": _units(lab, guest) for guest in GUESTS},
        "releases": lab.inside("helm", "list", "-A", "-o", "json").output,
        "objects": _objects(lab),
    }
    return {place: set(text.splitlines()) for place, text in found.items()}


def _files(lab: Lab, guest: str) -> str:
    """Name, times and size of every file that breakwater could write, and of what is in its exports."""
    times = "-printf '%p %T@ %C@ %s %m %u\\n'"
    # The volumes in an export are their pods' to write.
    volumes = (
        f"find {EXPORT} -mindepth 1 -maxdepth 1 -printf '%p %m %u\\n'; find {EXPORT} -maxdepth 0 {times}"
    )
    # containerd's and the kubelet's own run-time files are not under these.
    return lab.on(guest, f"{{ find {WATCHED} {times}; {volumes}; }} 2>/dev/null | sort")


def _units(lab: Lab, guest: str) -> str:
    """When each unit was last started, and its main process."""
    return lab.on(
        guest,
        "systemctl show --type=service --state=running -p Id -p MainPID -p ActiveEnterTimestampMonotonic '*'"
        # the session of the one who asks comes and goes
        " | paste -s -d' ' | sed 's/  /\\n/g' | grep -v -e 'Id=user@' -e 'Id=ssh@' -e session | sort",
    )


def _objects(lab: Lab) -> str:
    """Kind, namespace, name and resourceVersion of everything the cluster keeps."""
    listed = lab.inside("kubectl", "api-resources", "--verbs=list", "-o", "name").output.split()
    kinds = [kind for kind in listed if kind.partition(".")[0] not in RESTLESS]
    columns = "K:.kind,S:.metadata.namespace,N:.metadata.name,V:.metadata.resourceVersion"
    command = ["kubectl", "get", ",".join(kinds), "-A", "--no-headers", "-o", f"custom-columns={columns}"]
    return lab.inside(*command).output
