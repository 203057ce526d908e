"""What an upgrade would break: versions, data that would be looked for elsewhere, dumps to go back to."""

import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from breakwater.harbor.upgrade import backup_problem, data_problems, dump_command, release_problems

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
DUMP = (
    b"--\n-- PostgreSQL database dump\n--\nCREATE TABLE x;\n--\n-- PostgreSQL database dump complete\n--\n\n"
)


def problems(charts: dict[str, str], wanted: str = "1.19.1", dump: str = "") -> list[str]:
    return release_problems("harbor", "harbor", charts, wanted, lambda: dump)


@pytest.mark.parametrize(
    "charts",
    [
        {},
        {"harbor": "harbor-1.19.1"},
        {"harbor": "harbor-1.19.0"},
        {"harbor": "harbor-1.19.1-rc1"},
        {"harbor": "harbor-1.16.0"},  # with a good dump
        {"harbor": "harbor-1.18.4", "other": "harbor-1.12.6"},
        {"harbor-proxy": "envoy-1.0.0", "x": "harbor-tools-0.1.0"},
    ],
    ids=str,
)
def test_what_may_be_installed_or_upgraded(charts: dict[str, str]) -> None:
    assert problems(charts) == []


@pytest.mark.parametrize("chart", ["harbor-1.16.0", "harbor-1.17.4", "harbor-1.18.0"])
def test_a_hop_wants_a_dump(chart: str) -> None:
    (line,) = problems({"harbor": chart}, dump="there is no dump; dump it")
    assert line.startswith("harbor: Harbor 2.1")
    assert line.endswith(" goes to 2.15, and there is no dump; dump it")


def test_no_hop_asks_for_none() -> None:
    assert problems({"harbor": "harbor-1.19.0"}, dump="not asked for") == []


def test_older_than_what_lives() -> None:
    assert problems({"harbor": "harbor-1.19.1"}, wanted="1.19.0") == [
        "harbor.chart_version: 1.19.0 is older than 1.19.1, which lives, and Harbor's database goes up only;"
        " set harbor.chart_version = '1.19.1'"
    ]


def test_newer_than_we_know() -> None:
    (line,) = problems({"harbor": "harbor-1.20.3"})
    assert line.startswith("harbor: chart 1.20.3 lives, which is newer than breakwater knows,")


@pytest.mark.parametrize(
    ("chart", "way", "why", "first"),
    [
        ("1.12.6", "2.8 -> 2.10 (chart 1.14.3) -> 2.12 (chart 1.16.4) -> 2.15 (chart 1.19.1):", "empty",
         "1.14.3"),
        ("1.11.0", "2.7 -> 2.8 (chart 1.12.6) -> 2.10 (chart 1.14.3)", "empty", "1.12.6"),
        ("1.13.0", "2.9 -> 2.10 (chart 1.14.3) -> 2.12", "a hop that Harbor does not know", "1.14.3"),
        ("1.14.3", "2.10 -> 2.12 (chart 1.16.4) -> 2.15", "a hop that Harbor does not know", "1.16.4"),
        ("1.15.2", "2.11 -> 2.12 (chart 1.16.4) -> 2.15", "a hop that Harbor does not know", "1.16.4"),
        ("1.3.18", "1.10 -> 2.5 (chart 1.9.6) -> 2.8 (chart 1.12.6)", "empty", "1.9.6"),
    ],
)  # fmt: skip
def test_skipped_hops_are_refused_with_the_way(chart: str, way: str, why: str, first: str) -> None:
    (line,) = problems({"harbor": f"harbor-{chart}"}, dump="not asked for")
    assert f"the way is {way}" in line
    assert why in line
    assert f"--version {first} --namespace harbor --reset-then-reuse-values" in line


def test_a_harbor_of_another_name_here() -> None:
    assert problems({"registry": "harbor-1.19.1"}) == [
        "harbor.release: Harbor is in namespace harbor already, as Helm release registry; set"
        " harbor.release = 'registry' to keep it, or another harbor.namespace for a second one"
    ]


@pytest.mark.parametrize("chart", ["harbor-24.1.3", "nginx-1.19.1", "harbor"])
def test_our_name_is_anothers(chart: str) -> None:
    (line,) = problems({"harbor": chart})
    assert line.startswith(
        f"harbor.release: harbor in namespace harbor is of chart {chart}, not of goharbor's;"
    )


def values(**parts: Any) -> dict[str, Any]:
    """Values by dotted keys, dots written as __."""
    made: dict[str, Any] = {}
    for key, value in parts.items():
        *path, last = key.split("__")
        place = made
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return made


STORE, CLAIMS = "persistence__imageChartStorage__", "persistence__persistentVolumeClaim__"


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({}, {"persistence__enabled": True, STORE + "type": "filesystem", "database__type": "internal"}),
        ({CLAIMS + "registry__size": "5Gi"}, {CLAIMS + "registry__size": "9Gi"}),
        ({"database__internal__password": "a"}, {"database__internal__password": "b"}),
        ({"database__type": "external", "database__external__port": 5432},
         {"database__type": "external", "database__external__port": "5432"}),
        ({STORE + "s3": {"bucket": "unused"}}, {}),
        ({STORE + "filesystem": {"rootdirectory": "/storage"}}, {}),
        ({STORE + "type": "s3", STORE + "s3": {"bucket": "b", "accesskey": "old"}},
         {STORE + "type": "s3", STORE + "s3": {"bucket": "b", "accesskey": "new"}}),
    ],
)  # fmt: skip
def test_data_that_stays(live: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert data_problems(values(**live), values(**wanted)) == []


@pytest.mark.parametrize(
    ("live", "wanted", "said"),
    [
        ({"persistence__enabled": False}, {}, ["persistence.enabled is False and would be True"]),
        ({CLAIMS + "registry__existingClaim": "old"}, {},
         ["persistence.persistentVolumeClaim.registry.existingClaim is 'old' and would be unset"]),
        ({CLAIMS + "jobservice__jobLog__subPath": "logs"}, {},
         ["persistence.persistentVolumeClaim.jobservice.jobLog.subPath is 'logs' and would be unset"]),
        ({STORE + "filesystem": {"rootdirectory": "/mnt"}}, {},
         ["persistence.imageChartStorage.filesystem.rootdirectory is '/mnt' and would be '/storage'"]),
        ({}, {STORE + "type": "s3", STORE + "s3": {"bucket": "b"}},
         ["persistence.imageChartStorage.type is 'filesystem' and would be 's3'",
          "persistence.imageChartStorage.s3.bucket is unset and would be 'b'"]),
        ({STORE + "type": "gcs", STORE + "gcs": {"bucket": "a"}},
         {STORE + "type": "gcs", STORE + "gcs": {"bucket": "b"}},
         ["persistence.imageChartStorage.gcs.bucket is 'a' and would be 'b'"]),
        ({"database__type": "external", "database__external__host": "a"},
         {"database__type": "external", "database__external__host": "b"},
         ["database.external.host is 'a' and would be 'b'"]),
    ],
)  # fmt: skip
def test_data_that_would_seem_lost(live: dict[str, Any], wanted: dict[str, Any], said: list[str]) -> None:
    assert data_problems(values(**live), values(**wanted)) == [
        f"harbor: its data would be looked for elsewhere: {part}; take the settings back, or move the data"
        " yourself and run once with `--data harbor_data=moved`"
        for part in said
    ]


Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Makes a dump of an age in hours."""

    def made(name: str, content: bytes, hours: float = 1) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        when = (NOW - timedelta(hours=hours)).timestamp()
        os.utime(path, (when, when))
        return path

    return made


ZSTD = b"\x28\xb5\x2f\xfd" + b"x" * 5000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.sql", DUMP),
        ("a.sql", b"x" * 3_000_000 + DUMP),
        ("a.sql", DUMP + b"\\unrestrict Pl2hqlSdW2A9ss3eyTyPdLeRlJYWL1U24qk7W2Gc\n\n"),
        ("a.sql.gz", gzip.compress(DUMP)),
        ("a.sql.zst", ZSTD),
    ],
    ids=["sql", "large", "of a newer pg_dump", "gz", "zst"],
)
def test_a_good_dump(tmp_path: Path, put: Put, name: str, content: bytes) -> None:
    put("old.sql", DUMP, hours=300)
    put("failed-later.sql.gz", gzip.compress(b""), hours=0.5)
    put(name, content, hours=23)
    assert backup_problem(tmp_path, NOW, "make it") == ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.sql", DUMP[:60]),
        ("a.sql.gz", gzip.compress(b"")),  # pg_dump failed, gzip did not
        ("a.sql.gz", gzip.compress(DUMP * 100)[:-20]),  # killed
        ("a.sql.gz", DUMP),  # not packed at all
        ("a.sql.zst", ZSTD[:100]),
    ],
    # named, for gzip's time of packing must not be part of a test's name
    ids=["cut", "of nothing", "packed and cut", "not packed", "zst cut"],
)
def test_half_a_dump_is_none(tmp_path: Path, put: Put, name: str, content: bytes) -> None:
    path = put(name, content)
    assert backup_problem(tmp_path, NOW, "make it") == (
        f"{path} is no whole dump of its database; dump it: `make it`, or, when you keep dumps elsewhere, set"
        ' harbor.backup = "mine"'
    )


def test_no_dump_and_old_ones(tmp_path: Path, put: Put) -> None:
    missing = tmp_path / "backups"
    assert backup_problem(missing, NOW, "x").startswith(
        f"there is no dump of its database in {missing}; dump it"
    )
    put("notes.txt", b"", hours=0)
    path = put("a.sql", DUMP, hours=25)
    assert backup_problem(tmp_path, NOW, "x").startswith(
        f"the newest dump of its database, {path}, is 25 h old;"
    )


def test_the_command_that_dumps_quotes_its_folder() -> None:
    assert dump_command("harbor", "harbor", Path("/srv/my state/backups"), NOW) == (
        "(umask 077; mkdir -p '/srv/my state/backups'; kubectl --namespace harbor exec harbor-database-0"
        " -c database -- pg_dump -U postgres registry | gzip >"
        " '/srv/my state/backups/registry-2026-05-04-1230.sql.gz')"
    )
