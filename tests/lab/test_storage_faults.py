"""Faults of storage on real hosts: what a pod keeps, what a run refuses, and what nobody touches."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import control_plane, guests, qemu
from tests.lab.claims import NAMESPACE, by_hand, in_pod, kubectl, make, use_claim
from tests.lab.conftest import Lab, varied

EXPORT = "/srv/nfs/breakwater"
OURS = "/etc/exports.d/breakwater.exports"
# Each line is acknowledged on standard output when it is on the server's disk; else it is tried again.
# One program opens, writes and flushes: of a file that was closed in between, errors are lost.
WRITER = (
    "exec 2>/dev/null; n=1; while :; do"
    " until echo $n | dd of=/data/log oflag=append conv=notrunc,fsync; do sleep 1; done;"
    " echo $n; n=$((n+1)); sleep 0.2; done"
)
# Seconds: a guest's boot, and until a pod writes again after its server came back:
# for 90 s a server that has just started waits for those that had files open.
BOOT, AGAIN = 400, 240


@pytest.fixture(scope="module", autouse=True)
def afterwards(deployed_once: Lab) -> Iterator[None]:
    """The lab is deployed again, whatever the tests here left."""
    yield
    deployed_once.spoil()


@pytest.fixture(scope="module")
def writing(deployed_once: Lab) -> Lab:
    """A pod on node2 that writes line after line to a claim."""
    deployed_once.go_to("deployed")
    kubectl("create", "namespace", NAMESPACE)
    use_claim("data", "breakwater", "node2", WRITER)
    await_lines(3)
    return deployed_once


def test_a_server_that_is_stopped_for_a_while_costs_a_writer_only_time(writing: Lab) -> None:
    writing.on("storage", "systemctl stop nfs-server")
    time.sleep(5)
    before = acknowledged()
    time.sleep(25)
    assert acknowledged() == before
    writing.on("storage", "systemctl start nfs-server")
    await_lines(before + 3)
    nothing_is_lost(writing)


# Always run: the same with Harbor on it (test_harbor), and with its disk missing (below).
@pytest.mark.faults
def test_a_storage_host_that_reboots_costs_a_writer_only_time(writing: Lab) -> None:
    before = acknowledged()
    reboot_storage(writing)
    await_lines(before + 3)
    nothing_is_lost(writing)


def test_a_full_disk_is_refused_and_fails_writers_until_there_is_room(writing: Lab) -> None:
    big = "dd if=/dev/zero of=/data/big bs=64k count=64 conv=fsync && echo written"
    writing.on("storage", "fallocate -l 9G /srv/full; df /srv")
    try:
        refused = writing.deploy(check=False)
        assert refused.code == 1
        assert "/srv has 0.0 GiB of 7.8 GiB free, less than 10 %" in refused.output
        assert refused.report["hosts"]["storage"]["NFS server"]["status"] == "not reached"
        assert "No space left on device" in in_pod("data", big)
    finally:
        writing.on("storage", "rm /srv/full")
    assert "written" in in_pod("data", big)
    await_lines(acknowledged() + 3)
    assert writing.deploy().code == 0


def test_a_data_disk_that_is_not_mounted_is_refused_and_seen_by_nobody(writing: Lab) -> None:
    exports = writing.on("storage", f"cat {OURS}")
    writing.on("storage", "systemctl stop nfs-server && umount /srv")
    before = acknowledged()
    refused_without_disk(writing)
    # Nor does it come back with the next boot: as with a line that is missing in /etc/fstab.
    drop_in = "/etc/systemd/system/srv.mount.d"
    writing.on(
        "storage",
        f"mkdir {drop_in} && printf '[Unit]\\nConditionPathExists=/nowhere\\n' >{drop_in}/lost.conf",
    )
    reboot_storage(writing)
    assert writing.on("storage", "systemctl is-active nfs-server").strip() == "active"
    # The pod waits, as for a server that is away: it sees no empty volume, and its lines go nowhere.
    assert "seen" not in in_pod("data", "timeout -s KILL 10 ls /data && echo seen")
    refused_without_disk(writing)
    assert acknowledged() <= before + 1
    assert writing.on("storage", f"cat {OURS}") == exports

    writing.on("storage", f"rm -r {drop_in} && systemctl daemon-reload && systemctl start srv.mount")
    writing.deploy()
    await_lines(before + 5)
    nothing_is_lost(writing)


def test_an_export_goes_when_nobody_uses_it_and_leaves_its_data(deployed: Lab, tmp_path: Path) -> None:
    foreign = "/srv/foreign 10.77.0.31(ro,sync,no_subtree_check)"
    deployed.on("storage", f"mkdir -p /srv/foreign && echo '{foreign}' >>/etc/exports && exportfs -ra")
    more = [
        {"path": EXPORT, "storage_class": "breakwater"},
        {"path": "/srv/nfs/kept", "storage_class": "kept", "reclaim": "Retain"},
        {"path": "/srv/nfs/reports", "options": ["ro"]},
        {"path": "/srv/nfs/inbox", "options": ["all_squash"], "owner": "nobody:nogroup", "mode": "700"},
    ]
    proven = deployed.deploy(inventory=varied(tmp_path, exports=more, domain=None))
    assert {proven.report["hosts"][name]["Proof"]["status"] for name in ("storage", "node1", "node2")} == {
        "done"
    }
    # Nor does a class that retains keep anything of the proof's.
    assert deployed.on("storage", "cd /srv/nfs && ls -A kept reports inbox").split() == [
        "inbox:", "kept:", "reports:",
    ]  # fmt: skip
    assert "proof" not in control_plane.kubectl("get", "pv", "-o", "custom-columns=C:.spec.claimRef.name")

    kubectl("create", "namespace", NAMESPACE, check=False)
    use_claim("kept", "kept", "node1", "echo precious >/data/file && sync /data/file; sleep 9999")
    volume = kubectl("get", "pvc", "kept", "-o", "jsonpath={.spec.volumeName}")
    table = deployed.on("storage", "exportfs -s")
    refused = deployed.deploy(check=False)
    assert refused.code == 1
    [found] = refused.report["preflight"]
    assert found["what"].startswith("class kept: it left the settings")
    assert f"claim {NAMESPACE}/kept" in found["what"]
    kubectl("delete", "pod", "kept", "--grace-period=0", "--force")
    kubectl("delete", "pvc", "kept")
    control_plane.kubectl("delete", "pv", volume)

    # What has no class may be used all the same.
    make("PersistentVolume", "by-hand", by_hand("/srv/nfs/reports/2026"))
    deployed.on("node1", "mount -t nfs 10.77.0.11:/srv/nfs/inbox /mnt")
    reason = refused_by_server(deployed)
    assert "volume by-hand of no claim is /srv/nfs/reports/2026" in reason
    assert "node1 has /srv/nfs/inbox mounted at /mnt" in reason
    assert deployed.on("storage", "exportfs -s") == table
    deployed.on("node1", "umount /mnt")
    control_plane.kubectl("delete", "pv", "by-hand")

    gone = deployed.deploy()
    for path in ("/srv/nfs/kept", "/srv/nfs/reports", "/srv/nfs/inbox"):
        assert f"its data stays in {path} on storage" in gone.output
    left = deployed.on("storage", "exportfs -s; cat /srv/nfs/kept/*/file")
    assert "precious" in left
    assert "/srv/nfs/kept" not in left
    assert "/srv/nfs/reports" not in left
    assert "nfs-kept" not in deployed.inside("helm", "list", "-A").output
    assert "kept" not in control_plane.kubectl("get", "storageclass", "-o", "name")
    # What others wrote is as they wrote it.
    assert "/srv/foreign  10.77.0.31(" in left
    assert deployed.on("storage", "cat /etc/exports").splitlines()[-1] == foreign


def test_a_foreign_export_that_contradicts_ours_is_refused_with_both_places(deployed: Lab) -> None:
    deployed.on("storage", "cp -p /etc/exports /etc/exports.kept")
    deployed.on("storage", f"echo '{EXPORT} 10.77.0.21(ro,sync)' >>/etc/exports")
    try:
        reason = refused_by_server(deployed)
        line = len(deployed.on("storage", "cat /etc/exports").splitlines())
    finally:
        deployed.on("storage", "mv /etc/exports.kept /etc/exports")
    assert f"/etc/exports line {line}" in reason
    assert f"{EXPORT} " in reason


def test_a_run_on_one_node_leaves_the_exports_of_all(deployed: Lab) -> None:
    look = f"stat -c '%i %Z' {OURS}; cat {OURS}; exportfs -s; ls -A {EXPORT} | grep proof"
    before = deployed.on("storage", look, check=False)
    deployed.on("node1", "dpkg --remove --force-depends nfs-common")
    repaired = deployed.deploy("--limit", "node1")
    assert set(repaired.report["hosts"]) == {"node1"}
    parts = {name: part["status"] for name, part in repaired.report["hosts"]["node1"].items()}
    assert parts["NFS client"] == parts["Proof"] == "done"
    assert deployed.on("storage", look, check=False) == before


def test_a_storage_host_without_power_ends_a_run_before_it_changes_anything(deployed: Lab) -> None:
    """The last one: only a reset brings the guest back."""
    for node in ("node1", "node2"):
        deployed.on(node, "touch /run/before")
    deployed.on("storage", "systemctl poweroff", check=False)
    wait_until("storage is off", lambda: not qemu.running(guests.guest("storage")), BOOT)
    began = time.monotonic()
    refused = deployed.deploy(check=False)
    assert time.monotonic() - began < 120
    assert refused.code == 1
    assert "hosts were lost: storage" in " ".join(refused.report["ended_because"])
    assert refused.report["hosts"]["storage"]["Connection"]["status"] == "failed"
    for node in ("node1", "node2"):
        [found] = [f["what"] for f in refused.report["preflight"] if f["host"] == node]
        assert found.startswith("it does not reach port 2049 of 10.77.0.11")
    for node in ("node1", "node2"):
        newer = "find /etc /usr /opt /var/lib/dpkg -xdev -newer /run/before"
        assert deployed.on(node, newer).strip() == ""


def acknowledged() -> int:
    """The last line of which the writer knows that it is on the server's disk."""
    return int(kubectl("logs", "data", "--tail=1").strip() or 0)


def await_lines(number: int) -> None:
    """Wait until the writer knows of so many lines: the same container, never started again."""
    wait_until(f"line {number} written", lambda: acknowledged() >= number, AGAIN)
    [status] = json.loads(kubectl("get", "pod", "data", "-o", "json"))["status"]["containerStatuses"]
    assert status["restartCount"] == 0


def nothing_is_lost(lab: Lab) -> None:
    """Every line that was acknowledged is on the server, once, and in its place."""
    known = acknowledged()
    lines = list(map(int, lab.on("storage", f"cat {EXPORT}/{NAMESPACE}-data-*/log").split()))
    assert lines == list(range(1, len(lines) + 1))
    assert len(lines) >= known


def refused_by_server(lab: Lab) -> str:
    """Why a run ends at the storage host's part."""
    refused = lab.deploy(check=False)
    assert refused.code == 1
    reasons = refused.report["hosts"]["storage"]["NFS server"]["reasons"]
    assert reasons, refused.output[-3000:]
    return " ".join(reasons)


def refused_without_disk(lab: Lab) -> None:
    """A run ends before it has made anything in the empty directory below the disk."""
    assert f"{EXPORT}: its disk is not mounted at /srv" in refused_by_server(lab)
    assert lab.on("storage", "ls -A /srv").strip() == ""


def reboot_storage(lab: Lab) -> None:
    """Boot the storage host anew, and wait until it answers."""
    boot = "cat /proc/sys/kernel/random/boot_id"
    before = lab.on("storage", boot)
    lab.on("storage", "systemctl reboot", check=False)

    def booted() -> bool:
        now = lab("ssh", "storage", boot, check=False)
        return now.code == 0 and now.output != before

    wait_until("storage has booted", booted, BOOT)


def wait_until(what: str, so: Callable[[], bool], limit: float) -> None:
    """Look every second.

    + limit: seconds
    """
    ends = time.monotonic() + limit
    while not so():
        assert time.monotonic() < ends, f"{what}: not so after {limit:g} s"
        time.sleep(1)
