"""What a run knows of Harbor: everything that speaks against it at once, and what the parts are handed."""

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster, serving

from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal
from breakwater.harbor.run import Choices, HarborRun
from breakwater.helm import Chart
from breakwater.settings import load
from breakwater.survey import Survey

HOSTS = {
    "storage": {"storage": "10.0.0.20"},
    "nodes": {"node1": "10.0.0.21", "node2": "fd00::22"},
    "proxies": {},
    "bastion": {"@local": "127.0.0.1"},
}
EXPORTS = [{"path": "/srv/nfs", "storage_class": "nfs-client"}]
CLAIMS = {
    *("harbor-registry", "harbor-jobservice", "database-data-harbor-database-0", "data-harbor-redis-0"),
    "data-harbor-trivy-0",
}
IN_HARBOR = "/api/v1/namespaces/harbor"


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    with serving() as fake:
        dns = {"metadata": {"name": "kube-dns", "labels": {"k8s-app": "kube-dns"}}, "spec": {"ports": []}}
        dns["metadata"]["namespace"] = "kube-system"  # type: ignore[index]
        fake.add("/api/v1/services", dns)
        ready = {
            "metadata": {"name": "kube-dns", "labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
        }
        fake.add("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", ready)
        yield fake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state/harbor"


def look(fake: FakeCluster, folder: Path, down: tuple[str, ...] = (), **harbor: Any) -> HarborRun:
    """A run of these settings."""
    data = {"exports": EXPORTS, "domain": "registry.example.org", "harbor": harbor}
    access = ClusterAccess(str(fake.kubeconfig(folder.parents[1] / "kubeconfig")))
    chart = Chart(("/nowhere/harbor.tgz",), "breakwater: harbor 1.19.1")
    return HarborRun(load(data, HOSTS), access, chart, folder, Survey(), down, Choices())


def released(fake: FakeCluster, name: str, chart: str, version: str, values: dict[str, Any]) -> None:
    """A release as Helm keeps it."""
    record = {"chart": {"metadata": {"name": chart, "version": version}}, "config": values}
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(record).encode()))).decode()
    labels = {"owner": "helm", "name": name, "version": "1", "status": "deployed"}
    item = {
        "metadata": {"name": f"sh.helm.release.v1.{name}.v1", "labels": labels},
        "data": {"release": packed},
    }
    fake.add(f"{IN_HARBOR}/secrets", item)


def volume(fake: FakeCluster, claim: str) -> None:
    """A volume that is bound to a claim of Harbor's."""
    spec = {
        "nfs": {"server": "10.0.0.20", "path": f"/srv/nfs/{claim}"},
        "claimRef": {"namespace": "harbor", "name": claim},
    }
    fake.add("/api/v1/persistentvolumes", {"metadata": {"name": f"pv-{claim}"}, "spec": spec})


def test_a_first_install_makes_its_secrets_once(fake: FakeCluster, folder: Path) -> None:
    first = look(fake, folder)
    assert first.problems() == []
    assert first.missing_secrets()
    assert not folder.exists()  # looked only
    first.write_secrets()
    made = first.values()["database"]["internal"]["password"]

    again = look(fake, folder)
    assert again.problems() == []
    assert again.missing_secrets() == []
    assert again.values() == first.values()
    assert made == (folder / "database_password").read_text().rstrip("\n")


def test_secrets_are_asked_for_after_preflight_only(fake: FakeCluster, folder: Path) -> None:
    with pytest.raises(Refusal, match="not looked at by this run"):
        look(fake, folder).missing_secrets()


def test_all_that_speaks_against_it_is_said_at_once(fake: FakeCluster, folder: Path) -> None:
    released(fake, "registry", "harbor", "1.19.1", {})
    service = {
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {"ports": [{"port": 80, "nodePort": 30002}]},
    }
    fake.add("/api/v1/services", service)
    run = look(fake, folder, volumes={"registry": {"storage_class": "fast"}})
    found = "\n".join(run.problems())
    assert "set harbor.release = 'registry'" in found
    assert "harbor.node_ports.http: 30002 is held by Service shop/shop" in found
    assert "harbor.volumes.registry" in found
    with pytest.raises(Refusal):
        _ = run.plan


def test_data_that_would_be_looked_for_elsewhere(fake: FakeCluster, folder: Path) -> None:
    run = look(fake, folder)
    run.problems()
    run.write_secrets()
    moved = {**run.values(), "persistence": {"imageChartStorage": {"type": "s3"}}}
    released(fake, "harbor", "harbor", "1.19.1", moved)
    assert "imageChartStorage.type is 's3' and would be 'filesystem'" in "\n".join(
        look(fake, folder).problems()
    )


def test_its_volumes_on_the_storage_host(fake: FakeCluster, folder: Path) -> None:
    for claim in CLAIMS:
        volume(fake, claim)
    assert look(fake, folder).directories() == sorted(f"/srv/nfs/{claim}" for claim in CLAIMS)
    # One on another class is not there, and nobody looks for it there.
    fake.objects["/api/v1/persistentvolumes"] = fake.objects["/api/v1/persistentvolumes"][1:]
    with pytest.raises(Refusal, match="not bound to a volume on the storage host: harbor/"):
        look(fake, folder).directories()


def test_where_a_person_finds_it(fake: FakeCluster, folder: Path) -> None:
    run = look(fake, folder)
    assert run.next_step == (
        f"https://10.0.0.21:30003 as admin, with the password in {folder}/admin_password;"
        f" its CA is {folder}/ca.crt"
    )
    given = look(fake, folder, down=("node1",), admin_password="env:ADMIN", node_ports={"https": 31003})
    assert given.next_step.startswith("https://[fd00::22]:31003 as admin, with the password in env:ADMIN")
