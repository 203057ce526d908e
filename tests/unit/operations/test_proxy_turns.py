"""Several proxies at once, as pyinfra has them: a greenlet a host, no further command after a failure."""

from pathlib import Path
from typing import Any

import gevent
import pytest
import yaml
from proxy_host import short
from pyinfra.context import ctx_host, ctx_state
from pyinfra_testing.util import FakeHost, FakeState

from breakwater.operations import proxy
from breakwater.proxy.plan import Plan, Turn

CASE = yaml.safe_load((Path(__file__).parent / "proxy.envoy/bootstrap_changed.yaml").read_text())
PLAN = Plan(**CASE["args"]["plan"])
Log = list[tuple[str, str]]


class Host(FakeHost):  # type: ignore[misc]
    def get_fact(self, fact: Any, **kwargs: Any) -> Any:
        gevent.sleep(0.01)  # it goes over the network
        return fact().process(CASE["facts"]["Envoy"].splitlines())


def run(name: str, turn: Turn, log: Log, fails: bool) -> None:
    """What pyinfra does with an operation on one host."""
    host = Host(FakeState(), name, {}, {})
    host.state.is_executing = True
    with ctx_state.use(host.state), ctx_host.use(host):
        for command in proxy.envoy._inner(plan=lambda: PLAN, turn=turn):
            word = short(command)
            log.append((name, word))
            gevent.sleep(0.05 if word == "move" else 0.01)
            if word == "refuse" or (fails and word == "move"):
                break
            if word == "move":
                log.append((name, "moved"))


@pytest.fixture
def names() -> list[str]:
    return ["proxy1", "proxy2", "proxy3"]


def all_of(names: list[str], failing: str) -> Log:
    log: Log = []
    turn = Turn()
    # gevent's clock stands still while nobody yields: after long tests the limit would be over at once.
    gevent.sleep(0.01)
    gevent.joinall(
        [gevent.spawn(run, n, turn, log, n == failing) for n in names], raise_error=True, timeout=20
    )
    assert not turn.lock.locked()
    return log


def test_they_get_ready_together_and_are_changed_one_after_the_other(names: list[str]) -> None:
    log = all_of(names, failing="")
    moves = [entry for entry in log if entry[1] in ("move", "moved")]
    assert [word for _, word in moves] == ["move", "moved"] * 3
    assert {name for name, _ in moves} == set(names)
    for begun, ended in zip(moves[::2], moves[1::2], strict=True):
        assert begun[0] == ended[0]
    # The first is not changed before the others were at work too.
    assert {name for name, _ in log[: log.index(moves[0])]} == set(names)


def test_when_one_does_not_answer_no_other_is_touched(names: list[str]) -> None:
    log = all_of(names, failing="proxy1")
    assert [entry for entry in log if entry[1] == "move"] == [("proxy1", "move")]
    assert [name for name, word in log if word == "refuse"] == ["proxy2", "proxy3"]
