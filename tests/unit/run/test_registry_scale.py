"""Requests grow with what is there, no faster. BREAKWATER_SCALE=1000 gives docs/measurements.md's figures."""

import os
import time
from pathlib import Path
from typing import Any

from standin import running

from tests.bastion import Bastion

USERS, PROJECTS = 20, int(os.environ.get("BREAKWATER_SCALE", "20"))
# What there is to ask of each project, since no list has it of several: members, robots, labels, rules of
# immutable tags, webhooks. Of all of Harbor: projects, quotas, users, endpoints, robots, three schedules, the
# configuration. Lists come in pages of 100.
OF_EACH, OF_ALL = 5, 9


def settings(projects: int) -> dict[str, Any]:
    users = [{"name": f"user{number}", "email": f"user{number}@example.org"} for number in range(USERS)]
    members = [{"user": user["name"], "role": "developer"} for user in users]
    robots = [{"name": "ci", "allow": ["push"]}, {"name": "cd"}]
    return {
        "users": users,
        "projects": [
            {"name": f"project{number}", "quota": "none", "members": members, "robots": robots}
            for number in range(projects)
        ],
    }


def test_what_is_read_is_asked_for_once(tmp_path: Path) -> None:
    with running(tmp_path / "standin") as standin:
        bastion = Bastion(standin.administrator, standin.host, tmp_path / "registry")
        began = time.monotonic()
        bastion.make(settings(PROJECTS))
        made, asked = time.monotonic() - began, standin.calls()
        writes = len(standin.writes())
        began = time.monotonic()
        assert bastion.planned(settings(PROJECTS)) == []
        again, calls = time.monotonic() - began, standin.calls() - asked
        assert len(standin.writes()) == writes
    pages = 2 * -(-(PROJECTS + 1) // 100) - 2
    least = OF_EACH * PROJECTS + OF_ALL + pages
    print(f"{PROJECTS} projects: made in {made:.1f} s by {asked} calls; again {again:.1f} s, {calls} calls")
    assert calls <= 1.2 * least
    # A project, a quota with it, its members, and each robot with its secret and its login.
    assert writes <= PROJECTS * (1 + USERS + 2 * 2) + USERS
