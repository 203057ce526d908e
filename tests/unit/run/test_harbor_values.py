"""What Harbor's chart is told, against the chart itself where it is at hand."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from harbor_variants import CHART_VALUES, KNOWN, VARIANTS, chart_values, settings_of, values_of

from breakwater.harbor.chart_values import unknown_values
from breakwater.harbor.values import full_name, merged, values, volumes

HELM = Path(sys.executable).with_name("helm")
# The archive of the real chart: BREAKWATER_HARBOR_CHART=harbor-1.19.1.tgz pytest …
ARCHIVE = os.environ.get("BREAKWATER_HARBOR_CHART", "")
needs_archive = pytest.mark.skipif(
    not ARCHIVE, reason="BREAKWATER_HARBOR_CHART names no archive of the chart"
)
SOURCES = ("env:DB", "file:redis", "env:A", "file:s", "env:KEY", "file:key.json", "env:PW")


def at(found: Any, path: str) -> Any:
    for part in path.split("."):
        found = found[part]
    return found


def rendered(told: dict[str, Any], release: str = "harbor") -> str:
    """What the real chart makes of these values."""
    done = subprocess.run(
        [HELM, "template", release, ARCHIVE, "--namespace", "harbor", "--values", "-"],
        input=json.dumps(told), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.skipif(not CHART_VALUES.exists(), reason="the chart's values.yaml is not at hand")
def test_every_key_is_one_of_the_charts(variant: str) -> None:
    assert unknown_values(values_of(variant), chart_values()) == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_source_and_no_secret_but_the_databases_is_told(variant: str) -> None:
    told = values_of(variant)
    text = json.dumps(told)
    assert not [source for source in SOURCES if f'"{source}"' in text]
    internal = not settings_of(VARIANTS[variant]).harbor.database.host
    assert text.count(KNOWN.database_password) == internal


def test_values_are_the_same_each_time_and_survive_json() -> None:
    for variant in VARIANTS:
        told = values_of(variant)
        assert json.dumps(told) == json.dumps(values_of(variant))
        assert json.loads(json.dumps(told)) == yaml.safe_load(yaml.safe_dump(told)) == told


@pytest.mark.parametrize(
    ("variant", "path", "wanted"),
    [
        ("defaults", "externalURL", "https://registry.example.org"),
        ("defaults", "persistence.persistentVolumeClaim.registry.accessMode", "ReadWriteMany"),
        ("defaults", "persistence.persistentVolumeClaim.jobservice.jobLog.storageClass", "nfs-client"),
        ("defaults", "database.internal.livenessProbe.initialDelaySeconds", 1200),
        ("defaults", "trivy.livenessProbe.failureThreshold", 10),
        ("ports_and_probes", "trivy.livenessProbe.failureThreshold", 12),
        ("ports_and_probes", "core.startupProbe.timeoutSeconds", 30),
        ("ports_and_probes", "expose.nodePort.ports.https.nodePort", 31001),
        ("ports_and_probes", "persistence.persistentVolumeClaim.registry.storageClass", "other.class"),
        ("own_redis", "redis.external.addr", "10.0.0.9:6379"),
        ("own_redis", "redis.external.jobserviceDatabaseIndex", "3"),
        ("own_database", "database.external.port", "5432"),
        ("own_database", "database.external.sslmode", "require"),
        ("own_database_metrics", "exporter.podAnnotations", {"breakwater/secrets-sha": "5ec2e7"}),
        ("resources", "registry.controller.resources.limits.memory", "2Gi"),
        ("replicas", "persistence.imageChartStorage.gcs.useWorkloadIdentity", True),
        ("replicas", "registry.replicas", 4),
        (
            "s3",
            "persistence.imageChartStorage",
            {
                "type": "s3",
                "disableredirect": True,
                "s3": {
                    "region": "eu-central-1",
                    "bucket": "images",
                    "regionendpoint": "https://minio.example.org:9000",
                    "rootdirectory": "/harbor",
                    "encrypt": True,
                    "skipverify": True,
                    "secure": True,
                    "existingSecret": "harbor-storage",
                },
            },
        ),
        ("s3_by_machine", "persistence.imageChartStorage.s3", {"region": "eu-central-1", "bucket": "images"}),
        ("offline", "trivy.skipJavaDBUpdate", True),
        (
            "extra",
            "core.podAnnotations",
            {"breakwater/secrets-sha": "5ec2e7", "example.org/a": "b"},
        ),
    ],
)  # fmt: skip
def test_a_setting_reaches_its_key(variant: str, path: str, wanted: Any) -> None:
    assert at(values_of(variant), path) == wanted


@pytest.mark.parametrize(
    ("variant", "wanted"),
    [
        ("defaults", ["registry", "jobservice", "database", "redis", "trivy"]),
        ("own_database", ["registry", "jobservice", "redis", "trivy"]),
        ("s3", ["jobservice", "database", "redis", "trivy"]),
        ("no_trivy", ["registry", "jobservice", "database", "redis"]),
        ("extra", ["jobservice", "database", "redis", "trivy"]),
    ],
)
def test_only_what_is_used_has_a_volume(variant: str, wanted: list[str]) -> None:
    assert list(volumes(settings_of(VARIANTS[variant]))) == wanted


@pytest.mark.parametrize(
    ("harbor", "wanted"),
    [
        ({}, "harbor"),
        ({"release": "images"}, "images-harbor"),
        ({"release": "my-harbor"}, "my-harbor"),
        ({"extra_values": {"fullnameOverride": "other"}}, "other"),
    ],
)
def test_objects_are_named_as_the_chart_names_them(harbor: dict[str, Any], wanted: str) -> None:
    assert full_name(settings_of(harbor)) == wanted


def test_the_databases_password_is_in_no_repr() -> None:
    assert KNOWN.database_password not in repr(KNOWN)


def test_extra_values_are_merged_group_by_group_and_change_nothing_else() -> None:
    ours, extra = {"a": {"b": 1, "c": [1]}, "d": 2}, {"a": {"c": [2], "e": None}}
    assert merged(ours, extra) == {"a": {"b": 1, "c": [2], "e": None}, "d": 2}
    assert (ours, extra) == ({"a": {"b": 1, "c": [1]}, "d": 2}, {"a": {"c": [2], "e": None}})
    settings = settings_of({"extra_values": {"core": {"tolerations": [{"key": "a"}]}}})
    values(settings, KNOWN)["core"]["tolerations"].append("spoilt")
    assert settings.harbor.extra_values == {"core": {"tolerations": [{"key": "a"}]}}


@needs_archive
@pytest.mark.parametrize("variant", VARIANTS)
def test_two_renders_of_the_real_chart_are_the_same_byte_by_byte(variant: str) -> None:
    told, release = values_of(variant), settings_of(VARIANTS[variant]).harbor.release
    first = rendered(told, release)
    assert first == rendered(told, release)
    documents = [document for document in yaml.safe_load_all(first) if document]
    claims = {
        document["metadata"]["name"] for document in documents if document["kind"] == "PersistentVolumeClaim"
    }
    full = full_name(settings_of(VARIANTS[variant]))
    wanted = volumes(settings_of(VARIANTS[variant])).keys() & {"registry", "jobservice"}
    assert claims == {f"{full}-{name}" for name in wanted}


@needs_archive
def test_the_real_chart_makes_up_secrets_that_it_is_not_told() -> None:
    """Or the test above could not fail."""
    told = values_of("defaults")
    del told["core"]["secretName"]
    assert rendered(told) != rendered(told)


def test_a_volume_whose_set_names_no_class_is_told_none() -> None:
    told = values(settings_of({}), dataclasses.replace(KNOWN, unnamed=frozenset({"database"})))
    claims = told["persistence"]["persistentVolumeClaim"]
    assert (claims["database"]["storageClass"], claims["redis"]["storageClass"]) == ("", "nfs-client")
