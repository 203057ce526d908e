"""Trust as values: settings that are refused, the way to the proxies, configurations that cannot be used."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from breakwater.facts.trust import Containerd, HostsLine, Way
from breakwater.problems import Fault
from breakwater.trust import containerd
from breakwater.trust.settings import Trust
from breakwater.trust.way import proxy_addresses, way_problems, way_warnings

DOMAIN = "registry.example.org"
FIX = "make a DNS record; or set trust.etc_hosts = True; or add to /etc/hosts: 10.0.0.31 registry.example.org"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"engines": ["podmann"]}, "Input should be 'docker', 'containerd', 'podman' or 'cri-o'"),
        ({"engines": []}, "must name at least one"),
        ({"engines": "docker"}, "must be a list"),
        ({"system_store": 1}, "Input should be a valid boolean"),
        ({"etc_hosts": "yes"}, "Input should be a valid boolean"),
        ({"addresses": ["proxy.example.org"]}, "must be an IP address"),
        ({"addresses": ["10.0.0.0/24"]}, "must be an IP address"),
        ({"addresses": ["0.0.0.0"]}, "is nobody's address"),  # noqa: S104
        ({"addresses": ["127.0.0.1"]}, "leads every host to itself"),
        ({"addresses": "10.0.0.31"}, "must be a list"),
        ({"store": True}, "Unexpected keyword argument"),
    ],
)
def test_settings_that_are_refused(written: dict[str, Any], said: str) -> None:
    with pytest.raises((ValidationError, Fault)) as caught:
        TypeAdapter(Trust).validate_python(written)
    assert said in str(caught.value)


def test_defaults() -> None:
    assert TypeAdapter(Trust).validate_python({"addresses": ["FD00::31"]}) == Trust(
        engines=None, system_store=False, etc_hosts=False, addresses=("fd00::31",)
    )


def test_addresses_are_the_written_ones_else_the_inventory_s() -> None:
    def resolve(name: str) -> list[str]:
        if name == "nowhere":
            raise OSError
        return {"proxy": ["10.0.0.9", "10.0.0.10"]}.get(name, [name])

    assert proxy_addresses(["10.0.0.40"], ["proxy"], resolve) == ("10.0.0.40",)
    assert proxy_addresses([], ["proxy", "nowhere", "fd00::1"], resolve) == (
        "10.0.0.9", "10.0.0.10", "fd00::1"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("way", "addresses", "writes", "problems"),
    [
        (Way(("10.0.0.31",), ()), ["10.0.0.31", "10.0.0.32"], False, []),
        (Way(("10.7.7.7",), ()), [], False, []),
        (Way((), ()), ["10.0.0.31"], False, [(f"it finds no address for {DOMAIN}", FIX)]),
        (Way((), ()), ["10.0.0.31"], True, []),
        (
            Way(("127.0.1.1",), ()),
            ["10.0.0.31"],
            False,
            [
                (
                    f"{DOMAIN} leads to 127.0.1.1, and the proxies are at 10.0.0.31",
                    "mend the DNS record; when a load balancer stands there,"
                    " write trust.addresses = ['127.0.1.1']",
                )
            ],
        ),
        (
            Way(("10.7.7.7",), (HostsLine(3, f"10.7.7.7 {DOMAIN}", False),)),
            ["10.0.0.31"],
            True,
            [(f"line 3 of /etc/hosts sends {DOMAIN} to 10.7.7.7", "remove that line")],
        ),
        (Way(("10.0.0.30",), (HostsLine(3, f"10.0.0.30 {DOMAIN} # b", True),)), ["10.0.0.31"], True, []),
    ],
    ids=["right", "nothing known", "nowhere", "nowhere yet", "elsewhere", "by a line", "by an old line"],
)
def test_the_way(way: Way, addresses: list[str], writes: bool, problems: list[tuple[str, str]]) -> None:
    assert way_problems(DOMAIN, way, addresses, writes) == problems


def test_a_name_that_leads_elsewhere_too_is_a_warning() -> None:
    way = Way(("10.0.0.31", "10.7.7.7"), ())
    assert way_problems(DOMAIN, way, ["10.0.0.31"], False) == []
    assert way_warnings(DOMAIN, way, ["10.0.0.31"]) == [
        f"{DOMAIN} also leads to 10.7.7.7, where no proxy is known: some pulls may go there"
    ]
    assert way_warnings(DOMAIN, way, []) == []
    assert way_warnings(DOMAIN, Way(("10.0.0.31",), ()), ["10.0.0.31"]) == []


GOOD = Containerd(
    "/etc/containerd/config.toml", 3, 3, True, True, "/etc/own", False, False, (), (), False
)  # fmt: skip
LIST = replace(GOOD, config_path="/etc/own:/etc/docker/certs.d", release=(2, 1), list_written=True)


@pytest.mark.parametrize(
    ("config", "root", "why"),
    [
        (GOOD, "/etc/own", ""),
        (replace(GOOD, config_path=""), "/etc/containerd/certs.d", ""),
        (replace(GOOD, config_path="", cri=False), "/etc/containerd/certs.d", ""),
        (replace(LIST, release=(1, 7)), "/etc/own", ""),
        (replace(LIST, local_pull=True), "/etc/own", ""),
        (replace(LIST, list_written=False), "/etc/containerd/certs.d", ""),
        (LIST, None, "looks in none of them when it pulls by its transfer service (its issue 12415)"),
        (replace(GOOD, config_path="certs.d"), None, "is no list of absolute folders"),
        (replace(GOOD, config_path="/etc/my certs"), None, "has characters that breakwater does not write"),
        (replace(GOOD, config_path="", old=("mirrors a",)), None, "has mirrors a in the old form"),
        (replace(GOOD, old=("mirrors a",)), "/etc/own", ""),
    ],
)
def test_configurations(config: Containerd, root: str | None, why: str) -> None:
    assert why in containerd.why_not(config)
    assert bool(why) == bool(containerd.why_not(config))
    if root:
        # Without the kubelet's plugin its folder is that of ctr and nerdctl.
        assert containerd.root_of(config) == root


def test_a_containerd_that_no_kubelet_uses_has_its_usual_folder() -> None:
    assert containerd.root_of(None) == "/etc/containerd/certs.d"


@pytest.mark.parametrize(
    ("config", "last"),
    [
        (GOOD, None),
        (replace(GOOD, cri=False, config_path="", interrupted=True), None),
        (replace(GOOD, interrupted=True), "take"),
        (replace(GOOD, config_path="", interrupted=True), "change"),
        (replace(LIST, list_written=False), "change"),
    ],
)
def test_commands_only_where_something_is_missing(config: Containerd, last: str | None) -> None:
    made = containerd.commands(config)
    assert [command.get_raw_value().rsplit("\n", 1)[1] for command in made] == ([last] if last else [])


@pytest.mark.parametrize(
    ("file_version", "version", "table"),
    [
        (2, 2, "v=2 t=io.containerd.grpc.v1.cri"),
        (2, 3, "v=2 t=io.containerd.grpc.v1.cri"),
        (0, 2, "v=2 t=io.containerd.grpc.v1.cri"),
        (0, 3, "v=3 t=io.containerd.cri.v1.images"),
        (3, 3, "v=3 t=io.containerd.cri.v1.images"),
        (4, 4, "v=4 t=io.containerd.cri.v1.images"),
    ],
)
def test_the_table_is_named_as_the_file_s_version_has_it(file_version: int, version: int, table: str) -> None:
    [command] = containerd.commands(replace(GOOD, config_path="", version=version, file_version=file_version))
    assert command.get_raw_value().splitlines()[-2] == table
