"""Requests as clients send them: by TLS that is verified, each on a connection of its own."""

from collections.abc import Callable, Iterator
from typing import Any

from real_envoy import DOMAIN, RealEnvoy, asked, connect

from breakwater.tls import Pair

LARGE = 8 * 2**20
# ask("GET", "/path", …): code, body and headers of the answer.
Ask = Callable[..., tuple[int, bytes, dict[str, str]]]


def asker(envoy: RealEnvoy, ca: Pair) -> Ask:
    """Asks this Envoy, and believes this CA."""

    def ask(method: str, path: str, **more: Any) -> tuple[int, bytes, dict[str, str]]:
        name, source = more.pop("name", DOMAIN), more.pop("source", "127.0.0.1")
        connection = connect(envoy.wanted.proxy.port, name, ca.certificate, source)
        with asked(connection, method, path, **more) as answer:
            return answer.status, answer.read(), dict(answer.getheaders())

    return ask


def pieces(size: int) -> Iterator[bytes]:
    """A body of so many bytes, piece by piece."""
    for at in range(0, size, 2**16):
        yield at.to_bytes(8, "big") * (2**13)
