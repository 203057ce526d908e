"""Who may come to the node ports: what the cluster says, what hosts say, and what is remembered."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_cluster import FakeCluster, serving

from breakwater.callers import Callers
from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal
from breakwater.pod_networks import ClusterAddresses, cluster_addresses
from breakwater.survey import Survey

MAPS = "/api/v1/namespaces/kube-system/configmaps"
POOLS = "/apis/crd.projectcalico.org/v1/ippools"
FELIX = "/apis/crd.projectcalico.org/v1/felixconfigurations"
CILIUM = "/apis/cilium.io/v2/ciliumnodes"
HOSTS = {
    "storage": {"storage": "192.0.2.20"},
    "nodes": {"node1": "192.0.2.21", "node2": "192.0.2.22"},
    "proxies": {"edge": "edge.example.org"},
    "bastion": {"@local": "127.0.0.1"},
}
IN_CLUSTER = ClusterAddresses(nodes=("10.0.0.21", "fd00::21", "10.0.0.22"), pods=("10.244.0.0/16",))


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    """A cluster of one node, in two families."""
    with serving() as fake:
        fake.add_node("node1", address="10.0.0.21")
        [node] = fake.objects["/api/v1/nodes"]
        node["spec"] |= {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24", "fd44:1::/64"]}
        node["status"]["addresses"] += [
            {"type": "InternalIP", "address": "fd00::21"},
            {"type": "Hostname", "address": "node1"},
            {"type": "ExternalIP", "address": "198.51.100.21"},
        ]
        for gone in (POOLS, FELIX, CILIUM):
            fake.refused[gone] = (404, "the server could not find the requested resource")
        yield fake


@pytest.fixture
def access(fake: FakeCluster, tmp_path: Path) -> ClusterAccess:
    return ClusterAccess(str(fake.kubeconfig(tmp_path / "kubeconfig")))


class TestCluster:
    def test_nodes_of_both_families_and_their_pods(self, access: ClusterAccess) -> None:
        assert cluster_addresses(access) == ClusterAddresses(
            nodes=("10.0.0.21", "fd00::21", "198.51.100.21"), pods=("10.244.1.0/24", "fd44:1::/64")
        )

    def test_what_kubeadm_was_told_and_calico_s_pools(self, fake: FakeCluster, access: ClusterAccess) -> None:
        del fake.objects["/api/v1/nodes"][0]["spec"]["podCIDRs"]
        text = "networking:\n  podSubnet: 10.244.0.0/16,fd44::/48\n"
        fake.add(MAPS, {"metadata": {"name": "kubeadm-config"}, "data": {"ClusterConfiguration": text}})
        del fake.refused[POOLS]
        fake.add(POOLS, {"spec": {"cidr": "192.168.0.0/16"}})
        assert cluster_addresses(access).pods == (
            "10.244.1.0/24", "10.244.0.0/16", "fd44::/48", "192.168.0.0/16"
        )  # fmt: skip

    def test_cilium_s_own_parts(self, fake: FakeCluster, access: ClusterAccess) -> None:
        fake.objects["/api/v1/nodes"][0]["spec"] = {}
        del fake.refused[CILIUM]
        fake.add(CILIUM, {"spec": {"ipam": {"podCIDRs": ["10.0.1.0/24"]}}})
        fake.add(CILIUM, {"spec": {}})
        assert cluster_addresses(access).pods == ("10.0.1.0/24",)

    @pytest.mark.parametrize(("said", "by"), [("true", "Cilium"), ("strict", "Cilium"), ("false", "")])
    def test_cilium_instead_of_kube_proxy(
        self, fake: FakeCluster, access: ClusterAccess, said: str, by: str
    ) -> None:
        data = {"kube-proxy-replacement": said}
        fake.add(MAPS, {"metadata": {"name": "cilium-config"}, "data": data})
        assert cluster_addresses(access).before_us == by

    def test_calico_in_ebpf(self, fake: FakeCluster, access: ClusterAccess) -> None:
        del fake.refused[FELIX]
        fake.add(FELIX, {"spec": {"bpfEnabled": True}})
        assert cluster_addresses(access).before_us == "Calico"

    def test_an_error_is_no_empty_answer(self, fake: FakeCluster, access: ClusterAccess) -> None:
        fake.refused[POOLS] = (500, "etcd is away")
        with pytest.raises(Refusal, match="etcd is away"):
            cluster_addresses(access)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Callers]:
    def make(survey: Survey, cluster: ClusterAddresses = IN_CLUSTER, edge: str = "192.0.2.30") -> Callers:
        known = {"edge.example.org": edge}

        def resolve(name: str) -> list[str]:
            address = known.get(name, name)
            if not address:
                raise OSError("unknown")
            return [address]

        return Callers(HOSTS, survey, lambda: cluster, tmp_path / "own.json", resolve)

    return make


def test_every_group_counts_whatever_was_looked_at(make: Callable[..., Callers]) -> None:
    found = make(Survey(addresses={"node1": ("10.1.0.21",)}))()
    assert {"192.0.2.21", "192.0.2.22", "192.0.2.30", *IN_CLUSTER.nodes, "10.244.0.0/16", "10.1.0.21"} <= {
        *found
    }
    assert "192.0.2.20" not in found  # the storage host has no business there
    assert not [address for address in found if address.startswith("127.")]


def test_a_proxy_s_other_network_is_remembered_for_runs_that_do_not_see_it(
    make: Callable[..., Callers], tmp_path: Path
) -> None:
    seen = make(
        Survey(
            own={
                "edge": ("192.0.2.30", "10.0.0.30", "fd00::30"),
                "storage": ("10.0.0.20",),
                "node1": ("10.96.0.1",),
            }
        )
    )
    seen.remember()
    before = (tmp_path / "own.json").stat()
    limited = make(Survey())
    assert {"10.0.0.30", "fd00::30"} <= {*limited()}
    # A node's own are its pods' and services' as well, new ones every day: the cluster says which are its.
    assert not {"10.0.0.20", "10.96.0.1"} & {*limited(), *seen()}
    limited.remember()
    assert (tmp_path / "own.json").stat() == before
    assert before.st_mode & 0o777 == 0o600


def test_a_proxy_without_any_address_is_refused_and_not_shut_out(make: Callable[..., Callers]) -> None:
    with pytest.raises(Refusal, match="proxy edge has no address that this machine can find"):
        make(Survey(), edge="")()
    # A port forwarded on this machine: only the host itself knows its address.
    assert "10.0.0.30" in make(Survey(own={"edge": ("10.0.0.30",)}), edge="127.0.0.1")()


def test_the_cluster_is_asked_once_and_what_it_means_is_said(make: Callable[..., Callers]) -> None:
    survey = Survey()
    callers = make(survey, ClusterAddresses(nodes=(), pods=(), before_us="Cilium"))
    callers(), callers()
    assert [warning.split(":")[1].split()[0] for warning in survey.warnings] == ["Cilium", "the"]


def test_a_damaged_memory_is_refused(make: Callable[..., Callers], tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text("[1]")
    with pytest.raises(Refusal, match=r"own\.json cannot be read"):
        make(Survey())()
