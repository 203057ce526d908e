"""Harbor's secrets on the lab are where they belong, and nowhere else."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lab import paths
from tests.lab.conftest import Lab, Result, lab_settings, varied
from tests.lab.test_harbor import pods

MINE = ("--namespace", "harbor")
# What of STATE/harbor everybody may see.
PUBLIC = {"ca.crt", "tls.crt", "token.crt", ".gitignore"}
ANOTHER, THIS = "Another-password-1", Path(__file__)
# How often one process is looked at: at first it may still be the one that started it.
LOOKS = 5
# The chart demands it in its values; nothing else may be there.
IN_VALUES = {"database_password"}


@dataclass
class Changed:
    """A run that had something to do with secrets, and what was seen of it."""

    run: Result
    again: Result  # a further one
    before: set[str]  # Harbor's pods, but the portal's
    after: set[str]
    portals: int
    processes: set[bytes]
    password: Path


@pytest.fixture(scope="module")
def changed(harbored_once: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changed]:
    """Another password of the administrator, one more portal, and a Secret that somebody deleted."""
    lab = harbored_once.go_to("harbor")
    folder = tmp_path_factory.mktemp("changed")
    password = folder / "password"
    password.write_text(f"{ANOTHER}\n")
    password.chmod(0o600)
    settings = {**lab_settings()["harbor"], "admin_password": f"file:{password}", "replicas": {"portal": 2}}
    inventory = varied(folder, proxies=False, harbor=settings)
    lab.inside("kubectl", *MINE, "delete", "secret", "harbor-secrets")
    before = pods(lab, "portal")
    with processes() as seen:
        run = lab.deploy("-vvv", inventory=inventory)
    after = pods(lab, "portal")
    portals = len(pods(lab)) - len(after)
    yield Changed(run, lab.deploy(inventory=inventory), before, after, portals, seen, password)
    lab.spoil()


def test_changed_settings_touch_only_what_they_mean(changed: Changed) -> None:
    assert changed.run.report["result"] == "done"
    assert changed.after == changed.before
    assert changed.portals == 2
    assert changed.again.report["result"] == "unchanged"


def test_another_password_of_the_administrator_is_set_once(changed: Changed) -> None:
    assert "admin: the password is now the one of" in changed.run.output
    assert "the password is now" not in changed.again.output


def test_no_secret_is_seen_where_it_does_not_belong(harbored_once: Lab, changed: Changed) -> None:
    lab, folder = harbored_once, paths.state() / "bastion/harbor"
    secrets = {**generated(folder), "another password": ANOTHER}
    assert len(secrets) >= 11
    assert shown(secrets, changed.run.output) == set()
    assert shown(secrets, json.dumps(changed.run.report)) == set()
    assert any(b"helm" in line for line in changed.processes)
    assert shown(secrets, b"\n".join(changed.processes).decode(errors="replace")) == set()
    for place in (
        paths.state() / "bastion",
        paths.state() / "logs",
        paths.REPOSITORY,
        changed.password.parent,
    ):
        files = {file for file in readable(place) if folder not in file.parents} - {changed.password, THIS}
        assert {file: found for file in files if (found := shown(secrets, text(file)))} == {}
    values = lab.inside("helm", "get", "values", "harbor", *MINE, "-o", "json").output
    assert shown(secrets, values) == IN_VALUES
    manifest = lab.inside("helm", "get", "manifest", "harbor", *MINE).output
    assert shown(secrets, "\n".join(decoded(manifest))) == IN_VALUES
    assert shown(secrets, lab.on("storage", "journalctl -q --no-pager -b")) == set()


def test_their_files_are_their_owner_s_alone(harbored: Lab) -> None:
    folder = paths.state() / "bastion/harbor"
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o177} == {}


def generated(folder: Path) -> dict[str, str]:
    """{name: what to look for} of every secret that was made: of a key its first line, else all of it."""
    found = {}
    for path in folder.iterdir():
        if path.is_file() and path.name not in PUBLIC:
            lines = path.read_text().splitlines()
            found[path.name] = lines[1] if lines[0].startswith("-----BEGIN") else lines[0]
    return found


def shown(secrets: dict[str, str], where: str) -> set[str]:
    """The secrets that stand in a text, as they are or in base64."""
    return {
        name
        for name, value in secrets.items()
        if value in where or base64.b64encode(value.encode()).decode().rstrip("=") in where
    }


def decoded(manifest: str) -> Iterator[str]:
    """Every value of the Secrets in a manifest."""
    for item in yaml.safe_load_all(manifest):
        if item and item["kind"] == "Secret":
            for value in (item.get("data") or {}).values():
                yield base64.b64decode(value or "").decode(errors="replace")


def readable(place: Path) -> Iterable[Path]:
    """The files of a folder, those of others' programs aside."""
    skipped = {".venv", ".git", "__pycache__", ".mypy_cache", ".ruff_cache", ".hypothesis", ".pytest_cache"}
    return (p for p in place.rglob("*") if p.is_file() and not skipped & set(p.parts))


def text(file: Path) -> str:
    return file.read_bytes().decode(errors="replace")


@contextmanager
def processes() -> Iterator[set[bytes]]:
    """Every command line and environment that this machine's processes have meanwhile."""
    seen: set[bytes] = set()
    looks: Counter[str] = Counter()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            for name in os.listdir("/proc"):
                if not name.isdigit() or looks[name] == LOOKS:
                    continue
                looks[name] += 1
                for file in ("cmdline", "environ"):
                    try:
                        seen.add(Path("/proc", name, file).read_bytes().replace(b"\0", b" "))
                    except OSError:
                        continue  # it has ended

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
