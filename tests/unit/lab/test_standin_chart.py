"""The stand-in's chart against what is known of the upstream chart: values, objects, names."""

import copy
import os
import subprocess
import sys
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import paths

CHART = paths.LAB / "standin/nfs-subdir/chart"
UPSTREAM = paths.REPOSITORY.parent / "shared/facts/nfs-subdir-values-4.0.18.yaml"
HELM = Path(sys.executable).parent / "helm"
OPTIONS = ["hard", "nfsvers=4.1"]

# Values that are no key of values.yaml, because upstream has them commented out or unlisted.
UNLISTED = {
    "storageClass.provisionerName": "example.org/nfs",
    "priorityClassName": "system-cluster-critical",
    "nameOverride": "other",
    "fullnameOverride": "whole",
}
# A value unlike the default for every key of values.yaml.
OTHER = {
    "replicaCount": 2,
    "strategyType": "RollingUpdate",
    "image.repository": "registry.example.org/nfs",
    "image.tag": "v9",
    "image.pullPolicy": "Always",
    "imagePullSecrets": [{"name": "login"}],
    "nfs.server": "10.0.0.9",
    "nfs.path": "/srv/nfs/other",
    "nfs.mountOptions": OPTIONS,
    "nfs.volumeName": "root",
    "nfs.reclaimPolicy": "Delete",
    "storageClass.create": False,
    "storageClass.defaultClass": True,
    "storageClass.name": "other",
    "storageClass.allowVolumeExpansion": False,
    "storageClass.reclaimPolicy": "Retain",
    "storageClass.archiveOnDelete": False,
    "storageClass.onDelete": "retain",
    "storageClass.pathPattern": "${.PVC.namespace}/${.PVC.name}",
    "storageClass.accessModes": "ReadWriteMany",
    "storageClass.volumeBindingMode": "WaitForFirstConsumer",
    "storageClass.annotations": {"note": "seen"},
    "leaderElection.enabled": False,
    "rbac.create": False,
    "podAnnotations": {"note": "seen"},
    "podSecurityContext": {"fsGroup": 7},
    "securityContext": {"readOnlyRootFilesystem": True},
    "serviceAccount.create": False,
    "serviceAccount.annotations": {"note": "seen"},
    "serviceAccount.name": "somebody",
    "resources": {"limits": {"memory": "64Mi"}},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "labels": {"team": "storage"},
    "podDisruptionBudget.enabled": True,
    "podDisruptionBudget.maxUnavailable": 2,
}
# What must be on for a value to be used at all.
NEEDS = {
    "nfs.reclaimPolicy": {"nfs.mountOptions": OPTIONS},
    "storageClass.accessModes": {"nfs.mountOptions": OPTIONS},
    "podDisruptionBudget.maxUnavailable": {"podDisruptionBudget.enabled": True},
}
# Refused, so it has no effect to see; it has a test of its own.
REFUSED = {"podSecurityPolicy.enabled"}


def values() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return loaded


def leaves(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys of everything that is not a mapping with keys."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        nested = isinstance(value, dict) and value
        found |= leaves(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return found


def helm(changes: dict[str, Any], release: str = "nfs") -> "subprocess.CompletedProcess[str]":
    tree: dict[str, Any] = {"nfs": {"server": "10.0.0.20"}}
    for dotted, value in changes.items():
        *parents, last = dotted.split(".")
        reduce(lambda node, key: node.setdefault(key, {}), parents, tree)[last] = copy.deepcopy(value)
    argv = [str(HELM), "template", release, str(CHART), "--namespace", "storage", "--values", "-"]
    # A person's own Helm settings and plugins are kept out.
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run(
        argv, input=yaml.safe_dump(tree), capture_output=True, text=True, timeout=60, env=env
    )


def render(changes: dict[str, Any], release: str = "nfs") -> str:
    answer = helm(changes, release)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def objects(changes: dict[str, Any], release: str = "nfs") -> dict[str, Any]:
    found = [o for o in yaml.safe_load_all(render(changes, release)) if o]
    kinds = [o["kind"] for o in found]
    assert len(kinds) == len(set(kinds)), f"a kind twice: {kinds}"
    return {o["kind"]: o for o in found}


def test_values_are_upstreams() -> None:
    if not UPSTREAM.exists():
        pytest.skip(f"the upstream chart's values are not on this machine: {UPSTREAM}")
    ours, theirs = leaves(values()), leaves(yaml.safe_load(UPSTREAM.read_text()))
    assert sorted(ours) == sorted(theirs)
    image = {"image.repository", "image.tag"}
    assert {k: v for k, v in ours.items() if k not in image} == {
        k: v for k, v in theirs.items() if k not in image
    }


def test_the_chart_says_what_it_is() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["name"], chart["version"]) == ("nfs-subdir-external-provisioner", "4.0.18")
    assert chart["description"].startswith("Stand-in")
    assert values()["image"] == {
        "repository": "breakwater.lab/nfs-subdir-standin",
        "tag": "1",
        "pullPolicy": "IfNotPresent",
    }


def test_every_listed_value_has_a_case() -> None:
    assert sorted(OTHER) == sorted(set(leaves(values())) - REFUSED)


@pytest.mark.parametrize("key", sorted(OTHER | UNLISTED))
def test_every_value_has_an_effect(key: str) -> None:
    ground = NEEDS.get(key, {})
    assert render(ground) != render(ground | {key: (OTHER | UNLISTED)[key]})


def test_rendering_is_deterministic() -> None:
    assert render(OTHER) == render(OTHER)


def test_kinds_and_names() -> None:
    found = objects({"nfs.mountOptions": OPTIONS, "podDisruptionBudget.enabled": True}, release="nfs-harbor")
    full = "nfs-harbor-nfs-subdir-external-provisioner"
    assert {kind: o["metadata"]["name"] for kind, o in found.items()} == {
        "Deployment": full,
        "StorageClass": "nfs-client",
        "ServiceAccount": full,
        "ClusterRole": f"{full}-runner",
        "ClusterRoleBinding": f"run-{full}",
        "Role": f"leader-locking-{full}",
        "RoleBinding": f"leader-locking-{full}",
        "PodDisruptionBudget": full,
        "PersistentVolume": f"pv-{full}",
        "PersistentVolumeClaim": f"pvc-{full}",
    }
    assert found["PersistentVolume"]["spec"]["mountOptions"] == OPTIONS
    assert found["Deployment"]["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"] == {
        "claimName": f"pvc-{full}"
    }


def test_a_release_named_like_the_chart_is_not_named_twice() -> None:
    name = "my-nfs-subdir-external-provisioner"
    assert objects({}, release=name)["Deployment"]["metadata"]["name"] == name


def test_storage_class() -> None:
    changes = {
        key: OTHER[f"storageClass.{key}"]
        for key in ("name", "archiveOnDelete", "onDelete", "pathPattern", "reclaimPolicy", "defaultClass")
    } | {"provisionerName": "example.org/nfs"}
    found = objects({f"storageClass.{k}": v for k, v in changes.items()} | {"nfs.mountOptions": OPTIONS})
    made = found["StorageClass"]
    assert made["provisioner"] == "example.org/nfs"
    assert made["mountOptions"] == OPTIONS
    assert made["reclaimPolicy"] == "Retain"
    assert made["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert made["parameters"] == {
        "archiveOnDelete": "false",
        "onDelete": "retain",
        "pathPattern": "${.PVC.namespace}/${.PVC.name}",
    }


def test_the_pod_gets_the_provisioner_and_the_export() -> None:
    found = objects({"nfs.path": "/srv/nfs/a"})
    pod = found["Deployment"]["spec"]["template"]["spec"]
    name = "cluster.local/nfs-nfs-subdir-external-provisioner"
    assert {e["name"]: e["value"] for e in pod["containers"][0]["env"]} == {
        "NFS_SERVER": "10.0.0.20",
        "NFS_PATH": "/srv/nfs/a",
        "PROVISIONER_NAME": name,
    }
    assert found["StorageClass"]["provisioner"] == name
    assert pod["volumes"][0]["nfs"] == {"server": "10.0.0.20", "path": "/srv/nfs/a"}
    assert pod["containers"][0]["volumeMounts"][0]["mountPath"] == "/persistentvolumes"
    off = objects({"leaderElection.enabled": False})["Deployment"]["spec"]["template"]["spec"]
    assert {"name": "ENABLE_LEADER_ELECTION", "value": "false"} in off["containers"][0]["env"]


def test_labels_are_on_every_object_but_not_in_the_selector() -> None:
    found = objects({"labels": {"team": "storage"}, "nfs.mountOptions": OPTIONS})
    assert {o["metadata"]["labels"]["team"] for o in found.values()} == {"storage"}
    assert "team" not in found["Deployment"]["spec"]["selector"]["matchLabels"]


def test_rights_are_bound_to_the_account_of_the_pod() -> None:
    for changes in ({}, {"serviceAccount.create": False}, {"serviceAccount.name": "somebody"}):
        found = objects(changes)
        account = found["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"]
        subject = {"kind": "ServiceAccount", "name": account, "namespace": "storage"}
        for kind in ("ClusterRoleBinding", "RoleBinding"):
            assert found[kind]["subjects"] == [subject]


def test_pod_security_policy_is_refused() -> None:
    answer = helm({"podSecurityPolicy.enabled": True})
    assert answer.returncode != 0
    assert "podSecurityPolicy.enabled: Kubernetes 1.25 removed PodSecurityPolicy" in answer.stderr
