"""What a proxy host shall have: Envoy itself, its unit and its files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from gevent.lock import BoundedSemaphore

SERVICE = "breakwater-envoy.service"
# Its group has the same name.
USER = "breakwater-envoy"
# libexec and not lib: SELinux lets a service start what lies there.
LIBRARY = "/usr/local/libexec/breakwater"
BINARY = f"{LIBRARY}/envoy"
UNIT = f"/etc/systemd/system/{SERVICE}"
DIRECTORY = "/etc/breakwater/envoy"
# The one way to ask a running Envoy anything.
SOCKET = "/run/breakwater-envoy/admin.sock"
# Held while files are judged and moved; not beside them, where a run leaves nothing, and gone at a reboot.
LOCK = "/run/breakwater-envoy.lock"
BOOTSTRAP = "bootstrap.yaml"
# The files that hold private keys are below it: 0640, root and Envoy's own group.
SECRETS = "sds/"

# A new file is read when it is moved into place, and each may name what an earlier one brings.
_ORDER = (SECRETS, "xds/cds.yaml", "xds/eds.yaml", "xds/rds.yaml", "xds/lds.yaml", BOOTSTRAP)
# ELF's numbers of the machines that there is an Envoy for, and what `uname -m` calls them.
_MACHINES = {62: "x86_64", 183: "aarch64"}
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")


@dataclass(frozen=True)
class Plan:
    """All that is put on a proxy; the same on every one.

    + binary: Envoy's file on this machine
    + digest: its sha256
    + unit: text of the systemd unit
    + files: {path below DIRECTORY: text}; what is below SECRETS is secret
    + flattened: the same as one static bootstrap, for Envoy to judge: of the files that a
      bootstrap names, `--mode validate` reads none
    """

    binary: str
    digest: str
    unit: str
    files: Mapping[str, str] = field(repr=False)
    flattened: str = field(repr=False)

    def __post_init__(self) -> None:
        for path, text in self.files.items():
            if not _SAFE.fullmatch(path) or not path.startswith(_ORDER):
                raise ValueError(f"{path!r} is no file of Envoy's")
            if not text.endswith("\n"):
                raise ValueError(f"{path}: its last line has no end")

    @property
    def paths(self) -> list[str]:
        """In the order in which they are moved into place."""
        return sorted(self.files, key=lambda path: (_place(path), path))

    @property
    def machine(self) -> str:
        """What the binary is for, as `uname -m` says it; empty: that is not known."""
        try:
            with Path(self.binary).open("rb") as file:
                head = file.read(20)
        except OSError:
            return ""
        return _MACHINES.get(int.from_bytes(head[18:], "little"), "") if head[:4] == b"\x7fELF" else ""

    @property
    def listeners(self) -> int:
        """How many there shall be."""
        return len(_resources(self.files["xds/lds.yaml"]))

    def served(self) -> dict[str, tuple[str, str]]:
        """{end of the name of Envoy's statistic: (the version that it shall show, whose file it is)}."""
        found = {}
        for path in self.paths:
            if path != BOOTSTRAP:
                version = str(yaml.safe_load(self.files[path])["version_info"])
                found.update(dict.fromkeys(_statistics(path, self.files[path]), (version, path)))
        return found


@dataclass
class Turn:
    """One proxy at a time: a proxy is changed when the one before it answers again, or not at all."""

    broken: str = ""  # the proxy whose change was begun and not ended
    lock: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(1))


def sha256(text: str) -> str:
    """As sha256sum prints it."""
    return hashlib.sha256(text.encode()).hexdigest()


def mode(path: str) -> tuple[str, str]:
    """A file's owner and mode."""
    return (f"root:{USER}", "640") if is_secret(path) else ("root:root", "644")


def is_secret(path: str) -> bool:
    """Whether its text may not be shown."""
    return path.startswith(SECRETS)


def _place(path: str) -> int:
    return next(place for place, start in enumerate(_ORDER) if path.startswith(start))


def _statistics(path: str, text: str) -> list[str]:
    """Where Envoy says which version it has; of a route, a listener's own prefix comes before it."""
    if path == "xds/lds.yaml":
        return ["listener_manager.lds.version_text"]
    if path == "xds/cds.yaml":
        return ["cluster_manager.cds.version_text"]
    kinds = {"xds/eds.yaml": ("cluster.", "cluster_name"), "xds/rds.yaml": (".rds.", "name")}
    kind, key = kinds.get(path, ("sds.", "name"))
    return [f"{kind}{resource[key]}.version_text" for resource in _resources(text)]


def _resources(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load(text).get("resources") or [])
