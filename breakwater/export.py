"""One directory of the storage host: its keys, their defaults, and who its clients come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from breakwater import limits
from breakwater.addresses import by_address
from breakwater.nfs_options import DEFAULTS

STRICT = ConfigDict(extra="forbid")


def allowed(text: str, default: str = "") -> dict[str, Any]:
    """What docs/settings.md says beside a key that its type cannot say."""
    return {"allowed": text, "default": default}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Export:
    """A directory of the storage host, and who may mount it."""

    path: limits.Path = Field(
        description="The directory that is exported; made if missing. One that leaves the list is"
        " unexported, and its data is kept.",
        json_schema_extra=allowed(
            "absolute, of letters, digits and . _ - /, no closing slash; not a directory of the system;"
            " not the path of another export, nor above or below one"
        ),
    )
    clients: Annotated[tuple[limits.Client, ...], limits.Listed, limits.AtLeastOne] | None = Field(
        default=None,
        description="Who may mount it: whoever can, reads and writes everything in it as root.",
        json_schema_extra=allowed(
            "addresses, networks such as 10.0.0.0/24, hosts' names, or groups of the inventory;"
            ' `"*"` only with allow_everyone',
            "every host in group nodes, by the address from which it reaches the storage host",
        ),
    )
    allow_everyone: limits.Switch = Field(
        default=False,
        description="Whether `*` may stand in clients: whoever reaches the storage host then reads and"
        " writes all of it. Every run warns of it.",
        json_schema_extra=allowed("True only with `*` in clients"),
    )
    options: limits.Options = Field(
        default=(),
        description="Options of exports(5). Each takes the place of the default that it contradicts.",
        json_schema_extra=allowed(
            "words of exports(5) such as ro, async, all_squash, sec=krb5p, fsid=7, anonuid=1000;"
            " a storage class needs rw, no_root_squash and no_all_squash",
            f"`{','.join(DEFAULTS)}`",
        ),
    )
    storage_class: limits.ClassName | None = Field(
        default=None,
        description="The storage class that puts Kubernetes' volumes here; without one it is a plain share.",
        json_schema_extra=allowed(
            f"at most {limits.LONGEST_CLASS} lower-case letters, digits and -; another one for each export",
            "none",
        ),
    )
    owner: limits.Owner = Field(
        default="root:root",
        description="Who owns the directory itself; nothing inside it is touched.",
        json_schema_extra=allowed("user:group, by name or number"),
    )
    mode: limits.Mode = Field(
        default="755",
        description="The directory's mode; what is inside it is not touched.",
        json_schema_extra=allowed(
            "three or four octal digits in quotes, so that 755 is not taken for decimal"
        ),
    )

    mountpoint: limits.MountPoint | None = Field(
        default=None,
        description="Where the disk with this directory is mounted. While it is not, nothing is exported"
        " and no run goes on: volumes would start afresh in the empty directory below it.",
        json_schema_extra=allowed(
            "a path, that of the export or above it", "what is mounted there at the first run, remembered"
        ),
    )
    reclaim: Literal["Delete", "Retain"] = Field(
        default="Delete",
        description="What becomes of a volume when its claim is deleted.",
        json_schema_extra=allowed("`Delete` (see archive_on_delete) or `Retain`"),
    )
    archive_on_delete: limits.Switch = Field(
        default=True,
        description="Whether the directory of a deleted volume is kept under the name archived-…; without,"
        " its files are deleted with the claim.",
        json_schema_extra=allowed("True or False"),
    )
    mount_options: limits.MountOptions = Field(
        # nfsvers=4.1: one port, and sessions that survive a server's restart; hard: a soft mount
        # turns a server's reboot into broken files; noatime: reading should not write.
        default=("nfsvers=4.1", "hard", "noatime"),
        description="How nodes mount the class's volumes. Volumes that exist keep theirs.",
        json_schema_extra=allowed("options of nfs(5) and mount(8); never `soft`"),
    )
    default: limits.Switch = Field(
        default=False,
        description="Whether claims that name no class get this one.",
        json_schema_extra=allowed("True for one export at most"),
    )
    # Not keys, but what `clients` comes to: addresses and networks, and hosts of the inventory, whose
    # addresses preflight sees.
    networks: Annotated[tuple[str, ...], limits.Derived] = ()
    members: Annotated[tuple[str, ...], limits.Derived] = ()

    def clients_at(self, addresses: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
        """Who may mount it, as it stands in the exports file: sorted and unique.

        + addresses: {host: where it comes from}, of every member
        """
        of_members = {address for member in self.members for address in addresses[member]}
        return tuple(sorted({*self.networks, *of_members}, key=by_address))

    # Release, class and provisioner name all differ: releases share their namespace with others', a
    # provisioner name is an identity in the whole cluster, and the chart's default would be
    # the same for every release, so that two provisioners would answer one claim.
    @property
    def release(self) -> str:
        """The Helm release that provisions this class."""
        return f"nfs-{self.storage_class}"

    @property
    def provisioner_name(self) -> str:
        """The name by which the storage class finds its provisioner."""
        return f"breakwater/{self.storage_class}"
