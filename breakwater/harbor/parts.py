"""What each part of Harbor is given: volumes, pods, processors and memory, and time to answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from breakwater.export import STRICT, allowed
from breakwater.harbor import limits as harbor_limits


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Volume:
    """A volume: where it is and how large. Once it is there, none of it can be changed."""

    storage_class: harbor_limits.ClusterClass = Field(
        default="",
        description="The storage class that makes it: that of an export, or another one of the cluster's.",
        json_schema_extra=allowed(
            "a storage class's name", "the class of exports, of several the one with `default`"
        ),
    )
    size: harbor_limits.Size = Field(
        default="10Gi",
        description="How much is asked for. NFS does not hold anybody to it.",
        json_schema_extra=allowed(
            "an amount such as 200Gi",
            "registry 200Gi, jobservice 5Gi, database 10Gi, redis 5Gi, trivy 10Gi",
        ),
    )
    access_mode: Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"] = Field(
        default="ReadWriteOnce",
        description="Who may mount it at a time: a node's pods, everyone's, or one pod.",
        json_schema_extra=allowed(
            "`ReadWriteOnce`, `ReadWriteMany` or `ReadWriteOncePod`",
            "registry and jobservice ReadWriteMany, the others ReadWriteOnce",
        ),
    )


def _volume(what: str, size: str, access_mode: Literal["ReadWriteOnce", "ReadWriteMany"]) -> Any:
    return Field(
        default=Volume(size=size, access_mode=access_mode),
        description=what,
        json_schema_extra=allowed("the keys below", "theirs"),
    )


def _with(size: str, access_mode: str) -> BeforeValidator:
    """What a volume's missing keys are: each volume has its own defaults."""

    def fill(value: Any) -> Any:
        return {"size": size, "access_mode": access_mode, **value} if isinstance(value, dict) else value

    return BeforeValidator(fill)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Volumes:
    """Harbor's data."""

    registry: Annotated[Volume, _with("200Gi", "ReadWriteMany")] = _volume(
        "The images.", "200Gi", "ReadWriteMany"
    )
    jobservice: Annotated[Volume, _with("5Gi", "ReadWriteMany")] = _volume(
        "Logs of jobs.", "5Gi", "ReadWriteMany"
    )
    database: Annotated[Volume, _with("10Gi", "ReadWriteOnce")] = _volume(
        "Users, projects, rights; without an external database.", "10Gi", "ReadWriteOnce"
    )
    redis: Annotated[Volume, _with("5Gi", "ReadWriteOnce")] = _volume(
        "Sessions and queues of jobs; without an external Redis.", "5Gi", "ReadWriteOnce"
    )
    trivy: Annotated[Volume, _with("10Gi", "ReadWriteOnce")] = _volume(
        "What is known of vulnerabilities.", "10Gi", "ReadWriteOnce"
    )


def _count(what: str) -> Any:
    return Field(
        default=1, description=what, json_schema_extra=allowed(f"1 to {harbor_limits.MOST_REPLICAS}")
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Replicas:
    """How many pods of each part. The database and Redis of the chart are always one."""

    core: harbor_limits.Replicas = _count("The API and the tokens.")
    jobservice: harbor_limits.Replicas = _count("Replication, scans, garbage collection.")
    registry: harbor_limits.Replicas = _count("What images are pushed to; 1 while they are on a volume.")
    portal: harbor_limits.Replicas = _count("The web pages.")
    nginx: harbor_limits.Replicas = _count("What answers at the node ports.")
    trivy: harbor_limits.Replicas = _count("The scanner; each has a volume.")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Amounts:
    """Processors and memory."""

    cpu: harbor_limits.Cpu | None = Field(
        default=None,
        description="Processors.",
        json_schema_extra=allowed("an amount such as 500m (half of one) or 2", "the chart's"),
    )
    memory: harbor_limits.Memory | None = Field(
        default=None,
        description="Memory.",
        json_schema_extra=allowed("an amount such as 512Mi", "the chart's"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Needs:
    """What one container is given."""

    requests: Amounts = Field(
        default=Amounts(),
        description="What is kept free for it on its node.",
        json_schema_extra=allowed("the keys below, no more than limits", "the chart's"),
    )
    limits: Amounts = Field(
        default=Amounts(),
        description="What it never gets more of; more memory than that ends it.",
        json_schema_extra=allowed("the keys below", "the chart's"),
    )


def _needs(what: str) -> Any:
    return Field(default=Needs(), description=what, json_schema_extra=allowed("the keys below", "theirs"))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Resources:
    """What the containers of each part are given; of the chart's own only Trivy's are limited."""

    nginx: Needs = _needs("What answers at the node ports.")
    portal: Needs = _needs("The web pages.")
    core: Needs = _needs("The API and the tokens.")
    jobservice: Needs = _needs("Replication, scans, garbage collection.")
    registry: Needs = _needs("What images are pushed to.")
    registryctl: Needs = _needs("What deletes from the registry, beside it in its pod.")
    database: Needs = _needs("The chart's PostgreSQL.")
    redis: Needs = _needs("The chart's Redis.")
    trivy: Needs = _needs("The scanner; scans are what takes memory.")
    exporter: Needs = _needs("Harbor's own metrics.")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Probes:
    """When Kubernetes takes a container for dead and starts it again, which on a slow disk does harm."""

    timeout: harbor_limits.ProbeSeconds = Field(
        # The chart's 1 second kills a database that NFS keeps waiting.
        default=10,
        description="Seconds in which a container must answer.",
        json_schema_extra=allowed("1 to 300"),
    )
    failures: harbor_limits.Failures = Field(
        default=6,
        description="How many answers, one every 10 s, must be missing before a container is started again.",
        json_schema_extra=allowed("1 to 100"),
    )
    database_start: harbor_limits.Start = Field(
        # Killed while it makes its files, it starts for ever without Harbor's tables.
        default=1200,
        description="Seconds that the database has for its first start before anybody asks.",
        json_schema_extra=allowed("300 to 7200"),
    )
