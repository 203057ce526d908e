"""Which Harbor lives here, and whether its data outlasts the way to the settings' one: known before Helm.

Charts, Harbors and PostgreSQLs: Chart.yaml of goharbor/harbor-helm's tags, make/photon/db/Dockerfile of
goharbor/harbor's. Chart 1.N is Harbor 2.(N-4). Harbor keeps its data in PostgreSQL 9.6 before
2.3, 13 before 2.9, 14 before 2.11, and 15 since; an image takes over the data of the one before its own only
(96 and 13, 13 and 14, 14 and 15: the arguments of its entrypoint; 2.7 and 2.8 take over none).
"""

import gzip
import re
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shlex import quote
from typing import Any

CHART = "harbor"
# What turns the refusal of data_problems() off, once.
MOVED = "--data harbor_data=moved"
_OURS = 19  # the chart's minor version
_HOP_FROM = 16  # Harbor 2.12: the oldest that is taken to ours in one hop
# Harbor's minor version: the newest chart of it, for each stop on the way from an old Harbor to ours.
_STOPS = {5: "1.9.6", 8: "1.12.6", 10: "1.14.3", 12: "1.16.4", 15: "1.19.1"}
_EMPTY_BELOW = 9  # below Harbor 2.9, ours finds no data that it knows and begins an empty database
_YOUNG = timedelta(hours=24)
_DUMPS = (".sql", ".sql.gz", ".sql.zst")
_LAST_WORDS = b"-- PostgreSQL database dump complete"
_TAIL = 4096  # bytes: newer dumps end with a line or two after it
_ZSTD = b"\x28\xb5\x2f\xfd"

# Where the chart is told to look for data, and what it takes when it is not told: values.yaml of 1.19.1.
_CLAIMS = ("registry", "jobservice.jobLog", "database", "redis", "trivy")
_DATA: dict[str, Any] = {
    "persistence.enabled": True,
    **{f"persistence.persistentVolumeClaim.{claim}.existingClaim": "" for claim in _CLAIMS},
    **{f"persistence.persistentVolumeClaim.{claim}.subPath": "" for claim in _CLAIMS},
    "persistence.imageChartStorage.type": "filesystem",
    "persistence.imageChartStorage.filesystem.rootdirectory": "/storage",
    "database.type": "internal",
}
_STORES = {
    "s3": ("bucket", "regionendpoint", "rootdirectory"),
    "azure": ("accountname", "container"),
    "gcs": ("bucket", "rootdirectory"),
    "swift": ("authurl", "container", "prefix"),
}
_DATABASE = ("host", "port", "coreDatabase")


def release_problems(
    release: str, namespace: str, charts: Mapping[str, str], wanted: str, dump: Callable[[], str]
) -> list[str]:
    """What forbids to install or upgrade the release to this chart, a line each, with the fix.

    + release, namespace: Harbor's, by the settings
    + charts: {release: chart and version}, as `helm list` names them, of the namespace's releases
    + wanted: the chart's version by the settings
    + dump: asked for a hop only: what is wrong with the database's dump, empty when it is good
    """
    if release not in charts:
        return [
            f"harbor.release: Harbor is in namespace {namespace} already, as Helm release {other};"
            f" set harbor.release = {other!r} to keep it, or another harbor.namespace for a second one"
            for other, chart in sorted(charts.items())
            if _split(chart)[0] == CHART
        ]
    chart, version = _split(charts[release])
    if chart != CHART or version[0] != 1:
        return [
            f"harbor.release: {release} in namespace {namespace} is of chart {charts[release]}, not of"
            " goharbor's; set another harbor.release or harbor.namespace"
        ]
    live, ours = _dotted(version), _numbers(wanted)
    minor = version[1]
    if minor > _OURS:
        return [
            f"{release}: chart {live} lives, which is newer than breakwater knows, and Harbor's database goes"
            " up only; use a breakwater that installs it"
        ]
    if version > ours:
        return [
            f"harbor.chart_version: {wanted} is older than {live}, which lives, and Harbor's database goes up"
            f" only; set harbor.chart_version = {live!r}"
        ]
    if minor < _HOP_FROM:
        return [_skipped(release, namespace, version)]
    problem = dump() if minor < _OURS else ""
    return [f"{release}: Harbor {_harbor(version)} goes to {_harbor(ours)}, and {problem}"] if problem else []


def data_problems(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Where Harbor's data is now and would be looked for elsewhere, a line each: it would seem lost.

    + live: the values that the living release was given
    + wanted: those that the settings make
    """
    return [
        f"harbor: its data would be looked for elsewhere: {key} is {_shown(was)} and would be"
        f" {_shown(would)}; take the settings back, or move the data yourself and run once with `{MOVED}`"
        for key, default in _keys(live, wanted).items()
        if (was := _value(live, key, default)) != (would := _value(wanted, key, default))
    ]


def backup_problem(folder: Path, now: datetime, command: str) -> str:
    """Why no dump in this folder is one to go back to, with how to make one; empty when there is one.

    + folder: of the dumps, *.sql, *.sql.gz or *.sql.zst
    + now: with its time zone; a dump is good for 24 h
    + command: makes one: dump_command()
    """
    dumps = [path for path in folder.glob("*") if path.name.endswith(_DUMPS)] if folder.is_dir() else []
    if not dumps:
        return f"there is no dump of its database in {folder}; {_advice(command)}"
    newest = sorted(dumps, key=_written, reverse=True)
    young = [path for path in newest if now - _written(path) < _YOUNG]
    if not young:
        hours = (now - _written(newest[0])).total_seconds() / 3600
        return f"the newest dump of its database, {newest[0]}, is {hours:.0f} h old; {_advice(command)}"
    if not any(_complete(path) for path in young):
        return f"{young[0]} is no whole dump of its database; {_advice(command)}"
    return ""


def dump_command(namespace: str, full: str, folder: Path, now: datetime) -> str:
    """The command line that dumps the internal database into this folder.

    + full: the release's full name, which its pods' names begin with
    """
    to = folder / f"registry-{now:%Y-%m-%d-%H%M}.sql.gz"
    return (
        f"(umask 077; mkdir -p {quote(str(folder))}; kubectl --namespace {quote(namespace)} exec"
        f" {quote(full)}-database-0 -c database -- pg_dump -U postgres registry | gzip > {quote(str(to))})"
    )


def _advice(command: str) -> str:
    return f'dump it: `{command}`, or, when you keep dumps elsewhere, set harbor.backup = "mine"'


def _skipped(release: str, namespace: str, version: tuple[int, ...]) -> str:
    harbor = version[1] - 4
    stops = [minor for minor in _STOPS if minor > harbor]
    way = " -> ".join([_harbor(version), *(f"2.{minor} (chart {_STOPS[minor]})" for minor in stops)])
    why = "would begin an empty database" if harbor < _EMPTY_BELOW else "is a hop that Harbor does not know"
    return (
        f"{release}: Harbor {_harbor(version)} lives (chart {_dotted(version)}), and going to ours at once"
        f" {why}; the way is {way}: dump the database, then `helm upgrade {release} harbor --repo"
        f" https://helm.goharbor.io --version {_STOPS[stops[0]]} --namespace {namespace}"
        " --reset-then-reuse-values`, wait until it is healthy, and so on; the last hop is breakwater's"
    )


def _split(listed: str) -> tuple[str, tuple[int, ...]]:
    """harbor-1.12.6 -> harbor, (1, 12, 6)."""
    match = re.fullmatch(r"(.+?)-v?(\d+\.\d+\.\d+\S*)", listed)
    return (match[1], _numbers(match[2])) if match else (listed, (0, 0, 0))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _harbor(version: tuple[int, ...]) -> str:
    """Harbor's version, of its chart's: before chart 1.4 it was 1.(N+7)."""
    return f"2.{version[1] - 4}" if version[1] >= 4 else f"1.{version[1] + 7}"


def _keys(*sides: Mapping[str, Any]) -> dict[str, Any]:
    """Those that say where data is: also those of the object stores and external databases in use."""
    keys = dict(_DATA)
    for values in sides:
        store = _value(values, "persistence.imageChartStorage.type", "filesystem")
        keys |= {f"persistence.imageChartStorage.{store}.{part}": None for part in _STORES.get(store, ())}
        if _value(values, "database.type", "internal") == "external":
            keys |= {f"database.external.{part}": None for part in _DATABASE}
    return keys


def _value(values: Mapping[str, Any], dotted: str, default: Any) -> Any:
    found: Any = values
    for part in dotted.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    if found is None:
        return default
    # The chart writes each of these as text: a port may be a number or not.
    return found if isinstance(found, bool) else str(found)


def _shown(value: Any) -> str:
    return "unset" if value in (None, "") else repr(value)


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _complete(path: Path) -> bool:
    """Whether a dump has its end: `pg_dump | gzip` leaves a file also when pg_dump could not."""
    if path.name.endswith(".zst"):
        # Nothing here reads these: that it is one, and not an empty one, must do.
        with path.open("rb") as packed:
            return packed.read(4) == _ZSTD and path.stat().st_size > _TAIL
    tail = b""
    try:
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as dump:
            while part := dump.read(1 << 20):
                tail = (tail + part)[-_TAIL:]
    except (OSError, EOFError, zlib.error):
        return False
    return _LAST_WORDS in tail
