"""What Harbor was last told of secrets that it never shows: they are sent anew when they are others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from breakwater.secrets import BEFORE, Store, fingerprint

# Characters of a file's name that a name may take; Store puts some more around it.
_LONGEST = 200


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
        told = self._store.read(*map(file_name, found))
        return {name: secret for name, secret in found.items() if told.get(file_name(name)) != secret}

    def remember(self, secrets: Mapping[str, str]) -> None:
        """Harbor has them. Raises Refusal."""
        for name, secret in secrets.items():
            self._store.write(file_name(name), secret)


def file_name(name: str) -> str:
    """A name that is a file's, too: people call things what they like. No two names have one."""
    found = quote(name, safe="@+")
    if found.startswith(".") or found.endswith(BEFORE):
        # No folder, nothing that is hidden, and nothing that Store keeps beside another file.
        found = found.replace(".", "%2E")
    return found if len(found) <= _LONGEST else f"{found[:_LONGEST]}-{fingerprint(name)}"
