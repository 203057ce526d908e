"""A Harbor that somebody installed by hand, with the chart's defaults, is taken over with its secrets."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import paths
from tests.lab.conftest import HARBOR_ONLY, Lab, lab_settings, varied

NAMESPACE = "harbor"
MINE = ("--namespace", NAMESPACE)
# The chart's own sizes and access modes: values.yaml of chart 1.19.1.
SIZES = {"registry": "5Gi", "jobservice": "1Gi", "database": "1Gi", "redis": "1Gi", "trivy": "5Gi"}
# Seconds until the database is filled.
FILLED = 420


@pytest.fixture
def by_hand(deployed: Lab) -> Iterator[Lab]:
    """A lab whose Harbor is a plain `helm install`, and whose bastion knows nothing of it."""
    mark = {"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}}
    deployed.inside("kubectl", "patch", "storageclass", "breakwater", "--patch", json.dumps(mark))
    [chart] = (paths.state() / "bundle/charts").glob("harbor-1.19.*.tgz")
    trivy = str(lab_settings()["harbor"]["trivy"]["enabled"]).lower()
    install = ("helm", "install", "harbor", str(chart), *MINE, "--create-namespace")
    deployed.inside(*install, "--set", f"trivy.enabled={trivy}")
    wait = ("kubectl", *MINE, "wait", "--for=condition=Available", "deployment/harbor-core")
    deployed.inside(*wait, f"--timeout={FILLED}s", timeout=FILLED + 30)
    deployed.inventory = HARBOR_ONLY
    yield deployed
    deployed.spoil()


def test_its_secrets_and_volumes_are_kept_and_its_password_is_not(by_hand: Lab, tmp_path: Path) -> None:
    before = secret(by_hand, "harbor-core")
    folder = paths.state() / "bastion/harbor"

    refused = by_hand.deploy(check=False)
    assert refused.code != 0
    assert "set harbor.volumes.registry.size = '5Gi'" in refused.output
    assert not folder.exists()

    volumes = {name: {"size": size, "access_mode": "ReadWriteOnce"} for name, size in SIZES.items()}
    inventory = varied(tmp_path, proxies=False, harbor={**lab_settings()["harbor"], "volumes": volumes})
    taken = by_hand.deploy(inventory=inventory)

    assert taken.report["result"] == "done"
    assert "Harbor12345 was found live: changed at once" in taken.output
    assert "not-a-secure-key" not in taken.output
    assert "secretKey" in " ".join(taken.report["warnings"])
    after = secret(by_hand, "harbor-secrets")
    for key in ("secretKey", "secret", "CSRF_KEY"):
        assert after[key] == before[key], key
    assert secret(by_hand, "harbor-token")["tls.key"].strip() == before["tls.key"].strip()
    assert (folder / "secret_key").read_text().rstrip("\n") == before["secretKey"]
    by_hand.host_tests("-k", "test_harbor")
    assert by_hand.deploy(inventory=inventory).report["result"] == "unchanged"


def secret(lab: Lab, name: str) -> dict[str, str]:
    """{key: value} of a Secret of Harbor's."""
    found = json.loads(lab.inside("kubectl", *MINE, "get", "secret", name, "-o", "json").output)["data"]
    return {key: base64.b64decode(value).decode() for key, value in found.items()}
