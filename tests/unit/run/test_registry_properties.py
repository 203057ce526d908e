"""Any valid settings, over what others left: applied, Harbor is as they say; applied twice, untouched."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from standin import Standin, running

from breakwater.harbor.api import Harbor
from breakwater.harbor.lists import listed
from breakwater.registry.contradictions import registry_clashes
from breakwater.registry.settings import Registry
from tests.bastion import Bastion

USERS, PROJECTS = ("ann", "bob", "carl.d"), ("kaps", "a-b", "1984")
ROLES = ("projectAdmin", "maintainer", "developer", "guest", "limitedGuest")
# Harbor's numbers for them, as its own documentation has them: not asked of the code that is tested.
NUMBERS = {1: "projectAdmin", 2: "developer", 3: "guest", 4: "maintainer", 5: "limitedGuest"}
SWITCH = st.booleans()
WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=20)
CRON = st.sampled_from(["0 0 3 * * *", "0 */5 * * * *", "0 30 4 1 * 0"])
PATTERN = st.sampled_from(["**", "v*", "{release-*,v?}", "latest"])


def some(of: tuple[str, ...], least: int = 0) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(of), unique=True, min_size=least, max_size=3)


def keys(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these keys, the others left away."""
    return st.fixed_dictionaries({}, optional=fields)


def each(names: tuple[str, ...], what: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[Any]]:
    """Things of some of these names."""
    return some(names).flatmap(
        lambda chosen: st.tuples(*(what.map(lambda rest, n=name: {"name": n, **rest}) for name in chosen))
    ).map(list)  # fmt: skip


ROBOT = keys(
    description=WORDS, days=st.integers(1, 400), disabled=SWITCH, overlap=SWITCH,
    allow=st.lists(st.sampled_from(["pull", "push", "tag:create", "artifact:list"]), min_size=1, unique=True),
)  # fmt: skip
RULE = st.sampled_from(["keep_pushed", "keep_pulled", "pushed_days", "pulled_days"]).flatmap(
    lambda kind: st.fixed_dictionaries({kind: st.integers(1, 99), "untagged": SWITCH, "tags": PATTERN})
)
PROJECT = keys(
    public=SWITCH,
    quota=st.sampled_from(["none", "5GiB", "123MiB"]),
    auto_scan=SWITCH,
    auto_sbom=SWITCH,
    content_trust=SWITCH,
    prevent_vulnerable=st.sampled_from(["low", "medium", "high", "critical"]),
    cve_allowlist=some(("CVE-2024-1111", "CVE-2023-2222")),
    robots=each(("ci", "cd"), ROBOT),
    labels=each(("tested", "old"), keys(color=st.sampled_from(["#0065AB", "#FFFFFF"]), description=WORDS)),
    immutable_tags=st.lists(st.fixed_dictionaries({"tags": PATTERN, "disabled": SWITCH}), max_size=2),
    retention=st.fixed_dictionaries(
        {"rules": st.lists(RULE, min_size=1, max_size=3)}, optional={"schedule": CRON}
    ),
    webhooks=each(
        ("build",),
        st.fixed_dictionaries({
            "address": st.sampled_from(["http://ci.example.org/x", "https://ci.example.org:8443/y?z=1"]),
            "events": some(("PUSH_ARTIFACT", "DELETE_ARTIFACT", "SCANNING_FAILED"), least=1),
            "enabled": SWITCH, "verify_tls": SWITCH,
        }),
    ),
)  # fmt: skip
SYSTEM = keys(
    gc=keys(schedule=CRON, delete_untagged=SWITCH),
    # nobody scans here
    scan_all=st.just("never"),
    quota=st.sampled_from(["none", "50GiB"]),
    token_minutes=st.integers(1, 600),
    self_registration=SWITCH,
    project_creation=st.sampled_from(["everyone", "admins"]),
    banner=WORDS,
)


@st.composite
def registries(draw: st.DrawFn) -> dict[str, Any]:
    """Settings that `python -m breakwater check` takes."""
    users = draw(each(USERS, keys(real_name=WORDS, admin=SWITCH)))
    for user in users:
        user["email"] = f"{user['name']}@example.org"
    projects = draw(each(PROJECTS, PROJECT))
    names = [user["name"] for user in users]
    for project in projects:
        members = draw(some(tuple(names))) if names else []
        project["members"] = [{"user": name, "role": draw(st.sampled_from(ROLES))} for name in members]
    return {"users": users, "projects": projects, "system": draw(SYSTEM)}


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running(tmp_path_factory.mktemp("properties")) as found:
        yield found


@pytest.fixture(scope="module")
def bastion(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Bastion:
    return Bastion(standin.administrator, standin.host, tmp_path_factory.mktemp("bastion") / "registry")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(registries())
def test_applied_it_is_so_and_twice_nothing_is_written(
    bastion: Bastion, standin: Standin, wanted: dict[str, Any]
) -> None:
    registry = TypeAdapter(Registry).validate_python(wanted)
    if registry_clashes(registry):
        return
    bastion.make(wanted)
    with bastion.administrator() as harbor:
        for user in registry.users:
            [there] = [u for u in listed(harbor, "/users") if u["username"] == user.name]
            assert (there["email"], there["realname"], there["sysadmin_flag"]) == (
                user.email, user.real_name or user.name, user.admin,
            )  # fmt: skip
        for project in wanted["projects"]:
            assert read_back(harbor, project) == as_written(project)
        configuration = harbor.call("GET", "/configurations").json()
        for key, theirs in (("token_minutes", "token_expiration"), ("banner", "banner_message")):
            if key in wanted["system"]:
                assert configuration[theirs]["value"] == wanted["system"][key]
    before = standin.writes()
    assert bastion.make(wanted) == []
    assert standin.writes() == before


def as_written(project: Mapping[str, Any]) -> dict[str, Any]:
    """What Harbor should say of it."""
    quotas = {"none": -1, "5GiB": 5 << 30, "123MiB": 123 << 20}
    robots = {}
    for robot in project.get("robots", ()):
        allow = {*robot.get("allow", ["pull"])} - {"pull", "push"}
        if {"pull", "push"} & {*robot.get("allow", ["pull"])}:
            allow.add("repository:pull")
        if "push" in robot.get("allow", ()):
            allow.add("repository:push")
        name = f"robot${project['name']}+{robot['name']}{'-a' if robot.get('overlap') else ''}"
        robots[name] = (
            robot.get("days", -1), robot.get("disabled", False), robot.get("description", ""), allow,
        )  # fmt: skip
    return {
        "public": project.get("public", False),
        "auto_scan": project.get("auto_scan", False),
        "severity": project.get("prevent_vulnerable"),
        "cves": {*project.get("cve_allowlist", ())},
        "quota": quotas.get(project.get("quota", "")),
        "members": {member["user"]: member["role"] for member in project["members"]},
        "robots": robots,
        "labels": {
            label["name"]: (label.get("color", "#FFFFFF"), label.get("description", ""))
            for label in project.get("labels", ())
        },
        "immutable": {rule["tags"]: rule["disabled"] for rule in project.get("immutable_tags", ())},
        "retention": [
            (next(rule[key] for key in rule if key.startswith(("keep", "pushed", "pulled"))), rule["tags"])
            for rule in project.get("retention", {}).get("rules", ())
        ],
        "webhooks": {
            hook["name"]: (hook["address"], {*hook["events"]}, hook["enabled"], hook["verify_tls"])
            for hook in project.get("webhooks", ())
        },
    }  # fmt: skip


def read_back(harbor: Harbor, project: Mapping[str, Any]) -> dict[str, Any]:
    """The same of what is there; what nobody wrote down is left out, for it stays."""
    found = harbor.call("GET", f"/projects/{project['name']}", named=True).json()
    metadata, number = found["metadata"], found["project_id"]
    [quota] = harbor.call(
        "GET", "/quotas", query={"reference": "project", "reference_id": str(number)}
    ).json()
    wanted = as_written(project)
    robots = listed(harbor, "/robots", {"q": f"Level=project,ProjectID={number}"})
    retention = []
    if project.get("retention"):
        rules = harbor.call("GET", f"/retentions/{metadata['retention_id']}").json()["rules"]
        retention = [(*rule["params"].values(), rule["tag_selectors"][0]["pattern"]) for rule in rules]
    path = f"/projects/{number}"
    return {
        "public": metadata["public"] == "true",
        "auto_scan": metadata.get("auto_scan") == "true",
        "severity": metadata["severity"] if metadata.get("prevent_vul") == "true" else None,
        "cves": {item["cve_id"] for item in (found.get("cve_allowlist") or {}).get("items") or ()},
        "quota": quota["hard"]["storage"] if wanted["quota"] else None,
        "members": {
            member["entity_name"]: NUMBERS[member["role_id"]]
            for member in listed(harbor, f"{path}/members")
            if member["entity_name"] in wanted["members"]
        },
        "robots": {
            robot["name"]: (
                robot["duration"], robot["disable"], robot.get("description", ""),
                {f"{a['resource']}:{a['action']}" for p in robot["permissions"] for a in p["access"]},
            )
            for robot in robots
            if robot["name"] in wanted["robots"]
        },
        "labels": {
            label["name"]: (label["color"], label.get("description", ""))
            for label in listed(harbor, "/labels", {"scope": "p", "project_id": str(number)})
            if label["name"] in wanted["labels"]
        },
        "immutable": {
            rule["tag_selectors"][0]["pattern"]: rule["disabled"]
            for rule in listed(harbor, f"{path}/immutabletagrules")
            if rule["tag_selectors"][0]["pattern"] in wanted["immutable"]
        },
        "retention": retention,
        "webhooks": {
            hook["name"]: (
                hook["targets"][0]["address"], {*hook["event_types"]}, hook["enabled"],
                not hook["targets"][0]["skip_cert_verify"],
            )
            for hook in listed(harbor, f"{path}/webhook/policies")
            if hook["name"] in wanted["webhooks"]
        },
    }  # fmt: skip
