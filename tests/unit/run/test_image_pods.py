"""The pods that prove a pull, on a cluster whose kubelets say what real ones do."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster, serving

from breakwater import cluster, image_pods
from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal
from breakwater.image_pods import LABEL, run_on_nodes

NAMESPACE = "harbor"
IN = f"/api/v1/namespaces/{NAMESPACE}"


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    with serving() as fake:
        yield fake


@pytest.fixture
def access(fake: FakeCluster, tmp_path: Path) -> ClusterAccess:
    return ClusterAccess(str(fake.kubeconfig(tmp_path / "kubeconfig")))


def waiting(reason: str, message: str) -> dict[str, Any]:
    """A pod's status whose container waits."""
    said = {"reason": reason, "message": message}
    container = {"name": "proof", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    return {"phase": "Pending", "containerStatuses": [{**container, "state": {"waiting": said}}]}


HEAD = (
    'failed to pull and unpack image "h/breakwater-proof-0badcafe/image:amd64-0": failed to resolve reference'
    ' "h/breakwater-proof-0badcafe/image:amd64-0": failed to do request: Head'
    ' "https://h/v2/breakwater-proof-0badcafe/image/manifests/amd64-0": '
)
# What containerd said -> whether the proof waits on, its end as it is shown, and what to do.
PULLS: Mapping[str, tuple[bool, str]] = {
    "tls: failed to verify certificate: x509: certificate signed by unknown authority": (
        False,
        "this node does not trust the domain's CA: see hosts.toml and ca.crt in /etc/containerd/certs.d/h,",
    ),
    "http: server gave HTTP response to HTTPS client": (False, "h speaks no TLS for this node"),
    "tls: failed to verify certificate: x509: certificate is valid for a, not h": (
        False,
        "another name's certificate than h's",
    ),
    "x509: certificate has expired or is not yet valid: current time 2020-01-01T00:00:00Z is before": (
        False,
        "look at the node's clock (timedatectl)",
    ),
    "dial tcp: lookup h on 10.96.0.10:53: no such host": (True, "this node does not know the name h"),
    "dial tcp 10.77.0.31:443: connect: connection refused": (True, "nothing listens where h leads this node"),
    "dial tcp 10.77.0.31:443: i/o timeout": (True, "this node does not come through to where h leads it"),
    "unexpected status from GET request to https://h/service/token: 401 Unauthorized": (
        True,
        "Harbor does not take a login",
    ),
    "unexpected status code https://h/v2/: 503 Service Unavailable": (True, "the proxy gets no answer"),
}


class TestPulls:
    def run(self, access: ClusterAccess, timeout: int = 0) -> str:
        """The refusal of a pull on node1."""
        try:
            with pytest.raises(Refusal) as refusal:
                run_on_nodes(
                    access, NAMESPACE, "0badcafe", ("h", "robot$x", "s"), {"node1": "h/i:1"}, timeout
                )
        finally:
            image_pods.remove(access, NAMESPACE, 5)
        return str(refusal.value)

    @pytest.mark.parametrize("said", PULLS)
    def test_what_containerd_says(self, access: ClusterAccess, fake: FakeCluster, said: str) -> None:
        waits, fix = PULLS[said]
        fake.statuses["pods"] = waiting("ErrImagePull", HEAD + said)
        words = self.run(access)
        begin = "pull from h: not done after 0 s: " if waits else "pull from h: "
        assert words.startswith(f"{begin}node1: {said}; ")
        assert fix in words

    def test_the_reason_is_kept_while_the_kubelet_only_says_that_it_waits(
        self, access: ClusterAccess, fake: FakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake.statuses["pods"] = waiting("ErrImagePull", f"{HEAD}dial tcp 10.77.0.31:443: i/o timeout")
        look = image_pods._left

        def then_back_off(*given: Any) -> list[str]:
            found = look(*given)
            for pod in fake.objects[f"{IN}/pods"]:
                pod["status"] = waiting("ImagePullBackOff", 'Back-off pulling image "h/i:1"')
            return found

        monkeypatch.setattr(image_pods, "_left", then_back_off)
        monkeypatch.setattr(cluster, "_LOOK", 0.1)
        assert "node1: dial tcp 10.77.0.31:443: i/o timeout; this node does not come" in self.run(access, 1)

    def test_a_pod_that_nobody_says_anything_of(self, access: ClusterAccess, fake: FakeCluster) -> None:
        fake.statuses["pods"] = {"phase": "Pending"}
        assert self.run(access) == "pull from h: not done after 0 s: node1: Pending"

    def test_a_pod_that_somebody_deleted_has_not_run(
        self, access: ClusterAccess, fake: FakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        look = image_pods._left

        def deleted(*given: Any) -> list[str]:
            fake.objects[f"{IN}/pods"].clear()
            return look(*given)

        monkeypatch.setattr(image_pods, "_left", deleted)
        assert self.run(access) == "pull from h: not done after 0 s: node1: its pod is gone"

    def test_a_sandbox_that_cannot_be_made(self, access: ClusterAccess, fake: FakeCluster) -> None:
        fake.statuses["pods"] = waiting("ContainerCreating", "")
        # the name that the fake will give: the Secret is its object before
        name = f"breakwater-image-proof-0badcafe-{fake.made + 3}"
        fake.add(f"{IN}/events", {"involvedObject": {"name": name}, "message": "failed to get sandbox"})
        assert self.run(access).endswith("node1: failed to get sandbox")

    def test_a_program_that_fails(self, access: ClusterAccess, fake: FakeCluster) -> None:
        ended = waiting("", "")
        ended["phase"] = "Failed"
        ended["containerStatuses"][0]["state"] = {"terminated": {"reason": "StartError", "exitCode": 128}}
        fake.statuses["pods"] = ended
        assert self.run(access) == "node1 pulled the image from h, and did not run it: StartError 128"

    def test_a_pod_that_does_not_go(self, access: ClusterAccess, fake: FakeCluster) -> None:
        fake.add(
            f"{IN}/pods", {"metadata": {"name": "p", "labels": {LABEL: "x"}}, "spec": {"containers": []}}
        )
        fake.refused["DELETE"] = (200, "no")
        with pytest.raises(Refusal, match=r"^the proof's pods: not gone after 0 s: p is still there$"):
            image_pods.remove(access, NAMESPACE, 0)
        fake.objects.clear()
