"""What Harbor was last told of secrets that it never shows: they are sent anew when they are others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from breakwater.secrets import Store


class Told:
    """Kept on the bastion; without it, Harbor is told once more.

    + folder: for these alone
    + at: what stands at a source of the settings; or raises Refusal
    """

    def __init__(self, folder: Path, at: Callable[[str], str]) -> None:
        self._store, self.at = Store(folder), at

    def news(self, sources: Mapping[str, str]) -> dict[str, str]:
        """{name: the secret} of those that Harbor was not told, or not from here. Raises Refusal.

        + sources: {name: source}
        """
        found = {name: self.at(source) for name, source in sources.items()}
        told = self._store.read(*map(_file, found))
        return {name: secret for name, secret in found.items() if told.get(_file(name)) != secret}

    def remember(self, secrets: Mapping[str, str]) -> None:
        """Harbor has them. Raises Refusal."""
        for name, secret in secrets.items():
            self._store.write(_file(name), secret)


def _file(name: str) -> str:
    """A name that is a file's, too: people call endpoints what they like."""
    return quote(name, safe="")
