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
    """

    done: Sequence[Change]
    failed: Sequence[tuple[Change, str]]
    left: Sequence[tuple[Change, str]]

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
        try:
            change.act(harbor)
        except Refusal as refusal:
            failed.append((change, str(refusal)))
            missing[change.what] = change.what
        except (ValueError, LookupError, TypeError):
            # No JSON, or without what stands in Harbor's.
            failed.append((change, "Harbor's answer was none of its own; is something between here and it?"))
            missing[change.what] = change.what
        else:
            done.append(change)
    return Outcome(done, failed, left)
