"""Looks at a Harbor that starts: names its state, starts anew what waits in vain, ends a hopeless wait."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from kubernetes import client
from urllib3.exceptions import HTTPError

from breakwater.cluster import LIMIT, ClusterAccess, NoAnswer, api, newest_event, wait, wait_for_release
from breakwater.commands import Refusal
from breakwater.harbor.look import Look, Object, is_ready, name_of, statuses, time_of
from breakwater.harbor.states import GUIDE, State, recognised, stale

# Seconds between two looks of this kind: each asks for a dozen things.
_EVERY = 5.0
# Lines of each container's log: a Go panic with its stack is twenty.
_LINES = 40
# Seconds to connect, and for a log: it comes from the node, which may be dead.
_LOG_LIMIT = (5, 10)


def wait_until_ready(
    access: ClusterAccess, namespace: str, release: str, full: str, timeout: int, bundled: bool = False
) -> None:
    """Wait until Harbor's workloads are ready, and those on nodes that live. Raises Refusal with the fix.

    + full: the release's full name, which its objects' names begin with
    + timeout: seconds
    + bundled: whether images come from a bundle, and from nowhere else
    """
    watch, start = Watch(access, namespace, release, full, bundled), time.monotonic()
    try:
        wait_for_release(access, namespace, release, timeout, watch)
    except (Hopeless, NoAnswer):
        raise
    except Refusal as refusal:
        raise Refusal(f"{refusal}; {advice(watch.states, namespace)}") from None
    left = timeout - (time.monotonic() - start)
    if gone := wait(f"release {release}", lambda: [state.said for state in watch.stale()], max(left, 60)):
        raise Refusal(f"{release}: not ready after {timeout} s: {'; '.join(gone)}; `kubectl get nodes`")


def wait_for_leftovers(access: ClusterAccess, namespace: str, release: str, timeout: int) -> None:
    """Wait until no pod of an uninstalled release is left: `helm uninstall --wait` does not. Raises Refusal.

    + timeout: seconds
    """

    def ending() -> list[str]:
        with api(access) as opened:
            pods = _pods(client.CoreV1Api(opened), namespace, release)
        return [name_of(pod) for pod in pods if pod["metadata"].get("deletionTimestamp")]

    if left := wait(f"the end of an earlier {release}'s pods", ending, timeout):
        raise Refusal(
            f"{release}: pods of an earlier one still end after {timeout} s: {', '.join(left)};"
            f" see `kubectl --namespace {namespace} get pods -o wide`: is their node up?"
        )


def advice(states: list[State], namespace: str) -> str:
    """What to do about a Harbor that is not ready in time: for each state seen last, or where to look."""
    fixes = list(dict.fromkeys(state.fix for state in states if state.fix))
    look = f"`kubectl --namespace {namespace} get pods` and `kubectl --namespace {namespace} logs POD`"
    return "; ".join(fixes) or f"see {look}; {GUIDE} names what is known; harbor.timeout gives it longer"


class Hopeless(Refusal):
    """Waiting longer changes nothing."""


@dataclass
class Watch:
    """Called at each look while a release is not ready; looks itself every 5 s.

    + full: the release's full name
    + bundled: whether images come from a bundle, and from nowhere else
    + states: what was seen last
    """

    access: ClusterAccess
    namespace: str
    release: str
    full: str
    bundled: bool = False
    states: list[State] = field(default_factory=list)
    _looked: float = 0.0
    _since: datetime | None = None
    _restarted: set[str] = field(default_factory=set)

    def __call__(self) -> list[str]:
        """Phrases for the line that says what is awaited. Raises Hopeless."""
        if time.monotonic() - self._looked >= _EVERY:
            with api(self.access) as opened:
                core = client.CoreV1Api(opened)
                self.states = recognised(self._look(opened, core), self.namespace, self.bundled)
                for state in self.states:
                    if state.restart and state.restart not in self._restarted:
                        self._restart(core, state)
            self._looked = time.monotonic()
        hopeless = [f"{self.release}: {state.said}; {state.fix}" for state in self.states if state.hopeless]
        if hopeless:
            raise Hopeless("\n".join(hopeless))
        return [state.said for state in self.states]

    def stale(self) -> list[State]:
        """Ready pods whose node is not heard of."""
        with api(self.access) as opened:
            return stale(self._look(opened, client.CoreV1Api(opened)))

    def _restart(self, core: client.CoreV1Api, state: State) -> None:
        print(f"    {state.said}", flush=True)
        self._restarted.add(state.restart)
        try:
            core.delete_namespaced_pod(state.restart, self.namespace, _request_timeout=LIMIT)
        except client.ApiException as error:
            if error.status != 404:  # it went by itself
                raise

    def _look(self, opened: client.ApiClient, core: client.CoreV1Api) -> Look:
        now, nodes = _nodes(core)
        self._since = self._since or now
        pods = _pods(core, self.namespace, self.release)
        claims = _items(
            core.list_namespaced_persistent_volume_claim,
            self.namespace,
            label_selector=f"release={self.release}",
        )
        leases = _items(client.CoordinationV1Api(opened).list_namespaced_lease, "kube-node-lease")
        classes = _items(client.StorageV1Api(opened).list_storage_class)
        deployments = _items(
            client.AppsV1Api(opened).list_namespaced_deployment,
            self.namespace,
            field_selector=f"metadata.name={self.full}-core",
        )
        return Look(
            now=now,
            since=self._since,
            pods=tuple(pods),
            claims=tuple(claims),
            core=deployments[0] if deployments else {},
            nodes=tuple(nodes),
            heard={
                name_of(lease): time_of(lease["spec"]["renewTime"])
                for lease in leases
                if lease.get("spec", {}).get("renewTime")
            },
            classes=[name_of(item) for item in classes],
            logs={place: text for pod in pods for place, text in _logs(core, pod).items()},
            events={
                name_of(claim): newest_event(core, self.namespace, name_of(claim))
                for claim in claims
                if claim.get("status", {}).get("phase") == "Pending"
            },
        )


def _nodes(core: client.CoreV1Api) -> tuple[datetime, list[Object]]:
    """The API server's time, which leases and pods are compared with, and the nodes."""
    answer = core.list_node(_preload_content=False, _request_timeout=LIMIT)
    date = answer.headers.get("Date")
    now = parsedate_to_datetime(date) if date else datetime.now(UTC)
    return now, json.loads(answer.data).get("items") or []


def _pods(core: client.CoreV1Api, namespace: str, release: str) -> list[Object]:
    """Those of a release: the chart's own mark, which an uninstall leaves on pods that still end."""
    return _items(core.list_namespaced_pod, namespace, label_selector=f"release={release}")


def _items(listed: Callable[..., Any], *args: str, **selectors: str) -> list[Object]:
    """A list as the API's JSON has it: states are recognised in that, and tests have theirs in it."""
    answer = listed(*args, **selectors, _preload_content=False, _request_timeout=LIMIT)
    items: list[Object] = json.loads(answer.data).get("items") or []
    return items


def _logs(core: client.CoreV1Api, pod: Object) -> dict[str, str]:
    """What containers that are not ready said last, of the start before and of this one."""
    found = {}
    for status in [] if is_ready(pod) else statuses(pod):
        name, state = status["name"], status.get("state", {})
        ended = status.get("restartCount") or "terminated" in status.get("lastState", {})
        wanted = [*([True] if ended else []), *([False] if "running" in state else [])]
        found[f"{name_of(pod)}/{name}"] = "\n".join(_log(core, pod, name, previous) for previous in wanted)
    return found


def _log(core: client.CoreV1Api, pod: Object, container: str, previous: bool) -> str:
    try:
        text = core.read_namespaced_pod_log(
            name_of(pod),
            pod["metadata"]["namespace"],
            container=container,
            previous=previous,
            tail_lines=_LINES,
            _request_timeout=_LOG_LIMIT,
        )
    except (client.ApiException, HTTPError):
        return ""  # it is gone already, or its node does not answer: the next look may have it
    return str(text)
