"""Any valid settings, over what others left: applied, Harbor is as they say; applied twice, untouched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from answering import answering
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from read_back import (
    endpoints_there,
    endpoints_wanted,
    project_there,
    project_wanted,
    robots_there,
    robots_wanted,
    system_there,
    system_wanted,
)
from registries import VALUES, registries
from standin import Standin, running

from breakwater.harbor.lists import listed
from breakwater.registry.contradictions import registry_clashes
from breakwater.registry.settings import Registry
from tests.bastion import Bastion


@pytest.fixture(scope="module", autouse=True)
def sources() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in VALUES.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running(tmp_path_factory.mktemp("properties"), scanner=True) as found:
        yield found


@pytest.fixture(scope="module")
def answers() -> Iterator[str]:
    with answering() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def bastion(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Bastion:
    return Bastion(standin.administrator, standin.host, tmp_path_factory.mktemp("bastion") / "registry")


# What is there is of the examples before: a smaller example is another case, so none is looked for.
@settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_applied_it_is_so_and_twice_nothing_is_written(
    bastion: Bastion, standin: Standin, answers: str, data: st.DataObject
) -> None:
    wanted = data.draw(registries(answers))
    clashes = registry_clashes(TypeAdapter(Registry).validate_python(wanted))
    assert clashes == [], "the generator's own mistake"
    bastion.make(wanted)
    with bastion.administrator() as harbor:
        users = {user["username"]: user for user in listed(harbor, "/users")}
        for user in wanted["users"]:
            there = users[user["name"]]
            assert there["email"] == user["email"]
            assert there["realname"] == (user.get("real_name") or user["name"])
            assert there["sysadmin_flag"] is user.get("admin", False)
        for project in wanted["projects"]:
            assert project_there(harbor, project) == project_wanted(project)
        assert robots_there(harbor, wanted) == robots_wanted(wanted)
        assert endpoints_there(harbor, wanted) == endpoints_wanted(wanted)
        assert system_there(harbor, wanted["system"]) == system_wanted(wanted["system"])
    before = standin.writes()
    assert bastion.make(wanted) == []
    assert standin.writes() == before
