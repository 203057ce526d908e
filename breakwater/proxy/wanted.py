"""All that Envoy's files are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from breakwater.proxy.plan import DIRECTORY, SOCKET
from breakwater.proxy.settings import Proxy, Upstream

# Harbor's cluster, its certificate and the CA of its node ports.
HARBOR = "harbor"
# A file's name has at most 255 bytes, and something stands around this one.
_LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What one proxy shall do; every proxy the same.

    + domain: the registry's name
    + nodes: {name: address}; addresses only, see resolved_nodes()
    + node_port: where every node answers for Harbor with TLS
    + server_name: what the certificate of the node ports is verified for
    + certificates: {the domain, or that of an upstream: chain and key as PEM} that clients see
    + authorities: {the domain, or that of an upstream with TLS: CA's PEM} that the proxies believe there
    + directory, admin_socket: elsewhere for a trial on another machine
    """

    domain: str
    nodes: Mapping[str, str]
    node_port: int
    server_name: str
    certificates: Mapping[str, str] = field(repr=False)
    authorities: Mapping[str, str] = field(repr=False)
    proxy: Proxy
    directory: str = DIRECTORY
    admin_socket: str = SOCKET

    def path(self, name: str) -> str:
        """Where a file of files() is on the host."""
        return f"{self.directory}/{name}"


@dataclass(frozen=True)
class Site:
    """What one listener's chain serves: names that lead to one upstream.

    + name: of its cluster and its certificate; unlike every other site's
    + upstream: None for Harbor
    """

    name: str
    domains: tuple[str, ...]
    upstream: Upstream | None = None

    @property
    def authority(self) -> str:
        """The name of the secret with the CA that its upstream is verified by."""
        return f"{self.name}-ca"


def sites(wanted: Wanted) -> list[Site]:
    """Harbor first, then the others in the settings' order."""
    harbor = Site(HARBOR, wanted.proxy.names(wanted.domain))
    others = [
        Site(name_of(upstream.domain), (upstream.domain,), upstream) for upstream in wanted.proxy.upstreams
    ]
    return [harbor, *others]


def name_of(domain: str) -> str:
    """A domain as the name of a file and of Envoy's counters, which are parted by dots.

    It has a dot and no underscore, so no two get one name, and none gets Harbor's.
    """
    name = domain.replace(".", "_")
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 17]}_{sha256(domain.encode()).hexdigest()[:16]}"
