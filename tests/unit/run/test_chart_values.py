"""Keys that the chart does not have are found, by reading the chart itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from harbor_variants import CHART_VALUES, chart_values

from breakwater.commands import Refusal
from breakwater.harbor.chart_values import known_values, unknown_values
from breakwater.helm import Chart

CHART: dict[str, Any] = {
    "logLevel": "info",
    "core": {
        "replicas": 1,
        "podAnnotations": {},
        "priorityClassName": None,
        "tolerations": [],
        "containerSecurityContext": {"privileged": False},
        "gdpr": {"deleteUser": False},
    },
}


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({}, []),
        ({"core": {"gdpr": {"deleteUser": True}}}, []),
        ({"core": {"podAnnotations": {"a.b/c": "d"}, "tolerations": [{"x": 1}]}}, []),
        ({"core": {"priorityClassName": {"any": "thing"}}}, []),
        ({"core": {"containerSecurityContext": {"runAsUser": 1}}}, []),
        ({"core": {"gcTimeWindowHours": 4, "podDisruptionBudget": {"maxUnavailable": 1}}},
         ["harbor.extra_values.core.podDisruptionBudget: the chart has no such key;"
          " known are containerSecurityContext, gdpr, podAnnotations, priorityClassName, replicas,"
          " tolerations"]),
        ({"core": {"gdpr": None}}, []),
        ({"core": {"replica": 2}},
         ["harbor.extra_values.core.replica: the chart has no such key; did you mean 'replicas'?"]),
        ({"loglevel": "x", "core": {"gdpr": {"deletUser": 1}}},
         ["harbor.extra_values.loglevel: the chart has no such key; did you mean 'logLevel'?",
          "harbor.extra_values.core.gdpr.deletUser: the chart has no such key; did you mean 'deleteUser'?"]),
        ({"core": 3},
         ["harbor.extra_values.core: must be a group of keys; see `helm show values` of the chart"]),
        ({"logLevel": {"a": 1}},
         ["harbor.extra_values.logLevel: must not be a group of keys; see `helm show values` of the chart"]),
        ({"nameOverride": "x", "caBundleSecretName": "y"}, []),
    ],
)  # fmt: skip
def test_unknown_keys_are_said_with_what_was_meant(extra: dict[str, Any], said: list[str]) -> None:
    assert unknown_values(extra, CHART) == said


@pytest.mark.skipif(not CHART_VALUES.exists(), reason="the chart's values.yaml is not at hand")
def test_what_the_chart_does_not_list_is_a_short_list_of_its_own() -> None:
    known = chart_values()
    assert (
        unknown_values({"core": {"podDisruptionBudget": {"maxUnavailable": 1}, "resources": {}}}, known) == []
    )
    assert unknown_values(known, known) == []
    for misspelt in ("core.gcTimeWindow", "trace.jaeger.agent", "redis.internal.harborIndex"):
        first, *others, last = misspelt.split(".")
        extra: dict[str, Any] = {last: 1}
        for part in reversed(others):
            extra = {part: extra}
        assert len(unknown_values({first: extra}, known)) == 1, misspelt


def packed(folder: Path, values: str) -> Chart:
    """A chart as a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "Chart.yaml").write_text(json.dumps({"apiVersion": "v2", "name": "x", "version": "1.0.0"}))
    (folder / "values.yaml").write_text(values)
    return Chart((str(folder),), "x")


def test_the_charts_own_values_are_read_by_helm(tmp_path: Path) -> None:
    assert known_values(packed(tmp_path / "a", "core: {replicas: 1}\n")) == {"core": {"replicas": 1}}


@pytest.mark.parametrize("values", ["", "[1]\n"])
def test_a_chart_without_values_is_not_the_one_that_was_meant(tmp_path: Path, values: str) -> None:
    with pytest.raises(Refusal, match=r"is it the chart that was meant|Helm cannot read it"):
        known_values(packed(tmp_path / "a", values))


def test_a_chart_that_is_not_there_is_a_refusal_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as raised:
        known_values(Chart((str(tmp_path / "none.tgz"),), "x"))
    assert "Helm cannot read it" in str(raised.value)
    assert "\n" not in str(raised.value)
