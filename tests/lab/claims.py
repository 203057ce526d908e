"""Claims, and pods that use them, as a user of the cluster has them: all in a namespace of the tests'."""

from __future__ import annotations

import json
from typing import Any

from lab import bundle, control_plane, paths

NAMESPACE = "test-claims"
# Seconds: a pod's start under emulation.
START = 300


def kubectl(*arguments: str, timeout: float = 60, check: bool = True, input: bytes | None = None) -> str:
    return control_plane.kubectl("-n", NAMESPACE, *arguments, timeout=timeout, check=check, input=input)


def use_claim(name: str, storage_class: str, node: str, script: str) -> None:
    """A claim, and a pod of that name on this node that runs a script with it at /data."""
    container = {
        "name": "shell",
        "image": bundle.busybox_image(paths.state() / "bundle"),
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", script],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    claim = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": storage_class,
        "resources": {"requests": {"storage": "1Mi"}},
    }
    pod = {
        "nodeName": node,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
    }
    make("PersistentVolumeClaim", name, claim)
    make("Pod", name, pod)
    kubectl("wait", "--for=condition=Ready", f"pod/{name}", f"--timeout={START}s", timeout=START + 10)


def in_pod(name: str, script: str) -> str:
    """What a script in a pod said, errors too, however it ended."""
    return kubectl("exec", name, "--", "sh", "-c", f"{{ {script}; }} 2>&1 || true")


def by_hand(path: str) -> dict[str, Any]:
    """A volume that no provisioner made."""
    return {
        "capacity": {"storage": "1Mi"},
        "accessModes": ["ReadOnlyMany"],
        "nfs": {"server": "10.77.0.11", "path": path},
    }


def make(kind: str, name: str, spec: dict[str, Any]) -> None:
    """Put an object into the cluster."""
    made = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    kubectl("apply", "-f", "-", input=json.dumps(made).encode())
