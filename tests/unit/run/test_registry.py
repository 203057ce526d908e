"""What is in Harbor, on the stand-in: made as set, left alone when right, and removed only on request."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from standin import Standin, running

from breakwater.commands import Refusal
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
    found.make_so(found.plan())
    return found


def test_made_as_set_and_then_left_alone(made: RegistryRun, bastion: Bastion) -> None:
    assert made.plan().lines() == []
    kept = {path.name for path in bastion.folder.rglob("*") if path.name != ".gitignore"}
    assert kept == {"users", "robots", "openstack", "boss", "kaps+ci", "mirror"}
    # Of project library, which every Harbor begins with, nobody need be told.
    assert bastion.warned == []


def test_what_hangs_on_a_failure_is_not_tried_and_the_rest_is(bastion: Bastion, made: RegistryRun) -> None:
    # Nobody answers there, so Harbor does not take it.
    away = {"name": "away", "type": "docker-registry", "url": "http://127.0.0.1:1"}
    more = settings(
        endpoints=[away],
        projects=[*REGISTRY["projects"], {"name": "cache", "proxy_cache": "away"}, {"name": "other"}],
    )
    run = bastion.run(more)
    found = run.plan()
    with pytest.raises(Refusal) as refusal:
        run.make_so(found)
    lines = str(refusal.value).splitlines()
    assert lines[0].startswith("endpoint away: http://127.0.0.1:1 does not answer Harbor, which takes no")
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
        "- robot kaps+ci",
        "- label tested of kaps",
        "- immutable tags v* of kaps",
        "- webhook build of kaps",
        "- retention of kaps",
        "- robot mirror",
        # made by another test
        "- project other",
        "- user openstack",
    ]
    found.make_so(found.plan())
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
