"""The line at the top of every page: JSON in a text, as Harbor's own pages write and read it."""

from __future__ import annotations

import json

from breakwater.registry.plan import differs

KEY = "banner_message"
# Its pages show one only from a day on, or up to one: BannerMessage in src/portal of Harbor 2.15.1.
_LONG_AGO = "2000-01-01T00:00:00.000Z"


def written(message: str) -> str:
    """What Harbor keeps of this message. Any other text breaks every page."""
    return json.dumps(_shown(message)) if message else ""


def differences(live: object, message: str) -> list[str]:
    """How the live one differs, in words; nothing when it does not."""
    try:
        found = json.loads(str(live)) if live else {}
    except ValueError:
        return [differs(KEY, f"{live!r}, which breaks its pages", message)]
    if not isinstance(found, dict):
        found = {"message": str(found)}
    if (found.get("message") or "") != message:
        return [differs(KEY, found.get("message"), message)]
    # What its pages leave empty is null there, or not there.
    there = {key: each for key, each in found.items() if each is not None}
    return [f"{KEY}: shown otherwise, or not always"] if message and there != _shown(message) else []


def _shown(message: str) -> dict[str, object]:
    return {"closable": False, "message": message, "type": "warning", "fromDate": _LONG_AGO}
