"""Requests grow with what is there, no faster. BREAKWATER_SCALE=1000 gives docs/measurements.md's figures."""

import os
import time
from pathlib import Path
from typing import Any

from standin import running

from breakwater.harbor.lists import listed
from tests.bastion import Bastion

USERS, PROJECTS = 20, int(os.environ.get("BREAKWATER_SCALE", "20"))
# What there is to ask of each project, since no list has it of several: members, robots, labels, rules of
# immutable tags, webhooks. Of all of Harbor: endpoints, robots of the system, the configuration; and users,
# projects and quotas, as many as they are. Lists come in pages of 100.
OF_EACH, OF_ALL = 5, 3
# More than one page.
MANY = 101


def pages(count: int) -> int:
    return -(-count // 100)


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
    least = OF_EACH * PROJECTS + OF_ALL + pages(USERS) + 2 * pages(PROJECTS + 1)
    print(f"{PROJECTS} projects: made in {made:.1f} s by {asked} calls; again {again:.1f} s, {calls} calls")
    assert calls == least
    # A project, a quota with it, its members, and each robot with its secret.
    assert writes == PROJECTS * (1 + USERS + 2 * 2) + USERS


def test_all_pages_of_a_list_are_read(tmp_path: Path) -> None:
    users = [{"name": f"user{number}", "email": f"user{number}@example.org"} for number in range(MANY)]
    members = [{"user": user["name"], "role": "guest"} for user in users]
    robots = [{"name": f"robot{number}"} for number in range(MANY)]
    wide = [{"name": f"wide{number}", "allow": ["project:list"]} for number in range(MANY)]
    large = {"name": "large", "members": members, "robots": robots}
    with running(tmp_path / "standin") as standin:
        bastion = Bastion(standin.administrator, standin.host, tmp_path / "registry")
        assert len(bastion.make({"users": users, "projects": [large], "robots": wide})) == 4 * MANY + 1
        before = standin.calls()
        # Whoever is on the second page is there: nothing is missing, and nobody was left out.
        assert bastion.planned({"users": users, "projects": [large], "robots": wide}) == []
        calls = standin.calls() - before
        bastion.planned({"projects": [{"name": "large"}]})
        [beyond] = bastion.warned
        assert f" and {4 * MANY - 20} more" in beyond
        with standin.administrator() as harbor:
            found = {user["username"] for user in listed(harbor, "/users")}
            assert found == {user["name"] for user in users}
    # Users, members, robots of the project and of the system, two pages each; and seven lists of one.
    assert calls == 4 * 2 + 7
