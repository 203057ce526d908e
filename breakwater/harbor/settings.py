"""The keys of `harbor`: what is installed, where its data is, and how long it may take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from breakwater import limits, versions
from breakwater.export import STRICT, allowed
from breakwater.harbor import limits as harbor_limits
from breakwater.harbor.image_storage import SOURCE, Store
from breakwater.harbor.parts import Probes, Replicas, Resources, Volumes
from breakwater.harbor.services import Database, Redis

# Secrets of the cluster that hold what Harbor needs to reach others' services.
DATABASE_SECRET, REDIS_SECRET, STORAGE_SECRET = (
    "harbor-external-database",
    "harbor-external-redis",
    "harbor-storage",
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NodePorts:
    """The ports at which every node answers for Harbor, where the proxies find it."""

    http: harbor_limits.NodePort = Field(
        default=30002,
        description="Answers with a redirect to https.",
        json_schema_extra=allowed(
            f"{harbor_limits.FIRST_PORT} to {harbor_limits.LAST_PORT}, no other Service's"
        ),
    )
    https: harbor_limits.NodePort = Field(
        default=30003,
        description="Harbor itself, with a certificate by breakwater's own CA.",
        json_schema_extra=allowed(
            f"{harbor_limits.FIRST_PORT} to {harbor_limits.LAST_PORT}, no other Service's"
        ),
    )
    allow: Literal["proxies+nodes", "any"] = Field(
        default="proxies+nodes",
        description="Who may come to them: whoever does is past the proxies and all of their rules. With an"
        " empty group proxies everyone may, as there is no other way in.",
        json_schema_extra=allowed("`proxies+nodes` (this machine and pods as well) or `any`"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Trivy:
    """The scanner that looks for known vulnerabilities in images."""

    enabled: limits.Switch = Field(
        default=True, description="Whether it is installed.", json_schema_extra=allowed("True or False")
    )
    offline: limits.Switch = Field(
        default=False,
        description="Whether it fetches nothing: what it knows is then put onto its volume by hand.",
        json_schema_extra=allowed("True or False"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Harbor:
    """Harbor, by its own Helm chart."""

    release: harbor_limits.Release = Field(
        default="harbor",
        description="The Helm release's name; of one that is there already, its own.",
        json_schema_extra=allowed(
            f"at most {harbor_limits.LONGEST_RELEASE} lower-case letters, digits and -"
        ),
    )
    namespace: limits.Namespace = Field(
        default="harbor",
        description="The namespace of all of it; made if missing.",
        json_schema_extra=allowed("a namespace's name"),
    )
    chart_version: harbor_limits.Chart = Field(
        default=versions.HARBOR_CHART,
        description="The version of the chart harbor, and so of Harbor.",
        json_schema_extra=allowed(f"a version {harbor_limits.SERIES}.x"),
    )
    repository: limits.Repository = Field(
        default="https://helm.goharbor.io",
        description="Where the chart comes from when there is no bundle.",
        json_schema_extra=allowed("an https://, http:// or oci:// URL without a password in it"),
    )
    node_ports: NodePorts = Field(
        default=NodePorts(),
        description="The ports at which every node answers for Harbor.",
        json_schema_extra=allowed("the keys below, two different ones", "theirs"),
    )
    volumes: Volumes = Field(
        default=Volumes(),
        description="Harbor's data.",
        json_schema_extra=allowed("the keys below", "theirs"),
    )
    replicas: Replicas = Field(
        default=Replicas(),
        description="How many pods of each part.",
        json_schema_extra=allowed("the keys below", "theirs"),
    )
    resources: Resources = Field(
        default=Resources(),
        description="Processors and memory of each part.",
        json_schema_extra=allowed("the keys below", "theirs"),
    )
    probes: Probes = Field(
        default=Probes(),
        description="When a container is taken for dead.",
        json_schema_extra=allowed("the keys below", "theirs"),
    )
    trivy: Annotated[Trivy, harbor_limits.WithSwitch] = Field(
        default=Trivy(),
        description="The scanner for known vulnerabilities.",
        json_schema_extra=allowed("the keys below", "theirs"),
    )
    metrics: limits.Switch = Field(
        default=False,
        description="Whether Harbor has metrics for Prometheus, and the exporter that some come from.",
        json_schema_extra=allowed("True or False"),
    )
    log_level: Literal["debug", "info", "warning", "error", "fatal"] = Field(
        default="info",
        description="How much Harbor's parts say.",
        json_schema_extra=allowed("`debug`, `info`, `warning`, `error` or `fatal`"),
    )
    admin_password: harbor_limits.Source | None = Field(
        default=None,
        description="Where the password of the user admin is. Harbor is given another one when it differs.",
        json_schema_extra=allowed(
            f"{SOURCE}; the password has 8 to 128 characters, a capital, a small letter and a digit",
            "none: made once, and kept in the folder of state",
        ),
    )
    database: Database = Field(
        default=Database(),
        description="PostgreSQL: the chart's own, or one of yours.",
        json_schema_extra=allowed("the keys below", "theirs: the chart's own"),
    )
    redis: Redis = Field(
        default=Redis(),
        description="Redis: the chart's own, or one of yours.",
        json_schema_extra=allowed("the keys below", "theirs: the chart's own"),
    )
    storage: Store | None = Field(
        default=None,
        description="An object store for the images, instead of the volume.",
        json_schema_extra=allowed("the keys of its `type` below", "none: the volume registry"),
    )
    extra_values: harbor_limits.Free = Field(
        default_factory=dict,
        repr=False,  # somebody may have written a secret into it that no rule of ours knows
        description="Values of the chart's own that no key here sets; merged last.",
        json_schema_extra=allowed(
            "keys of the chart's values.yaml; none that a key here sets, that would change from run to run"
            " or that holds a secret",
            "none",
        ),
    )
    timeout: harbor_limits.Wait = Field(
        default=1800,
        description="Seconds to wait for Harbor to be ready and healthy: a first start on a slow disk"
        " takes ten minutes.",
        json_schema_extra=allowed(f"{harbor_limits.SHORTEST_WAIT} to {harbor_limits.LONGEST_WAIT}"),
    )
    backup: Literal["needed", "mine"] = Field(
        default="needed",
        description="Whether an upgrade that changes the database wants a dump of it, not older than 24 h, in"
        " the folder of state, or you say that you have made one your own way.",
        json_schema_extra=allowed("`needed` or `mine`"),
    )

    @property
    def sources(self) -> dict[str, dict[str, str]]:
        """{Secret: {key: where its value is}} of what Harbor needs to reach others' services."""
        found: dict[str, Mapping[str, str | None]] = {
            DATABASE_SECRET: {"password": self.database.password},
            REDIS_SECRET: {"REDIS_PASSWORD": self.redis.password},
            STORAGE_SECRET: self.storage.sources if self.storage else {},
        }
        given = {
            name: {key: source for key, source in keys.items() if source} for name, keys in found.items()
        }
        return {name: keys for name, keys in given.items() if keys}

    @property
    def plain(self) -> dict[str, dict[str, str]]:
        """{Secret: {key: value}} of what the chart reads from a Secret although it is none."""
        # Beside a password from a Secret the chart reads the user from there only.
        user = self.redis.user if self.redis.password else None
        return {REDIS_SECRET: {"REDIS_USERNAME": user}} if user else {}
