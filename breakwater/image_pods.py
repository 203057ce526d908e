"""Pods that only run when their node pulled an image by the registry's name, and why one does not."""

import base64
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from kubernetes import client

from breakwater.cluster import LIMIT, ClusterAccess, api, newest_event, wait
from breakwater.commands import Refusal
from breakwater.words import plain

LABEL = "breakwater.io/image-proof"
_NAME = "breakwater-image-proof"
# A user that no image knows.
_NOBODY = 65534
# What a container waits for while there is nothing wrong.
_UNDER_WAY = {"", "ContainerCreating", "PodInitializing"}


@dataclass(frozen=True)
class _Hint:
    """What to do about a pull that failed; HOST is the registry.

    + said: a pattern of what kubelets and containerd say
    + passes: it may be over by itself: otherwise waiting would only hide it
    """

    said: str
    fix: str
    passes: bool = True


# The first that fits.
_HINTS = (
    _Hint(
        "signed by unknown authority",
        "this node does not trust the domain's CA: see hosts.toml and ca.crt in /etc/containerd/certs.d/HOST,"
        " and config_path in containerd's config.toml",
        passes=False,
    ),
    _Hint(
        "server gave HTTP response to HTTPS client",
        "HOST speaks no TLS for this node: where does its name lead?",
        passes=False,
    ),
    _Hint(
        "certificate is (valid for|not valid)",
        "the proxy shows another name's certificate than HOST's",
        passes=False,
    ),
    _Hint(
        "certificate has expired or is not yet valid",
        "look at the node's clock (timedatectl), then at the proxy's certificate",
        passes=False,
    ),
    _Hint(
        "no such host|server misbehaving",
        "this node does not know the name HOST: put it into DNS, or its /etc/hosts",
    ),
    _Hint("connection refused", "nothing listens where HOST leads this node: is the proxy up?"),
    _Hint(
        "i/o timeout|no route to host|network is unreachable|deadline exceeded",
        "this node does not come through to where HOST leads it: a firewall, or a proxy that is down",
    ),
    _Hint(
        "401 Unauthorized|403 Forbidden|authorization failed|access denied",
        "Harbor does not take a login that this machine came in with: does HOST lead this node to it?",
    ),
    _Hint("50[234] |bad gateway|service unavailable", "the proxy gets no answer from Harbor: see its log"),
    _Hint("no match for platform", "the node is of another architecture than it says", passes=False),
)


@dataclass(frozen=True)
class Target:
    """A node that shall pull.

    + name: as the cluster knows it
    + architecture: as Go calls it
    """

    name: str
    architecture: str


def targets(access: ClusterAccess, machine_ids: Mapping[str, str], down: Collection[str]) -> list[Target]:
    """The nodes that these hosts are, by name. Raises Refusal.

    + machine_ids: {host: its machine-id}
    + down: hosts that may be missing: left out when they are not Ready
    """
    with api(access) as opened:
        nodes = client.CoreV1Api(opened).list_node(_request_timeout=LIMIT).items
    wanted = set(machine_ids.values())
    excused = {machine_ids[host] for host in down if host in machine_ids}
    found = []
    for node in nodes:
        info = node.status.node_info
        if info and info.machine_id in wanted and (info.machine_id not in excused or _is_ready(node)):
            found.append(Target(node.metadata.name, info.architecture))
    return sorted(found, key=lambda target: target.name)


def run_on_nodes(
    access: ClusterAccess,
    namespace: str,
    token: str,
    login: tuple[str, str, str],
    images: Mapping[str, str],
    timeout: int,
) -> None:
    """A pod on each node runs an image that the node has to pull; nothing is removed. Raises Refusal.

    + namespace: of the pods and of the Secret with the login
    + token: names them, so that nothing else is taken for them
    + login: registry, user, password
    + images: {node: what it pulls}
    + timeout: seconds for all of them together
    """
    name = f"{_NAME}-{token}"
    with api(access) as opened:
        core = client.CoreV1Api(opened)
        core.create_namespaced_secret(namespace, _secret(name, token, *login), _request_timeout=LIMIT)
        for node, image in images.items():
            core.create_namespaced_pod(namespace, _pod(name, token, node, image), _request_timeout=LIMIT)
        said: dict[str, str] = {}
        left = wait(
            f"image from {login[0]} on each node",
            lambda: _left(core, namespace, token, login[0], images, said),
            timeout,
        )
    if left:
        raise Refusal(f"pull from {login[0]}: not done after {timeout} s: {'; '.join(left)}")


def remove(access: ClusterAccess, namespace: str, timeout: int) -> None:
    """Remove what any proof left, and wait until it is gone: one run at a time, so it is nobody's.

    Raises Refusal.
    """
    listed = {"label_selector": LABEL, "_request_timeout": LIMIT}
    with api(access) as opened:
        core = client.CoreV1Api(opened)
        core.delete_collection_namespaced_pod(namespace, grace_period_seconds=0, **listed)
        core.delete_collection_namespaced_secret(namespace, **listed)

        def left() -> list[str]:
            return [
                f"{pod.metadata.name} is still there"
                for pod in core.list_namespaced_pod(namespace, **listed).items
            ]

        if missing := wait("the proof's pods to go", left, timeout):
            raise Refusal(f"the proof's pods: not gone after {timeout} s: {'; '.join(missing)}")


def _left(
    core: client.CoreV1Api,
    namespace: str,
    token: str,
    host: str,
    nodes: Collection[str],
    said: dict[str, str],
) -> list[str]:
    """The nodes that have not run it yet, each with why; a Refusal for what does not pass.

    + said: {pod: why its image was not pulled}: a kubelet says it once, and then only that it waits
    """
    pods = core.list_namespaced_pod(
        namespace, label_selector=f"{LABEL}={token}", _request_timeout=LIMIT
    ).items
    # Somebody may have deleted one, or the node with it: what is not there has not run.
    left = [f"{node}: its pod is gone" for node in sorted(set(nodes) - {pod.spec.node_name for pod in pods})]
    for pod in pods:
        name, node = pod.metadata.name, pod.spec.node_name
        if pod.status.phase == "Succeeded":
            continue
        if pod.status.phase == "Failed":
            raise Refusal(f"{node} pulled the image from {host}, and did not run it: {_end(pod)}")
        if words := _why(pod):
            said[name] = words
        words = said.get(name) or newest_event(core, namespace, name)
        line = f"{node}: {_end_of(words) or pod.status.phase}"
        if hint := _hint(words):
            line += f"; {hint.fix.replace('HOST', host)}"
            if not hint.passes:
                raise Refusal(f"pull from {host}: {line}")
        left.append(line)
    return left


def _why(pod: client.V1Pod) -> str:
    """Why its image was not pulled, in the kubelet's words; empty for what says nothing new."""
    for status in pod.status.container_statuses or []:
        waiting = status.state.waiting if status.state else None
        reason, message = (waiting.reason or "", waiting.message or "") if waiting else ("", "")
        if reason not in _UNDER_WAY and not (reason == "ImagePullBackOff" and not _hint(message)):
            return f"{reason}: {message}"
    return ""


def _hint(words: str) -> _Hint | None:
    return next((hint for hint in _HINTS if re.search(hint.said, words, re.IGNORECASE)), None)


def _end_of(words: str) -> str:
    """A failed pull's last reason: containerd begins with what it meant to do."""
    return plain(words.rpartition('": ')[2])


def _end(pod: client.V1Pod) -> str:
    """How it ended: its container, or what the kubelet had against it."""
    for status in pod.status.container_statuses or []:
        if ended := status.state.terminated if status.state else None:
            return plain(f"{ended.reason or 'ended'} {ended.exit_code} {ended.message or ''}")
    return plain(f"{pod.status.reason or 'Failed'} {pod.status.message or ''}")


def _secret(name: str, token: str, host: str, user: str, password: str) -> dict[str, Any]:
    login = {"username": user, "password": password}
    login["auth"] = base64.b64encode(f"{user}:{password}".encode()).decode()
    text = json.dumps({"auths": {host: login}})
    return {
        "metadata": {"name": name, "labels": {LABEL: token}},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(text.encode()).decode()},
    }


def _pod(name: str, token: str, node: str, image: str) -> dict[str, Any]:
    confined = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    seccomp = {"type": "RuntimeDefault"}
    return {
        "metadata": {"generateName": f"{name}-", "labels": {LABEL: token}},
        "spec": {
            # Named, not chosen by the scheduler: no taint of a node in use keeps its containerd unproven.
            "nodeName": node,
            "tolerations": [{"operator": "Exists"}],
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "imagePullSecrets": [{"name": name}],
            "securityContext": {"runAsNonRoot": True, "runAsUser": _NOBODY, "seccompProfile": seccomp},
            "containers": [
                {"name": "proof", "image": image, "imagePullPolicy": "Always", "securityContext": confined}
            ],
        },
    }


def _is_ready(node: client.V1Node) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in node.status.conditions or [])
