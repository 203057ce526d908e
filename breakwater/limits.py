"""What a single value may be: each limit takes it, gives it back as we use it, or raises a Fault."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Strict, ValidationInfo

from breakwater.addresses import LABEL, check_text, checked_address, checked_client
from breakwater.nfs_options import (
    checked_mount_option,
    checked_mount_options,
    checked_option,
    checked_options,
)
from breakwater.problems import Fault

T = TypeVar("T")

# An export of one of these would hand out the system itself, and chown it to the export's owner.
SYSTEM_DIRECTORIES = frozenset(
    "/" + name
    for name in (
        *(
            "",
            "bin",
            "boot",
            "dev",
            "etc",
            "home",
            "lib",
            "lib64",
            "opt",
            "proc",
            "root",
            "run",
            "sbin",
            "sys",
        ),
        *("tmp", "usr", "usr/local", "var", "var/lib", "var/log", "var/tmp"),
    )
)
# Below these there is no disk: what is stored there is gone after a reboot.
VOLATILE = ("/dev/", "/proc/", "/run/", "/sys/")

# Helm allows 53 characters for a release, and ours is "nfs-" + the class.
LONGEST_CLASS = 53 - len("nfs-")
LONGEST_PATH = 255
SHORTEST_WAIT, LONGEST_WAIT = 30, 3600
# What Linux takes for one name in a path.
_LONGEST_NAME = 255

_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}|[0-9]{1,9}")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_IMAGE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._:/-]*?(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})")


def _plain_path(path: str) -> str:
    if not path.startswith("/") or " " in path or (path != "/" and path.endswith("/")):
        raise Fault("must be absolute, without spaces or a closing slash")
    if not re.fullmatch(r"[A-Za-z0-9._/-]+", path):
        raise Fault("may hold only letters, digits and . _ - /")
    if len(path) > LONGEST_PATH:
        raise Fault(f"is longer than {LONGEST_PATH} characters")
    plain = _plain(path)
    if plain in SYSTEM_DIRECTORIES:
        raise Fault("is a directory of the system", "export one made for it, such as '/srv/nfs'")
    if plain.startswith(VOLATILE):
        raise Fault("is not on a disk", "choose a directory that outlives a reboot, such as '/srv/nfs'")
    if plain != path:
        raise Fault("must not hold '.', '..' or '//'", f"write {plain!r}")
    return path


def _listed(values: Any) -> Any:
    # A generator or dict_values would be taken too, and be empty the second time it is read.
    if not isinstance(values, list | tuple):
        raise Fault("must be a list", "write it in [ ]")
    return values


def _at_least_one(values: Sequence[T]) -> Sequence[T]:
    if not values:
        raise Fault("must name at least one")
    return values


def _class_name(name: str) -> str:
    if not LABEL.fullmatch(name):
        raise Fault("must be lower-case letters, digits and '-', with a letter or digit at both ends")
    if len(name) > LONGEST_CLASS:
        raise Fault(f"is longer than {LONGEST_CLASS} characters", "Helm names its releases with at most 53")
    check_text(name)
    return name


def _namespace(name: str) -> str:
    if not LABEL.fullmatch(name) or len(name) > 63:
        raise Fault("must be at most 63 lower-case letters, digits and '-', a letter or digit at both ends")
    check_text(name)
    return name


def _owner(owner: str) -> str:
    user, colon, group = owner.partition(":")
    if not colon and _ACCOUNT.fullmatch(user):
        raise Fault("must be user:group", f"did you mean '{user}:{user}'?")
    if not (_ACCOUNT.fullmatch(user) and _ACCOUNT.fullmatch(group)):
        raise Fault("must be user:group, by name or number", "such as 'root:root' or '999:999'")
    return owner


def _quoted_mode(mode: Any) -> Any:
    if isinstance(mode, int) and not isinstance(mode, bool):
        # 755 was meant as it looks; 493 is what Python makes of 0o755.
        digits = str(mode) if re.fullmatch(r"[0-7]{3,4}", str(mode)) else f"{mode:o}"
        if re.fullmatch(r"[0-7]{3,4}", digits):
            raise Fault("must be text", f'write "{digits}"')
    return mode


def _mode(mode: str) -> str:
    if not re.fullmatch(r"[0-7]{3,4}", mode):
        raise Fault("must be three or four octal digits", 'such as "755"')
    plain = f"{int(mode, 8):03o}"  # as stat prints it: "0755" would differ from "755" for ever
    if plain[-3] == "0":
        raise Fault("would lock the owner out of the directory", 'did you mean "755"?')
    return plain


def checked_file(path: str) -> str:
    """A file or folder on this machine. Raises Fault."""
    if not path.strip() or path != path.strip() or not path.isprintable() or len(path) > 4096:
        raise Fault("must be a path, without control characters or spaces around it")
    plain = PurePath(path)
    if str(plain).startswith("-"):
        raise Fault("must not begin with '-': Helm would take it for an option", "write an absolute path")
    if any(len(os.fsencode(name)) > _LONGEST_NAME for name in plain.parts):
        raise Fault(f"has a name longer than {_LONGEST_NAME} bytes in it")
    if os.path.expanduser(path).startswith("~"):
        raise Fault("begins with the home of a user who is not known here", "'~/' is your own")
    return path


def _context(name: str) -> str:
    if not name.strip() or not name.isprintable() or len(name) > 253:
        raise Fault("must be the name of a context", "kubectl config get-contexts lists them")
    if name.startswith("-"):
        raise Fault("must not begin with '-': Helm would take it for an option")
    return name


def _version(version: str) -> str:
    plain = version.removeprefix("v")
    if not _VERSION.fullmatch(plain) or len(plain) > 63:
        raise Fault("must be a chart's version", "such as '4.0.18'")
    if plain != version:
        raise Fault("must be a chart's version", f"did you mean {plain!r}?")
    return version


def _repository(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Fault("must be a URL") from None
    if parts.username is not None or parts.password is not None:
        # It would be printed by Helm, and stored in the settings, which git keeps.
        raise Fault("must not hold a user or a password")
    plain = re.fullmatch(r"[A-Za-z0-9._~:/%+\[\]-]+", url)
    if parts.scheme not in ("http", "https", "oci") or not host or not plain or len(url) > 2000:
        raise Fault(
            "must begin with https://, http:// or oci:// and name a host, without spaces, quotes or a query"
        )
    return url


def _image(image: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9._:/@-]+", image) or len(image) > 500:
        raise Fault("must be an image's name, without spaces or quotes")
    if not _IMAGE.fullmatch(image) or "/" in image.rpartition(":")[2]:
        raise Fault(
            "must end with a tag or a digest", "such as ':1.37'; without one the node asks the registry"
        )
    return image


def _seconds(seconds: int) -> int:
    if not SHORTEST_WAIT <= seconds <= LONGEST_WAIT:
        raise Fault(f"must be from {SHORTEST_WAIT} to {LONGEST_WAIT} seconds")
    return seconds


def _mount_point(path: str) -> str:
    # A disk may well be mounted at /home or /opt; only / is mounted on every machine.
    if path == "/" or not path.startswith("/") or not re.fullmatch(r"[A-Za-z0-9._/-]+", path):
        raise Fault("must be the absolute path at which the disk is mounted", "such as '/srv'")
    if len(path) > LONGEST_PATH:
        raise Fault(f"is longer than {LONGEST_PATH} characters")
    if (plain := _plain(path)) != path:
        raise Fault("must not hold '.', '..', '//' or a closing slash", f"write {plain!r}")
    return path


def _plain(path: str) -> str:
    """Without detours; normpath keeps two slashes at the beginning."""
    return "/" + posixpath.normpath(path).lstrip("/")


def _derived(value: Any, info: ValidationInfo) -> Any:
    # We fill these in ourselves; what a person wrote comes with a context.
    if info.context:
        raise Fault("is derived from other settings or the inventory", "remove it")
    return value


Listed = BeforeValidator(_listed)
Derived = BeforeValidator(_derived)
AtLeastOne = AfterValidator(_at_least_one)
Path = Annotated[str, Strict(), AfterValidator(_plain_path)]
Client = Annotated[str, Strict(), AfterValidator(checked_client)]
ClassName = Annotated[str, Strict(), AfterValidator(_class_name)]
Namespace = Annotated[str, Strict(), AfterValidator(_namespace)]
Owner = Annotated[str, Strict(), AfterValidator(_owner)]
Mode = Annotated[str, Strict(), AfterValidator(_mode), BeforeValidator(_quoted_mode)]
Option = Annotated[str, Strict(), AfterValidator(checked_option)]
Options = Annotated[tuple[Option, ...], AfterValidator(checked_options), Listed]
MountOption = Annotated[str, Strict(), AfterValidator(checked_mount_option)]
MountOptions = Annotated[tuple[MountOption, ...], AfterValidator(checked_mount_options), Listed]
MountPoint = Annotated[str, Strict(), AfterValidator(_mount_point)]
HostName = Annotated[str, Strict()]
Switch = Annotated[bool, Strict()]
Address = Annotated[str, Strict(), AfterValidator(checked_address)]
File = Annotated[str, Strict(), AfterValidator(checked_file)]
Context = Annotated[str, Strict(), AfterValidator(_context)]
Version = Annotated[str, Strict(), AfterValidator(_version)]
Repository = Annotated[str, Strict(), AfterValidator(_repository)]
Image = Annotated[str, Strict(), AfterValidator(_image)]
Seconds = Annotated[int, Strict(), AfterValidator(_seconds)]
