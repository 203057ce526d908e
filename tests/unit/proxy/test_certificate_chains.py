"""A certificate of the user's leads to a CA that clients know, or to the one that they are told of."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from own_ca import CURVE, DAY, GOOD, MIDDLE, NOW, ROOT, ROOT_CA, issued, leaf, looked_at, pem
from real_envoy import DOMAIN

from breakwater.commands import Refusal
from breakwater.proxy.certificate import certificates
from breakwater.proxy.settings import CertificateFiles, Proxy, Upstream
from breakwater.tls import Pair

WIKI = "wiki.example.org"
SELF_SIGNED = issued(DOMAIN, CURVE, DOMAIN, CURVE, names=[DOMAIN])
ANOTHER = ec.generate_private_key(ec.SECP256R1())
ANOTHER_CA = issued("another", ANOTHER, "another", ANOTHER)
# The root of the same key, as it was before it was renewed.
ENDED_ROOT = issued("root", ROOT, "root", ROOT, begins=NOW - 9 * DAY, ends=NOW - DAY)


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., Any]:
    """look(chain, key): what certificates() says of these two files."""
    return partial(looked_at, tmp_path)


@pytest.fixture
def root_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a public one is."""
    (tmp_path / "known.pem").write_bytes(ROOT_CA)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "known.pem"))


@pytest.mark.usefixtures("root_is_known")
@pytest.mark.parametrize("chain", [GOOD, GOOD + ROOT_CA], ids=["to its root", "with its root"])
def test_one_that_leads_to_a_known_ca_needs_no_other(look: Callable[..., Any], chain: bytes) -> None:
    assert look(chain, pem(CURVE)).trusted == ""


FIX = "put the certificates that lead to a public CA behind it, or name the file of its own CA in"
UNKNOWN: dict[str, tuple[bytes, bool, str]] = {
    "no intermediate": (
        leaf(), True, "it does not lead to a CA that the client knows (signed by CN=between)"
    ),
    "private CA unnamed": (
        GOOD, False, "it does not lead to a CA that the client knows (signed by CN=root)"
    ),
    "private CA unnamed, and in the chain": (
        GOOD + ROOT_CA, False, "the CA that it leads to is none that the client knows (signed by CN=root)"
    ),
    "self-signed": (SELF_SIGNED, False, f"it was signed by itself (signed by CN={DOMAIN})"),
}  # fmt: skip


@pytest.mark.parametrize("fault", UNKNOWN)
def test_one_that_clients_do_not_know_is_refused(
    look: Callable[..., Any], tmp_path: Path, request: pytest.FixtureRequest, fault: str
) -> None:
    chain, known, why = UNKNOWN[fault]
    if known:
        request.getfixturevalue("root_is_known")
    with pytest.raises(Refusal) as raised:
        look(chain, pem(CURVE))
    assert str(raised.value) == (
        f"{tmp_path}/chain.pem: a client that was told of no CA refuses it: {why}; {FIX} proxy.certificate.ca"
    )


@pytest.mark.parametrize(
    ("chain", "authority"),
    [
        pytest.param(GOOD, ROOT_CA, id="that signed the last of the chain"),
        pytest.param(GOOD + ROOT_CA, ROOT_CA, id="that is the last of the chain"),
        pytest.param(leaf(), MIDDLE + ROOT_CA, id="with the one in between"),
        pytest.param(GOOD, ANOTHER_CA + ROOT_CA, id="one of several"),
        pytest.param(GOOD, ENDED_ROOT + ROOT_CA, id="renewed"),
        pytest.param(SELF_SIGNED, SELF_SIGNED, id="itself"),
    ],
)
def test_its_ca_is_what_hosts_trust(look: Callable[..., Any], chain: bytes, authority: bytes) -> None:
    assert look(chain, pem(CURVE), authority=authority).trusted.encode() == authority


CA, CHAIN = "{folder}/ca.pem", "{folder}/chain.pem"
NO_ROOT = "it does not lead to a CA that the client knows; it is no root; name the file of CN=root, which"
NOT_ITS_CA: dict[str, tuple[bytes, bytes, str]] = {
    "another": (
        GOOD, ANOTHER_CA,
        f"{CA}: is not the CA of {CHAIN}, which was signed by CN=root; name that one's file, or put the"
        " certificates in between behind the other",
    ),
    "in between": (
        leaf(), MIDDLE, f"{CA}: a client that trusts it refuses {CHAIN}: {NO_ROOT} signed it"
    ),
    "in between, and in the chain": (
        GOOD, MIDDLE, f"{CA}: a client that trusts it refuses {CHAIN}: {NO_ROOT} signed it"
    ),
    "ended, beside one that has not": (
        GOOD, ANOTHER_CA + ENDED_ROOT,
        f"{CA}: CN=root in it ended on {NOW - DAY:%Y-%m-%d}; name the file of the CA that signs today",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", NOT_ITS_CA)
def test_a_ca_by_which_no_client_would_know_it_is_refused(
    look: Callable[..., Any], tmp_path: Path, fault: str
) -> None:
    chain, authority, said = NOT_ITS_CA[fault]
    with pytest.raises(Refusal) as raised:
        look(chain, pem(CURVE), authority=authority)
    assert str(raised.value) == said.replace("{folder}", str(tmp_path))


@pytest.mark.parametrize(
    ("behind", "known", "why"),
    [
        pytest.param(MIDDLE, True, None, id="known"),
        pytest.param(MIDDLE + ROOT_CA, False, None, id="complete, of a CA of one's own"),
        pytest.param(b"", True, "signed by CN=between", id="no intermediate"),
        pytest.param(MIDDLE, False, "signed by CN=root", id="a CA of one's own that is not in it"),
    ],
)
def test_another_site_s_is_doubted_only(
    tmp_path: Path, request: pytest.FixtureRequest, ca: Pair, behind: bytes, known: bool, why: str | None
) -> None:
    if known:
        request.getfixturevalue("root_is_known")
    for name, content in (("wiki.pem", leaf(names=[WIKI]) + behind), ("wiki.key", pem(CURVE))):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    files = CertificateFiles(certificate=str(tmp_path / "wiki.pem"), key=str(tmp_path / "wiki.key"))
    site = Upstream(domain=WIKI, endpoints=("10.0.0.30:80",), tls=False, certificate=files)
    warnings = certificates(tmp_path / "proxy", ca, DOMAIN, Proxy(upstreams=(site,)), NOW).warnings
    assert warnings == (() if why is None else (
        f"{tmp_path}/wiki.pem: {WIKI}: clients that know the CAs of this machine refuse it: it does not lead"
        f" to a CA that the client knows ({why}); put the certificates that lead to its CA behind it, a CA of"
        " your own included",
    ))  # fmt: skip
