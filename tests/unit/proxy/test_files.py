"""Envoy's files: the real Envoy judges them, and no value changes what they are."""

import dataclasses
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from envoy_files import LOADER, PEM, assert_nothing_else, shape
from hostile import hostile
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from real_envoy import DOMAIN, Make, validated

from breakwater.commands import Refusal
from breakwater.proxy.config import Wanted, files, flattened, resolved_nodes
from breakwater.proxy.plan import SECRETS
from breakwater.proxy.settings import Proxy, RateLimit, Upstream
from breakwater.proxy.wanted import name_of
from breakwater.tls import Pair

HERE = Path("/etc/breakwater/envoy")
WIKI: dict[str, Any] = {"domain": "wiki.example.org", "endpoints": ("10.0.0.30:80",), "tls": False}
VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {"port": 443, "http_redirect_port": 80},
    "ipv6": {"listen": ("0.0.0.0", "::"), "nodes": {"a": "fd00::21", "b": "10.0.0.22"}},  # noqa: S104
    "one address": {"listen": ("10.0.0.30",)},
    "many names": {"aliases": ("registry.localhost", "harbor.example.org")},
    "another port": {"port": 8443},
    "no redirect": {"http_redirect_port": None},
    "allowed clients": {"allow_clients": ("10.0.0.0/8", "192.0.2.7", "fd00::/8", "2001:db8::1")},
    "rate limit": {"rate_limit": RateLimit(requests=10, burst=100)},
    "limits": {"connections": 400_000, "memory": "1.5Gi", "idle_timeout": 86400},
    "another site": {"upstreams": (Upstream(**WIKI),)},
    "other sites": {
        "upstreams": (
            Upstream(**{**WIKI, "health": "/status/a%20b", "endpoints": ("10.0.0.30:80", "[fd00::30]:8080")}),
            # Its name is a number to readers that are too clever.
            Upstream(domain="1e3.example.org", endpoints=("app.example.org:443",), ca="ca.pem"),
            Upstream(
                domain="a" * 60 + ".b" * 90, endpoints=("[::1]:443",), ca="c", server_name="wiki.internal"
            ),
        )
    },
    "no node": {"nodes": {}},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_envoy_finds_them_good(make: Make, variant: str) -> None:
    told = make(**VARIANTS[variant])(HERE)
    assert_nothing_else(told)
    assert validated(flattened(files(told))) == ""


BROKEN: dict[str, tuple[str, str, str, str]] = {
    "unknown field": ("xds/lds.yaml", "merge_slashes", "merge_slash", "merge_slash"),
    "address": ("xds/eds.yaml", '"127.0.0.1"', '"localhost"', "malformed IP address"),
    "cluster": ("xds/rds.yaml", 'cluster: "harbor"', 'cluster: "harbour"', "unknown cluster"),
    "certificate": ("sds/harbor.yaml", "MII", "XXX", "Failed to load certificate"),
    "limit": ("bootstrap.yaml", "max_heap_size_bytes: 536870912", "max_heap_size_bytes: -1", "max_heap"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_envoy_refuses_broken_ones(make: Make, fault: str) -> None:
    name, old, new, said = BROKEN[fault]
    texts = files(make()(HERE))
    assert old in texts[name]
    assert said in validated(flattened({**texts, name: texts[name].replace(old, new)}))


def test_a_resource_that_nobody_has_is_found_out(make: Make) -> None:
    texts = files(make()(HERE))
    texts["xds/rds.yaml"] = (
        texts["xds/rds.yaml"].replace('- "@type"', "- x").replace('name: "https"', 'name: "other"', 1)
    )
    with pytest.raises(LookupError, match="https"):
        flattened(texts)


def test_a_silent_node_is_given_up_before_clients_give_up(make: Make) -> None:
    [cluster] = yaml.safe_load(files(make()(HERE))["xds/cds.yaml"])["resources"]
    [option] = cluster["upstream_bind_config"]["socket_options"]
    # TCP_USER_TIMEOUT, in milliseconds; clients wait for a minute.
    assert (option["level"], option["name"]) == (6, 18)
    assert 30_000 < option["int_value"] < 60_000


def test_a_version_is_the_sha256_of_the_rest(make: Make) -> None:
    for name, text in files(make()(HERE)).items():
        if name != "bootstrap.yaml":
            first, _, rest = text.partition("\n")
            assert first == f'version_info: "{sha256(rest.encode()).hexdigest()}"'


def test_keys_are_in_secret_files_only(make: Make, pair: Pair) -> None:
    texts = files(make(upstreams=(Upstream(**WIKI),))(HERE))
    with_keys = {name for name, text in texts.items() if "PRIVATE KEY" in text}
    assert with_keys == {"sds/harbor.yaml", "sds/wiki_example_org.yaml"}
    assert all(name.startswith(SECRETS) for name in with_keys)
    told = make()(HERE)
    assert "PRIVATE" not in repr(told)


def test_the_same_settings_are_the_same_files(make: Make) -> None:
    ports = {"port": 8443, "http_redirect_port": 8080}
    turned = {"node2": "127.0.0.2", "node1": "127.0.0.1"}
    assert files(make(**ports)(HERE)) == files(make(**ports, nodes=turned)(HERE))


ALL = {"bootstrap.yaml", "xds/lds.yaml", "xds/cds.yaml", "xds/eds.yaml", "xds/rds.yaml"}
CHANGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "node": ({"nodes": {"node3": "10.0.0.3"}}, {"xds/eds.yaml"}),
    "node port": ({"node_port": 30443}, {"xds/eds.yaml"}),
    "certificate": ({"certificates": {DOMAIN: PEM}}, {"sds/harbor.yaml"}),
    "authority": ({"authorities": {DOMAIN: PEM}}, {"sds/harbor-ca.yaml"}),
    "idle": ({"idle_timeout": 300}, {"xds/rds.yaml"}),
    "rate": ({"rate_limit": RateLimit(requests=5)}, {"xds/rds.yaml"}),
    "clients": ({"allow_clients": ("10.0.0.0/8",)}, {"xds/lds.yaml"}),
    "memory": ({"memory": "1Gi"}, {"bootstrap.yaml"}),
    "connections": ({"connections": 5000}, {"bootstrap.yaml"}),
    "site": (
        {"upstreams": (Upstream(**WIKI),)},
        {"xds/lds.yaml", "xds/cds.yaml", "xds/rds.yaml", "sds/wiki_example_org.yaml"},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_touches_what_it_must_and_no_more(make: Make, change: str) -> None:
    changes, wanted = CHANGES[change]
    ports = {"port": 8443, "http_redirect_port": 8080}
    before, after = files(make(**ports)(HERE)), files(make(**ports, **changes)(HERE))
    assert {name for name in after if before.get(name) != after[name]} == wanted


def test_a_site_more_leaves_the_others_chains_as_they_are(make: Make) -> None:
    ports = {"port": 8443, "http_redirect_port": None}
    before, after = (
        yaml.safe_load(files(make(**ports, **more)(HERE))["xds/lds.yaml"])["resources"][0]
        for more in ({}, {"upstreams": (Upstream(**WIKI),)})
    )
    assert after.pop("filter_chains")[:1] == before.pop("filter_chains")
    # Then Envoy changes the listener in its place, and no connection of another chain is drained.
    assert after == before


def test_nodes_with_names_get_addresses() -> None:
    names = {"a.example.org": ["fd00::1", "10.0.0.9", "10.0.0.10"], "10.0.0.1": ["10.0.0.1"]}

    def resolve(name: str) -> list[str]:
        if name in names:
            return names[name]
        raise OSError(name)

    assert resolved_nodes({"a": "a.example.org", "b": "10.0.0.1"}, resolve) == {
        "a": "10.0.0.9",
        "b": "10.0.0.1",
    }
    with pytest.raises(Refusal, match=re.escape("c: c.example.org has no address")):
        resolved_nodes({"c": "c.example.org"}, resolve)


def test_names_of_files_fit_and_differ() -> None:
    long = [f"{'a' * 60}{'.b' * 95}.{last}" for last in "xy"]
    assert len({name_of(name) for name in long}) == 2
    assert all(len(f".{name_of(name)}-ca.yaml.new") <= 255 for name in long)
    assert name_of("a.b-c.d") != name_of("a.b.c.d")


def told(text: Callable[[str], str]) -> Wanted:
    """Every text of ours, past all limits."""
    upstream = Upstream(
        domain="wiki.example.org", endpoints=("app.example.org:1",), ca="ca", server_name="wiki", health="/ok"
    )
    proxy = Proxy(
        listen=("10.0.0.1", "10.0.0.2"),
        aliases=("a.b",),
        allow_clients=("10.0.0.0/8",),
        upstreams=(upstream,),
    )
    object.__setattr__(upstream, "health", text("/ok"))
    object.__setattr__(upstream, "server_name", text("wiki"))
    object.__setattr__(upstream, "domain", text("wiki.example.org"))
    for key in ("listen", "aliases"):
        object.__setattr__(proxy, key, tuple(text(each) for each in getattr(proxy, key)))
    sites = (text("registry.example.org"), text("wiki.example.org"))
    return Wanted(
        domain=sites[0],
        nodes={text("node1"): text("10.0.0.1")},
        node_port=30003,
        server_name=text("registry.example.org"),
        certificates=dict.fromkeys(sites, text(PEM)),
        authorities=dict.fromkeys(sites, text(PEM)),
        proxy=proxy,
        directory=text("/etc/breakwater/envoy"),
        admin_socket=text("/run/admin.sock"),
    )


PLAIN = files(told(lambda old: old))


@budget(derandomize=True, database=None, deadline=None, max_examples=60,
        suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
@given(text=hostile.filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
def test_no_value_changes_the_shape_of_a_file(text: str) -> None:
    ours = told(lambda old: old + text)
    assert_nothing_else(ours)
    made = files(ours)
    shapes = [[shape(yaml.compose(each, LOADER)) for each in texts.values()] for texts in (made, PLAIN)]
    assert shapes[0] == shapes[1]
    back = yaml.safe_load(made["bootstrap.yaml"])
    assert back["admin"]["address"]["pipe"]["path"] == "/run/admin.sock" + text


@pytest.mark.parametrize(
    "name", ["y", "1e3", "0x7f", "null", "~", "true", "0b1", "*a", "&a", "- a", "a: b", "a #b"]
)
def test_envoy_reads_a_name_as_it_is_written(make: Make, name: str) -> None:
    """Its reader is another one than ours: y without quotes is a switch to it."""
    assert validated(flattened(files(dataclasses.replace(make()(HERE), server_name=name)))) == ""


def test_envoy_would_not_read_it_without_quotes(make: Make) -> None:
    text = flattened(files(dataclasses.replace(make()(HERE), server_name="y")))
    assert yaml.safe_dump({"sni": "y"}) == "sni: y\n"
    assert "sni" in validated(text.replace('sni: "y"', "sni: y"))
