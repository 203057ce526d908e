"""Users on the stand-in: a name is not changed, an address is somebody's, and a flag is set at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standin import Standin, running

from breakwater.commands import Refusal
from tests.bastion import Bastion


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running(tmp_path_factory.mktemp("people")) as found:
        yield found


@pytest.fixture
def bastion(standin: Standin, tmp_path: Path) -> Iterator[Bastion]:
    found = Bastion(standin.administrator, standin.host, tmp_path / "registry")
    yield found
    with standin.administrator() as harbor:
        for user in harbor.call("GET", "/users").json():
            harbor.call("DELETE", f"/users/{user['user_id']}")


def users(**addresses: str) -> dict[str, Any]:
    return {"users": [{"name": name, "email": f"{box}@example.org"} for name, box in addresses.items()]}


def test_a_user_by_another_name_needs_another_address(bastion: Bastion) -> None:
    bastion.make(users(ann="ann"))
    with pytest.raises(Refusal) as refusal:
        bastion.make(users(anna="ann"))
    assert str(refusal.value) == (
        "user anna: its e-mail ann@example.org is that of user ann, who is in Harbor and in no settings;"
        " Harbor takes each once, and renames nobody: write another e-mail here, or give ann another one"
        " there"
    )
    # The same of one that is there.
    bastion.make(users(anna="anna"))
    with pytest.raises(Refusal, match=r"user anna: its e-mail ann@example\.org is that of user ann,"):
        bastion.make(users(anna="ann"))


def test_an_address_goes_over_to_another_user_in_one_run(bastion: Bastion) -> None:
    bastion.make(users(bob="bob", ann="ann"))
    # carl's comes first in the settings, and is free only after bob's.
    wanted = users(carl="bob", bob="robert", ann="ann")
    assert [line.split(":")[0] for line in bastion.make(wanted)] == ["~ user bob", "+ user carl"]
    assert bastion.make(wanted) == []


def test_two_that_swap_addresses_are_no_circle(bastion: Bastion) -> None:
    bastion.make(users(bob="bob", ann="ann"))
    with pytest.raises(Refusal, match="409"):
        bastion.make(users(bob="ann", ann="bob"))


def test_an_administrator_from_the_start(bastion: Bastion) -> None:
    boss = {"users": [{"name": "boss", "email": "boss@example.org", "admin": True}]}
    bastion.make(boss)
    assert bastion.make(boss) == []
    with bastion.administrator() as harbor:
        [found] = harbor.call("GET", "/users").json()
    assert found["sysadmin_flag"] is True
