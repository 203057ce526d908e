"""Cases on a Harbor that runs: `pytest tests/live --harbor https://HOST:PORT --password-file FILE`.

They show the behaviour that breakwater relies on, on the lab's stand-in and on any real Harbor, unchanged.
What they make has a random name and goes with the case that made it; docs/live-tests.md says the rest.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from breakwater.harbor.api import Harbor
from tests.bastion import Bastion
from tests.live.client import Live


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--harbor", help="the Harbor that the cases run against: https://HOST:PORT")
    parser.addoption("--ca", help="PEM file of the authority of its certificate; default: the system's")
    parser.addoption("--user", default="admin", help="an administrator")
    parser.addoption("--password-file", help="the file whose first line is the administrator's password")


def pytest_configure(config: pytest.Config) -> None:
    """A file that is not there is said once, not by every case."""
    for option in ("--password-file", "--ca"):
        file = config.getoption(option)
        if file and not Path(file).is_file():
            raise pytest.UsageError(f"{option} {file}: there is no such file")


@pytest.fixture(scope="session")
def session(request: pytest.FixtureRequest) -> Iterator[Live]:
    """The Harbor under test; without one every case is skipped, saying what is missing."""
    url, file = request.config.getoption("--harbor"), request.config.getoption("--password-file")
    missing = [name for name, value in (("--harbor URL", url), ("--password-file FILE", file)) if not value]
    if missing:
        pytest.skip(f"needs a Harbor that runs: {' and '.join(missing)} (docs/live-tests.md)")
    password = Path(file).read_text().splitlines()[0]
    with Live(url, request.config.getoption("--ca"), request.config.getoption("--user"), password) as live:
        yield live


@pytest.fixture
def harbor(session: Live) -> Iterator[Live]:
    """The same, cleaned up behind the case."""
    yield session
    session.clean()


@pytest.fixture
def ca(harbor: Live) -> str:
    """The authority's file, for breakwater's own client, which trusts nothing else."""
    if harbor.ca is None:
        pytest.skip("breakwater's own client needs --ca FILE")
    return harbor.ca


@pytest.fixture
def bastion(harbor: Live, ca: str, tmp_path: Path) -> Bastion:
    """A bastion whose runs make what is in this Harbor so."""

    def administrator() -> Harbor:
        return Harbor(harbor.url, ca, *harbor.admin)

    return Bastion(administrator, harbor.host, tmp_path / "registry")


@pytest.fixture
def project(harbor: Live) -> str:
    """A private project's name."""
    return harbor.project()
