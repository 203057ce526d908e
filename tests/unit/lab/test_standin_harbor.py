"""Harbor's stand-in chart: upstream's values, objects and restlessness; held against it where it is.

BREAKWATER_HARBOR_CHART=…/harbor-1.19.1.tgz runs the comparisons too (docs/bundle.md: how to get it).
"""

import base64
import os
import re
from pathlib import Path

import pytest
import yaml

from lab import paths
from tests.unit.lab.harbor_cases import CASES, IDEMPOTENT, NODE_PORT, REFUSED, UNREAD, own_values
from tests.unit.lab.harbor_charts import OURS, RANDOM, helm, leaves, objects, render, shape

UPSTREAM = paths.REPOSITORY.parent / "shared/facts/harbor/values-1.19.1.yaml"
VARIABLE = "BREAKWATER_HARBOR_CHART"
IMAGE = "breakwater.lab/harbor-standin:1"


@pytest.fixture(scope="session")
def real() -> Path:
    """The upstream chart's archive."""
    named = os.environ.get(VARIABLE)
    if not named:
        pytest.skip(f"{VARIABLE} names no archive of the upstream chart 1.19.1")
    return Path(named)


@pytest.mark.parametrize("case", sorted(CASES))
def test_objects_are_upstreams(case: str, real: Path) -> None:
    ours, theirs = shape(OURS, CASES[case]), shape(real, CASES[case])
    assert len(theirs) > 15
    assert sorted(ours) == sorted(theirs)
    for name in theirs:
        assert ours[name] == theirs[name], name


@pytest.mark.parametrize("release", ["other", "my-harbor", "x" * 53])
def test_objects_are_named_as_upstreams(release: str, real: Path) -> None:
    assert shape(OURS, IDEMPOTENT, release) == shape(real, IDEMPOTENT, release)


def test_what_is_refused_has_no_yaml_upstream_either(real: Path) -> None:
    """Or is another part's; this one would be a bug that only a real Harbor shows."""
    assert helm(real, {"ipFamily.families": ["IPv4"]}).returncode != 0


def test_values_are_upstreams() -> None:
    if not UPSTREAM.exists():
        pytest.skip(f"the upstream chart's values are not on this machine: {UPSTREAM}")
    ours = leaves(yaml.safe_load((OURS / "values.yaml").read_text()))
    theirs = leaves(yaml.safe_load(UPSTREAM.read_text()))
    image = re.compile(r".*\.image\.(repository|tag)")
    assert sorted(ours) == sorted(theirs)
    assert {k: v for k, v in ours.items() if not image.fullmatch(k)} == {
        k: v for k, v in theirs.items() if not image.fullmatch(k)
    }


def test_the_chart_says_what_it_is() -> None:
    chart = yaml.safe_load((OURS / "Chart.yaml").read_text())
    assert (chart["name"], chart["version"], chart["appVersion"]) == ("harbor", "1.19.1", "2.15.1")
    assert chart["description"].startswith("Stand-in of breakwater's lab")
    assert chart["annotations"]["breakwater.lab/stand-in"] == "true"


def test_two_renders_are_the_same_byte_by_byte() -> None:
    values = {**IDEMPOTENT, "metrics.enabled": True}
    assert render(OURS, values) == render(OURS, values)


def test_with_defaults_two_renders_differ_where_upstreams_do() -> None:
    found = {key for key, value in leaves(shape(OURS, NODE_PORT)).items() if value == RANDOM}
    assert found == {
        *(f"Secret/harbor-core.data.{key}" for key in ("secret", "CSRF_KEY", "tls.key", "tls.crt")),
        "Secret/harbor-jobservice.data.JOBSERVICE_SECRET",
        "Secret/harbor-registry.data.REGISTRY_HTTP_SECRET",
        "Secret/harbor-registry-htpasswd.data.REGISTRY_HTPASSWD",
        *(f"Secret/harbor-nginx.data.{key}" for key in ("tls.crt", "tls.key", "ca.crt")),
        *(
            f"Deployment/harbor-{part}.spec.template.metadata.annotations.checksum/{what}"
            for part, kinds in {
                "core": ("secret", "secret-jobservice"),
                "jobservice": ("secret", "secret-core"),
                "registry": ("secret", "secret-core", "secret-jobservice"),
                "nginx": ("secret",),
            }.items()
            for what in kinds
        ),
    }


def test_the_token_key_is_of_the_kind_that_core_reads() -> None:
    secret = objects(OURS, NODE_PORT)["Secret/harbor-core"]["data"]
    assert base64.b64decode(secret["tls.key"]).startswith(b"-----BEGIN RSA PRIVATE KEY-----")


def test_every_container_is_the_one_program_in_a_role_of_its_own() -> None:
    found = {}
    for thing in objects(OURS, {**NODE_PORT, "metrics.enabled": True}).values():
        pod = thing["spec"].get("template", {}).get("spec", {}) if "spec" in thing else {}
        for container in [*pod.get("initContainers", []), *pod.get("containers", [])]:
            assert container["image"] == IMAGE
            assert container["command"][0] == "/harbor-standin"
            found[container["name"]] = container["command"][1]
    parts = (
        "core",
        "database",
        "exporter",
        "jobservice",
        "nginx",
        "portal",
        "redis",
        "registry",
        "registryctl",
    )
    assert found == {**{n: n for n in (*parts, "trivy")}, "data-permissions-ensurer": "permissions"}


@pytest.mark.parametrize("key", sorted(REFUSED))
def test_what_the_stand_in_has_no_part_for_is_refused(key: str) -> None:
    value, message = REFUSED[key]
    answer = helm(OURS, {key: value})
    assert answer.returncode != 0
    assert message in answer.stderr


def test_every_other_value_is_read_by_some_template() -> None:
    text = "".join(path.read_text() for path in (OURS / "templates").rglob("*.*"))
    read = set(re.findall(r"[\w]+", text))
    probes = ("Seconds", "Threshold")  # taken as they are
    unread = [
        key
        for key in own_values()
        if key.rpartition(".")[2] not in read
        and not key.startswith(UNREAD)
        and not key.endswith(probes)
        and not re.search(r"^containerSecurityContext\.|resources\.|podDisruptionBudget\.minAvailable", key)
    ]
    assert unread == []
