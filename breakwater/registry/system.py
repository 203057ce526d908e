"""What holds for all of Harbor: its configuration, and what is done at which time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from breakwater.registry import banner
from breakwater.registry.configuration import read_only, value
from breakwater.registry.limits import NEVER
from breakwater.registry.plan import CHANGE, Change, call, differs, never
from breakwater.registry.read import SCHEDULES, Seen
from breakwater.registry.system_settings import System

# What robots need when their names change: by its `what`.
PREFIX = "robot prefix"
# Key of ours -> Harbor's. src/lib/config/metadata/metadatalist.go of Harbor 2.15.1.
_KEYS = {
    "quota": "storage_per_project",
    "robot_days": "robot_token_duration",
    "token_minutes": "token_expiration",
    "session_minutes": "session_timeout",
    "self_registration": "self_registration",
    "audit_forward": "audit_log_forward_endpoint",
}
_CREATORS = {"everyone": "everyone", "admins": "adminonly"}
# Every line of the audit log: src/pkg/auditext/model/model.go of Harbor 2.15.1. Without them it deletes none.
_EVENTS = "create_artifact,delete_artifact,pull_artifact,other"


def system_changes(wanted: System, seen: Seen) -> Iterator[Change]:
    """One call for all keys that differ, since what Harbor is not told it leaves; one for each schedule."""
    keys: dict[str, object] = {}
    said: list[str] = []
    if wanted.banner is not None:
        said += banner.differences(value(seen, banner.KEY), wanted.banner)
        keys |= {banner.KEY: banner.written(wanted.banner)} if said else {}
    for key, shall in _configuration(wanted).items():
        if value(seen, key) != shall:
            keys[key] = shall
            said.append(differs(key, value(seen, key), shall))
    if keys:
        why = read_only(seen, keys)
        act = never(why) if why else call("PUT", "/configurations", keys)
        yield Change(CHANGE, "configuration", act, tuple(said))
    yield from _prefix(wanted, seen)
    yield from _schedule_changes(wanted, seen)


def _prefix(wanted: System, seen: Seen) -> Iterator[Change]:
    """By itself: what hangs on it is every robot, and nothing else."""
    live = value(seen, "robot_name_prefix")
    if wanted.robot_prefix is None or live == wanted.robot_prefix:
        return
    keys = {"robot_name_prefix": wanted.robot_prefix}
    there = len(seen.robots) + sum(len(project.robots) for project in seen.projects.values())
    said = (
        differs("robot_name_prefix", live, wanted.robot_prefix),
        *([f"every robot is called otherwise from then on, {there} here, and logs in so"] if there else []),
    )
    why = read_only(seen, keys)
    yield Change(CHANGE, PREFIX, never(why) if why else call("PUT", "/configurations", keys), said)


def _schedule_changes(wanted: System, seen: Seen) -> Iterator[Change]:
    for name, (cron, parameters) in _schedules(wanted).items():
        live_cron, live_parameters = _live(seen, name)
        said = (
            *([differs("schedule", live_cron, cron)] if live_cron != cron else []),
            *(
                differs(key, live_parameters.get(key), shall)
                for key, shall in parameters.items()
                # Of a schedule that is none they mean nothing.
                if cron and live_parameters.get(key) != shall
            ),
        )
        if not said:
            continue
        kind = "Custom" if cron else "None"
        body = {"schedule": {"type": kind, "cron": cron}, "parameters": parameters}
        yield Change(CHANGE, f"schedule {name}", call("PUT", SCHEDULES[name], body), said)


def _configuration(wanted: System) -> dict[str, object]:
    found = {theirs: getattr(wanted, ours) for ours, theirs in _KEYS.items()}
    if wanted.project_creation is not None:
        found["project_creation_restriction"] = _CREATORS[wanted.project_creation]
    if wanted.audit_database is not None:
        found["skip_audit_log_database"] = not wanted.audit_database
    return {key: shall for key, shall in found.items() if shall is not None}


def _schedules(wanted: System) -> dict[str, tuple[str, dict[str, object]]]:
    """{schedule: (cron, parameters)}, of those that the settings are about."""
    found: dict[str, tuple[str, dict[str, object]]] = {}
    if wanted.gc is not None:
        found["gc"] = (wanted.gc.schedule or "", {"delete_untagged": wanted.gc.delete_untagged})
    if wanted.scan_all is not None:
        found["scan_all"] = ("" if wanted.scan_all == NEVER else wanted.scan_all, {})
    if wanted.log_rotation is not None:
        parameters = {"audit_retention_hour": wanted.log_rotation.keep_hours, "include_event_types": _EVENTS}
        found["log_rotation"] = (wanted.log_rotation.schedule or "", parameters)
    return found


def _live(seen: Seen, name: str) -> tuple[str, Mapping[str, object]]:
    """As Harbor has it: parameters are JSON in a text, with more in it than was sent."""
    there = seen.schedules.get(name) or {}
    try:
        parameters = json.loads(there.get("job_parameters") or "{}")
    except ValueError:
        parameters = {}
    cron = str((there.get("schedule") or {}).get("cron") or "")
    return cron, parameters if isinstance(parameters, dict) else {}
