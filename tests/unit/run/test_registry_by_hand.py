"""Each key of the settings, changed in Harbor by hand: the plan says exactly it, and one run puts it back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from answering import answering
from by_hand import Row
from hostile import models_below
from pydantic import TypeAdapter
from rows_by_hand import LDAP, LDAP_ROWS, NOT_THERE, OIDC, OIDC_ROWS, ROWS, settings
from standin import ADDRESS, Standin, running

from breakwater.problems import keys_of
from breakwater.registry.read import read
from breakwater.registry.settings import Registry
from breakwater.registry.wanted import spelt_out
from tests.bastion import Bastion


@pytest.fixture(scope="module", autouse=True)
def secrets() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BY_HAND", "Bearer of-the-test")
        yield


@pytest.fixture(scope="module")
def spare() -> Iterator[int]:
    with answering() as port:
        yield port


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running(tmp_path_factory.mktemp("by-hand"), scanner=True) as found:
        yield found


@pytest.fixture(scope="module")
def bastion(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Bastion:
    return Bastion(standin.administrator, standin.host, tmp_path_factory.mktemp("bastion") / "registry")


@pytest.fixture(scope="module")
def without_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """A Harbor that may still go over to another way of checking logins."""
    with running(tmp_path_factory.mktemp("without-users")) as found:
        yield found


@pytest.fixture(scope="module")
def wanted(standin: Standin, bastion: Bastion, spare: int) -> dict[str, Any]:
    """All of it is there."""
    found = settings(f"https://{ADDRESS}:{standin.port}", f"http://{ADDRESS}:{spare}")
    bastion.make(found)
    return found


def put_back(bastion: Bastion, standin: Standin, wanted: dict[str, Any], row: Row) -> list[str]:
    """Changed; said; put back by so many calls; and left alone."""
    registry = spelt_out(TypeAdapter(Registry).validate_python(wanted))
    with bastion.administrator() as harbor:
        row.by_hand(harbor, read(harbor, registry))
    before = len(standin.writes())
    said = bastion.make(wanted)
    assert len(standin.writes()) - before == row.writes
    assert bastion.make(wanted) == []
    assert len(standin.writes()) - before == row.writes
    return said


@pytest.mark.parametrize("key", ROWS)
def test_a_key_is_put_back(
    bastion: Bastion, standin: Standin, wanted: dict[str, Any], spare: int, key: str
) -> None:
    said = put_back(bastion, standin, wanted, ROWS[key])
    assert [line.replace(str(spare), "PORT") for line in said] == ROWS[key].said


@pytest.mark.parametrize("key", [*OIDC_ROWS, *LDAP_ROWS])
def test_who_checks_logins_is_put_back(without_users: Standin, tmp_path: Path, key: str) -> None:
    mode, way = ("oidc", OIDC) if key in OIDC_ROWS else ("ldap", LDAP)
    members = [{"group": "builders", "role": "developer"}] if mode == "oidc" else []
    wanted = {"auth": {"mode": mode, mode: way}, "projects": [{"name": "kaps", "members": members}]}
    bastion = Bastion(without_users.administrator, without_users.host, tmp_path / "registry")
    bastion.make(wanted)
    row = {**OIDC_ROWS, **LDAP_ROWS}[key]
    assert put_back(bastion, without_users, wanted, row) == row.said


def test_no_key_lacks_a_row() -> None:
    keys = {f"{model.__name__}.{key}" for model in models_below(Registry) for key in keys_of(model)}
    rows = {*ROWS, *OIDC_ROWS, *LDAP_ROWS}
    assert keys - rows - NOT_THERE.keys() == set(), "another key: write how somebody changes it by hand"
    assert rows | NOT_THERE.keys() == keys
    assert rows & NOT_THERE.keys() == set()
