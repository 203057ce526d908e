"""What holds for all of Harbor: its configuration, and what is done at which time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from breakwater.registry.limits import NEVER
from breakwater.registry.plan import CHANGE, Change, call, differs
from breakwater.registry.read import SCHEDULES, Seen
from breakwater.registry.system_settings import System

# Key of ours -> Harbor's. src/lib/config/metadata/metadatalist.go of Harbor 2.15.1.
_KEYS = {
    "quota": "storage_per_project",
    "robot_prefix": "robot_name_prefix",
    "robot_days": "robot_token_duration",
    "token_minutes": "token_expiration",
    "session_minutes": "session_timeout",
    "self_registration": "self_registration",
    "banner": "banner_message",
    "audit_forward": "audit_log_forward_endpoint",
}
_CREATORS = {"everyone": "everyone", "admins": "adminonly"}


def system_changes(wanted: System, seen: Seen) -> Iterator[Change]:
    """One call for all keys that differ, since what Harbor is not told it leaves; one for each schedule."""
    keys = {key: value for key, value in _configuration(wanted).items() if _value(seen, key) != value}
    if keys:
        said = tuple(differs(key, _value(seen, key), value) for key, value in keys.items())
        yield Change(CHANGE, "configuration", call("PUT", "/configurations", keys), said)
    for name, (cron, parameters) in _schedules(wanted).items():
        live_cron, live_parameters = _live(seen, name)
        said = (
            *([differs("schedule", live_cron, cron)] if live_cron != cron else []),
            *(
                differs(key, live_parameters.get(key), value)
                for key, value in parameters.items()
                # Of a schedule that is none they mean nothing.
                if cron and live_parameters.get(key) != value
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
    return {key: value for key, value in found.items() if value is not None}


def _value(seen: Seen, key: str) -> object:
    return seen.configuration.get(key, {}).get("value")


def _schedules(wanted: System) -> dict[str, tuple[str, dict[str, object]]]:
    """{schedule: (cron, parameters)}, of those that the settings are about."""
    found: dict[str, tuple[str, dict[str, object]]] = {}
    if wanted.gc is not None:
        found["gc"] = (wanted.gc.schedule or "", {"delete_untagged": wanted.gc.delete_untagged})
    if wanted.scan_all is not None:
        found["scan_all"] = ("" if wanted.scan_all == NEVER else wanted.scan_all, {})
    if wanted.log_rotation is not None:
        hours = wanted.log_rotation.keep_hours
        found["log_rotation"] = (wanted.log_rotation.schedule or "", {"audit_retention_hour": hours})
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
