"""What volumes were promised, against the room there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from kubernetes import client
from kubernetes.utils.quantity import parse_quantity

from breakwater.checks import in_gib
from breakwater.cluster import LIMIT, ClusterAccess, api
from breakwater.settings import Export
from breakwater.survey import Room


def promised(access: ClusterAccess) -> dict[str, int]:
    """Bytes that the volumes of each storage class may grow to. Raises Refusal."""
    with api(access) as opened:
        volumes = client.CoreV1Api(opened).list_persistent_volume(_request_timeout=LIMIT).items
    sums: dict[str, int] = defaultdict(int)
    for volume in volumes:
        sums[volume.spec.storage_class_name or ""] += int(parse_quantity(volume.spec.capacity["storage"]))
    return sums


def too_much(sums: Mapping[str, int], exports: Iterable[Export], room: Mapping[str, Room]) -> Iterator[str]:
    """A line for each file system of which more was promised than is free.

    + sums: bytes that were promised, by class
    + exports: those with a storage class
    + room: the file system under each export; empty when nobody looked
    """
    by_mount: dict[str, list[Export]] = defaultdict(list)
    for export in exports:
        if export.path in room:
            by_mount[room[export.path].mount].append(export)
    for mount, here in by_mount.items():
        total = sum(sums.get(str(export.storage_class), 0) for export in here)
        free = room[here[0].path].free
        if total > free:
            names = ", ".join(str(export.storage_class) for export in here)
            yield (
                f"{mount}: volumes of {names} may take {in_gib(total)}, and {in_gib(free)} are free:"
                " NFS does not hold a volume to its size"
            )
