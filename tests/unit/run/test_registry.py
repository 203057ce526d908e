"""What is in Harbor, on the stand-in: made as set, left alone when right, put back when changed by hand."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from standin import Standin, running

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor
from breakwater.registry.read import Seen, read
from breakwater.registry.run import RegistryRun
from breakwater.registry.settings import Registry
from tests.bastion import Bastion, Memory

REGISTRY: dict[str, Any] = {
    "projects": [
        {
            "name": "kaps",
            "quota": "none",
            "auto_scan": True,
            "prevent_vulnerable": "high",
            "cve_allowlist": ["CVE-2024-12345"],
            "members": [{"user": "openstack", "role": "developer"}],
            "robots": [{"name": "ci", "allow": ["push"]}],
            "labels": [{"name": "tested", "color": "#0065AB"}],
            "immutable_tags": [{"tags": "v*"}],
            "retention": {"rules": [{"keep_pushed": 10}]},
            "webhooks": [
                {"name": "build", "address": "http://ci.example.org/x", "events": ["PUSH_ARTIFACT"]}
            ],
        }
    ],
    "users": [
        {"name": "openstack", "email": "openstack@example.org"},
        {"name": "boss", "email": "boss@example.org", "real_name": "The Boss", "admin": True},
    ],
    "robots": [
        {"name": "mirror", "grants": [{"projects": ["*"], "allow": ["pull"]}], "allow": ["project:list"]}
    ],
    "system": {
        "gc": {"schedule": "0 0 3 * * *"},
        "quota": "50GiB",
        "banner": "hello",
        "project_creation": "admins",
    },
}


def settings(**changes: Any) -> Registry:
    return TypeAdapter(Registry).validate_python({**REGISTRY, **changes})


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """One of this file's own: nobody else's things are in it."""
    with running(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture(scope="module")
def memory() -> Memory:
    return Memory()


@pytest.fixture
def bastion(standin: Standin, tmp_path: Path, memory: Memory) -> Bastion:
    return Bastion(standin.administrator, standin.host, tmp_path / "registry", memory)


@pytest.fixture
def made(bastion: Bastion) -> RegistryRun:
    """All of it is there."""
    found = bastion.run(settings())
    found.make_so()
    return found


def test_made_as_set_and_then_left_alone(made: RegistryRun, bastion: Bastion) -> None:
    assert made.plan().lines() == []
    kept = {path.name for path in bastion.folder.rglob("*") if path.name != ".gitignore"}
    assert kept == {"users", "robots", "openstack", "boss", "robot$kaps+ci", "robot$mirror"}
    # Of project library, which every Harbor begins with, nobody need be told.
    assert bastion.warned == []


def put(harbor: Harbor, path: str, **body: Any) -> None:
    harbor.call("PUT", path, body=body)


# By hand -> what the plan says of it, as a whole.
DAMAGE: dict[str, tuple[Callable[[Harbor, Seen], None], list[str]]] = {
    "a project made public": (
        lambda h, s: put(h, f"/projects/{s.projects['kaps'].id}", metadata={"public": "true"}),
        ["~ project kaps: public: true, and shall be false"],
    ),
    "a quota": (
        lambda h, s: put(h, f"/quotas/{(s.projects['kaps'].quota or {})['id']}", hard={"storage": 1 << 30}),
        ["~ quota of kaps: quota: 1GiB, and shall be none"],
    ),
    "a role": (
        lambda h, s: put(h, f"/projects/{s.projects['kaps'].id}/members/{member(s)['id']}", role_id=1),
        ["~ member openstack of kaps: role: projectAdmin, and shall be developer"],
    ),
    "a member removed": (
        lambda h, s: gone(h, f"/projects/{s.projects['kaps'].id}/members/{member(s)['id']}"),
        ["+ member openstack of kaps: developer"],
    ),
    "a real name": (
        lambda h, s: put(h, f"/users/{s.users['boss']['user_id']}", email="boss@example.org", realname="X"),
        ["~ user boss: realname: X, and shall be The Boss"],
    ),
    "an administrator no more": (
        lambda h, s: put(h, f"/users/{s.users['boss']['user_id']}/sysadmin", sysadmin_flag=False),
        ["~ rights of boss: admin: off, and shall be on"],
    ),
    "a robot removed": (
        lambda h, s: gone(h, f"/robots/{s.robots['robot$mirror']['id']}"),
        ["+ robot robot$mirror"],
    ),
    "a label's colour": (
        lambda h, s: put(
            h,
            f"/labels/{s.projects['kaps'].labels[0]['id']}",
            name="tested",
            scope="p",
            project_id=s.projects["kaps"].id,
            color="#FFFFFF",
        ),
        ["~ label tested of kaps: color: #FFFFFF, and shall be #0065AB"],
    ),
    "the configuration": (
        lambda h, s: put(h, "/configurations", banner_message="", project_creation_restriction="everyone"),
        [
            "~ configuration: banner_message: nothing, and shall be hello;"
            " project_creation_restriction: everyone, and shall be adminonly"
        ],
    ),
    "a schedule": (
        lambda h, s: put(h, "/system/gc/schedule", schedule={"type": "None", "cron": ""}, parameters={}),
        [
            "~ schedule gc: schedule: nothing, and shall be 0 0 3 * * *;"
            " delete_untagged: nothing, and shall be off"
        ],
    ),
}


def gone(harbor: Harbor, path: str) -> None:
    harbor.call("DELETE", path)


def member(seen: Seen) -> Any:
    return next(each for each in seen.projects["kaps"].members if each["entity_name"] == "openstack")


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_was_changed_by_hand_is_named_and_put_back(
    made: RegistryRun, standin: Standin, damage: str
) -> None:
    by_hand, said = DAMAGE[damage]
    with standin.administrator() as harbor:
        by_hand(harbor, read(harbor, settings()))
    assert made.plan().lines() == said
    made.make_so()
    assert made.plan().lines() == []


def test_what_hangs_on_a_failure_is_not_tried_and_the_rest_is(bastion: Bastion, made: RegistryRun) -> None:
    # Nobody answers there, so Harbor does not take it.
    away = {"name": "away", "type": "docker-registry", "url": "http://127.0.0.1:1"}
    more = settings(
        endpoints=[away],
        projects=[*REGISTRY["projects"], {"name": "cache", "proxy_cache": "away"}, {"name": "other"}],
    )
    with pytest.raises(Refusal) as refusal:
        bastion.run(more).make_so()
    lines = str(refusal.value).splitlines()
    assert lines[0].startswith("endpoint away: harbor: POST /registries: answered 400")
    assert "project cache: not tried, because endpoint away failed" in lines
    assert [line for line in bastion.run(more).plan().lines() if "other" in line] == []


def test_nothing_goes_because_it_left_the_settings(bastion: Bastion, made: RegistryRun) -> None:
    fewer = replace(settings(), projects=(), users=(), robots=())
    assert bastion.run(fewer).plan().lines() == []
    [beyond] = bastion.warned
    assert "project kaps" in beyond
    assert "user openstack" in beyond


def test_only_what_was_made_by_us_goes_and_only_where_that_is_asked_for(
    bastion: Bastion, made: RegistryRun, standin: Standin, memory: Memory
) -> None:
    with standin.administrator() as harbor:
        harbor.call("POST", "/projects", body={"project_name": "by-hand", "metadata": {"public": "false"}})
    kaps = {key: value for key, value in REGISTRY["projects"][0].items() if key in ("name", "quota")}
    fewer = settings(
        projects=[kaps],
        users=REGISTRY["users"][1:],
        robots=[],
        prune={"users": True, "robots": True, "policies": True, "projects": True},
    )
    found = bastion.run(fewer)
    lines = found.plan().lines()
    assert [line for line in lines if line.startswith("- ")] == [
        "- robot robot$kaps+ci",
        "- label tested of kaps",
        "- immutable tags v* of kaps",
        "- webhook build of kaps",
        "- retention of kaps",
        "- robot robot$mirror",
        # made by another test
        "- project other",
        "- user openstack",
    ]
    found.make_so()
    assert found.plan().lines() == []
    beyond = bastion.warned[-1]
    assert "project by-hand" in beyond
    assert "user openstack" not in memory.all()
    assert "user boss" in memory.all()


def test_the_cache_uses_an_endpoint_of_the_users_own(bastion: Bastion, standin: Standin) -> None:
    mirror = {"name": "docker-hub", "type": "docker-registry", "url": f"https://127.0.0.1:{standin.port}"}
    registry = {"endpoints": [{**mirror, "verify_tls": False}], "docker_hub_cache": "hub"}
    assert bastion.make(registry) == ["+ endpoint docker-hub", "+ project hub"]
    assert bastion.planned(registry) == []
