"""When a call that failed is made again: what is worth it, how soon, and for how long."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from breakwater.harbor.answers import is_about_certificates

# How often a call is made at most, and seconds before it is made again; doubled each time.
TRIES, _PAUSE, _LONGEST_PAUSE = 4, 1.0, 10.0
# Seconds that Harbor may ask for; a run does not stand still for longer.
_LONGEST_ASKED = 60.0
# Asking twice changes nothing.
READING = {"GET", "HEAD"}
# Nor does saying the same twice, except of a password: Harbor refuses the one that it has.
_SAYING_THE_SAME, _SAID_ONCE = {"PUT", "DELETE"}, "/password"
# Nobody behind the door is ready, or too many ask.
_NOT_NOW = {429, 502, 503, 504}
# Of these it is known that nothing was begun.
_NOT_TAKEN = {429, 503}


@dataclass(frozen=True)
class Failed:
    """A try that did not do it.

    + status: of the answer; None when there was none
    + begun: Harbor may have done it nevertheless
    + again: the same call may be made again, and may get another answer
    + asked: seconds that Harbor wants to be left alone
    """

    status: int | None
    begun: bool
    again: bool
    asked: float = 0.0


def unanswered(method: str, path: str, error: httpx.RequestError) -> Failed:
    """A call without an answer."""
    sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    again = (not sent or _repeatable(method, path)) and not is_about_certificates(error)
    return Failed(None, sent and method not in READING, again)


def refused(method: str, path: str, response: httpx.Response) -> Failed:
    """A call whose answer is an error."""
    status = response.status_code
    if status == httpx.codes.INTERNAL_SERVER_ERROR:
        # A database that is away for a moment; of what was being changed nobody knows.
        return Failed(status, method not in READING, method in READING)
    begun = method not in READING and status > httpx.codes.INTERNAL_SERVER_ERROR and status not in _NOT_TAKEN
    again = status in (_NOT_NOW if _repeatable(method, path) else _NOT_TAKEN)
    return Failed(status, begun, again, _asked_for(response.headers.get("Retry-After", "")) if again else 0.0)


class Tries:
    """The tries of one call.

    + most: of them
    """

    def __init__(self, most: int) -> None:
        self._left, self._pause, self._began, self._made = most, _PAUSE, time.monotonic(), 0

    def another(self, asked: float = 0.0) -> bool:
        """Whether there is one more; after a pause then.

        + asked: seconds that Harbor wants to be left alone
        """
        self._left -= 1
        self._made += 1
        if self._left <= 0 or asked > _LONGEST_ASKED:
            return False
        time.sleep(max(self._pause, asked))
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return True

    def in_words(self, asked: float = 0.0) -> str:
        """How often it was tried and for how long; nothing after one try."""
        waited = f"{self._made} times in {time.monotonic() - self._began:.0f} s" if self._made > 1 else ""
        wanted = f"it wants to be left alone for {asked:.0f} s" if asked > _LONGEST_ASKED else ""
        return ", ".join(filter(None, (waited, wanted)))


def _repeatable(method: str, path: str) -> bool:
    """Whether a call made twice is as good as made once."""
    return method in READING or (method in _SAYING_THE_SAME and not path.endswith(_SAID_ONCE))


def _asked_for(header: str) -> float:
    """The seconds that Retry-After names, or those until its time; 0 for nothing."""
    if header.isascii() and header.isdecimal():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
