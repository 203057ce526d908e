"""Robots' secrets: made here, given to Harbor, proven by a login, and replaced when that is asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor
from breakwater.secrets import Store, password

# The word for every robot of the settings.
ALL = "all"
_NEXT, _TURN = ".next", ".turn"


class RobotSecrets:
    """What the bastion keeps of robots' logins: a file for each, named as Harbor keeps the robot: NAME, or
    PROJECT+NAME. The prefix is no part of it, since another one names all robots otherwise at once.

    Killed anywhere, the next run goes on: NAME.next is there until Harbor lets the robot in with it.

    + folder: the bastion's, for robots alone
    + rotate: robots that get another secret in this run, as PROJECT+NAME or NAME; or `all`
    """

    def __init__(self, folder: Path, rotate: Collection[str] = ()) -> None:
        self._store, self._rotate = Store(folder), rotate

    def rotates(self, name: str) -> bool:
        """Whether this run replaces a robot's secret.

        + name: as rotate has it
        """
        return ALL in self._rotate or name in self._rotate

    def kept(self, name: str) -> str | None:
        """The secret that a robot logs in with; none when it is not known here."""
        return self._store.read(name).get(name)

    def unsettled(self, name: str) -> bool:
        """Whether a run was ended between making a secret and proving it."""
        return bool(self._store.read(name + _NEXT))

    def in_use(self, names: Sequence[str]) -> str:
        """Of robots that take turns the one that is logged in with.

        + names: one or two
        """
        turn = self._store.read(names[0] + _TURN).get(names[0] + _TURN)
        return turn if turn is not None and turn in names else names[0]

    def use(self, names: Sequence[str], name: str) -> None:
        """From now on it is this one's turn."""
        if len(names) > 1:
            self._store.write(names[0] + _TURN, name)

    def prepare(self, name: str) -> str:
        """The secret that a robot gets; kept before Harbor has it."""
        found = self._store.read(name + _NEXT).get(name + _NEXT)
        if found is None:
            found = password()
            self._store.write(name + _NEXT, found)
        return found

    def give(self, harbor: Harbor, name: str, number: int, login: str, *, rests: bool = False) -> None:
        """Give it to the robot, and have that log in. Raises Refusal.

        + number: the robot's
        + login: as whom it logs in
        + rests: it is disabled, so Harbor lets it in with no secret at all
        """
        secret = self.prepare(name)
        harbor.call("PATCH", f"/robots/{number}", body={"secret": secret})
        if not rests and not harbor.admits(login, secret):
            raise Refusal(f"robot {login}: Harbor took its secret, and does not let it in; run again")
        self._store.write(name, secret)
        self._store.remove(name + _NEXT)
