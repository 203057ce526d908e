"""One run at a time in a cluster, against a fake one: who is refused, who takes over, who loses it."""

import getpass
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import gevent
import pytest
from fake_cluster import FakeCluster, serving
from kubernetes import client

from breakwater import lease
from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
HOLD = """
import sys
from breakwater import lease
from breakwater.cluster import ClusterAccess
held = lease.take(ClusterAccess(sys.argv[1]), print)
print("held", flush=True)
input()
"""


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    with serving() as fake:
        yield fake


@pytest.fixture
def access(fake: FakeCluster, tmp_path: Path) -> ClusterAccess:
    """The way to it."""
    return ClusterAccess(str(fake.kubeconfig(tmp_path / "kubeconfig")))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for, and nothing is renewed behind a test's back."""
    monkeypatch.setattr(lease.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(lease.gevent, "spawn", lambda function: None)


def lost(reason: str) -> None:
    raise AssertionError(reason)


def write(fake: FakeCluster, age: float, **metadata: Any) -> dict[str, Any]:
    """A lease of somebody elsewhere, renewed so many seconds ago."""
    renewed = (datetime.now(UTC) - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    times = {"acquireTime": "2026-01-02T03:04:05.000000Z", "renewTime": renewed}
    spec = {"holderIdentity": "ada on desk, process 7", "leaseDurationSeconds": 30, **times}
    item = {"metadata": {"name": "breakwater", **metadata}, "spec": spec}
    fake.add(LEASES, item)
    return item


def other(access: ClusterAccess) -> "subprocess.Popen[str]":
    """Another run on this machine, which has the lease when this returns."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, access.kubeconfig],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(lease.__file__).parents[1],
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def said(access: ClusterAccess) -> str:
    with pytest.raises(Refusal) as refusal:
        lease.take(access, lost)
    return str(refusal.value)


def test_taken_renewed_and_given_back(fake: FakeCluster, access: ClusterAccess) -> None:
    held = lease.take(access, lost)
    assert held
    [item] = fake.objects[LEASES]
    assert item["spec"]["holderIdentity"].startswith(f"{getpass.getuser()} on ")
    assert item["spec"]["holderIdentity"].endswith(f", process {os.getpid()}")
    assert item["spec"]["leaseDurationSeconds"] == 30
    first = item["spec"]
    held.confirm()
    [item] = fake.objects[LEASES]
    assert item["spec"]["renewTime"] > first["renewTime"]
    assert item["spec"]["acquireTime"] == first["acquireTime"]
    held.release()
    assert fake.objects[LEASES] == []
    # A look and a write to take it; each renewal one write; one to give it back.
    assert [line.split()[0] for line in fake.asked] == ["GET", "POST", "PUT", "DELETE"]


def test_the_second_is_told_who_since_when_and_from_where(fake: FakeCluster, access: ClusterAccess) -> None:
    write(fake, age=1)
    assert said(access) == (
        "another run is going on: ada on desk, process 7, since 2026-01-02 03:04:05 UTC;"
        " wait for it, or end that process"
    )
    assert [line.split()[0] for line in fake.asked] == ["GET"]


def test_of_one_that_seems_dead_it_is_said_when_it_ends(fake: FakeCluster, access: ClusterAccess) -> None:
    write(fake, age=25.5)
    assert said(access).endswith(
        "; it seems dead, its lease ends in 4 s, or, when you are sure, with"
        " `kubectl --namespace kube-system delete lease breakwater`"
    )


def test_a_dead_run_of_this_machine_is_taken_over_at_once(fake: FakeCluster, access: ClusterAccess) -> None:
    process = other(access)
    assert f"process {process.pid}, since 20" in said(access)
    # Not waited for: as a zombie it still has its number.
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert lease.take(access, lost)
    process.communicate()
    [item] = fake.objects[LEASES]
    assert item["spec"]["holderIdentity"].endswith(f"process {os.getpid()}")


def test_a_process_number_that_is_used_again_is_no_sign_of_life(
    fake: FakeCluster, access: ClusterAccess
) -> None:
    marks = {"breakwater.io/place": lease._place(), "breakwater.io/process": f"{os.getpid()} 1"}
    write(fake, age=1, annotations=marks)
    assert lease.take(access, lost)


@pytest.mark.parametrize("place", ["another-boot pid:[4026531836]", ""])
def test_a_process_elsewhere_is_not_looked_for_here(
    fake: FakeCluster, access: ClusterAccess, place: str
) -> None:
    write(fake, age=1, annotations={"breakwater.io/place": place, "breakwater.io/process": "999999999 1"})
    assert "ada on desk" in said(access)


def test_elsewhere_it_is_taken_over_when_it_has_ended(fake: FakeCluster, access: ClusterAccess) -> None:
    write(fake, age=31)
    assert lease.take(access, lost)
    assert [line.split()[0] for line in fake.asked] == ["GET", "GET", "PUT"]


def test_one_that_only_our_clock_calls_ended_is_held(
    fake: FakeCluster, access: ClusterAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = write(fake, age=3600)
    monkeypatch.setattr(lease.time, "sleep", lambda seconds: item["metadata"].update(resourceVersion="99"))
    assert "ada on desk" in said(access)
    assert not [line for line in fake.asked if line.startswith("PUT")]


def test_one_without_a_holder_is_free(fake: FakeCluster, access: ClusterAccess) -> None:
    write(fake, age=1)["spec"] = {"holderIdentity": ""}
    assert lease.take(access, lost)


@pytest.mark.parametrize("age", [31, None])
def test_a_lost_race_is_refused(
    fake: FakeCluster, access: ClusterAccess, monkeypatch: pytest.MonkeyPatch, age: float | None
) -> None:
    """Between the look and the write somebody else took it: when it had ended, and when there was none."""
    if age:
        write(fake, age)
    look = lease._read

    def faster(leases: client.CoordinationV1Api) -> object:
        found = look(leases)
        if sum(line.startswith("GET") for line in fake.asked) == (2 if age else 1):
            fake.objects[LEASES] = []
            write(fake, age=0)
        return found

    monkeypatch.setattr(lease, "_read", faster)
    assert said(access).startswith("another run is going on: ada on desk, process 7, since ")


class TestLosing:
    def held(self, access: ClusterAccess) -> tuple[lease.Lease, list[str]]:
        reasons: list[str] = []
        held = lease.take(access, reasons.append)
        assert held
        return held, reasons

    def test_to_somebody_else(self, fake: FakeCluster, access: ClusterAccess) -> None:
        held, reasons = self.held(access)
        fake.objects[LEASES] = []
        write(fake, age=1)
        held.confirm()
        assert [reason.partition(", since")[0] for reason in reasons] == [
            "this run lost the cluster's lease: another run is going on: ada on desk, process 7"
        ]
        # It is not ours to give back.
        held.release()
        assert len(fake.objects[LEASES]) == 1

    def test_by_hand(self, fake: FakeCluster, access: ClusterAccess) -> None:
        held, reasons = self.held(access)
        fake.objects[LEASES] = []
        held.confirm()
        assert reasons == ["someone removed this run's lease, breakwater in kube-system"]

    def test_not_by_a_renewal_whose_answer_was_lost(self, fake: FakeCluster, access: ClusterAccess) -> None:
        held, reasons = self.held(access)
        fake.objects[LEASES][0]["metadata"]["resourceVersion"] = "99"
        held.confirm()
        assert reasons == []
        assert fake.objects[LEASES][0]["metadata"]["resourceVersion"] != "99"

    def test_only_after_it_could_not_be_renewed_until_its_end(
        self, fake: FakeCluster, access: ClusterAccess
    ) -> None:
        held, reasons = self.held(access)
        fake.refused["PUT"] = (500, "etcd has no leader")
        held.confirm()
        assert reasons == []
        held._renewed -= 31
        held.confirm()
        [reason] = reasons
        assert reason.startswith(
            "the cluster's lease could not be renewed for 31 s: cluster: it answered 500 "
        )

    def test_is_noticed_while_the_run_goes_on(
        self, fake: FakeCluster, access: ClusterAccess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(lease, "RENEW", 0.01)
        monkeypatch.setattr(lease, "_AGAIN", 0.01)
        held, reasons = self.held(access)

        def renewed() -> int:
            return sum(line.startswith("PUT") for line in fake.asked)

        with gevent.Timeout(20):
            while renewed() < 2:
                gevent.sleep(0.01)
            fake.objects[LEASES] = []
            while not reasons:
                gevent.sleep(0.01)
        assert reasons == ["someone removed this run's lease, breakwater in kube-system"]
        held.release()


def test_without_a_way_to_the_cluster_the_local_lock_is_all(tmp_path: Path) -> None:
    assert lease.take(ClusterAccess(str(tmp_path / "missing")), lost) is None
    fake = FakeCluster()
    fake.server = "http://127.0.0.1:1"
    assert lease.take(ClusterAccess(str(fake.kubeconfig(tmp_path / "kubeconfig"))), lost) is None


def test_without_the_right_to_it_the_run_is_refused(fake: FakeCluster, access: ClusterAccess) -> None:
    fake.refused["leases"] = (403, "leases is forbidden: User me cannot get")
    assert said(access).startswith("cluster: it answered 403 Forbidden: ")


def test_a_lease_that_cannot_be_given_back_is_said(
    fake: FakeCluster, access: ClusterAccess, capsys: pytest.CaptureFixture[str]
) -> None:
    held = lease.take(access, lost)
    assert held
    fake.refused["DELETE"] = (500, "no")
    held.release()
    assert capsys.readouterr().out.startswith("The cluster's lease was not given back, it ends in 30 s: ")
