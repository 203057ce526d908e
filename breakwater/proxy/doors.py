"""At which addresses the proxies answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from breakwater.addresses import canonical


def doors(listen: Sequence[str], proxies: Mapping[str, str]) -> dict[str, str]:
    """{name: address} of each: the inventory's, unless nobody listens there.

    + listen: `proxy.listen`, the same on every proxy
    + proxies: {name: address} as the inventory has them; a name is no address at which somebody listens
    """
    everywhere = any(ip_address(address).is_unspecified for address in listen)
    if everywhere or all(canonical(address) in listen for address in proxies.values()):
        return dict(proxies)
    return {address: address for address in listen}
