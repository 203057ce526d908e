"""Where a release of Harbor's chart keeps its secrets, also one that somebody installed by hand.

Read from templates/ of chart 1.19.1: _helpers.tpl, core/core-secret.yaml, core/core-dpl.yaml,
jobservice/jobservice-secrets.yaml, registry/registry-secret.yaml, database/database-secret.yaml.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Any]

# The chart's own values, which everybody can read: kept where data hangs on them, and warned of.
DEFAULTS = {
    "secretKey": "not-a-secure-key",
    "POSTGRES_PASSWORD": "changeit",
    "REGISTRY_PASSWD": "harbor_registry_password",
}


@dataclass(frozen=True)
class Place:
    """A key of a Secret."""

    secret: str
    key: str


def fullname(release: str, values: Values) -> str:
    """What the chart's objects are named for: harbor.fullname of its _helpers.tpl.

    + values: the release's, those that are not the chart's own
    """
    if override := values.get("fullnameOverride"):
        return _cut(str(override))
    name = str(values.get("nameOverride") or "harbor")
    return _cut(release if name in release else f"{release}-{name}")


def places(full: str, values: Values) -> dict[Place, Place]:
    """{our place: where the release with these values reads it}, external passwords aside.

    + full: its fullname
    """
    core, jobservice = f"{full}-core", f"{full}-jobservice"
    registry, credentials = f"{full}-registry", _text(values, "registry", "credentials", "existingSecret")
    token = _text(values, "core", "secretName") or core
    found = {
        "secretKey": Place(_text(values, "existingSecretSecretKey") or core, "secretKey"),
        "secret": Place(_text(values, "core", "existingSecret") or core, "secret"),
        "CSRF_KEY": _either(
            _text(values, "core", "existingXsrfSecret"),
            _text(values, "core", "existingXsrfSecretKey") or "CSRF_KEY",
            Place(core, "CSRF_KEY"),
        ),
        "JOBSERVICE_SECRET": _either(
            _text(values, "jobservice", "existingSecret"),
            _text(values, "jobservice", "existingSecretKey") or "JOBSERVICE_SECRET",
            Place(jobservice, "JOBSERVICE_SECRET"),
        ),
        "REGISTRY_HTTP_SECRET": _either(
            _text(values, "registry", "existingSecret"),
            _text(values, "registry", "existingSecretKey") or "REGISTRY_HTTP_SECRET",
            Place(registry, "REGISTRY_HTTP_SECRET"),
        ),
        "REGISTRY_PASSWD": _either(
            credentials, "REGISTRY_PASSWD", Place(core, "REGISTRY_CREDENTIAL_PASSWORD")
        ),
        "REGISTRY_HTPASSWD": _either(
            credentials, "REGISTRY_HTPASSWD", Place(f"{registry}-htpasswd", "REGISTRY_HTPASSWD")
        ),
        "HARBOR_ADMIN_PASSWORD": _either(
            _text(values, "existingSecretAdminPassword"),
            _text(values, "existingSecretAdminPasswordKey") or "HARBOR_ADMIN_PASSWORD",
            Place(core, "HARBOR_ADMIN_PASSWORD"),
        ),
    }
    ours = {Place("harbor-secrets", key): place for key, place in found.items()}
    return ours | {Place("harbor-token", key): Place(token, key) for key in ("tls.key", "tls.crt")}


def database_places(full: str) -> tuple[Place, ...]:
    """Where the chart puts the internal database's password, the database's own first."""
    return Place(f"{full}-database", "POSTGRES_PASSWORD"), Place(f"{full}-core", "POSTGRESQL_PASSWORD")


def database_claim(full: str) -> str:
    """The claim with the internal database's data; it stays when the release goes."""
    return f"database-data-{full}-database-0"


def _either(secret: str, key: str, else_: Place) -> Place:
    return Place(secret, key) if secret else else_


def _text(values: Any, *keys: str) -> str:
    """A value below keys, as text; empty when it is not there or nothing."""
    for key in keys:
        values = values.get(key) if isinstance(values, Mapping) else None
    return str(values) if values else ""


def _cut(name: str) -> str:
    return name[:63].removesuffix("-")
