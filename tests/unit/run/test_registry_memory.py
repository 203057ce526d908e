"""What breakwater remembers of what it made: no more, and no less, so that prune takes nobody's things."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from interrupted import cut, timed_out
from standin import Standin

from breakwater.commands import Refusal
from breakwater.harbor.lists import listed
from breakwater.registry.names import inside
from tests.bastion import Bastion, Memory

USER = {"name": "memory-ann", "email": "memory-ann@example.org"}
ROBOT = {"name": "ci"}
PROJECT: dict[str, Any] = {"name": "memory"}
PRUNE = dict.fromkeys(("projects", "users", "robots", "endpoints", "policies", "members"), True)


@pytest.fixture
def bastion(standin: Standin, tmp_path: Path) -> Iterator[Bastion]:
    found = Bastion(standin.administrator, standin.host, tmp_path / "registry")
    yield found
    with standin.administrator() as harbor:
        for project in harbor.call("GET", "/projects", query={"name": "memory"}).json():
            harbor.call("DELETE", f"/projects/{project['project_id']}")
        for path, number in (("/users", "user_id"), ("/registries", "id")):
            for thing in listed(harbor, path):
                if "memory" in str(thing.get("username", thing.get("name"))):
                    harbor.call("DELETE", f"{path}/{thing[number]}")


def make_failing(
    bastion: Bastion, wanted: dict[str, Any], method: str, part: str, *, after: bool = False
) -> str:
    """What a run says that loses Harbor at one call."""
    there = bastion.administrator
    bastion.administrator = cut(there, method, part, timed_out, after=after)
    with pytest.raises(Refusal) as refusal:
        bastion.make(wanted)
    bastion.administrator = there
    return str(refusal.value)


def post(bastion: Bastion, path: str, **body: Any) -> None:
    with bastion.administrator() as harbor:
        harbor.call("POST", path, body=body)


def test_what_was_made_before_something_failed_is_ours(bastion: Bastion) -> None:
    wanted = {"projects": [{**PROJECT, "robots": [ROBOT]}], "users": [{**USER, "admin": True}]}
    assert "not known" not in make_failing(bastion, wanted, "PUT", "/sysadmin")
    assert {"user memory-ann", "robot memory+ci", "project memory"} <= bastion.memory.all()
    assert bastion.make({"prune": PRUNE}) == ["- project memory", "- user memory-ann"]
    # With the project its robot went, and is no longer remembered.
    assert bastion.memory.all() == set()


def test_a_robot_that_was_not_proven_is_ours(bastion: Bastion) -> None:
    make_failing(bastion, {"projects": [{**PROJECT, "robots": [ROBOT]}]}, "PATCH", "/robots")
    assert "robot memory+ci" in bastion.memory.all()
    assert bastion.make({"projects": [PROJECT], "prune": PRUNE}) == ["- robot memory+ci"]


def test_so_is_what_nobody_knows_of(bastion: Bastion) -> None:
    said = make_failing(bastion, {"users": [USER]}, "POST", "/users", after=True)
    assert said.startswith("user memory-ann: harbor: POST /users: no answer")
    assert bastion.make({"prune": PRUNE}) == ["- user memory-ann"]


def test_what_somebody_else_made_meanwhile_is_theirs(bastion: Bastion) -> None:
    run = bastion.run_of({"projects": [PROJECT]})
    found = run.plan()
    post(bastion, "/projects", project_name="memory", metadata={"public": "false"})
    with pytest.raises(Refusal, match=r"project memory: .*answered 409: .*; somebody made one of that name"):
        run.make_so(found)
    assert "project memory" not in bastion.memory.all()
    assert bastion.make({"projects": [PROJECT]}) == []
    assert bastion.make({"prune": PRUNE}) == []


def test_what_was_never_begun_is_not_ours(bastion: Bastion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    away = {"name": "memory-away", "type": "docker-registry", "url": "http://127.0.0.1:1"}
    wanted = {
        "users": [{**USER, "password": "env:NOT_SET"}],
        "projects": [
            {**PROJECT, "members": [{"user": USER["name"], "role": "guest"}]},
            {"name": "memory-cache", "proxy_cache": "memory-away"},
        ],
        "endpoints": [away],
    }
    with pytest.raises(Refusal) as refusal:
        bastion.make(wanted)
    assert len(str(refusal.value).splitlines()) == 4
    assert bastion.memory.all() == {"project memory"}


def test_what_people_remove_is_forgotten_once(bastion: Bastion) -> None:
    bastion.make({"users": [USER], "projects": [{**PROJECT, "labels": [{"name": "old"}]}]})
    with bastion.administrator() as harbor:
        [user] = [user for user in listed(harbor, "/users") if user["username"] == USER["name"]]
        harbor.call("DELETE", f"/users/{user['user_id']}")
        number = harbor.call("GET", "/projects/memory").json()["project_id"]
        [label] = listed(harbor, "/labels", {"scope": "p", "project_id": str(number)})
        harbor.call("DELETE", f"/labels/{label['id']}")
    fewer = {"projects": [PROJECT], "prune": PRUNE}
    said = "forgotten, since somebody removed it: label old of memory, user memory-ann"
    assert bastion.make(fewer) == [f"~ what breakwater made: {said}"]
    assert bastion.make(fewer) == []
    # So another one of that name is a person's, and stays.
    post(bastion, "/users", username=USER["name"], email=USER["email"], realname="x", password="Passw0rd-x")
    assert bastion.make(fewer) == []
    assert "user memory-ann" in bastion.warned[-1]


def test_what_is_in_a_project_that_left_the_settings_is_not_forgotten(bastion: Bastion) -> None:
    bastion.make({"projects": [{**PROJECT, "labels": [{"name": "old"}], "robots": [ROBOT]}]})
    before = bastion.memory.all()
    assert bastion.make({}) == []
    assert bastion.memory.all() == before
    assert bastion.make({"projects": [PROJECT], "prune": PRUNE}) == [
        "- robot memory+ci",
        "- label old of memory",
    ]


def test_a_cache_and_its_endpoint_go_in_one_run(bastion: Bastion, standin: Standin) -> None:
    url = f"https://127.0.0.1:{standin.port}"
    hub = {"name": "memory-hub", "type": "docker-registry", "url": url, "verify_tls": False}
    bastion.make({"endpoints": [hub], "projects": [{**PROJECT, "proxy_cache": "memory-hub"}]})
    assert bastion.planned({"prune": {"endpoints": True}}) == []
    assert "endpoint memory-hub (project memory is a cache of it)" in bastion.warned[-1]
    assert bastion.make({"prune": PRUNE}) == ["- project memory", "- endpoint memory-hub"]
    assert bastion.make({"prune": PRUNE}) == []


def test_an_endpoint_waits_for_a_project_that_could_not_go(bastion: Bastion, standin: Standin) -> None:
    url = f"https://127.0.0.1:{standin.port}"
    hub = {"name": "memory-hub", "type": "docker-registry", "url": url, "verify_tls": False}
    bastion.make({"endpoints": [hub], "projects": [{**PROJECT, "proxy_cache": "memory-hub"}]})
    said = make_failing(bastion, {"prune": PRUNE}, "DELETE", "/projects")
    assert said.splitlines()[1:] == ["endpoint memory-hub: not tried, because project memory failed"]


class Forgetful(Memory):
    """A cluster that is away when it should forget."""

    def remove(self, gone: Any) -> None:
        raise Refusal("cluster: it does not answer")


def test_a_cluster_that_is_away_hides_no_failure(bastion: Bastion) -> None:
    bastion.memory = Forgetful()
    away = {"name": "memory-away", "type": "docker-registry", "url": "http://127.0.0.1:1"}
    with pytest.raises(Refusal) as refusal:
        bastion.make({"endpoints": [away]})
    first, last = str(refusal.value).splitlines()
    assert first.startswith("endpoint memory-away: ")
    assert last == "cluster: it does not answer"


@pytest.mark.parametrize(
    ("what", "project"),
    [
        ("member ann of kaps", "kaps"),
        ("label made of wood of kaps", "kaps"),
        ("robot kaps+ci", "kaps"),
        ("robot mirror", ""),
        ("project kaps", ""),
        ("user ann", ""),
        ("pull secret apps/breakwater-kaps.ci", ""),
    ],
)
def test_where_a_thing_is(what: str, project: str) -> None:
    assert inside(what) == project
