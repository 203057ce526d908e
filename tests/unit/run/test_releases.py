"""Helm's record of a release, read from the cluster."""

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
from breakwater.releases import Stored, newest, stored

RECORD = {
    "chart": {"metadata": {"name": "harbor", "version": "1.19.1", "appVersion": "2.15.1"}},
    "config": {"database": {"internal": {"password": "s3cret"}}},
    "manifest": "kind: Secret\n",
}


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeCluster]:
    with serving() as cluster:
        yield cluster


@pytest.fixture
def access(fake: FakeCluster, tmp_path: Path) -> ClusterAccess:
    fake.objects = {}
    return ClusterAccess(str(fake.kubeconfig(tmp_path / "kubeconfig")))


def keep(fake: FakeCluster, record: Any) -> None:
    """As Helm 3 keeps it; text stands for itself."""
    packed = base64.b64encode(gzip.compress(json.dumps(record).encode()))
    raw = record.encode() if isinstance(record, str) else packed
    data = {"release": base64.b64encode(raw).decode()}
    fake.add(
        "/api/v1/namespaces/harbor/secrets", {"metadata": {"name": "sh.helm.release.v1.h.v3"}, "data": data}
    )


def test_read(fake: FakeCluster, access: ClusterAccess) -> None:
    keep(fake, RECORD)
    found = stored(access, "harbor", "h", 3)
    assert found == Stored(RECORD["config"], "kind: Secret\n", "harbor", "1.19.1", "2.15.1")
    assert "s3cret" not in repr(found)


def test_without_values(fake: FakeCluster, access: ClusterAccess) -> None:
    keep(fake, {**RECORD, "config": None})
    assert stored(access, "harbor", "h", 3).values == {}


def test_another_store(access: ClusterAccess) -> None:
    with pytest.raises(Refusal, match="HELM_DRIVER"):
        stored(access, "harbor", "h", 3)


@pytest.mark.parametrize(
    "record", ["s3cret", [], {"config": "s3cret"}, {"chart": None}, {"chart": {"metadata": {}}}]
)
def test_a_record_of_another_kind_is_said_without_what_is_in_it(
    fake: FakeCluster, access: ClusterAccess, record: object
) -> None:
    keep(fake, record)
    with pytest.raises(Refusal, match="revision 3 was not understood") as refusal:
        stored(access, "harbor", "h", 3)
    assert "s3cret" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_newest_of_each_release_without_those_that_are_history(
    fake: FakeCluster, access: ClusterAccess
) -> None:
    rows = [
        ("a", 9, "superseded"),
        ("a", 10, "deployed"),
        ("b", 1, "pending-install"),
        ("c", 2, "uninstalled"),
        ("c", 1, "superseded"),
    ]
    for name, version, status in rows:
        labels = {"owner": "helm", "name": name, "version": str(version), "status": status}
        metadata = {"name": f"sh.helm.release.v1.{name}.v{version}", "labels": labels}
        fake.add("/api/v1/namespaces/harbor/secrets", {"metadata": metadata})
    fake.add("/api/v1/namespaces/harbor/secrets", {"metadata": {"name": "another"}})
    assert newest(access, "harbor") == {"a": 10, "b": 1}
