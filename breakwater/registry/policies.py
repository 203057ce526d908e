"""A project's policies: labels, immutable tags, retention, webhooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from breakwater.harbor.api import Harbor
from breakwater.registry.plan import ADD, CHANGE, Change, call, differs
from breakwater.registry.policy_settings import Label, Retention, RetentionRule, Selection, Webhook
from breakwater.registry.project_settings import Project
from breakwater.registry.read import Seen, SeenProject, Thing

# What a rule keeps, in Harbor's words: src/pkg/retention/policy/rule of 2.15.1.
_TEMPLATES = {
    "keep_pushed": "latestPushedK",
    "keep_pulled": "latestPulledN",
    "pushed_days": "nDaysSinceLastPush",
    "pulled_days": "nDaysSinceLastPull",
}


def policy_changes(wanted: Project, seen: Seen, secret: Callable[[str], str]) -> Iterator[Change]:
    """What makes all of a project's policies as they shall be.

    + secret: what stands at a source; or raises Refusal
    """
    there = seen.projects.get(wanted.name)
    for label in wanted.labels:
        yield from _label(wanted.name, label, there)
    live = {selected(rule): rule for rule in there.immutable_tags} if there else {}
    for rule in wanted.immutable_tags:
        yield from _immutable(wanted.name, rule, rule.disabled, live, there)
    if wanted.retention is not None:
        yield from _retention(wanted.name, wanted.retention, there)
    for webhook in wanted.webhooks:
        yield from _webhook(wanted.name, webhook, there, secret)


def project_id(harbor: Harbor, name: str) -> int:
    """The number of a project that was there, or was made meanwhile."""
    return int(harbor.call("GET", f"/projects/{name}", named=True).json()["project_id"])


def _label(project: str, wanted: Label, there: SeenProject | None) -> Iterator[Change]:
    what = f"label {wanted.name} of {project}"
    found = next((each for each in there.labels if each["name"] == wanted.name), None) if there else None
    keys = {"color": wanted.color, "description": wanted.description}
    if found is None:

        def make(harbor: Harbor) -> None:
            number = there.id if there else project_id(harbor, project)
            harbor.call(
                "POST", "/labels", body={"name": wanted.name, "scope": "p", "project_id": number, **keys}
            )

        yield Change(ADD, what, make, needs=(f"project {project}",))
        return
    said = _different(found, keys)
    if said:
        body = {"name": wanted.name, "scope": "p", "project_id": found["project_id"], **keys}
        yield Change(CHANGE, what, call("PUT", f"/labels/{found['id']}", body), said)


def _immutable(
    project: str, wanted: Selection, disabled: bool, live: Mapping[str, Thing], there: SeenProject | None
) -> Iterator[Change]:
    body = {
        "disabled": disabled,
        "action": "immutable",
        "template": "immutable_template",
        **selectors(wanted),
    }
    what = f"immutable tags {in_words(wanted)} of {project}"
    path = f"/projects/{there.id if there else project}/immutabletagrules"
    found = live.get(selected(body))
    if found is None:
        yield Change(ADD, what, call("POST", path, body, named=not there), needs=(f"project {project}",))
    elif bool(found.get("disabled")) != disabled:
        said = (differs("disabled", bool(found.get("disabled")), disabled),)
        yield Change(CHANGE, what, call("PUT", f"{path}/{found['id']}", {**body, "id": found["id"]}), said)


def _retention(project: str, wanted: Retention, there: SeenProject | None) -> Iterator[Change]:
    what, live = f"retention of {project}", there.retention if there else None
    rules = [_rule(rule) for rule in wanted.rules]
    cron = wanted.schedule or ""
    if live is not None:
        live_rules = [_comparable(rule) for rule in live.get("rules") or []]
        live_cron = str(((live.get("trigger") or {}).get("settings") or {}).get("cron") or "")
        said = (
            *([differs("schedule", live_cron, cron)] if live_cron != cron else []),
            *(
                ["rules: others than those of the settings"]
                if live_rules != [_comparable(r) for r in rules]
                else []
            ),
        )
        if said:
            act = partial(_keep, project, rules, cron, int(live["id"]))
            yield Change(CHANGE, what, act, said)
        return
    # A proxy cache has one of Harbor's as soon as it is made.
    yield Change(ADD, what, partial(_keep, project, rules, cron, 0), needs=(f"project {project}",))


def _keep(project: str, rules: list[dict[str, Any]], cron: str, number: int, harbor: Harbor) -> None:
    """Make a project's retention, or change the one that it has got meanwhile."""
    found = harbor.call("GET", f"/projects/{project}", named=True).json()
    number = number or int((found.get("metadata") or {}).get("retention_id") or 0)
    body: dict[str, Any] = {
        "algorithm": "or",
        "scope": {"level": "project", "ref": int(found["project_id"])},
        "trigger": {"kind": "Schedule", "references": {}, "settings": {"cron": cron}},
        "rules": rules,
    }
    if number:
        harbor.call("PUT", f"/retentions/{number}", body={"id": number, **body})
    else:
        harbor.call("POST", "/retentions", body=body)


def _rule(wanted: RetentionRule) -> dict[str, Any]:
    key = next((name for name in _TEMPLATES if getattr(wanted, name) is not None), None)
    template = _TEMPLATES[key] if key else "always"
    found = selectors(wanted)
    for selector in found["tag_selectors"]:
        selector["extras"] = json.dumps({"untagged": wanted.untagged}, separators=(",", ":"))
    params = {template: getattr(wanted, key)} if key else {}
    return {"disabled": False, "action": "retain", "template": template, "params": params, **found}


def _comparable(rule: Mapping[str, Any]) -> tuple[object, ...]:
    """A rule without what Harbor adds, such as numbers and priorities."""
    params = {name: int(value) for name, value in (rule.get("params") or {}).items()}
    extras = [selector.get("extras") or "" for selector in rule.get("tag_selectors") or []]
    untagged = [json.loads(text).get("untagged", True) if text else True for text in extras]
    return rule.get("template"), params, selected(rule), untagged, bool(rule.get("disabled"))


def _webhook(
    project: str, wanted: Webhook, there: SeenProject | None, secret: Callable[[str], str]
) -> Iterator[Change]:
    what = f"webhook {wanted.name} of {project}"
    path = f"/projects/{there.id if there else project}/webhook/policies"
    found = next((each for each in there.webhooks if each["name"] == wanted.name), None) if there else None

    def act(method: str, at: str, known: Mapping[str, object], harbor: Harbor) -> None:
        target = {
            "type": wanted.type,
            "address": wanted.address,
            "auth_header": secret(wanted.auth_header) if wanted.auth_header else "",
            "skip_cert_verify": not wanted.verify_tls,
        }
        keys = {"name": wanted.name, "enabled": wanted.enabled, "event_types": [*wanted.events]}
        harbor.call(method, at, body={**known, **keys, "targets": [target]}, named=not there)

    if found is None:
        yield Change(ADD, what, partial(act, "POST", path, {}), needs=(f"project {project}",))
        return
    target = (found.get("targets") or [{}])[0]
    live = {
        "enabled": bool(found.get("enabled")),
        "events": {*(found.get("event_types") or [])},
        "type": target.get("type"),
        "address": target.get("address"),
        "verify_tls": not target.get("skip_cert_verify"),
    }
    keys = {
        "enabled": wanted.enabled,
        "events": {*wanted.events},
        "type": wanted.type,
        "address": wanted.address,
        "verify_tls": wanted.verify_tls,
    }
    said = [differs(key, live[key], value) for key, value in keys.items() if live[key] != value]
    header = secret(wanted.auth_header) if wanted.auth_header else ""
    if str(target.get("auth_header") or "") != header:
        said.append("auth_header: another one")
    if said:
        known = {"id": found["id"], "description": str(found.get("description") or "")}
        yield Change(CHANGE, what, partial(act, "PUT", f"{path}/{found['id']}", known), tuple(said))


def selectors(wanted: Selection) -> dict[str, Any]:
    """Tags and repositories in Harbor's words."""

    def chosen(match: str, exclude: str, pattern: str, excluded: str | None) -> list[dict[str, str]]:
        word = match if excluded is None else exclude
        return [{"kind": "doublestar", "decoration": word, "pattern": excluded or pattern}]

    repository = chosen("repoMatches", "repoExcludes", wanted.repositories, wanted.except_repositories)
    return {
        "tag_selectors": chosen("matches", "excludes", wanted.tags, wanted.except_tags),
        "scope_selectors": {"repository": repository},
    }


def in_words(wanted: Selection) -> str:
    """Which tags of which repositories, for people."""
    tags = wanted.tags if wanted.except_tags is None else f"all but {wanted.except_tags}"
    if wanted.except_repositories is not None:
        return f"{tags} in all but {wanted.except_repositories}"
    return tags if wanted.repositories == "**" else f"{tags} in {wanted.repositories}"


def in_words_of(rule: Mapping[str, Any]) -> str:
    """The same of a rule that Harbor has."""

    def chosen(selectors: Any, exclude: str) -> tuple[str, str | None]:
        found = next(iter(selectors or []), {"decoration": "", "pattern": "**"})
        pattern = str(found["pattern"])
        return ("**", pattern) if found["decoration"] == exclude else (pattern, None)

    tags, except_tags = chosen(rule.get("tag_selectors"), "excludes")
    scopes = (rule.get("scope_selectors") or {}).get("repository")
    repositories, except_repositories = chosen(scopes, "repoExcludes")
    return in_words(
        Selection(
            tags=tags,
            except_tags=except_tags,
            repositories=repositories,
            except_repositories=except_repositories,
        )
    )


def selected(rule: Mapping[str, Any]) -> str:
    """What a rule is about, as text that can be compared."""
    tags = [(each["decoration"], each["pattern"]) for each in rule.get("tag_selectors") or []]
    scopes = (rule.get("scope_selectors") or {}).get("repository") or []
    return json.dumps([tags, [(each["decoration"], each["pattern"]) for each in scopes]])


def _different(live: Thing, wanted: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(
        differs(key, live.get(key) or "", value)
        for key, value in wanted.items()
        if (live.get(key) or "") != value
    )
