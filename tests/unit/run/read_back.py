"""What Harbor should say after a run, and what it says: neither asks the code that is tested."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from registries import at, robots_of

from breakwater.harbor.api import Harbor
from breakwater.harbor.lists import listed

# Harbor's numbers and words, as its own documentation has them: not asked of the code that is tested.
ROLES = {1: "projectAdmin", 2: "developer", 3: "guest", 4: "maintainer", 5: "limitedGuest"}
KEEPS = {
    "keep_pushed": "latestPushedK",
    "keep_pulled": "latestPulledN",
    "pushed_days": "nDaysSinceLastPush",
    "pulled_days": "nDaysSinceLastPull",
}
UNITS = {"Mi": 1 << 20, "GiB": 1 << 30}


def size(text: str | int) -> int:
    """In bytes; -1 for no limit."""
    if text in ("none", -1):
        return -1
    return next(int(str(text).removesuffix(u)) * b for u, b in UNITS.items() if str(text).endswith(u))


def project_wanted(project: Mapping[str, Any]) -> dict[str, Any]:
    """What Harbor should say of it; of what the settings say nothing, nothing."""
    retention = project.get("retention")
    return {
        "public": project.get("public", False),
        "auto_scan": project.get("auto_scan", False),
        "auto_sbom": project.get("auto_sbom", False),
        "content_trust": project.get("content_trust", False),
        "severity": project.get("prevent_vulnerable"),
        "cves": {*project.get("cve_allowlist", ())},
        "quota": size(project["quota"]) if "quota" in project else None,
        "cache": project.get("proxy_cache"),
        "members": {member["user"]: member["role"] for member in project["members"]},
        "labels": {
            label["name"]: (label.get("color", "#FFFFFF").upper(), label.get("description", ""))
            for label in project.get("labels", ())
        },
        "immutable": sorted(
            (*selection(rule), rule.get("disabled", False)) for rule in project.get("immutable_tags", ())
        ),
        "retention": sorted(map(kept, retention["rules"])) if retention else None,
        "schedule": retention.get("schedule", "") if retention else None,
        "webhooks": {
            hook["name"]: (
                hook.get("type", "http"), at(hook["address"]), at(hook.get("auth_header")), {*hook["events"]},
                hook.get("enabled", True), hook.get("verify_tls", True),
            )
            for hook in project.get("webhooks", ())
        },
    }  # fmt: skip


def selection(rule: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Which tags of which repositories, in Harbor's words."""
    tags, repositories = rule.get("except_tags"), rule.get("except_repositories")
    return (
        *(("excludes", tags) if tags else ("matches", rule.get("tags", "**"))),
        *(
            ("repoExcludes", repositories)
            if repositories
            else ("repoMatches", rule.get("repositories", "**"))
        ),
    )


def selection_there(rule: Mapping[str, Any]) -> tuple[str, str, str, str]:
    [tags], [repositories] = rule["tag_selectors"], rule["scope_selectors"]["repository"]
    return tags["decoration"], tags["pattern"], repositories["decoration"], repositories["pattern"]


def kept(rule: Mapping[str, Any]) -> tuple[Any, ...]:
    ways = [(KEEPS[key], rule[key]) for key in KEEPS if rule.get(key)]
    return (*(ways[0] if ways else ("always", 0)), rule.get("untagged", True), *selection(rule))


def kept_there(rule: Mapping[str, Any]) -> tuple[Any, ...]:
    untagged = json.loads(rule["tag_selectors"][0]["extras"])["untagged"]
    return rule["template"], sum(rule["params"].values()), untagged, *selection_there(rule)


def project_there(harbor: Harbor, project: Mapping[str, Any]) -> dict[str, Any]:
    """What is there; what nobody wrote down is left out, for it stays."""
    found = harbor.call("GET", f"/projects/{project['name']}", named=True).json()
    metadata, number = found["metadata"], str(found["project_id"])
    asked = {"reference": "project", "reference_id": number}
    [quota] = harbor.call("GET", "/quotas", query=asked).json()
    wanted, path = project_wanted(project), f"/projects/{number}"
    retention: dict[str, Any] = {}
    if project.get("retention"):
        retention = harbor.call("GET", f"/retentions/{metadata['retention_id']}").json()
    caches = {each["id"]: each["name"] for each in listed(harbor, "/registries")}
    rules = listed(harbor, f"{path}/immutabletagrules")
    immutable = [(*selection_there(rule), bool(rule.get("disabled"))) for rule in rules]
    return {
        "public": metadata["public"] == "true",
        "auto_scan": metadata.get("auto_scan") == "true",
        "auto_sbom": metadata.get("auto_sbom_generation") == "true",
        "content_trust": metadata.get("enable_content_trust_cosign") == "true",
        "severity": metadata["severity"] if metadata.get("prevent_vul") == "true" else None,
        "cves": {item["cve_id"] for item in (found.get("cve_allowlist") or {}).get("items") or ()},
        "quota": quota["hard"]["storage"] if wanted["quota"] is not None else None,
        "cache": caches.get(found.get("registry_id")),
        "members": {
            member["entity_name"]: ROLES[member["role_id"]]
            for member in listed(harbor, f"{path}/members")
            if member["entity_name"] in wanted["members"]
        },
        "labels": {
            label["name"]: (label["color"], label.get("description", ""))
            for label in listed(harbor, "/labels", {"scope": "p", "project_id": number})
            if label["name"] in wanted["labels"]
        },
        "immutable": sorted(rule for rule in immutable if rule in wanted["immutable"]),
        "retention": sorted(map(kept_there, retention["rules"])) if retention else None,
        "schedule": retention["trigger"]["settings"]["cron"] if retention else None,
        "webhooks": {
            hook["name"]: (
                target["type"], target["address"], target.get("auth_header", ""), {*hook["event_types"]},
                hook["enabled"], not target["skip_cert_verify"],
            )
            for hook in listed(harbor, f"{path}/webhook/policies")
            for target in hook["targets"]
            if hook["name"] in wanted["webhooks"]
        },
    }  # fmt: skip


def robots_wanted(registry: Mapping[str, Any]) -> dict[str, Any]:
    short = {"pull": {"repository:pull"}, "push": {"repository:pull", "repository:push"}}
    return {
        name: (
            robot.get("days", -1), robot.get("disabled", False), robot.get("description", ""),
            {(place, may) for grant in grants for place in grant["projects"] for word in grant["allow"]
             for may in short.get(word, {word})},
        )
        for name, robot, grants in robots_of(registry)
    }  # fmt: skip


def robots_there(harbor: Harbor, registry: Mapping[str, Any]) -> dict[str, Any]:
    prefix = harbor.call("GET", "/configurations").json()["robot_name_prefix"]["value"]
    found = listed(harbor, "/robots")
    for project in registry["projects"]:
        number = harbor.call("GET", f"/projects/{project['name']}", named=True).json()["project_id"]
        found += listed(harbor, "/robots", {"q": f"Level=project,ProjectID={number}"})
    named = {robot["name"].removeprefix(prefix): robot for robot in found}
    return {
        name: (
            robot["duration"], robot["disable"], robot.get("description", ""),
            {(of["namespace"], f"{may['resource']}:{may['action']}")
             for of in robot["permissions"] for may in of["access"]},
        )
        for name, robot in named.items()
        if name in robots_wanted(registry)
    }  # fmt: skip


def endpoints_wanted(registry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        each["name"]: (
            each["url"], not each.get("verify_tls", True), each.get("description", ""), each.get("user", ""),
        )
        for each in registry["endpoints"]
    }  # fmt: skip


def endpoints_there(harbor: Harbor, registry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        each["name"]: (
            each["url"], bool(each.get("insecure")), each.get("description", ""),
            (each.get("credential") or {}).get("access_key", ""),
        )
        for each in listed(harbor, "/registries")
        if each["name"] in endpoints_wanted(registry)
    }  # fmt: skip


# Key of ours -> Harbor's, and what it is there.
SYSTEM: dict[str, tuple[str, Any]] = {
    "quota": ("storage_per_project", size),
    "robot_prefix": ("robot_name_prefix", str),
    "robot_days": ("robot_token_duration", int),
    "token_minutes": ("token_expiration", int),
    "session_minutes": ("session_timeout", int),
    "self_registration": ("self_registration", bool),
    "project_creation": (
        "project_creation_restriction",
        lambda who: {"everyone": "everyone", "admins": "adminonly"}[who],
    ),
    "audit_forward": ("audit_log_forward_endpoint", str),
    "audit_database": ("skip_audit_log_database", lambda kept: not kept),
}


def system_wanted(system: Mapping[str, Any]) -> dict[str, Any]:
    """Of the keys that are written."""
    found = {theirs: said(system[ours]) for ours, (theirs, said) in SYSTEM.items() if ours in system}
    if "banner" in system:
        found["banner"] = system["banner"]
    if "scan_all" in system:
        found["scan_all"] = "" if system["scan_all"] == "never" else system["scan_all"]
    if "gc" in system and system["gc"].get("schedule"):
        found["gc"] = (system["gc"]["schedule"], system["gc"].get("delete_untagged", False))
    if "log_rotation" in system and system["log_rotation"].get("schedule"):
        found["log"] = (system["log_rotation"]["schedule"], system["log_rotation"].get("keep_hours", 2160))
    return found


def system_there(harbor: Harbor, system: Mapping[str, Any]) -> dict[str, Any]:
    configuration = harbor.call("GET", "/configurations").json()

    def schedule(path: str) -> tuple[str, dict[str, Any]]:
        response = harbor.call("GET", f"/system/{path}/schedule")
        found = response.json() if response.content else {}
        cron = (found.get("schedule") or {}).get("cron", "")
        return cron, json.loads(found.get("job_parameters") or "{}")

    banner = configuration["banner_message"]["value"]
    (gc, of_gc), (scan, _), (log, of_log) = map(schedule, ("gc", "scanAll", "purgeaudit"))
    found = {theirs: configuration[theirs]["value"] for theirs, _ in SYSTEM.values()}
    found["banner"] = json.loads(banner)["message"] if banner else ""
    found["scan_all"] = scan
    found["gc"] = (gc, of_gc.get("delete_untagged"))
    found["log"] = (log, of_log.get("audit_retention_hour"))
    return {key: value for key, value in found.items() if key in system_wanted(system)}
