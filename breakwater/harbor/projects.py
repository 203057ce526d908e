"""Harbor's projects, what is in them, and the robots that may push and pull there."""

from dataclasses import dataclass, field
from urllib.parse import quote

from breakwater.harbor.api import Harbor, HarborError
from breakwater.harbor.lists import listed


@dataclass(frozen=True)
class Project:
    """A project as it is listed."""

    name: str
    id: int


@dataclass(frozen=True)
class Robot:
    """An account that is nobody's; its name is what logs in.

    + secret: told once, when it is made
    """

    name: str
    secret: str = field(repr=False)


def make_project(harbor: Harbor, name: str) -> None:
    """Make a private project. Raises HarborError with status 409 when it is there."""
    # Harbor takes these only as text.
    harbor.call("POST", "/projects", body={"project_name": name, "metadata": {"public": "false"}})


def projects_named(harbor: Harbor, part: str) -> list[Project]:
    """The projects with this in their names."""
    found = listed(harbor, "/projects", {"q": f"name=~{part}"})
    return [Project(item["name"], int(item["project_id"])) for item in found]


def make_robot(harbor: Harbor, project: str, name: str, actions: list[str], days: int = 1) -> Robot:
    """Make a robot that may do this in one project's repositories, and nothing else anywhere.

    + actions: such as pull; push takes both
    + days: after which nobody logs in by it any more
    """
    access = [{"resource": "repository", "action": action} for action in actions]
    permission = {"kind": "project", "namespace": project, "access": access}
    body = {"name": name, "level": "project", "duration": days, "permissions": [permission]}
    made = harbor.call("POST", "/robots", body=body)
    try:
        answer = made.json()
        return Robot(answer["name"], answer["secret"])
    except (ValueError, LookupError, TypeError) as error:
        raise HarborError("POST", "/robots", made.status_code, "no secret in it") from error


def remove_project(harbor: Harbor, project: Project) -> None:
    """Remove a project with its robots and all that was pushed to it. What is gone already is no fault."""
    for robot in listed(harbor, "/robots", {"q": f"Level=project,ProjectID={project.id}"}):
        _delete(harbor, f"/robots/{int(robot['id'])}")
    path = f"/projects/{project.name}"
    for repository in listed(harbor, f"{path}/repositories"):
        name = str(repository["name"]).removeprefix(f"{project.name}/")
        # Harbor decodes it twice: a slash in it would be part of the path otherwise.
        _delete(harbor, f"{path}/repositories/{quote(quote(name, safe=''), safe='')}")
    _delete(harbor, path)


def _delete(harbor: Harbor, path: str) -> None:
    try:
        harbor.call("DELETE", path)
    except HarborError as error:
        if error.status != 404:
            raise
