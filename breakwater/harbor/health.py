"""Harbor as it is reached through every node: healthy over TLS, and plain HTTP sent there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from breakwater.cluster import wait
from breakwater.commands import Refusal
from breakwater.harbor.api import LIMIT, Harbor, HarborError, why

# Nodes that are asked at the same time.
_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Where Harbor is reached on the nodes.

    + nodes: {name: address}; without those that are known to be down
    + https, http: the node ports
    + ca: PEM file on the bastion, of the authority of Harbor's certificate
    + domain: what plain HTTP must be sent to
    """

    nodes: Mapping[str, str]
    https: int
    http: int
    ca: str
    domain: str


def not_healthy(doors: Doors) -> list[str]:
    """What keeps Harbor from being healthy through each node, in the nodes' order, each with why."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        found = pool.map(lambda node: _fault(doors, *node), doors.nodes.items())
        return [f"{node}: {fault}" for node, fault in zip(doors.nodes, found, strict=True) if fault]


def wait_until_healthy(
    doors: Doors,
    timeout: int,
    namespace: str,
    watch: Callable[[], list[str]] | None = None,
) -> None:
    """Wait until Harbor is healthy through every node. Raises Refusal with what is not.

    + timeout: seconds; a look that has begun is finished: up to 35 more
    + namespace: for the words on where to look
    + watch: looks too while something is not: adds to what is said, or raises Refusal to end the wait
    """

    def missing() -> list[str]:
        found = not_healthy(doors)
        return [*found, *watch()] if found and watch else found

    if left := wait("Harbor through each node", missing, timeout):
        raise Refusal(
            f"harbor: not healthy after {timeout} s: {'; '.join(left)};"
            f" see `kubectl --namespace {namespace} get pods`, and run again"
        )


def _fault(doors: Doors, node: str, address: str) -> str:
    """What is wrong through one node; empty for nothing."""
    host = f"[{address}]" if ":" in address else address
    try:
        # Whoever waits looks again.
        with Harbor(f"https://{host}:{doors.https}", doors.ca, tries=1) as harbor:
            faults = harbor.health().faults
    except HarborError as error:
        answer = "no answer" if error.status is None else f"answers {error.status}"
        return f"{answer} on port {doors.https}: {error.said}"
    if faults:
        return f"unhealthy: {', '.join(faults)}"
    return _not_redirected(host, doors)


def _not_redirected(host: str, doors: Doors) -> str:
    """Whether plain HTTP goes to https://DOMAIN, as a client that came by the domain would see it."""
    url = f"http://{host}:{doors.http}/"
    try:
        answer = httpx.get(url, headers={"Host": doors.domain}, trust_env=False, timeout=LIMIT)
    except httpx.RequestError as error:
        return f"no answer on port {doors.http}: {why(error)}"
    target = urlsplit(answer.headers.get("Location", ""))
    if answer.status_code in (301, 308) and (target.scheme, target.netloc) == ("https", doors.domain):
        return ""
    shown = f"{target.scheme}://{target.netloc}" if target.netloc else "nowhere"
    return (
        f"port {doors.http} answers {answer.status_code} and sends to {shown}, not to https://{doors.domain}"
    )
