"""The keys of `proxy`: how Envoy serves the domain, and what else it serves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from breakwater import limits
from breakwater.export import STRICT, allowed
from breakwater.harbor import limits as harbor_limits
from breakwater.proxy import limits as proxy_limits


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CertificateFiles:
    """A certificate of yours, in two files on this machine. They are read by every run."""

    certificate: limits.File = Field(
        description="The certificate as PEM, followed by those that lead to its CA.",
        json_schema_extra=allowed("a path; ~ is your home"),
    )
    key: limits.File = Field(
        description="Its private key as PEM, without a password; nobody but you may read the file.",
        json_schema_extra=allowed("a path; ~ is your home"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DomainCertificate(CertificateFiles):
    """The registry's own certificate, when it is one of yours."""

    ca: limits.File | None = Field(
        default=None,
        description="The CA that signed it, as PEM, where that is not a public one: nodes and clients come to"
        " trust it for this registry, as they would breakwater's own.",
        json_schema_extra=allowed("a path; ~ is your home", "none: a CA that every host knows"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RateLimit:
    """How many requests one proxy takes, of all clients together; others are answered 429."""

    requests: proxy_limits.Requests = Field(
        description="Requests a second. A push or pull takes some three for each layer.",
        json_schema_extra=allowed(f"1 to {proxy_limits.MOST_REQUESTS}"),
    )
    burst: proxy_limits.Requests | None = Field(
        default=None,
        description="Requests that may come at once after a pause.",
        json_schema_extra=allowed(f"requests to {proxy_limits.MOST_REQUESTS}", "as many as requests"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Upstream:
    """Another site that the same proxies serve, under a domain of its own."""

    domain: harbor_limits.Domain = Field(
        description="Its name, as people type it; it must lead to the proxies.",
        json_schema_extra=allowed("a DNS name with a dot; no name of Harbor's, nor of another upstream"),
    )
    endpoints: Annotated[tuple[proxy_limits.Endpoint, ...], limits.Listed, limits.AtLeastOne] = Field(
        description="Where it really is, as the proxies reach it.",
        json_schema_extra=allowed("HOST:PORT, at least one; an IPv6 address in [ ]"),
    )
    tls: limits.Switch = Field(
        default=True,
        description="Whether the proxies speak TLS to it; its certificate is then always verified.",
        json_schema_extra=allowed("True or False"),
    )
    ca: limits.File | None = Field(
        default=None,
        description="Who signed its certificate: a file on this machine. For a public CA it is this"
        " system's own list, such as /etc/ssl/certs/ca-certificates.crt.",
        json_schema_extra=allowed("a path; ~ is your home", "none; required with tls"),
    )
    server_name: proxy_limits.ServerName | None = Field(
        default=None,
        description="The name that its certificate is for.",
        json_schema_extra=allowed("a DNS name", "the domain"),
    )
    certificate: CertificateFiles | None = Field(
        default=None,
        description="The certificate that clients of this domain see.",
        json_schema_extra=allowed("the keys below", "none: breakwater's own CA makes it"),
    )
    health: proxy_limits.HealthPath | None = Field(
        default=None,
        description="A path that an endpoint answers with 200 while it is well.",
        json_schema_extra=allowed("begins with /", "none: only connections that fail count against it"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Proxy:
    """Envoy, on the hosts of group proxies, in front of Harbor."""

    listen: Annotated[tuple[proxy_limits.Listen, ...], limits.Listed, limits.AtLeastOne] = Field(
        # Not "::" too: a host whose IPv6 is switched off could not open it, and would serve nobody.
        default=("0.0.0.0",),  # noqa: S104
        description="The addresses at which the proxies listen; the same on each of them.",
        json_schema_extra=allowed(
            "IP addresses; `0.0.0.0` is every IPv4 address, `::` every IPv6 one", '`["0.0.0.0"]`'
        ),
    )
    port: harbor_limits.Port = Field(
        default=443,
        description="The port of https. Another one than 443 is part of every image's name.",
        json_schema_extra=allowed("1 to 65535; no node port of Harbor's where a proxy is a node too"),
    )
    http_redirect_port: harbor_limits.Port | None = Field(
        default=80,
        description="The port at which plain HTTP is sent on to https.",
        json_schema_extra=allowed("1 to 65535, not port; None for no redirect"),
    )
    aliases: Annotated[tuple[harbor_limits.Domain, ...], limits.Listed] = Field(
        default=(),
        description="Other names under which Harbor answers, for browsers; images have the domain's.",
        json_schema_extra=allowed("DNS names with a dot", "none"),
    )
    certificate: DomainCertificate | None = Field(
        default=None,
        description="The certificate that clients see, for the domain and every alias.",
        json_schema_extra=allowed("the keys below", "none: breakwater's own CA makes it"),
    )
    allow_clients: Annotated[tuple[proxy_limits.Network, ...], limits.Listed, limits.AtLeastOne] | None = (
        Field(
            default=None,
            description="Who may connect; whoever else tries is cut off. The nodes must be among them.",
            json_schema_extra=allowed("addresses and networks such as 10.0.0.0/8", "none: everyone"),
        )
    )
    idle_timeout: proxy_limits.Idle = Field(
        default=900,
        description="Seconds in which Envoy could hand on nothing of a push or pull, after which it is cut."
        " It hands on up to 2 MiB at a time, so a client that takes longer for these is cut too.",
        json_schema_extra=allowed(f"{proxy_limits.SHORTEST_IDLE} to {proxy_limits.LONGEST_IDLE}"),
    )
    rate_limit: RateLimit | None = Field(
        default=None,
        description="How many requests one proxy takes.",
        json_schema_extra=allowed("the keys below", "none: as many as come"),
    )
    connections: proxy_limits.Connections = Field(
        default=20000,
        description="Connections of clients that one proxy has at a time; more are cut off. A change"
        " restarts Envoy.",
        json_schema_extra=allowed(f"{proxy_limits.FEWEST_CONNECTIONS} to {proxy_limits.MOST_CONNECTIONS}"),
    )
    memory: proxy_limits.Memory = Field(
        default="512Mi",
        description="Memory that Envoy may take before it turns clients away; about half of the proxy's."
        " A change restarts Envoy.",
        json_schema_extra=allowed(f"an amount such as 2Gi, at least {proxy_limits.LEAST_MEMORY}"),
    )
    upstreams: Annotated[tuple[Upstream, ...], limits.Listed] = Field(
        default=(),
        description="Other sites that the same proxies serve.",
        json_schema_extra=allowed("groups of the keys below", "none"),
    )

    def names(self, domain: str) -> tuple[str, ...]:
        """Every name under which Harbor answers, the domain first."""
        return (domain, *self.aliases)
