"""The keys of robots: accounts that are nobody's, for machines."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from breakwater import limits as common
from breakwater.export import STRICT, allowed
from breakwater.registry import limits


def secret_name(name: str) -> str:
    """Of the Secrets with a robot's login; two robots may come to the same.

    + name: NAME, or PROJECT+NAME
    """
    return f"breakwater-{name.replace('+', '.').replace('_', '-')}"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RobotKeys:
    """What robots of a project and of the system have in common."""

    name: limits.RobotName = Field(
        description="The part of its name that you choose; before it Harbor puts robot$ (or robot_prefix),"
        " and of a project's PROJECT+.",
        json_schema_extra=allowed("lower-case letters and digits, . _ - between them"),
    )
    description: limits.Text = Field(
        default="", description="What it is for.", json_schema_extra=allowed("text", "none")
    )
    days: limits.Days | None = Field(
        default=None,
        description="Days after which it no longer logs in; a rotation gives it as many again.",
        json_schema_extra=allowed("1 to 36500", "none: it never ends"),
    )
    disabled: common.Switch = Field(
        default=False, description="Whether it rests.", json_schema_extra=allowed("True or False")
    )
    pull_secrets: Annotated[tuple[common.Namespace, ...], common.Listed] = Field(
        default=(),
        description="Namespaces of the cluster that get its login as a Secret for imagePullSecrets:"
        " breakwater-NAME, or breakwater-PROJECT.NAME.",
        json_schema_extra=allowed("namespaces that are there", "none"),
    )
    overlap: common.Switch = Field(
        default=False,
        description="Whether a rotation goes to a second robot while the first still works: they are NAME-a"
        " and NAME-b, and the name to log in with changes with each rotation.",
        json_schema_extra=allowed("True or False"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ProjectRobot(RobotKeys):
    """A robot of one project."""

    allow: Annotated[tuple[limits.InProject, ...], common.Listed, common.AtLeastOne] = Field(
        default=("pull",),
        description="What it may do in its project.",
        json_schema_extra=allowed("a list of `pull`, `push` (which is pull too) and RESOURCE:ACTION"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Grant:
    """What a robot of the system may do in some projects."""

    projects: Annotated[tuple[limits.ProjectOrAll, ...], common.Listed, common.AtLeastOne] = Field(
        description="In which.", json_schema_extra=allowed('projects\' names, or `"*"` for all')
    )
    allow: Annotated[tuple[limits.InProject, ...], common.Listed, common.AtLeastOne] = Field(
        description="What.",
        json_schema_extra=allowed("a list of `pull`, `push` (which is pull too) and RESOURCE:ACTION"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SystemRobot(RobotKeys):
    """A robot of several projects, or of the system."""

    grants: Annotated[tuple[Grant, ...], common.Listed] = Field(
        default=(),
        description="What it may do in projects.",
        json_schema_extra=allowed("groups of the keys below", "nothing"),
    )
    allow: Annotated[tuple[limits.InSystem, ...], common.Listed] = Field(
        default=(),
        description="What it may do to the system.",
        json_schema_extra=allowed("a list of RESOURCE:ACTION such as `user:list`", "nothing"),
    )
