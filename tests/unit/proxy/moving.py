"""Our real files on a proxy host that is a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from proxy_host import ENVOY, ProxyHost, digest
from real_envoy import DOMAIN, Make, asked, connect

from breakwater.proxy import run as proxy_run
from breakwater.proxy.config import files, flattened
from breakwater.proxy.plan import Plan
from breakwater.tls import Pair

# planned(idle_timeout=600, …): what the host shall have, with these settings.
Planned = Callable[..., Plan]


def planner(host: ProxyHost, make: Make, node_port: int) -> Planned:
    """Plans for this host, before what listens at this port of loopback."""

    def planned(**changes: Any) -> Plan:
        at = {"directory": str(host.directory), "admin_socket": str(host.socket)}
        given = {"node_port": node_port, "port": host.port, "http_redirect_port": None, **at, **changes}
        texts = files(make(**given)(Path()))
        return Plan(str(ENVOY), digest(ENVOY), proxy_run.unit(200), texts, flattened(texts))

    return planned


def answers(host: ProxyHost, ca: Pair) -> int:
    """The code with which Harbor answers through the proxy."""
    with asked(connect(host.port, DOMAIN, ca.certificate), "GET", "/a") as answer:
        return answer.status
