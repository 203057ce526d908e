"""Harbor on the lab: healthy, left alone when right, put back when changed, its secrets made once."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from breakwater import tls
from lab import paths
from lab.guests import GUESTS
from tests.lab.conftest import Lab, lab_settings, varied
from tests.lab.test_storage_faults import reboot_storage

NAMESPACE = "harbor"
MINE = ("--namespace", NAMESPACE)
NODES = {guest.name: guest.address for guest in GUESTS if guest.name.startswith("node")}
# Seconds: Harbor comes back by itself after its storage was away, NFS's grace of 90 s included.
BACK = 600


@pytest.fixture
def folder() -> Path:
    """What the bastion keeps of Harbor."""
    return paths.state() / "bastion/harbor"


def test_its_data_is_on_the_storage_host(harbored: Lab) -> None:
    claims = json.loads(harbored.inside("kubectl", *MINE, "get", "pvc", "-o", "json").output)["items"]
    bound = {item["metadata"]["name"]: item["status"]["phase"] for item in claims}
    names = {"database-data-harbor-database-0", "data-harbor-redis-0", "harbor-registry", "harbor-jobservice"}
    assert names <= bound.keys()
    assert set(bound.values()) == {"Bound"}
    directories = harbored.on("storage", "ls /srv/nfs/breakwater").split()
    for item in claims:
        assert f"{NAMESPACE}-{item['metadata']['name']}-{item['spec']['volumeName']}" in directories
    harbored.host_tests("-k", "test_harbor")


# On the stand-in they pass in seconds without a lab: tests/unit/run/test_live_cases.py.
@pytest.mark.real_harbor
def test_the_live_cases_pass(harbored: Lab, folder: Path) -> None:
    node = next(iter(NODES.values()))
    done = harbored.inside(
        "pytest", "tests/live", "-q", "--harbor", f"https://{node}:30003", "--ca", str(folder / "ca.crt"),
        "--password-file", str(folder / "admin_password"), timeout=900,
    )  # fmt: skip
    assert " passed" in done.output
    assert "skipped" not in done.output


def test_edited_and_deleted_objects_are_named_and_put_back(harbored: Lab) -> None:
    harbored.inside("kubectl", *MINE, "scale", "deployment/harbor-portal", "--replicas=0")
    harbored.inside("kubectl", *MINE, "delete", "service", "harbor-portal")
    edit = json.dumps({"data": {"LOG_LEVEL": "debug"}})
    harbored.inside("kubectl", *MINE, "patch", "configmap", "harbor-core", "--type=merge", "--patch", edit)
    others = pods(harbored, "portal")

    repaired = harbored.deploy()

    assert repaired.report["result"] == "done"
    assert "put back: Deployment harbor-portal: spec.replicas\n" in repaired.output
    assert "put back: Service harbor-portal is missing\n" in repaired.output
    assert "put back: ConfigMap harbor-core: data.LOG_LEVEL\n" in repaired.output
    assert pods(harbored, "portal") == others


def test_what_cannot_be_changed_is_refused_before_anything_is(harbored: Lab, tmp_path: Path) -> None:
    harbor = lab_settings()["harbor"]
    volumes = {**harbor["volumes"], "database": {"size": "7Gi"}}
    node_ports = {"http": 30012, "https": 30013}
    taken = ("create", "service", "nodeport", "taken", "--tcp=80", "--node-port=30012")
    harbored.inside("kubectl", *taken)
    try:
        settings = {**harbor, "volumes": volumes, "node_ports": node_ports}
        refused = harbored.deploy(inventory=varied(tmp_path, proxies=False, harbor=settings), check=False)
    finally:
        harbored.inside("kubectl", "delete", "service", "taken")
    assert refused.code != 0
    found = "\n".join(f"{row['what']}; {row['fix']}" for row in refused.report["preflight"])
    assert "harbor.volumes.database" in found
    assert "harbor.node_ports.http: 30012 is held by Service default/taken" in found
    assert refused.report["hosts"]["storage"]["NFS server"]["status"] == "not reached"


def test_secrets_lost_on_one_side_come_back_from_the_other(
    harbored: Lab, folder: Path, tmp_path: Path
) -> None:
    before, running = kept(folder), pods(harbored)
    shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(folder)
    done = harbored.deploy()
    # The CA's key is on this machine only.
    assert kept(folder) == {name: text for name, text in before.items() if name != "ca.key"}
    assert done.report["result"] == "done"
    assert "ca.key" in " ".join(done.report["warnings"])
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "copy", folder)

    secrets = live_secrets(harbored)
    harbored.inside("kubectl", *MINE, "delete", "secret", "harbor-secrets", "harbor-tls")
    assert harbored.deploy().report["result"] == "done"
    assert live_secrets(harbored) == secrets
    assert pods(harbored) == running


def test_secrets_that_differ_are_refused_until_somebody_says_which_is_right(
    harbored: Lab, folder: Path
) -> None:
    before = kept(folder)
    (folder / "csrf_key").write_text("x" * 32 + "\n")
    refused = harbored.deploy(check=False)
    assert refused.code != 0
    assert "CSRF_KEY" in refused.output
    assert "--data adopt_secrets=cluster" in refused.output
    assert before["csrf_key"].strip() not in refused.output
    assert harbored.deploy("--data", "adopt_secrets=cluster").code == 0
    assert kept(folder) == before


def test_a_certificate_that_ends_soon_is_renewed_and_only_nginx_is_replaced(
    harbored: Lab, folder: Path
) -> None:
    others = pods(harbored, "nginx")
    ends_soon(harbored, folder)
    renewed = harbored.deploy()
    assert renewed.report["result"] == "done"
    assert "renewed" in renewed.output
    assert pods(harbored, "nginx") == others
    assert len(pods(harbored)) == len(others) + 1
    harbored.host_tests("-k", "test_harbor")
    assert harbored.deploy().report["result"] == "unchanged"


def test_harbor_comes_back_by_itself_when_the_storage_host_was_away(harbored: Lab, folder: Path) -> None:
    running = pods(harbored)
    reboot_storage(harbored)
    # Nobody helps it: a run would only say so.
    healthy = ("python", "-m", "tests.lab.healthy", str(folder / "ca.crt"), str(BACK), *NODES.values())
    found = harbored.inside(*healthy, timeout=BACK + 60)
    assert "healthy" in found.output
    assert pods(harbored) == running
    assert harbored.deploy().code == 0
    harbored.host_tests("-k", "test_harbor")


def ends_soon(lab: Lab, folder: Path) -> None:
    """Both sides have a certificate by our CA that ends in less than 30 days."""
    ca = tls.Pair((folder / "ca.crt").read_text(), (folder / "ca.key").read_text())
    names = tls.names_of(lab_settings()["domain"], NODES)
    old = tls.new_certificate(ca, names, datetime.now(UTC) - timedelta(days=370))
    (folder / "tls.crt").write_text(old.certificate)
    (folder / "tls.key").write_text(old.key)
    data = {"stringData": {"tls.crt": old.certificate, "tls.key": old.key}}
    lab.inside("kubectl", *MINE, "patch", "secret", "harbor-tls", "--patch", json.dumps(data))


def pods(lab: Lab, but: str = "") -> set[str]:
    """Name and identity of Harbor's pods.

    + but: a component that is left out
    """
    items = json.loads(lab.inside("kubectl", *MINE, "get", "pods", "-o", "json").output)["items"]
    return {
        f"{item['metadata']['name']} {item['metadata']['uid']}"
        for item in items
        if item["metadata"]["labels"].get("component") != but
        and not item["metadata"].get("deletionTimestamp")
    }


def kept(folder: Path) -> dict[str, str]:
    """{file: content} of the bastion's secrets."""
    files = (path for path in folder.iterdir() if path.is_file() and path.suffix != ".before")
    return {path.name: path.read_text() for path in files}


def live_secrets(lab: Lab) -> dict[str, Any]:
    """{Secret: its data} of those that breakwater makes."""
    names = ("harbor-secrets", "harbor-token", "harbor-tls", "harbor-ca")
    listed = lab.inside("kubectl", *MINE, "get", "secret", *names, "-o", "json").output
    return {item["metadata"]["name"]: item["data"] for item in json.loads(listed)["items"]}
