"""Values of Harbor's chart that a person may add, and those that they may not: known without the chart.

Whether a key is one of the chart's at all, chart_values.py says, which reads the chart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from breakwater.harbor.chart_paths import PARTS, STORES, VOLUMES, claim_path
from breakwater.problems import UNSHOWN, Problem, path_of

# Maps whose keys are anybody's: labels, selectors and the like.
FREE = frozenset(
    (
        *("affinity", "annotations", "attributes", "labels", "nodeSelector", "podAnnotations", "podLabels"),
        *("additionalLabels", "serviceAnnotations", "containerSecurityContext", "resources", "permissions"),
        *("migrator", "configureUserSettings"),
    )
)
_AT = ("harbor", "extra_values")
_DEEPEST, _LONGEST_PLACE = 20, 160
# Helm's numbers go through JSON, which many readers hold in 53 bits.
_LARGEST = 2**53

_MADE = "remove it: breakwater makes it once and keeps it (docs/secrets.md)"
_PORTS = "remove it: Harbor answers at node ports, where the proxies find it"
_KEPT = "remove it: a run must not give Harbor's data up"
_CERTIFICATES = "remove it: the certificate is breakwater's (docs/secrets.md)"


def _instead(key: str) -> str:
    return f"set {key} instead"


# {path in the chart's values: what to do instead}; what is below such a path is meant too.
_OURS = {
    **dict.fromkeys(("expose.type", "expose.ingress", "expose.route"), _PORTS),
    **dict.fromkeys(("expose.clusterIP", "expose.loadBalancer"), _PORTS),
    "expose.nodePort.ports": _instead("harbor.node_ports"),
    "expose.tls": _CERTIFICATES,
    "caSecretName": _CERTIFICATES,
    "externalURL": _instead("domain"),
    "persistence.enabled": _KEPT,
    "persistence.resourcePolicy": _KEPT,
    "updateStrategy": "remove it: any other than Recreate waits for ever for a volume that one pod mounts",
    "persistence.imageChartStorage.type": _instead("harbor.storage"),
    "persistence.imageChartStorage.oss": "remove it: harbor.storage has s3, azure, gcs and swift",
    "persistence.imageChartStorage.disableredirect": _instead("harbor.storage.disable_redirect"),
    "harborAdminPassword": _instead("harbor.admin_password"),
    "existingSecretAdminPassword": _instead("harbor.admin_password"),
    "existingSecretAdminPasswordKey": _instead("harbor.admin_password"),
    **dict.fromkeys(
        (
            *(
                "secretKey",
                "existingSecretSecretKey",
                "core.secret",
                "core.existingSecret",
                "core.secretName",
            ),
            *("core.tokenKey", "core.tokenCert", "core.xsrfKey", "core.existingXsrfSecret"),
            *("core.existingXsrfSecretKey", "jobservice.secret", "jobservice.existingSecret"),
            *("jobservice.existingSecretKey", "registry.secret", "registry.existingSecret"),
            *("registry.existingSecretKey", "registry.credentials", "database.internal.password"),
        ),
        _MADE,
    ),
    "database.type": _instead("harbor.database.host"),
    "database.external": _instead("harbor.database"),
    "redis.type": _instead("harbor.redis.host"),
    "redis.external": _instead("harbor.redis"),
    "logLevel": _instead("harbor.log_level"),
    "metrics.enabled": _instead("harbor.metrics"),
    "trivy.enabled": _instead("harbor.trivy.enabled"),
    "trivy.offlineScan": _instead("harbor.trivy.offline"),
    "database.internal.livenessProbe.initialDelaySeconds": _instead("harbor.probes.database_start"),
    **{
        f"{claim_path(volume)}.{theirs}": _instead(f"harbor.volumes.{volume}.{ours}")
        for volume in VOLUMES
        for theirs, ours in (
            ("storageClass", "storage_class"),
            ("accessMode", "access_mode"),
            ("size", "size"),
        )
    },
    **{
        f"{part}.replicas": _instead(f"harbor.replicas.{part}")
        for part in ("core", "jobservice", "registry", "portal", "nginx", "trivy")
    },
    **{f"{path}.resources": _instead(f"harbor.resources.{part}") for part, path in PARTS.items()},
    **{
        f"{path}.{probe}.{key}": _instead(f"harbor.probes.{ours}")
        for path in PARTS.values()
        for probe, key, ours in (
            ("livenessProbe", "timeoutSeconds", "timeout"),
            ("readinessProbe", "timeoutSeconds", "timeout"),
            ("startupProbe", "timeoutSeconds", "timeout"),
            ("livenessProbe", "failureThreshold", "failures"),
        )
    },
    **{
        f"persistence.imageChartStorage.{kind}.{theirs}": _instead(f"harbor.storage.{ours}")
        for kind, keys in STORES.items()
        for ours, theirs in keys.items()
    },
    **{f"persistence.imageChartStorage.{kind}.existingSecret": _instead("harbor.storage") for kind in STORES},
    "persistence.imageChartStorage.gcs.useWorkloadIdentity": _instead("harbor.storage.key"),
}
# Below one of ours, and still free: harbor.redis has no such key.
_FREE_BELOW = ("redis.external.harborDatabaseIndex", "redis.external.cacheLayerDatabaseIndex")

_SECRET = re.compile(r"(password|passwd|secret|token|credential|key)$", re.IGNORECASE)
_WITH_PASSWORD = re.compile(r"://[^/@\s]*@")
_STANDS = "is a secret, and would stand in Helm's records"
_FROM_ELSEWHERE = "take it from a Secret of yours, by extraEnvVars with valueFrom.secretKeyRef"


def extra_problems(extra: Mapping[Any, Any]) -> Iterator[Problem]:
    """What is wrong with harbor.extra_values: forms that Helm does not keep, others' keys, secrets."""
    faulty = list(_form_problems(extra, _AT))
    yield from faulty
    if faulty:
        return
    yield from _clashes(extra)
    inner = extra.get("internalTLS")
    if isinstance(inner, Mapping) and inner.get("enabled") and inner.get("certSource") != "secret":
        fault = "makes other certificates at every change, unless certSource is 'secret'"
        fix = "set internalTLS.certSource = 'secret' and each secretName, or remove it"
        yield Problem("harbor.extra_values.internalTLS.enabled", UNSHOWN, fault, fix)


def leaves(values: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(path, value) of all that is no group of keys, and of empty groups; a list is one value."""
    if isinstance(values, Mapping) and values:
        for key, value in values.items():
            yield from leaves(value, (*at, key))
    elif at:
        yield at, values


def _clashes(extra: Mapping[Any, Any]) -> Iterator[Problem]:
    said: set[str] = set()
    for path, value in leaves(extra):
        if isinstance(value, Mapping):
            continue  # an empty group: changes nothing
        dotted = ".".join(path)
        if any(_within(dotted, free) for free in _FREE_BELOW):
            continue
        place = _place((*_AT, *path))
        above = next((ours for ours in _OURS if _within(dotted, ours)), "")
        below = next((ours for ours in _OURS if _within(ours, dotted)), "")
        if above and above not in said:
            said.add(above)
            place = _place((*_AT, *above.split(".")))
            yield Problem(place, UNSHOWN, "is breakwater's to set", _OURS[above])
        elif above:
            continue
        elif below:
            # null, or a text in a group's place: the chart would lose what our keys set there.
            yield Problem(
                place,
                UNSHOWN,
                "would take away what breakwater sets below it",
                "remove it, or write a group of keys",
            )
        elif path[-1].startswith("breakwater/") and "podAnnotations" in path:
            yield Problem(place, UNSHOWN, "is breakwater's own mark", "remove it")
        else:
            yield from _secret_problems(place, path, value)


def _secret_problems(place: str, path: tuple[str, ...], value: Any) -> Iterator[Problem]:
    """A secret would stand in Helm's records, in the settings, and so in git."""
    name = path[-1]
    if any(part in FREE for part in path):
        return
    is_name = re.search(r"existing.*secret|secret_?name$|pullsecrets|privatekeysecret", name, re.IGNORECASE)
    if isinstance(value, str) and value and _SECRET.search(name) and not is_name:
        fix = "set certSource = 'secret', and secretName" if path[0] == "internalTLS" else _FROM_ELSEWHERE
        yield Problem(place, UNSHOWN, _STANDS, fix)
    elif isinstance(value, str) and _WITH_PASSWORD.search(value):
        yield Problem(place, UNSHOWN, "has a user or a password in its URL", _FROM_ELSEWHERE)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            variable = item.get("name") if isinstance(item, Mapping) else None
            if isinstance(variable, str) and _SECRET.search(variable) and item.get("value"):
                yield Problem(
                    f"{place}[{index}]", UNSHOWN, _STANDS, "write valueFrom.secretKeyRef, not value"
                )


def _form_problems(value: Any, at: tuple[str | int, ...]) -> Iterator[Problem]:
    """What JSON, and so Helm, does not give back as it was."""
    place = _place(at)
    if len(at) > _DEEPEST:
        yield Problem(place, UNSHOWN, f"has groups in groups, more than {_DEEPEST} deep")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str) or not key or not _is_whole(key):
                yield Problem(place, UNSHOWN, "has a key that is no text", "names of keys are text in quotes")
            else:
                yield from _form_problems(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _form_problems(inner, (*at, index))
    elif isinstance(value, str):
        if not _is_whole(value):
            yield Problem(place, UNSHOWN, "must be text without broken characters")
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > _LARGEST:
            yield Problem(place, UNSHOWN, "is no number that Helm keeps", "write it as text, in quotes")
    else:
        yield Problem(place, UNSHOWN, "must be text, a number, True, False, None, [ ] or { }")


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _within(path: str, above: str) -> bool:
    return path == above or path.startswith(f"{above}.")


def _place(parts: tuple[str | int, ...]) -> str:
    """Where it is, short enough for a line."""
    place = path_of(parts)
    return place if len(place) <= _LONGEST_PLACE else f"{place[:_LONGEST_PLACE]}…"
