"""Envoy serves the domain on every proxy, with a certificate that clients believe, and keeps its secrets."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from breakwater import bundle as bundles
from breakwater.proxy.doors import doors
from breakwater.proxy.plan import BINARY, DIRECTORY, SERVICE, SOCKET, UNIT, USER
from breakwater.proxy.run import binary, unit
from breakwater.settings import Settings

LIMIT = 30


@pytest.fixture(autouse=True)
def serves(settings: Settings) -> None:
    if not settings.domain or not settings.hosts["proxies"]:
        pytest.skip("the settings name no domain, or the inventory no proxy: there is no Envoy")


def asked(proxy: Any, path: str) -> str:
    """What Envoy says at its admin socket."""
    url = f"http://envoy{path}"
    return str(proxy.check_output("curl -gsS --max-time 10 --unix-socket %s %s", SOCKET, url))


def test_the_service_runs_and_comes_back_after_a_reboot(proxy: Any) -> None:
    service = proxy.service(SERVICE)
    assert service.is_running
    assert service.is_enabled


def test_the_process_is_our_binary_and_not_roots(proxy: Any, settings: Settings) -> None:
    bundle = bundles.read(Path(settings.bundle).expanduser()) if settings.bundle else None
    assert proxy.file(BINARY).sha256sum == binary(bundle)[1]
    pid = proxy.check_output("systemctl show -p MainPID --value %s", SERVICE)
    assert proxy.run("test /proc/%s/exe -ef %s", pid, BINARY).succeeded
    assert proxy.check_output("stat -c %%U /proc/%s", pid) == USER
    assert proxy.file(UNIT).content_string == unit(settings.proxy.connections)


def test_envoy_lives_and_has_refused_nothing_it_should_serve(proxy: Any) -> None:
    assert asked(proxy, "/ready").strip() == "LIVE"
    found = dict(
        line.split(": ", 1)
        for line in asked(proxy, "/stats?filter=^listener_manager\\.").splitlines()
        if ": " in line
    )
    assert int(found["listener_manager.total_listeners_active"]) >= 1
    assert found["listener_manager.total_listeners_warming"] == "0"
    written = proxy.check_output("head -n 1 %s", f"{DIRECTORY}/xds/lds.yaml").partition(": ")[2]
    assert found["listener_manager.lds.version_text"].strip('"') == written.strip('"')


def test_it_listens_and_nobody_else_does(proxy: Any, settings: Settings) -> None:
    rows = proxy.check_output("ss -H -ltnp %s", f"sport = :{settings.proxy.port}").splitlines()
    assert rows
    assert all('"envoy"' in row for row in rows)


def test_its_certificate_is_believed(settings: Settings) -> None:
    """From here, as a client that has the CA, or this system's where it is a public one."""
    given = settings.proxy.certificate
    ours = str(Path(settings.state).expanduser() / "harbor/ca.crt")
    ca = given.ca and str(Path(given.ca).expanduser()) if given else ours
    context = ssl.create_default_context(cafile=ca)
    for address in doors(settings.proxy.listen, settings.hosts["proxies"]).values():
        with (
            socket.create_connection((address, settings.proxy.port), LIMIT) as plain,
            context.wrap_socket(plain, server_hostname=str(settings.domain)) as opened,
        ):
            assert opened.version() in ("TLSv1.2", "TLSv1.3")


def test_only_envoy_and_root_ask_it(proxy: Any) -> None:
    folder, admin = proxy.file(SOCKET.rpartition("/")[0]), proxy.file(SOCKET)
    assert (folder.user, folder.mode) == (USER, 0o700)
    assert (admin.user, admin.mode & 0o077) == (USER, 0)


def test_secrets_are_roots_and_envoys(proxy: Any) -> None:
    folder = proxy.file(f"{DIRECTORY}/sds")
    assert (folder.user, folder.group, folder.mode) == ("root", USER, 0o750)
    for name in folder.listdir():
        file = proxy.file(f"{DIRECTORY}/sds/{name}")
        assert (file.user, file.group, file.mode) == ("root", USER, 0o640), name


def test_nothing_of_a_run_is_left(proxy: Any) -> None:
    place, name = DIRECTORY.rpartition("/")[::2]
    assert [file for file in proxy.file(place).listdir() if file.startswith(f"{name}.")] == []
    assert proxy.file(BINARY.rpartition("/")[0]).listdir() == ["envoy"]
