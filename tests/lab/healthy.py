"""`python -m tests.lab.healthy CA SECONDS ADDRESS…`, in the lab's network: waits until Harbor is healthy."""

from __future__ import annotations

import sys
import time

from breakwater.harbor.api import Harbor, HarborError


def main(ca: str, limit: float, addresses: list[str]) -> str:
    """What it says when every address says healthy; ends the program when they do not in time.

    + limit: seconds
    """
    start = time.monotonic()
    while True:
        faults = {address: fault(address, ca) for address in addresses}
        took = time.monotonic() - start
        if not any(faults.values()):
            return f"healthy after {took:.0f} s"
        if took > limit:
            sys.exit(f"not healthy after {limit:.0f} s: {faults}")
        time.sleep(2)


def fault(address: str, ca: str) -> str:
    """What is wrong there; empty for nothing."""
    try:
        with Harbor(f"https://{address}:30003", ca, tries=1) as harbor:
            return ", ".join(harbor.health().faults)
    except HarborError as error:
        return str(error)


if __name__ == "__main__":
    print(main(sys.argv[1], float(sys.argv[2]), sys.argv[3:]))
