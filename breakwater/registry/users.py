"""Local users: made with a first password, their profile put right; their password is never set again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from breakwater.harbor.api import Harbor
from breakwater.registry.people_settings import User
from breakwater.registry.plan import ADD, CHANGE, Change, call, differs, never
from breakwater.registry.read import Seen


class Addresses:
    """Whose e-mail addresses are whose, as Harbor is: it takes each once.

    + users: all of the settings
    """

    def __init__(self, seen: Seen, users: Sequence[User]) -> None:
        self._holders = {user.get("email"): name for name, user in seen.users.items()}
        self._users = {user.name: user for user in users}

    def holder(self, wanted: User) -> str:
        """Whoever else has its address now; empty for nobody."""
        found = self._holders.get(wanted.email, wanted.name)
        return "" if found == wanted.name else found

    def is_kept(self, holder: str) -> bool:
        """Nobody wrote another one down for that user."""
        return bool(holder) and holder not in self._users

    def is_given(self, holder: str) -> bool:
        """That user gets another one, for which it need not wait itself: of two that swap neither does."""
        return holder in self._users and not self.holder(self._users[holder])


def user_changes(
    wanted: User, seen: Seen, password: Callable[[User], str], addresses: Addresses, *, reset: bool = False
) -> Iterator[Change]:
    """What makes this user as it shall be.

    + password: its first one, made or read when it is due; or raises Refusal
    + reset: it gets that one again, whatever it has now
    """
    what = f"user {wanted.name}"
    there = seen.users.get(wanted.name)
    holder = addresses.holder(wanted)
    taken = never(_taken(wanted, holder)) if addresses.is_kept(holder) else None
    needs = (f"user {holder}",) if addresses.is_given(holder) else ()
    if there is None:
        act = taken or partial(_make, wanted, password)
        yield Change(ADD, what, act, needs=needs)
        return
    number = int(there["user_id"])
    profile = {"email": wanted.email, "realname": wanted.real_name or wanted.name}
    live = {key: str(there.get(key) or "") for key in profile}
    if live != profile:
        said = tuple(differs(key, live[key], value) for key, value in profile.items() if live[key] != value)
        # What is not sent is emptied.
        body = {**profile, "comment": str(there.get("comment") or "")}
        act = taken or call("PUT", f"/users/{number}", body)
        yield Change(CHANGE, what, act, said, needs)
    if bool(there.get("sysadmin_flag")) != wanted.admin:
        said = (differs("admin", bool(there.get("sysadmin_flag")), wanted.admin),)
        act = call("PUT", f"/users/{number}/sysadmin", {"sysadmin_flag": wanted.admin})
        yield Change(CHANGE, f"rights of {wanted.name}", act, said)
    if reset:
        yield Change(CHANGE, f"password of {wanted.name}", partial(_reset, wanted, number, password))


def _taken(wanted: User, holder: str) -> str:
    """Why it is not tried. Harbor's own words are the same for a name that is there."""
    return (
        f"its e-mail {wanted.email} is that of user {holder}, who is in Harbor and in no settings; Harbor"
        f" takes each once, and renames nobody: write another e-mail here, or give {holder} another one there"
    )


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
    made = harbor.call("POST", "/users", body=body)
    if wanted.admin:
        number = int(made.headers["Location"].rpartition("/")[2])
        harbor.call("PUT", f"/users/{number}/sysadmin", body={"sysadmin_flag": True})
