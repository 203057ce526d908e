"""Proves the domain: an image is pushed through every proxy, and pulled and run by every node."""

from collections.abc import Callable

from pyinfra import host
from pyinfra.api import operation

from breakwater.commands import Commands, attempt


@operation()
def pushed_and_pulled(
    due: Callable[[], bool], settle: Callable[[], None], prove: Callable[[], None]
) -> Commands:
    """An image goes in through each proxy and out to each node, when something changed; nothing of it stays.

    + due: whether this run owes a proof, asked when it has come here
    + settle: waits until Harbor is healthy: while its database is away it answers as to a wrong password
    + prove: does it, or raises Refusal with what keeps clients or nodes away
    """
    if not due():
        host.noop("nothing changed since the last proof")
        return
    yield from attempt(settle)
    yield from attempt(prove)
