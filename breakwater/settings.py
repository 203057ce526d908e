"""The one place that knows names, defaults, limits and what contradicts what.

`load` takes what a person wrote and the hosts of the inventory, and gives back `Settings`, in which
everything is filled in: operations and tasks need to ask nobody else. Or it raises `SettingsError`
with every mistake at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from breakwater import limits, versions
from breakwater.contradictions import (
    Clients,
    Resolve,
    export_clashes,
    group_problems,
    nodes_down_problems,
    storage_problems,
    warnings,
)
from breakwater.nfs_options import DEFAULTS
from breakwater.problems import Problem, SettingsError, keys_of, translate, unknown_key

__all__ = ["Export", "Problem", "Proof", "Provisioner", "Settings", "SettingsError", "load"]

_STRICT = ConfigDict(extra="forbid")


def _allowed(text: str, default: str = "") -> dict[str, Any]:
    """What docs/settings.md says beside a key that its type cannot say."""
    return {"allowed": text, "default": default}


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Export:
    """A directory of the storage host, and who may mount it."""

    path: limits.Path = Field(
        description="The directory that is exported; made if missing. One that leaves the list is"
        " unexported, and its data is kept.",
        json_schema_extra=_allowed(
            "absolute, of letters, digits and . _ - /, no closing slash; not a directory of the system;"
            " not the path of another export, nor above or below one"
        ),
    )
    clients: Annotated[tuple[limits.Client, ...], limits.Listed, limits.AtLeastOne] | None = Field(
        default=None,
        description="Who may mount it: whoever can, reads and writes everything in it as root.",
        json_schema_extra=_allowed(
            "addresses, networks such as 10.0.0.0/24, hosts' names, or groups of the inventory;"
            ' `"*"` only with allow_everyone',
            "every host in group nodes, by the address from which it reaches the storage host",
        ),
    )
    allow_everyone: limits.Switch = Field(
        default=False,
        description="Whether `*` may stand in clients: whoever reaches the storage host then reads and"
        " writes all of it. Every run warns of it.",
        json_schema_extra=_allowed("True or False"),
    )
    options: limits.Options = Field(
        default=(),
        description="Options of exports(5). Each takes the place of the default that it contradicts.",
        json_schema_extra=_allowed(
            "words of exports(5) such as ro, async, all_squash, sec=krb5p, fsid=7, anonuid=1000;"
            " a storage class needs rw, no_root_squash and no_all_squash",
            f"`{','.join(DEFAULTS)}`",
        ),
    )
    storage_class: limits.ClassName | None = Field(
        default=None,
        description="The storage class that puts Kubernetes' volumes here; without one it is a plain share.",
        json_schema_extra=_allowed(
            f"at most {limits.LONGEST_CLASS} lower-case letters, digits and -; another one for each export",
            "none",
        ),
    )
    owner: limits.Owner = Field(
        default="root:root",
        description="Who owns the directory itself; nothing inside it is touched.",
        json_schema_extra=_allowed("user:group, by name or number"),
    )
    mode: limits.Mode = Field(
        default="755",
        description="The directory's mode; what is inside it is not touched.",
        json_schema_extra=_allowed(
            "three or four octal digits in quotes, so that 755 is not taken for decimal"
        ),
    )

    mountpoint: limits.MountPoint | None = Field(
        default=None,
        description="Where the disk with this directory is mounted. While it is not, nothing is exported"
        " and no run goes on: volumes would start afresh in the empty directory below it.",
        json_schema_extra=_allowed(
            "a path, that of the export or above it", "what is mounted there at the first run, remembered"
        ),
    )
    reclaim: Literal["Delete", "Retain"] = Field(
        default="Delete",
        description="What becomes of a volume when its claim is deleted.",
        json_schema_extra=_allowed("`Delete` (see archive_on_delete) or `Retain`"),
    )
    archive_on_delete: limits.Switch = Field(
        default=True,
        description="Whether the directory of a deleted volume is kept under the name archived-…; without,"
        " its files are deleted with the claim.",
        json_schema_extra=_allowed("True or False"),
    )
    mount_options: limits.MountOptions = Field(
        # nfsvers=4.1: one port, and sessions that survive a server's restart; hard: a soft mount
        # turns a server's reboot into broken files; noatime: reading should not write.
        default=("nfsvers=4.1", "hard", "noatime"),
        description="How nodes mount the class's volumes. Volumes that exist keep theirs.",
        json_schema_extra=_allowed("options of nfs(5) and mount(8); never `soft`"),
    )
    default: limits.Switch = Field(
        default=False,
        description="Whether claims that name no class get this one.",
        json_schema_extra=_allowed("True for one export at most"),
    )
    # Not keys, but what `clients` comes to: addresses and networks, and hosts of the inventory, whose
    # addresses preflight sees.
    networks: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    def clients_at(self, addresses: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
        """Who may mount it, as it stands in the exports file: sorted and unique.

        + addresses: {host: where it comes from}, of every member
        """
        of_members = {address for member in self.members for address in addresses[member]}
        return tuple(sorted({*self.networks, *of_members}, key=limits.by_address))

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


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Provisioner:
    """The chart that makes a volume of a claim."""

    namespace: limits.Namespace = Field(
        default="nfs-provisioner",
        description="The namespace of all provisioners; made if missing.",
        json_schema_extra=_allowed("a namespace's name"),
    )
    chart_version: limits.Version = Field(
        default=versions.NFS_SUBDIR_CHART,
        description="The version of the chart nfs-subdir-external-provisioner.",
        json_schema_extra=_allowed("a version such as 4.0.18"),
    )
    repository: limits.Repository = Field(
        default="https://kubernetes-sigs.github.io/nfs-subdir-external-provisioner/",
        description="Where the chart comes from when there is no bundle.",
        json_schema_extra=_allowed("an https://, http:// or oci:// URL without a password in it"),
    )
    timeout: limits.Seconds = Field(
        default=300,
        description="Seconds to wait for a provisioner to be ready: its image may have to be pulled.",
        json_schema_extra=_allowed(f"{limits.SHORTEST_WAIT} to {limits.LONGEST_WAIT}"),
    )


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Proof:
    """How a run that changed something shows that storage works."""

    image: limits.Image = Field(
        default=versions.PROOF_IMAGE,
        description="The image of the pods that write and read; it needs a shell.",
        json_schema_extra=_allowed("an image with a tag or a digest"),
    )
    timeout: limits.Seconds = Field(
        default=180,
        description="Seconds to wait for the claim and for each pod.",
        json_schema_extra=_allowed(f"{limits.SHORTEST_WAIT} to {limits.LONGEST_WAIT}"),
    )


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Settings:
    """All that a run wants, checked and filled in."""

    exports: Annotated[tuple[Export, ...], limits.Listed, limits.AtLeastOne] = Field(
        description="The directories that the storage host exports.",
        json_schema_extra=_allowed("at least one"),
    )
    storage_address: limits.Address = Field(
        default="",
        description="The address by which the nodes reach the storage host, where it is not the one by"
        " which this machine does.",
        json_schema_extra=_allowed(
            "an IP address or a host's name", "the storage host's address in the inventory"
        ),
    )
    kubeconfig: limits.File = Field(
        default="~/.kube/config",
        description="The file on this machine that says how to reach the cluster.",
        json_schema_extra=_allowed("a path; ~ is your home"),
    )
    kube_context: limits.Context | None = Field(
        default=None,
        description="Which cluster of that file, when it knows several.",
        json_schema_extra=_allowed("a context of the kubeconfig", "the kubeconfig's current one"),
    )
    bundle: limits.File | None = Field(
        default=None,
        description="A folder on this machine with charts and images, for hosts that cannot fetch them.",
        json_schema_extra=_allowed("a path", "none: charts come from their repositories and nodes pull"),
    )
    nodes_down: Annotated[tuple[limits.HostName, ...], limits.Listed] = Field(
        default=(),
        description="Nodes that may be missing: a run goes on without them, and their exports stay.",
        json_schema_extra=_allowed("hosts of group nodes, not all of them", "none"),
    )
    firewall: Literal["check", "manage"] = Field(
        default="check",
        description="Whether a firewall of the storage host that keeps nodes out is only reported, with"
        " the command that opens it, or opened for them.",
        json_schema_extra=_allowed("`check` or `manage`"),
    )
    provisioner: Provisioner = Field(
        default=Provisioner(),
        description="The chart that makes volumes, and how long to wait for it.",
        json_schema_extra=_allowed("the keys below", "theirs"),
    )
    proof: Proof = Field(
        default=Proof(),
        description="How a run that changed something shows that storage works.",
        json_schema_extra=_allowed("the keys below", "theirs"),
    )
    state: limits.File = Field(
        default=".breakwater",
        description="A folder on this machine, mode 0700, for what must outlive a run. Back it up.",
        json_schema_extra=_allowed("a path; a relative one is in the project"),
    )
    # Not a key: {group: {host: address}} of the whole inventory, whatever --limit says.
    hosts: dict[str, dict[str, str]] = Field(default_factory=dict, repr=False)
    # Not a key: {host: its addresses, as this machine finds them} of every host that may mount an export.
    addresses: dict[str, tuple[str, ...]] = Field(default_factory=dict, repr=False)

    @property
    def nodes(self) -> dict[str, str]:
        """The cluster's nodes: {host name: address}."""
        return self.hosts["nodes"]

    @property
    def storage_host(self) -> str:
        """The name, in the inventory, of the host that exports."""
        return next(iter(self.hosts["storage"]))

    @property
    def classes(self) -> tuple[Export, ...]:
        """The exports that a storage class is made for."""
        return tuple(export for export in self.exports if export.storage_class)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed, and may be regretted: a line each, said by every run."""
        return tuple(warnings(self.exports))


def load(
    data: Mapping[str, object], hosts: Mapping[str, Mapping[str, str]], resolve: Resolve | None = None
) -> Settings:
    """Check what a person wrote against the model and the inventory's hosts, and fill in the rest.

    + data: the settings as written
    + hosts: {group: {host name: address}}, every group of the inventory
    + resolve: a host's name to its addresses, OSError when it has none; this machine's resolver by default
    """
    keys = keys_of(Settings)
    written = {key: value for key, value in data.items() if key in keys}
    problems = [unknown_key([key], Settings) for key in data if key not in keys]
    settings = None
    try:
        settings = TypeAdapter(Settings).validate_python({**written, "hosts": hosts})
    except ValidationError as error:
        problems += translate(error, Settings)
    # Contradictions are looked for among the values that are right, so that one more run is not needed.
    written_exports = _right(data.get("exports"))
    problems += export_clashes(written_exports)
    problems += group_problems(hosts)
    problems += nodes_down_problems(data.get("nodes_down"), hosts)
    clients = Clients(hosts, resolve)
    for index, export in written_exports.items():
        clients.find(index, export.get("clients") or (), export.get("allow_everyone") or False)
    address = (settings and settings.storage_address) or next(iter(hosts.get("storage", {}).values()), "")
    problems += clients.problems + storage_problems(address, hosts)
    if problems or settings is None:
        raise SettingsError(problems)
    filled = [
        dataclasses.replace(export, networks=clients.networks[index], members=clients.members[index])
        for index, export in enumerate(settings.exports)
    ]
    return dataclasses.replace(
        settings, exports=tuple(filled), storage_address=address, addresses=clients.found
    )


def _right(exports: object) -> dict[int, dict[str, Any]]:
    """{place in the list: its keys whose values have no mistake of their own}."""
    limits_of: dict[str, TypeAdapter[Any]] = {
        key: TypeAdapter(hint)
        for key, hint in get_type_hints(Export, include_extras=True).items()
        if key in keys_of(Export)
    }
    right: dict[int, dict[str, Any]] = {}
    for index, export in enumerate(exports if isinstance(exports, list | tuple) else ()):
        right[index] = {}
        for key in set(export) & set(limits_of) if isinstance(export, dict) else ():
            with contextlib.suppress(ValidationError):
                right[index][key] = limits_of[key].validate_python(export[key])
    return right
