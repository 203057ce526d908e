"""Where the proxies answer, and whom they cut off."""

import pytest

from breakwater.addresses import source_addresses
from breakwater.proxy.contradictions import proxy_warnings
from breakwater.proxy.doors import doors
from breakwater.proxy.settings import Proxy

PROXIES = {"one": "10.0.0.31", "two": "10.0.0.32"}


@pytest.mark.parametrize(
    ("listen", "proxies", "found"),
    [
        (["0.0.0.0"], PROXIES, PROXIES),  # noqa: S104
        (["::"], {"one": "proxy.example.org"}, {"one": "proxy.example.org"}),
        (["10.0.0.31", "10.0.0.32", "192.0.2.1"], PROXIES, PROXIES),
        (["10.0.0.31"], {"one": "10.0.0.31"}, {"one": "10.0.0.31"}),
        (["192.0.2.1"], {"one": "10.0.0.31"}, {"192.0.2.1": "192.0.2.1"}),
        (["192.0.2.1"], {"one": "proxy.example.org"}, {"192.0.2.1": "192.0.2.1"}),
        (["10.0.0.31", "fd00::1"], PROXIES, {"10.0.0.31": "10.0.0.31", "fd00::1": "fd00::1"}),
    ],
)
def test_the_proxies_answer_where_they_listen(
    listen: list[str], proxies: dict[str, str], found: dict[str, str]
) -> None:
    assert doors(listen, proxies) == found


def test_from_where_this_machine_comes_is_asked_of_its_kernel_only() -> None:
    assert source_addresses(["127.0.0.1", "proxy.example.org"]) == {"127.0.0.1"}


def test_nodes_and_clients_that_the_proxies_cut_off_are_named() -> None:
    nodes = {"node1": "10.0.0.21", "node2": "10.0.1.22", "node3": "node3.example.org"}
    proxy = Proxy(allow_clients=("10.0.0.0/24",))
    assert list(proxy_warnings(proxy, nodes, {"ci": "192.0.2.40", "desk": "10.0.0.9"})) == [
        "proxy.allow_clients: leaves out node2 (10.0.1.22); a node that may not connect cannot pull",
        "proxy.allow_clients: leaves out ci (192.0.2.40); a host of group clients that may not connect cannot"
        " pull",
    ]
    assert list(proxy_warnings(Proxy(), nodes, {"ci": "192.0.2.40"})) == []
