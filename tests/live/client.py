"""Harbor as the cases call it: each call says which statuses are right, and what is made is remembered."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import httpx

# Seconds: a slow machine takes some for a call that writes, and a stalled one must not hold a case for ever.
LIMIT = httpx.Timeout(60, connect=10)
# Whom a call is made as when it is made as nobody.
NOBODY = ("", "")


class Live:
    """The Harbor under test, and its administrator.

    + url: https://HOST:PORT
    + ca: PEM file; None for the system's authorities
    """

    def __init__(self, url: str, ca: str | None, user: str, password: str) -> None:
        self.url, self.ca, self.admin = url.rstrip("/"), ca, (user, password)
        # Whatever the cases make begins so: a person finds what a killed run left.
        self.prefix = f"breakwater-live-{secrets.token_hex(4)}"
        self._undo: list[Callable[[], str]] = []
        self._count = 0
        self._client = httpx.Client(
            verify=ssl.create_default_context(cafile=ca),
            trust_env=False,
            timeout=LIMIT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def host(self) -> str:
        """Host and port, as they stand in the Host header."""
        return urlsplit(self.url).netloc

    def name(self, word: str) -> str:
        """A name nobody else has."""
        self._count += 1
        return f"{self.prefix}-{word}{self._count}"

    def call(
        self,
        method: str,
        path: str,
        *right: int,
        body: Any = None,
        who: tuple[str, str] | None = None,
        **how: Any,
    ) -> httpx.Response:
        """One call, whose status must be a right one.

        + path: from /v2/ or /service/ on, else below /api/v2.0
        + who: user and password; NOBODY for none; None for the administrator
        + how: headers, params, content, as httpx has them
        """
        response = self.ask(method, path, body=body, who=who, **how)
        said = response.text[:300]
        assert response.status_code in right, f"{method} {path}: {response.status_code}, not {right}: {said}"
        return response

    def ask(
        self, method: str, path: str, body: Any = None, who: tuple[str, str] | None = None, **how: Any
    ) -> httpx.Response:
        """One call, whatever it answers."""
        user = self.admin if who is None else who
        root = self.url if path.startswith(("/v2/", "/service/")) else f"{self.url}/api/v2.0"
        url = path if path.startswith("https://") else root + path
        # A session's cookie would switch Harbor's check of CSRF tokens on.
        self._client.cookies.clear()
        auth = httpx.BasicAuth(*user) if user[0] else None
        return self._client.request(method, url, json=body, auth=auth, **how)

    def make(self, path: str, body: Any, gone: str | None = None) -> str:
        """POST something, which goes with the case; returns its own path.

        + gone: what is deleted in the end; None for the path that Harbor says
        """
        location = self.call("POST", path, 201, body=body).headers["Location"]
        own = location.partition("/api/v2.0")[2]
        self.later(gone or own)
        return own

    def later(self, path: str) -> None:
        """Delete this when the case is over, before what was made earlier."""
        self._undo.append(lambda: self._refused("DELETE", path))

    def later_named(self, path: str, field: str, name: str) -> None:
        """Delete what is called so by then.

        + path: of the list that it is in
        """

        def gone() -> str:
            response = self.ask("GET", path, params={"q": f"{field}={name}"})
            if not response.is_success:
                return f"{path} {name}: {response.status_code} {response.text[:200]}"
            numbers = [each.get("user_id", each.get("id")) for each in response.json()]
            return "; ".join(filter(None, (self._refused("DELETE", f"{path}/{one}") for one in numbers)))

        self._undo.append(gone)

    def put_back(self, path: str, body: Any) -> None:
        """PUT this when the case is over: what was there before."""
        self._undo.append(lambda: self._refused("PUT", path, body))

    def clean(self) -> None:
        """Undo what the case did, the newest first; all of it is tried."""
        left = []
        while self._undo:
            left.append(self._undo.pop()())
        assert not any(left), f"left in Harbor: {list(filter(None, left))}"

    def _refused(self, method: str, path: str, body: Any = None) -> str:
        """Why it was not done; empty when it was, or was so already."""
        response = self.ask(method, path, body=body)
        right = response.is_success or (method == "DELETE" and response.status_code == 404)
        return "" if right else f"{method} {path}: {response.status_code} {response.text[:200]}"

    def setting(self, key: str) -> Any:
        """A key of the whole Harbor's configuration."""
        return self.call("GET", "/configurations", 200).json()[key]["value"]

    def project(self, public: bool = False) -> str:
        """A project's name."""
        name = self.name("project")
        metadata = {"public": "true" if public else "false"}
        self.make("/projects", {"project_name": name, "metadata": metadata}, gone=f"/projects/{name}")
        return name

    def user(self, password: str) -> tuple[str, str]:
        """A user, as it logs in."""
        name = self.name("user")
        body = {"username": name, "email": f"{name}@example.org", "realname": "a case", "password": password}
        self.make("/users", body)
        return name, password

    def robot(self, project: str, *actions: str) -> tuple[str, str]:
        """A project's robot, as it logs in."""
        created = self.call("POST", "/robots", 201, body=self.robot_body(project, *actions)).json()
        self.later(f"/robots/{created['id']}")
        return created["name"], created["secret"]

    def robot_body(self, project: str, *actions: str) -> dict[str, Any]:
        """What is posted for a robot that may push, pull, …"""
        access = [{"resource": "repository", "action": action} for action in actions or ("pull",)]
        permissions = [{"kind": "project", "namespace": project, "access": access}]
        return {"name": self.name("robot"), "level": "project", "duration": -1, "permissions": permissions}

    def token(self, who: tuple[str, str], scope: str) -> str:
        """A registry token for a scope such as repository:NAME:pull."""
        query = urlencode({"service": "harbor-registry", "scope": scope})
        return str(self.call("GET", f"/service/token?{query}", 200, who=who).json()["token"])


def message(response: httpx.Response) -> str:
    """Harbor's words in an error, from its JSON."""
    return str(response.json()["errors"][0]["message"])
