"""What one look at Harbor's namespace saw, and how it is read: the API's JSON, and nothing is asked here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Look:
    """What one look saw.

    + now: by the API server's clock
    + since: when the wait began, by the same clock
    + pods: the release's; claims: the release's; core: its deployment
    + nodes: all; heard: when each node's kubelet was heard last
    + classes: names of the storage classes
    + logs: {POD/CONTAINER: newest lines}, of containers that are not ready, of the start before as well
    + events: {claim: the newest thing said about it}, of claims that are not bound
    """

    now: datetime
    since: datetime
    pods: tuple[Object, ...] = ()
    claims: tuple[Object, ...] = ()
    core: Object = field(default_factory=dict)
    nodes: tuple[Object, ...] = ()
    heard: Mapping[str, datetime] = field(default_factory=dict)
    classes: Collection[str] = ()
    logs: Mapping[str, str] = field(default_factory=dict, repr=False)
    events: Mapping[str, str] = field(default_factory=dict)


def component(look: Look, component: str) -> list[Object]:
    """The pods of one of the chart's components: core, database, jobservice …"""
    return [p for p in look.pods if p["metadata"].get("labels", {}).get("component") == component]


def name_of(item: Object) -> str:
    """Its name."""
    return str(item["metadata"]["name"])


def log_of(look: Look, pod: Object) -> str:
    """What its containers said last, as far as it was read."""
    return "\n".join(look.logs.get(f"{name_of(pod)}/{status['name']}", "") for status in statuses(pod))


def statuses(pod: Object) -> list[Object]:
    """Its containers' states, those that run first included."""
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


def condition(item: Object, kind: str) -> Object:
    """A condition of an object, empty when it has none of that kind."""
    conditions: list[Object] = item.get("status", {}).get("conditions") or []
    return next((condition for condition in conditions if condition["type"] == kind), {})


def is_ready(item: Object) -> bool:
    """Whether a pod or a node is Ready, as the API has it."""
    return condition(item, "Ready").get("status") == "True"


def backs_off(pod: Object) -> bool:
    """Whether a container of it waits to be started again."""
    waiting = [status.get("state", {}).get("waiting", {}) for status in statuses(pod)]
    return any(state.get("reason") == "CrashLoopBackOff" for state in waiting)


def began(pod: Object) -> datetime | None:
    """When the container that runs now was started."""
    running = [status.get("state", {}).get("running", {}) for status in statuses(pod)]
    return max((time_of(state["startedAt"]) for state in running if state.get("startedAt")), default=None)


def ended(pod: Object) -> datetime | None:
    """When a container of it ended last."""
    found = [
        status.get(which, {}).get("terminated", {})
        for status in pod.get("status", {}).get("containerStatuses", [])
        for which in ("state", "lastState")
    ]
    return max((time_of(state["finishedAt"]) for state in found if state.get("finishedAt")), default=None)


def time_of(text: str) -> datetime:
    """A time of the API's."""
    return datetime.fromisoformat(text)
