"""What is in Harbor: one read, of what the settings are about and of the names of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import httpx

from breakwater.harbor.api import Harbor, HarborError
from breakwater.harbor.lists import each, listed, thing
from breakwater.registry.settings import Registry

Thing = Mapping[str, Any]
# Schedules of the system -> where they are.
SCHEDULES = {
    "gc": "/system/gc/schedule",
    "scan_all": "/system/scanAll/schedule",
    "log_rotation": "/system/purgeaudit/schedule",
}


@dataclass(frozen=True)
class SeenProject:
    """A project of the settings that is there, with all that is in it; as Harbor's API gives it.

    Robots are named without the prefix, and members that are groups of LDAP by their DN.
    """

    project: Thing
    quota: Thing | None
    members: Sequence[Thing] = ()
    robots: Sequence[Thing] = ()
    labels: Sequence[Thing] = ()
    immutable_tags: Sequence[Thing] = ()
    webhooks: Sequence[Thing] = ()
    retention: Thing | None = None

    @property
    def id(self) -> int:
        return int(self.project["project_id"])


@dataclass(frozen=True)
class Seen:
    """Harbor as it is.

    + configuration: {key: {value, editable}}
    + projects: {name: it}, of those in the settings that are there
    + others: the other projects, by name
    + users: {name: it}, all but admin
    + endpoints: {name: it}
    + robots: {name without the prefix: it}, the system's
    + schedules: {a key of SCHEDULES: it}, of those that the settings are about; empty where there is none
    """

    configuration: Mapping[str, Thing]
    projects: Mapping[str, SeenProject]
    others: Sequence[Thing]
    users: Mapping[str, Thing]
    endpoints: Mapping[str, Thing]
    robots: Mapping[str, Thing]
    schedules: Mapping[str, Thing] = field(default_factory=dict)


def read(harbor: Harbor, registry: Registry) -> Seen:
    """Ask for all of it, some calls at a time. Raises HarborError.

    + registry: spelt out
    """
    wanted = {project.name for project in registry.projects}
    lists = ("/projects", "/quotas", "/users", "/registries", "/robots")
    projects, quotas, users, endpoints, robots = each(partial(listed, harbor), lists)
    # A quota outlives its project for a while, and says no more whose it was.
    of_project = {int(quota["ref"]["id"]): quota for quota in quotas if (quota.get("ref") or {}).get("id")}
    configuration = thing(harbor, "/configurations")
    prefix = str(configuration.get("robot_name_prefix", {}).get("value") or "")

    def whole(project: Thing) -> SeenProject:
        return _project(harbor, project, of_project.get(int(project["project_id"])), prefix)

    seen = each(whole, [project for project in projects if project["name"] in wanted])
    return Seen(
        configuration=configuration,
        projects={str(found.project["name"]): found for found in _by_dn(harbor, seen)},
        others=sorted((found for found in projects if found["name"] not in wanted), key=_name),
        users={str(user["username"]): user for user in users},
        endpoints={str(endpoint["name"]): endpoint for endpoint in endpoints},
        robots={str(robot["name"]): robot for robot in _bare(robots, prefix)},
        schedules={
            name: _schedule(harbor, path)
            for name, path in SCHEDULES.items()
            if getattr(registry.system, name) is not None
        },
    )


def _project(harbor: Harbor, project: Thing, quota: Thing | None, prefix: str) -> SeenProject:
    number = int(project["project_id"])
    path = f"/projects/{number}"
    retention = (project.get("metadata") or {}).get("retention_id")
    return SeenProject(
        project,
        quota,
        members=listed(harbor, f"{path}/members"),
        robots=_bare(listed(harbor, "/robots", {"q": f"Level=project,ProjectID={number}"}), prefix),
        labels=listed(harbor, "/labels", {"scope": "p", "project_id": str(number)}),
        immutable_tags=listed(harbor, f"{path}/immutabletagrules"),
        webhooks=listed(harbor, f"{path}/webhook/policies"),
        retention=thing(harbor, f"/retentions/{retention}") if retention else None,
    )


def _bare(robots: Sequence[Thing], prefix: str) -> list[Thing]:
    """By the names that Harbor keeps. It puts the prefix before them only when it is asked."""
    return [{**robot, "name": str(robot["name"]).removeprefix(prefix)} for robot in robots]


def _by_dn(harbor: Harbor, projects: Sequence[SeenProject]) -> Sequence[SeenProject]:
    """With groups of LDAP called as settings call them: of members Harbor says another name."""
    if not any(member["entity_type"] == "g" for project in projects for member in project.members):
        return projects
    names = {int(group["id"]): group.get("ldap_group_dn") for group in listed(harbor, "/usergroups")}

    def named(member: Thing) -> Thing:
        name = names.get(int(member["entity_id"])) if member["entity_type"] == "g" else ""
        return {**member, "entity_name": name} if name else member

    return [replace(project, members=[named(member) for member in project.members]) for project in projects]


def _schedule(harbor: Harbor, path: str) -> Thing:
    """What is done when; nothing while Harbor has nobody to do it, such as a scanner."""
    try:
        return thing(harbor, path)
    except HarborError as error:
        if error.status == httpx.codes.PRECONDITION_FAILED:
            return {}
        raise


def _name(thing: Thing) -> str:
    return str(thing["name"])
