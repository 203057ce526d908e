"""What a run knows of what is in Harbor: read once, planned, shown, made so, and what failed is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor, password_fault
from breakwater.problems import did_you_mean
from breakwater.registry.apply import apply
from breakwater.registry.made import Made
from breakwater.registry.people_settings import User
from breakwater.registry.plan import ADD, REMOVE, Plan
from breakwater.registry.pull_secrets import PullSecrets
from breakwater.registry.read import read
from breakwater.registry.robot_secrets import ALL, RobotSecrets
from breakwater.registry.settings import Registry
from breakwater.registry.told import Told
from breakwater.registry.wanted import Secrets, plan, spelt_out
from breakwater.secrets import Store, password, read_source

# How much of what is there beyond the settings is named at a run's end.
_MOST_NAMED = 20


@dataclass(frozen=True)
class Asked:
    """What a person asked this run for.

    + rotate: robots that get another secret, as NAME or PROJECT+NAME; or `all`
    + reset_password: users that get their first password again
    """

    rotate: frozenset[str] = frozenset()
    reset_password: frozenset[str] = frozenset()

    def problem(self, registry: Registry) -> str:
        """What is asked for and is in no settings, with what may have been meant; else empty."""
        robots = {f"{project.name}+{robot.name}" for project in registry.projects for robot in project.robots}
        robots |= {robot.name for robot in registry.robots}
        users = {user.name for user in registry.users}
        for option, named, known in (
            ("rotate", self.rotate, robots | {ALL}),
            ("reset_password", self.reset_password, users),
        ):
            for name in sorted(named - known):
                fix = did_you_mean(name, known) or "name one of registry's"
                return f"--data {option}={name}: nobody of the settings is called that; {fix}"
        return ""


class RegistryRun:
    """What is in Harbor, as one run sees it.

    + administrator: Harbor's API, asked as its administrator
    + host: the registry's, as it stands in images' names
    + folder: the bastion's, for first passwords and robots' secrets
    + made: remembers what breakwater makes
    + cluster: takes robots' logins
    + warn: takes a line for the run's end
    """

    def __init__(
        self,
        registry: Registry,
        administrator: Callable[[], Harbor],
        host: str,
        folder: Path,
        made: Made,
        cluster: PullSecrets,
        warn: Callable[[str], None],
        asked: Asked,
    ) -> None:
        self._registry, self._administrator, self._made = spelt_out(registry), administrator, made
        self._users, self._warn, self._asked = Store(folder / "users"), warn, asked
        self._secrets = Secrets(
            at=read_source,
            first_password=self._first_password,
            reset=asked.reset_password,
            told=Told(folder / "told", read_source),
            robots=RobotSecrets(folder / "robots", asked.rotate),
            cluster=cluster,
            host=host,
        )

    def plan(self) -> Plan:
        """What is to be done, as Harbor is now; what is there beyond it is kept for the end of the run.

        Raises Refusal.
        """
        with self._administrator() as harbor:
            found = self._planned(harbor)
        for line in (*found.warnings, *_beyond(found.beyond)):
            self._warn(line)
        return found

    def make_so(self) -> None:
        """Do it, past what fails. Raises Refusal with a line for each change that was not made."""
        with self._administrator() as harbor:
            found = self._planned(harbor)
            found.show()
            # Before they are made: a run that is killed then has made nothing that nobody remembers.
            new = {change.what for change in found.changes if change.sign == ADD}
            self._made.add(new)
            outcome = apply(found.changes, harbor, lambda line: print(f"    {line}", flush=True))
        gone = {change.what for change in outcome.done if change.sign == REMOVE}
        # What failed was not made; somebody else may have.
        self._made.remove(gone | (new - {change.what for change in outcome.done}))
        if problems := outcome.problems():
            raise Refusal("\n".join(problems))

    def _planned(self, harbor: Harbor) -> Plan:
        return plan(self._registry, read(harbor, self._registry), self._secrets, self._made.all())

    def _first_password(self, user: User) -> str:
        """The settings', else one that is kept before Harbor has it: a killed run finds it again."""
        if user.password is not None:
            found = read_source(user.password)
            if fault := password_fault(found):
                raise Refusal(
                    f"registry.users: {user.name}: the password of {user.password} {fault}; write another"
                )
            return found
        held = self._users.read(user.name).get(user.name)
        if held is None:
            held = password()
            self._users.write(user.name, held)
        return held


def _beyond(found: Sequence[str]) -> list[str]:
    """A line that names some of what nobody wrote down."""
    if not found:
        return []
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    named = ", ".join(found[:_MOST_NAMED])
    return [f"registry: in Harbor and not in the settings, so left as it is: {named}{more}"]
