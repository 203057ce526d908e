"""What is to be done to Harbor: changes that name what they need, in an order in which they can be made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor

ADD, CHANGE, REMOVE = "+", "~", "-"
# Changes that are shown: a person reads no more.
_MOST_SHOWN = 200


@dataclass(frozen=True)
class Change:
    """One call or two to Harbor that make one thing so.

    + sign: ADD, CHANGE or REMOVE
    + what: names the thing for people and for those that need it: "project kaps", "member ann of kaps"
    + act: makes it so; raises Refusal
    + details: what differs, such as "quota: 50Gi, and shall be none"; never a secret
    + needs: what has to be there before, by its `what`; where that failed this is not tried
    + there: the thing is there however this ends, so what needs it is tried all the same
    """

    sign: str
    what: str
    act: Callable[[Harbor], None] = field(repr=False)
    details: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    there: bool = False

    def __str__(self) -> str:
        return f"{self.sign} {self.what}{': ' if self.details else ''}{'; '.join(self.details)}"


@dataclass(frozen=True)
class Plan:
    """All changes, and what is in Harbor beyond the settings.

    + changes: in an order in which each comes after what it needs
    + beyond: things that nobody wrote down, and that stay, by kind
    + warnings: lines for the end of a run
    + gone: things that breakwater made, by their `what`, and somebody else removed
    """

    changes: Sequence[Change]
    beyond: Sequence[str] = ()
    warnings: Sequence[str] = ()
    gone: Sequence[str] = ()

    def lines(self) -> list[str]:
        """Each change, in words."""
        return [str(change) for change in self.changes]

    def show(self) -> None:
        """Print it, before anything is done; of very many changes the first."""
        lines = self.lines()
        for line in lines[:_MOST_SHOWN]:
            print(f"    {line}", flush=True)
        if len(lines) > _MOST_SHOWN:
            print(f"    and {len(lines) - _MOST_SHOWN} more changes", flush=True)


def call(
    method: str, path: str, body: Mapping[str, object] | None = None, *, named: bool = False
) -> Callable[[Harbor], None]:
    """One call that needs nothing of what was made before it.

    + named: the project in the path is a name
    """

    def act(harbor: Harbor) -> None:
        harbor.call(method, path, body=body, named=named)

    return act


def never(why: str) -> Callable[[Harbor], None]:
    """What cannot be done, so it is not tried, and the rest is."""

    def act(harbor: Harbor) -> None:
        raise Refusal(why)

    return act


def of_things(changes: Iterable[Change]) -> Iterator[Change]:
    """Of projects and the like, which are there when they are only changed."""
    for change in changes:
        yield replace(change, there=change.sign == CHANGE)


def differs(name: str, live: object, wanted: object) -> str:
    """One key that is not as it shall be."""
    return f"{name}: {_said(live)}, and shall be {_said(wanted)}"


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(sorted(map(str, value))) or "nothing"
    return "nothing" if value in (None, "") else str(value)


def in_order(changes: Iterable[Change]) -> list[Change]:
    """Each after those that it needs; otherwise as they came."""
    waiting = list(changes)
    known = {change.what for change in waiting}
    done: set[str] = set()
    found: list[Change] = []
    while waiting:
        ready: list[Change] = []
        rest: list[Change] = []
        for change in waiting:
            (ready if {*change.needs} & known <= done else rest).append(change)
        if not ready:
            raise ValueError(f"a circle: {[change.what for change in rest]}")
        found += ready
        done |= {change.what for change in ready}
        waiting = rest
    return found
