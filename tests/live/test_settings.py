"""`registry` of the settings on a Harbor that runs: made so, used, left alone, put back; in our own names."""

from collections.abc import Callable
from typing import Any

import pytest

from breakwater.registry_client import Registry
from breakwater.registry_errors import RegistryError
from breakwater.small_image import unique
from tests.bastion import Bastion
from tests.live.client import NOBODY, Live


@pytest.fixture
def wanted(harbor: Live) -> dict[str, Any]:
    """The blog post's: a private project without a limit, a developer in it, a guest, a robot, a webhook."""
    project, developer, guest = harbor.name("kaps"), harbor.name("openstack"), harbor.name("guest")
    people = [{"name": name, "email": f"{name}@example.org"} for name in (developer, guest)]
    for name in (developer, guest):
        harbor.later_named("/users", "username", name)
    for path in (f"/projects/{project}", f"/projects/{project}/repositories/image"):
        harbor.later(path)
    members = [{"user": developer, "role": "developer"}, {"user": guest, "role": "guest"}]
    hook = {"name": "build", "address": "https://ci.example.org/x", "events": ["PUSH_ARTIFACT"]}
    return {
        "users": people,
        "projects": [
            {
                "name": project, "quota": "none", "members": members,
                "robots": [{"name": "ci", "allow": ["push"], "days": 30}, {"name": "two", "overlap": True}],
                "labels": [{"name": "tested", "color": "#0065AB"}],
                "immutable_tags": [{"tags": "v*"}],
                "retention": {"rules": [{"keep_pushed": 10}, {"pulled_days": 30, "tags": "release-*"}]},
                "webhooks": [hook], "auto_scan": False, "prevent_vulnerable": "high",
                "cve_allowlist": ["CVE-2024-12345"],
            }
        ],
    }  # fmt: skip


def test_made_used_and_left_alone(harbor: Live, ca: str, bastion: Bastion, wanted: dict[str, Any]) -> None:
    [project], [developer, guest] = wanted["projects"], [user["name"] for user in wanted["users"]]
    # Harbor has a vulnerable image's pull refused, and ours was never looked at.
    del project["prevent_vulnerable"]
    bastion.make(wanted)
    assert bastion.make(wanted) == []
    robot = f"{project['name']}+ci"
    for who, folder, prefix, pushes in (
        (developer, "users", "", True),
        (guest, "users", "", False),
        (robot, "robots", harbor.setting("robot_name_prefix"), True),
    ):
        secret = (bastion.folder / folder / who).read_text().strip()
        with Registry(harbor.host, ca, f"{prefix}{who}", secret) as door:
            if pushes:
                image = unique("amd64")
                door.push(f"{project['name']}/image", "1", image)
                assert door.pull(f"{project['name']}/image", "1") == image
            else:
                with pytest.raises(RegistryError, match="may not push"):
                    door.push(f"{project['name']}/image", "2", unique("amd64"))
    seen = [found["name"] for found in harbor.call("GET", "/projects", 200, who=NOBODY).json()]
    assert project["name"] not in seen
    harbor.call("GET", f"/projects/{project['name']}", 401, 403, who=NOBODY)


def set_metadata(live: Live, project: str) -> None:
    live.call("PUT", f"/projects/{project}", 200, body={"metadata": {"public": "true", "severity": "low"}})


def set_member(live: Live, project: str) -> None:
    [member] = [
        found
        for found in live.call("GET", f"/projects/{project}/members", 200).json()
        if "openstack" in found["entity_name"]
    ]
    live.call("PUT", f"/projects/{project}/members/{member['id']}", 200, body={"role_id": 4})


def set_quota(live: Live, project: str) -> None:
    number = live.call("GET", f"/projects/{project}", 200).json()["project_id"]
    path = f"/quotas?reference=project&reference_id={number}"
    [quota] = live.call("GET", path, 200).json()
    live.call("PUT", f"/quotas/{quota['id']}", 200, body={"hard": {"storage": 1 << 30}})


def unset_hook(live: Live, project: str) -> None:
    [hook] = live.call("GET", f"/projects/{project}/webhook/policies", 200).json()
    live.call("DELETE", f"/projects/{project}/webhook/policies/{hook['id']}", 200)


def unset_rule(live: Live, project: str) -> None:
    [rule] = live.call("GET", f"/projects/{project}/immutabletagrules", 200).json()
    live.call("DELETE", f"/projects/{project}/immutabletagrules/{rule['id']}", 200)


DAMAGE: dict[str, tuple[Callable[[Live, str], None], str]] = {
    "a project": (
        set_metadata,
        "~ project KAPS: public: true, and shall be false; severity: low, and shall be high",
    ),
    "a role": (set_member, "~ member OPENSTACK of KAPS: role: maintainer, and shall be developer"),
    "a quota": (set_quota, "~ quota of KAPS: quota: 1GiB, and shall be none"),
    "a webhook": (unset_hook, "+ webhook build of KAPS"),
    "a rule": (unset_rule, "+ immutable tags v* of KAPS"),
}


def test_what_was_changed_by_hand_is_named_and_put_back(
    harbor: Live, bastion: Bastion, wanted: dict[str, Any]
) -> None:
    project, people = wanted["projects"][0]["name"], [user["name"] for user in wanted["users"]]
    bastion.make(wanted)
    for by_hand, said in DAMAGE.values():
        by_hand(harbor, project)
        assert bastion.make(wanted) == [said.replace("KAPS", project).replace("OPENSTACK", people[0])]
        assert bastion.make(wanted) == []


def test_a_rotation_ends_the_old_secret_and_an_overlap_does_not(
    harbor: Live, bastion: Bastion, wanted: dict[str, Any]
) -> None:
    project = wanted["projects"][0]["name"]
    ci, one, other = (f"{project}+{name}" for name in ("ci", "two-a", "two-b"))
    prefix = harbor.setting("robot_name_prefix")
    bastion.make(wanted)
    before = {name: (bastion.folder / "robots" / name).read_text().strip() for name in (ci, one)}
    bastion.make(wanted, rotate={"all"})
    with bastion.administrator() as client:
        assert not client.admits(f"{prefix}{ci}", before[ci])
        assert client.admits(f"{prefix}{one}", before[one])
        for name in (ci, other):
            secret = (bastion.folder / "robots" / name).read_text().strip()
            assert client.admits(f"{prefix}{name}", secret)
    assert bastion.make(wanted) == []
