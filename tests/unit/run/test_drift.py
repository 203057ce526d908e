"""A release's manifest against the live objects of a fake cluster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_cluster import FakeCluster, serving

from breakwater import drift
from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal

DEPLOYMENTS = "/apis/apps/v1/namespaces/ns/deployments"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
KINDS = {
    "/apis/apps/v1": [
        {"name": "deployments", "kind": "Deployment", "namespaced": True},
        {"name": "deployments/status", "kind": "Deployment", "namespaced": True},
    ],
    "/apis/storage.k8s.io/v1": [{"name": "storageclasses", "kind": "StorageClass", "namespaced": False}],
    "/api/v1": [{"name": "secrets", "kind": "Secret", "namespaced": True}],
}
MANIFEST = """
---
# Source: chart/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  replicas: 1
  template:
    spec:
      containers:
        - name: app
          env: [{name: A, value: "1"}, {name: B, value: "2"}]
---
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
mountOptions: [hard]
"""


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    """The manifest's objects live, as Helm and the cluster made them."""
    with serving() as fake:
        fake.kinds = KINDS
        for item in yaml.safe_load_all(MANIFEST):
            if item:
                live(fake, item)
        yield fake


@pytest.fixture
def access(fake: FakeCluster, tmp_path: Path) -> ClusterAccess:
    """The way to it."""
    return ClusterAccess(str(fake.kubeconfig(tmp_path / "kubeconfig")))


def live(fake: FakeCluster, item: dict[str, Any], collection: str = "") -> None:
    """An object with what Helm and the cluster add to it."""
    marks = {"meta.helm.sh/release-name": "rel", "meta.helm.sh/release-namespace": "ns"}
    item["metadata"] |= {
        "annotations": {**marks, "deployment.kubernetes.io/revision": "3"},
        "labels": {"app.kubernetes.io/managed-by": "Helm", "added": "by-hand"},
        "generation": 4,
        "managedFields": [{"manager": "helm"}],
    }
    fake.add(collection or (DEPLOYMENTS if item["kind"] == "Deployment" else CLASSES), item)


def deployment(fake: FakeCluster) -> dict[str, Any]:
    return fake.objects[DEPLOYMENTS][0]


def drifted(access: ClusterAccess, manifest: str = MANIFEST) -> list[str]:
    return drift.drifted(access, "ns", "rel", manifest)


def test_as_made_and_nothing_is_written(fake: FakeCluster, access: ClusterAccess) -> None:
    assert drifted(access) == []
    # Each API version is asked once for its kinds, each object twice; the fake refuses a patch in earnest.
    assert sorted({line.split()[0] for line in fake.asked}) == ["GET", "PATCH"]
    assert len(fake.asked) == 2 + 2 * 2


def test_edited_is_said_by_its_place(fake: FakeCluster, access: ClusterAccess) -> None:
    spec = deployment(fake)["spec"]
    spec["replicas"] = 3
    spec["template"]["spec"]["containers"][0]["env"][1]["value"] = "hunter2"
    fake.objects[CLASSES][0]["mountOptions"] = ["soft"]
    assert drifted(access) == [
        "Deployment app: spec.replicas, spec.template.spec.containers[0].env[1].value",
        "StorageClass fast: mountOptions[0]",
    ]


def test_of_many_places_three_are_named(fake: FakeCluster, access: ClusterAccess) -> None:
    del deployment(fake)["metadata"]["annotations"]
    deployment(fake)["spec"] = {"replicas": 2}
    assert drifted(access) == ["Deployment app: metadata.annotations, spec.replicas, spec.template"]
    del deployment(fake)["metadata"]["labels"]
    assert drifted(access) == [
        "Deployment app: metadata.annotations, metadata.labels, spec.replicas and 1 more"
    ]


@pytest.mark.parametrize("collection", [DEPLOYMENTS, CLASSES])
def test_deleted(fake: FakeCluster, access: ClusterAccess, collection: str) -> None:
    [gone] = fake.objects.pop(collection)
    assert drifted(access) == [f"{gone['kind']} {gone['metadata']['name']} is missing"]


def test_without_helms_marks_it_is_not_as_made(fake: FakeCluster, access: ClusterAccess) -> None:
    del deployment(fake)["metadata"]["labels"]["app.kubernetes.io/managed-by"]
    assert drifted(access) == ["Deployment app: metadata.labels.app.kubernetes.io/managed-by"]


def test_what_somebody_added_stays_as_it_does_with_helm(fake: FakeCluster, access: ClusterAccess) -> None:
    spec = deployment(fake)["spec"]
    spec["paused"] = False
    spec["template"]["spec"]["containers"][0]["env"].append({"name": "C", "value": "3"})
    assert drifted(access) == []


def test_in_a_namespace_of_its_own(fake: FakeCluster, access: ClusterAccess) -> None:
    manifest = MANIFEST.replace("{name: app}", "{name: app, namespace: other}")
    assert drifted(access, manifest) == ["Deployment app is missing"]
    assert "GET /apis/apps/v1/namespaces/other/deployments/app" in fake.asked


def test_what_the_server_cannot_merge_is_drift(fake: FakeCluster, access: ClusterAccess) -> None:
    fake.refused["PATCH /apis/apps"] = (422, "volumes[0]: may not specify more than 1 volume type")
    assert drifted(access) == ["Deployment app: what cannot be merged into it"]


def test_a_foreign_kind_is_merged_plainly(fake: FakeCluster, access: ClusterAccess) -> None:
    fake.plain.append("/apis/apps")
    assert drifted(access) == []
    fake.objects[DEPLOYMENTS][0]["spec"]["replicas"] = 2
    assert drifted(access) == ["Deployment app: spec.replicas"]


def test_unreadable_is_not_called_as_made(fake: FakeCluster, access: ClusterAccess) -> None:
    fake.refused["PATCH"] = (403, "deployments is forbidden")
    with pytest.raises(Refusal, match=r"^cluster: it answered 403 Forbidden"):
        drifted(access)


def test_a_kind_that_the_cluster_does_not_know(fake: FakeCluster, access: ClusterAccess) -> None:
    fake.kinds = {**KINDS, "/apis/apps/v1": []}
    with pytest.raises(Refusal) as refusal:
        drifted(access)
    assert str(refusal.value) == (
        "Deployment app: the cluster has no Deployment of apps/v1;"
        " it is older or newer than the chart expects"
    )


def test_yaml_is_read_as_helm_reads_it() -> None:
    """Text that another YAML takes for a date or base 60; numbers stay numbers."""
    text = "{day: 2026-01-02, time: 12:30:45, mode: 0644, port: 80, low: -1, hex: 0x1f, on: 1.5}"
    manifest = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {text}\n"
    data = {"day": "2026-01-02", "time": "12:30:45", "mode": 420, "port": 80, "low": -1, "hex": 31, True: 1.5}
    [item] = yaml.load_all(manifest, drift._GoLoader)
    assert item["stringData"] == data


class TestWaitUntilGone:
    def test_gone(self, fake: FakeCluster, access: ClusterAccess) -> None:
        fake.objects.clear()
        drift.wait_until_gone(access, "ns", "rel", MANIFEST, 0)

    def test_what_stays_is_named(self, fake: FakeCluster, access: ClusterAccess) -> None:
        del fake.objects[CLASSES]
        with pytest.raises(Refusal) as refusal:
            drift.wait_until_gone(access, "ns", "rel", MANIFEST, 0)
        assert str(refusal.value) == (
            "rel: uninstalled, and after 0 s Deployment app is still there;"
            " see `kubectl describe` of it, in namespace ns"
        )
