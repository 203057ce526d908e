"""The database and the Redis that Harbor keeps its state in: the chart's own, or others'."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from breakwater import limits
from breakwater.export import STRICT, allowed
from breakwater.harbor import limits as harbor_limits
from breakwater.harbor.image_storage import SOURCE


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Database:
    """PostgreSQL. Without a host it is the chart's own, on a volume, and no other key may be set."""

    host: harbor_limits.Host | None = Field(
        default=None,
        description="Where your own PostgreSQL is.",
        json_schema_extra=allowed("an address or a host's name", "none: the chart's own database"),
    )
    port: harbor_limits.Port = Field(
        default=5432, description="Its port.", json_schema_extra=allowed("1 to 65535")
    )
    user: harbor_limits.Name | None = Field(
        default=None,
        description="Harbor's user there, who must be able to make tables.",
        json_schema_extra=allowed("letters, digits and . _ @ -", "none; required with host"),
    )
    password: harbor_limits.Source | None = Field(
        default=None,
        description="Where that user's password is.",
        json_schema_extra=allowed(SOURCE, "none; required with host"),
    )
    name: harbor_limits.Name = Field(
        default="registry",
        description="The database; it must be there, and empty at first.",
        json_schema_extra=allowed("letters, digits and . _ @ -"),
    )
    tls: Literal["disable", "require", "verify-ca", "verify-full"] = Field(
        default="require",
        description="Whether the connection is encrypted, and its certificate and name are verified.",
        json_schema_extra=allowed("`disable`, `require`, `verify-ca` or `verify-full`"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RedisDatabases:
    """The numbers of the databases inside Redis; Harbor's core always has 0."""

    jobservice: harbor_limits.Index = Field(
        default=1, description="Queues of jobs.", json_schema_extra=allowed("1 to 15, three different ones")
    )
    registry: harbor_limits.Index = Field(
        default=2, description="Known layers.", json_schema_extra=allowed("1 to 15, three different ones")
    )
    trivy: harbor_limits.Index = Field(
        default=5, description="Scans.", json_schema_extra=allowed("1 to 15, three different ones")
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Redis:
    """Redis. Without a host it is the chart's own, on a volume, and no other key may be set."""

    host: harbor_limits.RedisHost | None = Field(
        default=None,
        description="Where your own Redis is.",
        json_schema_extra=allowed("an IPv4 address or a host's name", "none: the chart's own Redis"),
    )
    port: harbor_limits.Port = Field(
        default=6379, description="Its port.", json_schema_extra=allowed("1 to 65535")
    )
    user: harbor_limits.Name | None = Field(
        default=None,
        description="Harbor's user there, of a Redis with users (ACL); needs a password.",
        json_schema_extra=allowed("letters, digits and . _ @ -", "none: the default user"),
    )
    password: harbor_limits.Source | None = Field(
        default=None,
        description="Where that user's password is. The chart writes it into Harbor's ConfigMaps.",
        json_schema_extra=allowed(SOURCE, "none: no password is asked for"),
    )
    tls: limits.Switch = Field(
        default=False,
        description="Whether the connection is encrypted and its certificate verified.",
        json_schema_extra=allowed("True or False"),
    )
    databases: RedisDatabases = Field(
        default=RedisDatabases(),
        description="The numbers of the databases inside it.",
        json_schema_extra=allowed("the keys below", "theirs"),
    )
