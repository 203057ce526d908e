"""All changes between Harbor and the settings, in order, and what is there beyond them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from breakwater.commands import Refusal
from breakwater.registry.auth import auth_changes
from breakwater.registry.contradictions import DOCKER_HUB
from breakwater.registry.endpoints import endpoint_changes
from breakwater.registry.members import member_changes
from breakwater.registry.names import named, unseen
from breakwater.registry.people_settings import User
from breakwater.registry.plan import Change, Plan, in_order, of_things
from breakwater.registry.policies import policy_changes
from breakwater.registry.project_settings import Project
from breakwater.registry.projects import project_changes
from breakwater.registry.pull_secrets import Logins, Place, places, pull_secret_changes
from breakwater.registry.read import Seen
from breakwater.registry.removals import extras, pull_secret_extras, sorted_out
from breakwater.registry.robots import (
    Account,
    project_account,
    robot_changes,
    robot_warnings,
    system_account,
)
from breakwater.registry.settings import Endpoint, Registry
from breakwater.registry.system import system_changes
from breakwater.registry.told import Told
from breakwater.registry.users import Addresses, user_changes

# Harbor's own, until somebody changes robot_name_prefix.
_PREFIX = "robot$"


@dataclass(frozen=True)
class Secrets:
    """Where secrets come from, when one is due, and where they go; each raises Refusal.

    + at: what stands at a source of the settings
    + first_password: of a user who is made
    + reset: users that get it again
    + told: those that Harbor does not show
    + logins: robots'
    """

    at: Callable[[str], str]
    first_password: Callable[[User], str]
    reset: Collection[str]
    told: Told
    logins: Logins


def spelt_out(registry: Registry) -> Registry:
    """With the project and the endpoint that docker_hub_cache stands for."""
    name = registry.docker_hub_cache
    if name is None:
        return registry
    cache = Project(name=name, public=True, proxy_cache=DOCKER_HUB)
    endpoints = registry.endpoints
    if all(endpoint.name != DOCKER_HUB for endpoint in endpoints):
        endpoints = (*endpoints, Endpoint(name=DOCKER_HUB, type="docker-hub"))
    return dataclasses.replace(registry, projects=(*registry.projects, cache), endpoints=endpoints)


def plan(registry: Registry, seen: Seen, secrets: Secrets, ours: Collection[str] = ()) -> Plan:
    """What is to be done. Raises Refusal.

    + registry: spelt out
    + ours: `what` of all that breakwater once made
    """
    prefix = registry.system.robot_prefix or str(
        seen.configuration.get("robot_name_prefix", {}).get("value") or _PREFIX
    )
    accounts = list(_accounts(registry, seen, prefix))
    there = secrets.logins.cluster.all()
    changes = in_order(_changes(registry, seen, secrets, accounts, there))
    known = {place for account in accounts for place in places(account)}
    unknown = [place for place in sorted(there) if place not in known]
    with readable("what is beyond the settings"):
        found = [*extras(registry, seen), *pull_secret_extras(unknown, secrets.logins.cluster)]
    removed, beyond = sorted_out(found, registry.prune, ours)
    names = {*named(registry, seen, known), *(extra.removal.what for extra in found)}
    gone = [what for what in sorted(ours) if what not in names and not unseen(what, seen)]
    return Plan([*changes, *removed], tuple(beyond), _warnings(accounts, secrets, changes), tuple(gone))


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Answers of Harbor that are none of its own are said, with what they are about, as a Refusal."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Refusal(
            f"registry: {what}: not as Harbor's API has it ({type(error).__name__}: {error}), so nothing was"
            " changed; look at it in Harbor's pages, and remove there what is odd"
        ) from error


def _warnings(accounts: Sequence[Account], secrets: Secrets, changes: Sequence[Change]) -> tuple[str, ...]:
    """What people should know of robots that get no other secret in this run."""
    changed = {change.what for change in changes}
    settled = [a for a in accounts if not changed & {f"secret of robot {name}" for name in a.names}]
    return tuple(line for account in settled for line in robot_warnings(account, secrets.logins.robots))


def _accounts(registry: Registry, seen: Seen, prefix: str) -> Iterator[Account]:
    """Every robot of the settings."""
    for project in registry.projects:
        for robot in project.robots:
            yield project_account(robot, project.name, seen, prefix)
    for wide in registry.robots:
        yield system_account(wide, seen, prefix)


def _changes(
    registry: Registry, seen: Seen, secrets: Secrets, accounts: Sequence[Account], there: Mapping[Place, str]
) -> Iterator[Change]:
    with readable("its configuration and schedules"):
        yield from auth_changes(registry.auth, seen, secrets.told)
        yield from system_changes(registry.system, seen)
    for endpoint in registry.endpoints:
        with readable(f"endpoint {endpoint.name}"):
            yield from of_things(endpoint_changes(endpoint, seen, secrets.told))
    addresses = Addresses(seen, registry.users)
    for user in registry.users:
        first, reset = secrets.first_password, user.name in secrets.reset
        with readable(f"user {user.name}"):
            yield from of_things(user_changes(user, seen, first, addresses, reset=reset))
    for project in registry.projects:
        with readable(f"project {project.name}"):
            yield from of_things(project_changes(project, seen))
            yield from member_changes(project, seen, registry.auth)
            yield from policy_changes(project, seen, secrets.at)
    for account in accounts:
        with readable(f"robot {account.name}"):
            changes = list(robot_changes(account, secrets.logins.robots))
            yield from changes
            yield from pull_secret_changes(account, secrets.logins, there, changes)
