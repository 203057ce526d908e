"""What contradicts what among the keys of `harbor`, and what of them hangs on the exports."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from breakwater.harbor.chart_paths import claim_path
from breakwater.harbor.extra_values import extra_problems
from breakwater.harbor.image_storage import S3
from breakwater.harbor.parts import Volume
from breakwater.harbor.settings import Harbor
from breakwater.problems import UNSHOWN, Problem, listed
from breakwater.quantities import quantity

# {"volumes.registry.size": "5Gi"}: keys whose values are right by themselves, defaults included.
Known = Mapping[str, Any]

# What the chart gives Trivy, and the others nothing: values.yaml of chart 1.19.1.
_TRIVY = {"requests.cpu": "200m", "requests.memory": "512Mi", "limits.cpu": "1", "limits.memory": "1Gi"}
_ONE_POD = ("ReadWriteOnce", "ReadWriteOncePod")
_OF_A_HOST = {"database": ("user", "password"), "redis": ("user", "password", "tls")}


def harbor_clashes(known: Known) -> list[Problem]:
    """What contradicts what inside `harbor`."""
    return [
        *_port_problems(known),
        *_replica_problems(known),
        *_resource_problems(known),
        *_service_problems(known),
        *_storage_problems(known),
        *extra_problems(known.get("extra_values", {})),
    ]


def class_problems(known: Known, exports: Mapping[int, Mapping[str, Any]]) -> list[Problem]:
    """Whether every volume that Harbor has finds its storage class.

    + exports: {place in the list: its keys whose values are right by themselves}
    """
    without = [name for name in used_volumes(known) if known.get(f"volumes.{name}.storage_class") == ""]
    names = [export["storage_class"] for export in exports.values() if export.get("storage_class")]
    if not without or default_class(list(exports.values())):
        return []
    lacking = f"{', '.join(without)} {'have' if len(without) > 1 else 'has'} no storage_class"
    if names:
        fix = 'mark one export with "default": True, or name a class for each volume'
        fault = f"{lacking}, and exports make several ({listed(names)})"
        return [Problem("harbor.volumes", UNSHOWN, fault, fix)]
    fix = "give an export a storage_class, or name one of the cluster's for each volume"
    return [Problem("harbor.volumes", UNSHOWN, f"{lacking}, and no export makes one", fix)]


def with_classes(harbor: Harbor, exports: Sequence[Mapping[str, Any]]) -> Harbor:
    """Harbor with a storage class for each volume, as far as exports have one that is meant."""
    found = default_class(exports)
    given = {
        name: dataclasses.replace(volume, storage_class=volume.storage_class or found)
        for name, volume in vars(harbor.volumes).items()
        if volume.storage_class or found
    }
    return dataclasses.replace(harbor, volumes=dataclasses.replace(harbor.volumes, **given))


def default_class(exports: Sequence[Mapping[str, Any]]) -> str:
    """The class of volumes that name none: the one that is marked, else the only one; empty for neither."""
    names = [export["storage_class"] for export in exports if export.get("storage_class")]
    marked = [
        export["storage_class"] for export in exports if export.get("storage_class") and export.get("default")
    ]
    return str(next(iter(marked or (names if len(names) == 1 else [])), ""))


def used_volumes(known: Known) -> list[str]:
    """The volumes that Harbor has: what is elsewhere needs none. One that is not sure is left out."""
    needed = {
        "registry": known.get("storage", UNSHOWN) is None,
        "jobservice": True,
        "database": known.get("database.host", UNSHOWN) is None,
        "redis": known.get("redis.host", UNSHOWN) is None,
        "trivy": known.get("trivy.enabled") is True,
    }
    extra = known.get("extra_values", {})
    return [name for name, is_needed in needed.items() if is_needed and not _has_claim(extra, name)]


def volumes_of(harbor: Harbor) -> dict[str, Volume]:
    """{registry: …}: the volumes that the chart makes a claim for."""
    known = {
        "storage": harbor.storage,
        "database.host": harbor.database.host,
        "redis.host": harbor.redis.host,
        "trivy.enabled": harbor.trivy.enabled,
        "extra_values": harbor.extra_values,
    }
    return {name: getattr(harbor.volumes, name) for name in used_volumes(known)}


def _has_claim(extra: Any, volume: str) -> bool:
    """Whether extra_values name a claim that is there already for a volume of Harbor's.

    + volume: one of chart_paths.VOLUMES
    """
    for part in (*claim_path(volume).split("."), "existingClaim"):
        extra = extra.get(part) if isinstance(extra, Mapping) else None
    return bool(extra)


def harbor_warnings(harbor: Harbor, exports: Sequence[Any]) -> Iterator[str]:
    """What the settings allow and may be regretted.

    + harbor, exports: whole and checked
    """
    for export in exports:
        there = [n for n, v in volumes_of(harbor).items() if v.storage_class == export.storage_class]
        if there and export.reclaim == "Delete" and not export.archive_on_delete:
            yield (
                f"harbor.volumes: who deletes a claim of {', '.join(there)} deletes its files at once"
                f" (storage class {export.storage_class}: reclaim Delete without archive_on_delete)"
            )
    if not harbor.database.host and harbor.volumes.database.access_mode == "ReadWriteMany":
        yield "harbor.volumes.database: ReadWriteMany lets two databases write the same files at a time"
    if harbor.database.host and harbor.database.tls == "disable":
        yield "harbor.database.tls: disable: its password and all it holds are readable on the network"
    if harbor.redis.password and not harbor.redis.tls:
        yield "harbor.redis.tls: False: its password is readable on the network"
    if isinstance(harbor.storage, S3):
        if harbor.storage.skip_verify:
            yield "harbor.storage.skip_verify: whoever answers in the store's place is believed"
        if (harbor.storage.endpoint or "").startswith("http://"):
            yield "harbor.storage.endpoint: http: images are readable, and changeable, on the network"


def _port_problems(known: Known) -> Iterator[Problem]:
    http, https = known.get("node_ports.http"), known.get("node_ports.https")
    if http is not None and http == https:
        yield Problem("harbor.node_ports.https", https, "is also harbor.node_ports.http", "set another")


def _replica_problems(known: Known) -> Iterator[Problem]:
    registry, jobservice = known.get("replicas.registry", 1), known.get("replicas.jobservice", 1)
    if registry > 1 and known.get("storage", UNSHOWN) is None:
        fault = "needs harbor.storage: registries that write to one NFS volume spoil each other's uploads"
        yield Problem("harbor.replicas.registry", registry, fault, "set 1, or harbor.storage to a store")
    mode = known.get("volumes.jobservice.access_mode")
    if jobservice > 1 and mode in _ONE_POD:
        fault = (
            f"needs a volume that several may mount, and harbor.volumes.jobservice.access_mode is {mode!r}"
        )
        yield Problem("harbor.replicas.jobservice", jobservice, fault, "set 1, or 'ReadWriteMany' there")


def _resource_problems(known: Known) -> Iterator[Problem]:
    parts = dict.fromkeys(key.split(".")[1] for key in known if key.startswith("resources."))
    for part in parts:
        for what in ("cpu", "memory"):
            least, most = (f"{side}.{what}" for side in ("requests", "limits"))
            charts = _TRIVY if part == "trivy" else {}
            asked, allowed = (known.get(f"resources.{part}.{side}") for side in (least, most))
            request, limit = asked or charts.get(least), allowed or charts.get(most)
            if not request or not limit or quantity(request) <= quantity(limit):
                continue
            key, other = f"harbor.resources.{part}", f"{most}, {limit!r}"
            if not asked:
                fault = f"is less than requests.{what}, {request!r}, which is the chart's own"
                yield Problem(f"{key}.{most}", limit, fault, f"set {key}.{least} too, or allow more")
            else:
                own = "" if allowed else ", which is the chart's own"
                fix = "ask for less, or allow more" if allowed else f"set {key}.{most} too, or ask for less"
                yield Problem(f"{key}.{least}", request, f"is more than {other}{own}", fix)


def _service_problems(known: Known) -> Iterator[Problem]:
    """The external database and Redis: whole, or not at all."""
    for service, keys in _OF_A_HOST.items():
        if known.get(f"{service}.host", UNSHOWN) is None:
            for key in keys:
                if value := known.get(f"{service}.{key}"):
                    fault = f"says something of a {service} of yours, and there is no host"
                    fix = f"add harbor.{service}.host, or remove it"
                    yield Problem(f"harbor.{service}.{key}", value, fault, fix)
    if known.get("database.host"):
        for key in ("user", "password"):
            if known.get(f"database.{key}", UNSHOWN) is None:
                fix = "add it; docs/settings.md says what it may be"
                yield Problem(f"harbor.database.{key}", UNSHOWN, "is required with harbor.database.host", fix)
    if known.get("redis.host") and known.get("redis.user") and known.get("redis.password", UNSHOWN) is None:
        fault = "needs harbor.redis.password"
        yield Problem("harbor.redis.user", known["redis.user"], fault, "add it, or remove the user")
    numbers = {key: known.get(f"redis.databases.{key}") for key in ("jobservice", "registry", "trivy")}
    for (first, number), (second, other) in pairwise(sorted(numbers.items(), key=lambda item: item[1] or 0)):
        if number is not None and number == other:
            fault = f"is also harbor.redis.databases.{first}"
            yield Problem(f"harbor.redis.databases.{second}", number, fault, "each has its own")


def _storage_problems(known: Known) -> Iterator[Problem]:
    storage = known.get("storage")
    if isinstance(storage, S3):
        for key, other in (("access_key", "secret_key"), ("secret_key", "access_key")):
            if getattr(storage, key) and not getattr(storage, other):
                fault = f"is required with harbor.storage.{key}"
                yield Problem(f"harbor.storage.{other}", UNSHOWN, fault, "add it, or remove both")
