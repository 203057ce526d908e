"""Volumes of the cluster that lie on the storage host."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from kubernetes import client

from breakwater.cluster import LIMIT, ClusterAccess, api, helm_owner


@dataclass(frozen=True)
class Volume:
    """A PersistentVolume on NFS."""

    name: str
    path: str
    claim: str  # NAMESPACE/NAME, empty when none holds it
    release: str  # NAMESPACE/NAME of the Helm release whose chart made it, empty for one that was provisioned


def volumes_below(access: ClusterAccess, paths: Collection[str], servers: Collection[str]) -> list[Volume]:
    """PersistentVolumes whose data is in one of these directories or below. Raises Refusal.

    + servers: the storage host's addresses and names
    """
    with api(access) as opened:
        items = client.CoreV1Api(opened).list_persistent_volume(_request_timeout=LIMIT).items
    found = []
    for item in items:
        server, path = _nfs(item.spec)
        if path and not _another(server, servers) and below(path, paths):
            claim = item.spec.claim_ref
            release, made_in = helm_owner(item)
            found.append(
                Volume(
                    name=item.metadata.name,
                    path=path,
                    claim=f"{claim.namespace}/{claim.name}" if claim else "",
                    release=f"{made_in}/{release}" if release else "",
                )
            )
    return found


def below(path: str, paths: Iterable[str]) -> bool:
    """Whether a path is one of these or lies in one of them."""
    return any(path == above or path.startswith(f"{above.rstrip('/')}/") for above in paths)


def _nfs(spec: client.V1PersistentVolumeSpec) -> tuple[str, str]:
    """(server, path) of a volume on NFS, also of the CSI driver for NFS; empty for another."""
    if spec.nfs:
        return spec.nfs.server, spec.nfs.path
    shared = (spec.csi.volume_attributes or {}) if spec.csi else {}
    return shared.get("server", ""), shared.get("share", "")


def _another(server: str, servers: Collection[str]) -> bool:
    """Whether this is surely another server: a name that we do not know may still be the storage host's."""
    try:
        ip_address(server)
    except ValueError:
        return False
    return server not in servers
