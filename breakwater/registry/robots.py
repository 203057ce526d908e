"""Robots: made, what they may do put right, and their secrets replaced when that is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from breakwater.harbor.api import Harbor
from breakwater.registry.contradictions import robot_names
from breakwater.registry.permissions import access
from breakwater.registry.plan import ADD, CHANGE, Change, call, differs
from breakwater.registry.read import Seen, Thing
from breakwater.registry.robot_secrets import RobotSecrets
from breakwater.registry.robot_settings import ProjectRobot, RobotKeys, SystemRobot
from breakwater.registry.system import PREFIX

# What Harbor calls a robot that never ends.
FOR_EVER = -1
# Days before its end from which a run speaks of it; of a robot of few days it is the last quarter of them.
_SOON = 14


@dataclass(frozen=True)
class Account:
    """A robot of the settings, as it shall be in Harbor.

    + name: as people type it to rotate it: NAME, or PROJECT+NAME
    + names: those that Harbor keeps: one, or the two that take turns
    + prefix: what it puts before them, as soon as this run has said so
    + live: {of names: it} of those that are there
    """

    wanted: RobotKeys
    level: str
    name: str
    names: Sequence[str]
    prefix: str
    permissions: Sequence[Mapping[str, Any]]
    live: Mapping[str, Thing]
    needs: tuple[str, ...]

    def login(self, name: str) -> str:
        """As whom it logs in."""
        return f"{self.prefix}{name}"

    def keys(self) -> dict[str, object]:
        """What Harbor keeps of it, beside what it may do."""
        days = self.wanted.days
        return {
            "description": self.wanted.description,
            "disable": self.wanted.disabled,
            "duration": FOR_EVER if days is None else days,
        }


def system_account(wanted: SystemRobot, seen: Seen, prefix: str) -> Account:
    """A robot of the system.

    + prefix: what Harbor puts before robots' names
    """
    permissions = [
        *([_permission("system", "/", wanted.allow)] if wanted.allow else []),
        *(_permission("project", name, grant.allow) for grant in wanted.grants for name in grant.projects),
    ]
    needs = tuple(f"project {name}" for grant in wanted.grants for name in grant.projects if name != "*")
    names = robot_names(wanted)
    return Account(wanted, "system", wanted.name, names, prefix, permissions, seen.robots, (PREFIX, *needs))


def project_account(wanted: ProjectRobot, project: str, seen: Seen, prefix: str) -> Account:
    """A robot of a project."""
    there = seen.projects.get(project)
    live = {str(robot["name"]): robot for robot in there.robots} if there else {}
    names = tuple(f"{project}+{name}" for name in robot_names(wanted))
    permissions = [_permission("project", project, wanted.allow)]
    needs = (PREFIX, f"project {project}")
    return Account(wanted, "project", f"{project}+{wanted.name}", names, prefix, permissions, live, needs)


def robot_changes(account: Account, secrets: RobotSecrets) -> Iterator[Change]:
    """What makes it as it shall be; of two that take turns, both that are there."""
    in_use = secrets.in_use(account.names)
    rotates = secrets.rotates(account.name) and in_use in account.live
    turn = next((name for name in account.names if name != in_use), in_use) if rotates else in_use
    new_turn = _turn(account, in_use) if turn != in_use else ()
    for name in account.names:
        live = account.live.get(name)
        if live is None:
            if name == turn:
                yield Change(ADD, f"robot {name}", _make(account, name, secrets), new_turn, account.needs)
        elif name == turn and rotates and account.wanted.days is not None:
            # Harbor counts a robot's days from when it was made, whatever becomes of its secret.
            said = (*new_turn, "made anew, with another secret")
            yield Change(CHANGE, f"robot {name}", _make(account, name, secrets, live), said, account.needs)
        else:
            yield from _kept_right(account, name, live)
            if name == turn and (rotates or secrets.unsettled(name)):
                said = (*new_turn, "another one" if rotates else "it was not yet proven")
                act = _another(account, name, live, secrets)
                yield Change(CHANGE, f"secret of robot {name}", act, said, (PREFIX,))


def robot_warnings(account: Account, secrets: RobotSecrets) -> Iterator[str]:
    """What people should know of it."""
    name = secrets.in_use(account.names)
    live = account.live.get(name)
    if live is None or secrets.rotates(account.name):
        return
    if secrets.kept(name) is None and not secrets.unsettled(name):
        yield (
            f"robot {name}: its secret is not kept here, for somebody else made it, or this machine is"
            f" another one; --data rotate={account.name} gives it a new one"
        )
    days, ends = account.wanted.days, int(live.get("expires_at") or FOR_EVER)
    if days is None or ends == FOR_EVER:
        return
    left = (ends - time.time()) / 86400
    if left < min(_SOON, days / 4):
        day = f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d}"
        said = f"ends on {day}" if left > 0 else f"logs in no longer, since {day}"
        yield f"robot {name}: {said}; --data rotate={account.name} gives it {days} days more"


def _turn(account: Account, was: str) -> tuple[str, ...]:
    """Of robots that take turns: whoever used the one has to use the other, and when the one ends."""
    return (f"from now on the login instead of {account.login(was)}, which works until the next one",)


def _kept_right(account: Account, name: str, live: Thing) -> Iterator[Change]:
    keys = account.keys()
    said = [
        differs(key, live.get(key), value)
        for key, value in keys.items()
        if (live.get(key) or "") != (value or "")
    ]
    may, shall = _may(live), _may({"permissions": account.permissions})
    said += [f"may no longer {word}" for word in sorted(may - shall)]
    said += [f"may {word}" for word in sorted(shall - may)]
    if said:
        act = call("PUT", f"/robots/{live['id']}", _body(account, name, int(live["id"])))
        yield Change(CHANGE, f"robot {name}", act, tuple(said), account.needs)


def _body(account: Account, name: str, number: int) -> dict[str, object]:
    """All of it, for a robot that is there."""
    fixed = {"id": number, "name": account.login(name), "level": account.level}
    return {**fixed, **account.keys(), "permissions": account.permissions}


def _make(
    account: Account, name: str, secrets: RobotSecrets, live: Thing | None = None
) -> Callable[[Harbor], None]:
    """Make it; in the place of one that is there."""
    chosen = robot_names(account.wanted)[account.names.index(name)]
    keys = {key: value for key, value in account.keys().items() if key != "disable"}
    body = {"name": chosen, "level": account.level, **keys, "permissions": account.permissions}

    def act(harbor: Harbor) -> None:
        secrets.prepare(name)
        if live is not None:
            harbor.call("DELETE", f"/robots/{live['id']}")
        # The secret that Harbor made up is gone with this.
        number = int(harbor.call("POST", "/robots", body=body).json()["id"])
        secrets.give(harbor, name, number, account.login(name))
        secrets.use(account.names, name)
        if account.wanted.disabled:
            # Harbor makes none that rests, and lets none in that does.
            harbor.call("PUT", f"/robots/{number}", body=_body(account, name, number))

    return act


def _another(account: Account, name: str, live: Thing, secrets: RobotSecrets) -> Callable[[Harbor], None]:
    """Give it another secret; from then on it is its turn."""

    def act(harbor: Harbor) -> None:
        rests = bool(live.get("disable"))
        secrets.give(harbor, name, int(live["id"]), account.login(name), rests=rests)
        secrets.use(account.names, name)

    return act


def _permission(kind: str, namespace: str, words: tuple[str, ...]) -> dict[str, Any]:
    found = [{"resource": resource, "action": action} for resource, action in sorted(access(words))]
    return {"kind": kind, "namespace": namespace, "access": found}


def _may(robot: Mapping[str, Any]) -> set[str]:
    """What it is allowed, in words."""
    return {
        f"{each['resource']}:{each['action']}"
        + (f" in {permission['namespace']}" if permission["kind"] == "project" else "")
        for permission in robot.get("permissions") or []
        for each in permission.get("access") or []
    }
