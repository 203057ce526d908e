"""States of a starting Harbor: recognised in recorded looks, and acted on against a fake cluster."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_cluster import FakeCluster, serving

from breakwater import cluster
from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal
from breakwater.harbor import watch as harbor_watch
from breakwater.harbor.look import Look
from breakwater.harbor.states import State, recognised
from breakwater.harbor.watch import Watch, advice, wait_for_leftovers, wait_until_ready

CASES = sorted(Path(__file__).with_name("harbor_states").glob("*.yaml"))
PODS = "/api/v1/namespaces/harbor/pods"
CLAIMS = "/api/v1/namespaces/harbor/persistentvolumeclaims"
DEPLOYMENTS = "/apis/apps/v1/namespaces/harbor/deployments"
PANIC = "panic: failed to load configuration, error: failed to load rest config\n"


def at(time: str) -> datetime:
    return datetime.fromisoformat(f"2026-05-04T{time}Z")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_recorded_look(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    assert set(case) <= {"from", "look", "bundled", "states"}
    look = case["look"]
    look["heard"] = {node: datetime.fromisoformat(text) for node, text in look.get("heard", {}).items()}
    seen = recognised(
        Look(now=at("12:10:00"), since=at("12:00:00"), **look), "harbor", case.get("bundled", False)
    )
    wanted = case["states"]
    assert [state.said for state in seen] == [state["said"] for state in wanted]
    for state, expected in zip(seen, wanted, strict=True):
        assert expected.get("fix", "") in state.fix
        assert bool(expected.get("fix")) == bool(state.fix), state.fix
        assert state == replace(
            state, hopeless=expected.get("hopeless", False), restart=expected.get("restart", "")
        )
        # A phrase of a line whose phrases are parted by "; ".
        assert ";" not in state.said


def test_a_log_is_in_no_repr() -> None:
    """What containers say may hold a password, and a look may end in a traceback."""
    assert "hidden" not in repr(Look(at("12:00:00"), at("12:00:00"), logs={"a/b": "hidden"}))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """A cluster with one node that is heard of, and no time between two looks."""
    monkeypatch.setattr(harbor_watch, "_EVERY", 0.0)
    monkeypatch.setattr(cluster, "_LOOK", 0.01)
    with serving() as fake:
        fake.add_node("node1")
        heard(fake, datetime.now(UTC))
        yield fake


@pytest.fixture
def access(fake: FakeCluster, tmp_path: Path) -> ClusterAccess:
    """The way to it."""
    return ClusterAccess(str(fake.kubeconfig(tmp_path / "kubeconfig")))


def heard(fake: FakeCluster, when: datetime) -> None:
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    fake.objects.pop(path, None)
    fake.add(path, {"metadata": {"name": "node1"}, "spec": {"renewTime": when.isoformat()}})


def pod(fake: FakeCluster, component: str, status: dict[str, Any], release: str = "harbor") -> dict[str, Any]:
    item = {
        "metadata": {"name": f"harbor-{component}-x", "labels": {"release": release, "component": component}},
        "spec": {"nodeName": "node1", "containers": []},
        "status": status,
    }
    fake.add(PODS, item)
    return item


def ready(since: str = "2026-05-04T12:06:00Z") -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": since}]}


def crashed(at: str = "2026-05-04T12:05:00Z", name: str = "jobservice") -> dict[str, Any]:
    status = {
        "name": name,
        "image": "i",
        "imageID": "",
        "ready": False,
        "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 2, "finishedAt": at}},
    }
    return {"conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [status]}


def deployment(fake: FakeCluster, name: str, ready_pods: int) -> None:
    marks = {"meta.helm.sh/release-name": "harbor", "meta.helm.sh/release-namespace": "harbor"}
    item = {
        "metadata": {"name": name, "annotations": marks, "generation": 1},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"component": name.removeprefix("harbor-")}},
            "template": {},
        },
        "status": {
            "readyReplicas": ready_pods,
            "replicas": 1,
            "updatedReplicas": 1,
            "observedGeneration": 1,
        },
    }
    fake.add(DEPLOYMENTS, item)


def watch(access: ClusterAccess, bundled: bool = False) -> Watch:
    return Watch(access, "harbor", "harbor", "harbor", bundled)


def test_jobservice_is_started_anew_once(
    fake: FakeCluster, access: ClusterAccess, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.log = PANIC
    pod(fake, "core", ready())
    waiting = pod(fake, "jobservice", crashed())
    look = watch(access)
    assert look() == [
        "harbor-jobservice-x: started anew, since core is up by now",
        "harbor-jobservice-x waits for core by starting anew",
    ]
    fake.objects[PODS].append(waiting)  # it takes its time to go
    look()
    assert [asked for asked in fake.asked if asked.startswith("DELETE")] == [
        f"DELETE {PODS}/harbor-jobservice-x"
    ]
    assert capsys.readouterr().out == "    harbor-jobservice-x: started anew, since core is up by now\n"


def test_jobservice_that_went_by_itself_is_no_failure(fake: FakeCluster, access: ClusterAccess) -> None:
    pod(fake, "core", ready())
    pod(fake, "jobservice", crashed())
    fake.refused[f"DELETE {PODS}"] = (404, "not found")
    assert watch(access)() == ["harbor-jobservice-x: started anew, since core is up by now"]


def test_a_refused_restart_is_said(fake: FakeCluster, access: ClusterAccess) -> None:
    pod(fake, "core", ready())
    pod(fake, "jobservice", crashed())
    fake.refused[f"DELETE {PODS}"] = (403, "pods is forbidden")
    with pytest.raises(Refusal, match="pods is forbidden"):
        watch(access)()


def test_others_pods_are_not_touched(fake: FakeCluster, access: ClusterAccess) -> None:
    pod(fake, "core", ready(), release="other")
    pod(fake, "jobservice", crashed(), release="other")
    assert watch(access)() == []


def test_a_look_that_is_too_soon_is_not_taken(
    fake: FakeCluster, access: ClusterAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harbor_watch, "_EVERY", 3600.0)
    look = watch(access)
    look._looked = -3600.0
    look()
    count = len(fake.asked)
    assert look() == []
    assert len(fake.asked) == count


def test_a_hopeless_wait_ends_with_the_fix(fake: FakeCluster, access: ClusterAccess) -> None:
    deployment(fake, "harbor-core", 0)
    claim = {
        "metadata": {"name": "harbor-registry", "labels": {"release": "harbor"}},
        "spec": {"storageClassName": "gone"},
        "status": {"phase": "Pending"},
    }
    fake.add(CLAIMS, claim)
    with pytest.raises(Refusal) as refused:
        wait_until_ready(access, "harbor", "harbor", "harbor", 30)
    assert str(refused.value) == (
        "harbor: claim harbor-registry: there is no storage class gone; name one that is in harbor.volumes"
        " (there is none)"
    )


def test_a_pending_claim_is_said_with_its_event(fake: FakeCluster, access: ClusterAccess) -> None:
    fake.add("/apis/storage.k8s.io/v1/storageclasses", {"metadata": {"name": "nfs"}, "provisioner": "x"})
    claim = {
        "metadata": {"name": "harbor-registry", "labels": {"release": "harbor"}},
        "spec": {"storageClassName": "nfs"},
        "status": {"phase": "Pending"},
    }
    fake.add(CLAIMS, claim)
    event = {
        "involvedObject": {"name": "harbor-registry"},
        "message": "mount failed:\n exit status 32",
        "lastTimestamp": "2026-05-04T12:00:00Z",
    }
    fake.add("/api/v1/namespaces/harbor/events", event)
    assert watch(access)() == ["claim harbor-registry: not bound by nfs (mount failed: exit status 32)"]


def test_out_of_time_says_what_the_states_ask_for(fake: FakeCluster, access: ClusterAccess) -> None:
    fake.log = 'nginx: [emerg] host not found in upstream "harbor-core:80" in /etc/nginx/nginx.conf:23\n'
    deployment(fake, "harbor-nginx", 0)
    pod(fake, "nginx", crashed(name="nginx"))
    with pytest.raises(Refusal) as refused:
        wait_until_ready(access, "harbor", "harbor", "harbor", 0)
    said = str(refused.value)
    assert said.startswith("harbor: not ready after 0 s: harbor-nginx: 0 of 1 ready (harbor-nginx-x:")
    assert said.endswith(
        "; harbor-nginx-x: cluster DNS does not answer for harbor-core;"
        " `kubectl --namespace kube-system get pods,endpointslices -l k8s-app=kube-dns`"
    )


def test_out_of_time_in_no_known_state_says_where_to_look(fake: FakeCluster, access: ClusterAccess) -> None:
    deployment(fake, "harbor-core", 0)
    with pytest.raises(Refusal, match=r"see `kubectl --namespace harbor get pods` and .* logs POD`; docs"):
        wait_until_ready(access, "harbor", "harbor", "harbor", 0)


def test_a_log_that_cannot_be_read_is_none(fake: FakeCluster, access: ClusterAccess) -> None:
    fake.log = PANIC
    pod(fake, "jobservice", crashed())
    assert watch(access)() == ["harbor-jobservice-x waits for core by starting anew"]
    fake.refused["/log"] = (500, "dial tcp 10.0.0.21:10250: i/o timeout")
    assert watch(access)() == []


def test_ready_on_a_silent_node_is_waited_for(
    fake: FakeCluster, access: ClusterAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment(fake, "harbor-core", 1)
    pod(fake, "core", ready())
    wait_until_ready(access, "harbor", "harbor", "harbor", 30)
    heard(fake, at("12:00:00"))
    monkeypatch.setattr(harbor_watch, "wait", lambda what, left, timeout: left())
    with pytest.raises(Refusal, match=r"node node1 has said nothing for \d+ s, so harbor-core-x may not be"):
        wait_until_ready(access, "harbor", "harbor", "harbor", 30)


def test_pods_of_an_uninstalled_harbor_are_awaited(fake: FakeCluster, access: ClusterAccess) -> None:
    pod(fake, "core", ready())
    wait_for_leftovers(access, "harbor", "harbor", 0)
    pod(fake, "redis", ready())["metadata"]["deletionTimestamp"] = "2026-05-04T12:00:00Z"
    with pytest.raises(Refusal, match="an earlier one still end after 0 s: harbor-redis-x; see `kubectl"):
        wait_for_leftovers(access, "harbor", "harbor", 0)


def test_advice_says_each_fix_once() -> None:
    states = [State("a", "do this"), State("b"), State("c", "do this"), State("d", "do that")]
    assert advice(states, "harbor") == "do this; do that"
