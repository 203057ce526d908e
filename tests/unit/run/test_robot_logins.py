"""Robots' logins on the stand-in: proven, replaced on request, handed to the cluster, or gone on with."""

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from standin import Standin, running

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor
from breakwater.registry import robots
from tests.bastion import Bastion

# As plans and files call it, and as it logs in.
CI, LOGIN = "kaps+ci", "robot$kaps+ci"
PLACE = ("apps", "breakwater-kaps.ci")


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running(tmp_path_factory.mktemp("logins")) as found:
        yield found


@pytest.fixture
def bastion(standin: Standin, tmp_path: Path) -> Iterator[Bastion]:
    found = Bastion(standin.administrator, standin.host, tmp_path / "registry")
    yield found
    with standin.administrator() as harbor:
        for project in harbor.call("GET", "/projects", query={"name": "kaps"}).json():
            harbor.call("DELETE", f"/projects/{project['project_id']}")


def registry(**robot: Any) -> dict[str, Any]:
    return {"projects": [{"name": "kaps", "robots": [{"name": "ci", **robot}]}]}


def admitted(bastion: Bastion, name: str = CI, prefix: str = "robot$") -> str:
    """The secret that is kept, and that Harbor lets the robot in with."""
    secret = (bastion.folder / "robots" / name).read_text().strip()
    with bastion.administrator() as harbor:
        assert harbor.admits(f"{prefix}{name}", secret)
    return secret


def login(bastion: Bastion) -> tuple[str, str]:
    """Who logs in with what, by the Secret in the cluster."""
    [(host, found)] = json.loads(bastion.cluster.held[PLACE])["auths"].items()
    assert host == bastion.host
    assert base64.b64decode(found["auth"]).decode() == f"{found['username']}:{found['password']}"
    return found["username"], found["password"]


def test_a_rotation_replaces_secret_and_pull_secret(bastion: Bastion) -> None:
    bastion.make(registry(pull_secrets=["apps"]))
    first = admitted(bastion)
    assert login(bastion) == (LOGIN, first)
    assert bastion.make(registry(pull_secrets=["apps"])) == []
    assert bastion.make(registry(pull_secrets=["apps"]), rotate={"kaps+ci"}) == [
        f"~ secret of robot {CI}: another one",
        "~ pull secret apps/breakwater-kaps.ci: another login",
    ]
    second = admitted(bastion)
    assert second != first
    assert login(bastion) == (LOGIN, second)
    with bastion.administrator() as harbor:
        assert not harbor.admits(LOGIN, first)


def test_with_days_it_is_made_anew_so_that_they_begin_anew(bastion: Bastion) -> None:
    bastion.make(registry(days=30))
    first, number = admitted(bastion), robot(bastion)["id"]
    bastion.make(registry(days=30), rotate={"all"})
    assert admitted(bastion) != first
    assert robot(bastion)["id"] != number
    assert bastion.make(registry(days=30)) == []


@pytest.mark.parametrize(
    ("passed", "said"), [(0, ""), (22, ""), (23, "ends on"), (31, "logs in no longer, since")]
)
def test_runs_speak_of_its_end(
    bastion: Bastion, monkeypatch: pytest.MonkeyPatch, passed: int, said: str
) -> None:
    bastion.make(registry(days=30))
    day = datetime.fromtimestamp(robot(bastion)["expires_at"], UTC).strftime("%Y-%m-%d")
    later = time.time() + passed * 86400
    monkeypatch.setattr(robots, "time", SimpleNamespace(time=lambda: later))
    bastion.planned(registry(days=30))
    end = f"robot {CI}: {said} {day}; --data rotate=kaps+ci gives it 30 days more"
    assert [line for line in bastion.warned if "robot" in line] == ([end] if said else [])


def test_two_that_take_turns(bastion: Bastion) -> None:
    both = registry(overlap=True, pull_secrets=["apps"])
    bastion.make(both)
    first = admitted(bastion, f"{CI}-a")
    assert bastion.make(both, rotate={"kaps+ci"})[0] == (
        f"+ robot {CI}-b: from now on the login instead of {LOGIN}-a, which works until the next one"
    )
    assert admitted(bastion, f"{CI}-a") == first
    assert login(bastion) == (f"{LOGIN}-b", admitted(bastion, f"{CI}-b"))
    assert bastion.make(both) == []
    bastion.make(both, rotate={"kaps+ci"})
    assert login(bastion) == (f"{LOGIN}-a", admitted(bastion, f"{CI}-a"))
    assert admitted(bastion, f"{CI}-a") != first
    # What is changed by hand on the one that rests is put back, too.
    assert [line.split(":")[0] for line in bastion.make(registry(overlap=True, days=9))] == [
        f"~ robot {CI}-a", f"~ robot {CI}-b",
    ]  # fmt: skip


def test_one_that_rests_is_made_so(bastion: Bastion) -> None:
    bastion.make(registry(disabled=True))
    assert robot(bastion)["disable"] is True
    assert bastion.make(registry(disabled=True)) == []
    bastion.make(registry(disabled=True), rotate={"kaps+ci"})
    bastion.make(registry())
    admitted(bastion)


def test_a_run_that_was_ended_before_the_proof_is_gone_on_with(
    bastion: Bastion, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Harbor, "admits", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            bastion.make(registry())
    assert bastion.make(registry()) == [f"~ secret of robot {CI}: it was not yet proven"]
    admitted(bastion)
    assert bastion.make(registry()) == []
    assert sorted(path.name for path in (bastion.folder / "robots").iterdir()) == [".gitignore", CI]


def test_on_another_machine_a_robot_keeps_its_secret(bastion: Bastion) -> None:
    bastion.make(registry())
    before = admitted(bastion)
    (bastion.folder / "robots" / CI).unlink()
    assert bastion.make(registry()) == []
    assert [line for line in bastion.warned if "--data rotate=kaps+ci gives it a new one" in line]
    with bastion.administrator() as harbor:
        assert harbor.admits(LOGIN, before)
    with pytest.raises(Refusal, match=r"pull secret apps/breakwater-kaps.ci: .*--data rotate=kaps\+ci"):
        bastion.make(registry(pull_secrets=["apps"]))
    bastion.make(registry(pull_secrets=["apps"]), rotate={"kaps+ci"})
    assert login(bastion) == (LOGIN, admitted(bastion))


def test_a_pull_secret_that_was_edited_is_put_back_and_one_that_left_stays(bastion: Bastion) -> None:
    bastion.make(registry(pull_secrets=["apps"]))
    right = bastion.cluster.held[PLACE]
    bastion.cluster.held[PLACE] = "{}"
    assert bastion.make(registry(pull_secrets=["apps"])) == [
        "~ pull secret apps/breakwater-kaps.ci: another login"
    ]
    assert bastion.cluster.held[PLACE] == right
    assert bastion.make(registry()) == []
    assert "pull secret apps/breakwater-kaps.ci" in bastion.warned[-1]
    assert bastion.make({**registry(), "prune": {"robots": True}}) == [
        "- pull secret apps/breakwater-kaps.ci"
    ]
    assert bastion.cluster.held == {}


def test_a_first_password_is_set_again_only_on_request(bastion: Bastion) -> None:
    ann = {"users": [{"name": "ann", "email": "ann@example.org"}]}
    bastion.make(ann)
    first = (bastion.folder / "users/ann").read_text().strip()
    with bastion.administrator() as harbor:
        harbor.change_password("ann", first, "Another-0ne")
    assert bastion.make(ann) == []
    with bastion.administrator() as harbor:
        assert harbor.logs_in("ann", "Another-0ne")
    assert bastion.make(ann, reset_password={"ann"}) == ["~ password of ann"]
    with bastion.administrator() as harbor:
        assert harbor.logs_in("ann", first)
    # Asked for again it is no error.
    bastion.make(ann, reset_password={"ann"})


def test_another_prefix_renames_every_robot_and_logins_follow(bastion: Bastion) -> None:
    bastion.make(registry(pull_secrets=["apps"]))
    secret = admitted(bastion)
    other = {**registry(pull_secrets=["apps"], description="now"), "system": {"robot_prefix": "bot_"}}
    try:
        assert bastion.make(other) == [
            "~ robot prefix: robot_name_prefix: robot$, and shall be bot_;"
            " every robot is called otherwise from then on, 1 here, and logs in so",
            f"~ robot {CI}: description: nothing, and shall be now",
            "~ pull secret apps/breakwater-kaps.ci: another login",
        ]
        assert login(bastion) == (f"bot_{CI}", secret)
        assert admitted(bastion, prefix="bot_") == secret
        with bastion.administrator() as harbor:
            assert not harbor.admits(LOGIN, secret)
        assert bastion.make(other) == []
        # Nothing of it is beyond the settings, under whichever name.
        assert [line for line in bastion.warned if "robot" in line] == []
    finally:
        with bastion.administrator() as harbor:
            harbor.call("PUT", "/configurations", body={"robot_name_prefix": "robot$"})
    # Changed by hand, it is followed as well.
    assert bastion.make(registry(pull_secrets=["apps"], description="now")) == [
        "~ pull secret apps/breakwater-kaps.ci: another login"
    ]
    assert login(bastion) == (LOGIN, secret)


def test_what_needs_another_prefix_is_not_tried_without_it(
    bastion: Bastion, monkeypatch: pytest.MonkeyPatch
) -> None:
    bastion.make(registry(pull_secrets=["apps"]))
    before = dict(bastion.cluster.held)
    call = Harbor.call

    def refusing(self: Harbor, method: str, path: str, *rest: Any, **how: Any) -> Any:
        if method == "PUT" and path == "/configurations":
            raise Refusal("not now")
        return call(self, method, path, *rest, **how)

    monkeypatch.setattr(Harbor, "call", refusing)
    with pytest.raises(Refusal) as refusal:
        bastion.make({**registry(pull_secrets=["apps"]), "system": {"robot_prefix": "bot_"}})
    assert "pull secret apps/breakwater-kaps.ci: not tried, because robot prefix failed" in str(refusal.value)
    assert bastion.cluster.held == before


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"rotate": {"kaps+cl"}}, r"--data rotate=kaps.cl: .*; did you mean 'kaps.ci'"),
        ({"reset_password": {"bob"}}, "--data reset_password=bob: nobody of the settings is called that"),
    ],
)
def test_who_is_in_no_settings_is_refused(bastion: Bastion, asked: dict[str, set[str]], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        bastion.make(registry(), **asked)


def robot(bastion: Bastion) -> dict[str, Any]:
    with bastion.administrator() as harbor:
        number = harbor.call("GET", "/projects/kaps").json()["project_id"]
        found: list[dict[str, Any]] = harbor.call(
            "GET", "/robots", query={"q": f"Level=project,ProjectID={number}"}
        ).json()
    return next(each for each in found if each["name"] == LOGIN)
