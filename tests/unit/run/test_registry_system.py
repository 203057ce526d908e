"""What holds for all of Harbor, on the stand-in: told as Harbor reads it, and not where it would refuse."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from standin import Standin, running

from breakwater.commands import Refusal
from breakwater.registry import banner
from breakwater.registry.auth import auth_changes
from breakwater.registry.read import Seen, read
from breakwater.registry.settings import Registry
from breakwater.registry.system import system_changes
from breakwater.registry.told import Told
from tests.bastion import Bastion

EVENTS = "create_artifact,delete_artifact,pull_artifact,other"


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running(tmp_path_factory.mktemp("system")) as found:
        yield found


@pytest.fixture
def bastion(standin: Standin, tmp_path: Path) -> Bastion:
    return Bastion(standin.administrator, standin.host, tmp_path / "registry")


def settings(**keys: Any) -> Registry:
    return TypeAdapter(Registry).validate_python(keys)


def seen(standin: Standin, registry: Registry | None = None) -> Seen:
    with standin.administrator() as harbor:
        return read(harbor, registry or settings())


def test_the_log_is_rotated_with_all_that_is_in_it(bastion: Bastion, standin: Standin) -> None:
    wanted = {"system": {"log_rotation": {"schedule": "0 0 2 * * *", "keep_hours": 24}}}
    assert bastion.make(wanted) == [
        "~ schedule log_rotation: schedule: nothing, and shall be 0 0 2 * * *;"
        " audit_retention_hour: nothing, and shall be 24;"
        f" include_event_types: nothing, and shall be {EVENTS}"
    ]
    assert bastion.make(wanted) == []
    with bastion.administrator() as harbor:
        few = {"audit_retention_hour": 24, "include_event_types": "pull_artifact"}
        body = {"schedule": {"type": "Custom", "cron": "0 0 2 * * *"}, "parameters": few}
        harbor.call("PUT", "/system/purgeaudit/schedule", body=body)
    assert bastion.make(wanted) == [
        f"~ schedule log_rotation: include_event_types: pull_artifact, and shall be {EVENTS}"
    ]
    assert bastion.make({"system": {"log_rotation": {}}}) == [
        "~ schedule log_rotation: schedule: 0 0 2 * * *, and shall be nothing"
    ]
    assert bastion.make({"system": {"log_rotation": {}}}) == []


def test_a_banner_is_what_harbors_pages_read(bastion: Bastion, standin: Standin) -> None:
    wanted = {"system": {"banner": 'Maintenance "on" Sunday'}}
    said = '~ configuration: banner_message: nothing, and shall be Maintenance "on" Sunday'
    assert bastion.make(wanted) == [said]
    assert bastion.make(wanted) == []
    live = seen(standin).configuration["banner_message"]["value"]
    # Without a day its pages show none.
    assert json.loads(live) == {
        "message": 'Maintenance "on" Sunday', "type": "warning", "closable": False,
        "fromDate": "2000-01-01T00:00:00.000Z",
    }  # fmt: skip
    with bastion.administrator() as harbor:
        ended = json.dumps({**json.loads(live), "toDate": "2001-01-01T00:00:00.000Z"})
        harbor.call("PUT", "/configurations", body={"banner_message": ended})
    assert bastion.make(wanted) == ["~ configuration: banner_message: shown otherwise, or not always"]
    assert bastion.make({"system": {"banner": ""}})[0].endswith(", and shall be nothing")
    assert seen(standin).configuration["banner_message"]["value"] == ""
    assert bastion.make({"system": {"banner": ""}}) == []


@pytest.mark.parametrize(
    ("live", "said"),
    [
        ("", "nothing, and shall be hello"),
        ("hello", "'hello', which breaks its pages, and shall be hello"),
        ("7", "7, and shall be hello"),
        ('{"message": "bye"}', "bye, and shall be hello"),
        ('{"message": "hello"}', "shown otherwise, or not always"),
        (banner.written("hello"), ""),
        (json.dumps({**json.loads(banner.written("hello")), "toDate": None}), ""),
    ],
)
def test_a_banner_of_others(live: str, said: str) -> None:
    assert banner.differences(live, "hello") == ([f"banner_message: {said}"] if said else [])


def test_what_nobody_can_change_is_not_tried(standin: Standin, tmp_path: Path) -> None:
    live = seen(standin)
    fixed = {key: {**item, "editable": False} for key, item in live.configuration.items() if key != "x"}
    live = replace(live, configuration=fixed)
    registry = settings(
        system={"token_minutes": 77, "banner": "x", "robot_prefix": "bot_"},
        auth={"mode": "ldap", "ldap": {"url": "ldaps://l", "base_dn": "dc=x"}},
    )
    told = Told(tmp_path / "told", lambda source: "")
    changes = [*system_changes(registry.system, live), *auth_changes(registry.auth, live, told)]
    assert [change.what for change in changes] == ["configuration", "robot prefix", "auth"]
    for change, key in zip(changes, ("token_expiration", "robot_name_prefix", "ldap_url"), strict=True):
        with pytest.raises(Refusal, match=rf"read-only in this Harbor: .*{key}.*CONFIG_OVERWRITE_JSON"):
            change.act(None)  # type: ignore[arg-type]


def test_a_quota_that_harbor_does_not_keep_is_said(bastion: Bastion) -> None:
    with bastion.administrator() as harbor:
        harbor.call("PUT", "/configurations", body={"quota_per_project_enable": False})
    try:
        wanted = {"projects": [{"name": "small", "quota": "1GiB"}, {"name": "large", "quota": "none"}]}
        for _ in range(2):
            with pytest.raises(Refusal) as refusal:
                bastion.make(wanted)
            [line] = str(refusal.value).splitlines()
            assert line.startswith(
                "quota of small: this Harbor keeps no quota of it, for its quota_per_project"
            )
        assert bastion.planned({"projects": [{"name": "small"}, {"name": "large", "quota": "none"}]}) == []
    finally:
        with bastion.administrator() as harbor:
            harbor.call("PUT", "/configurations", body={"quota_per_project_enable": True})


def test_a_quota_of_nothing_is_no_projects(standin: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(harbor: object, path: str, query: object = None) -> list[dict[str, Any]]:
        return [{"id": 1, "ref": {}}, {"id": 2}, {"id": 3, "ref": None}] if path == "/quotas" else []

    monkeypatch.setattr("breakwater.registry.read.listed", listed)
    assert seen(standin).projects == {}
