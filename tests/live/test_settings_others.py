"""The rest of `registry` on a Harbor that runs: other registries, robots of the system, people, listeners."""

from pathlib import Path
from typing import Any

import pytest

from breakwater.commands import Refusal
from tests.bastion import Bastion
from tests.live.client import Live


@pytest.fixture
def endpoint(harbor: Live) -> dict[str, Any]:
    """Harbor itself, where its pods reach it by the address that the cases do."""
    probe = {"name": harbor.name("probe"), "type": "docker-registry", "url": harbor.url, "insecure": True}
    response = harbor.ask("POST", "/registries", body=probe)
    if response.status_code == 400 and "unhealthy" in response.text:
        pytest.skip(f"this Harbor does not reach itself at {harbor.url}")
    harbor.call("DELETE", response.headers["Location"].partition("/api/v2.0")[2], 200)
    name = harbor.name("endpoint")
    harbor.later_named("/registries", "name", name)
    return {"name": name, "type": "quay", "url": harbor.url, "verify_tls": False}


def test_an_endpoint_and_a_cache_of_it(harbor: Live, bastion: Bastion, endpoint: dict[str, Any]) -> None:
    cache = harbor.name("cache")
    harbor.later(f"/projects/{cache}")
    wanted = {"endpoints": [endpoint], "projects": [{"name": cache, "proxy_cache": endpoint["name"]}]}
    assert bastion.make(wanted) == [f"+ endpoint {endpoint['name']}", f"+ project {cache}"]
    assert bastion.make(wanted) == []
    endpoint["description"] = "of a case"
    assert bastion.make(wanted) == [
        f"~ endpoint {endpoint['name']}: description: nothing, and shall be of a case"
    ]
    assert bastion.make(wanted) == []
    [found] = harbor.call("GET", "/registries", 200, params={"q": f"name={endpoint['name']}"}).json()
    # One that is in use does not go, and is never of another type.
    harbor.call("DELETE", f"/registries/{found['id']}", 412)
    with pytest.raises(Refusal, match=r"Harbor changes the type of none"):
        bastion.make({"endpoints": [{**endpoint, "type": "harbor"}]})


def test_of_quay_itself_the_chart_permits_no_cache(harbor: Live, endpoint: dict[str, Any]) -> None:
    body = {"name": endpoint["name"], "type": "quay", "url": harbor.url, "insecure": True}
    own = harbor.make("/registries", body)
    refused = {"project_name": harbor.name("cache"), "registry_id": int(own.rpartition("/")[2])}
    assert "unsupported registry type quay" in harbor.call("POST", "/projects", 400, body=refused).text


@pytest.mark.parametrize("kind", ["docker-registry", "harbor", "docker-hub", "quay", "github-ghcr"])
def test_an_endpoint_that_does_not_answer_is_named(harbor: Live, bastion: Bastion, kind: str) -> None:
    name, project = harbor.name("away"), harbor.name("other")
    harbor.later_named("/registries", "name", name)
    harbor.later(f"/projects/{project}")
    away = {"name": name, "type": kind, "url": "http://127.0.0.1:1"}
    with pytest.raises(Refusal) as refusal:
        bastion.make({"endpoints": [away], "projects": [{"name": project}]})
    [line] = str(refusal.value).splitlines()
    assert line.startswith(f"endpoint {name}: http://127.0.0.1:1 does not answer Harbor")
    harbor.call("HEAD", "/projects", 200, params={"project_name": project})


@pytest.mark.parametrize(
    ("path", "name", "status"),
    [
        ("/registries", "x" * 65, 400),
        ("/registries", "ä" * 33, 400),
        ("/registries", "", 400),
        # Of labels it counts characters, and is surprised by too many.
        ("/labels", "ä" * 129, 500),
    ],
    ids=["65", "33 of two bytes", "none", "label of 129"],
)
def test_names_that_harbor_refuses(harbor: Live, project: str, path: str, name: str, status: int) -> None:
    number = harbor.call("GET", f"/projects/{project}", 200).json()["project_id"]
    kind = {"type": "docker-registry", "url": harbor.url} if path == "/registries" else {"scope": "p"}
    harbor.call("POST", path, status, body={"name": name, "project_id": number, **kind})


def test_the_longest_names(harbor: Live, project: str) -> None:
    number = harbor.call("GET", f"/projects/{project}", 200).json()["project_id"]
    harbor.make("/labels", {"name": "ä" * 128, "scope": "p", "project_id": number})


def test_a_robot_of_the_system(harbor: Live, bastion: Bastion, project: str) -> None:
    name = harbor.name("mirror")
    harbor.later_named("/robots", "name", name)
    grants = [{"projects": [project], "allow": ["pull", "tag:list"]}, {"projects": ["*"], "allow": ["pull"]}]
    robot = {"name": name, "grants": grants, "allow": ["project:list"], "days": 3}
    assert bastion.make({"robots": [robot]}) == [f"+ robot {name}"]
    assert bastion.make({"robots": [robot]}) == []
    secret = (bastion.folder / "robots" / name).read_text().strip()
    with bastion.administrator() as client:
        assert client.admits(f"{harbor.setting('robot_name_prefix')}{name}", secret)
    robot["allow"] = []
    assert bastion.make({"robots": [robot]}) == [f"~ robot {name}: may no longer project:list"]
    assert bastion.make({"robots": [robot]}) == []


def test_a_user_who_is_administrator(harbor: Live, bastion: Bastion) -> None:
    name = harbor.name("boss")
    harbor.later_named("/users", "username", name)
    boss = {"name": name, "email": f"{name}@example.org", "real_name": "The Boss", "admin": True}
    bastion.make({"users": [boss]})
    assert bastion.make({"users": [boss]}) == []
    secret = (bastion.folder / "users" / name).read_text().strip()
    assert harbor.call("GET", "/users/current", 200, who=(name, secret)).json()["sysadmin_flag"] is True
    boss["admin"] = False
    assert bastion.make({"users": [boss]}) == [f"~ rights of {name}: admin: on, and shall be off"]
    # Harbor renames nobody, and an address is one user's.
    other = {**boss, "name": f"{name}-other"}
    with pytest.raises(Refusal, match=rf"its e-mail {name}@example\.org is that of user {name}, "):
        bastion.make({"users": [other]})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"realname": "A, B"}, "realname contains illegal characters"),
        ({"realname": "ä" * 128}, "realname with illegal length"),
        ({"email": "a..b@example.org"}, "email with illegal format"),
        ({"email": "ann@example.c1"}, "email with illegal format"),
        ({"username": "a#b"}, "username contains illegal characters"),
    ],
)
def test_people_whom_harbor_refuses(harbor: Live, changed: dict[str, str], said: str) -> None:
    name = harbor.name("user")
    harbor.later_named("/users", "username", name)
    body = {
        "username": name,
        "email": f"{name}@example.org",
        "realname": "x",
        "password": "Passw0rd-of-a-case",
    }
    assert said in harbor.call("POST", "/users", 400, body=body | changed).text


def test_a_listener_whose_address_and_header_are_secrets(
    harbor: Live, bastion: Bastion, project: str, tmp_path: Path
) -> None:
    address, header = tmp_path / "address", tmp_path / "header"
    for file, text in ((address, "https://hooks.example.org/T0/B0?key=a-secret"), (header, "Bearer first")):
        file.write_text(f"{text}\n")
        file.chmod(0o600)
    hook = {
        "name": "chat", "address": f"file:{address}", "auth_header": f"file:{header}",
        "events": ["PUSH_ARTIFACT", "TAG_RETENTION"],
    }  # fmt: skip
    wanted = {"projects": [{"name": project, "webhooks": [hook]}]}
    assert bastion.make(wanted) == [f"+ webhook chat of {project}"]
    assert bastion.make(wanted) == []
    [live] = harbor.call("GET", f"/projects/{project}/webhook/policies", 200).json()
    assert live["targets"][0]["address"] == "https://hooks.example.org/T0/B0?key=a-secret"
    header.write_text("Bearer second\n")
    assert bastion.make(wanted) == [f"~ webhook chat of {project}: auth_header: another one"]
    address.write_text("https://hooks.example.org/T0/B0?key=another\n")
    [said] = bastion.make(wanted)
    assert "key" not in said
    assert bastion.make(wanted) == []


def test_the_same_rule_twice_is_refused(harbor: Live, project: str) -> None:
    number = harbor.call("GET", f"/projects/{project}", 200).json()["project_id"]
    tags, repositories = (
        [{"kind": "doublestar", "decoration": word, "pattern": "**"}] for word in ("matches", "repoMatches")
    )
    rule = {
        "action": "retain", "template": "always", "params": {},
        "tag_selectors": tags, "scope_selectors": {"repository": repositories},
    }  # fmt: skip
    policy = {
        "algorithm": "or",
        "scope": {"level": "project", "ref": number},
        "trigger": {"kind": "Schedule", "settings": {"cron": ""}},
        "rules": [rule, rule],
    }
    harbor.call("POST", "/retentions", 409, body=policy)
