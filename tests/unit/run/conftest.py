"""Harbors of memory, for the tests of its secrets and of adopting one; and one that runs."""

import copy
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import serving
from harbor_house import House, deployed, empty_house
from standin import Standin, running

from breakwater import tls
from breakwater.harbor import draft as harbor_draft

Snapshot = tuple[dict[str, str], dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def rounds() -> Iterator[int]:
    """Two token keys in turn and a light bcrypt: seconds instead of minutes. What bcrypt has in earnest."""
    keys = itertools.cycle([tls.new_token_key(), tls.new_token_key()])
    earnest = harbor_draft._ROUNDS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tls, "new_token_key", lambda: next(keys))
        patch.setattr(harbor_draft, "_ROUNDS", 4)
        yield earnest


@pytest.fixture(scope="module")
def snapshot(rounds: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    """A Harbor of ours: its files, the cluster's objects, its values."""
    with deployed(tmp_path_factory.mktemp("deployed")) as made:
        yield made


@pytest.fixture
def empty(rounds: int, tmp_path: Path) -> Iterator[House]:
    """Nothing anywhere."""
    with serving() as fake:
        yield empty_house(fake, tmp_path)


@pytest.fixture
def house(empty: House, snapshot: Snapshot) -> House:
    """One with a Harbor of ours that lives."""
    files, objects, live = copy.deepcopy(snapshot)
    for name, text in files.items():
        empty.put(name, text)
    empty.fake.objects, empty.live = objects, live
    return empty


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """The lab's stand-in for Harbor, on loopback: seconds, when it was built before."""
    with running(tmp_path_factory.mktemp("standin")) as found:
        yield found
