"""The values of the chart itself, read from it: a key that it does not have would be dropped silently."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from breakwater.commands import Refusal
from breakwater.harbor.extra_values import FREE
from breakwater.helm import Chart
from breakwater.problems import UNSHOWN, Problem, did_you_mean, path_of

# Seconds for a chart that has to be fetched over a slow line.
_LIMIT = 120
_WORDS = 300

# Keys that templates of chart 1.19.1 read and its values.yaml does not have; * is any one name.
_UNLISTED = (
    # of every chart that `helm create` begins
    *("nameOverride", "fullnameOverride"),
    # commented out, since empty would mean something
    *("caBundleSecretName", "uaaSecretName", "persistence.imageChartStorage.caBundleSecretName"),
    *("trace.namespace", "trace.attributes", "trace.jaeger.username", "trace.jaeger.agent_host"),
    *("trace.jaeger.agent_port", "redis.*.harborDatabaseIndex", "redis.*.cacheLayerDatabaseIndex"),
    *("*.resources", "*.*.resources", "*.podDisruptionBudget.maxUnavailable"),
    # said nowhere but in core's template
    "core.gcTimeWindowHours",
    # options of the registry's drivers, commented out
    "persistence.imageChartStorage.filesystem.maxthreads",
    *("persistence.imageChartStorage.azure.realm", "persistence.imageChartStorage.gcs.rootdirectory"),
    "persistence.imageChartStorage.gcs.chunksize",
    *(
        f"persistence.imageChartStorage.s3.{key}"
        for key in (
            *("existingSecret", "regionendpoint", "encrypt", "keyid", "secure", "skipverify", "v4auth"),
            *("chunksize", "rootdirectory", "storageclass", "multipartcopychunksize"),
            *("multipartcopymaxconcurrency", "multipartcopythresholdsize"),
        )
    ),
    *(
        f"persistence.imageChartStorage.swift.{key}"
        for key in (
            *("region", "tenant", "tenantid", "domain", "domainid", "trustid", "insecureskipverify"),
            *("chunksize", "prefix", "authversion", "endpointtype", "tempurlcontainerkey", "tempurlmethods"),
        )
    ),
)


def known_values(chart: Chart) -> dict[str, Any]:
    """The chart's values.yaml. Raises Refusal when Helm cannot show it, within 120 s."""
    helm = Path(sys.executable).with_name("helm")
    name = f"chart {' '.join(chart.arguments)}"
    try:
        shown = subprocess.run(
            [helm, "show", "values", *chart.arguments],
            capture_output=True, text=True, timeout=_LIMIT, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        why = f"took longer than {_LIMIT} s" if isinstance(error, subprocess.TimeoutExpired) else str(error)
        raise Refusal(f"{name}: `helm show values` {why}; is its repository reached from here?") from error
    if shown.returncode != 0:
        words = " ".join(shown.stderr.split())[:_WORDS]
        raise Refusal(f"{name}: Helm cannot read it: {words}; see harbor.repository, or the bundle")
    try:
        values = yaml.safe_load(shown.stdout)
    except yaml.YAMLError as error:
        raise Refusal(f"{name}: its values are no YAML; is it the chart that was meant?") from error
    if not isinstance(values, dict):
        raise Refusal(f"{name}: it has no values; is it the chart that was meant?")
    return values


def unknown_values(extra: Mapping[str, Any], chart_values: Mapping[str, Any]) -> list[str]:
    """What of harbor.extra_values the chart does not have, a line each, with what was likely meant.

    + chart_values: the chart's own, as known_values() has them
    """
    return [str(problem) for problem in _unknown(extra, chart_values, ())]


def _unknown(extra: Mapping[str, Any], known: Mapping[str, Any], at: tuple[str, ...]) -> Iterable[Problem]:
    for key, value in extra.items():
        path = (*at, key)
        place = path_of(("harbor", "extra_values", *path))
        if _is_unlisted(path):
            continue
        if key not in known:
            yield Problem(place, UNSHOWN, "the chart has no such key", did_you_mean(key, known))
            continue
        theirs = known[key]
        # None and {} hold what anybody puts there; null in ours takes the chart's own away.
        if theirs is None or theirs == {} or value is None or key in FREE:
            continue
        if isinstance(theirs, Mapping) and isinstance(value, Mapping):
            yield from _unknown(value, theirs, path)
        elif isinstance(theirs, Mapping) != isinstance(value, Mapping):
            fault = (
                "must be a group of keys" if isinstance(theirs, Mapping) else "must not be a group of keys"
            )
            yield Problem(place, UNSHOWN, fault, "see `helm show values` of the chart")


def _is_unlisted(path: tuple[str, ...]) -> bool:
    return any(
        len(known) == len(path) and all(map(fnmatchcase, path, known))
        for known in (pattern.split(".") for pattern in _UNLISTED)
    )
