"""What contradicts what among the keys of `registry`: looked for when each of them is right by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from breakwater.problems import UNSHOWN, Problem, did_you_mean
from breakwater.registry.people_settings import Auth, Member
from breakwater.registry.policy_settings import Retention, RetentionRule, Selection
from breakwater.registry.project_settings import Project
from breakwater.registry.robot_settings import RobotKeys, secret_name
from breakwater.registry.settings import CACHED, PLACES, TOLD_AS, Endpoint, Registry

# What breakwater calls the endpoint of docker_hub_cache.
DOCKER_HUB = "docker-hub"
_MOST_RULES = 15
# Of Kubernetes: a DNS subdomain.
_LONGEST_SECRET = 253
_KEEPS = ("keep_pushed", "keep_pulled", "pushed_days", "pulled_days")


def registry_clashes(registry: Registry) -> list[Problem]:
    """All of them, with the key, the value and the fix."""
    return [
        *_named_twice("registry.projects", (project.name for project in registry.projects)),
        *_named_twice("registry.users", (user.name.lower() for user in registry.users)),
        *_emails(registry),
        *_named_twice("registry.endpoints", (endpoint.name for endpoint in registry.endpoints)),
        *_robots("registry.robots", registry.robots),
        *_grants(registry),
        *_cache(registry),
        *(found for index, endpoint in enumerate(registry.endpoints) for found in _endpoint(index, endpoint)),
        *(
            found
            for index, project in enumerate(registry.projects)
            for found in _project(index, project, dns=bool(registry.auth and registry.auth.mode == "ldap"))
        ),
        *_endpoints_of_projects(registry),
        *_pull_secrets(registry),
        *_auth(registry.auth, bool(registry.users)),
        *_groups(registry),
        *_system(registry),
    ]


def registry_warnings(registry: Registry) -> Iterator[str]:
    """What is allowed, and may be regretted."""
    for index, project in enumerate(registry.projects):
        if project.public and project.robots:
            yield f"registry.projects[{index}].public: {project.name} needs no robot to be pulled from"
        for number, webhook in enumerate(project.webhooks):
            if webhook.auth_header and webhook.address.startswith("http://"):
                key = f"registry.projects[{index}].webhooks[{number}].address"
                yield f"{key}: http://, so its auth_header is readable, and changeable, on the network"
    if registry.auth and registry.auth.ldap and registry.auth.ldap.url.startswith("ldap://"):
        yield "registry.auth.ldap.url: ldap://, so every password that people type is readable on the network"
    if registry.system.self_registration:
        yield "registry.system.self_registration: whoever finds the page becomes a user"


def _named_twice(key: str, names: Iterable[str]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in first:
            yield Problem(f"{key}[{index}].name", name, f"is also {key}[{first[name]}]", "name each once")
        first.setdefault(name, index)


def _emails(registry: Registry) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, user in enumerate(registry.users):
        email = user.email.lower()
        if email in first:
            fault = f"is also that of registry.users[{first[email]}], and Harbor takes each once"
            yield Problem(
                f"registry.users[{index}].email", user.email, fault, "give each an address of its own"
            )
        first.setdefault(email, index)


def _robots(key: str, robots: Iterable[RobotKeys]) -> Iterator[Problem]:
    """Two robots of one name, those that an overlap makes counted too."""
    first: dict[str, int] = {}
    for index, robot in enumerate(robots):
        for name in robot_names(robot):
            if name in first:
                fault = f"would be {name!r}, as is {key}[{first[name]}]"
                yield Problem(f"{key}[{index}].name", robot.name, fault, "name each robot once")
            first.setdefault(name, index)


def robot_names(robot: RobotKeys) -> tuple[str, ...]:
    """As they stand in Harbor, without prefix and project: one, or the two that take turns."""
    return (f"{robot.name}-a", f"{robot.name}-b") if robot.overlap else (robot.name,)


def _pull_secrets(registry: Registry) -> Iterator[Problem]:
    """Logins that would come to one Secret, and names that are too long for one."""
    robots: list[tuple[str, str, RobotKeys]] = [
        (f"registry.projects[{index}].robots[{number}]", f"{project.name}+{robot.name}", robot)
        for index, project in enumerate(registry.projects)
        for number, robot in enumerate(project.robots)
    ]
    robots += [
        (f"registry.robots[{index}]", robot.name, robot) for index, robot in enumerate(registry.robots)
    ]
    first: dict[tuple[str, str], str] = {}
    for key, name, robot in robots:
        for namespace in robot.pull_secrets:
            secret = secret_name(name)
            if len(secret) > _LONGEST_SECRET:
                fault = f"needs a Secret of {len(secret)} characters, and Kubernetes has {_LONGEST_SECRET}"
                yield Problem(f"{key}.pull_secrets", namespace, fault, "give it a shorter name")
            if (namespace, secret) in first:
                fault = f"gets the Secret {secret} of {first[namespace, secret]}, too"
                yield Problem(f"{key}.pull_secrets", namespace, fault, "rename one of the robots")
            first.setdefault((namespace, secret), key)


def _grants(registry: Registry) -> Iterator[Problem]:
    for index, robot in enumerate(registry.robots):
        if not robot.grants and not robot.allow:
            fault = "may do nothing, which Harbor does not take"
            yield Problem(f"registry.robots[{index}]", UNSHOWN, fault, "give it grants, or allow")
        named = [name for grant in robot.grants for name in grant.projects]
        for name in sorted({name for name in named if named.count(name) > 1}):
            fault = f"has {name!r} twice"
            yield Problem(
                f"registry.robots[{index}].grants", UNSHOWN, fault, "put what it may there into one grant"
            )


def _cache(registry: Registry) -> Iterator[Problem]:
    name = registry.docker_hub_cache
    if name is None:
        return
    for index, project in enumerate(registry.projects):
        if project.name == name:
            fault, fix = f"is also registry.projects[{index}]", "remove it from one of them"
            yield Problem("registry.docker_hub_cache", name, fault, fix)


def _endpoint(index: int, endpoint: Endpoint) -> Iterator[Problem]:
    key = f"registry.endpoints[{index}]"
    if endpoint.url is None and endpoint.type not in PLACES:
        yield Problem(f"{key}.url", UNSHOWN, f"is required for {endpoint.type}", "say where it is")
    if endpoint.password and not endpoint.user:
        yield Problem(f"{key}.user", UNSHOWN, "is missing beside its password", "say whose password it is")
    if endpoint.user and not endpoint.password:
        yield Problem(f"{key}.password", UNSHOWN, "is missing beside its user", "say where the password is")


def _endpoints_of_projects(registry: Registry) -> Iterator[Problem]:
    known = {endpoint.name: endpoint.type for endpoint in registry.endpoints}
    if registry.docker_hub_cache:
        known.setdefault(DOCKER_HUB, "docker-hub")
    for index, project in enumerate(registry.projects):
        name, key = project.proxy_cache, f"registry.projects[{index}].proxy_cache"
        if name is not None and name not in known:
            fix = did_you_mean(name, known) if known else "add it to registry.endpoints"
            yield Problem(key, name, "is none of registry.endpoints", fix)
        elif name is not None and TOLD_AS.get(known[name], known[name]) not in CACHED:
            fault = f"is of type {known[name]}, and Harbor caches none of those"
            fix = f"name an endpoint of {', '.join((*CACHED, *TOLD_AS))}"
            yield Problem(key, name, fault, fix)


def _project(index: int, project: Project, *, dns: bool) -> Iterator[Problem]:
    key = f"registry.projects[{index}]"
    yield from _members(f"{key}.members", project.members, dns=dns)
    yield from _robots(f"{key}.robots", project.robots)
    yield from _named_twice(f"{key}.labels", (label.name for label in project.labels))
    yield from _named_twice(f"{key}.webhooks", (webhook.name for webhook in project.webhooks))
    seen: dict[tuple[str, str | None, str, str | None], int] = {}
    for number, rule in enumerate(project.immutable_tags):
        yield from _selection(f"{key}.immutable_tags[{number}]", rule)
        what = (rule.tags, rule.except_tags, rule.repositories, rule.except_repositories)
        if what in seen:
            fault = f"selects what {key}.immutable_tags[{seen[what]}] does"
            yield Problem(f"{key}.immutable_tags[{number}]", UNSHOWN, fault, "remove one of them")
        seen.setdefault(what, number)
    if project.retention is not None:
        yield from _retention(f"{key}.retention", project.retention)
    if project.proxy_cache is not None:
        pushing = [robot.name for robot in project.robots if {"push", "repository:push"} & {*robot.allow}]
        for name in pushing:
            fix = "allow it pull, or let it push to another project"
            yield Problem(f"{key}.robots", name, "may push, and nobody pushes to a proxy cache", fix)


def _members(key: str, members: Iterable[Member], *, dns: bool) -> Iterator[Problem]:
    """Nobody, or somebody twice.

    + dns: they are LDAP's, which knows no capitals
    """
    first: dict[tuple[str, str], int] = {}
    for index, member in enumerate(members):
        if (member.user is None) == (member.group is None):
            yield Problem(
                f"{key}[{index}]", UNSHOWN, "must name a user or a group", "write one of the two keys"
            )
            continue
        who = ("user", member.user or "") if member.group is None else ("group", member.group)
        same = (who[0], who[1].lower()) if dns else who
        if same in first:
            fault = f"is also {key}[{first[same]}]"
            yield Problem(
                f"{key}[{index}].{who[0]}", who[1], fault, "give each one role; the higher includes the lower"
            )
        first.setdefault(same, index)


def _selection(key: str, rule: Selection) -> Iterator[Problem]:
    for name, other in ((rule.tags, "tags"), (rule.repositories, "repositories")):
        if getattr(rule, f"except_{other}") is not None and name != "**":
            fault = f"stands beside except_{other}"
            yield Problem(f"{key}.{other}", name, fault, "write one of the two")


def _retention(key: str, retention: Retention) -> Iterator[Problem]:
    if len(retention.rules) > _MOST_RULES:
        fault = f"has {len(retention.rules)} rules, and Harbor takes {_MOST_RULES}"
        yield Problem(f"{key}.rules", UNSHOWN, fault, "join some: a pattern may be {a,b}")
    first: dict[RetentionRule, int] = {}
    for index, rule in enumerate(retention.rules):
        if rule in first:
            fault = f"is {key}.rules[{first[rule]}] once more, and Harbor takes each once"
            yield Problem(f"{key}.rules[{index}]", UNSHOWN, fault, "remove one of them")
        first.setdefault(rule, index)
        yield from _selection(f"{key}.rules[{index}]", rule)
        if len(kept_by(rule)) != 1:
            said = " and ".join(kept_by(rule)) or "nothing"
            fix = f"write exactly one of {', '.join(_KEEPS)} and always"
            yield Problem(f"{key}.rules[{index}]", UNSHOWN, f"says {said} of how much it keeps", fix)


def kept_by(rule: RetentionRule) -> list[str]:
    """The keys that say how much a rule keeps."""
    return [
        *(name for name in _KEEPS if getattr(rule, name) is not None),
        *(["always"] if rule.always else []),
    ]


def _auth(auth: Auth | None, users: bool) -> Iterator[Problem]:
    if auth is None:
        return
    for mode in ("ldap", "oidc"):
        written = getattr(auth, mode) is not None
        if written and auth.mode != mode:
            fault, fix = (
                f"is written, and registry.auth.mode is {auth.mode!r}",
                f"set the mode to {mode!r}, or remove it",
            )
            yield Problem(f"registry.auth.{mode}", UNSHOWN, fault, fix)
        if auth.mode == mode and not written:
            yield Problem("registry.auth.mode", mode, f"needs registry.auth.{mode}", "say where it is")
    if auth.mode != "database" and users:
        fault = f"are Harbor's own, and with registry.auth.mode {auth.mode!r} it makes none"
        yield Problem("registry.users", UNSHOWN, fault, "remove them: whoever logs in is a user")


def _groups(registry: Registry) -> Iterator[Problem]:
    """Groups are LDAP's or OIDC's. What Harbor has already is not known here."""
    if registry.auth is None or registry.auth.mode != "database":
        return
    for index, project in enumerate(registry.projects):
        for number, member in enumerate(project.members):
            if member.group is not None:
                key = f"registry.projects[{index}].members[{number}].group"
                fix = "name users, or set registry.auth"
                yield Problem(
                    key,
                    member.group,
                    "is nobody's: with registry.auth.mode database there are no groups",
                    fix,
                )


def _system(registry: Registry) -> Iterator[Problem]:
    system = registry.system
    if system.audit_database is False and not system.audit_forward:
        fault = "leaves no audit log at all, and Harbor refuses that"
        yield Problem("registry.system.audit_database", False, fault, "set audit_forward, too")
