"""A plan is carried out: one change after the other, past those that fail and around what hangs on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor
from breakwater.registry.plan import Change

# Seconds between two lines on how far it is.
_SAY = 10.0


@dataclass(frozen=True)
class Outcome:
    """What came of a plan.

    + done: changes that were made
    + failed: (change, why)
    + left: (change, what it needed that failed), not tried
    + begun: those that failed when Harbor may have done a part of them
    """

    done: Sequence[Change]
    failed: Sequence[tuple[Change, str]]
    left: Sequence[tuple[Change, str]]
    begun: Sequence[Change] = ()

    def untouched(self) -> set[str]:
        """Names of things that this run has done nothing to, whatever it was to do."""
        failed = {change.what for change, _ in (*self.failed, *self.left)}
        return failed - {change.what for change in self.begun}

    def problems(self) -> list[str]:
        """A line for each change that was not made."""
        failed = [f"{change.what}: {why}" for change, why in self.failed]
        return [*failed, *(f"{change.what}: not tried, because {need} failed" for change, need in self.left)]


def apply(changes: Sequence[Change], harbor: Harbor, say: Callable[[str], None]) -> Outcome:
    """Make each in turn.

    + changes: each after what it needs
    + say: told every 10 s how far it is
    """
    done: list[Change] = []
    failed: list[tuple[Change, str]] = []
    left: list[tuple[Change, str]] = []
    begun: list[Change] = []
    missing: dict[str, str] = {}
    said = time.monotonic()
    for number, change in enumerate(changes):
        if time.monotonic() - said > _SAY:
            said = time.monotonic()
            say(f"registry: {number} of {len(changes)} changes made; now {change.what}")
        need = next((missing[need] for need in change.needs if need in missing), None)
        if need is not None:
            left.append((change, need))
            missing[change.what] = need
            continue
        before = harbor.changed
        why = _made(change, harbor)
        if not why:
            done.append(change)
            continue
        failed.append((change, why))
        if harbor.changed != before:
            begun.append(change)
        if not change.there:
            missing[change.what] = change.what
    return Outcome(done, failed, left, begun)


def _made(change: Change, harbor: Harbor) -> str:
    """Why it could not be made; empty when it was."""
    try:
        change.act(harbor)
    except Refusal as refusal:
        return str(refusal)
    except (ValueError, LookupError, TypeError):
        # No JSON, or without what stands in Harbor's.
        return "Harbor's answer was none of its own; is something between here and it?"
    return ""
