"""The cluster as the bastion sees it: nodes, releases' workloads, and waits that say what they wait for."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config
from urllib3.exceptions import HTTPError

from breakwater.commands import Refusal
from breakwater.words import plain

# Seconds to connect, and to wait for an answer, of each call.
LIMIT = (5, 30)
# Seconds between two looks, and between two lines that say what is awaited.
_LOOK, _SAY = 1.0, 10.0
# Seconds after which a Helm that was killed has surely ended: it is not told to wait.
_HELM_ENDS = 30


@dataclass(frozen=True)
class ClusterAccess:
    """How a cluster is reached: a kubeconfig file on the bastion, and the context in it (empty: its own)."""

    kubeconfig: str
    context: str = ""


class NoAnswer(Refusal):
    """There is no way to the cluster: no usable kubeconfig, or nobody answers."""


@contextmanager
def api(access: ClusterAccess) -> Generator[client.ApiClient, None, None]:
    """A client of the cluster, closed afterwards; its failures become Refusals with a next step."""
    try:
        opened = config.new_client_from_config(access.kubeconfig, access.context or None)
    # Of a damaged file the loader raises whatever it stumbles over: YAML errors, TypeError, KeyError.
    except Exception as error:
        raise NoAnswer(
            f"kubeconfig: {access.kubeconfig} cannot be used: {_one_line(error)};"
            " copy the cluster's admin kubeconfig there"
        ) from error
    # A connection that fails is tried again by whoever waits, not silently three times in here.
    opened.rest_client.pool_manager.connection_pool_kw["retries"] = False
    try:
        yield opened
    except client.ApiException as error:
        raise Refusal(f"cluster: it answered {error.status} {error.reason}: {_message(error)}") from error
    except HTTPError as error:
        server = opened.configuration.host
        raise NoAnswer(
            f"cluster: {server} does not answer: {error}; is it up, and reached from here?"
        ) from error
    finally:
        opened.close()


def ready_nodes(access: ClusterAccess) -> list[str]:
    """Names of the nodes that are Ready and take pods, in order. Raises Refusal."""
    with api(access) as opened:
        nodes = client.CoreV1Api(opened).list_node(_request_timeout=LIMIT).items
    return sorted(node.metadata.name for node in nodes if _is_ready(node) and not node.spec.unschedulable)


def check(access: ClusterAccess) -> None:
    """The cluster can be used: kubeconfig, API, at least one Ready node. Raises Refusal with the fix."""
    if not Path(access.kubeconfig).is_file():
        raise Refusal(
            f"kubeconfig: {access.kubeconfig} is not there; copy the cluster's admin kubeconfig to it"
        )
    if not ready_nodes(access):
        raise Refusal("cluster: no node is Ready and takes pods; see `kubectl get nodes`")


def remove_pending_revision(access: ClusterAccess, namespace: str, release: str, revision: int) -> None:
    """Remove the record of a Helm run that was killed, so that the next one can begin. Objects stay.

    Helm refuses to work on a release in a pending state and never ends that state by itself.
    The killed run's Helm may still be at work for a moment: it gets what is left of its time first.
    """
    name = f"sh.helm.release.v1.{release}.v{revision}"
    with api(access) as opened:
        core = client.CoreV1Api(opened)

        def pending() -> list[str]:
            status = _labels(_secret(core, namespace, name)).get("status", "")
            return [f"{release}: {status}"] if status.startswith("pending-") else []

        left = _HELM_ENDS - _age(_secret(core, namespace, name))
        if wait(f"Helm of an earlier run, revision {revision} of {release}", pending, left):
            print(f"    {release}: the record of its killed revision {revision} goes", flush=True)
            core.delete_namespaced_secret(name, namespace, _request_timeout=LIMIT)


def not_ready(access: ClusterAccess, namespace: str, release: str) -> list[str]:
    """The deployments and stateful sets of a release that are not ready, each with why. Raises Refusal."""
    with api(access) as opened:
        return _not_ready(opened, namespace, release)


def wait_for_release(
    access: ClusterAccess,
    namespace: str,
    release: str,
    timeout: int,
    watch: Callable[[], list[str]] | None = None,
) -> None:
    """Wait until the deployments and stateful sets of a release are ready. Raises Refusal with what is not.

    + timeout: seconds
    + watch: looks too while some are not: adds to what is said, or raises Refusal to end the wait
    """
    with api(access) as opened:

        def missing() -> list[str]:
            found = _not_ready(opened, namespace, release)
            return [*found, *watch()] if found and watch else found

        left = wait(f"release {release}", missing, timeout)
    if left:
        raise Refusal(f"{release}: not ready after {timeout} s: {'; '.join(left)}")


def wait(what: str, left: Callable[[], list[str]], timeout: float) -> list[str]:
    """Look until nothing is left, saying every 10 s what is; returns what is left when the time is over.

    + what: what is awaited, for the line that is printed
    + left: looks, and returns what is still missing, a phrase each
    + timeout: seconds
    """
    start = said = time.monotonic()
    while missing := left():
        now = time.monotonic()
        if now - start > timeout:
            return missing
        if now - said >= _SAY:
            said = now
            print(f"    {what}: {'; '.join(missing)}, {now - start:.0f} s of {timeout:.0f} s", flush=True)
        time.sleep(_LOOK)
    return []


def _not_ready(opened: client.ApiClient, namespace: str, release: str) -> list[str]:
    apps, core = client.AppsV1Api(opened), client.CoreV1Api(opened)
    workloads = [
        *apps.list_namespaced_deployment(namespace, _request_timeout=LIMIT).items,
        *apps.list_namespaced_stateful_set(namespace, _request_timeout=LIMIT).items,
    ]
    missing = []
    for item in workloads:
        # Helm's own mark; labels are the chart's choice.
        if helm_owner(item)[0] != release:
            continue
        status, wanted = item.status, item.spec.replicas
        ready, new = status.ready_replicas or 0, status.updated_replicas or 0
        # Pods of before a change are ready too: until the controller has seen the change, and then until
        # the last of them is gone.
        old = (status.replicas or 0) - new
        if min(ready, new) < wanted or old or (status.observed_generation or 0) < item.metadata.generation:
            selector = ",".join(f"{k}={v}" for k, v in (item.spec.selector.match_labels or {}).items())
            pods = core.list_namespaced_pod(namespace, label_selector=selector, _request_timeout=LIMIT).items
            beside = f", {old} from before still there" if old else ""
            missing.append(f"{item.metadata.name}: {ready} of {wanted} ready{beside}{_why(core, pods)}")
    return missing


def _why(core: client.CoreV1Api, pods: list[client.V1Pod]) -> str:
    """Why pods are not ready: a container's state and its last words, else the pod's newest event."""
    for pod in pods:
        name, namespace = pod.metadata.name, pod.metadata.namespace
        for status in pod.status.container_statuses or []:
            waiting = status.state.waiting
            if waiting and waiting.reason != "ContainerCreating":
                words = _last_words(core, namespace, name, status) or waiting.message or ""
                return f" ({name}: {waiting.reason} {words}".rstrip() + ")"
        if event := newest_event(core, namespace, name):
            return f" ({name}: {event})"
    return ""


def _last_words(core: client.CoreV1Api, namespace: str, pod: str, status: client.V1ContainerStatus) -> str:
    """What a container that ended and is to be started again said last; empty when it never ran."""
    if not status.restart_count and not (status.last_state and status.last_state.terminated):
        return ""
    try:
        log = core.read_namespaced_pod_log(
            pod, namespace, container=status.name, previous=True, tail_lines=1, _request_timeout=LIMIT
        )
    except (client.ApiException, HTTPError):
        return ""  # it is gone already, or its node is: the state says enough
    return plain(log)


def helm_owner(item: Any) -> tuple[str, str]:
    """The Helm release that an object belongs to by Helm's own marks, and its namespace; empty for none."""
    marks = item.metadata.annotations or {}
    return marks.get("meta.helm.sh/release-name", ""), marks.get("meta.helm.sh/release-namespace", "")


def newest_event(core: client.CoreV1Api, namespace: str, name: str) -> str:
    """The last thing the cluster said about an object; empty when there is none.

    Not the last warning: one that is over, such as a claim that was not bound yet, would stay for an hour.
    """
    events = core.list_namespaced_event(
        namespace, field_selector=f"involvedObject.name={name}", _request_timeout=LIMIT
    ).items
    newest = max(events, key=lambda event: str(event.last_timestamp or event.event_time), default=None)
    return plain(newest.message or "") if newest else ""


def _secret(core: client.CoreV1Api, namespace: str, name: str) -> client.V1Secret | None:
    try:
        return core.read_namespaced_secret(name, namespace, _request_timeout=LIMIT)
    except client.ApiException as error:
        if error.status == 404:
            return None
        raise


def _labels(secret: client.V1Secret | None) -> dict[str, str]:
    return (secret.metadata.labels or {}) if secret else {}


def _age(secret: client.V1Secret | None) -> float:
    """Seconds since Helm last wrote this record of a revision, by its clock or the cluster's: the fewer."""
    written = _labels(secret).get("modifiedAt", "")
    times = [float(written)] if written.isdecimal() else []
    if secret and secret.metadata.creation_timestamp:
        times.append(secret.metadata.creation_timestamp.timestamp())
    # A clock that is ahead of ours must not lengthen the wait.
    return max(time.time() - max(times), 0) if times else 0


def _is_ready(node: client.V1Node) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in node.status.conditions or [])


def _message(error: client.ApiException) -> str:
    return " ".join(str(error.body or "").split())[:300]


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())[:300]
