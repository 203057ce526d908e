"""Settings as somebody may write them: right ones, made from the model, and then spoilt."""

import copy
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from breakwater.addresses import canonical
from breakwater.harbor.image_storage import S3
from breakwater.harbor.services import Database, Redis, RedisDatabases
from breakwater.problems import keys_of, model_of, models_of
from breakwater.proxy.settings import Proxy, RateLimit, Upstream
from breakwater.registry.people_settings import Auth, Member
from breakwater.registry.policy_settings import ImmutableTags, RetentionRule
from breakwater.registry.robot_settings import SystemRobot
from breakwater.registry.settings import Endpoint, Registry
from breakwater.registry.system_settings import System
from breakwater.settings import Export, Settings

# What is good, of every key that is text; of the other keys the type says it.
GOOD = {
    "path": ["/srv/nfs/volumes", "/srv/nfs/shared", "/srv/-x", "/srv/..x/y", "/srv/" + "x" * 250],
    "engines": ["docker", "containerd", "podman", "cri-o"],
    "addresses": ["10.0.0.31", "FD00:0::31"],
    "clients": ["nodes", "node1", "odd.example.org", "10.0.0.0/24", "10.0.0.7/32", "FD00:0::7", "*"],
    "options": ["async", "insecure", "no_wdelay", "crossmnt", "anonuid=0", "fsid=7", "sec=krb5p:sys"],
    "storage_class": ["nfs-client", "fast", "a" * 49, "0xg"],
    "owner": ["root:root", "999:999", "_apt:nogroup"],
    "mode": ["755", "0750", "2775"],
    "mountpoint": ["/srv"],
    "mount_options": ["nfsvers=4.2", "hard", "noatime", "rsize=1048576", "nconnect=16", "sec=sys"],
    "storage_address": ["10.0.0.20", "fd00::20", "storage.example.org"],
    "kubeconfig": ["~/.kube/config", "my clusters/it's this one", "/etc/$HOME"],
    "kube_context": ["production", "admin@a b", "$(id)"],
    "bundle": ["/srv/bundle", "~/büro; id"],
    "nodes_down": ["node1"],
    "state": [".breakwater", "/var/lib/`id`"],
    "namespace": ["nfs-provisioner", "n" * 63],
    "chart_version": ["4.0.18", "4.0.18-rc.1+x"],
    "Harbor.chart_version": ["1.19.1", "1.19.10"],
    "repository": ["https://charts.example.org/", "oci://registry.example.org:5000/charts", "http://[fd00::1]/%7Ea"],
    "domain": ["registry.example.org", "a.b", "xn--bcher-kva.example"],
    "release": ["harbor", "h" * 36],
    "size": ["1Mi", "200Gi", "1.5T"],
    "cpu": ["500m", "0.5"],
    "memory": ["512Mi", "524288Ki"],
    "admin_password": ["file:~/büro; id", "env:HARBOR_ADMIN_PASSWORD"],
    "host": ["db.example.org", "10.0.0.9"],
    "user": ["harbor", "user@server", "_x"],
    "password": ["env:PW", "file:a b"],
    "name": ["registry"],
    "region": ["eu-central-1", "us_1"],
    "bucket": ["images", "my.images", "0xg"],
    "endpoint": ["https://minio.example.org:9000", "http://[fd00::1]:9000/%7Ea"],
    "access_key": ["env:A"],
    "secret_key": ["file:/etc/$HOME"],
    "directory": ["/harbor", "a/b.c/d"],
    "account": ["images"],
    "container": ["images"],
    "account_key": ["env:KEY"],
    "realm": ["core.windows.net"],
    "key": ["file:key.json"],
    "auth_url": ["https://id.example.org/v3"],
    "tenant": ["harbor"],
    "extra_values": [{}, {"core": {"gdpr": {"deleteUser": True}, "extraEnvVars": [{"name": "A"}]}}],
    "listen": ["0.0.0.0", "::", "10.0.0.30"],  # noqa: S104
    "aliases": ["registry.localhost", "harbor.example.org"],
    "CertificateFiles.certificate": ["~/büro; id/fullchain.pem"],
    "DomainCertificate.certificate": ["~/büro; id/fullchain.pem"],
    "allow_clients": ["10.0.0.0/8", "192.0.2.7", "FD00:0::/16"],
    "Upstream.domain": ["wiki.example.org", "1e3.example.org"],
    "endpoints": ["10.0.0.30:80", "[fd00::30]:8443", "app.example.org:443"],
    "ca": ["/etc/ssl/certs/$HOME.pem"],
    "server_name": ["wiki.internal.example.org", "WIKI"],
    "health": ["/", "/status/a%20b"],
    "image": ["busybox:1.37", "registry.example.org:5000/a/b@sha256:" + "0" * 64],
}  # fmt: skip
# The same for what is in Harbor. A project's name may be a number, and so may most texts be.
OF_THE_REGISTRY: dict[tuple[str, ...], list[Any]] = {
    ("Project.name", "docker_hub_cache", "Grant.projects"): ["kaps", "a-b.c_d", "1984", "true"],
    ("User.name",): ["ann", "o'neill", "ann@example.org", "$HOME;id", "1e3"],
    ("Member.user", "group"): ["ann", "cn=devs,ou=x", "two words", "`id`"],
    ("Endpoint.name",): ["hub", "../x", "a/b", "it's $HOME"],
    ("ProjectRobot.name", "SystemRobot.name"): ["ci", "c_d.e-f", "1e3"],
    ("Label.name", "Webhook.name", "Oidc.name"): ["tested", "a b", "'; id"],
    ("description", "banner"): ["", "what it's for", "$(id) {{ x }}", "ä 💣"],
    ("real_name",): ["", "O'Neill & `id`", "ä 💣"],
    ("quota",): ["none", "50GiB", "1Mi", -1],
    ("proxy_cache",): ["hub"],
    ("cve_allowlist",): ["CVE-2024-12345"],
    ("pull_secrets",): ["default", "apps-1"],
    ("ProjectRobot.allow",): ["pull", "tag:create"],
    ("Grant.allow",): ["pull", "push"],
    ("SystemRobot.allow",): ["user:list"],
    ("color",): ["#0065AB", "#ffffff"],
    ("tags", "repositories", "except_tags", "except_repositories"): ["**", "v*", "{a,b}-?", "$x"],
    ("schedule", "scan_all"): ["0 0 3 * * *", "0 */5 1-7 * JAN MON"],
    ("Webhook.address",): ["http://ci.example.org/x?y=$(id)", "https://[fd00::1]:8443/", "env:A"],
    ("auth_header",): ["env:A"],
    ("events",): ["PUSH_ARTIFACT", "QUOTA_WARNING"],
    ("email",): ["ann@example.org"],
    ("Endpoint.url",): ["https://registry.example.org:8443", "http://10.0.0.9"],
    ("Ldap.url",): ["ldaps://ldap.example.org", "ldap://[fd00::1]:389"],
    ("base_dn", "search_dn", "group_base_dn"): ["ou=people,dc=example,dc=org"],
    ("search_password", "client_secret"): ["env:PW", "file:a b"],
    ("uid", "group_name", "group_membership", "user_claim", "groups_claim"): ["cn", "x y"],
    ("Ldap.filter", "group_filter"): ["(&(objectClass=person)(!(x=$y)))"],
    ("Oidc.endpoint",): ["https://id.example.org/realms/x"],
    ("client_id", "admin_group"): ["harbor", "it's; id"],
    ("Oidc.scope",): ["openid,email"],
    ("robot_prefix",): ["robot$", "r-"],
    ("audit_forward",): ["syslog.example.org:514"],
}
GOOD.update({key: values for keys, values in OF_THE_REGISTRY.items() for key in keys})
# What is good, of every whole number that is not seconds to wait.
NUMBERS = {
    "http": (30000, 31000),
    "https": (31001, 32767),
    "port": (1, 65535),
    "http_redirect_port": (1, 65535),
    "idle_timeout": (300, 86400),
    "requests": (1, 1_000_000),
    "burst": (1, 1_000_000),
    "connections": (100, 400_000),
    **dict.fromkeys(("core", "portal", "nginx"), (1, 10)),
    "timeout": (60, 300),
    "failures": (1, 100),
    **dict.fromkeys(("keep_pushed", "keep_pulled"), (1, 10_000)),
    **dict.fromkeys(("days", "pushed_days", "pulled_days", "robot_days"), (1, 36_500)),
    **dict.fromkeys(("token_minutes", "session_minutes"), (1, 525_600)),
    "keep_hours": (1, 240_000),
    "database_start": (300, 7200),
}
FRAGMENTS = [
    *("'", '"', "`id`", "$(id)", "${IFS}", "$HOME", ";", "&&", "|", ">", "\\", "!", "#", "*", "?", "~"),
    *("\n", "\r", "\t", " ", "\x00", "\x1b[31m", "\x85", "\u2028", "\u202e", "\ud800", "\u212a", "ä"),
    *("-", "--", "-x", "--post-renderer=id", "=", ",", ":", "/", ".", "..", "//", "@", "%", "%s", "x" * 300),
    *("{{ .Values }}", "{%", "{x}", "!!python/none", "&a", "*a", "<<: *a", ": ", "- ", "| ", "[", "}"),
    *("true", "null", "123", "1e3", "0x7f", "::", "(rw)", "10.0.0.1", "/0", "fsid=0"),
    *("(", ")", "💣", "٣", "no_root_squash"),
]  # fmt: skip
OTHERS = [None, True, False, 0, -1, 10**5000, 0.5, float("nan"), b"x", (), [], {}, [[]], {"a": "b"}, object()]
HOSTS = {
    "storage": {"storage": "10.0.0.20"},
    "nodes": {"node1": "10.0.0.21", "node2": "node2.example.org"},
    "proxies": {},
    "bastion": {"@local": "127.0.0.1"},
}
NAMES = {
    "node2.example.org": ["10.0.0.22", "fd00::22"],
    "storage.example.org": ["10.0.0.20"],
    "odd.example.org": ["10.0.0.9", "fe80::1%eth0", "", "not an address"],
}
hostile = st.one_of(
    st.sampled_from(FRAGMENTS), st.lists(st.sampled_from(FRAGMENTS), max_size=4).map("".join), st.text()
)


def resolve(name: str) -> list[str]:
    """No network: the names above, and addresses."""
    if name in NAMES:
        return NAMES[name]
    if canonical(name):
        return [name]
    raise OSError(name)


def good(hint: Any, key: str) -> st.SearchStrategy[Any]:
    """Values of this type that are right for this key; a new key without any is a KeyError."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return st.one_of(
            [good(each, key) for each in arguments if model_of(each)] or [good(arguments[0], key)]
        )
    if origin is Literal:
        return st.sampled_from(arguments)
    if hint is bool:
        return st.booleans()
    if hint is int:
        # Some are written as text, such as 50GiB.
        return st.sampled_from(GOOD[key]) if key in GOOD else st.integers(*NUMBERS.get(key, (1, 1)))
    if model := model_of(hint):
        group = good_group(model)
        several = LISTED.get(model, with_names_of_their_own)
        return st.lists(group, min_size=1, max_size=2).map(several) if origin is tuple else group
    if origin is tuple:
        return st.lists(st.sampled_from(GOOD[key]), min_size=1, max_size=3, unique=True)
    return st.sampled_from(GOOD[key])


def good_texts(model: type[Any], key: str) -> list[Any]:
    """Values that are right for a key of this model."""
    return GOOD.get(f"{model.__name__}.{key}", GOOD.get(key, []))


def models_below(model: type[Any]) -> list[type[Any]]:
    """The model and all inside it, each once."""
    fields = model.__pydantic_fields__
    inner = [each for key in keys_of(model) for each in models_of(fields[key].annotation)]
    return list(dict.fromkeys([model, *(below for each in inner for below in models_below(each))]))


def good_group(model: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Keys of a model with right values, those that are required and any of the others."""
    hints, fields = get_type_hints(model), model.__pydantic_fields__
    of_its_own = {key: f"{model.__name__}.{key}" for key in keys_of(model)}
    keys = {key: good(hints[key], own if own in GOOD else key) for key, own in of_its_own.items()}
    required = {key: value for key, value in keys.items() if fields[key].is_required()}
    group = st.fixed_dictionaries(
        required, optional={key: keys[key] for key in keys.keys() - required.keys()}
    )
    return group.map(AGREEING[model]) if model in AGREEING else group


def with_host(service: dict[str, Any]) -> dict[str, Any]:
    """A service of one's own is whole, or not at all."""
    whole = {"user": "harbor", "password": "env:PW", **service}
    return whole if "host" in service else {}


def with_both_keys(store: dict[str, Any]) -> dict[str, Any]:
    """A store with the two halves of its key, or without."""
    halves = {"access_key", "secret_key"}
    return store if halves <= set(store) else {key: store[key] for key in store if key not in halves}


def with_numbers_of_its_own(databases: dict[str, Any]) -> dict[str, Any]:
    """Each use of Redis has a database of its own."""
    return {key: 6 + place for place, key in enumerate(databases)}


def with_a_class(settings: dict[str, Any]) -> dict[str, Any]:
    """A domain needs a class for Harbor's volumes."""
    if not any("storage_class" in export for export in settings["exports"]):
        settings["exports"][0]["storage_class"] = "nfs-client"
    return settings


def with_what_tls_needs(upstream: dict[str, Any]) -> dict[str, Any]:
    """A CA with TLS, and neither that nor a name without."""
    if upstream.get("tls", True):
        return {"ca": "/etc/ssl/ca.pem", **upstream}
    return {key: value for key, value in upstream.items() if key not in ("ca", "server_name")}


def with_burst(limit: dict[str, Any]) -> dict[str, Any]:
    """Not less at once than in a second."""
    return {**limit, "requests": min(limit["requests"], limit.get("burst", limit["requests"]))}


def with_ports_of_their_own(proxy: dict[str, Any]) -> dict[str, Any]:
    """Two ports, and no address that another one holds."""
    if proxy.get("http_redirect_port", 80) == proxy.get("port", 443):
        proxy["http_redirect_port"] = 8080 if proxy.get("port") != 8080 else 80
    if "0.0.0.0" in proxy.get("listen", []):  # noqa: S104
        proxy["listen"] = [address for address in proxy["listen"] if address != "10.0.0.30"]
    return proxy


def with_domains_of_their_own(upstreams: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """No two upstreams have one domain."""
    return list({upstream["domain"]: upstream for upstream in upstreams}.values())


def with_names_of_their_own(things: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """No two have one name; of those that have none, the first."""
    return list({thing.get("name"): thing for thing in things}.values())


def with_one_of_both(member: dict[str, Any]) -> dict[str, Any]:
    """A user or a group."""
    return {key: value for key, value in {"user": "ann", **member}.items() if key != "group"}


def with_one_of_each(selection: dict[str, Any]) -> dict[str, Any]:
    """What is chosen, or what is left out; of a rule also one way to keep."""
    both = {f"except_{key}" for key in ("tags", "repositories") if key in selection}
    found = {key: selection[key] for key in selection if key not in both}
    ways = [key for key in KEEPS if found.get(key)]
    return {key: found[key] for key in found if key not in ways[1:]}


def with_one_way(rule: dict[str, Any]) -> dict[str, Any]:
    """Always one way to keep."""
    found = with_one_of_each(rule)
    return found if any(found.get(key) for key in KEEPS) else {**found, "always": True}


def with_what_its_mode_needs(auth: dict[str, Any]) -> dict[str, Any]:
    """The directory with its mode, the provider with its own."""
    mode = next((key for key in ("ldap", "oidc") if key in auth), None)
    return {"mode": mode, mode: auth[mode]} if mode else {"mode": "database"}


def with_something_to_do(robot: dict[str, Any]) -> dict[str, Any]:
    """A robot of the system may do something, in each project once."""
    return {**robot, "allow": ["user:list"], "grants": robot.get("grants", [])[:1]}


def with_a_url(endpoint: dict[str, Any]) -> dict[str, Any]:
    """Where it is, and no login or a whole one."""
    found = {"url": "https://registry.example.org", **endpoint}
    whole = {"user", "password"} <= set(found)
    return {key: value for key, value in found.items() if whole or key not in ("user", "password")}


def with_names_that_fit(registry: dict[str, Any]) -> dict[str, Any]:
    """What names another thing names one that is there."""
    found = dict(registry)
    found["projects"] = [
        {key: value for key, value in project.items() if key != "proxy_cache"}
        for project in found.get("projects", ())
        if project["name"] != found.get("docker_hub_cache")
    ]
    if found.get("auth", {}).get("mode", "database") != "database":
        found["users"] = []
    found["users"] = list({user["name"].lower(): user for user in found.get("users", ())}.values())[:1]
    if found.get("docker_hub_cache"):
        found.pop("endpoints", None)
    return found


def with_a_log(system: dict[str, Any]) -> dict[str, Any]:
    """The audit log goes somewhere."""
    return {**system, "audit_forward": "syslog.example.org:514"}


KEEPS = ("keep_pushed", "keep_pulled", "pushed_days", "pulled_days", "always")


AGREEING: dict[type[Any], Any] = {
    Proxy: with_ports_of_their_own,
    RateLimit: with_burst,
    Upstream: with_what_tls_needs,
    S3: with_both_keys,
    Database: with_host,
    Redis: with_host,
    RedisDatabases: with_numbers_of_its_own,
    Settings: with_a_class,
    Member: with_one_of_both,
    ImmutableTags: with_one_of_each,
    RetentionRule: with_one_way,
    Auth: with_what_its_mode_needs,
    SystemRobot: with_something_to_do,
    Endpoint: with_a_url,
    System: with_a_log,
    Registry: with_names_that_fit,
}


def agreeing(exports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Exports without what contradicts what."""
    for export in exports:
        against = {"clients"} if not export.get("allow_everyone") else set()
        if "*" not in export.get("clients", []):
            against = {"allow_everyone"}
        if "storage_class" not in export:
            against |= {"reclaim", "archive_on_delete", "mount_options", "default"}
        elif export.get("reclaim") == "Retain":
            against.add("archive_on_delete")
        for key in against & set(export):
            del export[key]
    first, *others = exports
    # Two of them have nothing in common that has to be one export's own.
    unlike = [e for e in others if not (first["path"] + "/").startswith(e["path"] + "/")]
    for export in unlike:
        for key in ("storage_class", "options", "default", "reclaim", "archive_on_delete", "mount_options"):
            export.pop(key, None)
    return [first, *unlike]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value, groups and lists included."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*at, key)
        yield from places(child, (*at, key))


@st.composite
def written(draw: st.DrawFn) -> dict[str, Any]:
    """Settings as somebody may write them: right, and then up to three values spoilt, or a key added."""
    data: dict[str, Any] = copy.deepcopy(draw(good(Settings, "")))
    for _ in range(draw(st.integers(0, 3))):
        *parents, last = draw(st.sampled_from(sorted(places(data), key=str)))
        group: Any = data
        for part in parents:
            group = group[part]
        old = group[last]
        if isinstance(old, str):
            at = draw(st.integers(0, len(old) + 1))
            group[last] = old[:at] + draw(hostile) + old[at:] if at <= len(old) else draw(hostile)
        elif isinstance(group, dict) and draw(st.booleans()):
            group[draw(hostile)] = old
        else:
            group[last] = copy.deepcopy(draw(st.sampled_from(OTHERS) | hostile))
    return data


# Several of a kind agree with each other.
LISTED: dict[type[Any], Any] = {Export: agreeing, Upstream: with_domains_of_their_own}
