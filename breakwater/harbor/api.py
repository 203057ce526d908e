"""Harbor's API, typed: who logs in, how healthy it is, and the administrator's password put right.

What it relies on is Harbor 2.15.1's own behaviour; tests/live shows each point on a Harbor that runs.
"""

import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Self

import httpx

from breakwater.commands import Refusal
from breakwater.harbor.again import READING, TRIES, Tries, refused, unanswered
from breakwater.harbor.answers import is_about_certificates, secrets_in, what_to_do, words_of
from breakwater.words import plain

ADMIN = "admin"
# What the chart sets when nobody says anything else: whoever reads its documentation knows it.
CHARTS_PASSWORD = "Harbor12345"  # noqa: S105
# Seconds to connect, and to wait for each part of an answer, of every call. Slow hosts took 1.2 s.
LIMIT = httpx.Timeout(30, connect=5)
# After a wrong password Harbor refuses every login of that user for 1.5 s, right ones too, and only then
# answers the wrong one; and it refuses all logins at once while its database is away. So a 401 that took
# less is no verdict: it is asked again, for some seconds.
_VERDICT, _ASK_AGAIN, _AGAIN_FOR = 1.5, 0.1, 20.0
_WHO_TRIES = "the log of core's pod names who tries it: stop that, and run again"
# Harbor otherwise takes a project's name that is a number for its id.
_NAMED = {"X-Is-Resource-Name": "true"}


class HarborError(Refusal):
    """Harbor did not do what it was asked to, or did not answer.

    + status: of its answer; None when there was none
    + said: its words, or what kept them away, on one line
    + fix: what to do; without one, what the status suggests
    + tried: how often and how long, when more than once
    """

    def __init__(
        self, method: str, path: str, status: int | None, said: str, fix: str = "", tried: str = ""
    ) -> None:
        self.status, self.said = status, said
        answer = "no answer" if status is None else f"answered {status}"
        words = f"{answer}: {said}" if said else answer
        words = f"{words}, {tried}" if tried else words
        super().__init__(f"harbor: {method} {path}: {words}; {fix or what_to_do(status, said)}")


@dataclass(frozen=True)
class Health:
    """What Harbor says of itself.

    + status: "healthy" when every component is
    + components: {name: "healthy" or "unhealthy"}
    + errors: {name: why}, of those that are not
    """

    status: str
    components: dict[str, str]
    errors: dict[str, str]

    @property
    def faults(self) -> list[str]:
        """The components that are not healthy, each with why; empty only when all of it is healthy."""
        names = sorted(name for name, status in self.components.items() if status != "healthy")
        found = [f"{name} ({self.errors[name]})" if self.errors.get(name) else name for name in names]
        return found or ([] if self.status == "healthy" else [self.status])


class Harbor:
    """Harbor at one address, asked by one user.

    + url: https://HOST:PORT, without a path
    + ca: PEM file on the bastion; only certificates of this authority are accepted
    + user, password: sent with each call (Basic); without a user nothing is
    + tries: how often a call is made at most

    Everything raises HarborError when Harbor does not do it.
    """

    def __init__(
        self,
        url: str,
        ca: str,
        user: str = "",
        password: str = "",
        *,
        tries: int = TRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url, self._who, self._tries = url, (user, password), tries
        # Calls that changed something, or may have.
        self.changed = 0
        self._client = httpx.Client(
            base_url=f"{url}/api/v2.0",
            verify=_trusting(ca),
            # What the environment says of proxies, certificates and .netrc is not meant for the nodes' ports.
            trust_env=False,
            timeout=LIMIT,
            # A session's cookie would make Harbor ask for a CSRF token.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ping(self) -> None:
        """Core answers; its components may be down."""
        self.call("GET", "/ping")

    def health(self) -> Health:
        """What Harbor says of its components. It answers 200 whatever they are, late when storage stalls."""
        answer = self._json("GET", "/health")
        try:
            components = {item["name"]: item["status"] for item in answer["components"]}
            errors = {item["name"]: plain(item.get("error") or "") for item in answer["components"]}
            return Health(answer["status"], components, errors)
        except (KeyError, TypeError, AttributeError) as error:
            raise HarborError("GET", "/health", 200, "no health in it: is this Harbor's address?") from error

    def version(self) -> str:
        """Harbor's own, such as v2.15.1-3b4e9d2c. Only users are told."""
        found = self._json("GET", "/systeminfo").get("harbor_version")
        if not isinstance(found, str):
            raise HarborError("GET", "/systeminfo", 200, "no version in it: are user and password right?")
        return found

    def logs_in(self, user: str, password: str) -> bool:
        """Whether Harbor takes this password; a no takes 1.5 s. Raises HarborError without a verdict."""
        return self._login(user, password) is not None

    def change_password(self, user: str, old: str, new: str) -> None:
        """Give a user another password. Raises HarborError with status 403 for a wrong old one, 400 for the
        same one again or one that is against password_fault()'s rule."""
        login = self._login(user, old)
        if login is None:
            raise HarborError("PUT", "/users/…/password", 403, "the old password does not log in")
        path, body = f"/users/{int(login['user_id'])}/password", {"old_password": old, "new_password": new}
        self.call("PUT", path, who=(user, old), body=body)

    def admits(self, robot: str, secret: str) -> bool:
        """Whether a robot may come to the registry. A token would be no proof: a wrong secret gets one, too.

        + robot: its whole name
        """
        try:
            self.call("GET", f"{self._url}/v2/", who=(robot, secret))
        except HarborError as error:
            if error.status != 401:
                raise
            return False
        return True

    def _login(self, user: str, password: str) -> dict[str, Any] | None:
        """The user as Harbor knows it; None for a wrong password."""
        began = time.monotonic()
        while True:
            asked = time.monotonic()
            try:
                return self._json("GET", "/users/current", who=(user, password))
            except HarborError as error:
                if error.status != 401:
                    raise
            if time.monotonic() - asked >= _VERDICT:
                return None
            if time.monotonic() - began >= _AGAIN_FOR:
                raise HarborError("GET", "/users/current", 401, _no_verdict(user), fix=_WHO_TRIES)
            time.sleep(_ASK_AGAIN)

    def _json(self, method: str, path: str, **how: Any) -> dict[str, Any]:
        response = self.call(method, path, **how)
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise HarborError(method, path, response.status_code, "no JSON: is this Harbor's address?")
        return answer

    def call(
        self,
        method: str,
        path: str,
        who: tuple[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        *,
        named: bool = False,
    ) -> httpx.Response:
        """One call, repeated as often as it may be; in an error no secret is said back.

        + path: below /api/v2.0
        + who: user and password, when not this client's own
        + named: the project in the path is a name, of digits as it may be, and not a number
        """
        who = who or self._who
        auth = httpx.BasicAuth(*who) if who[0] else None
        tries, begun = Tries(self._tries), False
        while True:
            try:
                response = self._client.request(
                    method, path, auth=auth, json=body, params=query, headers=_NAMED if named else None
                )
            except httpx.RequestError as error:
                failed, said = unanswered(method, path, error), why(error)
            else:
                # What an earlier try removed is not there for this one.
                gone = begun and method == "DELETE" and response.status_code == httpx.codes.NOT_FOUND
                if response.is_success or gone:
                    self.changed += method not in READING
                    return response
                secrets = [who[1], *secrets_in(body)]
                failed, said = refused(method, path, response), words_of(response, secrets)
            begun = begun or failed.begun
            if not failed.again or not tries.another(failed.asked):
                self.changed += begun
                tried = tries.in_words(failed.asked)
                raise HarborError(method, path, failed.status, said, tried=tried)


def password_fault(password: str) -> str:
    """What Harbor, or good sense, has against a password; empty for nothing. It is not in the answer."""
    try:
        # Harbor counts bytes, and knows no other letters.
        length = len(password.encode())
    except UnicodeEncodeError:
        return "is not text in UTF-8"
    if not 8 <= length <= 128:
        return "is not 8 to 128 characters long"
    kinds = {"an upper-case letter": "[A-Z]", "a lower-case letter": "[a-z]", "a digit": "[0-9]"}
    if lacking := [kind for kind, pattern in kinds.items() if not re.search(pattern, password)]:
        return f"lacks {' and '.join(lacking)}"
    if password == CHARTS_PASSWORD:
        return "is the chart's own, which everybody knows"
    return ""


def why(error: httpx.RequestError) -> str:
    """What kept an answer away, on one line."""
    if is_about_certificates(error):
        # [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: IP address mismatch, … (_ssl.c:1006)
        reason = str(error).partition("certificate verify failed: ")[2].rpartition(" (_ssl")[0]
        return f"its certificate is not to be trusted: {plain(reason or str(error))}"
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {LIMIT.connect:g} s"
    if isinstance(error, httpx.TimeoutException):
        return f"nothing within {LIMIT.read:g} s"
    return plain(str(error)) or type(error).__name__


def _trusting(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        reason = plain(error.strerror or str(error))
        raise Refusal(
            f"harbor: {ca} cannot be read as certificates: {reason}; put the CA's PEM there"
        ) from error


def _no_verdict(user: str) -> str:
    return (
        f"every login of {user} was refused at once for {_AGAIN_FOR:.0f} s, as it is while somebody keeps"
        " trying a wrong password, or the database is away"
    )
