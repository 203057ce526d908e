"""Runs that are killed between two steps, and machines that are lost: the next run goes on from there."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from interrupted import Killed, cut, killed
from standin import Standin

from breakwater.registry.robot_secrets import RobotSecrets
from tests.bastion import Bastion, Cluster, Memory

PLACE = ("apps", "breakwater-killed.ci")


@pytest.fixture
def bastion(standin: Standin, tmp_path: Path) -> Iterator[Bastion]:
    found = Bastion(standin.administrator, standin.host, tmp_path / "registry")
    yield found
    with standin.administrator() as harbor:
        for project in harbor.call("GET", "/projects", query={"name": "killed"}).json():
            harbor.call("DELETE", f"/projects/{project['project_id']}")


def registry(**robot: Any) -> dict[str, Any]:
    return {"projects": [{"name": "killed", "robots": [{"name": "ci", "pull_secrets": ["apps"], **robot}]}]}


def login(bastion: Bastion) -> str:
    """The robot whose login the cluster has, and Harbor takes."""
    [found] = json.loads(bastion.cluster.held[PLACE])["auths"].values()
    with bastion.administrator() as harbor:
        assert harbor.admits(found["username"], found["password"])
    return str(found["username"]).removeprefix("robot$")


def make_killed(bastion: Bastion, wanted: dict[str, Any], method: str, part: str, **asked: set[str]) -> None:
    there = bastion.administrator
    bastion.administrator = cut(there, method, part)
    with pytest.raises(Killed):
        bastion.make(wanted, **asked)
    bastion.administrator = there


def test_between_remembering_and_the_first_call(bastion: Bastion) -> None:
    make_killed(bastion, registry(), "POST", "/projects")
    assert "project killed" in bastion.memory.all()
    assert bastion.make(registry())[0] == "+ project killed"
    assert bastion.make(registry()) == []
    assert login(bastion) == "killed+ci"


def test_between_making_a_robot_and_giving_it_its_secret(bastion: Bastion) -> None:
    make_killed(bastion, registry(), "PATCH", "/robots")
    assert bastion.make(registry()) == [
        "~ secret of robot killed+ci: it was not yet proven",
        "+ pull secret apps/breakwater-killed.ci",
    ]
    assert bastion.make(registry()) == []
    assert login(bastion) == "killed+ci"


def test_between_the_two_halves_of_a_rotation(bastion: Bastion) -> None:
    bastion.make(registry(days=30))
    before = bastion.cluster.held[PLACE]
    make_killed(bastion, registry(days=30), "POST", "/robots", rotate={"all"})
    # Nobody logs in meanwhile: the robot is gone, and the next run makes it without being asked.
    assert bastion.make(registry(days=30)) == [
        "+ robot killed+ci",
        "~ pull secret apps/breakwater-killed.ci: another login",
    ]
    assert bastion.make(registry(days=30)) == []
    assert login(bastion) == "killed+ci"
    assert bastion.cluster.held[PLACE] != before


def test_between_giving_a_secret_and_its_turn(bastion: Bastion, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = registry(overlap=True)
    bastion.make(wanted)
    with monkeypatch.context() as patch:
        patch.setattr(RobotSecrets, "use", killed)
        with pytest.raises(Killed):
            bastion.make(wanted, rotate={"killed+ci"})
    # The first one works still, and is the one that is used.
    assert bastion.make(wanted) == []
    assert login(bastion) == "killed+ci-a"
    bastion.make(wanted, rotate={"killed+ci"})
    assert bastion.make(wanted) == []
    assert login(bastion) == "killed+ci-b"


def test_between_a_robot_and_its_pull_secret(bastion: Bastion, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Cluster, "write", killed)
        with pytest.raises(Killed):
            bastion.make(registry())
    assert bastion.make(registry()) == ["+ pull secret apps/breakwater-killed.ci"]
    assert login(bastion) == "killed+ci"


def elsewhere(bastion: Bastion, tmp_path: Path) -> Bastion:
    """Another machine: what the cluster keeps is there, and nothing else."""
    return replace(bastion, folder=tmp_path / "elsewhere", warned=[])


@pytest.mark.parametrize(
    ("robot", "name"), [({}, "killed+ci"), ({"overlap": True}, "killed+ci-b")], ids=["one", "of two"]
)
def test_a_lost_machine_s_secrets_come_back_from_the_cluster(
    bastion: Bastion, tmp_path: Path, robot: dict[str, Any], name: str
) -> None:
    bastion.make(registry(**robot))
    bastion.make(registry(**robot), **({"rotate": {"all"}} if robot else {}))
    kept = (bastion.folder / "robots" / name).read_text()
    other = elsewhere(bastion, tmp_path)
    assert other.make(registry(**robot)) == [
        f"~ secret of robot {name}: taken back from Secret apps/breakwater-killed.ci"
    ]
    assert [line for line in other.warned if "robot" in line] == []
    assert (other.folder / "robots" / name).read_text() == kept
    assert other.make(registry(**robot)) == []
    # And on to where it is not yet.
    two = registry(**robot, pull_secrets=["apps", "more"])
    assert other.make(two) == ["+ pull secret more/breakwater-killed.ci"]


def test_it_is_taken_back_and_handed_on_in_one_run(bastion: Bastion, tmp_path: Path) -> None:
    bastion.make(registry())
    other = elsewhere(bastion, tmp_path)
    assert other.make(registry(pull_secrets=["more", "apps"])) == [
        "~ secret of robot killed+ci: taken back from Secret apps/breakwater-killed.ci",
        "+ pull secret more/breakwater-killed.ci",
    ]
    assert other.cluster.held[("more", PLACE[1])] == other.cluster.held[PLACE]


@pytest.mark.parametrize("content", ["{}", "no JSON", '{"auths": {"elsewhere": {}}}', "wrong password"])
def test_what_cannot_be_taken_back_is_left_and_said(bastion: Bastion, tmp_path: Path, content: str) -> None:
    bastion.make(registry())
    right = bastion.cluster.held[PLACE]
    if content == "wrong password":
        [found] = json.loads(right)["auths"].values()
        content = right.replace(found["password"], "An0ther-one")
    bastion.cluster.held[PLACE] = content
    other = elsewhere(bastion, tmp_path)
    assert other.make(registry()) == []
    assert [line for line in other.warned if "--data rotate=killed+ci gives it a new one" in line]
    assert other.cluster.held[PLACE] == content
    other.make(registry(), rotate={"killed+ci"})
    assert login(other) == "killed+ci"


def test_another_machine_knows_what_breakwater_made(bastion: Bastion, tmp_path: Path) -> None:
    bastion.make(registry())
    memory: Memory = bastion.memory
    assert {"project killed", "robot killed+ci", "pull secret apps/breakwater-killed.ci"} <= memory.all()
    other = elsewhere(bastion, tmp_path)
    fewer = {"projects": [{"name": "killed"}], "prune": {"robots": True}}
    assert other.make(fewer) == ["- robot killed+ci", "- pull secret apps/breakwater-killed.ci"]
    assert other.make(fewer) == []
