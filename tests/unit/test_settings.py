"""Every refusal is the good settings, one change, and the exact message; the rest is what load fills in."""

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from breakwater.problems import SettingsError
from breakwater.quantities import quantity
from breakwater.settings import Export, Harbor, Proof, Provisioner, Proxy, Settings, load

CASES = sorted((Path(__file__).parent / "settings").glob("*.yaml"))

GOOD: dict[str, Any] = {
    "exports": [
        {"path": "/srv/nfs/volumes", "storage_class": "nfs-client"},
        {"path": "/srv/nfs/shared", "clients": ["10.0.0.0/24"]},
    ],
}
HOSTS: dict[str, dict[str, str]] = {
    "storage": {"storage": "10.0.0.20"},
    "nodes": {"node1": "10.0.0.21", "node2": "node2.example.org"},
    "proxies": {},
    "bastion": {"@local": "127.0.0.1"},
}
NAMES = {"node2.example.org": ["10.0.0.22", "fd00::22"], "here.example.org": ["127.0.1.1"]}


def resolve(name: str) -> list[str]:
    """No network: the names above, addresses as they are, and nothing else."""
    if name in NAMES:
        return NAMES[name]
    if name[0].isdecimal():
        return [name]
    raise OSError(name)


def messages(data: dict[str, Any], hosts: dict[str, dict[str, str]] = HOSTS) -> list[str]:
    """What load says about these; nothing when they are good."""
    try:
        load(data, hosts, resolve)
    except SettingsError as error:
        return str(error).splitlines()
    return []


def changed(good: dict[str, Any], changes: dict[str, Any], removed: list[str]) -> dict[str, Any]:
    """A copy with exports.0.path style changes; a place that is not there yet is made."""
    data = copy.deepcopy(good)
    for path, value in changes.items():
        *parents, last = (int(part) if part.isdecimal() else part for part in path.split("."))
        place: Any = data
        for part in parents:
            place = place[part] if isinstance(part, int) else place.setdefault(part, {})
        if isinstance(place, list) and last == len(place):
            place.append(value)
        else:
            place[last] = value
    for path in removed:
        del data[path]
    return data


def test_the_good_settings_are_good() -> None:
    assert messages(GOOD) == []


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_refusal(case: Path) -> None:
    content = yaml.safe_load(case.read_text())
    data = changed(GOOD, content.get("change", {}), content.get("remove", []))
    hosts = changed(HOSTS, content.get("hosts", {}), content.get("remove_groups", []))
    wanted = content["error"]
    assert messages(data, hosts) == ([wanted] if isinstance(wanted, str) else wanted)


def test_all_mistakes_are_said_at_once_each_in_one_line() -> None:
    said = messages(
        {"exprots": [], "exports": [{"path": "srv", "mode": 755}, 3], "state": 7},
        {**HOSTS, "nodes": {}},
    )
    assert said == [
        "exprots: unknown key; did you mean 'exports'?",
        "exports[0].path: 'srv' must be absolute, without spaces or a closing slash",
        'exports[0].mode: 755 must be text; write "755"',
        "exports[1]: 3 must be a group of keys; write it in { }",
        "state: 7 must be text in quotes",
        "group nodes: has no hosts; name the cluster's nodes",
    ]


def test_defaults_are_filled_in() -> None:
    settings = load({"exports": [{"path": "/srv/nfs"}]}, HOSTS, resolve)
    assert settings == Settings(
        exports=(
            Export(
                path="/srv/nfs",
                clients=None,
                allow_everyone=False,
                options=(),
                storage_class=None,
                owner="root:root",
                mode="755",
                mountpoint=None,
                reclaim="Delete",
                archive_on_delete=True,
                mount_options=("nfsvers=4.1", "hard", "noatime"),
                default=False,
                networks=(),
                members=("node1", "node2"),
            ),
        ),
        nodes_down=(),
        firewall="check",
        storage_address="10.0.0.20",
        kubeconfig="~/.kube/config",
        provisioner=Provisioner(
            namespace="nfs-provisioner",
            chart_version="4.0.18",
            repository="https://kubernetes-sigs.github.io/nfs-subdir-external-provisioner/",
            timeout=300,
        ),
        proof=Proof(image="docker.io/library/busybox:1.37", timeout=180),
        domain=None,
        harbor=Harbor(),
        proxy=Proxy(
            listen=("0.0.0.0",),  # noqa: S104
            port=443,
            http_redirect_port=80,
            aliases=(),
            certificate=None,
            allow_clients=None,
            idle_timeout=900,
            rate_limit=None,
            connections=20000,
            memory="512Mi",
            upstreams=(),
        ),
        state=".breakwater",
        hosts=HOSTS,
        addresses={"node1": ("10.0.0.21",), "node2": ("10.0.0.22", "fd00::22")},
    )


def test_defaults_pass_their_own_limits() -> None:
    assert Provisioner(**vars(Provisioner())) == Provisioner()
    assert Proof(**vars(Proof())) == Proof()
    assert Harbor(**vars(Harbor())) == Harbor()
    assert Proxy(**vars(Proxy())) == Proxy()
    for group in vars(Harbor()).values():
        if dataclasses.is_dataclass(group):
            # A storage class is filled in from the exports, so an empty one may not be written.
            assert type(group)(**vars(group)) == group
    settings = load(GOOD, HOSTS, resolve)
    assert Settings(**vars(settings)) == settings


def test_clients_are_addresses_sorted_as_numbers_and_unique() -> None:
    clients = ["10.0.0.100", "nodes", "10.0.0.9", "10.0.0.21", "FD00:0::22", "10.0.0.7/32"]
    settings = load({"exports": [{"path": "/srv/nfs", "clients": clients}]}, HOSTS, resolve)
    assert settings.exports[0].clients_at(settings.addresses) == (
        "10.0.0.7",
        "10.0.0.9",
        "10.0.0.21",
        "10.0.0.22",
        "10.0.0.100",
        "fd00::22",
    )


def test_nobody_is_looked_up_when_the_clients_are_addresses() -> None:
    hosts = {**HOSTS, "nodes": {"node1": "nobody-knows-this"}}
    load({"exports": [{"path": "/srv/nfs", "clients": ["10.0.0.21"]}]}, hosts, resolve)


def test_release_class_and_provisioner_name_all_differ() -> None:
    exports = [{"path": f"/srv/{name}", "storage_class": name} for name in ("fast", "slow")]
    settings = load({"exports": [*exports, {"path": "/srv/plain"}]}, HOSTS, resolve)
    names = [
        name
        for export in settings.classes
        for name in (export.release, export.storage_class, export.provisioner_name)
    ]
    assert names == ["nfs-fast", "fast", "breakwater/fast", "nfs-slow", "slow", "breakwater/slow"]


def test_one_machine_may_be_all_of_them() -> None:
    here = {"@local": "127.0.0.1"}
    settings = load(
        {"exports": [{"path": "/srv/nfs"}]},
        {"storage": here, "nodes": here, "proxies": here, "bastion": here},
        resolve,
    )
    assert settings.exports[0].clients_at(settings.addresses) == ("127.0.0.1",)
    assert settings.storage_host == "@local"


@pytest.mark.parametrize(("written", "used"), [("755", "755"), ("0755", "755"), ("2775", "2775")])
def test_a_mode_is_used_as_stat_prints_it(written: str, used: str) -> None:
    assert Export(path="/srv/nfs", mode=written).mode == used


def test_a_password_in_an_address_is_not_printed() -> None:
    secret = "hunter2"
    for changes in (
        {"provisioner.repository": f"https://admin:{secret}@charts.example.org/"},
        {"provisioner.repository": f"ftp://{secret}@charts.example.org/"},
        {"admin_password": secret},
        {"kubeconfig": {"token": secret}},
        {"exports.0.secret": secret},
        {"domain": f"https://admin:{secret}@registry.example.org"},
        {"harbor.admin_password": secret},
        {"harbor.adminpassword": secret},
        {"harbor.database": {"host": f"harbor:{secret}@db.example.org", "password": secret}},
        {"harbor.redis": {"host": "redis.example.org", "password": f"file{secret}"}},
        {"harbor.storage": {"type": "gcs", "bucket": "b", "key": secret}},
        {"harbor.extra_values": {"trivy": {"gitHubToken": secret}, "core": {"secret": secret}}},
        {"harbor.extra_values": {"database": {"external": {"password": secret}}}},
        {"harbor.extra_values": {"proxy": {"httpProxy": f"http://{secret}@proxy:1"}}},
        {"harbor.extra_values": {"core": {"extraEnvVars": [{"name": "X_PASSWORD", "value": secret}]}}},
    ):
        said = messages(changed(GOOD, changes, []))
        assert said
        assert secret not in "\n".join(said)


DOMAIN = {"domain": "registry.example.org"}


def classes(exports: list[dict[str, Any]], volumes: dict[str, Any]) -> list[str]:
    """The storage class of each of Harbor's volumes."""
    settings = load({**DOMAIN, "exports": exports, "harbor": {"volumes": volumes}}, HOSTS, resolve)
    return [volume.storage_class for volume in vars(settings.harbor.volumes).values()]


def test_a_volume_gets_the_class_that_is_meant() -> None:
    fast, slow = ({"path": f"/srv/{name}", "storage_class": name} for name in ("fast", "slow"))
    trivy = {"trivy": {"storage_class": "of.the.cluster"}}
    assert classes([{"path": "/srv/plain"}, fast], {}) == ["fast"] * 5
    assert classes([fast, {**slow, "default": True}], trivy) == [*["slow"] * 4, "of.the.cluster"]


def test_a_volume_that_is_not_used_needs_no_class() -> None:
    harbor: dict[str, Any] = {
        "volumes": {"jobservice": {"storage_class": "one"}},
        "storage": {"type": "s3", "region": "eu", "bucket": "b"},
        "database": {"host": "db.example.org", "user": "harbor", "password": "env:PW"},
        "redis": {"host": "redis.example.org"},
        "trivy": {"enabled": False},
    }
    assert messages({**DOMAIN, "exports": [{"path": "/srv/nfs"}], "harbor": harbor}) == []


def test_a_volume_keeps_its_own_defaults_beside_what_is_written() -> None:
    settings = load({**GOOD, "harbor": {"volumes": {"registry": {"size": "5Gi"}}}}, HOSTS, resolve)
    registry, database = settings.harbor.volumes.registry, settings.harbor.volumes.database
    assert (registry.size, registry.access_mode) == ("5Gi", "ReadWriteMany")
    assert (database.size, database.access_mode) == ("10Gi", "ReadWriteOnce")


def test_the_domain_makes_the_url() -> None:
    assert load(GOOD, HOSTS, resolve).external_url == ""
    assert load({**GOOD, **DOMAIN}, HOSTS, resolve).external_url == "https://registry.example.org"
    other = {**GOOD, **DOMAIN, "proxy": {"port": 8443}}
    assert load(other, HOSTS, resolve).external_url == "https://registry.example.org:8443"


def test_no_class_is_needed_without_a_domain() -> None:
    assert messages({"exports": [{"path": "/srv/nfs"}], "harbor": {"metrics": True}}) == []


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({**DOMAIN, "harbor": {"metrics": True}}, []),
        ({"harbor": {"metrics": True}}, ["harbor: has no effect without a domain"]),
        ({"proxy": {"port": 8443}}, ["proxy: has no effect without a domain"]),
        ({"trust": {"etc_hosts": True}}, ["trust: has no effect without a domain"]),
        ({**DOMAIN, "proxy": {"allow_clients": ["10.0.0.0/27", "fd00::22"]}}, []),
        ({**DOMAIN, "proxy": {"allow_clients": ["10.0.1.0/24"]}},
         ["proxy.allow_clients: leaves out node1 (10.0.0.21); a node that may not connect cannot pull"]),
        ({**DOMAIN, "proxy": {"upstreams": [{"domain": "a.b", "endpoints": ["c:80"], "tls": False}]}},
         ["proxy.upstreams[0].tls: False: what the proxies and a.b say"]),
        ({**DOMAIN, "harbor": {"volumes": {"database": {"access_mode": "ReadWriteMany"}}}},
         ["harbor.volumes.database: ReadWriteMany lets two databases"]),
        ({**DOMAIN, "harbor": {"redis": {"host": "a.example.org", "password": "env:PW"}}},
         ["harbor.redis.tls: False: its password is readable"]),
        ({**DOMAIN, "harbor": {"database": {"host": "a.b", "user": "u", "password": "env:P",
                                            "tls": "disable"}}},
         ["harbor.database.tls: disable: its password"]),
        ({**DOMAIN, "harbor": {"storage": {"type": "s3", "region": "a", "bucket": "b", "skip_verify": True,
                                           "endpoint": "http://minio.example.org"}}},
         ["harbor.storage.skip_verify: ", "harbor.storage.endpoint: http"]),
        ({**DOMAIN, "exports": [{"path": "/srv/a", "storage_class": "a", "archive_on_delete": False}],
          "harbor": {"trivy": {"enabled": False}}},
         ["harbor.volumes: who deletes a claim of registry, jobservice, database, redis deletes its files"]),
    ],
)  # fmt: skip
def test_what_may_be_regretted_is_said(written: dict[str, Any], said: list[str]) -> None:
    hosts = {**HOSTS, "proxies": {"proxy": "10.0.0.30"}}
    warnings = load({**GOOD, **written}, hosts, resolve).warnings
    assert len(warnings) == len(said)
    assert all(warning.startswith(begin) for warning, begin in zip(warnings, said, strict=True)), warnings


def test_a_domain_that_nobody_serves_is_said() -> None:
    [warning] = load({**GOOD, **DOMAIN}, HOSTS, resolve).warnings
    assert warning.startswith(
        "group proxies: is empty, so nothing of breakwater's answers for registry.example.org;"
        " Harbor is at port 30003"
    )


def test_where_secrets_are_is_known_by_the_charts_names() -> None:
    written = {
        "database": {"host": "a.b", "user": "u", "password": "env:DB"},
        "redis": {"host": "a.b", "user": "u", "password": "file:redis"},
        "storage": {"type": "azure", "account": "a", "container": "c", "account_key": "env:KEY"},
    }
    harbor = load({**GOOD, "harbor": written}, HOSTS, resolve).harbor
    assert harbor.sources == {
        "harbor-external-database": {"password": "env:DB"},
        "harbor-external-redis": {"REDIS_PASSWORD": "file:redis"},
        "harbor-storage": {"AZURE_STORAGE_ACCESS_KEY": "env:KEY"},
    }
    assert harbor.plain == {"harbor-external-redis": {"REDIS_USERNAME": "u"}}
    assert (Harbor().sources, Harbor().plain) == ({}, {})


def test_extra_values_that_json_does_not_keep_are_refused() -> None:
    extra = {"core": {"a": (1,), "b": float("nan"), "c": 2**60, 3: 4, "d": b"x"}}
    assert messages({**GOOD, "harbor": {"extra_values": extra}}) == [
        "harbor.extra_values.core.a: must be text, a number, True, False, None, [ ] or { }",
        "harbor.extra_values.core.b: is no number that Helm keeps; write it as text, in quotes",
        "harbor.extra_values.core.c: is no number that Helm keeps; write it as text, in quotes",
        "harbor.extra_values.core: has a key that is no text; names of keys are text in quotes",
        "harbor.extra_values.core.d: must be text, a number, True, False, None, [ ] or { }",
    ]


@pytest.mark.parametrize(
    "extra",
    [
        {"core": {"gdpr": {"deleteUser": True}, "podAnnotations": {"a.b/token": "x"}, "affinity": {}}},
        {"nginx": {"extraEnvVars": [{"name": "A_TOKEN", "valueFrom": {"secretKeyRef": {"name": "a"}}}]}},
        {"internalTLS": {"enabled": True, "certSource": "secret", "core": {"secretName": "core-tls"}}},
        {"imagePullSecrets": [{"name": "mine"}], "caBundleSecretName": "mine", "nginx": {"replica": {}}},
        {"persistence": {"persistentVolumeClaim": {"registry": {"existingClaim": "mine", "subPath": "a"}}}},
        {
            "redis": {"external": {"cacheLayerDatabaseIndex": "7"}},
            "expose": {"nodePort": {"labels": {"a": "b"}}},
        },
        {"core": {"startupProbe": {"failureThreshold": 10}}, "cache": {"enabled": True, "expireHours": 1.5}},
    ],
)
def test_other_values_are_the_users(extra: dict[str, Any]) -> None:
    assert messages({**GOOD, "harbor": {"extra_values": extra}}) == []
    assert load({**GOOD, "harbor": {"extra_values": extra}}, HOSTS, resolve).harbor.extra_values == extra


@pytest.mark.parametrize(
    ("text", "amount"), [("10Gi", 10 * 2**30), ("10240Mi", 10 * 2**30), ("1.5G", 1_500_000_000), ("2k", 2000)]
)
def test_an_amount_is_compared_as_a_number(text: str, amount: int) -> None:
    assert quantity(text) == amount


def test_a_list_that_can_be_read_only_once_is_refused() -> None:
    values = {"volumes": {"path": "/srv/nfs"}}.values()
    assert messages({"exports": values}) == ["exports: must be a list; write it in [ ]"]


AWKWARD = [
    *("'", '"', "`", "a b", " ", "", "\n", "a\nb", "\x00", "\x1b[31m", "\u202e", "\udc80", "ü", "💣"),
    *("$(x)", "${x}", "; reboot", "a|b", "a&b", "--help", "-", "../..", "~", "~root", "\\", "%s", "{x}"),
    *("/srv/$(x)", "/srv/a\tb", "/srv/#", "10.0.0.1 *", "a:b", "root:root\n", "755\n", "*", "!!python/none"),
    *(
        "x" * 100_000,
        "/" + "x/" * 50_000 + "x",
        "http://[",
        "https://a/$(x)",
        "https://a/\n",
        10**5000,
        -1,
        0.5,
        float("nan"),
    ),
    *(True, None, b"x", [], {}, [[]], {"a": "b"}, object()),
]
TEXT_KEYS = [
    *(
        "exports.0.path",
        "exports.0.clients.0",
        "exports.0.storage_class",
        "exports.0.owner",
        "exports.0.mode",
    ),
    *("storage_address", "kubeconfig", "kube_context", "bundle", "state", "provisioner.namespace"),
    *("provisioner.chart_version", "provisioner.repository", "proof.image"),
    *("domain", "harbor.release", "harbor.namespace", "harbor.chart_version", "harbor.repository"),
    *("harbor.volumes.registry.storage_class", "harbor.volumes.registry.size", "harbor.log_level"),
    *("harbor.volumes.database.access_mode", "harbor.resources.core.limits.cpu", "harbor.backup"),
    *("harbor.resources.core.requests.memory", "harbor.admin_password", "harbor.database.tls"),
    *("proxy.listen.0", "proxy.aliases.0", "proxy.allow_clients.0", "proxy.memory"),
]
OTHER_KEYS = [
    *("exports", "exports.0", "exports.0.clients", "provisioner", "proof", "proof.timeout"),
    *("harbor", "harbor.timeout", "harbor.node_ports", "harbor.node_ports.http", "harbor.volumes"),
    *(
        "harbor.volumes.redis",
        "harbor.storage",
        "harbor.resources.core",
        "harbor.trivy",
        "harbor.replicas.core",
    ),
    *("harbor.database", "harbor.redis", "harbor.metrics"),
    *("proxy", "proxy.port", "proxy.http_redirect_port", "proxy.certificate", "proxy.rate_limit"),
    *("proxy.connections", "proxy.idle_timeout", "proxy.upstreams", "proxy.upstreams.0"),
]
# What a shell, an exports line or a YAML document could trip over; a path on this machine never meets them.
OF_HOSTS = set(TEXT_KEYS) - {"kubeconfig", "bundle", "state", "kube_context", "harbor.admin_password"}


@pytest.mark.parametrize("key", [*TEXT_KEYS, *OTHER_KEYS])
def test_awkward_values_are_refused_in_one_line_or_pass_unharmed(key: str) -> None:
    for value in AWKWARD:
        good = copy.deepcopy(GOOD)
        good["exports"][0]["clients"] = []
        data = changed(good, {"exports.0.clients": ["10.0.0.21"], key: value}, [])
        said = messages(data)
        if said:
            assert all(line.isprintable() and len(line) < 400 for line in said), (value, said)
            assert any(line.startswith(key.split(".")[0]) for line in said), (value, said)
            continue
        place: Any = load(data, HOSTS, resolve)
        for part in key.split("."):
            place = place[int(part)] if part.isdecimal() else getattr(place, part)
        assert value in ([], {}) or place == value, (value, place)
        if key in OF_HOSTS and isinstance(value, str):
            assert value.isascii(), value
            assert not set(value) & set(" \t\n'\"`$;&|<>\\*?#(){}!"), value
