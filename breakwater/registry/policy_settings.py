"""The keys of a project's policies: labels, immutable tags, retention, webhooks."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field
from pydantic.dataclasses import dataclass

from breakwater import limits as common
from breakwater.export import STRICT, allowed
from breakwater.harbor import limits as harbor_limits
from breakwater.harbor.image_storage import SOURCE
from breakwater.registry import limits

# src/pkg/notification/notification.go and src/controller/event/topic.go of Harbor 2.15.1.
Event = Literal[
    "PUSH_ARTIFACT",
    "PULL_ARTIFACT",
    "DELETE_ARTIFACT",
    "QUOTA_EXCEED",
    "QUOTA_WARNING",
    "SCANNING_FAILED",
    "SCANNING_STOPPED",
    "SCANNING_COMPLETED",
    "REPLICATION",
    "TAG_RETENTION",
]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Label:
    """A label that people put onto images of the project."""

    name: limits.LabelName = Field(
        description="Its name; another one is another label.", json_schema_extra=allowed("text")
    )
    color: limits.Colour = Field(
        default="#FFFFFF", description="Its colour.", json_schema_extra=allowed("such as #0065AB")
    )
    description: limits.Text = Field(
        default="", description="What it is for.", json_schema_extra=allowed("text", "none")
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Selection:
    """Tags of repositories, by patterns: * stands for anything but /, ** for that too, {a,b} for either."""

    tags: limits.Pattern = Field(
        default="**", description="These tags.", json_schema_extra=allowed("a pattern such as v*")
    )
    except_tags: limits.Pattern | None = Field(
        default=None,
        description="All tags but these; then tags is left away.",
        json_schema_extra=allowed("a pattern", "none"),
    )
    repositories: limits.Pattern = Field(
        default="**",
        description="Of these repositories, named without the project.",
        json_schema_extra=allowed("a pattern such as web/**"),
    )
    except_repositories: limits.Pattern | None = Field(
        default=None,
        description="Of all repositories but these; then repositories is left away.",
        json_schema_extra=allowed("a pattern", "none"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ImmutableTags(Selection):
    """Tags that nobody moves to another image, or deletes."""

    disabled: common.Switch = Field(
        default=False, description="Whether it rests.", json_schema_extra=allowed("True or False")
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RetentionRule(Selection):
    """What is kept: by one of keep_pushed, keep_pulled, pushed_days, pulled_days, always. The rest goes."""

    keep_pushed: limits.Count | None = Field(
        default=None,
        description="So many images of each repository, those pushed last.",
        json_schema_extra=allowed("1 to 10000", "none"),
    )
    keep_pulled: limits.Count | None = Field(
        default=None,
        description="So many images of each repository, those pulled last.",
        json_schema_extra=allowed("1 to 10000", "none"),
    )
    pushed_days: limits.Days | None = Field(
        default=None,
        description="What was pushed within so many days.",
        json_schema_extra=allowed("1 to 36500", "none"),
    )
    pulled_days: limits.Days | None = Field(
        default=None,
        description="What was pulled within so many days.",
        json_schema_extra=allowed("1 to 36500", "none"),
    )
    always: common.Switch = Field(
        default=False, description="All of it.", json_schema_extra=allowed("True or False")
    )
    untagged: common.Switch = Field(
        default=True,
        description="Whether images without a tag are looked at as well, or deleted.",
        json_schema_extra=allowed("True or False"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Retention:
    """Which images stay. What is deleted frees its room at the next garbage collection."""

    rules: Annotated[tuple[RetentionRule, ...], common.Listed, common.AtLeastOne] = Field(
        description="An image stays when one of these keeps it.",
        json_schema_extra=allowed("at least one, at most 15"),
    )
    schedule: limits.Cron | None = Field(
        default=None,
        description="When the others are deleted.",
        json_schema_extra=allowed("6 fields of cron, seconds first", "none: only when somebody asks for it"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Webhook:
    """Who is told of what happens in the project."""

    name: limits.Name = Field(
        description="Its name; another one is another webhook.", json_schema_extra=allowed("text")
    )
    address: limits.UrlOrSource = Field(
        description="Where it is told, as Harbor's pods reach it. One that is a secret itself, as Slack's is,"
        " stands elsewhere.",
        json_schema_extra=allowed(f"a URL without a password in it, or {SOURCE}"),
    )
    events: Annotated[tuple[Event, ...], common.Listed, common.AtLeastOne] = Field(
        description="Of what.",
        json_schema_extra=allowed("a list of " + ", ".join(f"`{event}`" for event in get_args(Event))),
    )
    type: Literal["http", "slack"] = Field(
        default="http", description="In whose form.", json_schema_extra=allowed("`http` or `slack`")
    )
    auth_header: harbor_limits.Source | None = Field(
        default=None,
        description="Where the value of its header Authorization is.",
        json_schema_extra=allowed(SOURCE, "none: it has no such header"),
    )
    verify_tls: common.Switch = Field(
        default=True,
        description="Whether the certificate there must be right.",
        json_schema_extra=allowed("True or False"),
    )
    enabled: common.Switch = Field(
        default=True, description="Whether it is told at all.", json_schema_extra=allowed("True or False")
    )
