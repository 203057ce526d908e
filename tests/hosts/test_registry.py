"""What is in Harbor serves those it is for: robots log in, strangers see little, nodes have the mirror."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from breakwater.harbor.api import Harbor
from breakwater.harbor.lists import listed
from breakwater.registry.contradictions import robot_names
from breakwater.registry.settings import Registry
from breakwater.settings import Settings


@pytest.fixture(scope="module")
def registry(settings: Settings) -> Registry:
    """What shall be in it."""
    if not settings.domain or settings.registry == Registry():
        pytest.skip("the settings say nothing of what is in Harbor")
    return settings.registry


@pytest.fixture(scope="module")
def state(settings: Settings) -> Path:
    return Path(settings.state).expanduser()


@pytest.fixture(scope="module")
def nobody(settings: Settings, state: Path, registry: Registry) -> Harbor:
    """Harbor, asked without a login."""
    address = next(at for name, at in settings.nodes.items() if name not in settings.nodes_down)
    return Harbor(f"https://{address}:{settings.harbor.node_ports.https}", str(state / "harbor/ca.crt"))


def test_robots_log_in_with_the_secrets_that_are_kept_here(
    registry: Registry, state: Path, nobody: Harbor
) -> None:
    robots = [(f"{project.name}+", robot) for project in registry.projects for robot in project.robots]
    robots += [("", robot) for robot in registry.robots]
    awake = {f"{of}{name}" for of, robot in robots if not robot.disabled for name in robot_names(robot)}
    ours = [file for file in (state / "registry/robots").glob("*") if file.name in awake]
    if not ours:
        pytest.skip("no robot's secret is kept on this machine")
    # Nobody but an administrator is told another one that people gave it.
    prefix = registry.system.robot_prefix or "robot$"
    logins = {f"{prefix}{file.name}": file.read_text().rstrip("\n") for file in ours}
    refused = [login for login, secret in logins.items() if not nobody.admits(login, secret)]
    assert refused == []


def test_strangers_see_public_projects_only(registry: Registry, nobody: Harbor) -> None:
    seen = {project["name"] for project in listed(nobody, "/projects")}
    private = {project.name for project in registry.projects if not project.public}
    assert seen & private == set()
    assert {project.name for project in registry.projects if project.public} <= seen


def test_secrets_are_their_owner_s_alone(registry: Registry, state: Path) -> None:
    folder = state / "registry"
    modes = {path: path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}
    assert {path.name: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


def test_nodes_have_the_mirror_of_docker_hub(node: Any, settings: Settings, registry: Registry) -> None:
    if registry.docker_hub_cache is None:
        pytest.skip("the settings have no docker_hub_cache")
    if not settings.hosts["proxies"]:
        pytest.skip("there are no proxies, so nodes are told nothing")
    if not node.exists("containerd"):
        pytest.skip("containerd is not there")
    host = settings.external_url.removeprefix("https://")
    found = node.check_output("cat /etc/containerd/certs.d/docker.io/hosts.toml")
    assert f'[host."https://{host}/v2/{registry.docker_hub_cache}"]' in found
