"""What the proof of the domain relies on: a project for a moment, and a robot with just that right."""

import pytest

from breakwater.harbor.api import Harbor
from breakwater.harbor.projects import make_project, make_robot, projects_named, remove_project
from breakwater.registry_client import Registry
from breakwater.registry_errors import RegistryError
from breakwater.small_image import unique
from tests.live.client import Live


def test_an_image_by_a_robot_and_all_of_it_gone(harbor: Live, ca: str) -> None:
    name = harbor.name("project")
    repository = f"{name}/image"
    with Harbor(harbor.url, ca, *harbor.admin) as client:
        make_project(client, name)
        harbor.later(f"/projects/{name}")
        harbor.later(f"/projects/{name}/repositories/image")
        robot = make_robot(client, name, "proof", ["pull", "push"])
        image = unique("amd64", bulk=1 << 16)
        with Registry(harbor.host, ca, robot.name, robot.secret) as registry:
            registry.login()
            registry.push(repository, "one", image)
            assert registry.digest(repository, "one") == image.digest
            assert registry.pull(repository, "one") == image
            # Its right ends at its project, and does not go as far as deleting.
            with pytest.raises(RegistryError, match="denied"):
                registry.push("library/breakwater-live", "one", image)
            with pytest.raises(RegistryError, match="denied"):
                registry.delete(repository, image.digest)
        [project] = projects_named(client, name)
        assert project.name == name
        remove_project(client, project)
        assert projects_named(client, name) == []
    harbor.call("GET", "/v2/", 401, who=(robot.name, robot.secret))


def test_a_robot_of_a_day_ends(harbor: Live, ca: str, project: str) -> None:
    with Harbor(harbor.url, ca, *harbor.admin) as client:
        make_robot(client, project, "proof", ["pull"])
        number = harbor.call("GET", f"/projects/{project}", 200).json()["project_id"]
        query = {"q": f"Level=project,ProjectID={number}"}
        [robot] = harbor.call("GET", "/robots", 200, params=query).json()
        harbor.later(f"/robots/{robot['id']}")
    assert robot["expires_at"] > 0


def test_projects_are_found_by_a_part_of_their_names(harbor: Live, ca: str) -> None:
    names = {harbor.project(), harbor.project()}
    with Harbor(harbor.url, ca, *harbor.admin) as client:
        assert {project.name for project in projects_named(client, harbor.prefix)} == names


def test_an_image_below_two_names_is_removed_with_its_project(harbor: Live, ca: str) -> None:
    name = harbor.project()
    with Harbor(harbor.url, ca, *harbor.admin) as client:
        with Registry(harbor.host, ca, *harbor.admin) as registry:
            registry.push(f"{name}/deep/image", "one", unique("amd64", bulk=1 << 10))
        harbor.later(f"/projects/{name}/repositories/deep%252Fimage")
        [project] = projects_named(client, name)
        remove_project(client, project)
    harbor.call("HEAD", "/projects", 404, params={"project_name": name})


def test_a_wrong_secret_is_found_out(harbor: Live, ca: str, project: str) -> None:
    name, _ = harbor.robot(project, "pull", "push")
    wrong = Registry(harbor.host, ca, name, "Wr0ng-secret-words")
    with wrong, pytest.raises(RegistryError, match="unauthorized"):
        wrong.login()
