"""Other registries. Harbor asks each whether it is there before it takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import httpx

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor, HarborError
from breakwater.registry.plan import ADD, CHANGE, Change, differs, never
from breakwater.registry.read import Seen, Thing
from breakwater.registry.settings import PLACES, TOLD_AS, Endpoint
from breakwater.registry.told import Told


def endpoint_changes(wanted: Endpoint, seen: Seen, secrets: Told) -> Iterator[Change]:
    """What makes this endpoint as it shall be."""
    what, there = f"endpoint {wanted.name}", seen.endpoints.get(wanted.name)
    kind, keys, source = TOLD_AS.get(wanted.type, wanted.type), _keys(wanted), _source(wanted, what)

    def make(harbor: Harbor) -> None:
        new = {name: secrets.at(place) for name, place in source.items()}
        login = {"type": "basic", "access_key": wanted.user, "access_secret": new.get(what, "")}
        credential = {"credential": login} if wanted.user else {}
        _tell(harbor, "POST", "/registries", {"name": wanted.name, "type": kind, **keys, **credential})
        secrets.remember(new)

    if there is None:
        yield Change(ADD, what, make)
        return
    if there["type"] != kind:
        why = f"Harbor changes the type of none; give yours another name, or write type {there['type']!r}"
        yield Change(CHANGE, what, never(why), (differs("type", there["type"], kind),))
        return

    def change(harbor: Harbor) -> None:
        new = {name: secrets.at(place) for name, place in source.items()}
        login = {"credential_type": "basic" if wanted.user else "", "access_key": wanted.user}
        body = {"name": wanted.name, **keys, **login, "access_secret": new.get(what, "")}
        _tell(harbor, "PUT", f"/registries/{there['id']}", body)
        secrets.remember(new)

    said = _differences(keys, wanted.user, there)
    try:
        if secrets.news(source):
            said.append("password: another one, or first told from here")
    except Refusal as refusal:
        yield Change(CHANGE, what, never(str(refusal)), tuple(said))
        return
    if said:
        yield Change(CHANGE, what, change, tuple(said))


def _keys(wanted: Endpoint) -> dict[str, object]:
    return {
        "url": (wanted.url or PLACES.get(wanted.type, "")).rstrip("/"),
        "insecure": not wanted.verify_tls,
        "description": wanted.description,
    }


def _source(wanted: Endpoint, what: str) -> dict[str, str]:
    return {what: wanted.password} if wanted.user and wanted.password else {}


def _differences(keys: Mapping[str, object], user: str, there: Thing) -> list[str]:
    live = {
        "url": str(there.get("url") or "").rstrip("/"),
        "insecure": bool(there.get("insecure")),
        "description": str(there.get("description") or ""),
        "user": str((there.get("credential") or {}).get("access_key") or ""),
    }
    shall = {**keys, "user": user}
    return [differs(key, live[key], value) for key, value in shall.items() if live[key] != value]


def _tell(harbor: Harbor, method: str, path: str, body: Mapping[str, object]) -> None:
    try:
        harbor.call(method, path, body=body)
    except HarborError as error:
        # Of some types it says only that something went wrong in itself.
        if "unhealthy" not in error.said and error.status != httpx.codes.INTERNAL_SERVER_ERROR:
            raise
        raise Refusal(
            f"{body['url']} does not answer Harbor, which takes no endpoint that does not: no way there from"
            " its pods, a certificate that they do not trust, or a wrong login; mend that, and run again"
        ) from error
