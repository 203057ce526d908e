"""What of the live storage classes the settings could not become, against a fake cluster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster, serving

from breakwater import classes
from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal
from breakwater.settings import Export

NAMESPACE, SERVER = "nfs-provisioner", "10.0.0.20"
EXPORT = Export(path="/srv/nfs", storage_class="nfs-client")
MADE_ANEW = (
    " and Kubernetes does not change that in a class; take the settings back, name another class, or"
    " `kubectl delete storageclass nfs-client`: that touches no volume, and the next run makes it anew"
)


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    with serving() as fake:
        yield fake


@pytest.fixture
def access(fake: FakeCluster, tmp_path: Path) -> ClusterAccess:
    """The way to it."""
    return ClusterAccess(str(fake.kubeconfig(tmp_path / "kubeconfig")))


def helm(release: str, namespace: str = NAMESPACE) -> dict[str, Any]:
    """Metadata of an object of a release's."""
    marks = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    return {"annotations": marks, "labels": {"nfs-subdir-external-provisioner": release}}


def storage_class(fake: FakeCluster, name: str = "nfs-client", **over: Any) -> None:
    """A class as the chart makes it."""
    made = {
        "metadata": {"name": name, **helm(f"nfs-{name}")},
        "provisioner": f"breakwater/{name}",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
        "parameters": {"archiveOnDelete": "true"},
        "mountOptions": ["nfsvers=4.1"],
    }
    fake.add("/apis/storage.k8s.io/v1/storageclasses", {**made, **over})


def home(fake: FakeCluster, server: str = SERVER, path: str = "/srv/nfs", name: str = "nfs-client") -> None:
    """A provisioner's own volume."""
    spec = {"nfs": {"server": server, "path": path}, "storageClassName": ""}
    fake.add(
        "/api/v1/persistentvolumes", {"metadata": {"name": f"pv-{name}", **helm(f"nfs-{name}")}, "spec": spec}
    )


def volume(fake: FakeCluster, name: str, used: str) -> None:
    fake.add("/api/v1/persistentvolumes", {"metadata": {"name": name}, "spec": {"storageClassName": used}})


def claim(fake: FakeCluster, name: str, used: str, bound: str = "") -> None:
    item = {
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"storageClassName": used, "volumeName": bound},
    }
    fake.add("/api/v1/persistentvolumeclaims", item)


def problems(access: ClusterAccess, export: Export = EXPORT, server: str = SERVER) -> list[str]:
    return classes.class_problems(access, [export], NAMESPACE, server)


def test_none_yet(fake: FakeCluster, access: ClusterAccess) -> None:
    assert problems(access) == []


def test_as_set_costs_two_looks(fake: FakeCluster, access: ClusterAccess) -> None:
    storage_class(fake)
    home(fake)
    assert problems(access) == []
    assert len(fake.asked) == 2


def test_what_kubernetes_changes_is_no_problem(fake: FakeCluster, access: ClusterAccess) -> None:
    storage_class(fake, mountOptions=["nfsvers=3"], allowVolumeExpansion=False)
    assert problems(access, Export(path="/srv/nfs", storage_class="nfs-client", default=True)) == []


@pytest.mark.parametrize(
    ("live", "wanted", "said"),
    [
        ({}, {"reclaim": "Retain"}, "reclaimPolicy is 'Delete', not 'Retain',"),
        ({}, {"archive_on_delete": False}, "parameters.archiveOnDelete is 'true', not 'false',"),
        ({"volumeBindingMode": "Later"}, {}, "volumeBindingMode is 'Later', not 'Immediate',"),
        ({"provisioner": "other/one"}, {}, "provisioner is 'other/one', not 'breakwater/nfs-client',"),
        (
            {"parameters": {"pathPattern": "x"}},
            {},
            "parameters.pathPattern is 'x', not unset, parameters.archiveOnDelete is unset, not 'true',",
        ),
    ],
)  # fmt: skip
def test_what_it_does_not_change_is_said_with_both_values(
    fake: FakeCluster, access: ClusterAccess, live: dict[str, Any], wanted: dict[str, Any], said: str
) -> None:
    storage_class(fake, **live)
    export = Export(path="/srv/nfs", storage_class="nfs-client", **wanted)
    assert problems(access, export) == [f"class nfs-client: {said}{MADE_ANEW}"]


@pytest.mark.parametrize(
    ("metadata", "provisioner", "whose"),
    [
        (helm("theirs"), "breakwater/nfs-client", "Helm release theirs in namespace nfs-provisioner"),
        (helm("nfs-nfs-client", "old"), "breakwater/x", "Helm release nfs-nfs-client in namespace old"),
        ({}, "cluster.local/nfs", "provisioner cluster.local/nfs"),
    ],
)  # fmt: skip
def test_somebody_elses_class_is_left_alone(
    fake: FakeCluster, access: ClusterAccess, metadata: dict[str, Any], provisioner: str, whose: str
) -> None:
    storage_class(fake, metadata={"name": "nfs-client", **metadata}, provisioner=provisioner)
    assert problems(access) == [
        f"class nfs-client: it is there already, of {whose}, and stays as it is; name this export's another"
    ]


def test_ours_without_helms_marks_is_ours(fake: FakeCluster, access: ClusterAccess) -> None:
    storage_class(fake, metadata={"name": "nfs-client"})
    assert problems(access) == []


@pytest.mark.parametrize(("server", "path"), [("10.0.0.99", "/srv/nfs"), (SERVER, "/srv/old")])
def test_volumes_do_not_move(fake: FakeCluster, access: ClusterAccess, server: str, path: str) -> None:
    storage_class(fake)
    home(fake, server, path)
    assert problems(access) == [
        f"class nfs-client: its volumes are in {server}:{path}, not in 10.0.0.20:/srv/nfs as the settings"
        " say, and Kubernetes does not move them; name another class for the new place, or, when none of them"
        " is to be kept, `helm uninstall nfs-nfs-client --namespace nfs-provisioner`"
    ]


class TestFormer:
    USED = "class old: it left the settings and is in use by {}; put it back, or delete those first: its provisioner goes when nothing uses it"  # noqa: E501

    @pytest.fixture(autouse=True)
    def there(self, fake: FakeCluster) -> None:
        storage_class(fake)
        storage_class(fake, "old")
        storage_class(fake, "theirs", metadata={"name": "theirs", **helm("x")})
        for used in ("nfs-client", "theirs"):
            volume(fake, f"pv-of-{used}", used)
            claim(fake, f"claim-of-{used}", used)

    def test_unused_may_go(self, fake: FakeCluster, access: ClusterAccess) -> None:
        assert problems(access) == []
        classes.refuse_used(access, "old")

    def test_used_is_refused_and_named(self, fake: FakeCluster, access: ClusterAccess) -> None:
        volume(fake, "pv-1", "old")
        volume(fake, "pv-2", "old")
        claim(fake, "data", "old", "pv-1")
        claim(fake, "waits", "old")
        said = self.USED.format("claim shop/data, claim shop/waits, volume pv-2")
        assert problems(access) == [said]
        with pytest.raises(Refusal) as refusal:
            classes.refuse_used(access, "old")
        assert str(refusal.value) == said

    def test_five_are_named_and_the_others_counted(self, fake: FakeCluster, access: ClusterAccess) -> None:
        for number in range(7):
            claim(fake, f"c{number}", "old")
        named = ", ".join(f"claim shop/c{number}" for number in range(5))
        assert problems(access) == [self.USED.format(f"{named} and 2 more")]

    def test_another_storage_hosts_is_another_deployments(
        self, fake: FakeCluster, access: ClusterAccess
    ) -> None:
        volume(fake, "pv-1", "old")
        home(fake, "10.9.9.9", name="old")
        assert problems(access) == []


def test_the_settings_name_provisioners_so() -> None:
    assert EXPORT.provisioner_name == f"{classes.OURS}{EXPORT.storage_class}"
    assert EXPORT.release == f"nfs-{EXPORT.storage_class}"
