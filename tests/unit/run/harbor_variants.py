"""Settings of Harbor as they may be: one for each branch that leads to other values of the chart."""

from pathlib import Path
from typing import Any

import yaml

from breakwater.harbor.values import Known, values
from breakwater.settings import Settings, load

HOSTS = {
    "storage": {"storage": "10.0.0.20"},
    "nodes": {"node1": "10.0.0.21"},
    "proxies": {},
    "bastion": {"@local": "127.0.0.1"},
}
KNOWN = Known(database_password="pw-of-the-database", secrets_sha="5ec2e7", tls_sha="715")
# Upstream's values.yaml, where the facts of this project are at hand.
CHART_VALUES = Path(__file__).parents[3].parent / "shared/facts/harbor/values-1.19.1.yaml"

_DATABASE = {"host": "db.example.org", "user": "harbor", "password": "env:DB", "name": "images"}
_REDIS = {
    "host": "10.0.0.9",
    "user": "harbor",
    "password": "file:redis",
    "tls": True,
    "databases": {"jobservice": 3, "registry": 4, "trivy": 6},
}
_NEEDS = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "2Gi"}}
_PARTS = ("nginx", "portal", "core", "jobservice", "registry", "registryctl")

VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "metrics": {"metrics": True, "log_level": "debug"},
    "no_trivy": {"trivy": {"enabled": False}},
    "offline": {"trivy": {"offline": True}},
    "own_database": {"database": _DATABASE},
    "own_database_metrics": {"database": {**_DATABASE, "tls": "verify-full", "port": 5433}, "metrics": True},
    "own_redis": {"redis": _REDIS},
    "own_redis_open": {"redis": {"host": "redis.example.org"}},
    "resources": {
        "resources": dict.fromkeys((*_PARTS, "database", "redis", "trivy", "exporter"), _NEEDS),
        "metrics": True,
    },
    "replicas": {
        "replicas": {"core": 2, "jobservice": 3, "registry": 4, "portal": 2, "nginx": 2, "trivy": 2},
        "storage": {"type": "gcs", "bucket": "images"},
    },
    "ports_and_probes": {
        "node_ports": {"http": 31000, "https": 31001},
        "probes": {"timeout": 30, "failures": 12, "database_start": 3600},
        "release": "images",
        "volumes": {"registry": {"size": "1Ti", "storage_class": "other.class"}},
    },
    "s3": {
        "storage": {
            "type": "s3", "region": "eu-central-1", "bucket": "images", "access_key": "env:A",
            "secret_key": "file:s", "endpoint": "https://minio.example.org:9000", "directory": "/harbor",
            "encrypt": True, "skip_verify": True, "disable_redirect": True,
        }
    },
    "s3_by_machine": {"storage": {"type": "s3", "region": "eu-central-1", "bucket": "images"}},
    "azure": {
        "storage": {"type": "azure", "account": "images", "container": "harbor", "account_key": "env:KEY"}
    },
    "gcs": {"storage": {"type": "gcs", "bucket": "images", "key": "file:key.json", "directory": "a/b"}},
    "swift": {
        "storage": {
            "type": "swift", "auth_url": "https://id.example.org/v3", "user": "harbor", "password": "env:PW",
            "container": "images", "region": "one", "tenant": "harbor", "domain": "Default", "directory": "a",
        }
    },
    "internal_tls": {
        "extra_values": {
            "internalTLS": {
                "enabled": True,
                "certSource": "secret",
                **{
                    part: {"secretName": f"tls-{part}"}
                    for part in ("core", "jobservice", "registry", "portal", "trivy")
                },
            }
        }
    },
    "extra": {
        "extra_values": {
            "fullnameOverride": "images",
            "core": {"podAnnotations": {"example.org/a": "b"}, "gcTimeWindowHours": 4, "affinity": {"a": {}}},
            "nginx": {"podDisruptionBudget": {"enabled": True, "maxUnavailable": 1}},
            "persistence": {"persistentVolumeClaim": {"registry": {"existingClaim": "old"}}},
            "trace": {"enabled": True, "jaeger": {"agent_host": "jaeger", "agent_port": 6831}},
        }
    },
}  # fmt: skip


def settings_of(harbor: dict[str, Any]) -> Settings:
    """Good settings with these keys of Harbor."""
    written = {
        "exports": [{"path": "/srv/nfs", "storage_class": "nfs-client"}],
        "domain": "registry.example.org",
        "harbor": harbor,
    }
    return load(written, HOSTS)


def values_of(variant: str) -> dict[str, Any]:
    """What the chart is told."""
    return values(settings_of(VARIANTS[variant]), KNOWN)


def chart_values() -> dict[str, Any]:
    """Upstream's own values."""
    found = yaml.safe_load(CHART_VALUES.read_text())
    assert isinstance(found, dict)
    return found
