"""What a run knows of what is in Harbor: read once, planned, shown, made so, and what failed is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor, password_fault
from breakwater.problems import did_you_mean
from breakwater.registry.apply import apply
from breakwater.registry.made import Made
from breakwater.registry.names import inside
from breakwater.registry.people_settings import User
from breakwater.registry.plan import ADD, CHANGE, REMOVE, Change, Plan
from breakwater.registry.pull_secrets import Logins, PullSecrets
from breakwater.registry.read import read
from breakwater.registry.robot_secrets import ALL, RobotSecrets
from breakwater.registry.settings import Registry
from breakwater.registry.taken import not_taken
from breakwater.registry.told import Told, file_name
from breakwater.registry.wanted import Secrets, plan, readable, spelt_out
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
        robots = folder / "robots"
        self._secrets = Secrets(
            at=read_source,
            first_password=self._first_password,
            reset=asked.reset_password,
            told=Told(folder / "told", read_source),
            logins=Logins(
                host=host,
                robots=RobotSecrets(robots, asked.rotate),
                keep=Store(robots).write,
                admits=self._admits,
                cluster=cluster,
            ),
        )

    def plan(self) -> Plan:
        """What is to be done, as Harbor is now; what is there beyond it is kept for the end of the run.

        Raises Refusal.
        """
        with self._administrator() as harbor:
            with readable("its lists"):
                seen = read(harbor, self._registry)
            found = plan(self._registry, seen, self._secrets, self._made.all())
        for line in (*found.warnings, *_beyond(found.beyond)):
            self._warn(line)
        return replace(found, changes=[*found.changes, *self._forgetting(found.gone)])

    def make_so(self, found: Plan) -> None:
        """Do it, past what fails. Raises Refusal with a line for each change that was not made.

        + found: what plan() said just now
        """
        found.show()
        new = {change.what for change in found.changes if change.sign == ADD}
        # Before they are made: a run that is killed then has made nothing that nobody remembers.
        self._made.add(new)
        with self._administrator() as harbor:
            outcome = apply(found.changes, harbor, lambda line: print(f"    {line}", flush=True))
            problems = [*outcome.problems(), *self._not_taken(outcome.done, harbor)]
        try:
            # What was not begun was not made; somebody else may have.
            self._made.remove((new & outcome.untouched()) | self._removed(outcome.done))
        except Refusal as refusal:
            problems.append(str(refusal))
        if problems:
            raise Refusal("\n".join(problems))

    def _not_taken(self, done: Sequence[Change], harbor: Harbor) -> list[str]:
        try:
            return list(not_taken(done, harbor, self._registry, self._secrets.told))
        except Refusal as refusal:
            return [f"configuration: whether Harbor took it is not known: {refusal}"]

    def _removed(self, done: Sequence[Change]) -> set[str]:
        """What went in this run; of a project also what was in it."""
        gone = {change.what for change in done if change.sign == REMOVE}
        projects = {what.removeprefix("project ") for what in gone if what.startswith("project ")}
        return gone | ({what for what in self._made.all() if inside(what) in projects} if projects else set())

    def _forgetting(self, gone: Sequence[str]) -> list[Change]:
        """Whoever makes a thing of that name later has made it: it must not be taken for ours."""
        if not gone:
            return []
        said = f"forgotten, since somebody removed it: {', '.join(gone[:_MOST_NAMED])}"
        said += f" and {len(gone) - _MOST_NAMED} more" if len(gone) > _MOST_NAMED else ""
        return [Change(CHANGE, "what breakwater made", lambda harbor: self._made.remove(gone), (said,))]

    def _admits(self, robot: str, secret: str) -> bool:
        with self._administrator() as harbor:
            return harbor.admits(robot, secret)

    def _first_password(self, user: User) -> str:
        """The settings', else one that is kept before Harbor has it: a killed run finds it again."""
        if user.password is not None:
            found = read_source(user.password)
            if fault := password_fault(found):
                raise Refusal(
                    f"registry.users: {user.name}: the password of {user.password} {fault}; write another"
                )
            return found
        file = file_name(user.name)
        held = self._users.read(file).get(file)
        if held is None:
            held = password()
            self._users.write(file, held)
        return held


def _beyond(found: Sequence[str]) -> list[str]:
    """A line that names some of what nobody wrote down."""
    if not found:
        return []
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    named = ", ".join(found[:_MOST_NAMED])
    return [f"registry: in Harbor and not in the settings, so left as it is: {named}{more}"]
