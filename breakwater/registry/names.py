"""What a plan calls the things of the settings, to tell what breakwater made and nobody has any more."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from breakwater.registry.contradictions import robot_names
from breakwater.registry.members import groups_of, who
from breakwater.registry.policies import in_words
from breakwater.registry.project_settings import Project
from breakwater.registry.pull_secrets import Place
from breakwater.registry.read import Seen
from breakwater.registry.settings import Registry


def named(registry: Registry, seen: Seen, places: Collection[Place]) -> Iterator[str]:
    """Each that a run may make, by the `what` of its change.

    + registry: spelt out
    + places: of robots' logins in the cluster
    """
    groups = groups_of(registry.auth, seen)
    yield from (f"endpoint {endpoint.name}" for endpoint in registry.endpoints)
    yield from (f"user {user.name}" for user in registry.users)
    yield from (f"robot {name}" for robot in registry.robots for name in robot_names(robot))
    yield from (f"pull secret {namespace}/{name}" for namespace, name in places)
    for project in registry.projects:
        yield f"project {project.name}"
        yield from (f"member {who(member, groups)[1]} of {project.name}" for member in project.members)
        yield from _policies(project)
        for robot in project.robots:
            yield from (f"robot {project.name}+{name}" for name in robot_names(robot))


def inside(what: str) -> str:
    """The project that a thing is in, by its `what`; empty for those that are in none."""
    kind, _, name = what.partition(" ")
    if kind == "robot":
        return name.partition("+")[0] if "+" in name else ""
    return what.rpartition(" of ")[2] if " of " in what else ""


def unseen(what: str, seen: Seen) -> bool:
    """Whether it is in a project that the settings are not about, so that nobody looked for it."""
    return inside(what) in {str(project["name"]) for project in seen.others}


def _policies(project: Project) -> Iterator[str]:
    of = f"of {project.name}"
    yield from (f"label {label.name} {of}" for label in project.labels)
    yield from (f"immutable tags {in_words(rule)} {of}" for rule in project.immutable_tags)
    yield from (f"webhook {webhook.name} {of}" for webhook in project.webhooks)
    if project.retention is not None:
        yield f"retention {of}"
