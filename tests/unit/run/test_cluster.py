"""The bastion's side of the cluster, against a fake one: what is awaited, and what is said when it fails."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster, serving

from breakwater import cluster, proof
from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal
from breakwater.proof import LABEL, Proof

NAMESPACE = "nfs-provisioner"
IN = f"/api/v1/namespaces/{NAMESPACE}"
APPS = f"/apis/apps/v1/namespaces/{NAMESPACE}"


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    """Two nodes that are Ready."""
    with serving() as fake:
        fake.add_node("node2")
        fake.add_node("node1")
        yield fake


@pytest.fixture
def access(fake: FakeCluster, tmp_path: Path) -> ClusterAccess:
    """The way to it."""
    return ClusterAccess(str(fake.kubeconfig(tmp_path / "kubeconfig")))


class TestCheck:
    def test_cluster_that_can_be_used(self, access: ClusterAccess) -> None:
        cluster.check(access)

    def test_no_kubeconfig(self, tmp_path: Path) -> None:
        path = tmp_path / "missing"
        with pytest.raises(Refusal) as refusal:
            cluster.check(ClusterAccess(str(path)))
        assert str(refusal.value) == (
            f"kubeconfig: {path} is not there; copy the cluster's admin kubeconfig to it"
        )

    @pytest.mark.parametrize("text", ["", "nonsense", "{}", "a: [", "- x", "\x00", "clusters: 3\n"])
    def test_file_that_is_no_kubeconfig(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "kubeconfig"
        path.write_text(text)
        with pytest.raises(Refusal, match=f"^kubeconfig: {path} cannot be used: "):
            cluster.check(ClusterAccess(str(path)))

    def test_unknown_context(self, access: ClusterAccess) -> None:
        with pytest.raises(Refusal, match=r"cannot be used: .*elsewhere"):
            cluster.check(ClusterAccess(access.kubeconfig, "elsewhere"))

    def test_cluster_that_does_not_answer(self, tmp_path: Path) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            fake = FakeCluster()
            fake.server = f"http://127.0.0.1:{unused.getsockname()[1]}"
            access = ClusterAccess(str(fake.kubeconfig(tmp_path / "kubeconfig")))
            with pytest.raises(Refusal, match=f"^cluster: {fake.server} does not answer: .*refused"):
                cluster.check(access)

    def test_forbidden(self, fake: FakeCluster, access: ClusterAccess) -> None:
        fake.refused["nodes"] = (403, "nodes is forbidden: User me cannot list")
        with pytest.raises(Refusal, match=r"^cluster: it answered 403 Forbidden: .*User me cannot list"):
            cluster.check(access)

    def test_no_node_that_takes_pods(self, fake: FakeCluster, access: ClusterAccess) -> None:
        fake.objects.clear()
        fake.add_node("node1", ready="Unknown")
        fake.add_node("node2", unschedulable=True)
        with pytest.raises(
            Refusal, match=r"^cluster: no node is Ready and takes pods; see `kubectl get nodes`"
        ):
            cluster.check(access)

    def test_nodes_in_order(self, fake: FakeCluster, access: ClusterAccess) -> None:
        fake.add_node("node0", ready="False")
        assert cluster.ready_nodes(access) == ["node1", "node2"]


class TestPendingRevision:
    SECRET = "sh.helm.release.v1.nfs-client.v3"

    @pytest.fixture(autouse=True)
    def waits(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """How long it was ready to wait; the wait itself is over at once."""
        waits: list[float] = []
        wait = cluster.wait
        monkeypatch.setattr(
            cluster, "wait", lambda what, left, timeout: waits.append(timeout) or wait(what, left, -1)
        )
        return waits

    def secret(self, fake: FakeCluster, status: str, written: float = 0, created: str = "") -> None:
        for name in (self.SECRET, "sh.helm.release.v1.nfs-client.v2"):
            labels = {"status": status, "owner": "helm", "modifiedAt": str(int(written))}
            metadata = {"name": name, "labels": labels, "creationTimestamp": created or None}
            fake.add(f"{IN}/secrets", {"metadata": metadata})

    def left(self, fake: FakeCluster) -> list[str]:
        return [item["metadata"]["name"] for item in fake.objects.get(f"{IN}/secrets", [])]

    def test_the_record_goes_and_no_other(self, fake: FakeCluster, access: ClusterAccess) -> None:
        self.secret(fake, "pending-upgrade")
        cluster.remove_pending_revision(access, NAMESPACE, "nfs-client", 3)
        assert self.left(fake) == ["sh.helm.release.v1.nfs-client.v2"]

    @pytest.mark.parametrize(("age", "left"), [(3600, 0), (20, 10), (0, 30), (-3600, 30)])
    def test_a_helm_that_may_still_be_at_work_gets_the_rest_of_its_time(
        self, fake: FakeCluster, access: ClusterAccess, waits: list[float], age: float, left: float
    ) -> None:
        """By Helm's clock, or by the cluster's: whichever leaves it more; one that is ahead adds nothing."""
        now = time.time()
        for written, created in ((now - age, 0.0), (0.0, now - age)):
            fake.objects.clear()
            self.secret(fake, "pending-install", written, time.strftime("%FT%TZ", time.gmtime(created)))
            cluster.remove_pending_revision(access, NAMESPACE, "nfs-client", 3)
            assert max(waits.pop(), 0) == pytest.approx(left, abs=2)

    def test_a_helm_that_came_to_its_end_keeps_its_record(
        self, fake: FakeCluster, access: ClusterAccess
    ) -> None:
        self.secret(fake, "deployed")
        cluster.remove_pending_revision(access, NAMESPACE, "nfs-client", 3)
        assert len(self.left(fake)) == 2

    def test_a_record_that_is_gone_already(self, fake: FakeCluster, access: ClusterAccess) -> None:
        cluster.remove_pending_revision(access, NAMESPACE, "nfs-client", 3)
        assert not [asked for asked in fake.asked if asked.startswith("DELETE")]


class TestWaitForRelease:
    def workload(
        self, fake: FakeCluster, kind: str, ready: int, release: str = "nfs-client", **over: Any
    ) -> None:
        labels = {"app": kind}
        fake.add(
            f"{APPS}/{kind}",
            {
                "metadata": {
                    "name": f"the-{kind}",
                    "generation": 2,
                    "annotations": {"meta.helm.sh/release-name": release},
                },
                "spec": {
                    "replicas": 2,
                    "serviceName": "x",
                    "selector": {"matchLabels": labels},
                    "template": {},
                },
                "status": {
                    "readyReplicas": ready,
                    "replicas": 2,
                    "updatedReplicas": 2,
                    "observedGeneration": 2,
                    **over,
                },
            },
        )
        waiting = {"reason": "ErrImagePull", "message": "not found"}
        container = {"name": "c", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
        fake.add(
            f"{IN}/pods",
            {
                "metadata": {"name": "pod-1", "labels": labels},
                "spec": {"containers": [{"name": "c"}]},
                "status": {"containerStatuses": [{**container, "state": {"waiting": waiting}}]},
            },
        )

    def said(self, access: ClusterAccess) -> str:
        with pytest.raises(Refusal) as refusal:
            cluster.wait_for_release(access, NAMESPACE, "nfs-client", 0)
        return str(refusal.value)

    def test_ready(self, fake: FakeCluster, access: ClusterAccess) -> None:
        self.workload(fake, "deployments", 2)
        self.workload(fake, "statefulsets", 2)
        self.workload(fake, "deployments", 0, release="other")
        cluster.wait_for_release(access, NAMESPACE, "nfs-client", 0)

    @pytest.mark.parametrize("kind", ["deployments", "statefulsets"])
    def test_not_ready_and_why(self, fake: FakeCluster, access: ClusterAccess, kind: str) -> None:
        self.workload(fake, kind, 1)
        assert self.said(access) == (
            f"nfs-client: not ready after 0 s: the-{kind}: 1 of 2 ready (pod-1: ErrImagePull not found)"
        )

    @pytest.mark.parametrize(
        ("log", "said"),
        [
            ("mount: denied\n", "mount: denied"),
            ("\x1b[31mboom\x1b[0m\n", "[31mboom [0m"),
            ("x" * 400, "x" * 299 + "…"),
        ],
    )
    def test_a_crashing_container_says_its_last_words(
        self, fake: FakeCluster, access: ClusterAccess, log: str, said: str
    ) -> None:
        self.workload(fake, "deployments", 1)
        fake.log = log
        [status] = fake.objects[f"{IN}/pods"][0]["status"]["containerStatuses"]
        status |= {
            "restartCount": 2,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting"}},
        }
        assert self.said(access).endswith(f"(pod-1: CrashLoopBackOff {said})")

    def test_a_crash_whose_log_is_gone_has_its_state(self, fake: FakeCluster, access: ClusterAccess) -> None:
        self.workload(fake, "deployments", 1)
        fake.objects[f"{IN}/pods"][0]["status"]["containerStatuses"][0]["restartCount"] = 1
        fake.refused["/log"] = (400, "previous terminated container not found")
        assert self.said(access).endswith("(pod-1: ErrImagePull not found)")

    def test_an_upgrades_old_pods_do_not_count(self, fake: FakeCluster, access: ClusterAccess) -> None:
        self.workload(fake, "deployments", 2, observedGeneration=1)
        assert "the-deployments: 2 of 2 ready" in self.said(access)

    @pytest.mark.parametrize("kind", ["deployments", "statefulsets"])
    def test_nor_do_they_while_new_ones_start(
        self, fake: FakeCluster, access: ClusterAccess, kind: str
    ) -> None:
        # two old ones serve, and one new one is not ready
        self.workload(fake, kind, 2, replicas=3, updatedReplicas=1)
        assert f"the-{kind}: 2 of 2 ready, 2 from before still there (" in self.said(access)

    def test_an_upgrade_is_over_when_the_old_pods_are_gone(
        self, fake: FakeCluster, access: ClusterAccess
    ) -> None:
        self.workload(fake, "deployments", 2, replicas=3)
        assert "the-deployments: 2 of 2 ready, 1 from before still there (" in self.said(access)

    def test_the_newest_event_says_why(self, fake: FakeCluster, access: ClusterAccess) -> None:
        self.workload(fake, "deployments", 0)
        fake.objects[f"{IN}/pods"][0]["status"] = {}
        for when, kind, text in (
            ("2026-01-01T00:00:01Z", "Warning", "no claim is bound yet"),
            ("2026-01-01T00:00:03Z", "Warning", "mount failed:\n  no route"),
            ("2026-01-01T00:00:02Z", "Normal", "scheduled"),
        ):
            fake.add(
                f"{IN}/events",
                {
                    "involvedObject": {"name": "pod-1"},
                    "type": kind,
                    "message": text,
                    "lastTimestamp": when,
                },
            )
        assert self.said(access).endswith("0 of 2 ready (pod-1: mount failed: no route)")


class TestProof:
    def run(self, access: ClusterAccess, timeout: int = 0) -> Proof:
        used = Proof("nfs-client", token="0badcafe")
        proof.write_and_read(used, access, NAMESPACE, "busybox:1", timeout)
        return used

    def left(self, fake: FakeCluster) -> list[str]:
        return [
            item["metadata"]["name"]
            for kind in ("pods", "persistentvolumeclaims")
            for item in fake.objects.get(f"{IN}/{kind}", [])
        ]

    def test_written_on_one_node_read_on_the_others(self, fake: FakeCluster, access: ClusterAccess) -> None:
        fake.add_node("node3")
        fake.add_node("cordoned", unschedulable=True)
        used = self.run(access)
        assert used.written
        [claim] = fake.objects[f"{IN}/persistentvolumeclaims"]
        assert claim["spec"]["storageClassName"] == "nfs-client"
        scripts = {
            pod["spec"]["nodeName"]: pod["spec"]["containers"][0]["command"][-1]
            for pod in fake.objects[f"{IN}/pods"]
        }
        write = "echo 0badcafe > /proof/breakwater-proof && sync"
        read = 'test "$(cat /proof/breakwater-proof)" = 0badcafe'
        assert scripts == {"node1": write, "node2": read, "node3": read}
        proof.remove(used, access, NAMESPACE, 0)
        assert self.left(fake) == []

    def test_a_single_node_reads_what_it_wrote(self, fake: FakeCluster, access: ClusterAccess) -> None:
        del fake.objects["/api/v1/nodes"][0]
        assert self.run(access).written
        assert [pod["spec"]["nodeName"] for pod in fake.objects[f"{IN}/pods"]] == ["node1", "node1"]

    def test_what_a_killed_run_left_goes_first_and_nothing_else(
        self, fake: FakeCluster, access: ClusterAccess
    ) -> None:
        fake.add(
            f"{IN}/pods",
            {"metadata": {"name": "left", "labels": {LABEL: "ffff"}}, "spec": {"containers": []}},
        )
        fake.add(f"{IN}/pods", {"metadata": {"name": "provisioner"}, "spec": {"containers": []}})
        used = self.run(access)
        proof.remove(used, access, NAMESPACE, 0)
        assert self.left(fake) == ["provisioner"]

    def test_a_claim_that_is_not_bound(self, fake: FakeCluster, access: ClusterAccess) -> None:
        fake.statuses["persistentvolumeclaims"] = {"phase": "Pending"}
        fake.add(
            f"{IN}/events",
            {
                "involvedObject": {"name": "breakwater-proof-0badcafe"},
                "type": "Warning",
                "message": 'storageclass "nfs-client" not found',
            },
        )
        with pytest.raises(Refusal) as refusal:
            self.run(access)
        assert str(refusal.value) == (
            "claim on class nfs-client: not so after 0 s: breakwater-proof-0badcafe is Pending"
            ' storageclass "nfs-client" not found'
        )
        assert self.left(fake) == []

    def test_a_claim_that_is_not_bound_says_what_its_provisioner_does(
        self, fake: FakeCluster, access: ClusterAccess
    ) -> None:
        fake.statuses["persistentvolumeclaims"] = {"phase": "Pending"}
        for name, release in (("nfs-nfs-client-1", "nfs-nfs-client"), ("another", "nfs-other")):
            pod = {"metadata": {"name": name, "labels": {"release": release}}, "spec": {"containers": []}}
            fake.add(f"{IN}/pods", {**pod, "status": {}})
        used = Proof("nfs-client", "nfs-nfs-client", token="0badcafe")
        with pytest.raises(Refusal) as refusal:
            proof.write_and_read(used, access, NAMESPACE, "busybox:1", 0)
        assert str(refusal.value) == (
            "claim on class nfs-client: not so after 0 s: breakwater-proof-0badcafe is Pending;"
            " nfs-nfs-client-1, started anew 0 times, says: the pod's own words"
        )

    def test_a_pod_that_fails_says_its_own_words_and_is_removed(
        self, fake: FakeCluster, access: ClusterAccess
    ) -> None:
        fake.statuses["pods"] = {"phase": "Failed"}
        with pytest.raises(Refusal) as refusal:
            self.run(access)
        assert str(refusal.value) == "proof of nfs-client on node1 failed: the pod's own words"
        assert self.left(fake) == []

    def test_a_pod_that_never_ends(self, fake: FakeCluster, access: ClusterAccess) -> None:
        fake.statuses["pods"] = {"phase": "Pending"}
        with pytest.raises(Refusal, match=r"^proof of nfs-client: not so after 0 s: node1: Pending$"):
            self.run(access)
        assert self.left(fake) == []

    def add_volume(self, fake: FakeCluster, claim: str, policy: str, phase: str = "Released") -> None:
        reference = {"namespace": "elsewhere" if claim.startswith("elsewhere/") else NAMESPACE}
        fake.add(
            "/api/v1/persistentvolumes",
            {
                "metadata": {"name": f"pv-{claim}"},
                "spec": {
                    "claimRef": {**reference, "name": claim.removeprefix("elsewhere/")},
                    "persistentVolumeReclaimPolicy": policy,
                },
                "status": {"phase": phase},
            },
        )

    def test_a_volume_that_stays_is_said(self, fake: FakeCluster, access: ClusterAccess) -> None:
        used = self.run(access)
        for claim in (used.claim, "another"):
            self.add_volume(fake, claim, "Delete")
        with pytest.raises(Refusal, match=f"volume to go: not so after 0 s: pv-{used.claim} is still there$"):
            proof.remove(used, access, NAMESPACE, 0)

    def test_of_a_class_that_retains_it_removes_the_volumes_of_proofs_only(
        self, fake: FakeCluster, access: ClusterAccess
    ) -> None:
        used = self.run(access)
        self.add_volume(fake, used.claim, "Retain")
        self.add_volume(fake, "breakwater-proof-deadbeef", "Retain")  # of a run that was killed
        others = [
            ("breakwater-proof-of-mine", "Retain", "Released"),
            ("elsewhere/breakwater-proof-0badcafe", "Retain", "Released"),
            ("breakwater-proof-beefbeef", "Retain", "Bound"),  # not released yet: another look will do
            ("breakwater-proof-feedfeed", "Delete", "Failed"),  # the provisioner's to remove
            ("data", "Retain", "Released"),
        ]
        for other in others:
            self.add_volume(fake, *other)
        # It looks once more after it has removed something.
        proof.remove(used, access, NAMESPACE, 2)
        left = [item["metadata"]["name"] for item in fake.objects["/api/v1/persistentvolumes"]]
        assert left == [f"pv-{name}" for name, _, _ in others]

    def test_every_proof_has_a_name_of_its_own(self) -> None:
        assert Proof("a").claim != Proof("a").claim


def test_wait_says_what_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "_LOOK", 0)
    monkeypatch.setattr(cluster, "_SAY", 0)
    looks = iter([["a", "b"], ["a"], []])
    assert cluster.wait("the test", lambda: next(looks), 900) == []
    assert capsys.readouterr().out.splitlines() == [
        "    the test: a; b, 0 s of 900 s",
        "    the test: a, 0 s of 900 s",
    ]
