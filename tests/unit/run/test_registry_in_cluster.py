"""What of the registry is kept in the cluster: what breakwater made, and robots' logins."""

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_cluster import FakeCluster, serving

from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal
from breakwater.registry.made import NAME, InCluster
from breakwater.registry.pull_secrets import ClusterSecrets

CONFIG_MAPS, SECRETS = "/api/v1/namespaces/harbor/configmaps", "/api/v1/namespaces/apps/secrets"
PLACE = ("apps", "breakwater-kaps.ci")
OURS = {"app.kubernetes.io/managed-by": "breakwater"}
KIND = "kubernetes.io/dockerconfigjson"


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    with serving() as cluster:
        yield cluster


@pytest.fixture
def access(fake: FakeCluster, tmp_path: Path) -> ClusterAccess:
    return ClusterAccess(str(fake.kubeconfig(tmp_path / "kubeconfig")))


@pytest.fixture
def made(access: ClusterAccess) -> InCluster:
    return InCluster(access, "harbor")


@pytest.fixture
def secrets(access: ClusterAccess) -> ClusterSecrets:
    return ClusterSecrets(access)


def writes(fake: FakeCluster) -> list[str]:
    return [asked for asked in fake.asked if not asked.startswith("GET ")]


def test_what_was_made_is_remembered_and_forgotten(fake: FakeCluster, made: InCluster) -> None:
    assert made.all() == frozenset()
    made.add({"project kaps", "user ann"})
    made.add({"label ä of kaps"})
    assert made.all() == {"project kaps", "user ann", "label ä of kaps"}
    made.remove({"user ann", "user nobody"})
    assert made.all() == {"project kaps", "label ä of kaps"}
    assert writes(fake) == [f"POST {CONFIG_MAPS}", *[f"PATCH {CONFIG_MAPS}/{NAME}"] * 2]


def test_what_is_known_is_not_written(fake: FakeCluster, made: InCluster) -> None:
    made.remove({"user ann"})
    made.add(set())
    assert writes(fake) == []
    made.add({"user ann"})
    made.add({"user ann"})
    assert len(writes(fake)) == 1


def test_the_names_of_a_large_harbor_fit(fake: FakeCluster, made: InCluster) -> None:
    names = {f"member user{user} of project{project}" for user in range(20) for project in range(1000)}
    made.add(names)
    assert made.all() == names
    [config_map] = fake.objects[CONFIG_MAPS]
    assert len(json.dumps(config_map)) < 500_000


@pytest.mark.parametrize(
    "packed",
    [b"no gzip", gzip.compress(b"no JSON"), gzip.compress(b"3"), gzip.compress(b"[]")[:-4], b"\x1f\x8b\x08"],
    # named, for gzip's time of packing must not be part of a test's name
    ids=["no gzip", "no JSON", "no list", "cut", "nothing in it"],
)
def test_a_damaged_memory_is_said(fake: FakeCluster, made: InCluster, packed: bytes) -> None:
    encoded = base64.b64encode(packed).decode()
    fake.add(CONFIG_MAPS, {"metadata": {"name": NAME}, "binaryData": {"made": encoded}})
    with pytest.raises(
        Refusal, match=r"ConfigMap breakwater-registry: .* cannot be read in it: .*; delete it"
    ):
        made.all()


def test_a_cluster_that_refuses_is_said(fake: FakeCluster, made: InCluster) -> None:
    fake.refused[f"POST {CONFIG_MAPS}"] = (403, "configmaps is forbidden")
    with pytest.raises(Refusal, match=r"cluster: it answered 403 .*configmaps is forbidden"):
        made.add({"user ann"})


def test_a_login_is_made_changed_and_removed(fake: FakeCluster, secrets: ClusterSecrets) -> None:
    secrets.write(PLACE, '{"auths": {}}')
    [secret] = fake.objects[SECRETS]
    assert (secret["type"], secret["metadata"]["labels"]) == (KIND, OURS)
    assert secrets.all() == {PLACE: '{"auths": {}}'}
    secrets.write(PLACE, '{"auths": {"a": {}}}')
    assert secrets.all() == {PLACE: '{"auths": {"a": {}}}'}
    secrets.remove(PLACE)
    assert secrets.all() == {}
    secrets.remove(PLACE)
    assert writes(fake)[:2] == [f"POST {SECRETS}", f"PATCH {SECRETS}/{PLACE[1]}"]


def put(fake: FakeCluster, namespace: str, labels: dict[str, str], kind: str, data: dict[str, str]) -> None:
    metadata = {"name": PLACE[1], "labels": labels}
    collection = f"/api/v1/namespaces/{namespace}/secrets"
    fake.add(collection, {"metadata": metadata, "type": kind, "data": data})


def test_a_secret_of_somebody_else_s_stays(fake: FakeCluster, secrets: ClusterSecrets) -> None:
    put(fake, "apps", {"app.kubernetes.io/managed-by": "Helm"}, KIND, {".dockerconfigjson": "e30="})
    assert secrets.all() == {}
    said = "Secret apps/breakwater-kaps.ci: somebody else made it; remove it, or take apps from pull_secrets"
    with pytest.raises(Refusal, match=said):
        secrets.write(PLACE, "{}")
    assert writes(fake) == []


def test_only_ours_of_the_right_kind_are_seen(fake: FakeCluster, secrets: ClusterSecrets) -> None:
    put(fake, "apps", OURS, "Opaque", {".dockerconfigjson": "e30="})
    put(fake, "empty", OURS, KIND, {})
    put(fake, "damaged", OURS, KIND, {".dockerconfigjson": base64.b64encode(b"\xff{}").decode()})
    put(fake, "right", OURS, KIND, {".dockerconfigjson": "e30="})
    assert secrets.all() == {("damaged", PLACE[1]): "\ufffd{}", ("right", PLACE[1]): "{}"}


def test_a_namespace_that_is_not_there_is_said(fake: FakeCluster, secrets: ClusterSecrets) -> None:
    fake.refused[f"POST {SECRETS}"] = (404, 'namespaces "apps" not found')
    with pytest.raises(
        Refusal, match="namespace apps: not there; `kubectl create namespace apps`, or take it"
    ):
        secrets.write(PLACE, "{}")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_the_cluster_refuses_is_said(fake: FakeCluster, secrets: ClusterSecrets, method: str) -> None:
    fake.refused[f"{method} {SECRETS}"] = (403, "secrets is forbidden")
    with pytest.raises(Refusal, match=r"cluster: it answered 403 .*secrets is forbidden"):
        secrets.write(PLACE, "{}")


def test_a_removal_that_is_refused_is_said(fake: FakeCluster, secrets: ClusterSecrets) -> None:
    fake.refused[f"DELETE {SECRETS}"] = (403, "secrets is forbidden")
    with pytest.raises(Refusal, match="cluster: it answered 403"):
        secrets.remove(PLACE)
