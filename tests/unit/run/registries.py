"""Registries as somebody may write them, that a Harbor of the lab's takes."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from hostile import good_group
from hypothesis import strategies as st

from breakwater.registry.people_settings import User
from breakwater.registry.policy_settings import ImmutableTags, Label, RetentionRule, Webhook
from breakwater.registry.project_settings import Project
from breakwater.registry.robot_settings import ProjectRobot, SystemRobot
from breakwater.registry.settings import Endpoint
from breakwater.registry.system_settings import System

USERS, PROJECTS = ("ann", "bob", "o'neill"), ("kaps", "a-b", "1984")
ROLES = ("projectAdmin", "maintainer", "developer", "guest", "limitedGuest")
# What stands at every source of a secret, by the kind of key that it is for.
SOURCES = {"auth_header": "env:HEADER", "password": "env:PW", "address": "env:HOOK"}
SELECTION = ("tags", "except_tags", "repositories", "except_repositories")
VALUES = {"HEADER": "Bearer x", "PW": "An0ther-one", "HOOK": "https://hooks.example.org/s3cret"}


def some(of: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(of), unique=True, max_size=3)


@st.composite
def named(draw: st.DrawFn, names: tuple[str, ...], model: type[Any]) -> list[dict[str, Any]]:
    """Things of some of these names."""
    return [{**draw(good_group(model)), "name": name} for name in draw(some(names))]


def several(
    model: type[Any], of: tuple[str, ...] = (), least: int = 0
) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Things without a name, no two of them alike.

    + of: the keys by which they are told apart; none: all
    """

    def alike(found: dict[str, Any]) -> Hashable:
        made = model(**found)
        return tuple(getattr(made, key) for key in of) if of else made

    return st.lists(good_group(model), max_size=3, min_size=least, unique_by=alike)


POLICIES = st.fixed_dictionaries(
    {
        "robots": named(("ci", "cd"), ProjectRobot),
        "labels": named(("tested", "a b"), Label),
        "webhooks": named(("build", "'; id"), Webhook),
        "immutable_tags": several(ImmutableTags, SELECTION),
    },
    optional={
        "retention": st.fixed_dictionaries(
            {"rules": several(RetentionRule, least=1)},
            optional={"schedule": st.sampled_from(["0 0 3 * * *", "0 */5 1-7 * * 1"])},
        )
    },
)
OF_ITS_OWN = {"members", "proxy_cache", "retention", *("robots", "labels", "webhooks", "immutable_tags")}


@st.composite
def registries(draw: st.DrawFn, answers: str) -> dict[str, Any]:
    """Settings that `python -m breakwater check` takes, without auth: its mode stays while there are users.

    + answers: a registry's URL
    """
    users = [{**user, "email": f"{user['name']}@example.org"} for user in draw(named(USERS, User))]
    projects = []
    for name in draw(some(PROJECTS)):
        found = {key: value for key, value in draw(good_group(Project)).items() if key not in OF_ITS_OWN}
        who = draw(some(tuple(user["name"] for user in users))) if users else []
        members = [{"user": user, "role": draw(st.sampled_from(ROLES))} for user in who]
        projects.append({**found, **draw(POLICIES), "name": name, "members": members})
    endpoints = [
        {**each, "url": answers, "type": "docker-registry"} for each in draw(named(("hub", "a/b"), Endpoint))
    ]
    if any(endpoint["name"] == "hub" for endpoint in endpoints) and draw(st.booleans()):
        projects.append({"name": "cache", "proxy_cache": "hub", "members": []})
    docker_hub = {"name": "docker-hub", "url": answers, "type": "docker-registry"}
    cache = (
        {"endpoints": [*endpoints, docker_hub], "docker_hub_cache": "hub.cache"}
        if draw(st.booleans())
        else {}
    )
    robots = [_fitting(draw, robot, projects) for robot in draw(named(("mirror", "c_d.e-f"), SystemRobot))]
    found = {"users": users, "projects": projects, "robots": robots, "endpoints": endpoints, **cache}
    return _with_sources({**found, "system": draw(good_group(System))})


def _fitting(draw: st.DrawFn, robot: dict[str, Any], projects: list[dict[str, Any]]) -> dict[str, Any]:
    """It is allowed something in projects that are there, or in all."""
    names = tuple(project["name"] for project in projects)
    granted = draw(some(names)) if names else []
    grants = [{**grant, "projects": granted or ["*"]} for grant in robot["grants"]]
    return {**robot, "grants": grants}


def _with_sources(value: Any, key: str = "") -> Any:
    """Every secret is where the test has put one."""
    if isinstance(value, Mapping):
        return {name: _with_sources(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_sources(inner, key) for inner in value]
    is_source = isinstance(value, str) and value.startswith(("env:", "file:"))
    return SOURCES.get(key, value) if is_source else value


def at(source: str | None) -> str:
    """What stands there, or what it says itself."""
    kind, _, name = (source or "").partition(":")
    return VALUES[name] if kind == "env" else source or ""


def robots_of(registry: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    """Each with its name in Harbor, prefix left out, and what it is granted."""
    for project in registry["projects"]:
        for robot in project.get("robots", ()):
            name = f"{project['name']}+{robot['name']}{'-a' if robot.get('overlap') else ''}"
            yield name, robot, [{"projects": [project["name"]], "allow": robot.get("allow", ["pull"])}]
    for robot in registry["robots"]:
        system = [{"projects": ["/"], "allow": robot["allow"]}]
        yield f"{robot['name']}{'-a' if robot.get('overlap') else ''}", robot, [*robot["grants"], *system]
