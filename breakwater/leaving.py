"""Exports that left the settings: who still holds them, so that nothing is taken from under anybody."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from breakwater.cluster import ClusterAccess
from breakwater.volumes import Volume, below

# Of many volumes or mounts a message names the first ones.
_SHOWN = 5


@dataclass
class Leaving:
    """How one looks for users; handed from the step that finds out what leaves to the one that unexports it.

    + access: how the cluster is reached
    + servers: the storage host's addresses and names
    + namespace: that of our provisioners: what their charts have on an export goes with them
    + nodes: every host of group nodes
    + force: nodes that were not looked at, and clients that are in no inventory, do not count
    """

    access: ClusterAccess
    servers: tuple[str, ...]
    namespace: str
    nodes: tuple[str, ...]
    force: bool = False
    paths: tuple[str, ...] = ()  # what leaves


def in_use(
    paths: Collection[str],
    volumes: Iterable[Volume],
    mounts: dict[str, list[tuple[str, str]]],
    namespace: str,
) -> list[str]:
    """Who still uses these directories, a phrase each; nothing when nobody does.

    + volumes: those of the cluster that lie below
    + mounts: {node: [(directory, mount point)]}
    + namespace: what a chart of a release in it made counts for nothing; empty: all counts
    """
    own = {v.name for v in volumes if namespace and v.release.startswith(f"{namespace}/")}
    phrases = [
        f"volume {v.name} of {'claim ' + v.claim if v.claim else 'no claim'} is {v.path}"
        for v in volumes
        if v.name not in own
    ]
    for node, found in mounts.items():
        phrases += [
            f"{node} has {directory} mounted at {point}"
            for directory, point in found
            # the kubelet names a volume's mount point for the volume
            if below(directory, paths) and point.rpartition("/")[2] not in own
        ]
    more = [f"{len(phrases) - _SHOWN} more"] if len(phrases) > _SHOWN else []
    return [*phrases[:_SHOWN], *more]
