"""Other registries. Harbor asks each whether it is there before it takes it."""

from __future__ import annotations

from collections.abc import Iterator

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor
from breakwater.registry.plan import ADD, CHANGE, Change, differs, never
from breakwater.registry.read import Seen
from breakwater.registry.settings import PLACES, Endpoint
from breakwater.registry.told import Told


def endpoint_changes(wanted: Endpoint, seen: Seen, secrets: Told) -> Iterator[Change]:
    """What makes this endpoint as it shall be."""
    what, there = f"endpoint {wanted.name}", seen.endpoints.get(wanted.name)
    keys = {
        "url": (wanted.url or PLACES[wanted.type]).rstrip("/"),
        "insecure": not wanted.verify_tls,
        "description": wanted.description,
    }
    source = {what: wanted.password} if wanted.user and wanted.password else {}
    if there is None:

        def make(harbor: Harbor) -> None:
            new = {name: secrets.at(place) for name, place in source.items()}
            login = {"type": "basic", "access_key": wanted.user, "access_secret": new.get(what, "")}
            credential = {"credential": login} if wanted.user else {}
            body = {"name": wanted.name, "type": wanted.type, **keys, **credential}
            harbor.call("POST", "/registries", body=body)
            secrets.remember(new)

        yield Change(ADD, what, make)
        return
    if there["type"] != wanted.type:
        why = f"Harbor changes the type of none; give yours another name, or write type {there['type']!r}"
        yield Change(CHANGE, what, never(why), (differs("type", there["type"], wanted.type),))
        return
    live = {
        "url": str(there.get("url") or "").rstrip("/"),
        "insecure": bool(there.get("insecure")),
        "description": str(there.get("description") or ""),
    }
    said = [differs(key, live[key], value) for key, value in keys.items() if live[key] != value]
    user = str((there.get("credential") or {}).get("access_key") or "")
    if user != wanted.user:
        said.append(differs("user", user, wanted.user))
    try:
        if secrets.news(source):
            said.append("password: another one, or first told from here")
    except Refusal as refusal:
        yield Change(CHANGE, what, never(str(refusal)), tuple(said))
        return
    if said:

        def change(harbor: Harbor) -> None:
            new = {name: secrets.at(place) for name, place in source.items()}
            login = {"credential_type": "basic" if wanted.user else "", "access_key": wanted.user}
            body = {"name": wanted.name, **keys, **login, "access_secret": new.get(what, "")}
            harbor.call("PUT", f"/registries/{there['id']}", body=body)
            secrets.remember(new)

        yield Change(CHANGE, what, change, tuple(said))
