"""Harbors that are asked as far as one call, and no further."""

from collections.abc import Callable
from typing import Any

from breakwater.harbor.api import Harbor, HarborError


class Killed(BaseException):
    """The run ends here, as by SIGKILL: nothing of ours catches it."""


def killed(*_: object, **__: object) -> Any:
    """Ends the run."""
    raise Killed


def timed_out(method: str, path: str) -> Any:
    """Nobody knows whether it was done."""
    raise HarborError(method, path, None, "nothing within 30 s")


def cut(
    administrator: Callable[[], Harbor],
    method: str,
    part: str,
    end: Callable[[str, str], Any] = killed,
    *,
    after: bool = False,
) -> Callable[[], Harbor]:
    """An administrator like this one, up to the first call of a method with this in its path.

    + after: the call is made, and its answer is lost
    """

    def asked() -> Harbor:
        harbor = administrator()
        whole = harbor.call

        def call(asked: str, path: str, *args: Any, **how: Any) -> Any:
            if asked == method and part in path:
                if after:
                    whole(asked, path, *args, **how)
                return end(asked, path)
            return whole(asked, path, *args, **how)

        setattr(harbor, "call", call)  # noqa: B010
        return harbor

    return asked
