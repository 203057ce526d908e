"""Where Harbor's chart has what a setting of ours means: paths in its values, and its names of keys."""

from __future__ import annotations

VOLUMES = ("registry", "jobservice", "database", "redis", "trivy")
# {our name: where the chart has its container}
PARTS = {
    "nginx": "nginx",
    "portal": "portal",
    "core": "core",
    "jobservice": "jobservice",
    "registry": "registry.registry",
    "registryctl": "registry.controller",
    "database": "database.internal",
    "redis": "redis.internal",
    "trivy": "trivy",
    "exporter": "exporter",
}
# {type of object store: {our key: the chart's}}
STORES = {
    "s3": {
        "region": "region",
        "bucket": "bucket",
        "endpoint": "regionendpoint",
        "access_key": "accesskey",
        "secret_key": "secretkey",
        "directory": "rootdirectory",
        "encrypt": "encrypt",
        "skip_verify": "skipverify",
    },
    "azure": {
        "account": "accountname",
        "account_key": "accountkey",
        "container": "container",
        "realm": "realm",
    },
    "gcs": {"bucket": "bucket", "key": "encodedkey", "directory": "rootdirectory"},
    "swift": {
        "auth_url": "authurl",
        "user": "username",
        "password": "password",
        "container": "container",
        "region": "region",
        "tenant": "tenant",
        "domain": "domain",
        "directory": "prefix",
    },
}


def claim_path(volume: str) -> str:
    """Where the chart has the keys of a volume.

    + volume: one of VOLUMES
    """
    return f"persistence.persistentVolumeClaim.{volume}{'.jobLog' if volume == 'jobservice' else ''}"
