"""What is in Harbor beyond the settings: reported; what breakwater made goes where that is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from breakwater.registry.contradictions import robot_names
from breakwater.registry.members import groups_of, key, role_of, who
from breakwater.registry.plan import REMOVE, Change, call
from breakwater.registry.policies import in_words_of, selected, selectors
from breakwater.registry.project_settings import Project
from breakwater.registry.pull_secrets import Place, PullSecrets, pull_secret_removal
from breakwater.registry.read import Seen, SeenProject
from breakwater.registry.settings import Prune, Registry

# The project that every Harbor begins with: nobody wrote it down, and nobody need be told.
_ITS_OWN = "library"


@dataclass(frozen=True)
class Extra:
    """A thing that nobody wrote down.

    + kind: a key of Prune
    + removal: what would remove it
    + kept: why it stays although it was asked to go; empty: it may
    + used_by: things that have to go before, by their `what`
    """

    kind: str
    removal: Change
    kept: str = ""
    used_by: tuple[str, ...] = ()


def sorted_out(extras: list[Extra], prune: Prune, ours: Collection[str]) -> tuple[list[Change], list[str]]:
    """What is removed, and what is reported.

    + extras: each after those that use it
    + ours: `what` of all that breakwater once made
    """
    go: list[Change] = []
    stay: list[str] = []
    going: set[str] = set()
    for extra in extras:
        what = extra.removal.what
        users = [user for user in extra.used_by if user not in going]
        kept = extra.kept or (f"{users[0]} is a cache of it" if users else "")
        if getattr(prune, extra.kind) and what in ours and not kept:
            go.append(extra.removal)
            going.add(what)
        else:
            stay.append(f"{what} ({kept})" if kept else what)
    return go, stay


def extras(registry: Registry, seen: Seen) -> Iterator[Extra]:
    """All of them; of the projects in the settings also what is in them.

    + registry: spelt out
    """
    groups = groups_of(registry.auth, seen)
    for project in registry.projects:
        if there := seen.projects.get(project.name):
            yield from _of_project(project, there, groups)
    wanted = {name for robot in registry.robots for name in robot_names(robot)}
    for name, robot in sorted(seen.robots.items()):
        if name not in wanted:
            yield Extra("robots", _gone(f"robot {name}", f"/robots/{robot['id']}"))
    for other in seen.others:
        if other["name"] == _ITS_OWN:
            continue
        count = int(other.get("repo_count") or 0)
        kept = f"{count} repositories in it" if count else ""
        yield Extra("projects", _gone(f"project {other['name']}", f"/projects/{other['project_id']}"), kept)
    named = {user.name for user in registry.users}
    for name, user in sorted(seen.users.items()):
        if name not in named:
            yield Extra("users", _gone(f"user {name}", f"/users/{user['user_id']}"))
    yield from _endpoints(registry, seen)


def _endpoints(registry: Registry, seen: Seen) -> Iterator[Extra]:
    """After the projects that are a cache of them: both may go in one run."""
    known = {endpoint.name for endpoint in registry.endpoints}
    projects = [*seen.others, *(each.project for each in seen.projects.values())]
    for name, endpoint in sorted(seen.endpoints.items()):
        if name in known:
            continue
        number = int(endpoint["id"])
        caches = [p for p in projects if int(p.get("registry_id") or 0) == number]
        used_by = tuple(f"project {project['name']}" for project in caches)
        removal = Change(REMOVE, f"endpoint {name}", call("DELETE", f"/registries/{number}"), needs=used_by)
        yield Extra("endpoints", removal, used_by=used_by)


def pull_secret_extras(unknown: Collection[Place], cluster: PullSecrets) -> Iterator[Extra]:
    """Robots' logins in the cluster that nobody asks for any more."""
    for place in unknown:
        yield Extra("robots", pull_secret_removal(place, cluster))


def _of_project(project: Project, there: SeenProject, groups: str) -> Iterator[Extra]:
    path, of = f"/projects/{there.id}", f"of {project.name}"
    named = {who(member, groups) for member in project.members}
    for member in there.members:
        # Whoever made the project is a member of it; that was us.
        if key(member) not in named and key(member) != ("u", "admin"):
            what = f"member {key(member)[1]} {of}"
            yield Extra("members", _gone(what, f"{path}/members/{member['id']}", role_of(member)))
    robots = {f"{project.name}+{name}" for robot in project.robots for name in robot_names(robot)}
    for robot in there.robots:
        if robot["name"] not in robots:
            yield Extra("robots", _gone(f"robot {robot['name']}", f"/robots/{robot['id']}"))
    labels = {label.name for label in project.labels}
    for label in there.labels:
        # Harbor takes one without a name, and leaves the key away.
        if (name := label.get("name", "")) not in labels:
            yield Extra("policies", _gone(f"label {name} {of}", f"/labels/{label['id']}"))
    rules = {selected(selectors(rule)) for rule in project.immutable_tags}
    for rule in there.immutable_tags:
        if selected(rule) not in rules:
            what = f"immutable tags {in_words_of(rule)} {of}"
            yield Extra("policies", _gone(what, f"{path}/immutabletagrules/{rule['id']}"))
    webhooks = {webhook.name for webhook in project.webhooks}
    for webhook in there.webhooks:
        if webhook["name"] not in webhooks:
            what = f"webhook {webhook['name']} {of}"
            yield Extra("policies", _gone(what, f"{path}/webhook/policies/{webhook['id']}"))
    # Harbor itself gives a proxy cache one.
    if there.retention is not None and project.retention is None and project.proxy_cache is None:
        yield Extra("policies", _gone(f"retention {of}", f"/retentions/{there.retention['id']}"))


def _gone(what: str, path: str, *details: str) -> Change:
    return Change(REMOVE, what, call("DELETE", path), details)
