"""The lab's Harbor as a process of this machine, on loopback: its registry is the real distribution."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from harbor_certificates import Authority

from breakwater.harbor.api import ADMIN, Harbor, HarborError
from lab import gobuild, standins

DOMAIN, ADDRESS, PASSWORD = "registry.example.org", "127.0.0.1", "A-first-passw0rd"
# Seconds from the start to the first answer.
_START = 60
# A call of ours, which is not counted.
_MARK = "/ping?mark="


@dataclass(frozen=True)
class Standin:
    """Where it is, by address and by name, and whose certificate it shows."""

    port: int
    ca: str
    log: Path

    @property
    def host(self) -> str:
        """As it stands in images' names."""
        return f"{DOMAIN}:{self.port}"

    def administrator(self) -> Harbor:
        """Its API."""
        return Harbor(f"https://{ADDRESS}:{self.port}", self.ca, ADMIN, PASSWORD)

    def writes(self) -> list[str]:
        """Method and path of every call that may have changed something, by its own access log."""
        return [asked for asked in self._asked() if not asked.startswith(("GET ", "HEAD "))]

    def calls(self) -> int:
        """How often its API was asked."""
        return len(self._asked())

    def _asked(self) -> list[str]:
        """Every call that was answered so far. Each is written down after its answer: so ask once more."""
        mark = f"{_MARK}{uuid4().hex}"
        with self.administrator() as harbor:
            harbor.call("GET", mark)
        end = time.monotonic() + _START
        while mark not in (text := self.log.read_text()):
            assert time.monotonic() < end, "the stand-in writes no log"
            time.sleep(0.01)
        found = re.findall(r'"([A-Z]+) (/api/\S*) HTTP', text)
        return [f"{method} {path}" for method, path in found if _MARK not in path]


@contextmanager
def running(folder: Path, *, scanner: bool = False) -> Iterator[Standin]:
    """One that answers, until the end.

    + scanner: somebody is there to scan, and finds nothing
    """
    program = gobuild.build(standins.FOLDER / "harbor", "harbor") / "harbor"
    authority = Authority(folder / "authority")
    pem = str(authority.sign(ADDRESS, DOMAIN))
    (folder / "password").write_text(f"{PASSWORD}\n")
    found = Standin(_free_port(), str(authority.ca), folder / "log")
    argv = [str(program), "all", "--dir", str(folder / "data"), "--listen", f"{ADDRESS}:{found.port}"]
    argv += ["--admin-password-file", str(folder / "password"), "--cert", pem, "--key", pem]
    argv += ["--trivy"] if scanner else []
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        _wait(found, process, folder / "log")
        yield found
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(found: Standin, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + _START
    with Harbor(f"https://{ADDRESS}:{found.port}", found.ca, tries=1) as harbor:
        while process.poll() is None and time.monotonic() < end:
            try:
                if not harbor.health().faults:
                    return
            except HarborError:
                pass
            time.sleep(0.2)
    raise AssertionError(f"the stand-in did not start:\n{log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
