"""What is in Harbor is as the settings say."""

from collections.abc import Callable

from pyinfra import host, state
from pyinfra.api import operation

from breakwater.commands import Commands, Refusal, attempt, refuse
from breakwater.registry.plan import Plan


@operation()
def as_set(plan: Callable[[], Plan], make_so: Callable[[Plan], None]) -> Commands:
    """Harbor is read once, what differs is shown, and made so.

    + plan: what is to be done; or raises Refusal
    + make_so: does it; or raises Refusal
    """
    try:
        found = plan()
    except Refusal as refusal:
        # In a plan, what a first run makes is not there to be asked, and nothing is run.
        yield refuse(str(refusal))
        return
    if not found.changes:
        host.noop("the registry as set")
        return
    if not state.is_executing:
        found.show()
    yield from attempt(make_so, found)
