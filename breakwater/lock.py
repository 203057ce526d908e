"""One run at a time on this bastion."""

import fcntl
import getpass
import os
import time
from pathlib import Path
from typing import IO

from breakwater.commands import Refusal


def hold(folder: Path) -> IO[str]:
    """Take the lock, for as long as the returned file is open: the kernel frees it even after SIGKILL.

    + folder: breakwater's state on the bastion; made, 0700, when missing

    Raises Refusal with who holds it, since when, or why there can be no lock.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (folder / "lock").open("a+")
    except OSError as error:
        raise Refusal(
            f"state: {folder} cannot be used: {error.strerror}; name a folder that you can write to"
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another run"
        file.close()
        raise Refusal(f"another run is going on: {holder}; wait for it, or end that process") from None
    file.truncate(0)
    since = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    file.write(f"{getpass.getuser()}, process {os.getpid()}, since {since}\n")
    file.flush()
    return file
