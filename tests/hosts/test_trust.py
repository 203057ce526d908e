"""Nodes, and the hosts of group clients, find the registry by its name and trust it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from breakwater.facts.trust import MARK, Trust, TrustState
from breakwater.settings import Settings
from breakwater.trust.containerd import root_of
from tests.hosts.conftest import read_inventory


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that wants `member` runs once a host that uses the registry."""
    if "member" in metafunc.fixturenames:
        found = read_inventory(metafunc.config.getoption("--inventory"))
        names = [*dict.fromkeys([*found.groups["nodes"], *found.groups.get("clients", [])])]
        metafunc.parametrize("member", [found.connect(name) for name in names], ids=names, scope="module")


@pytest.fixture(scope="module")
def registry(settings: Settings) -> str:
    """HOST or HOST:PORT, as it stands in an image's name."""
    if not settings.domain or not settings.hosts["proxies"]:
        pytest.skip("the settings name no domain, or the inventory no proxy: there is nobody to trust")
    return urlsplit(settings.external_url).netloc


@pytest.fixture(scope="module")
def seen(member: Any, settings: Settings, registry: str) -> TrustState:
    return look(member, settings, registry)


def test_the_domain_leads_here(seen: TrustState) -> None:
    assert seen.way.addresses


def test_every_engine_has_the_ca(seen: TrustState, registry: str) -> None:
    ours = {path for path, text in seen.files.items() if text.startswith(MARK)}
    if not ours:
        pytest.skip("nothing of ours: a public CA has signed, or this host has no engine")
    folders = {"docker": "/etc/docker/certs.d", "podman": "/etc/containers/certs.d"}
    if seen.containerd:
        folders["containerd"] = root_of(seen.containerd)
        assert f"{folders['containerd']}/{registry}/hosts.toml" in ours
    wanted = {f"{folder}/{registry}/ca.crt" for engine, folder in folders.items() if engine in seen.engines}
    assert wanted <= set(seen.files)


def test_every_file_is_root_s_and_everybody_s_to_read(member: Any, seen: TrustState) -> None:
    for path, text in seen.files.items():
        if text.startswith(MARK):
            file = member.file(path)
            assert (file.user, file.group, file.mode) == ("root", "root", 0o644), path


def test_a_node_s_containerd_looks_for_it(node: Any, settings: Settings, registry: str) -> None:
    seen = look(node, settings, registry)
    if not seen.containerd or not any(path.endswith("/hosts.toml") for path in seen.files):
        pytest.skip("no containerd, or no file of ours for it")
    assert seen.containerd.config_path
    assert not seen.containerd.interrupted
    assert node.service("containerd").is_running


def test_the_registry_answers_and_its_certificate_is_right(
    member: Any, seen: TrustState, registry: str
) -> None:
    if not member.exists("curl"):
        pytest.skip("curl is not there to ask with")
    ca = next((path for path in seen.files if path.endswith(f"/{registry}/ca.crt")), "")
    trusted = ["--cacert", ca] if ca else []
    words = ["curl", "-sS", "--noproxy", "*", "-m", "30", "-o", "/dev/null", "-w", "%{http_code}", *trusted]
    answer = member.run(" ".join(["%s"] * (len(words) + 1)), *words, f"https://{registry}/v2/")
    # Whoever has not logged in is told where to: the handshake was verified, and Harbor is behind it.
    assert (answer.stdout, answer.stderr) == ("401", "")


def look(host: Any, settings: Settings, registry: str) -> TrustState:
    """The host as a run sees it."""
    domain = str(settings.domain)
    command = Trust().command(domain=domain, registry=registry, cri=True).get_raw_value()
    return Trust().process(host.check_output("sh -c %s", command).splitlines())
