"""Local users: made with a first password, their profile put right; their password is never set again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from breakwater.harbor.api import Harbor
from breakwater.harbor.lists import listed
from breakwater.registry.people_settings import User
from breakwater.registry.plan import ADD, CHANGE, Change, call, differs
from breakwater.registry.read import Seen


def user_changes(
    wanted: User, seen: Seen, password: Callable[[User], str], *, reset: bool = False
) -> Iterator[Change]:
    """What makes this user as it shall be.

    + password: its first one, made or read when it is due; or raises Refusal
    + reset: it gets that one again, whatever it has now
    """
    what = f"user {wanted.name}"
    there = seen.users.get(wanted.name)
    if there is None:
        yield Change(ADD, what, partial(_make, wanted, password))
        return
    number = int(there["user_id"])
    profile = {"email": wanted.email, "realname": wanted.real_name or wanted.name}
    live = {key: str(there.get(key) or "") for key in profile}
    if live != profile:
        said = tuple(differs(key, live[key], value) for key, value in profile.items() if live[key] != value)
        # What is not sent is emptied.
        body = {**profile, "comment": str(there.get("comment") or "")}
        yield Change(CHANGE, what, call("PUT", f"/users/{number}", body), said)
    if bool(there.get("sysadmin_flag")) != wanted.admin:
        said = (differs("admin", bool(there.get("sysadmin_flag")), wanted.admin),)
        act = call("PUT", f"/users/{number}/sysadmin", {"sysadmin_flag": wanted.admin})
        yield Change(CHANGE, f"rights of {wanted.name}", act, said)
    if reset:
        yield Change(CHANGE, f"password of {wanted.name}", partial(_reset, wanted, number, password))


def _reset(wanted: User, number: int, password: Callable[[User], str], harbor: Harbor) -> None:
    """Harbor refuses the one that it has already; then there is nothing to do."""
    new = password(wanted)
    if not harbor.logs_in(wanted.name, new):
        harbor.call("PUT", f"/users/{number}/password", body={"new_password": new})


def _make(wanted: User, password: Callable[[User], str], harbor: Harbor) -> None:
    body = {
        "username": wanted.name,
        "email": wanted.email,
        # Harbor takes none that is empty.
        "realname": wanted.real_name or wanted.name,
        "password": password(wanted),
        "comment": "",
    }
    harbor.call("POST", "/users", body=body)
    if wanted.admin:
        number = user_id(harbor, wanted.name)
        harbor.call("PUT", f"/users/{number}/sysadmin", body={"sysadmin_flag": True})


def user_id(harbor: Harbor, name: str) -> int:
    """The number of a user that is there."""
    found = listed(harbor, "/users", {"q": f"username={name}"})
    return next(int(user["user_id"]) for user in found if user["username"] == name)
