"""A small set of files such as the proxies get: one domain, one cluster, one certificate, made for a test."""

import hashlib
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_TYPES = "type.googleapis.com/envoy."
_CONNECTIONS = "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
_HTTP = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def certificate(folder: Path, name: str) -> str:
    """A self-signed certificate and its key, one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    key, crt = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
         "-keyout", str(key), "-out", str(crt)],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    return crt.read_text() + key.read_text()


def files(
    at: Path, pem: str, port: int = 18443, upstream: int = 18003, domain: str = "registry.example.org",
    **change: Any,
) -> dict[str, str]:  # fmt: skip
    """{relative path: text}.

    + at: the folder that they will be in; the admin socket is in its parent
    + pem: a certificate and its key
    + change: `route_timeout`, `connections` (of the bootstrap), `cluster` (of the route)
    """
    bootstrap = {
        "node": {"id": "proxy", "cluster": "proxies"},
        "admin": {
            "address": {"pipe": {"path": str(change.get("admin", at.parent / "admin.sock")), "mode": 0o600}}
        },
        "dynamic_resources": {
            "lds_config": _from(at, "xds/lds.yaml"),
            "cds_config": _from(at, "xds/cds.yaml"),
        },
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": _TYPES + _CONNECTIONS,
                        "max_active_downstream_connections": change.get("connections", 200),
                    },
                }
            ]
        },
    }
    return {
        "bootstrap.yaml": yaml.safe_dump(bootstrap, sort_keys=False),
        "sds/registry.yaml": _xds(_secret("registry", pem)),
        "xds/cds.yaml": _xds(_cluster(at)),
        "xds/eds.yaml": _xds(_endpoints(upstream)),
        "xds/rds.yaml": _xds(_route(domain, change)),
        "xds/lds.yaml": _xds(_listener(at, port, domain)),
    }


def flattened(texts: Mapping[str, str]) -> str:
    """One static bootstrap of them all."""
    boot = yaml.safe_load(texts["bootstrap.yaml"])
    boot.pop("dynamic_resources")
    found = {
        path: [{k: v for k, v in r.items() if k != "@type"} for r in yaml.safe_load(text)["resources"]]
        for path, text in texts.items()
        if path != "bootstrap.yaml"
    }
    listeners, clusters = found["xds/lds.yaml"], found["xds/cds.yaml"]
    for one in _all(listeners, "rds"):
        one.pop("rds")
        one["route_config"] = found["xds/rds.yaml"][0]
    for one in _all(listeners, "sds_config"):
        one.pop("sds_config")
    for cluster in clusters:
        cluster["type"] = "STATIC"
        cluster.pop("eds_cluster_config")
        cluster["load_assignment"] = found["xds/eds.yaml"][0]
    secrets = [secret for path, all_ in found.items() if path.startswith("sds/") for secret in all_]
    boot["static_resources"] = {"listeners": listeners, "clusters": clusters, "secrets": secrets}
    return str(yaml.safe_dump(boot, sort_keys=False))


def version(text: str) -> str:
    """A file's own version."""
    found = re.search(r"^version_info: (\S+)$", text, re.MULTILINE)
    assert found
    return found[1]


def _all(within: Any, key: str) -> list[dict[str, Any]]:
    if isinstance(within, dict):
        return [*([within] if key in within else []), *(d for v in within.values() for d in _all(v, key))]
    return [d for item in within for d in _all(item, key)] if isinstance(within, list) else []


def _from(at: Path, path: str) -> dict[str, Any]:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(at / path)}}


def _xds(resource: dict[str, Any]) -> str:
    rest = yaml.safe_dump({"resources": [resource]}, sort_keys=False)
    return f"version_info: {hashlib.sha256(rest.encode()).hexdigest()}\n{rest}"


def _secret(name: str, pem: str) -> dict[str, Any]:
    source = {"inline_string": pem}
    return {
        "@type": _TYPES + "extensions.transport_sockets.tls.v3.Secret",
        "name": name,
        "tls_certificate": {"certificate_chain": source, "private_key": source},
    }


def _cluster(at: Path) -> dict[str, Any]:
    return {
        "@type": _TYPES + "config.cluster.v3.Cluster",
        "name": "harbor",
        "type": "EDS",
        "eds_cluster_config": {"eds_config": _from(at, "xds/eds.yaml")},
        "connect_timeout": "1s",
        # Nobody is well until somebody listens there.
        "health_checks": [
            {
                "timeout": "1s",
                "interval": "1s",
                "unhealthy_threshold": 1,
                "healthy_threshold": 1,
                "tcp_health_check": {},
            }
        ],
    }


def _endpoints(upstream: int) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": upstream}}
    return {
        "@type": _TYPES + "config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": "harbor",
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
    }


def _route(domain: str, change: Mapping[str, Any]) -> dict[str, Any]:
    route = {"cluster": change.get("cluster", "harbor"), "timeout": change.get("route_timeout", "0s")}
    return {
        "@type": _TYPES + "config.route.v3.RouteConfiguration",
        "name": "harbor",
        "validate_clusters": True,
        "virtual_hosts": [
            {"name": "harbor", "domains": [domain], "routes": [{"match": {"prefix": "/"}, "route": route}]}
        ],
    }


def _listener(at: Path, port: int, domain: str) -> dict[str, Any]:
    secret = {"name": "registry", "sds_config": _from(at, "sds/registry.yaml")}
    router = {"@type": _TYPES + "extensions.filters.http.router.v3.Router"}
    http = {
        "@type": _TYPES + _HTTP,
        "stat_prefix": "https",
        "rds": {"route_config_name": "harbor", "config_source": _from(at, "xds/rds.yaml")},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    tls = {
        "@type": _TYPES + "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {"tls_certificate_sds_secret_configs": [secret]},
    }
    return {
        "@type": _TYPES + "config.listener.v3.Listener",
        "name": "https",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {
                "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
                "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": http}],
            }
        ],
    }
