"""Values that Harbor's chart is rendered with: what is known to be idempotent, and one of each kind."""

from collections.abc import Iterator
from typing import Any

import yaml

from tests.unit.lab.harbor_charts import OURS, leaves

NODE_PORT = {"expose.type": "nodePort", "expose.tls.auto.commonName": "harbor.example.internal"}
OUTSIDE = {"database.type": "external", "redis.type": "external"}
STORE = "persistence.imageChartStorage"

# The values that facts about the real chart showed to be idempotent (issue 5).
_CLAIM = {"storageClass": "nfs-client", "accessMode": "ReadWriteOnce", "size": "5Gi"}
_SHARED = _CLAIM | {"accessMode": "ReadWriteMany"}
_MARK = {"breakwater/secrets-sha": "0123"}
IDEMPOTENT: dict[str, Any] = {
    "expose.type": "nodePort",
    "expose.tls.certSource": "secret",
    "expose.tls.secret.secretName": "harbor-tls",
    "externalURL": "https://harbor.example.internal",
    "caSecretName": "harbor-ca",
    "ipFamily.ipv6.enabled": False,
    "persistence.persistentVolumeClaim.registry": _SHARED,
    "persistence.persistentVolumeClaim.jobservice.jobLog": _SHARED,
    "persistence.persistentVolumeClaim.database": _CLAIM,
    "persistence.persistentVolumeClaim.redis": _CLAIM,
    "persistence.persistentVolumeClaim.trivy": _CLAIM,
    "updateStrategy.type": "Recreate",
    "database.internal.password": "of-the-database",
    "existingSecretAdminPassword": "harbor-secrets",
    "existingSecretSecretKey": "harbor-secrets",
    "core.existingSecret": "harbor-secrets",
    "core.existingXsrfSecret": "harbor-secrets",
    "core.secretName": "harbor-token",
    "core.podAnnotations": _MARK,
    "jobservice.existingSecret": "harbor-secrets",
    "jobservice.podAnnotations": _MARK,
    "registry.existingSecret": "harbor-secrets",
    "registry.credentials.existingSecret": "harbor-secrets",
    "registry.podAnnotations": _MARK,
    "nginx.podAnnotations": {"breakwater/tls-sha": "4567"},
}

# Off for good in the stand-in: what is set, and what the message begins with.
REFUSED = {
    "enableMigrateHelmHook": (True, "enableMigrateHelmHook: "),
    "expose.ingress.kubeVersionOverride": ("1.18", "expose.ingress.kubeVersionOverride: "),
    "expose.type": ("route", "expose.type=route: "),
    "internalTLS.enabled": (True, "internalTLS.enabled: "),
    "metrics.serviceMonitor.enabled": (True, "metrics.serviceMonitor.enabled: "),
    f"{STORE}.type": ("oss", f"{STORE}.type=oss: "),
    "registry.middleware.enabled": (True, "registry.middleware.enabled: "),
    "trace.enabled": (True, "trace.enabled: "),
    "uaaSecretName": ("uaa", "uaaSecretName: "),
    "ipFamily.families": (["IPv4"], "ipFamily.families: chart 1.19.1 cannot have it"),
}
# Below these nothing is read: what would use it is refused.
UNREAD = (
    *("expose.route.", "internalTLS.", "metrics.serviceMonitor.", "registry.middleware.", "trace."),
    *(f"{STORE}.oss.", "database.internal.initContainer.migrator"),
)

# A value unlike the default where changed() does not find one by itself.
OTHER: dict[str, Any] = {
    **NODE_PORT,
    "imagePullPolicy": "Always",
    "updateStrategy.type": "Recreate",
    "logLevel": "fatal",
    "imagePullSecrets": [{"name": "login"}],
    "proxy.components": ["registry", "core", "exporter"],
    "jobservice.jobLoggers": ["database", "stdout", "file"],
    "core.configureUserSettings": '{"note": "seen"}',
    f"{STORE}.gcs.encodedkey": "a2V5",
}
# Switches that would hide most of the rest; cases turn them.
KEPT = {
    *("database.type", "redis.type", "trivy.enabled", "persistence.enabled", "expose.tls.enabled"),
    *("expose.tls.certSource", f"{STORE}.type", *(REFUSED.keys() - {"expose.type"})),
}
BY_NAME: dict[str, Any] = {
    "annotations": {"note": "seen"},
    "podAnnotations": {"note": "seen"},
    "serviceAnnotations": {"note": "seen"},
    "labels": {"note": "seen"},
    "podLabels": {"note": "seen"},
    "nodeSelector": {"note": "seen"},
    "affinity": {"podAffinity": {"note": ["seen"]}},
    "tolerations": [{"operator": "Exists"}],
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone"}],
    "extraEnvVars": [{"name": "EXTRA", "value": "seen"}],
    "initContainers": [{"name": "first", "image": "first:1"}],
    "extrInitContainers": [{"name": "first", "image": "first:1"}],
    "permissions": {"resources": {"limits": {"memory": "64Mi"}}},
    "priorityClassName": "system-cluster-critical",
}


def own_values() -> dict[str, Any]:
    found = leaves(yaml.safe_load((OURS / "values.yaml").read_text()))
    annotations = {k: v for k, v in found.items() if k.startswith("expose.ingress.annotations.")}
    # Keys with dots in them are no keys of the chart.
    return {k: v for k, v in found.items() if k not in annotations} | {"expose.ingress.annotations": {}}


def changed(without: str = "nothing") -> dict[str, Any]:
    """Every value that the chart reads, unlike its default.

    + without: keys with this in their name stay as they are
    """
    found = {}
    for key, value in own_values().items():
        last = key.rpartition(".")[2]
        if key in KEPT or key.startswith(UNREAD) or without in key:
            continue
        if key in OTHER or last in BY_NAME:
            found[key] = OTHER.get(key, BY_NAME.get(last))
        elif isinstance(value, bool):
            found[key] = not value
        elif isinstance(value, int):
            found[key] = value + 1
        elif isinstance(value, list):
            found[key] = [*value, "other"]
        else:
            found[key] = "7" if last.endswith("Index") else f"{value or ''}other"
    return found


def stores() -> Iterator[tuple[str, dict[str, Any]]]:
    options: dict[str, dict[str, Any]] = {
        "filesystem": {"maxthreads": 100},
        "azure": {"realm": "core.example.org"},
        "gcs": {"rootdirectory": "/images", "chunksize": "5242880"},
        "s3": {
            "accesskey": "a",
            "secretkey": "b",
            "regionendpoint": "http://s3.example.org",
            "encrypt": True,
            "secure": True,
            "skipverify": True,
            "v4auth": True,
            "chunksize": "5242880",
            "keyid": "c",
            "storageclass": "STANDARD",
            "rootdirectory": "/images",
            "multipartcopymaxconcurrency": 100,
        },
        "swift": {"secretkey": "a", "accesskey": "b", "region": "c", "tempurlcontainerkey": True},
    }
    for kind, given in options.items():
        ground = {f"{STORE}.type": kind, "caBundleSecretName": "all-ca"}
        set_ = {f"{STORE}.{kind}.{key}": value for key, value in given.items()}
        yield f"{kind}, options", {**ground, **set_, f"{STORE}.caBundleSecretName": "store-ca"}
        yield f"{kind}, a secret", {**ground, **set_, f"{STORE}.{kind}.existingSecret": "mine"}
    yield "s3, unverified without TLS", {f"{STORE}.type": "s3", f"{STORE}.s3.skipverify": True}
    yield "gcs, workload identity", {f"{STORE}.type": "gcs", f"{STORE}.gcs.useWorkloadIdentity": True}


OWN = changed(without="existing")
CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "node port, defaults": NODE_PORT,
    "idempotent": IDEMPOTENT,
    "idempotent, metrics": {**IDEMPOTENT, "metrics.enabled": True, "cache.enabled": True},
    "all changed": changed(),
    "all changed, own secrets": OWN,
    **{
        f"all changed, {kind}": {**OWN, "expose.type": kind}
        for kind in ("ingress", "clusterIP", "loadBalancer")
    },
    **{
        f"ingress for {name}": {**OWN, "expose.type": "ingress", "expose.ingress.controller": name}
        for name in ("gce", "ncp", "alb")
    },
    "all outside, families": {**changed(), **OUTSIDE, "ipFamily.families": ["IPv4", "IPv6"]},
    "all outside, own secrets": {**OWN, **OUTSIDE},
    "defaults outside": OUTSIDE,
    "sentinel": {
        "redis.type": "external",
        "redis.external.sentinelMasterSet": "harbor",
        "redis.external.password": "x y",
        "redis.external.harborDatabaseIndex": "6",
    },
    "redis over TLS": {"redis.type": "external", "redis.external.tlsOptions.enable": True},
    "no TLS": {**OWN, "expose.tls.enabled": False},
    "no TLS, ingress": {**OWN, "expose.tls.enabled": False, "expose.type": "ingress"},
    "no certificate": {**NODE_PORT, "expose.tls.certSource": "none"},
    "an address as name": {**NODE_PORT, "expose.tls.auto.commonName": "10.0.0.7"},
    "no volumes": {"persistence.enabled": False, "persistence.resourcePolicy": ""},
    "logs to nowhere": {"jobservice.jobLoggers": ["stdout"]},
    "no storage class": {
        f"persistence.persistentVolumeClaim.{name}.storageClass": "-"
        for name in ("registry", "jobservice.jobLog", "database", "redis", "trivy")
    },
    "own token and login": {
        "core.tokenKey": "k",
        "core.tokenCert": "c",
        "core.gcTimeWindowHours": 1,
        "registry.credentials.htpasswdString": "u:x",
        "core.startupProbe.enabled": False,
    },
    "another name": {"nameOverride": "other", "core.replicas": 2, "core.podDisruptionBudget.enabled": True},
    "a whole name": {"fullnameOverride": "whole", "redis.internal.cacheLayerDatabaseIndex": "3"},
    "resources": {
        f"{part}.resources": {"limits": {"memory": "1Gi"}}
        for part in (
            *("core", "nginx", "portal", "jobservice", "registry.registry", "registry.controller"),
            *("database.internal", "redis.internal", "exporter"),
        )
    },
    **dict(stores()),
}
