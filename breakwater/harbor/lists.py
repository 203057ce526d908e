"""What Harbor has: one thing, lists, which come in pages, and many calls at a time."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from breakwater.harbor.api import Harbor, HarborError

T = TypeVar("T")
S = TypeVar("S")

# The most that Harbor gives on one page.
PAGE = 100
# Calls at a time: people work with it meanwhile.
AT_A_TIME = 8


def listed(harbor: Harbor, path: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """All of a list, page after page. Raises HarborError.

    + path: below /api/v2.0
    """
    found: list[dict[str, Any]] = []
    page = 1
    while True:
        asked = {**(query or {}), "page": str(page), "page_size": str(PAGE)}
        response = harbor.call("GET", path, query=asked)
        try:
            items = response.json()
        except ValueError:
            items = None
        if not isinstance(items, list):
            raise HarborError("GET", path, response.status_code, "no list in it: is this Harbor's address?")
        found += items
        total = response.headers.get("X-Total-Count", "")
        # Without a count, a page that is not full is the last one.
        if len(items) < PAGE or (total.isdecimal() and len(found) >= int(total)):
            return found
        page += 1


def thing(harbor: Harbor, path: str) -> dict[str, Any]:
    """An answer that is an object, or nothing at all, as where there is no schedule. Raises HarborError.

    + path: below /api/v2.0
    """
    response = harbor.call("GET", path)
    try:
        found = response.json() if response.content else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise HarborError("GET", path, response.status_code, "no object in it: is this Harbor's address?")
    return found


def each(ask: Callable[[S], T], of: Iterable[S]) -> list[T]:
    """The same for many, some at a time, in their order; the first error is raised."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(ask, of))
