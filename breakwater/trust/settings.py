"""How nodes and other clients come to trust the registry: the keys, their defaults and limits."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Strict
from pydantic.dataclasses import dataclass

from breakwater import limits
from breakwater.addresses import canonical
from breakwater.export import STRICT, allowed
from breakwater.problems import Fault

# Programs that pull and push. Those of one folder below /etc read the same files.
ENGINES = ("docker", "containerd", "podman", "cri-o")
Engine = Literal["docker", "containerd", "podman", "cri-o"]


def _address(text: str) -> str:
    plain = canonical(text)
    if plain is None or "/" in plain:
        raise Fault("must be an IP address", "it stands in /etc/hosts, which knows no other")
    if ip_address(plain).is_unspecified:
        raise Fault("is nobody's address")
    if ip_address(plain).is_loopback:
        raise Fault("leads every host to itself", "write the address by which hosts reach the proxies")
    return plain


Address = Annotated[str, Strict(), AfterValidator(_address)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Trust:
    """How the nodes, and the hosts of the optional group clients, find the registry and trust its CA."""

    engines: Annotated[tuple[Engine, ...], limits.Listed, limits.AtLeastOne] | None = Field(
        default=None,
        description="The programs whose files are written.",
        json_schema_extra=allowed(
            "a list of `docker`, `containerd`, `podman` and `cri-o`", "those found on each host"
        ),
    )
    system_store: limits.Switch = Field(
        default=False,
        description="Whether everything else on these hosts trusts the CA too: curl, git, and whoever asks"
        " the system. Whoever has the CA's key can then pose as any site to them.",
        json_schema_extra=allowed("True or False"),
    )
    etc_hosts: limits.Switch = Field(
        default=False,
        description="Whether the domain is written into /etc/hosts of these hosts, as lines that are marked"
        " as breakwater's; for a network whose DNS does not know it.",
        json_schema_extra=allowed("True or False"),
    )
    addresses: Annotated[tuple[Address, ...], limits.Listed] = Field(
        default=(),
        description="The addresses that the domain leads to, where they are not the inventory's: of a load"
        " balancer, or of another network's side of the proxies.",
        json_schema_extra=allowed("IP addresses", "those of group proxies in the inventory"),
    )
