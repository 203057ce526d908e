"""The keys of all of Harbor: what is done at which time, and how it treats everyone."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from breakwater import limits as common
from breakwater.export import STRICT, allowed
from breakwater.registry import limits


@dataclass(frozen=True, kw_only=True, config=STRICT)
class GarbageCollection:
    """Frees the room of what was deleted. Harbor takes pushes meanwhile."""

    schedule: limits.Cron | None = Field(
        default=None,
        description="When.",
        json_schema_extra=allowed("6 fields of cron, seconds first", "none: only when somebody asks for it"),
    )
    delete_untagged: common.Switch = Field(
        default=False,
        description="Whether images without a tag go too; those that somebody pulls by their digest among"
        " them.",
        json_schema_extra=allowed("True or False"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LogRotation:
    """Deletes old lines of the audit log from the database."""

    schedule: limits.Cron | None = Field(
        default=None,
        description="When.",
        json_schema_extra=allowed("6 fields of cron, seconds first", "none: it grows"),
    )
    keep_hours: limits.Hours = Field(
        default=2160, description="How old a line may be.", json_schema_extra=allowed("1 to 240000")
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class System:
    """What holds for all of Harbor. A key that is left away leaves what is there."""

    gc: GarbageCollection | None = Field(
        default=None,
        description="Garbage collection.",
        json_schema_extra=allowed("the keys below", "as it is"),
    )
    scan_all: limits.CronOrNever | None = Field(
        default=None,
        description="When every image is looked at for vulnerabilities anew.",
        json_schema_extra=allowed("6 fields of cron, seconds first, or `never`", "as it is"),
    )
    log_rotation: LogRotation | None = Field(
        default=None, description="The audit log.", json_schema_extra=allowed("the keys below", "as it is")
    )
    quota: limits.Quota | None = Field(
        default=None,
        description="How much a project may hold that says nothing itself.",
        json_schema_extra=allowed("such as 50GiB, or `none` for no limit", "as it is"),
    )
    robot_prefix: limits.RobotPrefix | None = Field(
        default=None,
        description="What Harbor puts before robots' names. Another one renames every robot at once, those of"
        " people too, and the former names log in no longer; the pull secrets of this file's robots follow.",
        json_schema_extra=allowed("text such as robot$", "as it is"),
    )
    robot_days: limits.Days | None = Field(
        default=None,
        description="Days after which a robot ends that people make.",
        json_schema_extra=allowed("1 to 36500", "as it is"),
    )
    token_minutes: limits.Minutes | None = Field(
        default=None,
        description="How long a token of a push or pull is good; a layer must have moved by then.",
        json_schema_extra=allowed("1 to 525600", "as it is"),
    )
    session_minutes: limits.Minutes | None = Field(
        default=None,
        description="How long a browser stays logged in.",
        json_schema_extra=allowed("1 to 525600", "as it is"),
    )
    self_registration: common.Switch | None = Field(
        default=None,
        description="Whether whoever finds the page may become a user.",
        json_schema_extra=allowed("True or False", "as it is: not, in a new Harbor"),
    )
    project_creation: Literal["everyone", "admins"] | None = Field(
        default=None,
        description="Who may make projects.",
        json_schema_extra=allowed("`everyone` or `admins`", "as it is"),
    )
    banner: limits.Words | None = Field(
        default=None,
        description="What every page says at its top, to everybody; empty for nothing.",
        json_schema_extra=allowed("text", "as it is"),
    )
    audit_forward: limits.Endpoint | None = Field(
        default=None,
        description="The syslog that gets the audit log too; empty for none.",
        json_schema_extra=allowed("HOST:PORT", "as it is"),
    )
    audit_database: common.Switch | None = Field(
        default=None,
        description="Whether the audit log is in Harbor's database; False only with audit_forward.",
        json_schema_extra=allowed("True or False", "as it is"),
    )
