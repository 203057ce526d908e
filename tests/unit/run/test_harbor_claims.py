"""Harbor's live claims and stateful sets against the settings' volumes, on a fake cluster."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster, serving

from breakwater.cluster import ClusterAccess
from breakwater.harbor.claims import claim_name, unnamed_classes, volume_problems

CLAIMS = "/api/v1/namespaces/harbor/persistentvolumeclaims"
SETS = "/apis/apps/v1/namespaces/harbor/statefulsets"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"


@dataclass(frozen=True)
class Volume:
    """A volume as the settings have it."""

    storage_class: str = "nfs-client"
    access_mode: str = "ReadWriteOnce"
    size: str = "10Gi"


WANTED = {
    "registry": Volume(access_mode="ReadWriteMany"),
    "jobservice": Volume(access_mode="ReadWriteMany"),
    "database": Volume(),
    "redis": Volume(),
    "trivy": Volume(),
}
KEPT = "to keep it, or move the data: docs/troubleshooting.md, 'Another volume'"


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    with serving() as fake:
        fake.add(CLASSES, {"metadata": {"name": "nfs-client"}, "provisioner": "breakwater/nfs-client"})
        yield fake


@pytest.fixture
def access(fake: FakeCluster, tmp_path: Path) -> ClusterAccess:
    """The way to it."""
    return ClusterAccess(str(fake.kubeconfig(tmp_path / "kubeconfig")))


def spec(wanted: Volume) -> dict[str, Any]:
    named = {"storageClassName": wanted.storage_class} if wanted.storage_class else {}
    return {
        **named,
        "accessModes": [wanted.access_mode],
        "resources": {"requests": {"storage": wanted.size}},
    }


def claim(fake: FakeCluster, volume: str, **over: str) -> None:
    """A claim as the chart, or its stateful set, made it."""
    made = spec(replace(WANTED[volume], **over))
    fake.add(CLAIMS, {"metadata": {"name": claim_name("harbor", volume)}, "spec": made})


def stateful_set(fake: FakeCluster, volume: str, **over: str | None) -> None:
    template = {
        "metadata": {"name": claim_name("harbor", volume).removesuffix(f"-harbor-{volume}-0")},
        "spec": spec(replace(WANTED[volume], **over)),
    }
    item = {
        "metadata": {"name": f"harbor-{volume}"},
        "spec": {"serviceName": "x", "selector": {}, "template": {}, "volumeClaimTemplates": [template]},
        "status": {"replicas": 1},
    }
    fake.add(SETS, item)


def problems(access: ClusterAccess, made: tuple[str, ...] = (), **over: Volume) -> list[str]:
    return volume_problems(access, "harbor", "harbor", {**WANTED, **over}, made)


def test_the_charts_names_of_the_claims() -> None:
    assert [claim_name("my-harbor", volume) for volume in WANTED] == [
        "my-harbor-registry",
        "my-harbor-jobservice",
        "database-data-my-harbor-database-0",
        "data-my-harbor-redis-0",
        "data-my-harbor-trivy-0",
    ]


def test_nothing_yet_and_all_as_set(fake: FakeCluster, access: ClusterAccess) -> None:
    assert problems(access) == []
    for volume in WANTED:
        claim(fake, volume)
    for volume in ("database", "redis", "trivy"):
        stateful_set(fake, volume)
    fake.asked.clear()
    assert problems(access) == []
    assert len(fake.asked) == 3


def test_sizes_are_numbers(fake: FakeCluster, access: ClusterAccess) -> None:
    claim(fake, "registry", size="10240Mi")
    stateful_set(fake, "database", size="10737418240")
    assert problems(access) == []


@pytest.mark.parametrize("size", ["5Gi", "20Gi", "10G"])
def test_another_size_of_a_claim(fake: FakeCluster, access: ClusterAccess, size: str) -> None:
    claim(fake, "registry", size=size)
    assert problems(access) == [
        f"harbor.volumes.registry.size: claim harbor-registry has {size}, not 10Gi, and Kubernetes does not"
        f" change that; set harbor.volumes.registry.size = '{size}' {KEPT}"
    ]


def test_a_claim_may_grow_where_its_class_lets_it(fake: FakeCluster, access: ClusterAccess) -> None:
    fake.add(CLASSES, {"metadata": {"name": "big"}, "provisioner": "x", "allowVolumeExpansion": True})
    claim(fake, "registry", storage_class="big")
    stateful_set(fake, "redis", storage_class="big")
    grown = replace(WANTED["registry"], storage_class="big", size="20Gi")
    assert problems(access, registry=grown, redis=Volume("big")) == []
    assert len(problems(access, registry=replace(grown, size="5Gi"), redis=Volume("big"))) == 1
    (line,) = problems(access, registry=grown, redis=Volume("big", size="20Gi"))
    assert line.startswith("harbor.volumes.redis.size: stateful set harbor-redis has 10Gi, not 20Gi,")


def test_another_class_and_another_mode_of_a_template(fake: FakeCluster, access: ClusterAccess) -> None:
    stateful_set(fake, "database", storage_class="fast", access_mode="ReadWriteOncePod")
    assert problems(access) == [
        "harbor.volumes.database.storage_class: stateful set harbor-database has fast, not nfs-client, and"
        f" Kubernetes does not change that; set harbor.volumes.database.storage_class = 'fast' {KEPT}",
        "harbor.volumes.database.access_mode: stateful set harbor-database has ReadWriteOncePod, not"
        " ReadWriteOnce, and Kubernetes does not change that; set harbor.volumes.database.access_mode ="
        f" 'ReadWriteOncePod' {KEPT}",
    ]


def test_a_set_that_names_no_class_goes_by_what_its_claim_was_given(
    fake: FakeCluster, access: ClusterAccess
) -> None:
    stateful_set(fake, "database", storage_class=None)
    claim(fake, "database")
    stateful_set(fake, "redis", storage_class=None)
    claim(fake, "redis", storage_class="slow")
    stateful_set(fake, "trivy")
    [line] = problems(access)
    assert "set harbor.volumes.redis.storage_class = 'slow' to keep it" in line
    assert unnamed_classes(access, "harbor", "harbor") == {"database", "redis"}


def test_a_set_that_names_no_class_and_has_no_claim_goes_by_the_clusters_default(
    fake: FakeCluster, access: ClusterAccess
) -> None:
    marks = {"storageclass.kubernetes.io/is-default-class": "true"}
    fake.add(CLASSES, {"metadata": {"name": "slow", "annotations": marks}, "provisioner": "x"})
    stateful_set(fake, "redis", storage_class=None)
    [line] = problems(access)
    assert "set harbor.volumes.redis.storage_class = 'slow' to keep it" in line


def test_the_refusal_names_a_chapter_that_is_there() -> None:
    guide = Path(__file__).parents[3] / "docs" / "troubleshooting.md"
    assert "\n## Another volume\n" in guide.read_text()


def test_what_an_uninstall_left_counts(fake: FakeCluster, access: ClusterAccess) -> None:
    claim(fake, "database", size="1Gi")
    (line,) = problems(access)
    assert line.startswith("harbor.volumes.database.size: claim database-data-harbor-database-0 has 1Gi,")


def test_of_a_living_set_the_template_counts_and_not_its_claim(
    fake: FakeCluster, access: ClusterAccess
) -> None:
    claim(fake, "database", size="50Gi")  # grown by hand, which Helm does not mind
    stateful_set(fake, "database")
    assert problems(access) == []


def test_other_claims_and_volumes_that_are_not_wanted(fake: FakeCluster, access: ClusterAccess) -> None:
    claim(fake, "trivy", size="1Gi")
    wanted = {"registry": WANTED["registry"]}
    assert volume_problems(access, "harbor", "harbor", wanted, ()) == []
    assert volume_problems(access, "harbor", "other", WANTED, ()) == []


def test_a_class_that_nobody_makes(fake: FakeCluster, access: ClusterAccess) -> None:
    claim(fake, "database", storage_class="gone")  # has its volume: needs no class any more
    over = {"redis": Volume("gone"), "database": Volume("gone"), "trivy": Volume("new")}
    assert problems(access, made=("new",), **over) == [
        "harbor.volumes.redis.storage_class: 'gone' is not there, and no export makes it; name one that is"
        " (new, nfs-client), or give an export that storage_class"
    ]
