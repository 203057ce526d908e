"""What Harbor's chart is told: values that two renders turn into the same objects, byte by byte.

Proven for chart 1.19.1; tests hold each key against its values.yaml. Whatever the chart would make up
at each render (certificates, salts, random secrets) is a Secret of ours that it is told to read.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from breakwater.harbor.adoption import fullname
from breakwater.harbor.chart_paths import PARTS, STORES, claim_path
from breakwater.harbor.choices import CA, SECRETS, TLS, TOKEN, USER
from breakwater.harbor.contradictions import volumes_of
from breakwater.harbor.image_storage import S3, Gcs
from breakwater.harbor.parts import Needs, Volume
from breakwater.harbor.settings import DATABASE_SECRET, REDIS_SECRET, STORAGE_SECRET, Harbor
from breakwater.settings import Settings

# What the pods read from Secrets of ours, which the chart's own checksums do not see.
SECRETS_MARK, TLS_MARK = "breakwater/secrets-sha", "breakwater/tls-sha"
# The chart's own patience with Trivy, which a smaller number of ours must not shorten.
_TRIVY_FAILURES = 10


@dataclass(frozen=True)
class Known:
    """What the values say of what lives already: secrets, as harbor.secrets.plan found them, and volumes.

    + database_password: of the internal database, which the chart wants in its values
    + secrets_sha, tls_sha: change when what the pods read changes
    + unnamed: volumes whose stateful set lives without naming its storage class, and must go on so
    """

    database_password: str = field(repr=False)
    secrets_sha: str
    tls_sha: str
    unnamed: frozenset[str] = frozenset()


def full_name(settings: Settings) -> str:
    """What the chart's objects are named for."""
    return fullname(settings.harbor.release, settings.harbor.extra_values)


def volumes(settings: Settings) -> dict[str, Volume]:
    """{registry: …}: the volumes that the chart makes a claim for; what is elsewhere has none."""
    return volumes_of(settings.harbor)


def values(settings: Settings, known: Known) -> dict[str, Any]:
    """The chart's values; extra_values are merged last."""
    harbor = settings.harbor
    made: dict[str, Any] = {
        **_doors(settings),
        **_kept(known),
        "persistence": {"enabled": True, "resourcePolicy": "keep"},
        # One pod's volume is not free for the next before it ended.
        "updateStrategy": {"type": "Recreate"},
        "internalTLS": {"enabled": False},
        "logLevel": harbor.log_level,
        "trivy": _trivy(harbor),
        "database": _database(harbor, known),
        "redis": _redis(harbor),
    }
    if harbor.metrics:
        made["metrics"] = {"enabled": True}
    for name, volume in volumes(settings).items():
        claim = {
            "storageClass": "" if name in known.unnamed else volume.storage_class,
            "accessMode": volume.access_mode,
            "size": volume.size,
        }
        _put(made, claim_path(name), claim)
    _put(made, "persistence.imageChartStorage", _store(harbor))
    for part in _parts(harbor):
        _put(made, PARTS[part], _probes(harbor, part))
        if given := _given(getattr(harbor.resources, part)):
            _put(made, f"{PARTS[part]}.resources", given)
    for part in ("core", "jobservice", "registry", "portal", "nginx", "trivy"):
        if (count := getattr(harbor.replicas, part)) != 1:
            _put(made, f"{part}.replicas", count)
    if harbor.metrics and harbor.database.host:
        _put(made, f"exporter.podAnnotations.{SECRETS_MARK}", known.secrets_sha)
    return merged(made, harbor.extra_values)


def merged(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with others' keys put over it, group by group, as Helm does; a list takes a list's place."""
    result = copy.deepcopy(dict(values))
    for key, value in others.items():
        inner = result.get(key)
        if isinstance(inner, dict) and isinstance(value, Mapping):
            result[key] = merged(inner, value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _doors(settings: Settings) -> dict[str, Any]:
    """Where Harbor is found, and by what certificate."""
    ports = settings.harbor.node_ports
    return {
        "expose": {
            "type": "nodePort",
            "tls": {"enabled": True, "certSource": "secret", "secret": {"secretName": TLS}},
            "nodePort": {
                "ports": {
                    "http": {"port": 80, "nodePort": ports.http},
                    "https": {"port": 443, "nodePort": ports.https},
                }
            },
        },
        "externalURL": settings.external_url,
        "caSecretName": CA,
        # nginx ends at once where it is told to listen on IPv6 and the node has none.
        "ipFamily": {"ipv4": {"enabled": True}, "ipv6": {"enabled": False}},
    }


def _kept(known: Known) -> dict[str, Any]:
    """Secrets that are made once, outside the release."""
    marks = {SECRETS_MARK: known.secrets_sha}
    return {
        "existingSecretAdminPassword": SECRETS,
        "existingSecretAdminPasswordKey": "HARBOR_ADMIN_PASSWORD",
        "existingSecretSecretKey": SECRETS,
        "core": {
            "existingSecret": SECRETS,
            "existingXsrfSecret": SECRETS,
            "existingXsrfSecretKey": "CSRF_KEY",
            "secretName": TOKEN,
            "podAnnotations": marks,
        },
        "jobservice": {
            "existingSecret": SECRETS,
            "existingSecretKey": "JOBSERVICE_SECRET",
            "podAnnotations": dict(marks),
        },
        "registry": {
            "existingSecret": SECRETS,
            "existingSecretKey": "REGISTRY_HTTP_SECRET",
            "credentials": {"username": USER, "existingSecret": SECRETS},
            "podAnnotations": dict(marks),
        },
        "nginx": {"podAnnotations": {TLS_MARK: known.tls_sha}},
    }


def _trivy(harbor: Harbor) -> dict[str, Any]:
    offline = harbor.trivy.enabled and harbor.trivy.offline
    nothing = {"skipUpdate": True, "skipJavaDBUpdate": True, "offlineScan": True} if offline else {}
    return {"enabled": harbor.trivy.enabled, **nothing}


def _database(harbor: Harbor, known: Known) -> dict[str, Any]:
    wanted = harbor.database
    if not wanted.host:
        return {"type": "internal", "internal": {"password": known.database_password}}
    external = {
        "host": wanted.host,
        "port": str(wanted.port),
        "username": wanted.user,
        "coreDatabase": wanted.name,
        "existingSecret": DATABASE_SECRET,
        "sslmode": wanted.tls,
    }
    return {"type": "external", "external": external}


def _redis(harbor: Harbor) -> dict[str, Any]:
    wanted = harbor.redis
    if not wanted.host:
        return {"type": "internal"}
    external = {
        "addr": f"{wanted.host}:{wanted.port}",
        "tlsOptions": {"enable": wanted.tls},
        "jobserviceDatabaseIndex": str(wanted.databases.jobservice),
        "registryDatabaseIndex": str(wanted.databases.registry),
        "trivyAdapterIndex": str(wanted.databases.trivy),
    }
    if wanted.password:
        external["existingSecret"] = REDIS_SECRET
    return {"type": "external", "external": external}


def _store(harbor: Harbor) -> dict[str, Any]:
    """Where the registry keeps its images."""
    store = harbor.storage
    if store is None:
        return {"type": "filesystem"}
    keys = STORES[store.type]
    given = {
        keys[ours]: value
        for ours, value in vars(store).items()
        # Secrets by the Secret's name only.
        if ours in keys and value and value not in store.sources.values()
    }
    if store.sources:
        given["existingSecret"] = STORAGE_SECRET
    if isinstance(store, Gcs) and not store.sources:
        given["useWorkloadIdentity"] = True
    if isinstance(store, S3) and store.skip_verify:
        given["secure"] = True  # the chart writes skipverify beside it only
    return {"type": store.type, "disableredirect": store.disable_redirect, store.type: given}


def _parts(harbor: Harbor) -> list[str]:
    """The containers that there are, by their names in harbor.resources."""
    absent = {
        "database": bool(harbor.database.host),
        "redis": bool(harbor.redis.host),
        "trivy": not harbor.trivy.enabled,
        "exporter": not harbor.metrics,
    }
    return [part for part in vars(harbor.resources) if not absent.get(part)]


def _probes(harbor: Harbor, part: str) -> dict[str, Any]:
    wanted = harbor.probes
    failures = max(wanted.failures, _TRIVY_FAILURES) if part == "trivy" else wanted.failures
    alive: dict[str, Any] = {"timeoutSeconds": wanted.timeout, "failureThreshold": failures}
    if part == "database":
        alive["initialDelaySeconds"] = wanted.database_start
    found = {"livenessProbe": alive, "readinessProbe": {"timeoutSeconds": wanted.timeout}}
    return {**found, "startupProbe": {"timeoutSeconds": wanted.timeout}} if part == "core" else found


def _given(needs: Needs) -> dict[str, dict[str, str]]:
    sides = {
        "requests": {"cpu": needs.requests.cpu, "memory": needs.requests.memory},
        "limits": {"cpu": needs.limits.cpu, "memory": needs.limits.memory},
    }
    given = {name: {key: text for key, text in side.items() if text} for name, side in sides.items()}
    return {name: side for name, side in given.items() if side}


def _put(values: dict[str, Any], path: str, value: Any) -> None:
    """Merge a value in at a path; SECRETS_MARK has a dot in none of its parts."""
    *parents, last = path.split(".")
    place = values
    for part in parents:
        place = place.setdefault(part, {})
    place[last] = merged(place[last], value) if isinstance(place.get(last), dict) else value
