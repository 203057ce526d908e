"""Helm's releases as the cluster has them."""

import json
from dataclasses import dataclass, field
from typing import Any

from pyinfra.api import FactBase, FactProcessError, QuoteString, StringCommand

# Objects that take time to come up, and where each says how many it wants and has.
_WORKLOADS = {
    "Deployment": ("replicas", "readyReplicas"),
    "StatefulSet": ("replicas", "readyReplicas"),
}


@dataclass(frozen=True)
class ReleaseState:
    """A release: absent when its status is None."""

    status: str | None = None  # deployed, failed, pending-install …
    revision: int = 0
    description: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    manifest: str = ""  # the objects that this revision made, as YAML
    waiting: tuple[str, ...] = ()  # workloads that are not ready, each with how many are


@dataclass(frozen=True)
class ListedRelease:
    """A release as it is listed."""

    name: str
    chart: str  # name and version: nfs-subdir-external-provisioner-4.0.18
    status: str


class HelmRelease(FactBase[ReleaseState | None]):
    """Status, values, manifest and live workloads of one release, in one command on the bastion."""

    def command(self, release: str, namespace: str, helm: list[str]) -> StringCommand:
        # "not found" is an answer; every other failure is none, and keeps its own message.
        return StringCommand(
            "out=$(",
            *map(QuoteString, helm),
            "status",
            QuoteString(release),
            "--namespace",
            QuoteString(namespace),
            "--show-resources --output json 2>&1",
            ') && printf "%s\\n" "$out" || case "$out" in *"release: not found"*) echo absent;;',
            '*) printf "%s\\n" "$out" >&2; exit 1;; esac',
        )

    def process(self, output: list[str]) -> ReleaseState:
        text = "\n".join(output)
        if text.strip() == "absent":
            return ReleaseState()
        try:
            # A warning of Helm's may come before the answer.
            release = json.loads(text[text.index("{") :])
            info = release["info"]
            return ReleaseState(
                status=info["status"],
                revision=release["version"],
                description=info.get("description", ""),
                values=release.get("config") or {},
                manifest=release.get("manifest", ""),
                waiting=tuple(_waiting(info.get("resources") or {})),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise FactProcessError(f"HelmRelease: Helm's answer was not understood: {error!r}") from error


class HelmReleases(FactBase[list[ListedRelease] | None]):
    """All releases of one namespace, whatever their state."""

    def command(self, namespace: str, helm: list[str]) -> StringCommand:
        return StringCommand(
            *map(QuoteString, helm), "list --namespace", QuoteString(namespace), "--all --max 0 --output json"
        )

    def process(self, output: list[str]) -> list[ListedRelease]:
        try:
            listed = json.loads("\n".join(output))
            return [ListedRelease(item["name"], item["chart"], item["status"]) for item in listed]
        except (ValueError, KeyError, TypeError) as error:
            raise FactProcessError(f"HelmReleases: Helm's answer was not understood: {error!r}") from error


def _waiting(resources: dict[str, list[dict[str, Any]]]) -> list[str]:
    found = []
    for item in (item for items in resources.values() for item in items):
        kind, name = item.get("kind", ""), item.get("metadata", {}).get("name", "")
        if kind in _WORKLOADS:
            wanted_key, ready_key = _WORKLOADS[kind]
            wanted = item.get("spec", {}).get(wanted_key, 1)
            ready = item.get("status", {}).get(ready_key, 0)
            if ready < wanted:
                found.append(f"{name}: {ready} of {wanted} ready")
    return found
