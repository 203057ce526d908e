"""Harbor is read once a run; and what it says it took of its configuration is looked at once more."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import FunctionCommand
from pyinfra.context import ctx_host, ctx_state
from pyinfra_testing.util import FakeHost, FakeState
from standin import Standin

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor, HarborError
from breakwater.harbor.lists import listed
from breakwater.operations.registry import as_set
from breakwater.registry.run import RegistryRun
from tests.bastion import Bastion

SYSTEM = {"session_minutes": 61, "gc": {"schedule": "0 0 3 * * *"}}
# Of all of Harbor: five lists, its configuration; and here one schedule.
READ = 5 + 1 + 1


@pytest.fixture
def bastion(standin: Standin, tmp_path: Path) -> Iterator[Bastion]:
    found = Bastion(standin.administrator, standin.host, tmp_path / "registry")
    yield found
    with standin.administrator() as harbor:
        harbor.call("PUT", "/configurations", body={"session_timeout": 60})
        harbor.call("PUT", "/system/gc/schedule", body={"schedule": {"type": "None"}})
        for user in listed(harbor, "/users", {"q": "username=taken-ann"}):
            harbor.call("DELETE", f"/users/{user['user_id']}")


def executed(run: RegistryRun) -> str:
    """The operation, as pyinfra runs it with -y; what it said when there was nothing to do."""
    state = FakeState()
    state.is_executing = True
    host = FakeHost(state, "bastion", {}, {})
    with ctx_state.use(state), ctx_host.use(host):
        for command in as_set._inner(plan=run.plan, make_so=run.make_so):
            assert isinstance(command, FunctionCommand), command
            command.function(*command.args)
    return str(host.noop_description)


def test_a_run_reads_once_with_changes_and_without(bastion: Bastion, standin: Standin) -> None:
    before, written = standin.calls(), len(standin.writes())
    assert executed(bastion.run_of({"system": SYSTEM})) == "None"
    writes = len(standin.writes()) - written
    # What was changed is asked for once more: the configuration, and the schedule.
    assert standin.calls() - before == READ + writes + 2
    assert writes == 2
    before = standin.calls()
    assert executed(bastion.run_of({"system": SYSTEM})) == "the registry as set"
    assert standin.calls() - before == READ


def test_other_changes_cost_no_second_look(bastion: Bastion, standin: Standin) -> None:
    bastion.make({"system": SYSTEM})
    before = standin.calls()
    user = {"name": "taken-ann", "email": "taken-ann@example.org"}
    executed(bastion.run_of({"system": SYSTEM, "users": [user]}))
    assert standin.calls() - before == READ + 1


def turn_deaf(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """From now on Harbor says yes to calls with this in their path, and does nothing."""
    whole = Harbor.call

    def call(harbor: Harbor, method: str, path: str, *args: Any, **how: Any) -> Any:
        heard = method == "GET" or part not in path
        return whole(harbor, method, path, *args, **how) if heard else None

    monkeypatch.setattr(Harbor, "call", call)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("/configurations", "configuration: Harbor says that it took it, and has session_timeout: 60, and"),
        ("/system/gc", "schedule gc: Harbor says that it took it, and has schedule: nothing, and shall be 0"),
    ],
)
def test_what_harbor_did_not_take_is_said(
    bastion: Bastion, monkeypatch: pytest.MonkeyPatch, part: str, said: str
) -> None:
    turn_deaf(monkeypatch, part)
    with pytest.raises(Refusal) as refusal:
        bastion.make({"system": SYSTEM})
    [line] = str(refusal.value).splitlines()
    assert line.startswith(said)
    assert line.endswith("is it a Harbor of the version in the settings?")


def test_what_cannot_be_looked_at_is_said(bastion: Bastion, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bastion.run_of({"system": SYSTEM})
    found = run.plan()
    whole = Harbor.call

    def call(harbor: Harbor, method: str, path: str, *args: Any, **how: Any) -> Any:
        if method == "GET":
            raise HarborError(method, path, 502, "Bad Gateway")
        return whole(harbor, method, path, *args, **how)

    monkeypatch.setattr(Harbor, "call", call)
    with pytest.raises(
        Refusal, match="configuration: whether Harbor took it is not known: harbor: GET /conf"
    ):
        run.make_so(found)
