"""What Helm made on the lab: put back when it was changed, gone when its class left the settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import paths
from tests.lab.conftest import Lab
from tests.lab.test_deploy import EXPORT

NAMESPACE, CLASS = "nfs-provisioner", "breakwater"
NAME = f"nfs-{CLASS}-nfs-subdir-external-provisioner"
MINE = ("--namespace", NAMESPACE)
# Seconds: a provisioner starts, a claim is bound, a volume goes.
SOON = 90


def test_edited_and_deleted_objects_are_named_and_put_back_and_then_left_alone(deployed: Lab) -> None:
    deployed.inside("kubectl", *MINE, "set", "env", f"deployment/{NAME}", "NFS_PATH=/nowhere")
    deployed.inside("kubectl", *MINE, "scale", f"deployment/{NAME}", "--replicas=0")
    deployed.inside("kubectl", *MINE, "delete", "serviceaccount", NAME)
    mount = json.dumps({"mountOptions": ["nfsvers=4.1", "soft"]})
    deployed.inside("kubectl", "patch", "storageclass", CLASS, "--type=merge", "--patch", mount)

    repaired = deployed.deploy()

    assert repaired.report["result"] == "done"
    place = "spec.template.spec.containers[0].env[1].value"
    assert f"put back: Deployment {NAME}: spec.replicas, {place}\n" in repaired.output
    assert f"put back: ServiceAccount {NAME} is missing\n" in repaired.output
    assert f"put back: StorageClass {CLASS}: mountOptions\n" in repaired.output
    # It was used, so it works; and it is as it was.
    assert repaired.report["hosts"]["@local"]["Proof"]["status"] == "done"
    assert live(deployed, "storageclass", CLASS)["mountOptions"] == ["nfsvers=4.1", "hard", "noatime"]
    assert live(deployed, "deployment", NAME)["spec"]["replicas"] == 1

    before = versions(deployed)
    assert deployed.deploy().report["result"] == "unchanged"
    assert versions(deployed) == before


@pytest.fixture
def former(deployed: Lab, tmp_path: Path) -> Iterator[Lab]:
    """A lab with one class more than its settings have, and a claim that uses it."""
    [chart] = (paths.state() / "bundle/charts").glob("nfs-subdir-*.tgz")
    values = {
        "nfs": {"server": "10.77.0.11", "path": EXPORT},
        "storageClass": {"name": "former", "provisionerName": "breakwater/former", "archiveOnDelete": False},
    }
    (tmp_path / "values").write_text(json.dumps(values))
    helm = ["helm", "install", "nfs-former", str(chart), *MINE, "--values", str(tmp_path / "values")]
    deployed.inside(*helm)
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "storageClassName": "former",
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    (tmp_path / "claim").write_text(json.dumps(claim))
    deployed.inside("kubectl", *MINE, "apply", "-f", str(tmp_path / "claim"))
    deployed.inside(
        "kubectl", *MINE, "wait", "pvc/data", "--for=jsonpath={.status.phase}=Bound", f"--timeout={SOON}s"
    )
    yield deployed
    deployed.inside("kubectl", *MINE, "delete", "pvc/data", "--ignore-not-found")
    deployed.inside("helm", "uninstall", "nfs-former", *MINE, "--ignore-not-found")


def test_a_class_that_left_the_settings_stays_while_it_is_used_and_then_goes(former: Lab) -> None:
    volume = live(former, "pvc", "data")["spec"]["volumeName"]
    used = former.deploy(check=False)
    assert used.code != 0
    assert f"class former: it left the settings and is in use by claim {NAMESPACE}/data" in used.output
    assert "nfs-former" in releases(former)

    former.inside("kubectl", *MINE, "delete", "pvc/data")
    former.inside("kubectl", "wait", "--for=delete", f"pv/{volume}", f"--timeout={SOON}s")
    former.on("storage", f"echo kept > {EXPORT}/left-by-former")
    gone = former.deploy()
    assert gone.report["result"] == "done"
    assert f"class former: its provisioner goes, its data stays on 10.77.0.11 in {EXPORT}\n" in gone.output
    assert releases(former) == [f"nfs-{CLASS}"]
    assert former.on("storage", f"cat {EXPORT}/left-by-former && rm {EXPORT}/left-by-former") == "kept\n"
    assert former.inside("kubectl", "get", "storageclass", "former", check=False).code != 0


def live(lab: Lab, kind: str, name: str) -> dict[str, Any]:
    """An object as the cluster has it."""
    found: dict[str, Any] = json.loads(lab.inside("kubectl", *MINE, "get", kind, name, "-o", "json").output)
    return found


def versions(lab: Lab) -> str:
    """The release's revision, and the version of every object that is its: each write makes a new one."""
    kinds = "deployments,serviceaccounts,roles,rolebindings,pvc,pv,storageclasses,clusterroles"
    columns = "K:.kind,N:.metadata.name,V:.metadata.resourceVersion"
    objects = lab.inside("kubectl", *MINE, "get", kinds, "-o", f"custom-columns={columns}").output
    return objects + lab.inside("helm", "list", *MINE, "-o", "json").output


def releases(lab: Lab) -> list[str]:
    """The namespace's releases."""
    return lab.inside("helm", "list", *MINE, "--all", "--short").output.split()
