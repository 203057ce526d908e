"""Projects themselves: made, and their settings put right. Harbor deletes none that has repositories."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from breakwater.harbor.api import Harbor
from breakwater.harbor.lists import listed
from breakwater.registry.configuration import value
from breakwater.registry.limits import UNLIMITED
from breakwater.registry.plan import ADD, CHANGE, Change, call, differs, never
from breakwater.registry.project_settings import Project
from breakwater.registry.read import Seen, SeenProject, Thing

# Harbor's word for "none" is another one here than in the pages people see.
_METADATA = {
    "public": "public",
    "auto_scan": "auto_scan",
    "auto_sbom": "auto_sbom_generation",
    "content_trust": "enable_content_trust_cosign",
}
_NO_QUOTAS = (
    "this Harbor keeps no quota of it, for its quota_per_project_enable is off, or was when the project was"
    " made; switch it on there, or take quota from the settings"
)


def project_changes(wanted: Project, seen: Seen) -> Iterator[Change]:
    """What makes this project as it shall be; what is in it comes after."""
    there = seen.projects.get(wanted.name)
    what = f"project {wanted.name}"
    if there is None:
        needs = (f"endpoint {wanted.proxy_cache}",) if wanted.proxy_cache else ()
        yield Change(ADD, what, partial(_make, wanted), needs=needs)
        yield from _quota(wanted, None, seen)
        return
    cached = next(
        (e["name"] for e in seen.endpoints.values() if e["id"] == there.project.get("registry_id")), None
    )
    if cached != wanted.proxy_cache:
        why = "Harbor makes a cache of none that is there, nor a cache of another; give it another name"
        yield Change(CHANGE, what, never(why), (differs("proxy_cache", cached, wanted.proxy_cache),))
        return
    metadata = {key: value for key, value in _metadata(wanted).items() if _live(there, key) != value}
    allowlist = _allowlist(wanted) if _cves(there.project) != set(wanted.cve_allowlist or ()) else None
    details = [differs(key, _live(there, key), value) for key, value in metadata.items()]
    if allowlist is not None:
        details.append(differs("cve_allowlist", _cves(there.project), set(wanted.cve_allowlist or ())))
    if details:
        body = {"metadata": metadata, **({"cve_allowlist": allowlist} if allowlist else {})}
        yield Change(CHANGE, what, call("PUT", f"/projects/{there.id}", body), tuple(details))
    yield from _quota(wanted, there, seen)


def _quota(wanted: Project, there: SeenProject | None, seen: Seen) -> Iterator[Change]:
    what = f"quota of {wanted.name}"
    kept = there.quota if there else None
    if wanted.quota is None or (there is None and value(seen, "quota_per_project_enable") is not False):
        # A new project is made with it.
        return
    if kept is None and wanted.quota != UNLIMITED:
        said = differs("quota", None, _amount(wanted.quota))
        yield Change(CHANGE, what, never(_NO_QUOTAS), (said,))
    elif kept is not None and int(kept["hard"]["storage"]) != wanted.quota:
        said = differs("quota", _amount(int(kept["hard"]["storage"])), _amount(wanted.quota))
        body = {"hard": {"storage": wanted.quota}}
        yield Change(CHANGE, what, call("PUT", f"/quotas/{kept['id']}", body), (said,))


def _make(wanted: Project, harbor: Harbor) -> None:
    body: dict[str, object] = {"project_name": wanted.name, "metadata": _metadata(wanted)}
    if wanted.quota is not None:
        body["storage_limit"] = wanted.quota
    if wanted.proxy_cache is not None:
        body["registry_id"] = endpoint_id(harbor, wanted.proxy_cache)
    harbor.call("POST", "/projects", body=body)
    if wanted.cve_allowlist:
        # Harbor takes none with a new project.
        later = {"cve_allowlist": _allowlist(wanted)}
        harbor.call("PUT", f"/projects/{wanted.name}", body=later, named=True)


def endpoint_id(harbor: Harbor, name: str) -> int:
    """The number of an endpoint that was there, or was made meanwhile."""
    there = {found["name"]: int(found["id"]) for found in listed(harbor, "/registries")}
    return there[name]


def _metadata(wanted: Project) -> dict[str, str]:
    """Harbor takes these only as text."""
    found = {theirs: str(getattr(wanted, ours)).lower() for ours, theirs in _METADATA.items()}
    found["prevent_vul"] = str(wanted.prevent_vulnerable is not None).lower()
    if wanted.prevent_vulnerable is not None:
        found["severity"] = wanted.prevent_vulnerable
    found["reuse_sys_cve_allowlist"] = str(wanted.cve_allowlist is None).lower()
    return found


def _live(there: SeenProject, key: str) -> str:
    """What a project has that says nothing of a key, as Harbor reads it."""
    default = "true" if key == "reuse_sys_cve_allowlist" else "false"
    return str((there.project.get("metadata") or {}).get(key, default))


def _allowlist(wanted: Project) -> dict[str, object]:
    return {"items": [{"cve_id": name} for name in wanted.cve_allowlist or ()], "expires_at": None}


def _cves(project: Thing) -> set[str]:
    items = (project.get("cve_allowlist") or {}).get("items") or []
    return {str(item["cve_id"]) for item in items}


def _amount(count: int) -> str:
    if count == UNLIMITED:
        return "none"
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20)):
        if count % size == 0:
            return f"{count // size}{unit}"
    return f"{count} bytes"
