"""The keys of `registry`: who may do what in Harbor, and what is in it."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field
from pydantic.dataclasses import dataclass

from breakwater import limits as common
from breakwater.export import STRICT, allowed
from breakwater.harbor import limits as harbor_limits
from breakwater.harbor.image_storage import SOURCE
from breakwater.registry import limits
from breakwater.registry.people_settings import Auth, User
from breakwater.registry.project_settings import Project
from breakwater.registry.robot_settings import SystemRobot
from breakwater.registry.system_settings import System

# Kinds of registry that Harbor 2.15.1 knows: src/pkg/reg/model/registry.go.
Kind = Literal[
    "docker-hub",
    "quay",
    "github-ghcr",
    "harbor",
    "docker-registry",
    "aws-ecr",
    "azure-acr",
    "google-gcr",
    "jfrog-artifactory",
    "ali-acr",
    "tencent-tcr",
    "huawei-SWR",
    "volcengine-cr",
]
# Where the public ones are.
PLACES: dict[str, str] = {
    "docker-hub": "https://hub.docker.com",
    "quay": "https://quay.io",
    "github-ghcr": "https://ghcr.io",
}
# Told to Harbor as what they are to whoever pulls: of type quay chart 1.19.1 permits no cache, and Harbor
# takes no robot's name and token there, but a JSON of its own (src/pkg/reg/adapter/quay).
TOLD_AS: dict[str, str] = {"quay": "docker-registry"}
# What a project can be a cache of: PERMITTED_REGISTRY_TYPES_FOR_PROXY_CACHE in chart 1.19.1.
CACHED: tuple[str, ...] = (
    *("docker-hub", "harbor", "azure-acr", "ali-acr", "aws-ecr", "google-gcr", "docker-registry"),
    *("github-ghcr", "jfrog-artifactory"),
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Endpoint:
    """Another registry, that a project may be a cache of."""

    name: limits.EndpointName = Field(
        description="Its name; another one is another endpoint.", json_schema_extra=allowed("text")
    )
    type: Kind = Field(
        description="What it is. Harbor changes it of none that is there, and is told `docker-registry` for"
        " `quay`: so a project may be a cache of it, and it takes a robot's name and token.",
        json_schema_extra=allowed(", ".join(f"`{kind}`" for kind in get_args(Kind))),
    )
    url: limits.HttpUrl | None = Field(
        default=None,
        description="Where it is.",
        json_schema_extra=allowed("a URL", "of docker-hub, quay and github-ghcr theirs; required for others"),
    )
    user: limits.Text = Field(
        default="", description="As whom Harbor pulls.", json_schema_extra=allowed("a user's name", "nobody")
    )
    password: harbor_limits.Source | None = Field(
        default=None,
        description="Where that one's password or token is.",
        json_schema_extra=allowed(SOURCE, "none"),
    )
    verify_tls: common.Switch = Field(
        default=True,
        description="Whether its certificate must be right.",
        json_schema_extra=allowed("True or False"),
    )
    description: limits.Text = Field(
        default="", description="What it is for.", json_schema_extra=allowed("text", "none")
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Prune:
    """Whether what breakwater once made goes when it left the settings. What people made never does."""

    projects: common.Switch = Field(
        default=False,
        description="Projects; never one with repositories in it.",
        json_schema_extra=allowed("True or False"),
    )
    users: common.Switch = Field(
        default=False, description="Local users.", json_schema_extra=allowed("True or False")
    )
    members: common.Switch = Field(
        default=False, description="Members of projects.", json_schema_extra=allowed("True or False")
    )
    robots: common.Switch = Field(
        default=False,
        description="Robots, and their Secrets in the cluster.",
        json_schema_extra=allowed("True or False"),
    )
    endpoints: common.Switch = Field(
        default=False,
        description="Endpoints; never one that a project is a cache of.",
        json_schema_extra=allowed("True or False"),
    )
    policies: common.Switch = Field(
        default=False,
        description="Labels, immutable tags, retention and webhooks of projects in the settings.",
        json_schema_extra=allowed("True or False"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Registry:
    """What is in Harbor. What is there beyond it is reported, and stays."""

    projects: Annotated[tuple[Project, ...], common.Listed] = Field(
        default=(), description="Projects.", json_schema_extra=allowed("groups of the keys below", "none")
    )
    users: Annotated[tuple[User, ...], common.Listed] = Field(
        default=(),
        description="Users whose passwords Harbor keeps.",
        json_schema_extra=allowed("groups of the keys below", "none but admin"),
    )
    robots: Annotated[tuple[SystemRobot, ...], common.Listed] = Field(
        default=(),
        description="Accounts for machines, of several projects or of the system.",
        json_schema_extra=allowed("groups of the keys below", "none"),
    )
    endpoints: Annotated[tuple[Endpoint, ...], common.Listed] = Field(
        default=(),
        description="Other registries.",
        json_schema_extra=allowed("groups of the keys below", "none"),
    )
    docker_hub_cache: limits.ProjectName | None = Field(
        default=None,
        description="A public project that is a cache of Docker Hub: it, its endpoint, and the mirror"
        " configuration of every node, with Docker Hub itself when the cache is away.",
        json_schema_extra=allowed("a project's name such as dockerhub", "none"),
    )
    auth: Auth | None = Field(
        default=None,
        description="Who checks logins.",
        json_schema_extra=allowed("the keys below", "as it is: Harbor itself, in a new one"),
    )
    system: System = Field(
        default=System(),
        description="What holds for all of Harbor.",
        json_schema_extra=allowed("the keys below", "all of it as it is"),
    )
    prune: Prune = Field(
        default=Prune(),
        description="What goes when it left the settings.",
        json_schema_extra=allowed("the keys below", "nothing: it is reported"),
    )
