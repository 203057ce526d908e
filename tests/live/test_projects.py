"""Projects: their metadata, quotas, members and retention; and how lists are asked for."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.live.client import Live

PASSWORD = "Passw0rd-of-a-case"


def test_whether_a_project_is_there(harbor: Live, project: str) -> None:
    harbor.call("HEAD", "/projects", 200, params={"project_name": project})
    harbor.call("HEAD", "/projects", 404, params={"project_name": harbor.name("nothing")})


def test_by_name_and_by_number(harbor: Live, project: str) -> None:
    named = harbor.call("GET", f"/projects/{project}", 200).json()
    assert named["name"] == project
    assert harbor.call("GET", f"/projects/{named['project_id']}", 200).json()["name"] == project


def test_a_project_that_is_there(harbor: Live, project: str) -> None:
    harbor.call("POST", "/projects", 409, body={"project_name": project})


@pytest.mark.parametrize("name", ["Upper", "with space", "-dash", ""])
def test_names_that_harbor_refuses(harbor: Live, name: str) -> None:
    harbor.call("POST", "/projects", 400, 422, body={"project_name": name})


def test_metadata_are_strings(harbor: Live) -> None:
    name = harbor.name("project")
    harbor.call("POST", "/projects", 422, body={"project_name": name, "metadata": {"public": True}})
    harbor.call("HEAD", "/projects", 404, params={"project_name": name})


def test_a_projects_settings(harbor: Live, project: str) -> None:
    path = f"/projects/{project}"
    assert harbor.call("GET", path, 200).json()["metadata"]["public"] == "false"
    harbor.call("PUT", path, 200, body={"metadata": {"auto_scan": "true"}})
    metadata = harbor.call("GET", path, 200).json()["metadata"]
    # What is not named stays.
    assert (metadata["public"], metadata["auto_scan"]) == ("false", "true")
    harbor.call("PUT", path, 422, body={"metadata": {"auto_scan": False}})


def test_a_private_project_is_hidden_and_a_public_one_is_not(harbor: Live, project: str) -> None:
    public = harbor.project(public=True)
    stranger = harbor.user(PASSWORD)
    names = {"q": f"name=~{harbor.prefix}"}
    listed = harbor.call("GET", "/projects", 200, params=names, who=stranger).json()
    assert [item["name"] for item in listed] == [public]
    harbor.call("GET", f"/projects/{project}", 403, who=stranger)


def test_quota(harbor: Live, project: str) -> None:
    number = harbor.call("GET", f"/projects/{project}", 200).json()["project_id"]
    where = {"reference": "project", "reference_id": number}
    [quota] = harbor.call("GET", "/quotas", 200, params=where).json()
    assert quota["hard"] == {"storage": -1}
    harbor.call("PUT", f"/quotas/{quota['id']}", 200, body={"hard": {"storage": 1 << 30}})
    [quota] = harbor.call("GET", "/quotas", 200, params=where).json()
    assert quota["hard"] == {"storage": 1 << 30}
    assert quota["ref"]["name"] == project
    harbor.call("PUT", f"/quotas/{quota['id']}", 400, 422, body={"hard": {"storage": 0}})


def test_a_storage_limit_from_the_start(harbor: Live) -> None:
    name = harbor.name("project")
    harbor.make("/projects", {"project_name": name, "storage_limit": 1 << 20}, gone=f"/projects/{name}")
    number = harbor.call("GET", f"/projects/{name}", 200).json()["project_id"]
    where = {"reference": "project", "reference_id": number}
    assert harbor.call("GET", "/quotas", 200, params=where).json()[0]["hard"] == {"storage": 1 << 20}


def test_members(harbor: Live, project: str) -> None:
    name, _ = harbor.user(PASSWORD)
    path, body = f"/projects/{project}/members", {"role_id": 2, "member_user": {"username": name}}
    own = harbor.make(path, body)
    harbor.call("POST", path, 409, body=body)
    harbor.call("PUT", own, 200, body={"role_id": 4})
    found = harbor.call("GET", path, 200).json()
    roles = {item["entity_name"]: (item["role_id"], item["role_name"], item["entity_type"]) for item in found}
    assert roles[name] == (4, "maintainer", "u")
    # who makes a project is in it
    assert roles[harbor.admin[0]][0] == 1
    harbor.call("POST", path, 404, body={"role_id": 2, "member_user": {"username": harbor.name("nobody")}})
    other, _ = harbor.user(PASSWORD)
    harbor.call("POST", path, 400, body={"role_id": 9, "member_user": {"username": other}})
    harbor.call("DELETE", own, 200)
    # One that is gone is no fault here, unlike elsewhere.
    harbor.call("DELETE", own, 200)
    assert name not in {item["entity_name"] for item in harbor.call("GET", path, 200).json()}


def retention(project_id: int, cron: str) -> dict[str, Any]:
    everything = [{"kind": "doublestar", "decoration": "matches", "pattern": "**"}]
    repositories = [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]
    rule = {
        "action": "retain",
        "template": "latestPushedK",
        "params": {"latestPushedK": 10},
        "tag_selectors": everything,
        "scope_selectors": {"repository": repositories},
    }
    return {
        "algorithm": "or",
        "scope": {"level": "project", "ref": project_id},
        "trigger": {"kind": "Schedule", "settings": {"cron": cron}},
        "rules": [rule],
    }


def test_retention(harbor: Live, project: str) -> None:
    # With a schedule it needs jobservice: 500 while that is down.
    number = harbor.call("GET", f"/projects/{project}", 200).json()["project_id"]
    policy = retention(number, "0 0 0 * * *")
    own = harbor.make("/retentions", policy)
    metadata = harbor.call("GET", f"/projects/{project}", 200).json()["metadata"]
    assert own == f"/retentions/{metadata['retention_id']}"
    harbor.call("POST", "/retentions", 400, body=policy)
    policy["rules"][0]["params"]["latestPushedK"] = 3
    harbor.call("PUT", own, 200, body=policy)
    [rule] = harbor.call("GET", own, 200).json()["rules"]
    assert rule["params"]["latestPushedK"] == 3


def test_lists_come_in_pages(harbor: Live) -> None:
    names = {harbor.project() for _ in range(3)}
    first = harbor.call("GET", "/projects", 200, params={"q": f"name=~{harbor.prefix}", "page_size": 2})
    assert first.headers["X-Total-Count"] == "3"
    assert 'rel="next"' in first.headers["Link"]
    link = urlsplit(first.headers["Link"].partition("<")[2].partition(">")[0])
    query = {key: values[0] for key, values in parse_qs(link.query).items()}
    assert (link.path, query["page"], query["page_size"]) == ("/api/v2.0/projects", "2", "2")
    second = harbor.call("GET", "/projects", 200, params=query)
    assert 'rel="prev"' in second.headers["Link"]
    assert 'rel="next"' not in second.headers["Link"]
    assert {item["name"] for item in first.json() + second.json()} == names


@pytest.mark.parametrize("size", [0, 101])
def test_pages_have_1_to_100(harbor: Live, size: int) -> None:
    statuses = {0: 200, 101: 422}
    harbor.call("GET", "/projects", statuses[size], params={"page_size": size})


def test_what_lists_can_be_asked_for(harbor: Live) -> None:
    one, other = harbor.project(), harbor.project()
    for query, right in (
        (f"name={one}", {one}),
        (f"name=~{harbor.prefix}", {one, other}),
        (f"name={harbor.prefix}", set()),
        (f"name={{{one} {other}}}", {one, other}),
        (f"name=~{harbor.prefix},public=true", set()),
    ):
        found = harbor.call("GET", "/projects", 200, params={"q": query}).json()
        assert {item["name"] for item in found} == right, query
