"""The lab's cluster is a real one: nodes, pod network, Services, names, logs, exec, and a reboot."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest

from lab import bundle, bundle_index, control_plane, nodes, paths
from lab.guests import guest, ssh
from lab.processes import Failure
from tests.lab.conftest import Lab

NODES = ("node1", "node2")
UNITS = "containerd pod-network kubelet kube-proxy"
NAMESPACE = "test-cluster"
# Seconds: a pod's start under emulation, a command in it, a node's reboot.
START, COMMAND, REBOOT = 300, 60, 400


def pod(name: str, node: str, image: str) -> dict[str, object]:
    """A web server that answers with its own host name, on one node."""
    script = "mkdir -p /tmp/w && hostname > /tmp/w/name && echo serving && exec httpd -f -p 8080 -h /tmp/w"
    container = {"name": "web", "image": image, "imagePullPolicy": "Never", "command": ["sh", "-c", script]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
        },
    }


def service(name: str) -> dict[str, object]:
    """Not called as its pod: that name is in the pod's own /etc/hosts."""
    ports = [{"port": 80, "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"to-{name}"},
        "spec": {"selector": {"app": name}, "ports": ports},
    }


def kubectl(*arguments: str, timeout: float = COMMAND, input: bytes | None = None) -> str:
    return control_plane.kubectl("-n", NAMESPACE, *arguments, timeout=timeout, input=input)


def inside(name: str, *command: str) -> str:
    return kubectl("exec", name, "--", *command)


def fetch(name: str, url: str) -> str:
    """What a pod gets from a URL; a Service's rules may reach the other node a moment later."""
    ends = time.monotonic() + 60
    while True:
        try:
            # Without -T: Debian's static busybox 1.35 ends with a segmentation fault on it.
            return inside(name, "wget", "-q", "-O", "-", url).strip()
        except Failure:
            if time.monotonic() > ends:
                raise
            time.sleep(2)


def addresses() -> dict[str, str]:
    items = json.loads(kubectl("get", "pods", "-o", "json"))["items"]
    return {item["metadata"]["name"]: item["status"]["podIP"] for item in items}


@pytest.fixture(scope="module")
def image(lab: Lab) -> Iterator[str]:
    """An image with a shell on both nodes; what was brought for this test goes away again."""
    chosen = (paths.state() / "bundle").resolve()
    wanted = {bundle.pause_image(chosen), bundle.busybox_image(chosen)}
    archives = {r["name"]: chosen / r["file"] for r in bundle_index.load(chosen)["images"]}
    before = {node: images(node) for node in NODES}
    for node in NODES:
        for name in wanted - before[node]:
            ssh(guest(node), "ctr -n k8s.io images import -", timeout=300, input=archives[name].read_bytes())
    yield bundle.busybox_image(chosen)
    for node in NODES:
        # By difference: an import leaves more names than the image's own.
        brought = " ".join(images(node) - before[node])
        if brought:
            ssh(guest(node), f"ctr -n k8s.io images remove {brought}", timeout=COMMAND)


def images(node: str) -> set[str]:
    return set(ssh(guest(node), "ctr -n k8s.io images list -q", timeout=COMMAND).stdout.split())


@pytest.fixture(scope="module")
def pods(image: str) -> Iterator[dict[str, str]]:
    """Pod "one" on node1 and "two" on node2, each behind a Service: their addresses."""
    control_plane.kubectl("create", "namespace", NAMESPACE)
    try:
        objects = [pod("one", "node1", image), pod("two", "node2", image), service("one"), service("two")]
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        ends = time.monotonic() + COMMAND
        # A pod is refused until the namespace's service account was made.
        while "default" not in kubectl("get", "serviceaccounts", "-o", "name") and time.monotonic() < ends:
            time.sleep(0.5)
        kubectl("apply", "-f", "-", input=text.encode())
        kubectl("wait", "--for=condition=Ready", "pod", "--all", f"--timeout={START}s", timeout=START + 20)
        yield addresses()
    finally:
        control_plane.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=140)


def test_two_nodes_are_ready(lab: Lab) -> None:
    nodes.wait_ready(NODES, timeout=120, say=print)
    path = "jsonpath={.items[*].status.nodeInfo.kubeletVersion}"
    assert set(control_plane.kubectl("get", "nodes", "-o", path).split()) == {control_plane.version()}


def test_the_api_server_has_nothing_to_complain(lab: Lab) -> None:
    checks = control_plane.kubectl("get", "--raw", "/readyz?verbose")
    assert "readyz check passed" in checks


def test_a_pod_reaches_a_pod_on_the_other_node(pods: dict[str, str]) -> None:
    assert pods["one"].startswith("10.244.1.")
    assert pods["two"].startswith("10.244.2.")
    assert fetch("one", f"http://{pods['two']}:8080/name") == "two"
    assert fetch("two", f"http://{pods['one']}:8080/name") == "one"


def test_a_pod_reaches_services_its_own_too(pods: dict[str, str]) -> None:
    assert fetch("one", "http://to-two/name") == "two"
    assert fetch("one", "http://to-one/name") == "one"


def test_cluster_names_resolve_in_a_pod(pods: dict[str, str]) -> None:
    answer = inside("one", "nslookup", "kubernetes.default.svc.cluster.local")
    assert re.search(r"Address:?\s*(1: )?10\.96\.0\.1\b", answer), answer
    # The short name needs the search list that the kubelet wrote, which nslookup does not read.
    # A Service's address answers no ping: only the name counts here.
    answer = inside("two", "sh", "-c", "ping -c 1 -W 1 kubernetes.default || true")
    assert "PING kubernetes.default (10.96.0.1)" in answer


def test_logs_and_exec_work(pods: dict[str, str]) -> None:
    assert kubectl("logs", "one") == "serving\n"
    assert inside("two", "hostname") == "two\n"


def test_a_pod_is_its_node_outside_of_the_cluster(pods: dict[str, str]) -> None:
    """Exports are to nodes' addresses: a pod that mounts by itself must come from one."""
    counted = ssh(guest("node1"), "nft list chain ip pod-network postrouting", timeout=COMMAND).stdout
    assert "ip saddr 10.244.1.0/24 ip daddr != 10.244.0.0/16 masquerade" in counted


def test_a_reboot_brings_a_node_back_whole(pods: dict[str, str]) -> None:
    node = guest("node2")
    assert set(ssh(node, f"systemctl is-enabled {UNITS}", timeout=COMMAND).stdout.split()) == {"enabled"}
    before = boot(timeout=COMMAND)
    ssh(node, "systemctl reboot", timeout=COMMAND, check=False)
    ends = time.monotonic() + REBOOT
    while boot(timeout=30) in ("", before):
        assert time.monotonic() < ends, f"node2 did not come back within {REBOOT} s"
        time.sleep(3)
    nodes.wait_ready(NODES, timeout=REBOOT, say=print)
    assert "10.244.1.0/24 via 10.77.0.21" in ssh(node, "ip route", timeout=COMMAND).stdout
    wait_for_new_address("two", ends)
    assert fetch("one", f"http://{addresses()['two']}:8080/name") == "two"
    assert fetch("two", f"http://{addresses()['one']}:8080/name") == "one"
    assert set(ssh(node, f"systemctl is-active {UNITS}", timeout=COMMAND).stdout.split()) == {"active"}


def boot(timeout: float) -> str:
    """node2's boot, by its id; empty while it does not answer."""
    try:
        return ssh(guest("node2"), "cat /proc/sys/kernel/random/boot_id", timeout=timeout).stdout.strip()
    except Failure:
        return ""


def wait_for_new_address(name: str, ends: float) -> None:
    """A pod's container is started again after its node's reboot, behind a new sandbox."""
    while True:
        container = json.loads(kubectl("get", "pod", name, "-o", "json"))["status"]["containerStatuses"][0]
        if container["restartCount"] and container["ready"]:
            return
        assert time.monotonic() < ends, f"pod {name} was not started again within {REBOOT} s of the reboot"
        time.sleep(2)
