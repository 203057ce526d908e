"""The calls that the lab's stand-in answers, held against Harbor's own description and against what we call.

lab/standin/harbor/api.yaml has a list of them under the key `calls`: method, path, statuses; query, body
and answer where there are any, in the shape of Description.faults().
"""

import contextlib
import functools
import inspect
import re
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest
import yaml
from harbor_description import Description, nameless

from breakwater.harbor import projects
from breakwater.harbor.api import Harbor, HarborError
from breakwater.harbor.projects import Project

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "lab/standin/harbor/api.yaml"
# Not ours to keep in the project: it stands beside it where breakwater is developed.
DESCRIPTION = ROOT.parent / "shared/facts/harbor/swagger-2.15.1.yaml"

SMALL = {
    "method": "POST",
    "path": "/projects",
    "statuses": [201, 400, 409, 422],
    "body": {"project_name": "string", "metadata": {"public": "string"}, "storage_limit": "integer"},
}


@pytest.fixture(scope="module")
def description() -> Description:
    if not DESCRIPTION.is_file():
        pytest.skip(f"Harbor's description of its API is not there: {DESCRIPTION.name}")
    return Description(DESCRIPTION)


@pytest.fixture(scope="module")
def calls() -> list[dict[str, Any]]:
    if not TABLE.is_file():
        pytest.skip("the stand-in's table of calls is not there: lab/standin/harbor/api.yaml")
    found: list[dict[str, Any]] = yaml.safe_load(TABLE.read_text())["calls"]
    return found


def test_every_call_is_one_of_harbors(calls: list[dict[str, Any]], description: Description) -> None:
    wrong = [f"{c['method']} {c['path']}: {fault}" for c in calls for fault in description.faults(c)]
    assert wrong == []


def test_a_right_call(description: Description) -> None:
    assert list(description.faults(SMALL)) == []


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"method": "PATCH"}, ["no such call"]),
        ({"path": "/project"}, ["no such call"]),
        ({"statuses": [201, 418]}, ["status 418"]),
        ({"query": {"page": "integer"}}, ["query page: integer, not there"]),
        ({"body": {"projectname": "string"}}, ["body.projectname: no such field"]),
        ({"body": {"storage_limit": "string"}}, ["body.storage_limit: string, not integer"]),
        ({"body": {"metadata": {"public": "boolean"}}}, ["body.metadata.public: boolean, not string"]),
        ({"body": {"metadata": {"Public": "string"}}}, ["body.metadata.Public: no such field"]),
        ({"body": [{"project_name": "string"}]}, ["body: a list, not object"]),
        ({"answer": {"name": "string"}}, ["answer: fields, not nothing"]),
        ({"method": "GET", "body": {"name": "string"}}, ["status 409", "body: fields, not nothing"]),
    ],
)
def test_a_wrong_call(description: Description, change: dict[str, Any], faults: list[str]) -> None:
    call = SMALL | change
    if call["method"] == "GET":
        call["statuses"] = [200, 409]
    assert list(description.faults(call)) == faults


@pytest.mark.parametrize(
    "call",
    [
        {"path": "/projects", "answer": [{"name": "string", "metadata": {"public": "string"}}]},
        {"path": "/projects", "query": {"q": "string", "page": "integer", "page_size": "integer"}},
        {"path": "/users/current", "statuses": [200, 412], "answer": {"user_id": "integer"}},
        {"path": "/projects/{name}/members", "answer": [{"entity_name": "string"}]},
        {"path": "/quotas", "answer": [{"id": "integer", "hard": {"storage": "integer"}}]},
        {"path": "/health", "answer": {"status": "string", "components": [{"name": "string"}]}},
    ],
)
def test_right_questions(description: Description, call: dict[str, Any]) -> None:
    assert list(description.faults({"method": "GET", "statuses": [200, 401], **call})) == []


def test_no_call_is_there_twice(calls: list[dict[str, Any]]) -> None:
    names = [(call["method"], nameless(call["path"])) for call in calls]
    assert sorted(names) == sorted(set(names))


def test_what_breakwater_calls_is_in_the_table(calls: list[dict[str, Any]]) -> None:
    known = {(call["method"], nameless(call["path"])) for call in calls}
    assert asked() - known == set()


def asked() -> set[tuple[str, str]]:
    """Every call that breakwater's client makes, its numbers taken out."""
    made = set()

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v2.0")
        made.add((request.method, re.sub(r"/\d+", "/{}", path)))
        listed = request.method == "GET" and path.endswith(("/robots", "/repositories", "/projects"))
        one = {"user_id": 1, "id": 1, "name": "2", "project_id": 3}
        return httpx.Response(200, json=[one] if listed else one)

    client = Harbor("https://h", certifi.where(), transport=httpx.MockTransport(answer))
    calls = [client.ping, client.health, client.version, lambda: client.change_password("u", "old", "new")]
    public = {name for name in vars(Harbor) if not name.startswith("_")}
    # admits asks the registry itself, which the description does not describe.
    known = {"ping", "health", "version", "change_password", "logs_in", "call", "admits"}
    assert public == known, "another call: add it here"
    of_projects: dict[str, list[Any]] = {
        "make_project": ["2"],
        "projects_named": ["2"],
        "make_robot": ["2", "r", ["pull"]],
        "remove_project": [Project("2", 3)],
    }
    functions = {n: f for n, f in vars(projects).items() if inspect.isfunction(f) and not n.startswith("_")}
    ours = {name for name, found in functions.items() if found.__module__ == projects.__name__}
    assert ours == set(of_projects), "another call: add it here"
    calls += [functools.partial(functions[n], client, *given) for n, given in of_projects.items()]
    for call in calls:
        with contextlib.suppress(HarborError):  # the answer has not what it looks for
            call()
    return made
