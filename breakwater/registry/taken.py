"""What Harbor did not take of its configuration and schedules: to keys that it does not know it says 200."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from breakwater.harbor.api import Harbor
from breakwater.harbor.lists import thing
from breakwater.registry.auth import auth_changes
from breakwater.registry.plan import Change
from breakwater.registry.read import SCHEDULES, Seen
from breakwater.registry.settings import Registry
from breakwater.registry.system import PREFIX, system_changes
from breakwater.registry.told import Told

_CONFIGURATION = {"auth", "configuration", PREFIX}


def not_taken(done: Sequence[Change], harbor: Harbor, registry: Registry, told: Told) -> Iterator[str]:
    """A line for each change that Harbor said it made, and that is to be made still; it is asked anew.

    Raises HarborError.
    """
    names = {change.what for change in done}
    schedules = {name: path for name, path in SCHEDULES.items() if f"schedule {name}" in names}
    configured = bool(names & _CONFIGURATION)
    if not configured and not schedules:
        return
    live = Seen(
        configuration=thing(harbor, "/configurations") if configured else {},
        projects={},
        others=(),
        users={},
        endpoints={},
        robots={},
        schedules={name: thing(harbor, path) for name, path in schedules.items()},
    )
    for change in (*auth_changes(registry.auth, live, told), *system_changes(registry.system, live)):
        if change.what in names:
            yield (
                f"{change.what}: Harbor says that it took it, and has {'; '.join(change.details)}; run again"
                " in a minute, and if it says so again: is it a Harbor of the version in the settings?"
            )
