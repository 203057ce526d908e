"""Harbor's volumes as they live, against the settings: what Kubernetes would not let us change."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from kubernetes import client
from kubernetes.utils.quantity import parse_quantity

from breakwater.cluster import LIMIT, ClusterAccess, api

_DEFAULT = "storageclass.kubernetes.io/is-default-class"
# Whose claim a stateful set makes from a template, and the template's name: templates/ of chart 1.19.1.
_TEMPLATES = {"database": "database-data", "redis": "data", "trivy": "data"}


class VolumeSettings(Protocol):
    """A volume as the settings have it."""

    @property
    def storage_class(self) -> str: ...

    @property
    def access_mode(self) -> str: ...

    @property
    def size(self) -> str: ...


@dataclass(frozen=True)
class _Live:
    """A volume as it lives, or as the stateful set that lives asks for it."""

    what: str
    storage_class: str | None
    access_modes: tuple[str, ...]
    size: str


def claim_name(full: str, volume: str) -> str:
    """The claim of one of Harbor's volumes.

    + full: the release's full name
    + volume: registry, jobservice, database, redis or trivy
    """
    template = _TEMPLATES.get(volume)
    return f"{template}-{full}-{volume}-0" if template else f"{full}-{volume}"


def volume_problems(
    access: ClusterAccess,
    namespace: str,
    full: str,
    volumes: Mapping[str, VolumeSettings],
    made: Collection[str],
) -> list[str]:
    """What keeps the live claims from becoming those of the settings, a line each, with the fix.

    Claims that an uninstall left are taken up by their names, so they count as much.

    + full: the release's full name, which its claims' names have
    + volumes: {registry: …}: those that this Harbor has
    + made: storage classes that this run makes, beside those that live

    Raises Refusal when the cluster cannot be asked.
    """
    with api(access) as opened:
        claims, templates = _claims(opened, namespace), _templates(opened, namespace)
        classes = client.StorageV1Api(opened).list_storage_class(_request_timeout=LIMIT).items
    there = {item.metadata.name for item in classes} | set(made)
    default = next((item.metadata.name for item in classes if _is_default(item)), None)
    elastic = {item.metadata.name for item in classes if item.allow_volume_expansion}
    problems: list[str] = []
    for name, wanted in volumes.items():
        setting, claim = f"harbor.volumes.{name}", claims.get(claim_name(full, name))
        template = templates.get((f"{full}-{name}", _TEMPLATES.get(name, "")))
        if claim is None and wanted.storage_class not in there:
            problems.append(_no_class(setting, wanted.storage_class, there))
        if template and template.storage_class is None:
            # The chart's own default: the cluster gave the claim its class.
            given = claim.storage_class if claim else default
            template = dataclasses.replace(template, storage_class=given)
        if live := template or claim:
            grows = name not in _TEMPLATES and live.storage_class in elastic
            problems += _changed(setting, live, wanted, grows)
    return problems


def unnamed_classes(access: ClusterAccess, namespace: str, full: str) -> frozenset[str]:
    """The volumes whose stateful set lives without naming a class, which Kubernetes does not let us add.

    + full: the release's full name
    """
    with api(access) as opened:
        templates = _templates(opened, namespace)
    return frozenset(
        volume
        for volume, template in _TEMPLATES.items()
        if (live := templates.get((f"{full}-{volume}", template))) and live.storage_class is None
    )


def _is_default(storage_class: client.V1StorageClass) -> bool:
    return (storage_class.metadata.annotations or {}).get(_DEFAULT) == "true"


def _claims(opened: client.ApiClient, namespace: str) -> dict[str, _Live]:
    found = client.CoreV1Api(opened).list_namespaced_persistent_volume_claim(
        namespace, _request_timeout=LIMIT
    )
    return {item.metadata.name: _live(item, f"claim {item.metadata.name}") for item in found.items}


def _templates(opened: client.ApiClient, namespace: str) -> dict[tuple[str, str], _Live]:
    """{(stateful set, template): …}: what Helm would have to change; a set's claims it never touches."""
    sets = client.AppsV1Api(opened).list_namespaced_stateful_set(namespace, _request_timeout=LIMIT).items
    return {
        (item.metadata.name, template.metadata.name): _live(template, f"stateful set {item.metadata.name}")
        for item in sets
        for template in item.spec.volume_claim_templates or []
    }


def _changed(setting: str, live: _Live, wanted: VolumeSettings, grows: bool) -> Iterator[str]:
    """+ grows: whether Kubernetes makes this claim larger when it is told to."""
    keep = "to keep it, or move the data: docs/troubleshooting.md, 'Another volume'"
    if live.storage_class != wanted.storage_class:
        yield (
            f"{setting}.storage_class: {live.what} has {live.storage_class or 'none'}, not"
            f" {wanted.storage_class}, and Kubernetes does not change that;"
            f" set {setting}.storage_class = {live.storage_class or ''!r} {keep}"
        )
    if live.access_modes != (wanted.access_mode,):
        modes = " and ".join(live.access_modes)
        yield (
            f"{setting}.access_mode: {live.what} has {modes}, not {wanted.access_mode}, and Kubernetes does"
            f" not change that; set {setting}.access_mode = {modes!r} {keep}"
        )
    was, would = parse_quantity(live.size), parse_quantity(wanted.size)
    if was != would and not (grows and would > was):
        yield (
            f"{setting}.size: {live.what} has {live.size}, not {wanted.size}, and Kubernetes does not change"
            f" that; set {setting}.size = {live.size!r} {keep}"
        )


def _no_class(setting: str, wanted: str, there: Collection[str]) -> str:
    known = ", ".join(sorted(there)) or "none"
    return (
        f"{setting}.storage_class: {wanted!r} is not there, and no export makes it; name one that is"
        f" ({known}), or give an export that storage_class"
    )


def _live(claim: client.V1PersistentVolumeClaim, what: str) -> _Live:
    spec = claim.spec
    return _Live(
        what=what,
        storage_class=spec.storage_class_name,
        access_modes=tuple(spec.access_modes or ()),
        size=((spec.resources and spec.resources.requests) or {}).get("storage", "0"),
    )
