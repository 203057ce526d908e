"""Settings of the whole Harbor. What a case changes, it puts back."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.client import Live

# A schedule that is never met while a case runs: midnight on 29 February.
CRON = "0 0 0 29 2 *"
SCHEDULE = "/system/gc/schedule"


def value(harbor: Live, key: str) -> Any:
    return harbor.call("GET", "/configurations", 200).json()[key]["value"]


def test_every_key_has_a_value_and_says_whether_it_can_be_changed(harbor: Live) -> None:
    found = harbor.call("GET", "/configurations", 200).json()
    assert isinstance(found["token_expiration"]["value"], int)
    assert isinstance(found["self_registration"]["value"], bool)
    assert isinstance(found["project_creation_restriction"]["value"], str)
    # All but one: the schedule of scans stands beside the settings, in its own shape.
    assert {type(item["editable"]) for key, item in found.items() if key != "scan_all_policy"} == {bool}


def test_a_key_that_is_unknown_is_ignored(harbor: Live) -> None:
    before = harbor.call("GET", "/configurations", 200).json()
    harbor.call("PUT", "/configurations", 200, body={"breakwater_knows_no_such_key": "x"})
    assert harbor.call("GET", "/configurations", 200).json() == before


@pytest.mark.parametrize("wrong", [{"token_expiration": "soon"}, {"self_registration": "yes"}])
def test_a_wrong_type_is_refused(harbor: Live, wrong: dict[str, Any]) -> None:
    before = value(harbor, *wrong)
    harbor.call("PUT", "/configurations", 422, body=wrong)
    assert value(harbor, *wrong) == before


def test_only_what_is_named_changes(harbor: Live) -> None:
    before = harbor.call("GET", "/configurations", 200).json()
    minutes = before["token_expiration"]["value"]
    try:
        harbor.call("PUT", "/configurations", 200, body={"token_expiration": minutes + 1})
        after = harbor.call("GET", "/configurations", 200).json()
    finally:
        harbor.call("PUT", "/configurations", 200, body={"token_expiration": minutes})
    assert after.pop("token_expiration")["value"] == minutes + 1
    before.pop("token_expiration")
    assert after == before


@pytest.fixture
def schedule(harbor: Live) -> Iterator[dict[str, Any] | None]:
    """The garbage collector's schedule as it is, put back afterwards."""
    text = harbor.call("GET", SCHEDULE, 200).text
    before = json.loads(text) if text else None
    yield before
    kept = {"schedule": {"type": "None"}}
    if before:
        parameters = json.loads(before["job_parameters"])
        kept = {"schedule": before["schedule"], "parameters": parameters}
    harbor.call("PUT", SCHEDULE, 200, body=kept)


def test_without_a_schedule_the_answer_is_empty(harbor: Live, schedule: Any) -> None:
    harbor.call("PUT", SCHEDULE, 200, body={"schedule": {"type": "None"}})
    answer = harbor.call("GET", SCHEDULE, 200)
    assert answer.content == b""


def test_a_schedule(harbor: Live, schedule: Any) -> None:
    parameters = {"delete_untagged": True, "dry_run": False, "workers": 1}
    body = {"schedule": {"type": "Custom", "cron": CRON}, "parameters": parameters}
    harbor.call("PUT", SCHEDULE, 200, body=body)
    first = harbor.call("GET", SCHEDULE, 200).json()
    assert (first["schedule"]["type"], first["schedule"]["cron"]) == ("Custom", CRON)
    # A text of JSON, with a key more and one less than what was put.
    assert json.loads(first["job_parameters"]) == {
        "delete_tag": False,
        "delete_untagged": True,
        "workers": 1,
    }
    harbor.call("PUT", SCHEDULE, 200, body=body)
    assert harbor.call("GET", SCHEDULE, 200).json()["id"] != first["id"]


@pytest.mark.parametrize("cron", ["0 0 29 2 *", "0 0 0 29 2 * 2030", "never", ""])
def test_a_cron_line_has_six_fields(harbor: Live, schedule: Any, cron: str) -> None:
    before = harbor.call("GET", SCHEDULE, 200).content
    harbor.call("PUT", SCHEDULE, 400, body={"schedule": {"type": "Custom", "cron": cron}, "parameters": {}})
    assert harbor.call("GET", SCHEDULE, 200).content == before


def test_a_registry_that_does_not_answer_is_refused(harbor: Live) -> None:
    name = harbor.name("registry")
    body = {"name": name, "type": "docker-registry", "url": "http://127.0.0.1:1", "insecure": False}
    harbor.call("POST", "/registries", 400, body=body)
    assert harbor.call("GET", "/registries", 200, params={"q": f"name={name}"}).json() == []


def test_administrators_only(harbor: Live) -> None:
    user = harbor.user("Passw0rd-of-a-case")
    harbor.call("GET", "/configurations", 403, who=user)
    harbor.call("PUT", "/configurations", 403, who=user, body={"token_expiration": 30})
    harbor.call("GET", SCHEDULE, 403, who=user)
    harbor.call("GET", "/users", 403, who=user)
