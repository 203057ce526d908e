"""Proves a storage class by using it: a claim, a pod that writes, a pod on every other node that reads."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kubernetes import client

from breakwater.cluster import LIMIT, ClusterAccess, api, newest_event, ready_nodes, wait
from breakwater.commands import Refusal

LABEL = "breakwater.io/proof"
FILE = "breakwater-proof"
# Any proof's claim, whatever its token: for find(1), and as a pattern of ours.
ANY_CLAIM = "breakwater-proof-" + "[0-9a-f]" * 8


@dataclass
class Proof:
    """One run's proof of one storage class, handed from the step that writes to those that look and tidy up.

    The random token names everything it makes, so that nothing else is ever taken for it.
    """

    storage_class: str
    release: str = ""  # that provisions it
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    written: bool = False  # a pod wrote, the others read

    @property
    def claim(self) -> str:
        """Name of the claim, and of what begins with it."""
        return f"breakwater-proof-{self.token}"


def write_and_read(proof: Proof, access: ClusterAccess, namespace: str, image: str, timeout: int) -> None:
    """Claim a volume, write to it from the first node, read it on all others. Raises Refusal, tidied up.

    + image: has /bin/sh
    + timeout: seconds for each of the three: bound, written, read
    """
    nodes = ready_nodes(access)
    try:
        with api(access) as opened:
            core = client.CoreV1Api(opened)
            _remove(core, namespace, LABEL, timeout)  # what a killed run left
            core.create_namespaced_persistent_volume_claim(namespace, _claim(proof), _request_timeout=LIMIT)
            _await_claim(core, namespace, proof, timeout)
            path = f"/proof/{FILE}"
            # sync: what was written has to be on the server before a reader is asked
            _run(core, namespace, proof, image, {nodes[0]: f"echo {proof.token} > {path} && sync"}, timeout)
            reads = f'test "$(cat {path})" = {proof.token}'
            _run(core, namespace, proof, image, dict.fromkeys(nodes[1:] or nodes, reads), timeout)
        proof.written = True
    finally:
        if not proof.written:
            remove(proof, access, namespace, timeout)


def remove(proof: Proof, access: ClusterAccess, namespace: str, timeout: int) -> None:
    """Remove what the proof made in the cluster, wait until it is gone, the volume too. Raises Refusal."""
    with api(access) as opened:
        _remove(client.CoreV1Api(opened), namespace, f"{LABEL}={proof.token}", timeout)


def _remove(core: client.CoreV1Api, namespace: str, selector: str, timeout: int) -> None:
    listed = {"label_selector": selector, "_request_timeout": LIMIT}
    claims = {
        c.metadata.name for c in core.list_namespaced_persistent_volume_claim(namespace, **listed).items
    }
    core.delete_collection_namespaced_pod(namespace, grace_period_seconds=0, **listed)
    core.delete_collection_namespaced_persistent_volume_claim(namespace, **listed)

    def left() -> list[str]:
        pods = core.list_namespaced_pod(namespace, **listed).items
        of_proofs = _volumes(core, namespace)
        for volume in of_proofs:
            _remove_retained(core, volume)
        ours = [v for v in of_proofs if v.spec.claim_ref.name in claims]
        return [f"{item.metadata.name} is still there" for item in [*pods, *ours]]

    _await("the proof's pods and volume to go", left, timeout)


def _volumes(core: client.CoreV1Api, namespace: str) -> list[client.V1PersistentVolume]:
    """Volumes of proofs, killed ones too: a volume may outlive its claim."""
    volumes = core.list_persistent_volume(_request_timeout=LIMIT).items
    claimed = [v for v in volumes if v.spec.claim_ref and v.spec.claim_ref.namespace == namespace]
    return [v for v in claimed if re.fullmatch(ANY_CLAIM, v.spec.claim_ref.name)]


def _remove_retained(core: client.CoreV1Api, volume: client.V1PersistentVolume) -> None:
    """A class that retains leaves the volume's object to whoever made the claim: a proof, here."""
    if volume.spec.persistent_volume_reclaim_policy != "Retain" or volume.status.phase != "Released":
        return
    try:
        core.delete_persistent_volume(volume.metadata.name, _request_timeout=LIMIT)
    except client.ApiException as error:
        if error.status != 404:  # gone since it was listed
            raise


def _run(
    core: client.CoreV1Api, namespace: str, proof: Proof, image: str, scripts: dict[str, str], timeout: int
) -> None:
    """Run a script in a pod on each of these nodes, all at once, and wait until all have succeeded."""
    for node, script in scripts.items():
        core.create_namespaced_pod(namespace, _pod(proof, node, image, script), _request_timeout=LIMIT)

    def left() -> list[str]:
        pods = core.list_namespaced_pod(
            namespace, label_selector=f"{LABEL}={proof.token}", _request_timeout=LIMIT
        ).items
        failed = [p for p in pods if p.status.phase == "Failed"]
        if failed:
            log = core.read_namespaced_pod_log(failed[0].metadata.name, namespace, _request_timeout=LIMIT)
            raise Refusal(
                f"proof of {proof.storage_class} on {failed[0].spec.node_name} failed: {log.strip()}"
            )
        return [
            f"{p.spec.node_name}: {p.status.phase} {newest_event(core, namespace, p.metadata.name)}".strip()
            for p in pods
            if p.status.phase != "Succeeded"
        ]

    _await(f"proof of {proof.storage_class}", left, timeout)


def _await(what: str, left: Callable[[], list[str]], timeout: int) -> None:
    if missing := wait(what, left, timeout):
        raise Refusal(f"{what}: not so after {timeout} s: {'; '.join(missing)}")


def _await_claim(core: client.CoreV1Api, namespace: str, proof: Proof, timeout: int) -> None:
    """Raises Refusal with what its provisioner last said: the claim itself only knows that nobody came."""
    try:
        _await(f"claim on class {proof.storage_class}", lambda: _unbound(core, namespace, proof), timeout)
    except Refusal as refusal:
        said = [str(refusal)]
        of_release = {"label_selector": f"release={proof.release}", "_request_timeout": LIMIT}
        for pod in core.list_namespaced_pod(namespace, **of_release).items if proof.release else []:
            name, starts = (
                pod.metadata.name,
                sum(c.restart_count for c in pod.status.container_statuses or []),
            )
            said.append(f"{name}, started anew {starts} times, says: {_last_line(core, namespace, name)}")
        raise Refusal("; ".join(said)) from refusal


def _last_line(core: client.CoreV1Api, namespace: str, pod: str) -> str:
    try:
        log = core.read_namespaced_pod_log(pod, namespace, tail_lines=1, _request_timeout=LIMIT)
    except client.ApiException as error:
        return f"nothing ({error.reason})"
    return log.strip() or "nothing"


def _unbound(core: client.CoreV1Api, namespace: str, proof: Proof) -> list[str]:
    claim = core.read_namespaced_persistent_volume_claim(proof.claim, namespace, _request_timeout=LIMIT)
    if claim.status.phase == "Bound":
        return []
    return [f"{proof.claim} is {claim.status.phase} {newest_event(core, namespace, proof.claim)}".strip()]


def _claim(proof: Proof) -> dict[str, Any]:
    return {
        "metadata": {"name": proof.claim, "labels": {LABEL: proof.token}},
        "spec": {
            "storageClassName": proof.storage_class,
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }


def _pod(proof: Proof, node: str, image: str, script: str) -> dict[str, Any]:
    return {
        "metadata": {"generateName": f"{proof.claim}-", "labels": {LABEL: proof.token}},
        "spec": {
            "nodeName": node,
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "proof",
                    "image": image,
                    "command": ["/bin/sh", "-c", script],
                    "volumeMounts": [{"name": "proof", "mountPath": "/proof"}],
                }
            ],
            "volumes": [{"name": "proof", "persistentVolumeClaim": {"claimName": proof.claim}}],
        },
    }
