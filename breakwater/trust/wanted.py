"""What hosts shall know of one registry."""

from __future__ import annotations

from dataclasses import dataclass

from breakwater.trust.settings import Trust


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One registry as its hosts see it; who signed its certificate is known only in the run.

    + domain: its name
    + port: 443 is no part of an image's name
    + owner: which breakwater's the files are: another one's, for another registry, stay
    + cache: the project that images of Docker Hub come through; empty: none
    + addresses: of the proxies, or of what stands before them
    + settings: engines, system store, /etc/hosts
    """

    domain: str
    port: int
    owner: str
    cache: str
    addresses: tuple[str, ...]
    settings: Trust

    @property
    def name(self) -> str:
        """As it stands in images' names: HOST, or HOST:PORT."""
        return self.domain if self.port == 443 else f"{self.domain}:{self.port}"
