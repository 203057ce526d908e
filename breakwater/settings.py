"""The one place that knows names, defaults, limits and what contradicts what.

`load` takes what a person wrote and the hosts of the inventory, and gives back `Settings`, in which
everything is filled in: operations and tasks need to ask nobody else. Or it raises `SettingsError`
with every mistake at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from breakwater import limits, versions
from breakwater.contradictions import (
    Clients,
    Resolve,
    export_clashes,
    group_problems,
    nodes_down_problems,
    storage_address,
    warnings,
)
from breakwater.export import STRICT, Export, allowed
from breakwater.harbor import limits as harbor_limits
from breakwater.harbor.contradictions import class_problems, harbor_clashes, harbor_warnings, with_classes
from breakwater.harbor.settings import Harbor
from breakwater.problems import (
    Problem,
    SettingsError,
    keys_of,
    right_and_wrong,
    right_values,
    translate,
    unknown_key,
)
from breakwater.proxy.contradictions import node_port_problems, proxy_clashes, proxy_warnings
from breakwater.proxy.settings import Proxy, Upstream
from breakwater.registry.contradictions import registry_clashes, registry_warnings
from breakwater.registry.limits import NEVER
from breakwater.registry.settings import Registry
from breakwater.trust.settings import Trust

__all__ = [
    "Export",
    "Harbor",
    "Problem",
    "Proof",
    "Provisioner",
    "Proxy",
    "Settings",
    "SettingsError",
    "load",
]

# Says to limits that a person wrote what they see.
_WRITTEN = {"written": True}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Provisioner:
    """The chart that makes a volume of a claim."""

    namespace: limits.Namespace = Field(
        default="nfs-provisioner",
        description="The namespace of all provisioners; made if missing.",
        json_schema_extra=allowed("a namespace's name"),
    )
    chart_version: limits.Version = Field(
        default=versions.NFS_SUBDIR_CHART,
        description="The version of the chart nfs-subdir-external-provisioner.",
        json_schema_extra=allowed("a version such as 4.0.18"),
    )
    repository: limits.Repository = Field(
        default="https://kubernetes-sigs.github.io/nfs-subdir-external-provisioner/",
        description="Where the chart comes from when there is no bundle.",
        json_schema_extra=allowed("an https://, http:// or oci:// URL without a password in it"),
    )
    timeout: limits.Seconds = Field(
        default=300,
        description="Seconds to wait for a provisioner to be ready: its image may have to be pulled.",
        json_schema_extra=allowed(f"{limits.SHORTEST_WAIT} to {limits.LONGEST_WAIT}"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Proof:
    """How a run that changed something shows that storage works."""

    image: limits.Image = Field(
        default=versions.PROOF_IMAGE,
        description="The image of the pods that write and read; it needs a shell.",
        json_schema_extra=allowed("an image with a tag or a digest"),
    )
    timeout: limits.Seconds = Field(
        default=180,
        description="Seconds to wait for the claim and for each pod.",
        json_schema_extra=allowed(f"{limits.SHORTEST_WAIT} to {limits.LONGEST_WAIT}"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Settings:
    """All that a run wants, checked and filled in."""

    exports: Annotated[tuple[Export, ...], limits.Listed, limits.AtLeastOne] = Field(
        description="The directories that the storage host exports.",
        json_schema_extra=allowed("at least one"),
    )
    storage_address: limits.Address = Field(
        default="",
        description="The address by which the nodes reach the storage host, where it is not the one by"
        " which this machine does.",
        json_schema_extra=allowed(
            "an IP address or a host's name", "the storage host's address in the inventory"
        ),
    )
    kubeconfig: limits.File = Field(
        default="~/.kube/config",
        description="The file on this machine that says how to reach the cluster.",
        json_schema_extra=allowed("a path; ~ is your home"),
    )
    kube_context: limits.Context | None = Field(
        default=None,
        description="Which cluster of that file, when it knows several.",
        json_schema_extra=allowed("a context of the kubeconfig", "the kubeconfig's current one"),
    )
    bundle: limits.File | None = Field(
        default=None,
        description="A folder on this machine with charts and images, for hosts that cannot fetch them.",
        json_schema_extra=allowed("a path", "none: charts come from their repositories and nodes pull"),
    )
    nodes_down: Annotated[tuple[limits.HostName, ...], limits.Listed] = Field(
        default=(),
        description="Nodes that may be missing: a run goes on without them, and their exports stay.",
        json_schema_extra=allowed("hosts of group nodes, not all of them", "none"),
    )
    firewall: Literal["check", "manage"] = Field(
        default="check",
        description="Whether a firewall of the storage host that keeps nodes out is only reported, with"
        " the command that opens it, or opened for them.",
        json_schema_extra=allowed("`check` or `manage`"),
    )
    provisioner: Provisioner = Field(
        default=Provisioner(),
        description="The chart that makes volumes, and how long to wait for it.",
        json_schema_extra=allowed("the keys below", "theirs"),
    )
    proof: Proof = Field(
        default=Proof(),
        description="How a run that changed something shows that storage works.",
        json_schema_extra=allowed("the keys below", "theirs"),
    )
    domain: harbor_limits.Domain | None = Field(
        default=None,
        description="The registry's name, as people type it: images are DOMAIN/project/image. It must lead to"
        " the proxies.",
        json_schema_extra=allowed(
            "a DNS name with a dot, without https:// and port", "none: storage only, no Harbor"
        ),
    )
    harbor: Harbor = Field(
        default=Harbor(),
        description="Harbor itself; installed only with a domain.",
        json_schema_extra=allowed("the keys below", "theirs"),
    )
    proxy: Proxy = Field(
        default=Proxy(),
        description="Envoy, which answers for the domain; only with a domain.",
        json_schema_extra=allowed("the keys below", "theirs"),
    )
    trust: Trust = Field(
        default=Trust(),
        description="How nodes and other clients find the registry and trust its CA; only with a domain.",
        json_schema_extra=allowed("the keys below", "theirs"),
    )
    registry: Registry = Field(
        default=Registry(),
        description="What is in Harbor: who may do what with which images; only with a domain.",
        json_schema_extra=allowed("the keys below", "nothing: Harbor is left as it is"),
    )
    state: limits.File = Field(
        default=".breakwater",
        description="A folder on this machine, mode 0700, for what must outlive a run. Back it up.",
        json_schema_extra=allowed("a path; a relative one is in the project"),
    )
    # Not a key: {group: {host: address}} of the whole inventory, whatever --limit says.
    hosts: dict[str, dict[str, str]] = Field(default_factory=dict, repr=False)
    # Not a key: whether somebody wrote keys of Harbor's.
    harbor_is_written: bool = Field(default=False, repr=False)
    # Not a key: whether somebody wrote keys of the proxy's.
    proxy_is_written: bool = Field(default=False, repr=False)
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
    def external_url(self) -> str:
        """Where clients find Harbor; empty without a domain."""
        port = "" if self.proxy.port == 443 else f":{self.proxy.port}"
        return f"https://{self.domain}{port}" if self.domain else ""

    @property
    def registry_host(self) -> str:
        """The registry as it stands in images' names: DOMAIN, or DOMAIN:PORT."""
        return self.external_url.removeprefix("https://")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed, and may be regretted: a line each, said by every run."""
        found = [*warnings(self.exports)]
        if self.domain:
            found += harbor_warnings(self.harbor, self.exports)
            found += proxy_warnings(self.proxy, self.nodes, self.hosts.get("clients", {}))
            found += registry_warnings(self.registry)
            if self.registry.system.scan_all not in (None, NEVER) and not self.harbor.trivy.enabled:
                found.append(
                    "registry.system.scan_all: harbor.trivy.enabled is False; without another scanner Harbor"
                    " refuses it"
                )
            if not self.hosts["proxies"]:
                at = f"port {self.harbor.node_ports.https} of every node (docs/proxy.md, at its end)"
                nobody = f"is empty, so nothing of breakwater's answers for {self.domain}"
                found.append(f"group proxies: {nobody}; Harbor is at {at}")
            return tuple(found)
        if self.harbor_is_written:
            found.append("harbor: has no effect without a domain: no Harbor is installed, or looked at")
        if self.proxy_is_written:
            found.append("proxy: has no effect without a domain: no Envoy is installed, or looked at")
        if self.trust != Trust():
            found.append("trust: has no effect without a domain: there is nobody to trust")
        if self.registry != Registry():
            found.append("registry: has no effect without a domain: there is no Harbor to put it into")
        return tuple(found)


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
        settings = TypeAdapter(Settings).validate_python({**written, "hosts": hosts}, context=_WRITTEN)
    except ValidationError as error:
        problems += translate(error, Settings)
    # Contradictions are looked for among the values that are right, so that one more run is not needed.
    right, wrong = right_and_wrong(Export, data.get("exports"))
    problems += export_clashes(right, wrong)
    problems += group_problems(hosts)
    problems += nodes_down_problems(data.get("nodes_down"), hosts)
    harbor = right_values(Harbor(), data.get("harbor", {}))
    problems += harbor_clashes(harbor)
    if data.get("domain") is not None and all("storage_class" not in keys for keys in wrong.values()):
        problems += class_problems(harbor, right)
    proxy = right_values(Proxy(), data.get("proxy", {}))
    problems += _proxy_clashes(proxy, data)
    problems += node_port_problems(proxy, harbor, hosts)
    problems += _registry_clashes(data.get("registry", {}))
    clients = Clients(hosts, resolve)
    for index, export in right.items():
        clients.find(index, export.get("clients") or (), export.get("allow_everyone") or False)
    address, unreached = storage_address(data.get("storage_address"), hosts)
    problems += clients.problems + unreached
    if problems or settings is None:
        raise SettingsError(problems)
    filled = [
        dataclasses.replace(export, networks=clients.networks[index], members=clients.members[index])
        for index, export in enumerate(settings.exports)
    ]
    return dataclasses.replace(
        settings,
        exports=tuple(filled),
        storage_address=address,
        addresses=clients.found,
        harbor=with_classes(settings.harbor, [vars(export) for export in filled]),
        harbor_is_written=bool(data.get("harbor")),
        proxy_is_written=bool(data.get("proxy")),
    )


def _registry_clashes(written: object) -> list[Problem]:
    """Nothing while a key of it is wrong by itself, which is said anyway."""
    try:
        return registry_clashes(TypeAdapter(Registry).validate_python(written))
    except ValidationError:
        return []


def _proxy_clashes(known: Mapping[str, object], data: Mapping[str, object]) -> list[Problem]:
    written = data.get("proxy")
    upstreams = written.get("upstreams") if isinstance(written, dict) else ()
    return proxy_clashes(known, *right_and_wrong(Upstream, upstreams), data.get("domain"))
