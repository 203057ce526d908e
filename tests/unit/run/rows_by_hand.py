"""A registry with every key in it, and what is said of each that somebody changed by hand."""

from __future__ import annotations

from typing import Any

from by_hand import (
    Row,
    below,
    configured,
    endpoint,
    immutable,
    kept,
    label,
    may,
    member,
    metadata,
    put,
    quota,
    removed,
    retention,
    robot,
    scheduled,
    user,
    webhook,
)
from standin import ADDRESS

CRON, OTHER_CRON = "0 0 3 * * *", "0 30 4 * * *"
LOGIN = {"user": "ann", "password": "env:BY_HAND"}


def settings(hub: str, spare: str) -> dict[str, Any]:
    """All keys that Harbor with users of its own has.

    + hub: a registry that answers, with a certificate that nobody knows
    + spare: one that answers whoever asks
    """
    rules = [
        {"keep_pushed": 10, "tags": "v*", "repositories": "web/**"},
        {"keep_pulled": 5, "except_tags": "dev*", "except_repositories": "tmp/**"},
        {"pushed_days": 7, "tags": "latest"},
        {"pulled_days": 9, "untagged": False},
        {"always": True, "tags": "keep*"},
    ]
    webhook = {
        "name": "build",
        "address": "http://ci.example.org/x",
        "events": ["PUSH_ARTIFACT", "DELETE_ARTIFACT"],
        "auth_header": "env:BY_HAND",
    }
    kaps = {
        "name": "kaps",
        "quota": "5GiB",
        "auto_scan": True,
        "auto_sbom": True,
        "prevent_vulnerable": "high",
        "cve_allowlist": ["CVE-2024-12345"],
        "content_trust": True,
        "members": [{"user": "ann", "role": "developer"}],
        "robots": [{"name": "ci", "description": "builds", "days": 30, "allow": ["push"]}],
        "labels": [{"name": "tested", "color": "#0065AB", "description": "by us"}],
        "immutable_tags": [
            {"tags": "v*", "repositories": "web/**"},
            {"except_tags": "dev*", "except_repositories": "tmp/**"},
        ],
        "retention": {"rules": rules, "schedule": CRON},
        "webhooks": [webhook],
    }
    endpoints = [
        {"name": "docker-hub", "type": "docker-registry", "url": hub, "verify_tls": False},
        {"name": "spare", "type": "docker-registry", "url": spare, "description": "of old", **LOGIN},
    ]
    mirror = {
        "name": "mirror",
        "description": "copies",
        "days": 9,
        "grants": [{"projects": ["kaps"], "allow": ["pull"]}],
        "allow": ["project:list"],
    }
    return {
        "projects": [kaps, {"name": "plain"}],
        "users": [
            {"name": "ann", "email": "ann@example.org", "real_name": "Ann", "admin": True},
            {"name": "bob", "email": "bob@example.org"},
        ],
        "robots": [mirror],
        "endpoints": endpoints,
        "docker_hub_cache": "hub",
        "system": {
            "gc": {"schedule": CRON, "delete_untagged": True},
            "scan_all": CRON,
            "log_rotation": {"schedule": CRON, "keep_hours": 24},
            "quota": "50GiB",
            "robot_prefix": "bot-",
            "robot_days": 31,
            "token_minutes": 32,
            "session_minutes": 33,
            "self_registration": False,
            "project_creation": "admins",
            "banner": "hello",
            "audit_forward": "syslog.example.org:514",
            "audit_database": False,
        },
    }


RULES = [
    "keep_pushed 10 of v* in web/**",
    "keep_pulled 5 of all but dev* in all but tmp/**",
    "pushed_days 7 of latest",
    "pulled_days 9 of ** tagged only",
    "always of keep*",
]
EVENTS = "create_artifact,delete_artifact,pull_artifact,other"


def rules(number: int, now: str) -> list[str]:
    """What the plan says when one of the rules is another one."""
    live = [*RULES[:number], *([now] if now else []), *RULES[number + 1 :]]
    return [f"~ retention of kaps: rules: {', '.join(sorted(live))}, and shall be {', '.join(sorted(RULES))}"]


def project(key: str, live: str, wanted: str) -> list[str]:
    return [f"~ project kaps: {key}: {live}, and shall be {wanted}"]


def configuration(key: str, live: object, wanted: object) -> list[str]:
    return [f"~ configuration: {key}: {live}, and shall be {wanted}"]


def hook(said: str) -> list[str]:
    return [f"~ webhook build of kaps: {said}"]


PULL_PUSH = may("project", "kaps", "repository:pull", "repository:push")
PULL = may("project", "kaps", "repository:pull")
LIST = may("system", "/", "project:list")
ROWS: dict[str, Row] = {
    # a project, and all that is in it
    "Registry.projects": Row(
        removed(lambda s: f"/projects/{s.projects['plain'].id}"), ["+ project plain"]
    ),
    "Project.public": Row(metadata(public="true"), project("public", "true", "false")),
    "Project.quota": Row(quota(1 << 30), ["~ quota of kaps: quota: 1GiB, and shall be 5GiB"]),
    "Project.auto_scan": Row(metadata(auto_scan="false"), project("auto_scan", "false", "true")),
    "Project.auto_sbom": Row(
        metadata(auto_sbom_generation="false"), project("auto_sbom_generation", "false", "true")
    ),
    "Project.prevent_vulnerable": Row(metadata(severity="low"), project("severity", "low", "high")),
    "Project.cve_allowlist": Row(
        lambda h, s: put(
            h, f"/projects/{s.projects['kaps'].id}", cve_allowlist={"items": [{"cve_id": "CVE-2023-1111"}]}
        ),
        project("cve_allowlist", "CVE-2023-1111", "CVE-2024-12345"),
    ),
    "Project.content_trust": Row(
        metadata(enable_content_trust_cosign="false"), project("enable_content_trust_cosign", "false", "true")
    ),
    "Project.members": Row(below("members", member), ["+ member ann of kaps: developer"]),
    "Member.role": Row(
        lambda h, s: put(h, f"/projects/{s.projects['kaps'].id}/members/{member(s)['id']}", role_id=1),
        ["~ member ann of kaps: role: projectAdmin, and shall be developer"],
    ),
    "Project.robots": Row(
        removed(lambda s: f"/robots/{s.projects['kaps'].robots[0]['id']}"), ["+ robot kaps+ci"], writes=2
    ),
    "ProjectRobot.description": Row(
        robot("kaps+ci", description="X"), ["~ robot kaps+ci: description: X, and shall be builds"]
    ),
    "ProjectRobot.days": Row(robot("kaps+ci", duration=3), ["~ robot kaps+ci: duration: 3, and shall be 30"]),
    "ProjectRobot.disabled": Row(
        robot("kaps+ci", disable=True), ["~ robot kaps+ci: disable: on, and shall be off"]
    ),
    "ProjectRobot.allow": Row(
        robot("kaps+ci", permissions=[may("project", "kaps", "repository:pull", "tag:create")]),
        ["~ robot kaps+ci: may no longer tag:create in kaps; may repository:push in kaps"],
    ),
    "Project.labels": Row(
        removed(lambda s: f"/labels/{s.projects['kaps'].labels[0]['id']}"), ["+ label tested of kaps"]
    ),
    "Label.name": Row(label(name="renamed"), ["+ label tested of kaps"]),
    "Label.color": Row(
        label(color="#FFFFFF"), ["~ label tested of kaps: color: #FFFFFF, and shall be #0065AB"]
    ),
    "Label.description": Row(
        label(description="X"), ["~ label tested of kaps: description: X, and shall be by us"]
    ),
    "Project.immutable_tags": Row(
        below("immutabletagrules", lambda s: s.projects["kaps"].immutable_tags[0]),
        ["+ immutable tags v* in web/** of kaps"],
    ),
    "ImmutableTags.disabled": Row(
        immutable(0, "", disabled=True),
        ["~ immutable tags v* in web/** of kaps: disabled: on, and shall be off"],
    ),
    "ImmutableTags.tags": Row(immutable(0, "tag", pattern="w*"), ["+ immutable tags v* in web/** of kaps"]),
    "ImmutableTags.repositories": Row(
        immutable(0, "repository", pattern="x/**"), ["+ immutable tags v* in web/** of kaps"]
    ),
    "ImmutableTags.except_tags": Row(
        immutable(1, "tag", decoration="matches"), ["+ immutable tags all but dev* in all but tmp/** of kaps"]
    ),
    "ImmutableTags.except_repositories": Row(
        immutable(1, "repository", decoration="repoMatches"),
        ["+ immutable tags all but dev* in all but tmp/** of kaps"],
    ),
    "Project.retention": Row(
        removed(lambda s: f"/retentions/{(s.projects['kaps'].retention or {})['id']}"),
        ["+ retention of kaps"],
    ),
    "Retention.schedule": Row(
        retention(lambda live: {"trigger": {**live["trigger"], "settings": {"cron": OTHER_CRON}}}),
        [f"~ retention of kaps: schedule: {OTHER_CRON}, and shall be {CRON}"],
    ),
    "Retention.rules": Row(retention(lambda live: {"rules": live["rules"][:-1]}), rules(4, "")),
    "RetentionRule.tags": Row(kept(0, "tag", pattern="w*"), rules(0, "keep_pushed 10 of w* in web/**")),
    "RetentionRule.repositories": Row(
        kept(0, "repository", pattern="x/**"), rules(0, "keep_pushed 10 of v* in x/**")
    ),
    "RetentionRule.except_tags": Row(
        kept(1, "tag", pattern="y"), rules(1, "keep_pulled 5 of all but y in all but tmp/**")
    ),
    "RetentionRule.except_repositories": Row(
        kept(1, "repository", pattern="z"), rules(1, "keep_pulled 5 of all but dev* in all but z")
    ),
    "RetentionRule.keep_pushed": Row(
        kept(0, params={"latestPushedK": 3}), rules(0, "keep_pushed 3 of v* in web/**")
    ),
    "RetentionRule.keep_pulled": Row(
        kept(1, params={"latestPulledN": 3}), rules(1, "keep_pulled 3 of all but dev* in all but tmp/**")
    ),
    "RetentionRule.pushed_days": Row(
        kept(2, params={"nDaysSinceLastPush": 3}), rules(2, "pushed_days 3 of latest")
    ),
    "RetentionRule.pulled_days": Row(
        kept(3, params={"nDaysSinceLastPull": 3}), rules(3, "pulled_days 3 of ** tagged only")
    ),
    "RetentionRule.always": Row(
        kept(4, template="latestPushedK", params={"latestPushedK": 1}), rules(4, "keep_pushed 1 of keep*")
    ),
    "RetentionRule.untagged": Row(
        kept(3, "tag", extras='{"untagged":true}'), rules(3, "pulled_days 9 of **")
    ),
    "Project.webhooks": Row(
        below("webhook/policies", lambda s: s.projects["kaps"].webhooks[0]), ["+ webhook build of kaps"]
    ),
    "Webhook.name": Row(webhook(name="renamed"), ["+ webhook build of kaps"]),
    "Webhook.address": Row(
        webhook({"address": "http://evil.example.org"}),
        hook("address: http://evil.example.org, and shall be http://ci.example.org/x"),
    ),
    "Webhook.events": Row(
        webhook(event_types=["PULL_ARTIFACT"]),
        hook("events: PULL_ARTIFACT, and shall be DELETE_ARTIFACT, PUSH_ARTIFACT"),
    ),
    "Webhook.type": Row(webhook({"type": "slack"}), hook("type: slack, and shall be http")),
    "Webhook.auth_header": Row(webhook({"auth_header": "X"}), hook("auth_header: another one")),
    "Webhook.verify_tls": Row(
        webhook({"skip_cert_verify": True}), hook("verify_tls: off, and shall be on")
    ),
    "Webhook.enabled": Row(webhook(enabled=False), hook("enabled: off, and shall be on")),
    # people
    "Registry.users": Row(removed(lambda s: f"/users/{s.users['bob']['user_id']}"), ["+ user bob"]),
    "User.email": Row(
        user("ann", email="x@example.org"), ["~ user ann: email: x@example.org, and shall be ann@example.org"]
    ),
    "User.real_name": Row(user("ann", realname="X"), ["~ user ann: realname: X, and shall be Ann"]),
    "User.admin": Row(
        user("ann", "/sysadmin", sysadmin_flag=False), ["~ rights of ann: admin: off, and shall be on"]
    ),
    # robots of the system
    "Registry.robots": Row(
        removed(lambda s: f"/robots/{s.robots['mirror']['id']}"), ["+ robot mirror"], writes=2
    ),
    "SystemRobot.description": Row(
        robot("mirror", description="X"), ["~ robot mirror: description: X, and shall be copies"]
    ),
    "SystemRobot.days": Row(robot("mirror", duration=-1), ["~ robot mirror: duration: -1, and shall be 9"]),
    "SystemRobot.disabled": Row(
        robot("mirror", disable=True), ["~ robot mirror: disable: on, and shall be off"]
    ),
    "SystemRobot.allow": Row(
        robot("mirror", permissions=[may("system", "/", "user:list"), PULL]),
        ["~ robot mirror: may no longer user:list; may project:list"],
    ),
    "SystemRobot.grants": Row(
        robot("mirror", permissions=[LIST]), ["~ robot mirror: may repository:pull in kaps"]
    ),
    "Grant.projects": Row(
        robot("mirror", permissions=[LIST, may("project", "plain", "repository:pull")]),
        ["~ robot mirror: may no longer repository:pull in plain; may repository:pull in kaps"],
    ),
    "Grant.allow": Row(
        robot("mirror", permissions=[LIST, PULL_PUSH]),
        ["~ robot mirror: may no longer repository:push in kaps"],
    ),
    # other registries
    "Registry.endpoints": Row(
        removed(lambda s: f"/registries/{s.endpoints['spare']['id']}"), ["+ endpoint spare"]
    ),
    "Registry.docker_hub_cache": Row(
        removed(lambda s: f"/projects/{s.projects['hub'].id}"), ["+ project hub"]
    ),
    "Endpoint.name": Row(endpoint("spare", name="renamed"), ["+ endpoint spare"]),
    "Endpoint.url": Row(
        lambda h, s: endpoint("spare", url=s.endpoints["spare"]["url"].replace(ADDRESS, "localhost"))(h, s),
        ["~ endpoint spare: url: http://localhost:PORT, and shall be http://127.0.0.1:PORT"],
    ),
    "Endpoint.user": Row(
        endpoint("spare", access_key="eve", access_secret="x", credential_type="basic"),
        ["~ endpoint spare: user: eve, and shall be ann"],
    ),
    "Endpoint.verify_tls": Row(
        endpoint("spare", insecure=True), ["~ endpoint spare: insecure: on, and shall be off"]
    ),
    "Endpoint.description": Row(
        endpoint("spare", description="X"), ["~ endpoint spare: description: X, and shall be of old"]
    ),
    # all of Harbor
    "System.scan_all": Row(
        scheduled("scanAll", OTHER_CRON),
        [f"~ schedule scan_all: schedule: {OTHER_CRON}, and shall be {CRON}"],
    ),
    "GarbageCollection.schedule": Row(
        scheduled("gc", OTHER_CRON, delete_untagged=True),
        [f"~ schedule gc: schedule: {OTHER_CRON}, and shall be {CRON}"],
    ),
    "GarbageCollection.delete_untagged": Row(
        scheduled("gc", CRON, delete_untagged=False),
        ["~ schedule gc: delete_untagged: off, and shall be on"],
    ),
    "LogRotation.schedule": Row(
        scheduled("purgeaudit", OTHER_CRON, audit_retention_hour=24, include_event_types=EVENTS),
        [f"~ schedule log_rotation: schedule: {OTHER_CRON}, and shall be {CRON}"],
    ),
    "LogRotation.keep_hours": Row(
        scheduled("purgeaudit", CRON, audit_retention_hour=48, include_event_types=EVENTS),
        ["~ schedule log_rotation: audit_retention_hour: 48, and shall be 24"],
    ),
    "System.quota": Row(
        configured(storage_per_project=-1), configuration("storage_per_project", -1, 50 << 30)
    ),
    "System.robot_prefix": Row(
        configured(robot_name_prefix="x-"),
        [
            "~ robot prefix: robot_name_prefix: x-, and shall be bot-;"
            " every robot is called otherwise from then on, 2 here, and logs in so"
        ],
    ),
    "System.robot_days": Row(
        configured(robot_token_duration=1), configuration("robot_token_duration", 1, 31)
    ),
    "System.token_minutes": Row(configured(token_expiration=1), configuration("token_expiration", 1, 32)),
    "System.session_minutes": Row(configured(session_timeout=1), configuration("session_timeout", 1, 33)),
    "System.self_registration": Row(
        configured(self_registration=True), configuration("self_registration", "on", "off")
    ),
    "System.project_creation": Row(
        configured(project_creation_restriction="everyone"),
        configuration("project_creation_restriction", "everyone", "adminonly"),
    ),
    "System.banner": Row(configured(banner_message=""), configuration("banner_message", "nothing", "hello")),
    "System.audit_forward": Row(
        configured(audit_log_forward_endpoint="x.example.org:1"),
        configuration("audit_log_forward_endpoint", "x.example.org:1", "syslog.example.org:514"),
    ),
    "System.audit_database": Row(
        configured(skip_audit_log_database=False), configuration("skip_audit_log_database", "off", "on")
    ),
}  # fmt: skip


def auth(theirs: str, live: object, said: str, wanted: str) -> Row:
    """A key of who checks logins."""
    return Row(configured(**{theirs: live}), [f"~ auth: {theirs}: {said}, and shall be {wanted}"])


GROUP = Row(below("members", lambda s: member(s, name="builders")), ["+ member builders of kaps: developer"])
OIDC: dict[str, Any] = {
    "name": "company",
    "endpoint": "https://login.example.org/realms/main",
    "client_id": "harbor",
    "client_secret": "env:BY_HAND",
    "scope": "openid,email",
    "user_claim": "preferred_username",
    "groups_claim": "groups",
    "admin_group": "boss",
    "auto_onboard": True,
}
OIDC_ROWS = {
    "Auth.mode": auth("auth_mode", "db_auth", "db_auth", "oidc_auth"),
    "Member.group": GROUP,
    "Oidc.name": auth("oidc_name", "X", "X", "company"),
    "Oidc.endpoint": auth("oidc_endpoint", "https://x", "https://x", OIDC["endpoint"]),
    "Oidc.client_id": auth("oidc_client_id", "X", "X", "harbor"),
    "Oidc.scope": auth("oidc_scope", "openid", "openid", "openid,email"),
    "Oidc.user_claim": auth("oidc_user_claim", "", "nothing", "preferred_username"),
    "Oidc.groups_claim": auth("oidc_groups_claim", "X", "X", "groups"),
    "Oidc.admin_group": auth("oidc_admin_group", "X", "X", "boss"),
    "Oidc.auto_onboard": auth("oidc_auto_onboard", False, "off", "on"),
    "Oidc.verify_tls": auth("oidc_verify_cert", False, "off", "on"),
}
PEOPLE, GROUPS = "ou=people,dc=example,dc=org", "ou=groups,dc=example,dc=org"
LDAP: dict[str, Any] = {
    "url": "ldaps://ldap.example.org",
    "base_dn": PEOPLE,
    "search_dn": "cn=harbor,dc=example,dc=org",
    "search_password": "env:BY_HAND",
    "filter": "(x=y)",
    "scope": "one",
    "group_base_dn": GROUPS,
    "group_filter": "(g=h)",
    "admin_group": f"cn=boss,{GROUPS}",
}
LDAP_ROWS = {
    "Ldap.url": auth("ldap_url", "ldap://x", "ldap://x", "ldaps://ldap.example.org"),
    "Ldap.base_dn": auth("ldap_base_dn", "dc=x", "dc=x", PEOPLE),
    "Ldap.search_dn": auth("ldap_search_dn", "", "nothing", "cn=harbor,dc=example,dc=org"),
    "Ldap.uid": auth("ldap_uid", "cn", "cn", "uid"),
    "Ldap.filter": auth("ldap_filter", "", "nothing", "(x=y)"),
    "Ldap.scope": auth("ldap_scope", 2, "2", "1"),
    "Ldap.group_base_dn": auth("ldap_group_base_dn", "dc=x", "dc=x", GROUPS),
    "Ldap.group_filter": auth("ldap_group_search_filter", "", "nothing", "(g=h)"),
    "Ldap.group_name": auth("ldap_group_attribute_name", "x", "x", "cn"),
    "Ldap.group_membership": auth("ldap_group_membership_attribute", "x", "x", "memberof"),
    "Ldap.admin_group": auth("ldap_group_admin_dn", "", "nothing", f"cn=boss,{GROUPS}"),
    "Ldap.verify_tls": auth("ldap_verify_cert", False, "off", "on"),
}
# Nobody changes these in Harbor.
NOT_THERE = {
    **dict.fromkeys(
        ("Registry.auth", "Registry.system", "Auth.ldap", "Auth.oidc", "System.gc", "System.log_rotation"),
        "a group: its keys have rows",
    ),
    **dict.fromkeys(
        ("Project.name", "User.name", "ProjectRobot.name", "SystemRobot.name"), "Harbor renames none of them"
    ),
    **dict.fromkeys(
        ("Project.proxy_cache", "Endpoint.type"), "Harbor has it as it was made, and changes it never"
    ),
    **dict.fromkeys(
        ("User.password", "Endpoint.password", "Ldap.search_password", "Oidc.client_secret"),
        "a secret that Harbor shows to nobody",
    ),
    **dict.fromkeys(("ProjectRobot.pull_secrets", "SystemRobot.pull_secrets"), "in the cluster"),
    **dict.fromkeys(("ProjectRobot.overlap", "SystemRobot.overlap"), "how a rotation goes"),
    "Member.user": "a member is somebody, or is not there: Project.members",
    "Registry.prune": "what a run may remove",
    **{f"Prune.{kind}": "what a run may remove" for kind in
       ("projects", "users", "members", "robots", "endpoints", "policies")},
}  # fmt: skip
