"""States in which Harbor hangs, made on the lab: recognised, and healed or named with what to type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.conftest import Lab

MINE = ("--namespace", "harbor")
SLICE = ("--namespace", "kube-system", "endpointslice", "kube-dns")
# Seconds until a jobservice without core waits out a back-off.
BACKS_OFF = 300


def test_a_jobservice_that_sits_out_its_back_off_is_started_anew(harbored: Lab) -> None:
    harbored.inside("kubectl", *MINE, "scale", "deployment/harbor-core", "--replicas=0")
    harbored.inside("kubectl", *MINE, "delete", "pod", "-l", "component=jobservice")
    harbored.inside(
        "kubectl", *MINE, "wait", "pod", "-l", "component=jobservice", f"--timeout={BACKS_OFF}s",
        "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff",
        timeout=BACKS_OFF + 30,
    )  # fmt: skip
    mended = harbored.deploy()
    assert mended.report["result"] == "done"
    assert "put back: Deployment harbor-core: spec.replicas\n" in mended.output
    assert "started anew, since core is up by now" in mended.output
    harbored.host_tests("-k", "test_harbor")


def test_a_cluster_without_dns_is_refused_before_anything_changes(harbored: Lab) -> None:
    with without_dns(harbored):
        refused = harbored.deploy(check=False)
    assert refused.code != 0
    assert "cluster DNS" in json.dumps(refused.report["preflight"])
    assert refused.report["hosts"]["storage"]["NFS server"]["status"] == "not reached"


def test_uploads_that_never_ended_are_reported_and_stay(harbored: Lab) -> None:
    found = harbored.on("storage", "ls -d /srv/nfs/breakwater/harbor-harbor-registry-*").strip()
    upload = f"{found}/docker/registry/v2/repositories/library/x/_uploads/1"
    began = f"touch -d '2 days ago' {upload}/startedat"
    harbored.on("storage", f"mkdir -p {upload} && head -c 3M /dev/zero >{upload}/data && {began}")
    try:
        run = harbored.deploy()
        said = " ".join(run.report["warnings"])
        assert f"and never ended: 1, 3 MiB, such as {upload};" in said
        harbored.on("storage", f"test -e {upload}/data")
    finally:
        harbored.on("storage", f"rm -r {found}/docker/registry/v2/repositories/library/x")


@pytest.mark.faults
def test_one_that_was_uninstalled_comes_back_with_its_data(harbored: Lab) -> None:
    """Helm is back long before the pods have ended; claims and secrets stay."""
    claims = harbored.inside("kubectl", *MINE, "get", "pvc", "-o", "name").output
    try:
        harbored.inside("helm", "uninstall", "harbor", *MINE, "--wait")
        assert harbored.deploy().report["result"] == "done"
        assert harbored.inside("kubectl", *MINE, "get", "pvc", "-o", "name").output == claims
        harbored.host_tests("-k", "test_harbor")
    finally:
        harbored.spoil()


@contextmanager
def without_dns(lab: Lab) -> Iterator[None]:
    """Nobody answers behind the Service of the cluster's DNS."""
    there = json.loads(lab.inside("kubectl", "get", *SLICE, "-o", "json").output)["endpoints"]

    def behind(endpoints: list[object]) -> None:
        edit = json.dumps({"endpoints": endpoints})
        lab.inside("kubectl", "patch", *SLICE, "--type=merge", "--patch", edit)

    behind([])
    try:
        yield
    finally:
        behind(there)
