"""`registry.system` and `registry.auth` on a Harbor that runs; what they change is put back."""

import json
from typing import Any

import pytest

from tests.bastion import Bastion
from tests.live.client import Live

# Midnight on 29 February: nothing begins while a case runs.
CRON, OTHER = "0 0 0 29 2 *", "0 30 0 29 2 *"
SCHEDULES = {"gc": "gc", "log_rotation": "purgeaudit", "scan_all": "scanAll"}
EVENTS = "create_artifact,delete_artifact,pull_artifact,other"


@pytest.fixture
def former(harbor: Live) -> dict[str, Any]:
    """The configuration as it is, put back afterwards where a case of this file changes it."""
    found: dict[str, Any] = harbor.call("GET", "/configurations", 200).json()
    keys = ("token_expiration", "session_timeout", "robot_token_duration", "storage_per_project")
    kept = {key: found[key]["value"] for key in (*keys, "self_registration", "banner_message")}
    harbor.put_back("/configurations", kept)
    return {key: item["value"] for key, item in found.items() if key != "scan_all_policy"}


def keep_schedule(harbor: Live, name: str) -> bool:
    """Have it put back; whether this Harbor has such a one at all."""
    path = f"/system/{SCHEDULES[name]}/schedule"
    response = harbor.call("GET", path, 200, 412)
    before = response.json() if response.content and response.status_code == 200 else None
    # To be told that there is none, Harbor wants to know of the log what it was.
    parameters = {"audit_retention_hour": 1, "include_event_types": ""} if name == "log_rotation" else {}
    kept: dict[str, Any] = {"schedule": {"type": "None", "cron": ""}, "parameters": parameters}
    if before:
        there = json.loads(before.get("job_parameters") or "{}")
        kept = {"schedule": before["schedule"], "parameters": there or parameters}
        kept["schedule"].pop("next_scheduled_time", None)
    if response.status_code == 200:
        harbor.put_back(path, kept)
    return response.status_code == 200


def test_the_configuration(harbor: Live, bastion: Bastion, former: dict[str, Any]) -> None:
    system = {
        "token_minutes": former["token_expiration"] + 1,
        "session_minutes": former["session_timeout"] + 1,
        "robot_days": former["robot_token_duration"] + 1,
        "quota": "12345MiB",
        "self_registration": former["self_registration"],
        "banner": 'A case of breakwater\'s, for "a moment"',
    }
    [said] = bastion.make({"system": system})
    assert f"token_expiration: {former['token_expiration']}, and shall be {system['token_minutes']}" in said
    assert said.startswith("~ configuration: banner_message: ")
    assert bastion.make({"system": system}) == []
    info = harbor.call("GET", "/systeminfo", 200).json()
    assert json.loads(info["banner_message"])["message"] == system["banner"]
    assert json.loads(info["banner_message"])["fromDate"] < info["current_time"]
    assert bastion.make({"system": {"banner": ""}})[0].endswith("and shall be nothing")
    assert harbor.setting("banner_message") == ""


def test_the_log_is_rotated(harbor: Live, bastion: Bastion) -> None:
    keep_schedule(harbor, "log_rotation")
    rotation = {"schedule": CRON, "keep_hours": 200_000}
    bastion.make({"system": {"log_rotation": rotation}})
    assert bastion.make({"system": {"log_rotation": rotation}}) == []
    path = "/system/purgeaudit/schedule"
    live = json.loads(harbor.call("GET", path, 200).json()["job_parameters"])
    assert (live["audit_retention_hour"], live["include_event_types"]) == (200_000, EVENTS)
    schedule = {"type": "Custom", "cron": CRON}
    for wrong in (
        {},
        {"audit_retention_hour": 1},
        {"include_event_types": EVENTS},
        {**live, "audit_retention_hour": 240_001},
    ):
        harbor.call("PUT", path, 400, body={"schedule": schedule, "parameters": wrong})
    said = bastion.make({"system": {"log_rotation": {**rotation, "schedule": OTHER}}})
    assert said == [f"~ schedule log_rotation: schedule: {CRON}, and shall be {OTHER}"]
    assert bastion.make({"system": {"log_rotation": {}}})[0].endswith("and shall be nothing")
    assert bastion.make({"system": {"log_rotation": {}}}) == []


def test_the_other_schedules(harbor: Live, bastion: Bastion) -> None:
    system: dict[str, Any] = {"gc": {"schedule": CRON, "delete_untagged": True}}
    keep_schedule(harbor, "gc")
    # Without a scanner there is none.
    system["scan_all"] = CRON if keep_schedule(harbor, "scan_all") else "never"
    bastion.make({"system": system})
    assert bastion.make({"system": system}) == []
    system["gc"]["delete_untagged"] = False
    assert bastion.make({"system": system}) == ["~ schedule gc: delete_untagged: on, and shall be off"]
    assert bastion.make({"system": system}) == []


@pytest.fixture
def nobody_else(harbor: Live) -> None:
    """Its logins are Harbor's own, and nobody is there: only then another mode can be tried."""
    configuration = harbor.call("GET", "/configurations", 200).json()
    untouched = (
        configuration["auth_mode"]["value"] == "db_auth" and not configuration["oidc_endpoint"]["value"]
    )
    if not configuration["auth_mode"]["editable"] or not untouched:
        pytest.skip("this Harbor has users, or its logins are checked elsewhere: their mode is left alone")
    keys = ("auth_mode", "oidc_name", "oidc_endpoint", "oidc_client_id", "oidc_groups_claim", "oidc_scope")
    former = {key: configuration[key]["value"] for key in keys}
    harbor.put_back("/configurations", {**former, "oidc_client_secret": ""})


def test_logins_at_a_provider_and_a_group_of_it(
    harbor: Live, bastion: Bastion, nobody_else: None, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVE_OIDC_SECRET", "first-one")
    provider = {
        "name": "a case", "endpoint": "https://login.example.org", "client_id": "harbor",
        "client_secret": "env:LIVE_OIDC_SECRET", "groups_claim": "groups",
    }  # fmt: skip
    member = {"group": f"{harbor.prefix}-Group", "role": "developer"}
    wanted = {
        "auth": {"mode": "oidc", "oidc": provider},
        "projects": [{"name": project, "members": [member]}],
    }
    assert len(bastion.make(wanted)) == 2
    [group] = [
        found
        for found in harbor.call("GET", "/usergroups", 200, params={"page_size": 100}).json()
        if found["group_name"] == member["group"]
    ]
    harbor.later(f"/usergroups/{group['id']}")
    assert bastion.make(wanted) == []
    monkeypatch.setenv("LIVE_OIDC_SECRET", "second-one")
    assert bastion.make(wanted) == ["~ auth: oidc_client_secret: another one, or first told from here"]
    # Without registry.auth the mode is the one that Harbor has.
    member["role"] = "guest"
    del wanted["auth"]
    assert bastion.make(wanted) == [
        f"~ member {member['group']} of {project}: role: developer, and shall be guest"
    ]
