"""The keys of a project: who sees it, how much it holds, what may be in it, and who is in it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from breakwater import limits as common
from breakwater.export import STRICT, allowed
from breakwater.registry import limits
from breakwater.registry.people_settings import Member
from breakwater.registry.policy_settings import ImmutableTags, Label, Retention, Webhook
from breakwater.registry.robot_settings import ProjectRobot


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Project:
    """A project: the first part of its images' names, and who may do what with them."""

    name: limits.ProjectName = Field(
        description="Its name. Harbor renames none: another name is another project, and the old one stays.",
        json_schema_extra=allowed("lower-case letters and digits, . _ - between them"),
    )
    public: common.Switch = Field(
        default=False,
        description="Whether everyone pulls from it, without a login.",
        json_schema_extra=allowed("True or False"),
    )
    quota: limits.Quota | None = Field(
        default=None,
        description="How much it may hold.",
        json_schema_extra=allowed("such as 50GiB, or `none` for no limit", "the system's"),
    )
    proxy_cache: limits.Text | None = Field(
        default=None,
        description="The endpoint whose images it holds once somebody has pulled them. Nobody pushes to it."
        " Harbor takes it only for a new project.",
        json_schema_extra=allowed("the name of one of registry.endpoints", "none: it holds what is pushed"),
    )
    auto_scan: common.Switch = Field(
        default=False,
        description="Whether an image is looked at for vulnerabilities when it is pushed.",
        json_schema_extra=allowed("True or False"),
    )
    auto_sbom: common.Switch = Field(
        default=False,
        description="Whether the list of what is in an image is made when it is pushed.",
        json_schema_extra=allowed("True or False"),
    )
    prevent_vulnerable: Literal["none", "low", "medium", "high", "critical"] | None = Field(
        default=None,
        description="Nobody pulls an image with a vulnerability as severe as this, or not looked at.",
        json_schema_extra=allowed("`none`, `low`, `medium`, `high` or `critical`", "everyone pulls"),
    )
    cve_allowlist: Annotated[tuple[limits.Cve, ...], common.Listed] | None = Field(
        default=None,
        description="Vulnerabilities that do not count here.",
        json_schema_extra=allowed("such as CVE-2024-12345", "the system's"),
    )
    content_trust: common.Switch = Field(
        default=False,
        description="Whether only images pull that cosign has signed.",
        json_schema_extra=allowed("True or False"),
    )
    members: Annotated[tuple[Member, ...], common.Listed] = Field(
        default=(),
        description="Who may do what in it. Whoever is administrator of Harbor may anyway.",
        json_schema_extra=allowed("groups of the keys below", "nobody"),
    )
    robots: Annotated[tuple[ProjectRobot, ...], common.Listed] = Field(
        default=(),
        description="Its accounts for machines.",
        json_schema_extra=allowed("groups of the keys below", "none"),
    )
    labels: Annotated[tuple[Label, ...], common.Listed] = Field(
        default=(), description="Its labels.", json_schema_extra=allowed("groups of the keys below", "none")
    )
    immutable_tags: Annotated[tuple[ImmutableTags, ...], common.Listed] = Field(
        default=(),
        description="Tags that nobody moves or deletes.",
        json_schema_extra=allowed("groups of the keys below", "none"),
    )
    retention: Retention | None = Field(
        default=None,
        description="Which images stay.",
        json_schema_extra=allowed(
            "the keys below",
            "all; in a proxy cache those that were pulled within 7 days, which is Harbor's own rule",
        ),
    )
    webhooks: Annotated[tuple[Webhook, ...], common.Listed] = Field(
        default=(),
        description="Who is told of what happens in it.",
        json_schema_extra=allowed("groups of the keys below", "nobody"),
    )
