"""What the bastion reads of the cluster for preflight: nodes, and what volumes were promised."""

from pathlib import Path

import pytest
from fake_cluster import serving

from breakwater import nodes, room
from breakwater.cluster import ClusterAccess
from breakwater.nodes import Node


def test_nodes(tmp_path: Path) -> None:
    with serving() as cluster:
        access = ClusterAccess(str(cluster.kubeconfig(tmp_path / "kubeconfig")))
        cluster.add_node("b", address="10.0.0.22", ready="Unknown")
        cluster.add_node("a", address="fd00::21")
        cluster.add_node("c", unschedulable=True)
        cluster.add_node("d", taint="node-role.kubernetes.io/control-plane:NoSchedule")
        cluster.add_node("e", taint="dedicated:NoExecute")
        cluster.add_node("f", taint="dedicated:PreferNoSchedule")
        # The cluster's own taints come and go with the node's state.
        cluster.add_node("g", taint="node.kubernetes.io/unreachable:NoExecute")
        found = nodes.listed(access)
    assert found[:2] == [
        Node("a", "a", ("fd00::21",)),
        Node("b", "b", ("10.0.0.22",), not_ready="KubeletSaid"),
    ]
    assert {node.name: node.closed for node in found[2:]} == {
        "c": True,
        "d": True,
        "e": True,
        "f": False,
        "g": False,
    }


@pytest.mark.parametrize(
    "condition", [[], [{"type": "Ready", "status": "False", "message": "runtime\nis down"}]]
)
def test_a_node_that_is_not_ready_says_why(tmp_path: Path, condition: list[dict[str, str]]) -> None:
    with serving() as cluster:
        access = ClusterAccess(str(cluster.kubeconfig(tmp_path / "kubeconfig")))
        cluster.add_node("a")
        [node] = cluster.objects["/api/v1/nodes"]
        node["status"]["conditions"] = condition
        [found] = nodes.listed(access)
    assert found.not_ready == ("runtime is down" if condition else "its kubelet never said")


def test_what_volumes_were_promised(tmp_path: Path) -> None:
    with serving() as cluster:
        access = ClusterAccess(str(cluster.kubeconfig(tmp_path / "kubeconfig")))
        for name, size in {"fast": "1Gi", "slow": "500M"}.items():
            for _ in range(2):
                spec = {"storageClassName": name, "capacity": {"storage": size}}
                cluster.add("/api/v1/persistentvolumes", {"spec": spec})
        cluster.add("/api/v1/persistentvolumes", {"spec": {"capacity": {"storage": "1"}}})
        assert room.promised(access) == {"fast": 2 * 2**30, "slow": 10**9, "": 1}
