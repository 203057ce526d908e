"""Harbor's API as it is called: what is sent, what is asked again, and what an error says."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from harbor_certificates import Authority

from breakwater.commands import Refusal
from breakwater.harbor import api as harbor_api
from breakwater.harbor.api import Harbor, HarborError, password_fault

SECRET = "Sup3r-secret-words"
Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(Authority(tmp_path_factory.mktemp("ca")).ca)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made; none of them takes time."""
    made: list[float] = []
    monkeypatch.setattr(harbor_api.time, "sleep", made.append)
    return made


class Answers:
    """Harbor that gives these answers in turn, the last one for ever, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | httpx.RequestError) -> None:
        self.asked: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, httpx.RequestError):
            raise answer
        # a response belongs to one request
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def harbor(self, ca: str, user: str = "admin", password: str = SECRET) -> Harbor:
        return Harbor("https://10.0.0.21:30003", ca, user, password, transport=httpx.MockTransport(self))


def answer(status: int = 200, body: Any = None, **headers: str) -> httpx.Response:
    return httpx.Response(status, headers=headers, json=body)


def refused(status: int, message: str) -> httpx.Response:
    return answer(status, {"errors": [{"code": "X", "message": message}]})


HEALTHY = {"status": "healthy", "components": [{"name": "core", "status": "healthy"}]}


def test_what_is_sent(ca: str) -> None:
    answers = Answers(answer(200, {"harbor_version": "v2.15.1-3b4e9d2c"}))
    assert answers.harbor(ca).call("GET", "/systeminfo").json() == {"harbor_version": "v2.15.1-3b4e9d2c"}
    [asked] = answers.asked
    assert (asked.method, str(asked.url)) == ("GET", "https://10.0.0.21:30003/api/v2.0/systeminfo")
    assert httpx.BasicAuth("admin", SECRET)._auth_header == asked.headers["Authorization"]


def test_nobody_is_sent_without_a_user(ca: str) -> None:
    answers = Answers(answer(200, HEALTHY))
    answers.harbor(ca, user="").health()
    assert "Authorization" not in answers.asked[0].headers


def test_cookies_are_not_kept(ca: str) -> None:
    answers = Answers(answer(200, HEALTHY, **{"Set-Cookie": "sid=1; Path=/"}))
    harbor = answers.harbor(ca)
    harbor.health()
    harbor.health()
    assert "Cookie" not in answers.asked[1].headers


def test_the_environments_proxy_is_not_used(ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    harbor = Harbor("https://10.0.0.21:30003", ca)
    assert all(pattern is None for pattern in harbor._client._mounts.values())


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        (HEALTHY, []),
        (
            {
                "status": "unhealthy",
                "components": [
                    {"name": "redis", "status": "unhealthy"},
                    {"name": "core", "status": "healthy"},
                    {
                        "name": "database",
                        "status": "unhealthy",
                        "error": 'failed to run SQL "SELECT 1":\nEOF',
                    },
                ],
            },
            ['database (failed to run SQL "SELECT 1": EOF)', "redis"],
        ),
        # all of them well, and yet
        ({"status": "unhealthy", "components": [{"name": "core", "status": "healthy"}]}, ["unhealthy"]),
        # a component that is new to us counts as well
        ({"status": "healthy", "components": [{"name": "x", "status": "odd"}]}, ["x"]),
    ],
)
def test_health_is_read_from_its_words_and_not_from_the_status(ca: str, body: Any, faults: list[str]) -> None:
    assert Answers(answer(200, body)).harbor(ca).health().faults == faults


@pytest.mark.parametrize(
    "body", [[], {}, {"status": "healthy"}, {"status": "healthy", "components": [1]}, None]
)
def test_no_health_is_no_harbor(ca: str, body: Any) -> None:
    with pytest.raises(HarborError, match="is this Harbor's address"):
        Answers(answer(200, body)).harbor(ca).health()


def test_a_page_is_no_answer(ca: str) -> None:
    page = httpx.Response(200, html="<html>welcome</html>")
    with pytest.raises(HarborError, match=r"GET /health: answered 200: no JSON: is this Harbor's address\?;"):
        Answers(page).harbor(ca).health()


def test_no_version_without_the_right_password(ca: str) -> None:
    with pytest.raises(HarborError, match="are user and password right"):
        Answers(answer(200, {"auth_mode": "db_auth"})).harbor(ca).version()


READ_ONLY = "The system is in read only mode. Any modification is prohibited."


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (refused(412, "first line\nsecond line"), "answered 412: first line; end what it names first"),
        (
            refused(500, "internal server error"),
            "answered 500: internal server error, 4 times in 0 s; see `k",
        ),
        (httpx.Response(500), "answered 500: Internal Server Error, 4 times in 0 s; see"),
        (
            httpx.Response(403, html="<html><h1>403</h1>"),
            "answered 403: Forbidden; it takes an administrator",
        ),
        (refused(403, READ_ONLY), f"answered 403: {READ_ONLY}; end that in its configuration"),
        (refused(404, "project x not found"), "answered 404: project x not found; somebody removed it"),
        (
            refused(409, "user x or email y already exists"),
            "answered 409: user x or email y already exists; so",
        ),
        (httpx.Response(405), "answered 405: Method Not Allowed; is it a Harbor of the version in the"),
        (httpx.Response(400, text="\n  plain words\nmore"), "answered 400: plain words; change what it does"),
        (answer(400, {"errors": []}), "answered 400: {"),
        (answer(400, {"errors": [{"message": "x" * 500}]}), "answered 400: " + "x" * 299 + "…;"),
        (refused(400, "a\x1b[31mb"), "answered 400: a [31mb;"),
    ],
)
def test_what_an_error_says(
    ca: str, monkeypatch: pytest.MonkeyPatch, response: httpx.Response, said: str
) -> None:
    monkeypatch.setattr(harbor_api.time, "monotonic", lambda: 0.0)
    with pytest.raises(HarborError) as caught:
        Answers(response).harbor(ca).call("GET", "/ping")
    assert str(caught.value).startswith(f"harbor: GET /ping: {said}")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_reading_call_is_made_again_while_nobody_is_ready(
    ca: str, status: int, pauses: list[float]
) -> None:
    answers = Answers(httpx.Response(status), httpx.Response(status), answer(200, HEALTHY))
    assert answers.harbor(ca).health().status == "healthy"
    assert pauses == [1, 2]


@pytest.mark.parametrize(
    "problem", [httpx.ConnectError("refused"), httpx.ReadTimeout(""), httpx.Response(503)]
)
def test_and_not_for_ever_which_is_said(ca: str, monkeypatch: pytest.MonkeyPatch, problem: Any) -> None:
    clock, answers = Clock(monkeypatch, 30), Answers(problem)
    with pytest.raises(HarborError, match="4 times in 127 s; see `kubectl"):
        clock.harbor(ca, answers).call("GET", "/ping")
    assert len(answers.asked) == 4


@pytest.mark.parametrize("status", [400, 401, 404, 409, 412])
def test_what_is_an_answer_is_not_asked_again(ca: str, status: int) -> None:
    answers = Answers(httpx.Response(status))
    with pytest.raises(HarborError) as caught:
        answers.harbor(ca).call("GET", "/ping")
    assert caught.value.status == status
    assert len(answers.asked) == 1


@pytest.mark.parametrize(
    ("asked", "paused"),
    [
        ("7", [7]),
        ("0", [1]),
        ("soon", [1]),
        ("", [1]),
        # A time that is over.
        ("Wed, 21 Oct 2015 07:28:00 GMT", [1]),
    ],
)
def test_who_wants_to_be_left_alone_is(ca: str, pauses: list[float], asked: str, paused: list[float]) -> None:
    answers = Answers(httpx.Response(429, headers={"Retry-After": asked}), answer(200, HEALTHY))
    assert answers.harbor(ca).health().status == "healthy"
    assert pauses == paused


def test_but_no_run_stands_still_for_long(ca: str, pauses: list[float]) -> None:
    answers = Answers(httpx.Response(429, headers={"Retry-After": "3600"}))
    said = "answered 429: Too Many Requests, it wants to be left alone for 3600 s; see `kubectl"
    with pytest.raises(HarborError, match=said):
        answers.harbor(ca).call("POST", "/projects", body={})
    assert len(answers.asked) == 1
    assert pauses == []


# A call -> what may go wrong -> how often it is made, and whether it may be done afterwards.
@pytest.mark.parametrize(
    ("method", "path", "problem", "calls", "changed"),
    [
        ("POST", "/projects", httpx.ReadTimeout(""), 1, 1),
        ("POST", "/projects", httpx.Response(502), 1, 1),
        ("POST", "/projects", httpx.Response(500), 1, 1),
        ("POST", "/projects", httpx.Response(409), 1, 0),
        ("POST", "/projects", httpx.Response(429), 4, 0),
        ("POST", "/projects", httpx.Response(503), 4, 0),
        ("POST", "/projects", httpx.ConnectError("refused"), 4, 0),
        ("PATCH", "/robots/1", httpx.ReadTimeout(""), 1, 1),
        # The same twice is the same.
        ("PUT", "/quotas/1", httpx.ReadTimeout(""), 4, 1),
        ("PUT", "/quotas/1", httpx.Response(504), 4, 1),
        ("PUT", "/quotas/1", httpx.Response(500), 1, 1),
        ("DELETE", "/quotas/1", httpx.Response(502), 4, 1),
        # But Harbor refuses a password that it has.
        ("PUT", "/users/1/password", httpx.ReadTimeout(""), 1, 1),
        ("PUT", "/users/1/password", httpx.Response(502), 1, 1),
        ("PUT", "/users/1/password", httpx.Response(503), 4, 0),
        ("GET", "/projects", httpx.ReadTimeout(""), 4, 0),
    ],
)
def test_a_writing_call_is_made_again_only_where_that_does_no_harm(
    ca: str, method: str, path: str, problem: Any, calls: int, changed: int
) -> None:
    answers = Answers(problem)
    harbor = answers.harbor(ca)
    with pytest.raises(HarborError):
        harbor.call(method, path, body={})
    assert (len(answers.asked), harbor.changed) == (calls, changed)


def test_what_an_earlier_try_removed_is_gone(ca: str) -> None:
    removed = Answers(httpx.ReadTimeout(""), httpx.Response(404))
    assert removed.harbor(ca).call("DELETE", "/projects/1").status_code == 404
    with pytest.raises(HarborError, match="answered 404"):
        Answers(httpx.Response(503), httpx.Response(404)).harbor(ca).call("DELETE", "/projects/1")


def test_a_wrong_certificate_is_not_asked_again(ca: str) -> None:
    text = (
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: IP address mismatch,"
        " certificate is not valid for '10.0.0.21'. (_ssl.c:1006)"
    )
    answers = Answers(httpx.ConnectError(text))
    with pytest.raises(HarborError) as caught:
        answers.harbor(ca).call("GET", "/ping")
    assert len(answers.asked) == 1
    assert caught.value.said == (
        "its certificate is not to be trusted: IP address mismatch, certificate is not valid for '10.0.0.21'."
    )


def test_a_missing_ca_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="nowhere cannot be read as certificates: No such file"):
        Harbor("https://10.0.0.21", str(tmp_path / "nowhere"))
    damaged = tmp_path / "ca.crt"
    damaged.write_text("nonsense")
    with pytest.raises(Refusal, match=r"ca\.crt cannot be read as certificates: "):
        Harbor("https://10.0.0.21", str(damaged))


class Clock:
    """A clock that goes on by what each answer takes, and by each pause."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *takes: float) -> None:
        self.now, self._takes = 0.0, list(takes)
        monkeypatch.setattr(harbor_api.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(harbor_api.time, "sleep", self.passes)

    def passes(self, seconds: float) -> None:
        self.now += seconds

    def answering(self, answers: Answers) -> Handler:
        def handler(request: httpx.Request) -> httpx.Response:
            self.now += self._takes.pop(0) if len(self._takes) > 1 else self._takes[0]
            return answers(request)

        return handler

    def harbor(self, ca: str, answers: Answers) -> Harbor:
        return Harbor("https://h", ca, transport=httpx.MockTransport(self.answering(answers)))


def test_a_login(ca: str) -> None:
    assert Answers(answer(200, {"user_id": 1})).harbor(ca).logs_in("admin", SECRET) is True


def test_a_slow_401_is_a_verdict(ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(refused(401, "unauthorized"))
    assert Clock(monkeypatch, 1.6).harbor(ca, answers).logs_in("admin", SECRET) is False
    assert len(answers.asked) == 1


def test_a_quick_401_is_none(ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(refused(401, ""), refused(401, ""), answer(200, {"user_id": 1}))
    assert Clock(monkeypatch, 0.1).harbor(ca, answers).logs_in("admin", SECRET) is True


def test_quick_401s_for_ever_are_no_verdict(ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, answers = Clock(monkeypatch, 0.1), Answers(refused(401, ""))
    with pytest.raises(HarborError) as caught:
        clock.harbor(ca, answers).logs_in("admin", SECRET)
    assert 20 <= clock.now <= 22
    assert str(caught.value) == (
        "harbor: GET /users/current: answered 401: every login of admin was refused at once for 20 s, as it"
        " is while somebody keeps trying a wrong password, or the database is away; the log of core's pod"
        " names who tries it: stop that, and run again"
    )


def test_an_outage_is_no_verdict(ca: str) -> None:
    with pytest.raises(HarborError, match="answered 500"):
        Answers(refused(500, "internal server error")).harbor(ca).logs_in("admin", SECRET)


def test_a_password_is_changed_for_the_users_own_number(ca: str) -> None:
    answers = Answers(answer(200, {"user_id": 7}), httpx.Response(200))
    answers.harbor(ca, user="").change_password("zoe", SECRET, "An0ther-one")
    put = answers.asked[1]
    assert (put.method, put.url.path) == ("PUT", "/api/v2.0/users/7/password")
    assert json.loads(put.content) == {"old_password": SECRET, "new_password": "An0ther-one"}
    assert httpx.BasicAuth("zoe", SECRET)._auth_header == put.headers["Authorization"]


def test_a_wrong_old_password(ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    harbor = Clock(monkeypatch, 1.6).harbor(ca, Answers(refused(401, "unauthorized")))
    with pytest.raises(HarborError, match="the old password does not log in") as caught:
        harbor.change_password("admin", "Wr0ng-one", SECRET)
    assert caught.value.status == 403


def echo(request: httpx.Request) -> httpx.Response:
    """A Harbor that says back what it was sent."""
    if request.method == "GET":
        return answer(200, {"user_id": 1})
    return refused(400, f"bad: {request.content.decode()}")


def test_no_secret_is_said(ca: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    harbor = Harbor("https://h", ca, "admin", SECRET, transport=httpx.MockTransport(echo))
    with pytest.raises(HarborError) as caught:
        harbor.change_password("admin", SECRET, "An0ther-one")
    for said in (str(caught.value), repr(caught.value), repr(harbor), caplog.text):
        assert SECRET not in said
        assert "An0ther-one" not in said


@pytest.mark.parametrize(
    "body",
    [
        {"secret": 'a"b\\c-secret'},
        {"credential": {"access_key": "ann", "access_secret": 'a"b\\c-secret'}},
        {"targets": [{"auth_header": 'a"b\\c-secret'}]},
        {"targets": [{"address": 'https://hooks.example.org/a"b\\c-secret'}]},
        {"oidc_client_secret": 'a"b\\c-secret', "oidc_name": "x"},
    ],
)
def test_no_secret_is_said_however_deep_it_is(ca: str, body: dict[str, Any]) -> None:
    harbor = Harbor("https://h", ca, "admin", SECRET, transport=httpx.MockTransport(echo))
    with pytest.raises(HarborError) as caught:
        harbor.call("POST", "/anything", body=body)
    assert "bad: " in str(caught.value)
    assert "c-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("Abcdef12", ""),
        ("A1" + "b" * 126, ""),
        ("Ab1" + "ü" * 5, ""),  # more bytes than letters: Harbor counts bytes
        ("Ab1defg", "is not 8 to 128 characters long"),
        ("A1" + "b" * 127, "is not 8 to 128 characters long"),
        ("A1" + "ü" * 64, "is not 8 to 128 characters long"),
        ("", "is not 8 to 128 characters long"),
        ("abcdefg1", "lacks an upper-case letter"),
        ("ÜBCDEFG1", "lacks a lower-case letter"),
        ("Übcdefg1", "lacks an upper-case letter"),
        ("abcdefgh", "lacks an upper-case letter and a digit"),
        ("Abcdefg٣", "lacks a digit"),
        ("Harbor12345", "is the chart's own, which everybody knows"),
        ("Abcdefg1\udc80", "is not text in UTF-8"),
    ],
)
def test_the_rule_for_passwords(password: str, fault: str) -> None:
    assert password_fault(password) == fault
