"""Nodes, and the hosts of group clients, find the registry by its name and trust it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.x509 import load_pem_x509_certificates

from breakwater.facts.trust import MARK, Trust, TrustState
from breakwater.settings import Settings
from breakwater.trust.containerd import root_of
from breakwater.trust.files import files_of, in_store
from breakwater.trust.wanted import Wanted
from tests.hosts.conftest import read_inventory


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that wants `member` runs once a host that uses the registry; `cri`: a kubelet does."""
    if "member" in metafunc.fixturenames:
        found = read_inventory(metafunc.config.getoption("--inventory"))
        nodes = found.groups["nodes"]
        names = [*dict.fromkeys([*nodes, *found.groups.get("clients", [])])]
        members = [(found.connect(name), name in nodes) for name in names]
        metafunc.parametrize(("member", "cri"), members, ids=names, scope="module")


@pytest.fixture(scope="module")
def registry(settings: Settings) -> str:
    """HOST or HOST:PORT, as it stands in an image's name."""
    if not settings.domain or not settings.hosts["proxies"]:
        pytest.skip("the settings name no domain, or the inventory no proxy: there is nobody to trust")
    return urlsplit(settings.external_url).netloc


@pytest.fixture(scope="module")
def ca(settings: Settings) -> str:
    """The CA that hosts are told of, as PEM."""
    given = settings.proxy.certificate
    if given and not given.ca:
        pytest.skip("a CA that every host knows has signed the domain's certificate")
    file = given.ca if given and given.ca else f"{settings.state}/harbor/ca.crt"
    return Path(file).expanduser().read_text()


@pytest.fixture(scope="module")
def seen(member: Any, cri: bool, settings: Settings, registry: str) -> TrustState:
    return look(member, settings, registry, cri)


def test_the_domain_leads_here(seen: TrustState) -> None:
    assert seen.way.addresses


def test_every_engine_has_the_ca_and_no_former_one(seen: TrustState, settings: Settings, ca: str) -> None:
    engines = told(settings, seen)
    store = seen.store if settings.trust.system_store else ""
    if not engines and not store:
        pytest.skip("this host has no engine")
    wanted = Wanted(
        domain=str(settings.domain),
        port=settings.proxy.port,
        owner=settings.storage_address,
        cache="",
        addresses=(),
        settings=settings.trust,
    )
    files = files_of(wanted, [ca], engines, root_of(seen.containerd), store)
    assert files.keys() <= seen.files.keys()
    texts = [seen.files[path] for path in files if path.endswith(".crt") and not in_store(path)]
    authorities = load_pem_x509_certificates(ca.encode())
    assert [load_pem_x509_certificates(text.encode()) for text in texts] == [authorities] * len(texts)


def test_every_file_is_root_s_and_everybody_s_to_read(member: Any, seen: TrustState) -> None:
    for path, text in seen.files.items():
        if text.startswith(MARK):
            file = member.file(path)
            assert (file.user, file.group, file.mode) == ("root", "root", 0o644), path


def test_a_node_s_containerd_looks_for_it(node: Any, settings: Settings, registry: str, ca: str) -> None:
    seen = look(node, settings, registry, cri=True)
    if "containerd" not in told(settings, seen) & seen.engines:
        pytest.skip("no containerd, or the settings leave it out")
    assert seen.containerd
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


def told(settings: Settings, seen: TrustState) -> set[str]:
    """The engines that know the registry."""
    return set(settings.trust.engines or seen.engines)


def look(host: Any, settings: Settings, registry: str, cri: bool) -> TrustState:
    """The host as a run sees it."""
    domain = str(settings.domain)
    command = Trust().command(domain=domain, registry=registry, cri=cri).get_raw_value()
    return Trust().process(host.check_output("sh -c %s", command).splitlines())
