"""The lab's real hosts. A test that changes them leaves them as it found them, or asks for a reset.

`lab` brings the lab up, and takes it down afterwards when it was not up before. `clean` is a lab
that breakwater has not touched; `deployed` one where the deploy went through.
"""

from __future__ import annotations

import fcntl
import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab import bundle_index, paths
from tests.lab.clients import equip

REPOSITORY = paths.REPOSITORY
# The lab as a user has it; without proxies; with storage alone. A test's deploys have what it is about, for
# Harbor adds minutes to each, and the domain's proof another one.
WHOLE = "lab/inventory.py"
HARBOR_ONLY, STORAGE_ONLY = (
    str(paths.state() / f"{part}-only/inventory.py") for part in ("harbor", "storage")
)
# Whose hosts are deployed and looked at on a lab that was brought to a snapshot.
OF = {"clean": STORAGE_ONLY, "deployed": STORAGE_ONLY, "harbor": HARBOR_ONLY, "whole": WHOLE}
# Seconds: a fresh lab on a slow machine; a deploy from clean; a command on a guest.
UP, DEPLOY, COMMAND = 1500, 900, 120
# Seconds since 1970 after which no test begins; .ci/run says when.
UNTIL = "BREAKWATER_LAB_UNTIL"
# The registry's name; who asks for it is told where it leads.
DOMAIN = "registry.lab.test"


@dataclass
class Result:
    """What a command of the lab's ended with."""

    code: int
    output: str
    report: dict[str, Any] = field(default_factory=dict)

    def statuses(self) -> set[str]:
        """Every part's status, over all hosts."""
        return {part["status"] for parts in self.report["hosts"].values() for part in parts.values()}


class Lab:
    """The lab, by the commands a person would type."""

    at = ""  # the snapshot that it was last brought to; empty: nobody knows
    saved: frozenset[str] = frozenset()  # snapshots that this session has made
    inventory = STORAGE_ONLY  # whose hosts are deployed and looked at, until it is brought to a snapshot

    def __call__(self, *arguments: str, timeout: float = COMMAND, check: bool = True) -> Result:
        """`python -m lab ARGUMENTS`."""
        command = [sys.executable, "-m", "lab", *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            said = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
            pytest.fail(f"lab {' '.join(arguments)}: not ended after {timeout} s; it said:\n{said[-3000:]}")
        if arguments[0] in ("reset", "save", "up", "down"):
            # `up` and `down` leave it wherever they leave it.
            self.at = arguments[1] if len(arguments) > 1 and done.returncode == 0 else ""
        if check and done.returncode != 0:
            pytest.fail(f"lab {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-4000:]}")
        return Result(done.returncode, done.stdout)

    def go_to(self, snapshot: str) -> Lab:
        """Bring it there, unless it was brought there last: a test leaves it as it found it.

        Its inventory is that snapshot's again, whatever the test before has deployed.
        """
        self.inventory = OF[snapshot]
        if self.at != snapshot:
            self("reset", snapshot, timeout=300)
        return self

    def save(self, snapshot: str) -> None:
        """For the tests that begin so."""
        self("save", snapshot, timeout=300)
        self.saved |= {snapshot}

    def spoil(self) -> None:
        """It is not as it was brought there, so the next test that needs it brings it there again."""
        self.at = ""

    def on(self, host: str, command: str, *, timeout: float = COMMAND, check: bool = True) -> str:
        """A command as root on a guest; what it printed."""
        return self("ssh", host, command, timeout=timeout, check=check).output

    def inside(self, *command: str, timeout: float = COMMAND, check: bool = True) -> Result:
        """A command in the lab's network."""
        return self("exec", "--", *command, timeout=timeout, check=check)

    def deploy(self, *arguments: str, inventory: str = "", check: bool = True) -> Result:
        """The whole deploy, and its report."""
        report = paths.state() / "report.json"
        report.unlink(missing_ok=True)
        command = deploy_command(*arguments, inventory=inventory or self.inventory)
        result = self.inside(*command, timeout=DEPLOY, check=check)
        result.report = json.loads(report.read_text()) if report.exists() else {}
        return result

    def host_tests(self, *arguments: str, check: bool = True) -> Result:
        """`pytest tests/hosts`, as a user runs it."""
        command = ["pytest", "tests/hosts", "--inventory", self.inventory, "-q", *arguments]
        return self.inside(*command, timeout=300, check=check)


def deploy_command(*arguments: str, inventory: str = STORAGE_ONLY) -> list[str]:
    """The command line of a deploy on the lab."""
    report = f"report={paths.state() / 'report.json'}"
    return ["pyinfra", "-y", "--data", report, *arguments, inventory, "deploy.py"]


def lab_settings() -> dict[str, Any]:
    """The lab's settings. No constant: some follow from its bundle, which is there once the lab is up."""
    return runpy.run_path(str(paths.LAB / "group_data/all.py"))


def varied(folder: Path, *, proxies: bool = True, **settings: object) -> str:
    """An inventory of the lab's hosts where some settings are others.

    + folder: empty; it gets the inventory and its group data
    + proxies: with the lab's
    """
    (folder / "group_data").mkdir()
    for name in ("inventory.py", "group_data/all.py"):
        shutil.copy(paths.LAB / name, folder / name)
    with (folder / "group_data/all.py").open("a") as file:
        file.writelines(f"{key} = {value!r}\n" for key, value in settings.items())
    if not proxies:
        with (folder / "inventory.py").open("a") as file:
            file.write("proxies = []\n")
    return str(folder / "inventory.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--faults", action="store_true", help="the full fault matrix, each fault from a clean lab"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "faults: part of the full matrix, run with --faults only")
    config.addinivalue_line("markers", "saves: ends with a state that other tests begin with, and saves it")
    config.addinivalue_line("markers", "real_harbor: not shown by the stand-in; `lab up --bundle DIR` has it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The matrix is `make faults`; a bounded sample of it is always run, unmarked."""
    chosen = bool(config.getoption("--faults"))
    unwanted = [item for item in items if "faults" in item.keywords and not chosen]
    config.hook.pytest_deselected(items=unwanted)
    # Nothing is made twice: what ends with a state that others begin with comes first.
    items[:] = sorted(
        (item for item in items if item not in unwanted), key=lambda item: "saves" not in item.keywords
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Where time ends, what was not run is named, rather than all of it ended without a verdict."""
    if time.time() > float(os.environ.get(UNTIL, "inf")):
        pytest.skip(f"not run: the time was over ({UNTIL}); this machine is too slow for all of it")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed left the lab somewhere: the next one that needs it brings it back."""
    report = yield
    if report.failed and "lab" in item.funcargs:
        item.funcargs["lab"].spoil()
    return report


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    if os.geteuid() != 0:
        pytest.fail("the lab needs root: it makes a network namespace and starts guests")
    lock = (paths.cache() / "tests.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pytest.fail("another test session uses the lab; wait until it ended")
    commands = Lab()
    was_up = commands("status", check=False).code == 0
    up = commands("up", timeout=UP)
    print(up.output)
    commands.at = "" if was_up else "clean"
    for inventory, settings in ((STORAGE_ONLY, {"domain": None}), (HARBOR_ONLY, {})):
        folder = Path(inventory).parent
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        varied(folder, proxies=inventory == STORAGE_ONLY, **settings)
    yield commands
    if not was_up:
        commands("down")
    lock.close()


@pytest.fixture(autouse=True)
def of_the_real_harbor(request: pytest.FixtureRequest) -> None:
    """What the stand-in cannot show is listed as not shown."""
    if "real_harbor" in request.keywords:
        request.getfixturevalue("lab")
        if bundle_index.image_named(bundle_index.load(paths.state() / "bundle"), "harbor-standin"):
            pytest.skip("not shown: this lab's bundle has the stand-in for Harbor (docs/bundle.md)")


@pytest.fixture
def clean(lab: Lab) -> Lab:
    """Hosts that breakwater never touched."""
    return lab.go_to("clean")


@pytest.fixture(scope="session")
def deployed_once(lab: Lab) -> Lab:
    """One deploy from clean, saved, for all tests that begin after one."""
    result = lab.go_to("clean").deploy()
    (paths.state() / "first-report.json").write_text(json.dumps(result.report))
    lab("save", "deployed", timeout=300)
    return lab


@pytest.fixture
def deployed(deployed_once: Lab) -> Lab:
    """Hosts where the deploy of storage went through. A test leaves them so, by hand or by another deploy."""
    return deployed_once.go_to("deployed")


@pytest.fixture(scope="session")
def harbored_once(request: pytest.FixtureRequest, lab: Lab) -> Lab:
    """Harbor on that storage, saved, for all tests that begin with one; what a test has saved serves too."""
    if "harbor" not in lab.saved:
        request.getfixturevalue("deployed_once").go_to("deployed").deploy(inventory=HARBOR_ONLY)
        lab.save("harbor")
    return lab


@pytest.fixture
def harbored(harbored_once: Lab) -> Lab:
    """A lab with Harbor, at its node ports. A test leaves it so, by hand or by another deploy."""
    return harbored_once.go_to("harbor")


@pytest.fixture(scope="session")
def whole_once(request: pytest.FixtureRequest, lab: Lab) -> Lab:
    """All that `make demo` makes, with docker and skopeo on a client; saved, for all tests that begin so."""
    if "whole" not in lab.saved:
        request.getfixturevalue("harbored_once").go_to("harbor")
        equip(lab, DOMAIN)
        lab.deploy(inventory=WHOLE)
        lab.save("whole")
    return lab


@pytest.fixture
def first_report(deployed_once: Lab) -> dict[str, Any]:
    """What the first deploy from clean reported."""
    report: dict[str, Any] = json.loads((paths.state() / "first-report.json").read_text())
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    (paths.state() / "first-report.json").unlink(missing_ok=True)
