"""What people call things, write into Harbor by themselves, and keep secret: nothing of it ends a run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin import Standin

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor
from breakwater.harbor.lists import listed
from breakwater.registry import run as running
from breakwater.registry.read import Seen
from breakwater.registry.told import Told, file_name
from breakwater.secrets import Store
from tests.bastion import Bastion

SLACK = "https://hooks.slack.com/services/T0/B0/s3cret"
PROJECT: dict[str, Any] = {"name": "odd"}


@pytest.fixture
def bastion(standin: Standin, tmp_path: Path) -> Iterator[Bastion]:
    found = Bastion(standin.administrator, standin.host, tmp_path / "registry")
    yield found
    with standin.administrator() as harbor:
        for project in harbor.call("GET", "/projects", query={"name": "odd"}).json():
            harbor.call("DELETE", f"/projects/{project['project_id']}")
        for user in listed(harbor, "/users"):
            if user["username"].endswith("odd"):
                harbor.call("DELETE", f"/users/{user['user_id']}")


def project(bastion: Bastion) -> str:
    with bastion.administrator() as harbor:
        return f"/projects/{harbor.call('GET', '/projects/odd').json()['project_id']}"


def rule(**tags: str) -> dict[str, Any]:
    """Of immutable tags, as somebody's script may have made it."""
    repository = [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]
    return {
        "action": "immutable",
        "template": "immutable_template",
        "tag_selectors": [{"kind": "doublestar", **tags}] if tags else [],
        "scope_selectors": {"repository": repository},
    }


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (rule(decoration="matches", pattern="a,b"), "immutable tags a,b of odd"),
        (rule(decoration="matches", pattern=" "), "immutable tags   of odd"),
        (rule(decoration="excludes", pattern="x y"), "immutable tags all but x y of odd"),
        (rule(), "immutable tags ** of odd"),
        ({"tag_selectors": None, "scope_selectors": None}, "immutable tags ** of odd"),
        ({"tag_selectors": [{}]}, "immutable tags ** of odd"),
    ],
)
def test_a_rule_of_somebody_s_own_is_reported(bastion: Bastion, theirs: dict[str, Any], said: str) -> None:
    bastion.make({"projects": [PROJECT]})
    with bastion.administrator() as harbor:
        harbor.call("POST", f"{project(bastion)}/immutabletagrules", body=theirs)
    assert bastion.make({"projects": [{**PROJECT, "immutable_tags": [{"tags": "v*"}]}]}) == [
        "+ immutable tags v* of odd"
    ]
    assert bastion.planned({"projects": [PROJECT], "prune": {"policies": True}}) == [
        "- immutable tags v* of odd"
    ]
    assert said in bastion.warned[-1]


def test_a_label_without_a_name_is_reported(bastion: Bastion) -> None:
    bastion.make({"projects": [PROJECT]})
    number = int(project(bastion).rpartition("/")[2])
    with bastion.administrator() as harbor:
        harbor.call("POST", "/labels", body={"scope": "p", "project_id": number})
    assert bastion.make({"projects": [{**PROJECT, "labels": [{"name": "tested"}]}]}) == [
        "+ label tested of odd"
    ]
    assert "label  of odd" in bastion.warned[-1]


def test_a_retention_of_somebody_s_own_is_put_right(bastion: Bastion) -> None:
    wanted = {"projects": [{**PROJECT, "retention": {"rules": [{"keep_pushed": 3, "untagged": False}]}}]}
    bastion.make(wanted)
    with bastion.administrator() as harbor:
        found = harbor.call("GET", project(bastion)).json()
        number = found["metadata"]["retention_id"]
        odd = {"template": "of their own", "params": {"a": None, "b": "x"}, "disabled": True,
               "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "**",
                                  "extras": "no JSON"}]}  # fmt: skip
        scope = {"level": "project", "ref": found["project_id"]}
        body = {"id": int(number), "algorithm": "or", "scope": scope, "rules": [odd]}
        harbor.call("PUT", f"/retentions/{number}", body=body)
    assert bastion.make(wanted) == [
        "~ retention of odd: rules: of their own None x of ** disabled, and shall be"
        " keep_pushed 3 of ** tagged only"
    ]
    assert bastion.make(wanted) == []


@pytest.mark.parametrize("error", [KeyError("role_id"), ValueError("no JSON"), TypeError("None")])
def test_what_cannot_be_read_is_a_refusal_that_names_it(
    bastion: Bastion, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def unreadable(*_: object) -> Seen:
        raise error

    monkeypatch.setattr(running, "read", unreadable)
    with pytest.raises(Refusal, match=rf"registry: its lists: .*{type(error).__name__}.*nothing was changed"):
        bastion.planned({"projects": [PROJECT]})


def test_a_user_of_no_number_is_named(bastion: Bastion, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = running.read

    def read(harbor: Harbor, wanted: Any) -> Seen:
        seen = whole(harbor, wanted)
        return type(seen)(**{**vars(seen), "users": {"ann.odd": {"username": "ann.odd"}}})

    monkeypatch.setattr(running, "read", read)
    with pytest.raises(Refusal, match=r"registry: user ann.odd: not as Harbor's API has it .KeyError"):
        bastion.planned({"users": [{"name": "ann.odd", "email": "ann@odd.example.org"}]})


def hook(**keys: Any) -> dict[str, Any]:
    webhook = {"name": "build", "events": ["PUSH_ARTIFACT"], "address": "http://ci.example.org/x", **keys}
    return {"projects": [{**PROJECT, "webhooks": [webhook]}, {"name": "odd-other"}]}


def test_a_header_that_is_not_there_keeps_back_only_its_webhook(
    bastion: Bastion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADER", "Bearer x")
    bastion.make({"projects": hook(auth_header="env:HEADER")["projects"][:1]})
    assert bastion.make({"projects": hook(auth_header="env:HEADER")["projects"][:1]}) == []
    monkeypatch.delenv("HEADER")
    with pytest.raises(Refusal) as refusal:
        bastion.make(hook(auth_header="env:HEADER", verify_tls=False))
    [said] = str(refusal.value).splitlines()
    assert said.startswith("webhook build of odd: env:HEADER: not set, or empty")
    # The other project was made all the same.
    monkeypatch.setenv("HEADER", "Bearer y")
    assert bastion.make(hook(auth_header="env:HEADER", verify_tls=False)) == [
        "~ webhook build of odd: verify_tls: on, and shall be off; auth_header: another one"
    ]


def test_an_address_that_is_a_secret_is_not_shown(
    bastion: Bastion, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOOK", SLACK)
    wanted = hook(address="env:HOOK", type="slack")
    bastion.make(wanted)
    assert bastion.make(wanted) == []
    with bastion.administrator() as harbor:
        [there] = listed(harbor, f"{project(bastion)}/webhook/policies")
    assert there["targets"][0]["address"] == SLACK
    monkeypatch.setenv("HOOK", SLACK.replace("s3cret", "s3cret2"))
    said = "~ webhook build of odd: address: another one at https://hooks.slack.com/…"
    assert bastion.make(wanted) == [said]
    monkeypatch.setenv("HOOK", "https://chat.example.org/hooks/s3cret")
    at = "https://hooks.slack.com/…, and shall be https://chat.example.org/…"
    assert bastion.make(wanted) == [f"~ webhook build of odd: address: {at}"]
    assert "s3cret" not in capsys.readouterr().out


@pytest.mark.parametrize("value", ["s3cret", "ftp://s3cret/x", "http://[s3cret"])
def test_a_source_without_an_address_is_said_without_it(
    bastion: Bastion, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("HOOK", value)
    with pytest.raises(Refusal, match="env:HOOK: holds no URL of https:// or http://; write one") as refusal:
        bastion.make(hook(address="env:HOOK"))
    assert "s3cret" not in str(refusal.value)


def test_people_stay_in_a_project_that_cannot_be_changed(
    bastion: Bastion, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = {"name": "ann.odd", "email": "ann@odd.example.org"}
    bastion.make({"projects": [PROJECT], "users": [user]})
    whole = Harbor.call

    def call(self: Harbor, method: str, path: str, *args: Any, **how: Any) -> Any:
        if method == "PUT" and ("/projects/" in path or "/users/" in path):
            raise Refusal("not now")
        return whole(self, method, path, *args, **how)

    monkeypatch.setattr(Harbor, "call", call)
    members = [{"user": "ann.odd", "role": "guest"}]
    labels = [{"name": "tested"}]
    wanted = {
        "projects": [
            {**PROJECT, "public": True, "members": members, "labels": labels, "robots": [{"name": "ci"}]}
        ],
        "users": [{**user, "real_name": "Ann"}],
    }
    with pytest.raises(Refusal) as refusal:
        bastion.make(wanted)
    assert str(refusal.value).splitlines() == ["user ann.odd: not now", "project odd: not now"]


HOSTILE = ["../../etc/passwd", "a/b", "..", ".", ".gitignore", "ann.before", "ann", "o'neill;$x", "x" * 255]


@pytest.mark.parametrize("name", [*HOSTILE, "ü" * 127])
def test_a_name_is_one_file(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / "users")
    store.write(file_name(name), "Passw0rd")
    store.write(file_name(name), "Another-0ne")
    assert store.read(file_name(name)) == {file_name(name): "Another-0ne"}
    assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {tmp_path / "users"}
    assert (tmp_path / "users/.gitignore").read_text() == "*\n"


@given(st.lists(st.sampled_from(HOSTILE) | st.text("./%@a.before", max_size=12), min_size=2, unique=True))
def test_no_two_names_have_one_file(names: list[str]) -> None:
    files = [file_name(name) for name in names]
    assert len({*files, *(f"{file}.before" for file in files)}) == 2 * len(files)


def test_first_passwords_and_what_harbor_was_told_stay_in_their_folders(
    bastion: Bastion, tmp_path: Path
) -> None:
    name = "../..odd"
    bastion.make({"users": [{"name": name, "email": "x@odd.example.org"}]})
    [file] = [path for path in (bastion.folder / "users").iterdir() if path.name != ".gitignore"]
    with bastion.administrator() as harbor:
        assert harbor.logs_in(name, file.read_text().strip())
    Told(tmp_path / "told", lambda source: source).remember({"endpoint ../x": "secret"})
    assert [path.name for path in (tmp_path / "told").iterdir() if path.name != ".gitignore"] == [
        "endpoint%20..%2Fx"
    ]
