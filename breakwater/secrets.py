"""Secrets on the bastion: a folder that only its owner reads, sources that settings name, random values."""

import os
import re
import secrets
import stat
import string
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from breakwater.commands import Refusal

# Bytes; a cloud's key file has 3 KB.
_LARGEST = 65536
_FOLDER, _FILE = 0o700, 0o600
# What a file held before it was changed stays beside it, one generation.
BEFORE = ".before"
_LETTERS = string.ascii_letters + string.digits


class Store:
    """A folder, mode 0700, with a file for each secret, mode 0600.

    + folder: made, with its parents, by the first write
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where a secret is, for people and for programs that read it themselves."""
        return self.folder / name

    def read(self, *names: str) -> dict[str, str]:
        """{name: value} of those that are there, without the end of line that editors add.

        Raises Refusal when somebody else could read or put something there, with the command that ends it.
        """
        try:
            if not self.folder.exists():
                return {}
            _check(self.folder, _FOLDER)
            _check_parent(self.folder.parent)
            there = [name for name in names if self.path(name).exists()]
            for name in there:
                _check(self.path(name), _FILE)
            return {name: _text(self.path(name)) for name in there}
        except OSError as error:
            raise Refusal(_unusable(self.folder, error)) from error

    def write(self, name: str, value: str) -> None:
        """Keep a secret: whole or not at all, and what was there before beside it (NAME.before).

        Raises Refusal when it cannot be written.
        """
        try:
            self.folder.parent.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
            self.folder.mkdir(mode=_FOLDER, exist_ok=True)
            _check(self.folder, _FOLDER)
            ignore = self.folder / ".gitignore"
            if not ignore.exists():
                _replace(ignore, "*\n")  # a state folder inside a repository must not be committed
            path, wanted = self.path(name), value.rstrip("\r\n")
            if path.exists() and (held := _text(path)) != wanted:
                _replace(self.path(name + BEFORE), held + "\n")
            _replace(path, wanted + "\n")
        except OSError as error:
            raise Refusal(_unusable(self.folder, error)) from error

    def remove(self, name: str) -> None:
        """Keep it no longer, nor what it was before. Raises Refusal."""
        try:
            self.path(name).unlink(missing_ok=True)
            self.path(name + BEFORE).unlink(missing_ok=True)
        except OSError as error:
            raise Refusal(_unusable(self.folder, error)) from error


def remember(store: Store, name: str, new: str, old: str) -> None:
    """Keep both values of a secret that is about to change elsewhere; writes nothing when both are kept.

    Killed anywhere, the folder holds the old one, and from then on the new one too.
    """
    held = store.read(name, name + BEFORE)
    if (held.get(name), held.get(name + BEFORE)) == (new, old):
        return
    for value in (old, new):
        store.write(name, value)


def read_source(source: str, environ: Mapping[str, str] = os.environ) -> str:
    """The secret that a setting names. Raises Refusal, in which the value never stands.

    + source: `file:PATH` (only its owner may read it; ~ is your home) or `env:NAME`
    """
    kind, _, place = source.partition(":")
    if kind == "env" and place:
        if not environ.get(place):
            raise Refusal(f"env:{place}: not set, or empty; `export {place}=…` before the run")
        return environ[place].rstrip("\r\n")
    if kind != "file" or not place:
        # Not quoted back: somebody may have written the secret itself there.
        raise Refusal("a secret's source: neither file:PATH nor env:NAME; write one of them")
    path = Path(place).expanduser()
    try:
        _check(path, _FILE)
        text = _text(path)
    except OSError as error:
        raise Refusal(f"file:{place}: {error.strerror}; write the secret into that file") from error
    if not text:
        raise Refusal(f"file:{place}: empty; write the secret into that file")
    return text


def letters(length: int) -> str:
    """Random letters and digits, which no shell, URL or YAML reads as anything else."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def password() -> str:
    """24 letters and digits with an upper-case, a lower-case letter and a digit, as Harbor demands."""
    while True:
        made = letters(24)
        if all(re.search(kind, made) for kind in ("[a-z]", "[A-Z]", "[0-9]")):
            return made


def fingerprint(value: str) -> str:
    """Tells two secrets apart for people, and says nothing of either."""
    return sha256(b"breakwater fingerprint\n" + value.encode()).hexdigest()[:12]


def _check(path: Path, mode: int) -> None:
    """A file or folder, as the mode says, of mine and for nobody else. Raises Refusal; OSError if missing."""
    found, folder = path.stat(), mode == _FOLDER
    kind = stat.S_ISDIR if folder else stat.S_ISREG
    if not kind(found.st_mode):
        raise Refusal(f"{path}: is no {'folder' if folder else 'file'}; move it out of the way")
    if found.st_uid != os.geteuid():
        raise Refusal(f"{path}: belongs to user {found.st_uid}, not to you; `chown {os.geteuid()} {path}`")
    if stat.S_IMODE(found.st_mode) & ~mode:
        raise Refusal(f"{path}: others may read it (mode {found.st_mode & 0o777:o}); `chmod {mode:o} {path}`")


def _check_parent(folder: Path) -> None:
    """Nobody else can put another folder in the place of ours. Raises Refusal."""
    mode = folder.stat().st_mode
    if mode & 0o022 and not mode & stat.S_ISVTX:
        raise Refusal(f"{folder}: others may write to it (mode {mode & 0o777:o}); `chmod go-w {folder}`")


def _text(path: Path) -> str:
    """What a file holds, without the end of its last line. Raises OSError, or Refusal when it is no text."""
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise Refusal(f"{path}: larger than {_LARGEST} bytes; is it the right file?")
    try:
        return data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Refusal(f"{path}: is no UTF-8 text; is it the right file?") from None


def _replace(path: Path, text: str) -> None:
    """Write a file that is 0600 before it holds a byte, and is there after a power cut or is as before."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)  # of a run that was killed
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unusable(folder: Path, error: OSError) -> str:
    return f"state: {folder} cannot be used: {error.strerror}; make it a folder that only you can read"
