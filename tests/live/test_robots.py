"""Robots: their secrets, and the only place where a secret can be checked."""

from tests.live.client import NOBODY, Live

SECRET = "R0bot-secret-words"
WRONG = "Wr0ng-secret-words"


def test_a_supplied_secret_is_ignored(harbor: Live, project: str) -> None:
    body = harbor.robot_body(project) | {"secret": SECRET}
    created = harbor.call("POST", "/robots", 201, body=body).json()
    harbor.later(f"/robots/{created['id']}")
    assert created["secret"] != SECRET
    # The name that logs in has the prefix that is configured, and the project.
    assert created["name"].endswith(f"{project}+{body['name']}")
    assert created["expires_at"] == -1
    harbor.call("GET", "/v2/", 200, who=(created["name"], created["secret"]))
    harbor.call("GET", "/v2/", 401, who=(created["name"], SECRET))


def test_a_secret_is_set_afterwards(harbor: Live, project: str) -> None:
    created = harbor.call("POST", "/robots", 201, body=harbor.robot_body(project)).json()
    path = f"/robots/{created['id']}"
    harbor.later(path)
    harbor.call("PATCH", path, 200, body={"secret": SECRET})
    harbor.call("GET", "/v2/", 200, who=(created["name"], SECRET))
    harbor.call("GET", "/v2/", 401, who=(created["name"], created["secret"]))
    harbor.call("PATCH", path, 400, body={"secret": "weak"})
    harbor.call("GET", "/v2/", 200, who=(created["name"], SECRET))
    # It is told once, at the beginning.
    assert not harbor.call("GET", path, 200).json().get("secret")


def test_a_token_is_no_proof_of_a_secret(harbor: Live, project: str) -> None:
    name, _ = robot = harbor.robot(project)
    scope = f"repository:{project}/image:pull"
    assert harbor.token((name, WRONG), scope)
    harbor.call("GET", "/projects", 200, who=(name, WRONG))
    harbor.call("GET", "/v2/", 401, who=(name, WRONG))
    harbor.call("GET", "/v2/", 200, who=robot)


def test_a_robot_is_no_user(harbor: Live, project: str) -> None:
    name, _ = robot = harbor.robot(project)
    harbor.call("GET", "/users/current", 412, who=robot)
    harbor.call("GET", "/users/current", 401, who=(name, WRONG))


def test_a_robot_that_is_there(harbor: Live, project: str) -> None:
    body = harbor.robot_body(project)
    created = harbor.call("POST", "/robots", 201, body=body).json()
    harbor.later(f"/robots/{created['id']}")
    harbor.call("POST", "/robots", 409, body=body)


def test_a_systems_robot_and_its_permissions(harbor: Live, project: str) -> None:
    body = harbor.robot_body(project) | {"level": "system"}
    created = harbor.call("POST", "/robots", 201, body=body).json()
    path = f"/robots/{created['id']}"
    harbor.later(path)
    assert created["name"].endswith(body["name"])
    assert project not in created["name"]
    read = harbor.call("GET", path, 200).json()
    assert (read["level"], read["disable"], read["duration"]) == ("system", False, -1)
    [permission] = read["permissions"]
    assert (permission["kind"], permission["namespace"]) == ("project", project)
    assert [(item["resource"], item["action"]) for item in permission["access"]] == [("repository", "pull")]
    access = [{"resource": "repository", "action": action} for action in ("pull", "push")]
    read["permissions"] = [{"kind": "project", "namespace": project, "access": access}]
    harbor.call("PUT", path, 200, body=read)
    [permission] = harbor.call("GET", path, 200).json()["permissions"]
    assert {item["action"] for item in permission["access"]} == {"pull", "push"}


def test_robots_are_listed_by_project(harbor: Live, project: str) -> None:
    name, _ = harbor.robot(project)
    number = harbor.call("GET", f"/projects/{project}", 200).json()["project_id"]
    query = {"q": f"Level=project,ProjectID={number}"}
    assert [item["name"] for item in harbor.call("GET", "/robots", 200, params=query).json()] == [name]
    harbor.call("GET", "/robots", 400, params={"q": "Level=project"})


def test_what_harbor_refuses(harbor: Live, project: str) -> None:
    body = harbor.robot_body(project)
    harbor.call("POST", "/robots", 400, body=body | {"level": "galaxy"})
    harbor.call("POST", "/robots", 400, body=body | {"duration": 0})
    harbor.call("POST", "/robots", 400, 422, body=body | {"permissions": []})
    harbor.call("POST", "/robots", 401, body=body, who=NOBODY)
    assert harbor.call("GET", "/robots", 200, params={"q": f"name={body['name']}"}).json() == []


def test_a_robot_that_is_gone(harbor: Live, project: str) -> None:
    created = harbor.call("POST", "/robots", 201, body=harbor.robot_body(project)).json()
    path = f"/robots/{created['id']}"
    harbor.call("DELETE", path, 200)
    harbor.call("DELETE", path, 404)
    harbor.call("GET", "/v2/", 401, who=(created["name"], created["secret"]))
