"""The administrator's password: which one is tried, what is changed, and what a killed run leaves."""

import base64
import json
from pathlib import Path

import httpx
import pytest
from harbor_certificates import Authority

from breakwater.commands import Refusal
from breakwater.harbor import api as harbor_api
from breakwater.harbor.admin import AdminPassword, set_admin_password
from breakwater.harbor.api import Harbor

WANTED, BEFORE, FIRST, CHARTS = "Wanted-0ne", "Bef0re-that", "F1rst-start", "Harbor12345"
HEALTHY = {"status": "healthy", "components": [{"name": "core", "status": "healthy"}]}
SICK = {"status": "unhealthy", "components": [{"name": "database", "status": "unhealthy", "error": "EOF"}]}


class Killed(BaseException):
    """The run ends here."""


class FakeHarbor:
    """A Harbor with one user. `change`: done, lost, without an answer, or killed on either side of it."""

    def __init__(self, password: str, health: object = HEALTHY, change: str = "done") -> None:
        self.password, self._health, self.change = password, health, change
        self.logins: list[str] = []
        self.puts = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/health"):
            return httpx.Response(200, json=self._health)
        word = request.headers["Authorization"].removeprefix("Basic ")
        password = base64.b64decode(word).decode().removeprefix("admin:")
        if request.method == "GET":
            self.logins.append(password)
            good = password == self.password
            return httpx.Response(200, json={"user_id": 1}) if good else httpx.Response(401)
        self.puts += 1
        return self._put(json.loads(request.content))

    def _put(self, body: dict[str, str]) -> httpx.Response:
        if self.change == "killed before":
            raise Killed
        if body["old_password"] != self.password:
            return httpx.Response(403)
        if self.change != "lost":
            self.password = body["new_password"]
        if self.change == "killed after":
            raise Killed
        if self.change == "no answer":
            raise httpx.ReadTimeout("", request=None)
        return httpx.Response(200)


class Store:
    """The bastion's memory, as remember() leaves it: the newest password and the one before."""

    def __init__(self, *passwords: str) -> None:
        self.passwords = list(passwords)

    def remember(self, new: str, old: str) -> None:
        self.passwords = [new, old]


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(Authority(tmp_path_factory.mktemp("ca")).ca)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quick 401 counts, and nothing is waited for."""
    monkeypatch.setattr(harbor_api, "_VERDICT", 0)
    monkeypatch.setattr(harbor_api.time, "sleep", lambda _: None)


def run(ca: str, fake: FakeHarbor, store: Store, wanted: str = WANTED) -> list[str]:
    """One run: the settings' password, and what the store and the first start still know."""
    passwords = AdminPassword(wanted, [*store.passwords, FIRST], "file:secrets/admin")
    with Harbor("https://h", ca, transport=httpx.MockTransport(fake)) as harbor:
        return set_admin_password(harbor, passwords, store.remember, "registry", "harbor")


def test_one_call_when_it_is_right(ca: str) -> None:
    fake, store = FakeHarbor(WANTED), Store(WANTED)
    assert run(ca, fake, store) == []
    assert (fake.logins, fake.puts) == ([WANTED], 0)


def test_another_one_in_the_settings(ca: str) -> None:
    fake, store = FakeHarbor(BEFORE), Store(BEFORE)
    assert run(ca, fake, store) == ["admin: the password is now the one of file:secrets/admin"]
    assert fake.password == WANTED
    assert store.passwords == [WANTED, BEFORE]


def test_the_charts_own_found_live(ca: str) -> None:
    fake, store = FakeHarbor(CHARTS), Store(WANTED)
    assert run(ca, fake, store) == ["admin: Harbor12345 was found live: changed at once"]
    assert fake.password == WANTED
    # each wrong one costs 2 s: none is tried twice
    assert fake.logins[:3] == [WANTED, FIRST, CHARTS]


def test_after_a_reset_the_first_starts_password_is_live(ca: str) -> None:
    fake = FakeHarbor(FIRST)
    run(ca, fake, Store(WANTED, BEFORE))
    assert fake.password == WANTED


@pytest.mark.parametrize("side", ["killed before", "killed after"])
@pytest.mark.parametrize("wanted_next", [WANTED, "Th1rd-word"])
def test_a_run_killed_at_the_change(ca: str, side: str, wanted_next: str) -> None:
    fake, store = FakeHarbor(BEFORE, change=side), Store(BEFORE)
    with pytest.raises(Killed):
        run(ca, fake, store)
    fake.change = "done"
    run(ca, fake, store, wanted_next)
    assert fake.password == wanted_next


def test_a_change_without_an_answer_is_looked_at(ca: str) -> None:
    fake = FakeHarbor(BEFORE, change="no answer")
    assert run(ca, fake, Store(BEFORE)) == ["admin: the password is now the one of file:secrets/admin"]


def test_a_change_that_is_not_one_is_refused(ca: str) -> None:
    with pytest.raises(Refusal, match="did not take the new password; run again, both are remembered"):
        run(ca, FakeHarbor(BEFORE, change="lost"), Store(BEFORE))


def test_a_lost_one_is_explained(ca: str) -> None:
    fake, store = FakeHarbor("Changed-by-hand-1"), Store(BEFORE)
    with pytest.raises(Refusal) as caught:
        run(ca, fake, store)
    assert str(caught.value) == (
        "admin: no password that is known here logs in; write the one that does into file:secrets/admin, or,"
        " when nobody knows it, `kubectl --namespace registry exec harbor-database-0 -- psql -U postgres -d"
        " registry -c \"update harbor_user set salt = '', password = '' where user_id = 1\"` (the same on a"
        " database of your own), `kubectl --namespace registry rollout restart deployment/harbor-core`, and"
        " run again: core then takes the password of its first start"
    )
    assert store.passwords == [BEFORE]
    assert fake.puts == 0


def test_nobody_logs_in_while_the_database_is_away(ca: str) -> None:
    with pytest.raises(Refusal, match=r"while Harbor is not healthy: database \(EOF\); run again when it is"):
        run(ca, FakeHarbor("Changed-by-hand-1", SICK), Store(BEFORE))


@pytest.mark.parametrize("wanted", [CHARTS, "short", "no-digit-HERE"])
def test_a_bad_one_is_refused_before_anything_is_asked(ca: str, wanted: str) -> None:
    fake = FakeHarbor(BEFORE)
    with pytest.raises(Refusal, match=r"^file:secrets/admin: the administrator's password ") as caught:
        run(ca, fake, Store(BEFORE), wanted)
    assert wanted not in str(caught.value)
    assert fake.logins == []


def test_no_password_is_shown(tmp_path: Path) -> None:
    assert repr(AdminPassword(WANTED, [BEFORE], "env:X")) == "AdminPassword(home='env:X')"
