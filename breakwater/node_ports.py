"""What guards Harbor's node ports on a node: our nftables file, and the unit that loads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from breakwater.addresses import by_address

TABLE = "inet breakwater"
FILE = "/etc/breakwater/node-ports.nft"
UNIT = "breakwater-node-ports.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"

# Deleted and made anew in one transaction: there is no moment without it, and nothing old stays in it.
_RULESET = """\
# managed by breakwater: who may come to Harbor's node ports (harbor.node_ports.allow)
table {table}
delete table {table}
table {table} {{
	set callers4 {{
		type ipv4_addr
		flags interval
{four}	}}
	set callers6 {{
		type ipv6_addr
		flags interval
{six}	}}
	chain prerouting {{
		# raw: before kube-proxy of any mode sends the packet on to a pod, and its port is no longer seen
		type filter hook prerouting priority raw; policy accept;
		# local: what only passes through this node to that port of another machine is not ours
		iif != "lo" tcp dport {{ {ports} }} fib daddr type local jump callers
	}}
	chain callers {{
		ip saddr @callers4 accept
		ip6 saddr @callers6 accept
		# not dropped: who has come to the wrong door learns it at once
		reject with tcp reset
	}}
}}
"""
# Debian's and Red Hat's nftables.service flushes the whole ruleset, our table too: PartOf and WantedBy
# bring it back after that unit's restart and start, ReloadPropagatedFrom after its reload.
_UNIT = f"""\
# managed by breakwater
[Unit]
Description=Harbor's node ports answer proxies and nodes only
After=nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
# The ports answer when one of these has made the cluster's rules.
Before=kubelet.service kube-proxy.service k3s.service k3s-agent.service rke2-server.service rke2-agent.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {FILE}
ExecReload=/usr/sbin/nft -f {FILE}
ExecStop=-/usr/sbin/nft delete table {TABLE}

[Install]
WantedBy=multi-user.target nftables.service
"""


def ruleset(ports: Iterable[int], callers: Iterable[str]) -> str:
    """The whole of our file: the same text for the same addresses, in whatever order.

    + ports: TCP, on every address of the node
    + callers: addresses and networks that may come
    """
    networks = _without_parts(callers)
    return _RULESET.format(
        table=TABLE,
        ports=", ".join(map(str, sorted(ports))),
        four=_elements(network for network in networks if network.version == 4),
        six=_elements(network for network in networks if network.version == 6),
    )


def unit() -> str:
    """The unit that loads it before the kubelet starts, and again when nftables.service flushed it."""
    return _UNIT


def _without_parts(callers: Iterable[str]) -> Sequence[IPv4Network | IPv6Network]:
    """In order, without those that another one contains: nft refuses intervals that overlap."""
    networks = [ip_network(caller) for caller in sorted(set(callers), key=by_address)]
    return [
        network
        for network in networks
        if not any(network != other and _inside(network, other) for other in networks)
    ]


def _inside(network: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    if isinstance(network, IPv4Network):
        return isinstance(other, IPv4Network) and network.subnet_of(other)
    return isinstance(other, IPv6Network) and network.subnet_of(other)


def _elements(networks: Iterable[IPv4Network | IPv6Network]) -> str:
    """The lines of a set; none at all for an empty one, which nft has no words for."""
    lines = list(_plain(networks))
    return f"\t\telements = {{\n{''.join(lines)}\t\t}}\n" if lines else ""


def _plain(networks: Iterable[IPv4Network | IPv6Network]) -> Iterator[str]:
    for network in networks:
        single = network.prefixlen == network.max_prefixlen
        yield f"\t\t\t{network.network_address if single else network},\n"
