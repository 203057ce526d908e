"""What a release's manifest says against the objects that live, found without writing anything."""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from kubernetes import client

from breakwater.cluster import LIMIT, ClusterAccess, api, wait
from breakwater.commands import Refusal

Object = dict[str, Any]
# What the cluster itself writes into an object's metadata.
_ITS_OWN = ("managedFields", "resourceVersion", "generation")
_SHOWN = 3  # places of one object that are named


def drifted(access: ClusterAccess, namespace: str, release: str, manifest: str) -> list[str]:
    """The objects of a release that are missing, or not as its manifest says, each with where.

    Each is patched with the manifest's in a dry run, so that the server fills in defaults and writes
    quantities its own way: what then differs was changed by somebody. What somebody added and the manifest
    does not mention stays, as it does with Helm. Values are not shown: some are secrets.

    + namespace: of objects that name none, and are not the whole cluster's
    """
    # As Helm writes them; without, it would not know its own objects again.
    marks = {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {
            "meta.helm.sh/release-name": release,
            "meta.helm.sh/release-namespace": namespace,
        },
    }
    found = []
    with api(access) as opened:
        for item, path in _located(opened, namespace, manifest):
            name = f"{item['kind']} {item['metadata']['name']}"
            live = _ask(opened, "GET", path)
            if live is None:
                found.append(f"{name} is missing")
            elif places := _places(opened, path, live, _merged(item, {"metadata": marks})):
                more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
                found.append(f"{name}: {', '.join(places[:_SHOWN])}{more}")
    return found


def wait_until_gone(access: ClusterAccess, namespace: str, release: str, manifest: str, timeout: int) -> None:
    """Wait until no object of an uninstalled release is left. Raises Refusal with those that are.

    + timeout: seconds
    """
    with api(access) as opened:
        located = list(_located(opened, namespace, manifest))

        def left() -> list[str]:
            names = [
                f"{i['kind']} {i['metadata']['name']}" for i, path in located if _ask(opened, "GET", path)
            ]
            return [f"{name} is still there" for name in names]

        if missing := wait(f"release {release} to go", left, timeout):
            raise Refusal(
                f"{release}: uninstalled, and after {timeout} s {'; '.join(missing)};"
                f" see `kubectl describe` of it, in namespace {namespace}"
            )


def _located(opened: client.ApiClient, namespace: str, manifest: str) -> Iterator[tuple[Object, str]]:
    """Each object of the manifest, and its path in the API."""
    kinds: dict[str, dict[str, Object]] = {}
    for item in yaml.load_all(manifest, _GoLoader):
        if not item:
            continue
        version, kind, metadata = item["apiVersion"], item["kind"], item["metadata"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if version not in kinds:
            listed = (_ask(opened, "GET", root) or {}).get("resources", [])
            kinds[version] = {
                resource["kind"]: resource for resource in listed if "/" not in resource["name"]
            }
        resource = kinds[version].get(kind)
        if resource is None:
            raise Refusal(
                f"{kind} {metadata['name']}: the cluster has no {kind} of {version};"
                " it is older or newer than the chart expects"
            )
        within = f"/namespaces/{metadata.get('namespace') or namespace}" if resource["namespaced"] else ""
        yield item, f"{root}{within}/{resource['name']}/{metadata['name']}"


def _places(opened: client.ApiClient, path: str, live: Object, wanted: Object) -> list[str]:
    """Where the live object would change."""
    try:
        try:
            patched = _ask(opened, "PATCH", path, wanted, "application/strategic-merge-patch+json")
        except client.ApiException as error:
            if error.status != 415:
                raise
            # A kind that is not Kubernetes' own.
            patched = _ask(opened, "PATCH", path, wanted, "application/merge-patch+json")
    except client.ApiException as error:
        if error.status != 422:
            raise
        return ["what cannot be merged into it"]
    return list(_differences(_cleaned(live), _cleaned(patched or {}), ""))


def _ask(
    opened: client.ApiClient, method: str, path: str, body: Object | None = None, kind: str = ""
) -> Object | None:
    """Look at an object, or see what a patch would make of it; none when it is not there."""
    try:
        answer: Object = opened.call_api(
            path,
            method,
            query_params=[("dryRun", "All")] if body else [],
            header_params={"Accept": "application/json", **({"Content-Type": kind} if kind else {})},
            body=body,
            response_type="object",
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
            _request_timeout=LIMIT,
        )
    except client.ApiException as error:
        if error.status == 404:
            return None
        raise
    return answer


def _cleaned(item: Object) -> Object:
    metadata = {key: value for key, value in item.get("metadata", {}).items() if key not in _ITS_OWN}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": metadata}


def _differences(live: Any, wanted: Any, path: str) -> Iterator[str]:
    """spec.containers[0].image, for each place where two values differ."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        for key in sorted(live.keys() | wanted.keys()):
            yield from _differences(live.get(key), wanted.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(live, list) and isinstance(wanted, list) and len(live) == len(wanted):
        for index, (mine, theirs) in enumerate(zip(live, wanted, strict=True)):
            yield from _differences(mine, theirs, f"{path}[{index}]")
    elif live != wanted:
        yield path


def _merged(item: Object, more: Object) -> Object:
    both = {
        key: _merged(item[key] or {}, more[key]) if isinstance(more[key], dict) else more[key]
        for key in more
        if key in item
    }
    return {**item, **more, **both}


class _GoLoader(yaml.SafeLoader):
    """YAML as Helm's library reads it: what looks like a date stays text, and so does 10:30."""


_INTEGER = "tag:yaml.org,2002:int"
_GoLoader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag not in (_INTEGER, "tag:yaml.org,2002:timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_GoLoader.add_implicit_resolver(
    _INTEGER, re.compile(r"[-+]?(0b[01]+|0x[0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$"), list("-+0123456789")
)
