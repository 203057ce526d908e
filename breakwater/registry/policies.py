"""A project's policies: labels, immutable tags, retention, webhooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from breakwater.harbor.api import Harbor
from breakwater.registry.plan import ADD, CHANGE, Change, call, differs
from breakwater.registry.policy_settings import Label, Retention, RetentionRule, Selection
from breakwater.registry.project_settings import Project
from breakwater.registry.read import Seen, SeenProject, Thing
from breakwater.registry.webhooks import webhook_changes

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
        yield from webhook_changes(wanted.name, webhook, there, secret)


def project_id(harbor: Harbor, name: str) -> int:
    """The number of a project that was there, or was made meanwhile."""
    return int(harbor.call("GET", f"/projects/{name}", named=True).json()["project_id"])


def _label(project: str, wanted: Label, there: SeenProject | None) -> Iterator[Change]:
    what = f"label {wanted.name} of {project}"
    found = next((each for each in there.labels if each.get("name") == wanted.name), None) if there else None
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
        there_now = live.get("rules") or []
        live_cron = str(((live.get("trigger") or {}).get("settings") or {}).get("cron") or "")
        said = (
            *([differs("schedule", live_cron, cron)] if live_cron != cron else []),
            # Their order means nothing: an image stays when one of them keeps it.
            *(
                [differs("rules", [*map(rule_in_words, there_now)], [*map(rule_in_words, rules)])]
                if sorted(map(_comparable, there_now)) != sorted(map(_comparable, rules))
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


def rule_in_words(rule: Mapping[str, Any]) -> str:
    """What a rule of retention says, without what Harbor adds, such as numbers and priorities."""
    template = str(rule.get("template"))
    amounts = (rule.get("params") or {}).values()
    ours = next((key for key, theirs in _TEMPLATES.items() if theirs == template), template)
    only_tagged = any(_leaves_untagged(selector) for selector in rule.get("tag_selectors") or [])
    return " ".join(
        [
            *(ours, *map(str, amounts), "of", in_words_of(rule)),
            *(["tagged only"] if only_tagged else []),
            *(["disabled"] if rule.get("disabled") else []),
        ]
    )


def _comparable(rule: Mapping[str, Any]) -> tuple[str, str]:
    return rule_in_words(rule), selected(rule)


def _leaves_untagged(selector: Mapping[str, Any]) -> bool:
    """It is JSON in a text; what people put there may be anything."""
    try:
        extras = json.loads(selector.get("extras") or "{}")
    except ValueError:
        return False
    return isinstance(extras, dict) and extras.get("untagged") is False


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
    return _in_words(wanted.tags, wanted.except_tags, wanted.repositories, wanted.except_repositories)


def in_words_of(rule: Mapping[str, Any]) -> str:
    """The same of a rule that Harbor has: people may write into one what we would not take."""

    def chosen(selectors: Any, exclude: str) -> tuple[str, str | None]:
        found: Mapping[str, Any] = next(iter(selectors or []), {})
        pattern = str(found.get("pattern", "**"))
        return ("**", pattern) if found.get("decoration") == exclude else (pattern, None)

    scopes = (rule.get("scope_selectors") or {}).get("repository")
    return _in_words(*chosen(rule.get("tag_selectors"), "excludes"), *chosen(scopes, "repoExcludes"))


def _in_words(tags: str, except_tags: str | None, repositories: str, except_repositories: str | None) -> str:
    which = tags if except_tags is None else f"all but {except_tags}"
    if except_repositories is not None:
        return f"{which} in all but {except_repositories}"
    return which if repositories == "**" else f"{which} in {repositories}"


def selected(rule: Mapping[str, Any]) -> str:
    """What a rule is about, as text that can be compared."""
    scopes = (rule.get("scope_selectors") or {}).get("repository") or []
    found = (rule.get("tag_selectors") or [], scopes)
    return json.dumps([[(one.get("decoration"), one.get("pattern")) for one in each] for each in found])


def _different(live: Thing, wanted: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(
        differs(key, live.get(key) or "", value)
        for key, value in wanted.items()
        if (live.get(key) or "") != value
    )
