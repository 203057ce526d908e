"""What is in Harbor beyond the settings: reported; what breakwater made goes where that is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from breakwater.registry.contradictions import robot_names
from breakwater.registry.members import key, role_of
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
    """

    kind: str
    removal: Change
    kept: str = ""


def sorted_out(extras: list[Extra], prune: Prune, ours: Collection[str]) -> tuple[list[Change], list[str]]:
    """What is removed, and what is reported.

    + ours: `what` of all that breakwater once made
    """
    go = [e for e in extras if getattr(prune, e.kind) and e.removal.what in ours and not e.kept]
    going = {e.removal.what for e in go}
    stay = [e for e in extras if e.removal.what not in going]
    return [e.removal for e in go], [f"{e.removal.what}{f' ({e.kept})' if e.kept else ''}" for e in stay]


def extras(registry: Registry, seen: Seen, prefix: str) -> Iterator[Extra]:
    """All of them; of the projects in the settings also what is in them.

    + registry: spelt out
    + prefix: what Harbor puts before robots' names
    """
    for project in registry.projects:
        if there := seen.projects.get(project.name):
            yield from _of_project(project, there, prefix)
    wanted = {f"{prefix}{name}" for robot in registry.robots for name in robot_names(robot)}
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
    used = {int(project.get("registry_id") or 0) for project in (*seen.others, *_present(seen))}
    known = {endpoint.name for endpoint in registry.endpoints}
    for name, endpoint in sorted(seen.endpoints.items()):
        if name not in known:
            kept = "a project is a cache of it" if int(endpoint["id"]) in used else ""
            yield Extra("endpoints", _gone(f"endpoint {name}", f"/registries/{endpoint['id']}"), kept)


def pull_secret_extras(unknown: Collection[Place], cluster: PullSecrets) -> Iterator[Extra]:
    """Robots' logins in the cluster that nobody asks for any more."""
    for place in unknown:
        yield Extra("robots", pull_secret_removal(place, cluster))


def _of_project(project: Project, there: SeenProject, prefix: str) -> Iterator[Extra]:
    path, of = f"/projects/{there.id}", f"of {project.name}"
    named = {("u", m.user) if m.group is None else ("g", m.group) for m in project.members}
    for member in there.members:
        # Whoever made the project is a member of it; that was us.
        if key(member) not in named and key(member) != ("u", "admin"):
            what = f"member {key(member)[1]} {of}"
            yield Extra("members", _gone(what, f"{path}/members/{member['id']}", role_of(member)))
    robots = {f"{prefix}{project.name}+{name}" for robot in project.robots for name in robot_names(robot)}
    for robot in there.robots:
        if robot["name"] not in robots:
            yield Extra("robots", _gone(f"robot {robot['name']}", f"/robots/{robot['id']}"))
    labels = {label.name for label in project.labels}
    for label in there.labels:
        if label["name"] not in labels:
            yield Extra("policies", _gone(f"label {label['name']} {of}", f"/labels/{label['id']}"))
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


def _present(seen: Seen) -> Iterator[dict[str, object]]:
    for each in seen.projects.values():
        yield dict(each.project)
