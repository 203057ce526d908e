"""What is wrong with real hosts is said at once, before anything changes, and what is printed mends it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from lab import paths
from tests.lab.conftest import REPOSITORY, Lab

OTHER_ID = "0123456789abcdef0123456789abcdef"
CLOSE = (
    "nft 'add table inet guard; add chain inet guard input { type filter hook input priority 0; };"
    " add rule inet guard input tcp dport 2049 drop'"
)
TAKE = "systemctl stop nfs-server; systemd-run -q --unit=taker socat TCP-LISTEN:2049,fork /dev/null"
FILL = "fallocate -l $(df -B1 --output=avail /srv | tail -1) /srv/filler; sync; mount -o remount,ro /srv"
RENAME = f"echo {OTHER_ID} >/run/other-id; mount --bind /run/other-id /etc/machine-id"
STRAY = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "stray"},
    "status": {
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        "addresses": [{"type": "InternalIP", "address": "10.77.0.99"}],
    },
}


def test_all_that_is_wrong_is_one_table_and_what_it_says_mends_it(deployed: Lab) -> None:
    was = deployed.on("node2", "cat /etc/machine-id").strip()
    deployed.on("storage", f"{CLOSE}; {TAKE}; {FILL}")
    deployed.on("node1", "date -s '+1 hour'")
    deployed.on("node2", RENAME)
    kubectl(deployed, "create", "--save-config=false", "-f", "/dev/stdin", given=json.dumps(STRAY))
    status = json.dumps({"status": STRAY["status"]})
    kubectl(deployed, "patch", "node", "stray", "--subresource=status", "-p", status)
    try:
        before = deployed.on("storage", "find /etc /srv -printf '%p %T@\\n' | sort")
        failed = deployed.deploy(check=False)
        assert failed.code == 1
        assert deployed.on("storage", "find /etc /srv -printf '%p %T@\\n' | sort") == before
        found = {(finding["host"], finding["what"]): finding["fix"] for finding in failed.report["preflight"]}
        # Each is in the table that a person sees, too.
        assert all(what in failed.output and fix in failed.output for (_, what), fix in found.items())
        nft = fix_of(found, "storage", "nftables keeps node1 (10.77.0.21), node2 (10.77.0.22) from port 2049")
        fix_of(found, "storage", r"port 2049 is taken by socat \(process \d+\)")
        writable = fix_of(found, "storage", "/srv is mounted read-only")
        fix_of(found, "storage", "/srv has 0.0 GiB of 7.8 GiB free, less than 10 %")
        fix_of(found, "node1", r"its clock is 3[56]\d\d s ahead of this machine's")
        kubelet = fix_of(
            found, "node2", f"its machine-id is {OTHER_ID}, and node node2, at its address, has {was}"
        )
        stray = fix_of(found, r"\(cluster\)", r"node stray \(10.77.0.99\) takes pods and is no host .*")
        assert len(found) == 7, found
        assert kubelet.startswith("systemctl restart kubelet")

        # What is printed is typed; what it only describes is done by hand.
        deployed.on("storage", nft.partition("; ")[0])
        deployed.on("node1", "timeout 5 bash -c '</dev/tcp/10.77.0.11/2049'")
        deployed.on("storage", writable.partition("then: ")[2])
        kubectl(deployed, *re.findall(r"kubectl (taint nodes .*)$", stray)[0].split())
        deployed.on("storage", "systemctl stop taker; systemctl start nfs-server; rm /srv/filler")
        deployed.on("node1", f"date -s @{time.time():.0f}")
        deployed.on("node2", "umount /etc/machine-id")
        mended = deployed.deploy()
        assert mended.report["preflight"] == []
        assert mended.report["result"] == "unchanged", mended.output[-3000:]
    finally:
        kubectl(deployed, "delete", "node", "stray", "--ignore-not-found")
        deployed.on("node2", "! mountpoint -q /etc/machine-id || umount /etc/machine-id")
        deployed.on("node1", f"date -s @{time.time():.0f}")
        deployed.on(
            "storage",
            "nft delete table inet guard; systemctl stop taker; mount -o remount,rw /srv; rm -f /srv/filler;"
            " systemctl start nfs-server",
            check=False,
        )


HOLD = """perl -e '
use Fcntl;
open(my $file, ">>", "/var/lib/dpkg/lock-frontend") or die;
my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
fcntl($file, F_SETLK, $lock) or die $!;
sleep 45'"""


def test_a_package_run_is_awaited_and_a_node_that_is_down_is_done_without(
    deployed: Lab, tmp_path: Path
) -> None:
    inventory = settings_with(tmp_path, f'nodes_down = ["node2"]\nstate = {str(tmp_path / "state")!r}\n')
    deployed.on("storage", f"systemd-run -q --unit=holder sh -c {shlex.quote(HOLD)}")
    # The bastion's ways to node2 come back by themselves, or nobody could bring them back. By then the run
    # was refused there, and it asks once.
    away = "nft 'add table inet away; add chain inet away input { type filter hook input priority 0; };"
    away += " add rule inet away input tcp dport 22 reject with tcp reset'"
    deployed.on("node2", f"systemd-run -q --on-active=60 nft delete table inet away; {away}", check=False)
    report = tmp_path / "report.json"
    try:
        done = deployed.inside(
            *("pyinfra", "-y", "--data", f"report={report}", str(inventory), "deploy.py"), timeout=300
        )
        said = json.loads(report.read_text())
        assert re.search(r"storage: another package run: perl \(process \d+\), \d+ s of 300 s", done.output)
        assert said["hosts"]["node2"] == {
            "Connection": {"status": "down", "seconds": 0.0, "reasons": ["not connected, and in nodes_down"]}
        }
        assert said["result"] == "done", done.output[-3000:]
        assert "node2: not reached, and in nodes_down: this run went on without it" in said["warnings"]
        # It stays among those who may mount.
        assert "10.77.0.22(" in deployed.on("storage", "cat /etc/exports.d/breakwater.exports")
    finally:
        deadline = time.monotonic() + 150
        while deployed("ssh", "node2", "true", check=False).code != 0:
            assert time.monotonic() < deadline, "node2 is not back"
            time.sleep(3)


def fix_of(found: dict[tuple[str, str], str], host: str, what: str) -> str:
    """What is to be done about something that was found on a host; both are patterns, or plain text."""
    [fix] = [
        fix
        for (where, said), fix in found.items()
        if re.fullmatch(host, where) and what in (said, re.fullmatch(what, said) and what)
    ]
    return fix


def kubectl(lab: Lab, *arguments: str, given: str = "") -> None:
    """kubectl on the lab's cluster, with something on its standard input."""
    command = [sys.executable, "-m", "lab", "exec", "--", "kubectl", *arguments]
    subprocess.run(command, cwd=REPOSITORY, input=given, text=True, check=True, timeout=60)


def settings_with(folder: Path, more: str) -> Path:
    """The lab's inventory with settings of one's own in it."""
    (folder / "group_data").mkdir()
    source = f"exec(open({str(paths.REPOSITORY / 'lab/group_data/all.py')!r}).read())\n"
    source += "domain = None\n"
    (folder / "group_data/all.py").write_text(source + more)
    inventory = folder / "inventory.py"
    inventory.write_text((paths.REPOSITORY / "lab/inventory.py").read_text())
    return inventory
