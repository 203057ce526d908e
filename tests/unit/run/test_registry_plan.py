"""A plan: in an order that works, shown within reason, carried out past failures, saying how far it is."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import httpx
import pytest

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor
from breakwater.registry import apply as applying
from breakwater.registry.apply import apply
from breakwater.registry.plan import ADD, CHANGE, Change, Plan, in_order, never, of_things

NOBODY = cast(Harbor, SimpleNamespace(changed=0))


def change(what: str, *needs: str, act: Callable[[Harbor], None] = lambda harbor: None) -> Change:
    return Change(ADD, what, act, needs=needs)


def test_each_comes_after_what_it_needs_and_otherwise_as_written() -> None:
    wanted = [
        change("member", "project", "user"),
        change("robot", "project"),
        change("project"),
        change("user"),
    ]
    assert [found.what for found in in_order(wanted)] == ["project", "user", "member", "robot"]


def test_what_is_there_already_is_no_need() -> None:
    assert [found.what for found in in_order([change("member", "a project that is there")])] == ["member"]


def test_a_circle_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="a circle"):
        in_order([change("a", "b"), change("b", "a")])


def test_failures_are_named_with_all_that_hangs_on_them() -> None:
    plan = [
        change("endpoint", act=never("nobody answers there")),
        change("cache", "endpoint"),
        change("member of it", "cache"),
        change("other"),
    ]
    outcome = apply(plan, NOBODY, print)
    assert [done.what for done in outcome.done] == ["other"]
    assert outcome.problems() == [
        "endpoint: nobody answers there",
        "cache: not tried, because endpoint failed",
        "member of it: not tried, because endpoint failed",
    ]


def test_a_thing_that_could_not_be_changed_is_there_all_the_same() -> None:
    of_kaps = [Change(CHANGE, "project kaps", never("not now")), change("project new", act=never("not now"))]
    plan = [*of_things(of_kaps), change("member", "project kaps"), change("other member", "project new")]
    outcome = apply(plan, NOBODY, print)
    assert [done.what for done in outcome.done] == ["member"]
    assert outcome.problems()[-1] == "other member: not tried, because project new failed"
    # What a login needs is a change that was made, and not a thing.
    failed = [Change(CHANGE, "secret of robot", never("not now")), change("pull secret", "secret of robot")]
    assert len(apply(failed, NOBODY, print).problems()) == 2


def test_what_failed_on_the_way_may_be_there() -> None:
    harbor = SimpleNamespace(changed=0)

    def fails_late(_: Harbor) -> None:
        harbor.changed += 1
        raise Refusal("no answer")

    plan = [
        change("begun", act=fails_late),
        change("not begun", act=never("not now")),
        change("left", "not begun"),
        change("done"),
    ]
    outcome = apply(plan, cast(Harbor, harbor), print)
    assert [change.what for change in outcome.begun] == ["begun"]
    assert outcome.untouched() == {"not begun", "left"}


def test_an_answer_that_is_none_of_harbors_is_a_failure_too() -> None:
    def asks(harbor: Harbor) -> None:
        httpx.Response(201, text="<html>welcome</html>").json()["id"]

    outcome = apply([change("robot", act=asks), change("other")], NOBODY, print)
    assert outcome.problems() == [
        "robot: Harbor's answer was none of its own; is something between here and it?"
    ]
    assert [done.what for done in outcome.done] == ["other"]


def test_long_work_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 6))
    monkeypatch.setattr(applying.time, "monotonic", lambda: next(clock))
    said: list[str] = []
    apply([change(f"project {number}") for number in range(5)], NOBODY, said.append)
    assert said[0] == "registry: 1 of 5 changes made; now project 1"


def test_of_very_many_changes_the_first_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    Plan([change(f"project {number}") for number in range(1000)]).show()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "    + project 0"
    assert lines[-1] == "    and 800 more changes"


def test_a_change_says_what_differs() -> None:
    found = Change(CHANGE, "quota of kaps", never(""), ("quota: 1GiB, and shall be none",))
    assert str(found) == "~ quota of kaps: quota: 1GiB, and shall be none"


def test_what_is_never_done_says_why() -> None:
    with pytest.raises(Refusal, match="no such thing"):
        never("no such thing")(NOBODY)
