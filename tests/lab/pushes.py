"""`python -m tests.lab.pushes CA PASSWORD_FILE ADDRESS COUNT`, in the lab's network: images, there and back.

Some at a time, each with a client of its own, as a build farm's are. What was cut is tried once more, as
docker does. It says how each ended, a line each, and last how many came through at once, and after all.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from breakwater.registry_client import Registry
from breakwater.registry_errors import RegistryError
from breakwater.small_image import unique

AT_A_TIME = 4


def main(client: Callable[[], Registry], count: int) -> None:
    """Push and pull so many images into project library."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        tries = list(pool.map(partial(moved, client), range(count)))
    print(f"{tries.count(1)} at once, {count - tries.count(0)} of {count}", flush=True)


def moved(client: Callable[[], Registry], number: int) -> int:
    """How many tries it took; 0 when the second failed too."""
    image = unique("amd64", 4096)
    for attempt in (1, 2):
        start, doing = time.monotonic(), "login"
        try:
            with client() as registry:
                registry.login()
                doing = "push"
                registry.push("library/pushes", f"{number}", image)
                doing = "pull"
                if registry.pull("library/pushes", f"{number}") != image:
                    raise AssertionError(f"{number}: another image came back")
            print(f"{number}: there and back in {time.monotonic() - start:.1f} s", flush=True)
            return attempt
        except RegistryError as error:
            print(f"{number}: {doing} cut after {time.monotonic() - start:.1f} s: {error}", flush=True)
    return 0


if __name__ == "__main__":
    ca, password, address, images = sys.argv[1:]
    secret = Path(password).read_text().rstrip("\n")
    # pytest's settings of the lab are not this process's.
    main(lambda: Registry("registry.lab.test", ca, "admin", secret, address=address), int(images))
