"""Node ports that others hold, and cluster DNS, against a fake cluster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster, serving

from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal
from breakwater.harbor.ports import ground_problems

SERVICES = "/api/v1/services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"
PORTS = {"http": 30002, "https": 30003}


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    """A cluster whose DNS answers."""
    with serving() as fake:
        service(fake, "kube-dns", "kube-system", labels={"k8s-app": "kube-dns"})
        endpoints(fake, ready=True)
        yield fake


@pytest.fixture
def access(fake: FakeCluster, tmp_path: Path) -> ClusterAccess:
    """The way to it."""
    return ClusterAccess(str(fake.kubeconfig(tmp_path / "kubeconfig")))


def service(
    fake: FakeCluster,
    name: str,
    namespace: str,
    ports: tuple[int, ...] = (),
    owner: tuple[str, str] = ("", ""),
    labels: dict[str, str] | None = None,
    **spec: Any,
) -> None:
    release, where = owner
    marks = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": where}
    item = {
        "metadata": {
            "name": name, "namespace": namespace,
            "annotations": marks if release else {}, "labels": labels or {},
        },
        "spec": {"ports": [{"port": 80, "nodePort": port} for port in ports], **spec},
    }  # fmt: skip
    fake.add(SERVICES, item)


def endpoints(fake: FakeCluster, ready: bool | None, name: str = "kube-dns") -> None:
    conditions = {} if ready is None else {"ready": ready}
    item = {
        "metadata": {"labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.10"], "conditions": conditions}],
    }
    fake.objects.pop(SLICES, None)
    fake.add(SLICES, item)


def problems(access: ClusterAccess) -> list[str]:
    return ground_problems(access, "harbor", "harbor", PORTS)


def test_free_ports_and_a_dns_that_answers_cost_two_looks(fake: FakeCluster, access: ClusterAccess) -> None:
    service(fake, "web", "shop", (30080,))
    assert problems(access) == []
    assert len(fake.asked) == 2


def test_ports_that_harbor_itself_holds_are_its(fake: FakeCluster, access: ClusterAccess) -> None:
    service(fake, "harbor", "harbor", (30002, 30003), ("harbor", "harbor"))
    assert problems(access) == []


def test_a_port_of_anothers_service_is_named_with_its_owner(fake: FakeCluster, access: ClusterAccess) -> None:
    service(fake, "web", "shop", (30003,))
    service(fake, "harbor", "old", (30002,), ("harbor", "old"))
    assert problems(access) == [
        "harbor.node_ports.https: 30003 is held by Service shop/web; set another from 30000 to 32767,"
        " or remove that Service",
        "harbor.node_ports.http: 30002 is held by Service old/harbor of Helm release harbor; set another"
        " from 30000 to 32767, or remove that Service",
    ]


def test_the_port_of_a_balancers_health_check_is_held_too(fake: FakeCluster, access: ClusterAccess) -> None:
    service(fake, "gate", "shop", (31000,), healthCheckNodePort=30002)
    (line,) = problems(access)
    assert line.startswith("harbor.node_ports.http: 30002 is held by Service shop/gate;")


def test_no_dns_at_all(fake: FakeCluster, access: ClusterAccess) -> None:
    fake.objects[SERVICES].clear()
    (line,) = problems(access)
    assert line.startswith("cluster DNS: there is no Service kube-system/kube-dns,")
    assert "; install CoreDNS" in line


@pytest.mark.parametrize("slices", ["none", "not ready", "nobody's", "another's"])
def test_a_dns_without_a_ready_pod(fake: FakeCluster, access: ClusterAccess, slices: str) -> None:
    if slices == "not ready":
        endpoints(fake, ready=False)
    elif slices == "nobody's":  # as Kubernetes has it when no pod is there
        endpoints(fake, ready=True)
        fake.objects[SLICES][0]["endpoints"] = None
    elif slices == "another's":
        endpoints(fake, ready=True, name="metrics")
    else:
        del fake.objects[SLICES]
    assert problems(access) == [
        "cluster DNS: no pod behind Service kube-system/kube-dns is ready, and Harbor's parts find each other"
        " by name; see `kubectl --namespace kube-system get pods -l k8s-app=kube-dns`"
    ]


def test_a_slice_that_says_nothing_of_readiness_is_ready(fake: FakeCluster, access: ClusterAccess) -> None:
    endpoints(fake, ready=None)
    assert problems(access) == []


@pytest.mark.parametrize(
    ("name", "labels"), [("rke2-coredns", {"k8s-app": "kube-dns"}), ("kube-dns", {"k8s-app": "other"})]
)
def test_dns_is_known_by_its_label_or_its_name(
    fake: FakeCluster, access: ClusterAccess, name: str, labels: dict[str, str]
) -> None:
    fake.objects[SERVICES].clear()
    service(fake, name, "kube-system", labels=labels)
    endpoints(fake, ready=True, name=name)
    assert problems(access) == []


def test_a_cluster_that_refuses_is_said(fake: FakeCluster, access: ClusterAccess) -> None:
    fake.refused["/services"] = (403, "services is forbidden")
    with pytest.raises(Refusal, match="services is forbidden"):
        problems(access)
