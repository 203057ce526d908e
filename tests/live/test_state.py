"""What Harbor says of itself, and how it answers those who are nobody."""

import re

from breakwater.harbor.api import Harbor
from tests.live.client import NOBODY, Live, message

COMPONENTS = {"core", "database", "jobservice", "portal", "redis", "registry", "registryctl"}


def test_ping(harbor: Live) -> None:
    assert harbor.call("GET", "/ping", 200, who=NOBODY).text.strip() in ("Pong", '"Pong"')


def test_health_names_every_component(harbor: Live) -> None:
    health = harbor.call("GET", "/health", 200, who=NOBODY).json()
    assert health["status"] in ("healthy", "unhealthy")
    found = {item["name"]: item["status"] for item in health["components"]}
    assert set(found) >= COMPONENTS
    # An external database or Redis, and Trivy, are named so as well; nothing else is.
    assert set(found) <= COMPONENTS | {"trivy"}
    assert (health["status"] == "healthy") == (set(found.values()) == {"healthy"})


def test_only_users_are_told_the_version(harbor: Live) -> None:
    known = harbor.call("GET", "/systeminfo", 200).json()
    assert re.match(r"v2\.\d+\.\d+", known["harbor_version"])
    assert known["external_url"].startswith("https://")
    unknown = harbor.call("GET", "/systeminfo", 200, who=NOBODY).json()
    assert "harbor_version" not in unknown
    assert "auth_mode" in unknown


def test_nobody_is_no_user(harbor: Live) -> None:
    assert harbor.call("GET", "/users/current", 401, who=NOBODY).json()["errors"][0]["code"] == "UNAUTHORIZED"
    harbor.call("GET", "/configurations", 401, who=NOBODY)
    harbor.call("POST", "/projects", 401, who=NOBODY, body={"project_name": harbor.name("project")})


def test_breakwaters_own_client_reads_it(harbor: Live, ca: str) -> None:
    with Harbor(harbor.url, ca, *harbor.admin) as client:
        client.ping()
        assert set(client.health().components) >= COMPONENTS
        assert client.version().startswith("v2.")


def test_who_keeps_the_sessions_cookie_needs_a_csrf_token(harbor: Live) -> None:
    session = harbor.call("GET", "/users/current", 200).headers["Set-Cookie"].partition(";")[0]
    assert session.startswith("sid=")
    refused = harbor.call("POST", "/projects", 403, body={}, headers={"Cookie": session})
    assert "CSRF" in message(refused)
    # Without it the same call is only a wrong one.
    harbor.call("POST", "/projects", 400, 422, body={})
