"""How somebody changes what is in Harbor behind breakwater's back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from breakwater.harbor.api import Harbor
from breakwater.registry.read import Seen, Thing


@dataclass(frozen=True)
class Row:
    """One key, changed.

    + by_hand: changes it
    + said: what the plan says then, all of it
    + writes: calls that put it back
    """

    by_hand: Callable[[Harbor, Seen], None]
    said: list[str]
    writes: int = 1


def metadata(**keys: str) -> Callable[[Harbor, Seen], None]:
    """Of project kaps."""
    return lambda h, s: put(h, f"/projects/{s.projects['kaps'].id}", metadata=keys)


def configured(**keys: Any) -> Callable[[Harbor, Seen], None]:
    """Keys of the configuration."""
    return lambda h, s: put(h, "/configurations", **keys)


def scheduled(path: str, cron: str = "", **parameters: Any) -> Callable[[Harbor, Seen], None]:
    """A schedule; without a cron, none."""
    schedule = {"type": "Custom" if cron else "None", "cron": cron}
    return lambda h, s: put(h, f"/system/{path}/schedule", schedule=schedule, parameters=parameters)


def user(name: str, below: str = "", **keys: Any) -> Callable[[Harbor, Seen], None]:
    """A user's profile, or what is below it."""
    return lambda h, s: put(
        h, f"/users/{s.users[name]['user_id']}{below}", **{**_profile(s, name, below), **keys}
    )


def robot(name: str, **keys: Any) -> Callable[[Harbor, Seen], None]:
    """A robot, as the pages change it: whole."""

    def act(harbor: Harbor, seen: Seen) -> None:
        found = _robot(seen, name)
        put(harbor, f"/robots/{found['id']}", **{**found, "name": f"bot-{found['name']}", **keys})

    return act


def access(*words: str) -> list[dict[str, str]]:
    """RESOURCE:ACTION, as robots have them."""
    return [dict(zip(("resource", "action"), word.split(":"), strict=True)) for word in words]


def may(kind: str, namespace: str, *words: str) -> dict[str, Any]:
    """A permission."""
    return {"kind": kind, "namespace": namespace, "access": access(*words)}


def label(**keys: Any) -> Callable[[Harbor, Seen], None]:
    """The label, as the pages change it."""

    def act(harbor: Harbor, seen: Seen) -> None:
        found = _named(seen.projects["kaps"].labels, "tested")
        put(harbor, f"/labels/{found['id']}", **{**found, **keys})

    return act


def immutable(number: int, part: str, **keys: Any) -> Callable[[Harbor, Seen], None]:
    """One of the rules that the settings have, or what is `part` of it.

    + part: tag or repository
    """
    chosen = (("matches", "v*"), ("excludes", "dev*"))[number]

    def act(harbor: Harbor, seen: Seen) -> None:
        project = seen.projects["kaps"]
        found = _of_tags(project.immutable_tags, *chosen)
        body = _selected(found, part, keys) if part else {**found, **keys}
        put(harbor, f"/projects/{project.id}/immutabletagrules/{found['id']}", **body)

    return act


def kept(number: int, part: str = "", **keys: Any) -> Callable[[Harbor, Seen], None]:
    """One of the rules of retention, or what is `part` of it."""

    def act(harbor: Harbor, seen: Seen) -> None:
        live = dict(seen.projects["kaps"].retention or {})
        rules = list(live["rules"])
        rules[number] = _selected(rules[number], part, keys) if part else {**rules[number], **keys}
        put(harbor, f"/retentions/{live['id']}", **{**live, "rules": rules})

    return act


def retention(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Harbor, Seen], None]:
    """The whole policy."""

    def act(harbor: Harbor, seen: Seen) -> None:
        live = dict(seen.projects["kaps"].retention or {})
        put(harbor, f"/retentions/{live['id']}", **{**live, **change(live)})

    return act


def webhook(target: Mapping[str, Any] | None = None, **keys: Any) -> Callable[[Harbor, Seen], None]:
    """The webhook, or where it leads."""

    def act(harbor: Harbor, seen: Seen) -> None:
        project = seen.projects["kaps"]
        found = _named(project.webhooks, "build")
        body = {**found, "targets": [{**found["targets"][0], **(target or {})}], **keys}
        put(harbor, f"/projects/{project.id}/webhook/policies/{found['id']}", **body)

    return act


def endpoint(name: str, /, **keys: Any) -> Callable[[Harbor, Seen], None]:
    """Another registry."""
    return lambda h, s: put(h, f"/registries/{s.endpoints[name]['id']}", **{"name": name, **keys})


def quota(storage: int) -> Callable[[Harbor, Seen], None]:
    """Of project kaps, in bytes."""
    return lambda h, s: put(h, f"/quotas/{(s.projects['kaps'].quota or {})['id']}", hard={"storage": storage})


def removed(path: Callable[[Seen], str]) -> Callable[[Harbor, Seen], None]:
    """Something goes."""

    def act(harbor: Harbor, seen: Seen) -> None:
        harbor.call("DELETE", path(seen))

    return act


def below(kind: str, found: Callable[[Seen], Thing]) -> Callable[[Harbor, Seen], None]:
    """Something in project kaps goes."""
    return removed(lambda s: f"/projects/{s.projects['kaps'].id}/{kind}/{found(s)['id']}")


def member(seen: Seen, project: str = "kaps", name: str = "ann") -> Thing:
    """Of a project."""
    return next(each for each in seen.projects[project].members if each["entity_name"] == name)


def put(harbor: Harbor, path: str, **body: Any) -> None:
    """One call."""
    harbor.call("PUT", path, body=body)


def _profile(seen: Seen, name: str, below: str) -> dict[str, Any]:
    return {} if below else {key: seen.users[name].get(key, "") for key in ("email", "realname", "comment")}


def _robot(seen: Seen, name: str) -> Thing:
    everyone = [*seen.robots.values(), *(r for project in seen.projects.values() for r in project.robots)]
    return _named(everyone, name)


def _named(things: Any, name: str) -> Thing:
    found: Thing = next(each for each in things if each["name"] == name)
    return found


def _of_tags(rules: Any, decoration: str, pattern: str) -> Thing:
    wanted = {"decoration": decoration, "pattern": pattern}
    found: Thing = next(rule for rule in rules if wanted.items() <= rule["tag_selectors"][0].items())
    return found


def _selected(rule: Thing, part: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    if part == "tag":
        return {**rule, "tag_selectors": [{**rule["tag_selectors"][0], **keys}]}
    scopes = rule["scope_selectors"]["repository"]
    return {**rule, "scope_selectors": {"repository": [{**scopes[0], **keys}]}}
