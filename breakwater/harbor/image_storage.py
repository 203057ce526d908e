"""Where images are kept when not on a volume: an object store, a cloud's or your own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from breakwater import limits
from breakwater.export import STRICT, allowed
from breakwater.harbor import limits as harbor_limits

SOURCE = "`file:PATH` or `env:NAME`"
_NAME = "letters, digits and . _ @ -"


def _type(name: str) -> Any:
    return Field(description="Which kind of store it is.", json_schema_extra=allowed(f"`{name}`"))


def _no_redirect() -> Any:
    reason = "Whether clients get layers through Harbor. Else they are sent to the store, and must reach it."
    return Field(default=False, description=reason, json_schema_extra=allowed("True or False"))


def _folder() -> Any:
    return Field(
        default=None,
        description="The folder in the store below which Harbor keeps everything.",
        json_schema_extra=allowed("a path of letters, digits and . _ - /", "none: the store's top"),
    )


def _named(what: str) -> Any:
    return Field(description=what, json_schema_extra=allowed(_NAME))


def _secret(what: str, default: str) -> Any:
    return Field(default=None, description=what, json_schema_extra=allowed(SOURCE, default))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class S3:
    """A bucket of Amazon's S3, or of what speaks like it (MinIO, Ceph)."""

    type: Literal["s3"] = _type("s3")
    region: harbor_limits.Name = _named("The bucket's region; what a store of one's own is set to.")
    bucket: harbor_limits.Name = _named("The bucket; it is not made.")
    endpoint: harbor_limits.Url | None = Field(
        default=None,
        description="Where the store is, when it is not Amazon's.",
        json_schema_extra=allowed("an https:// or http:// URL", "Amazon's, by the region"),
    )
    access_key: harbor_limits.Source | None = _secret(
        "Where the key's name is.", "none: what the nodes' machines are allowed to do"
    )
    secret_key: harbor_limits.Source | None = _secret("Where the key's secret is.", "none, as access_key")
    directory: harbor_limits.Directory | None = _folder()
    encrypt: limits.Switch = Field(
        default=False,
        description="Whether the store encrypts what it keeps.",
        json_schema_extra=allowed("True or False"),
    )
    skip_verify: limits.Switch = Field(
        default=False,
        description="Whether any certificate of the store's is believed. Every run warns of it.",
        json_schema_extra=allowed("True or False"),
    )
    disable_redirect: limits.Switch = _no_redirect()

    @property
    def sources(self) -> dict[str, str]:
        """{the chart's key: where its value is} of the store's secrets."""
        return _given(
            REGISTRY_STORAGE_S3_ACCESSKEY=self.access_key, REGISTRY_STORAGE_S3_SECRETKEY=self.secret_key
        )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Azure:
    """A container of Azure's Blob Storage."""

    type: Literal["azure"] = _type("azure")
    account: harbor_limits.Name = _named("The storage account.")
    container: harbor_limits.Name = _named("The container; it is not made.")
    account_key: harbor_limits.Source = Field(
        description="Where the account's key is.", json_schema_extra=allowed(SOURCE)
    )
    realm: harbor_limits.Host = Field(
        default="core.windows.net",
        description="The domain of the cloud, for a national or private one.",
        json_schema_extra=allowed("a domain"),
    )
    disable_redirect: limits.Switch = _no_redirect()

    @property
    def sources(self) -> dict[str, str]:
        """{the chart's key: where its value is} of the store's secrets."""
        return {"AZURE_STORAGE_ACCESS_KEY": self.account_key}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Gcs:
    """A bucket of Google's Cloud Storage."""

    type: Literal["gcs"] = _type("gcs")
    bucket: harbor_limits.Name = _named("The bucket; it is not made.")
    key: harbor_limits.Source | None = _secret(
        "Where the service account's JSON key file is.", "none: the workload identity of the nodes' cloud"
    )
    directory: harbor_limits.Directory | None = _folder()
    disable_redirect: limits.Switch = _no_redirect()

    @property
    def sources(self) -> dict[str, str]:
        """{the chart's key: where its value is} of the store's secrets."""
        return _given(GCS_KEY_DATA=self.key)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Swift:
    """A container of OpenStack's Swift."""

    type: Literal["swift"] = _type("swift")
    auth_url: harbor_limits.Url = Field(
        description="Where OpenStack's identity service is.",
        json_schema_extra=allowed("an https:// or http:// URL"),
    )
    user: harbor_limits.Name = _named("The user.")
    password: harbor_limits.Source = Field(
        description="Where the user's password is.", json_schema_extra=allowed(SOURCE)
    )
    container: harbor_limits.Name = _named("The container.")
    region: harbor_limits.Name | None = Field(
        default=None,
        description="The container's region.",
        json_schema_extra=allowed(_NAME, "none: the service's own choice"),
    )
    tenant: harbor_limits.Name | None = Field(
        default=None,
        description="The tenant, which is a project of today's OpenStack.",
        json_schema_extra=allowed(_NAME, "none: the user's own"),
    )
    domain: harbor_limits.Name | None = Field(
        default=None,
        description="The user's domain, which version 3 of the identity service asks for.",
        json_schema_extra=allowed(_NAME, "none"),
    )
    directory: harbor_limits.Directory | None = _folder()
    disable_redirect: limits.Switch = _no_redirect()

    @property
    def sources(self) -> dict[str, str]:
        """{the chart's key: where its value is} of the store's secrets."""
        return {"REGISTRY_STORAGE_SWIFT_PASSWORD": self.password}


Store = Annotated[S3 | Azure | Gcs | Swift, Field(discriminator="type")]


def _given(**sources: str | None) -> dict[str, str]:
    return {key: source for key, source in sources.items() if source}
