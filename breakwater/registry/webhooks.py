"""Who is told of what happens in a project. Its address and its header may be secrets of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from urllib.parse import urlsplit

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor
from breakwater.registry.limits import is_source
from breakwater.registry.plan import ADD, CHANGE, Change, differs, never
from breakwater.registry.policy_settings import Webhook
from breakwater.registry.read import SeenProject


def webhook_changes(
    project: str, wanted: Webhook, there: SeenProject | None, secret: Callable[[str], str]
) -> Iterator[Change]:
    """What makes this one as it shall be.

    + secret: what stands at a source; or raises Refusal
    """
    what = f"webhook {wanted.name} of {project}"
    path = f"/projects/{there.id if there else project}/webhook/policies"
    found = next((each for each in there.webhooks if each["name"] == wanted.name), None) if there else None
    if found is None:
        act = partial(_tell, wanted, secret, "POST", path, {}, not there)
        yield Change(ADD, what, act, needs=(f"project {project}",))
        return
    target = (found.get("targets") or [{}])[0]
    live = {
        "enabled": bool(found.get("enabled")),
        "events": {*(found.get("event_types") or [])},
        "type": target.get("type"),
        "verify_tls": not target.get("skip_cert_verify"),
    }
    keys = {
        "enabled": wanted.enabled,
        "events": {*wanted.events},
        "type": wanted.type,
        "verify_tls": wanted.verify_tls,
    }
    said = [differs(key, live[key], value) for key, value in keys.items() if live[key] != value]
    try:
        said += _secrets_differ(wanted, target, secret)
    except Refusal as refusal:
        yield Change(CHANGE, what, never(str(refusal)), tuple(said))
        return
    if said:
        known = {"id": found["id"], "description": str(found.get("description") or "")}
        act = partial(_tell, wanted, secret, "PUT", f"{path}/{found['id']}", known, False)
        yield Change(CHANGE, what, act, tuple(said))


def _secrets_differ(
    wanted: Webhook, target: Mapping[str, object], secret: Callable[[str], str]
) -> Iterator[str]:
    """Raises Refusal."""
    address, live = _address(wanted, secret), str(target.get("address") or "")
    if live != address:
        # Slack's are passwords, wherever they were written.
        hidden = is_source(wanted.address) or "slack" in (wanted.type, target.get("type"))
        was, shall = (_host(live), _host(address)) if hidden else (live, address)
        yield differs("address", was, shall) if was != shall else f"address: another one at {shall}"
    if str(target.get("auth_header") or "") != _header(wanted, secret):
        yield "auth_header: another one"


def _tell(
    wanted: Webhook,
    secret: Callable[[str], str],
    method: str,
    path: str,
    known: Mapping[str, object],
    named: bool,
    harbor: Harbor,
) -> None:
    """Make it, or change it."""
    target = {
        "type": wanted.type,
        "address": _address(wanted, secret),
        "auth_header": _header(wanted, secret),
        "skip_cert_verify": not wanted.verify_tls,
    }
    keys = {"name": wanted.name, "enabled": wanted.enabled, "event_types": [*wanted.events]}
    harbor.call(method, path, body={**known, **keys, "targets": [target]}, named=named)


def _address(wanted: Webhook, secret: Callable[[str], str]) -> str:
    if not is_source(wanted.address):
        return wanted.address
    found = secret(wanted.address)
    if not _host(found).startswith(("https://", "http://")):
        raise Refusal(f"{wanted.address}: holds no URL of https:// or http://; write one there")
    return found


def _header(wanted: Webhook, secret: Callable[[str], str]) -> str:
    return secret(wanted.auth_header) if wanted.auth_header else ""


def _host(url: str) -> str:
    """Where an address leads, without what may be its password; nothing of one that is none."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname}/…" if parts.hostname else "…"
    except ValueError:
        return "…"
