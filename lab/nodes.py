"""Makes a guest a node of the lab's cluster, and waits until nodes are Ready."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab import control_plane, node_files, paths
from lab.components import POD_NETWORKS
from lab.guests import Guest, ssh, upload
from lab.processes import Failure

Say = Callable[[str], None]
SERVICES = "containerd pod-network kubelet kube-proxy"
PROGRAMS = ("kubelet", "kube-proxy", "kubectl")
# Written when all the rest is done: what a killed join left behind is never trusted.
STAMP = "/etc/kubernetes/joined"
# In the lab's own bundle.
PAUSE_IMAGE = "breakwater.lab/pause:1"
# 12 s on an idle machine; the other guests may be booting.
UPLOAD_LIMIT = 400
# A kubelet renews its lease every 10 s; under load one renewal may be late.
LEASE_FRESH = 20


def join(guest: Guest, say: Say, pause: str = PAUSE_IMAGE) -> None:
    """Give a guest the programs, files and units of a node, and start them; nothing when it has them.

    + say: told what is done
    + pause: name of the sandbox image, which comes with the bundle, not from here

    Joining two guests at the same time, from two threads, takes little longer than one.
    """
    control_plane.write_credentials()
    folder = control_plane.build(say)
    content = node_files.files(guest, pause, control_plane.folder())
    stamp = paths.content_hash([folder.name, *(part for pair in sorted(content.items()) for part in pair)])
    has = _look(guest, folder)
    if has.get("stamp") == stamp and has.get("active") == "yes":
        say(f"{guest.name}: is a node already")
        return
    started = time.monotonic()
    if has.get("program") != "yes":
        say(f"{guest.name}: copying Kubernetes")
        upload(
            guest, folder / "kubernetes", f"{_remote(folder)}/kubernetes", mode=0o755, timeout=UPLOAD_LIMIT
        )
    say(f"{guest.name}: starting kubelet and kube-proxy")
    ssh(guest, _install(folder, stamp), input=node_files.archive(content), timeout=180)
    say(f"{guest.name}: joined in {time.monotonic() - started:.0f} s")


def give_pod_networks() -> None:
    """Say in the cluster which addresses each node's pods have, as a controller does elsewhere."""
    for name, network in POD_NETWORKS.items():
        spec = json.dumps({"spec": {"podCIDR": network, "podCIDRs": [network]}})
        control_plane.kubectl("patch", "node", name, "--type=merge", "--patch", spec)


def wait_ready(names: Sequence[str], timeout: float, say: Say) -> None:
    """Return when these nodes are Ready and their kubelets alive now, not only when they were last heard of.

    After a restore the cluster still says Ready for kubelets that have not come back: so each
    lease must be fresh, or be renewed while we wait.

    + timeout: seconds, after which a Failure says what each missing node lacks
    """
    started = told = time.monotonic()
    first: dict[str, str] | None = None
    while True:
        try:
            nodes, leases = _nodes_and_leases()
            first = leases if first is None else first
            missing = {}
            for name in names:
                why = _missing(nodes.get(name)) or _silent(leases.get(name), first.get(name))
                if why:
                    missing[name] = why
        except Failure as failure:
            # The API server may be busy for a moment; only the limit ends this wait.
            missing = {"API server": str(failure)}
        if not missing:
            return
        now = time.monotonic()
        text = "; ".join(f"{name}: {why}" for name, why in missing.items())
        if now - started > timeout:
            raise Failure(f"nodes not Ready in {timeout:g} s: {text}")
        if now - told > 10:
            told = now
            say(f"waiting for nodes, {now - started:.0f} s of {timeout:g} s: {text}")
        time.sleep(0.5)


def _look(guest: Guest, folder: Path) -> dict[str, str]:
    command = (
        f"echo stamp=$(cat {STAMP} 2>/dev/null);"
        f" test -x {_remote(folder)}/kubernetes && echo program=yes;"
        # Its exit code would be 0 when only one of them is.
        f' test "$(systemctl is-active {SERVICES} | sort -u)" = active && echo active=yes; true'
    )
    lines = ssh(guest, command, timeout=60).stdout.splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _install(folder: Path, stamp: str) -> str:
    """One command for all of it: each ssh command costs an emulated guest half a second."""
    remote = _remote(folder)
    links = " ".join(
        f"ln -sfn {remote}/kubernetes /usr/local/bin/{n};" for n in ("kubelet", "kube-proxy", "kubectl")
    )
    return (
        f"set -e; rm -f {STAMP}; tar -x --no-same-owner -C /; {links}"
        " chmod 0700 /etc/kubernetes/pki; mkdir -p /etc/kubernetes/manifests;"
        f" find /usr/local/lib -maxdepth 1 -name 'kubernetes-*' ! -path {remote} -exec rm -r {{}} +;"
        " modprobe -a overlay br_netfilter;"
        " sysctl -q -w net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1;"
        # reexec, not reload: only then is system.conf.d read.
        f" systemctl daemon-reexec; systemctl enable --quiet {SERVICES};"
        f" systemctl restart {SERVICES}; echo {stamp} > {STAMP}"
    )


def _remote(folder: Path) -> str:
    """Named for its content, and renamed into place when whole: being there is being right."""
    return f"/usr/local/lib/{folder.name}"


def _nodes_and_leases() -> tuple[dict[str, Any], dict[str, str]]:
    """Every node, and when each kubelet renewed its lease, by name."""
    text = control_plane.kubectl("get", "nodes,leases", "-n", "kube-node-lease", "-o", "json")
    items = json.loads(text)["items"]
    nodes = {item["metadata"]["name"]: item for item in items if item["kind"] == "Node"}
    leases = {item["metadata"]["name"]: item["spec"] for item in items if item["kind"] == "Lease"}
    return nodes, {name: spec.get("renewTime", "") for name, spec in leases.items()}


def _missing(node: dict[str, Any] | None) -> str:
    """Why a node is not Ready; empty when it is."""
    if node is None:
        return "its kubelet has not registered it yet"
    for condition in node["status"].get("conditions", []):
        if condition["type"] == "Ready":
            return "" if condition["status"] == "True" else condition["message"].strip().replace("\n", " ")
    return "its kubelet has not reported yet"


def _silent(renewed: str | None, first: str | None) -> str:
    """Why a kubelet does not count as alive; empty when it does.

    + renewed: its lease's renewTime now; guests' clocks may be off, so a change counts as well as an age
    + first: the same when the wait began
    """
    if not renewed:
        return "its kubelet holds no lease yet"
    age = abs((datetime.now(UTC) - datetime.fromisoformat(renewed)).total_seconds())
    return "" if renewed != first or age < LEASE_FRESH else f"its kubelet's lease is {age:.0f} s old"
