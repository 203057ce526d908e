"""Where the lab keeps what it built (cache) and what it runs (state).

Both can be deleted at any time while the lab is down: the next `up` makes them again.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LAB = REPOSITORY / "lab"


def cache() -> Path:
    """What is built, by content hash, shared by all checkouts: $XDG_CACHE_HOME/breakwater-lab."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return _made(Path(base) / "breakwater-lab")


def state() -> Path:
    """The one running lab of this machine: disks, logs, keys, certificates."""
    return _made(cache() / "lab")


def logs() -> Path:
    """One log a process, named for it."""
    return _made(state() / "logs")


def content_hash(parts: Iterable[str | bytes | Path]) -> str:
    """A short name for exactly this content: texts, bytes, files, or all files of a folder."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            files = sorted(p for p in part.rglob("*") if p.is_file()) if part.is_dir() else [part]
            for file in files:
                digest.update(str(file.relative_to(part)).encode() + b"\0" + file.read_bytes() + b"\0")
        else:
            digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def cached(name: str, key: str, build: Callable[[Path], None]) -> Path:
    """The folder NAME-KEY in the cache, built by `build(folder)` when it is not there.

    A build happens in a temporary folder that is renamed when whole, so one that is
    interrupted leaves nothing that the next would trust. Older keys of the same
    name are removed. Two processes that want the same build wait for each other.

    + name: what it is, such as "kubernetes"
    + key: content_hash() of everything that goes into it
    + build: fills the folder it is given; raises when it cannot
    """
    target = cache() / f"{name}-{key}"
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        for leftover in cache().glob(f".{name}.*"):
            shutil.rmtree(leftover, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=cache()))
        try:
            work.chmod(0o755)
            build(work)
            for old in cache().glob(f"{name}-" + "[0-9a-f]" * 16):
                shutil.rmtree(old)
            work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return target


def _made(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
