"""The proof of the domain: a real registry that answers, and a cluster whose kubelets pull from it."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster, serving
from harbor_certificates import Authority
from standin import ADDRESS, DOMAIN, Standin

from breakwater import image_pods, image_proof
from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal
from breakwater.harbor.projects import make_project, make_robot, projects_named, remove_project
from breakwater.image_pods import LABEL, run_on_nodes
from breakwater.image_proof import PREFIX, Cluster, Entrance, push_and_pull
from breakwater.registry_client import Registry
from breakwater.small_image import unique
from breakwater.survey import Survey

NAMESPACE = "harbor"
IN = f"/api/v1/namespaces/{NAMESPACE}"


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    """Two nodes, and one that is no host of ours."""
    with serving() as fake:
        for name in ("node2", "node1", "stranger"):
            fake.add_node(name)
        yield fake


@pytest.fixture
def nodes(fake: FakeCluster, tmp_path: Path) -> Cluster:
    access = ClusterAccess(str(fake.kubeconfig(tmp_path / "kubeconfig")))
    survey = Survey(machine_ids={"host1": "node1", "host2": "node2"})
    return Cluster(access=access, namespace=NAMESPACE, survey=survey, down=())


@pytest.fixture
def entrance(standin: Standin) -> Entrance:
    """Two proxies, which are one here."""
    proxies = {"proxy1": ADDRESS, "proxy2": ADDRESS}
    return Entrance(host=standin.host, proxies=proxies, ca=standin.ca)


@pytest.fixture
def pulled(monkeypatch: pytest.MonkeyPatch, fake: FakeCluster, standin: Standin) -> list[str]:
    """What kubelets pulled: the pods' images, with the login that their Secret holds."""
    found: list[str] = []

    def run(*given: Any) -> None:
        run_on_nodes(*given)
        [secret] = fake.objects[f"{IN}/secrets"]
        logins = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"]
        for pod in fake.objects[f"{IN}/pods"]:
            host, _, rest = pod["spec"]["containers"][0]["image"].partition("/")
            repository, _, tag = rest.partition(":")
            user, password = logins[host]["username"], logins[host]["password"]
            with Registry(host, standin.ca, user, password, address=ADDRESS) as registry:
                registry.pull(repository, tag)
            assert pod["spec"]["imagePullSecrets"] == [{"name": secret["metadata"]["name"]}]
            found.append(f"{pod['spec']['nodeName']} {tag}")

    monkeypatch.setattr(image_pods, "run_on_nodes", run)
    return found


@pytest.fixture(autouse=True)
def nothing_is_left(standin: Standin, fake: FakeCluster) -> Iterator[None]:
    """Whatever happened, Harbor and the cluster are as they were."""
    yield
    assert left(standin, fake) == []


def left(standin: Standin, fake: FakeCluster) -> list[str]:
    with standin.administrator() as harbor:
        projects = [found.name for found in projects_named(harbor, PREFIX)]
    objects = [*fake.objects.get(f"{IN}/pods", []), *fake.objects.get(f"{IN}/secrets", [])]
    return projects + [item["metadata"]["name"] for item in objects]


def refused(entrance: Entrance, nodes: Cluster, standin: Standin, timeout: int = 0) -> str:
    with pytest.raises(Refusal) as refusal:
        push_and_pull(entrance, nodes, standin.administrator, timeout)
    return str(refusal.value)


def test_every_proxy_and_every_node_of_ours(
    entrance: Entrance,
    nodes: Cluster,
    standin: Standin,
    pulled: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pushed: list[str] = []
    push = Registry.push

    def remember(self: Registry, repository: str, tag: str, *image: Any) -> None:
        push(self, repository, tag, *image)
        pushed.append(tag)

    monkeypatch.setattr(Registry, "push", remember)
    push_and_pull(entrance, nodes, standin.administrator, 5)
    assert pushed == ["amd64-0", "amd64-1"]
    assert sorted(pulled) == ["node1 amd64-0", "node2 amd64-0"]
    assert f"{DOMAIN}: this machine does not know the name" in capsys.readouterr().out


def test_nodes_of_several_architectures(
    entrance: Entrance,
    nodes: Cluster,
    standin: Standin,
    fake: FakeCluster,
    pulled: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, architecture in (("node3", "arm64"), ("node4", "s390x")):
        fake.add_node(name, architecture=architecture)
        nodes.survey.machine_ids[name] = name
    push_and_pull(entrance, nodes, standin.administrator, 5)
    assert sorted(pulled) == ["node1 amd64-0", "node2 amd64-0", "node3 arm64-0"]
    assert "node4: left out: there is no small image for s390x" in capsys.readouterr().out


@pytest.mark.parametrize("ready", ["True", "Unknown"])
def test_a_node_that_may_be_down(
    entrance: Entrance, nodes: Cluster, standin: Standin, fake: FakeCluster, pulled: list[str], ready: str
) -> None:
    fake.add_node("node3", ready=ready)
    nodes.survey.machine_ids["host3"] = "node3"
    used = Cluster(access=nodes.access, namespace=NAMESPACE, survey=nodes.survey, down=["host3", "host9"])
    push_and_pull(entrance, used, standin.administrator, 5)
    assert ("node3 amd64-0" in pulled) is (ready == "True")


def test_no_node_in_this_run(
    entrance: Entrance, nodes: Cluster, standin: Standin, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes.survey.machine_ids.clear()
    push_and_pull(entrance, nodes, standin.administrator, 5)
    assert "nobody but this machine pulled from" in capsys.readouterr().out


def test_what_a_killed_proof_left_goes_and_nothing_else(
    entrance: Entrance, nodes: Cluster, standin: Standin, fake: FakeCluster
) -> None:
    names = [f"{PREFIX}deadbeef", f"{PREFIX}of-mine"]
    with standin.administrator() as harbor:
        for name in names:
            make_project(harbor, name)
            robot = make_robot(harbor, name, "left", ["pull", "push"])
            with Registry(standin.host, standin.ca, robot.name, robot.secret, address=ADDRESS) as registry:
                registry.push(f"{name}/image", "one", unique("amd64", bulk=10))
        for kind in ("pods", "secrets"):
            fake.add(f"{IN}/{kind}", {"metadata": {"name": "old", "labels": {LABEL: "deadbeef"}}})
            fake.add(f"{IN}/{kind}", {"metadata": {"name": "harbor-core"}})
        for pod in fake.objects[f"{IN}/pods"]:
            pod["spec"] = {"containers": []}
        push_and_pull(entrance, nodes, standin.administrator, 5)
        assert left(standin, fake) == [names[1], "harbor-core", "harbor-core"]
        [mine] = projects_named(harbor, names[1])
        remove_project(harbor, mine)
    fake.objects.clear()


class TestARefusal:
    """Each of them is tidied up behind."""

    def test_another_authority(self, nodes: Cluster, standin: Standin, tmp_path: Path) -> None:
        other = str(Authority(tmp_path).ca)
        entrance = Entrance(host=standin.host, proxies={"proxy1": ADDRESS}, ca=other)
        words = refused(entrance, nodes, standin)
        assert words.startswith(
            f"{standin.host} (at 127.0.0.1:{standin.port}): x509: certificate signed by unknown authority"
        )

    def test_a_proxy_that_does_not_answer(self, entrance: Entrance, nodes: Cluster, standin: Standin) -> None:
        proxies = {**entrance.proxies, "proxy3": "127.0.0.9"}
        words = refused(Entrance(host=entrance.host, proxies=proxies, ca=entrance.ca), nodes, standin)
        assert words == (
            f"{standin.host} (at 127.0.0.9:{standin.port}): connection refused; nothing listens there:"
            " is the proxy up?"
        )

    def test_a_cluster_that_takes_no_pods(
        self, entrance: Entrance, nodes: Cluster, standin: Standin, fake: FakeCluster
    ) -> None:
        fake.refused["POST /api/v1/namespaces/harbor/pods"] = (403, "pods is forbidden: no")
        assert "pods is forbidden: no" in refused(entrance, nodes, standin)

    def test_what_cannot_be_tidied_up_is_said_after_the_reason(
        self, entrance: Entrance, nodes: Cluster, standin: Standin, fake: FakeCluster
    ) -> None:
        fake.statuses["pods"] = {"phase": "Failed", "reason": "UnexpectedAdmissionError", "message": "odd"}

        def then_away(*given: Any) -> None:
            try:
                run_on_nodes(*given)
            finally:
                fake.refused["DELETE"] = (500, "etcd is away")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(image_pods, "run_on_nodes", then_away)
            words = refused(entrance, nodes, standin)
        assert re.match(
            r"node1 pulled the image from .*, and did not run it: UnexpectedAdmissionError odd;"
            r" and what it made is left to the next proof: cluster: it answered 500 .*etcd is away",
            words,
        )
        # Harbor was reached all the same.
        assert all(name.startswith("breakwater-image-proof-") for name in left(standin, fake))
        fake.refused.clear()
        fake.statuses["pods"] = {"phase": "Succeeded"}
        push_and_pull(entrance, nodes, standin.administrator, 0)


def test_every_proof_has_a_name_of_its_own(entrance: Entrance, nodes: Cluster) -> None:
    one, other = (image_proof._Proof(entrance, nodes, 5) for _ in range(2))
    assert one.project != other.project
    assert re.fullmatch(image_proof.ANY_PROJECT, one.project)
