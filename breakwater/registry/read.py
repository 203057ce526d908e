"""What is in Harbor: one read, of what the settings are about and of the names of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from breakwater.harbor.api import Harbor, HarborError
from breakwater.harbor.lists import each, listed
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
    """A project of the settings that is there, with all that is in it; as Harbor's API gives it."""

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
    + robots: {name, prefix included: it}, the system's
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
    """Ask for all of it, some calls at a time. Raises HarborError."""
    wanted = {project.name for project in registry.projects}
    if registry.docker_hub_cache:
        wanted.add(registry.docker_hub_cache)
    lists = ("/projects", "/quotas", "/users", "/registries", "/robots")
    projects, quotas, users, endpoints, robots = each(partial(listed, harbor), lists)
    of_project = {int(quota["ref"]["id"]): quota for quota in quotas}
    there = [project for project in projects if project["name"] in wanted]
    seen = each(lambda project: _project(harbor, project, of_project.get(int(project["project_id"]))), there)
    return Seen(
        configuration=_object(harbor, "/configurations"),
        projects={str(each.project["name"]): each for each in seen},
        others=sorted((each for each in projects if each["name"] not in wanted), key=_name),
        users={str(user["username"]): user for user in users},
        endpoints={str(endpoint["name"]): endpoint for endpoint in endpoints},
        robots={str(robot["name"]): robot for robot in robots},
        schedules={
            name: _schedule(harbor, path)
            for name, path in SCHEDULES.items()
            if getattr(registry.system, name) is not None
        },
    )


def _project(harbor: Harbor, project: Thing, quota: Thing | None) -> SeenProject:
    number = int(project["project_id"])
    path = f"/projects/{number}"
    retention = (project.get("metadata") or {}).get("retention_id")
    return SeenProject(
        project,
        quota,
        members=listed(harbor, f"{path}/members"),
        robots=listed(harbor, "/robots", {"q": f"Level=project,ProjectID={number}"}),
        labels=listed(harbor, "/labels", {"scope": "p", "project_id": str(number)}),
        immutable_tags=listed(harbor, f"{path}/immutabletagrules"),
        webhooks=listed(harbor, f"{path}/webhook/policies"),
        retention=_object(harbor, f"/retentions/{retention}") if retention else None,
    )


def _schedule(harbor: Harbor, path: str) -> Thing:
    """What is done when; nothing while Harbor has nobody to do it, such as a scanner."""
    try:
        return _object(harbor, path)
    except HarborError as error:
        if error.status == httpx.codes.PRECONDITION_FAILED:
            return {}
        raise


def _name(thing: Thing) -> str:
    return str(thing["name"])


def _object(harbor: Harbor, path: str) -> dict[str, Any]:
    """An answer that is an object, or nothing at all, as where there is no schedule."""
    response = harbor.call("GET", path)
    try:
        found = response.json() if response.content else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise HarborError("GET", path, response.status_code, "no object in it: is this Harbor's address?")
    return found
