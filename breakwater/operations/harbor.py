"""Harbor beside its Helm release: its secrets, its administrator, its health, and its data on the storage."""

from collections.abc import Callable

from pyinfra import host, state
from pyinfra.api import QuoteString, StringCommand, operation

from breakwater.commands import Commands, Refusal, attempt, refuse

# Names each directory that is not there, and fails for any.
_LOOKS = """missing=
for directory; do [ -d "$directory" ] || { printf '%s is not there\\n' "$directory" >&2; missing=yes; }; done
[ -z "$missing" ]"""


@operation()
def secrets(missing: Callable[[], list[str]], write: Callable[[], None]) -> Commands:
    """Every secret and certificate is where it belongs: on this machine, and in the cluster.

    + missing: what preflight found not to be there, or not as it shall be, a phrase each
    + write: puts it there
    """
    try:
        lines = missing()
    except Refusal as refusal:
        yield refuse(str(refusal))
        return
    if not lines:
        host.noop("secrets and certificates as made")
        return
    for line in lines:
        print(f"    {line}", flush=True)
    yield from attempt(write)


@operation()
def settled(what: str, due: Callable[[], bool], settle: Callable[[], None]) -> Commands:
    """Something of Harbor's that is awaited or put right by a function of the bastion's.

    + what: said when there is nothing to do
    + due: looks whether there is, or raises Refusal
    + settle: does it, or raises Refusal
    """
    try:
        needed = due()
    except Refusal as refusal:
        # In a plan, what a first run makes is not there to be asked.
        if state.is_executing:
            yield refuse(str(refusal))
            return
        needed = True
    if needed:
        yield from attempt(settle)
    else:
        host.noop(what)


@operation()
def seen_on_storage(due: Callable[[], bool], directories: Callable[[], list[str]]) -> Commands:
    """Harbor's volumes are directories of this host. Reads only, and only when something changed.

    + due: whether a proof is owed
    + directories: absolute paths, known when Harbor's claims are bound
    """
    try:
        found = directories() if due() else []
    except Refusal as refusal:
        if state.is_executing:
            yield refuse(str(refusal))
            return
        found = []
    if not found:
        host.noop("nothing changed: the proof stands")
        return
    yield StringCommand("sh -c", QuoteString(_LOOKS), "sh", *map(QuoteString, found))
