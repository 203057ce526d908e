"""The certificates that clients see: ours are made once, the user's are looked at closely."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from own_ca import BETWEEN, CURVE, DAY, GOOD, MIDDLE, NOW, ROOT, ROOT_CA, issued, leaf, looked_at, pem
from real_envoy import DOMAIN

from breakwater import tls
from breakwater.commands import Refusal
from breakwater.proxy.certificate import certificates, harbor_ca, write
from breakwater.proxy.settings import Proxy, Upstream
from breakwater.tls import Pair


@pytest.fixture(autouse=True)
def root_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a public one is."""
    (tmp_path / "known.pem").write_bytes(ROOT_CA)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "known.pem"))


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., Any]:
    """look(chain, key): what certificates() says of these two files."""
    return partial(looked_at, tmp_path)


@pytest.mark.parametrize("key", [CURVE, rsa.generate_private_key(65537, 2048)])
def test_a_good_one_is_chain_and_key_in_one(look: Callable[..., Any], key: Any) -> None:
    found = look(leaf(key) + MIDDLE, pem(key))
    assert (found.warnings, found.lines, found.files) == ((), (), {})
    text = found.certificates[DOMAIN]
    assert text.encode() == leaf(key) + MIDDLE + pem(key) or len(tls.chain(text)) == 2
    assert text.index("CERTIFICATE") < text.index("PRIVATE KEY")
    assert tls.belongs(text, text[text.index("-----BEGIN PRIVATE") :])
    assert "PRIVATE" not in repr(found)


@pytest.mark.parametrize("names", [["*.example.org"], ["other.example.org", DOMAIN.upper()]])
def test_a_wildcard_and_capitals_are_the_domains(look: Callable[..., Any], names: list[str]) -> None:
    assert look(leaf(names=names) + MIDDLE, pem(CURVE)).certificates[DOMAIN]


def test_one_that_ends_soon_is_a_warning(look: Callable[..., Any], tmp_path: Path) -> None:
    ends = NOW + 29 * DAY + timedelta(hours=1)
    (warning,) = look(leaf(ends=ends) + MIDDLE, pem(CURVE)).warnings
    assert warning == f"{tmp_path}/chain.pem: ends on {ends:%Y-%m-%d}, in 29 days; renew it and run again"


OTHER = ec.generate_private_key(ec.SECP256R1())
WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505
CHAIN, KEY = "{folder}/chain.pem", "{folder}/key.pem"
FAULTS: dict[str, tuple[bytes | None, bytes | None, list[str]]] = {
    "no files": (None, None, [
        f"{CHAIN}: No such file or directory; write the certificate's file there",
        f"{KEY}: No such file or directory; write the secret into that file",
    ]),
    "empty": (b"", pem(CURVE), [
        f"{CHAIN}: holds no certificate as PEM (-----BEGIN CERTIFICATE-----); is it the right file?",
    ]),
    "der": (x509.load_pem_x509_certificate(leaf()).public_bytes(Encoding.DER), pem(CURVE), [
        f"{CHAIN}: holds no certificate as PEM (-----BEGIN CERTIFICATE-----);"
        f" `openssl x509 -inform der -in {CHAIN}`",
    ]),
    "cut short": (leaf()[:300] + leaf()[-30:], pem(CURVE), [
        f"{CHAIN}: holds a broken certificate; copy it anew, each line of it",
    ]),
    "key of another": (GOOD, pem(OTHER), [
        f"{KEY}: is not the key of {CHAIN}; name the two files that were made together",
    ]),
    "leaf last": (MIDDLE + leaf(), pem(CURVE), [
        f"{CHAIN}: the certificate of the key is number 2 in it; put it first, then those that lead to its"
        " CA",
        f"{CHAIN}: its certificate 2 did not sign certificate 1; put each one before the one that signed it",
        f"{CHAIN}: it is not for {DOMAIN}: it names nobody (no subjectAltName); get one that names them",
    ]),
    "another chain": (leaf() + ROOT_CA, pem(CURVE), [
        f"{CHAIN}: its certificate 2 did not sign certificate 1; put each one before the one that signed it",
    ]),
    "ended": (leaf(begins=NOW - 9 * DAY, ends=NOW - DAY), pem(CURVE), [
        f"{CHAIN}: it ended on {NOW - DAY:%Y-%m-%d}; renew it",
    ]),
    "chain ended": (leaf() + issued("between", BETWEEN, "r", ROOT, begins=NOW - 9 * DAY, ends=NOW - DAY),
                    pem(CURVE), [f"{CHAIN}: its certificate 2 ended on {NOW - DAY:%Y-%m-%d}; renew it"]),
    "not begun": (leaf(begins=NOW + DAY), pem(CURVE), [
        f"{CHAIN}: it begins on {NOW + DAY:%Y-%m-%d %H:%M} UTC only; wait until then, or set this machine's"
        " clock right",
    ]),
    "another name": (leaf(names=["harbor.example.org", "*.registry.example.org", "*.org"]), pem(CURVE), [
        f"{CHAIN}: it is not for {DOMAIN}: it is for harbor.example.org, *.registry.example.org, *.org; get"
        " one that names them",
    ]),
    "for clients": (leaf(purpose=ExtendedKeyUsageOID.CLIENT_AUTH), pem(CURVE), [
        f"{CHAIN}: it is not for servers (extendedKeyUsage without serverAuth); get one that is",
    ]),
    "encrypted key": (GOOD, pem(CURVE, BestAvailableEncryption(b"hunter2")), [
        f"{KEY}: wants a password, which nobody types when Envoy starts;"
        f" `openssl pkey -in {KEY} -out FILE` writes one without",
    ]),
    "no key": (GOOD, GOOD, [
        f"{KEY}: holds no private key as PEM (-----BEGIN PRIVATE KEY-----); is it the right file?",
    ]),
    "broken key": (GOOD, pem(CURVE)[:60] + pem(CURVE)[-30:], [
        f"{KEY}: holds a broken private key; copy it anew, each line of it",
    ]),
    "weak key": (leaf(WEAK), pem(WEAK), [
        f"{KEY}: is neither RSA with 2048 bits or more nor P-256, P-384 or P-521, and Envoy takes no other;"
        " make a key and a certificate of such a kind",
    ]),
    "odd key": (GOOD, pem(ed25519.Ed25519PrivateKey.generate()), [
        f"{KEY}: is neither RSA with 2048 bits or more nor P-256, P-384 or P-521, and Envoy takes no other;"
        " make a key and a certificate of such a kind",
    ]),
    "several": (leaf(names=["a.b"], begins=NOW - 9 * DAY, ends=NOW - DAY), pem(OTHER), [
        f"{KEY}: is not the key of {CHAIN}; name the two files that were made together",
        f"{CHAIN}: it ended on {NOW - DAY:%Y-%m-%d}; renew it",
        f"{CHAIN}: it is not for {DOMAIN}: it is for a.b; get one that names them",
    ]),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_one_is_refused_with_every_reason(look: Callable[..., Any], tmp_path: Path, fault: str) -> None:
    chain, key, said = FAULTS[fault]
    with pytest.raises(Refusal) as raised:
        look(chain, key)
    assert str(raised.value).splitlines() == [line.replace("{folder}", str(tmp_path)) for line in said]


def test_a_key_that_others_read_is_refused(look: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"others may read it .mode 644.; `chmod 600"):
        look(GOOD, pem(CURVE), 0o644)


def test_an_alias_must_be_covered_too(look: Callable[..., Any]) -> None:
    with pytest.raises(Refusal, match=r"it is not for registry\.localhost: it is for"):
        look(GOOD, pem(CURVE), aliases=("registry.localhost",))


def ours(folder: Path, ca: Pair, now: datetime = NOW, **keys: Any) -> Any:
    """Decided and written."""
    found = certificates(folder, ca, DOMAIN, Proxy(**keys), now)
    write(found, folder)
    return found


def test_ours_is_made_once_and_kept(tmp_path: Path, ca: Pair) -> None:
    folder = tmp_path / "state" / "proxy"
    first = ours(folder, ca)
    assert first.trusted == ca.certificate
    assert first.lines == (f"certificate of {DOMAIN}: made",)
    (file,) = folder.glob("*.pem")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == first.certificates[DOMAIN]
    assert first.authorities == {DOMAIN: ca.certificate}
    again = ours(folder, ca, NOW + 300 * DAY)
    assert (again.lines, again.files, again.certificates) == ((), {}, first.certificates)


def test_ours_is_remade_when_it_must_be(tmp_path: Path, ca: Pair) -> None:
    first = ours(tmp_path / "proxy", ca)
    for why, now, keys, signer in (
        ("it is not for registry.localhost", NOW, {"aliases": ("registry.localhost",)}, ca),
        ("it ends on", NOW + 370 * DAY, {"aliases": ("registry.localhost",)}, ca),
        ("another CA signed it", NOW + 370 * DAY, {}, tls.new_ca(DOMAIN, NOW)),
    ):
        found = ours(tmp_path / "proxy", signer, now, **keys)
        (line,) = found.lines
        assert line.startswith(f"certificate of {DOMAIN}: renewed, since {why}")
        assert found.certificates != first.certificates
        assert not ours(tmp_path / "proxy", signer, now, **keys).lines
        first = found


def test_a_broken_file_of_ours_is_made_anew(tmp_path: Path, ca: Pair) -> None:
    ours(tmp_path / "proxy", ca)
    (file,) = (tmp_path / "proxy").glob("*.pem")
    file.write_text(file.read_text()[:500])
    assert ours(tmp_path / "proxy", ca).lines


def test_looking_writes_nothing(tmp_path: Path, ca: Pair) -> None:
    certificates(tmp_path / "proxy", ca, DOMAIN, Proxy(), NOW)
    assert [file.name for file in tmp_path.iterdir()] == ["known.pem"]


def test_without_the_cas_key_what_is_kept_still_serves(tmp_path: Path, ca: Pair) -> None:
    ours(tmp_path / "proxy", ca)
    assert not ours(tmp_path / "proxy", Pair(ca.certificate)).lines
    with pytest.raises(Refusal, match=r"a new one is due, since it ends on .* put ca.key back"):
        ours(tmp_path / "proxy", Pair(ca.certificate), NOW + 370 * DAY)


def test_harbors_ca_is_found_in_either_file(ca: Pair) -> None:
    bundle = ca.key + ca.certificate
    assert harbor_ca({"ca.key": bundle, "ca.crt": ca.certificate}) == ca
    assert harbor_ca({"ca.key": bundle}) == ca
    assert harbor_ca({"ca.crt": ca.certificate}) == Pair(ca.certificate)
    other = tls.new_ca(DOMAIN, NOW)
    assert harbor_ca({"ca.key": bundle, "ca.crt": other.certificate}) == Pair(other.certificate)
    assert harbor_ca({}) == Pair()


def test_other_sites_have_certificates_and_authorities(tmp_path: Path, ca: Pair) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_bytes(ROOT_CA + MIDDLE)
    upstreams = (
        Upstream(domain="wiki.example.org", endpoints=("10.0.0.30:443",), ca=str(authority)),
        Upstream(domain="plain.example.org", endpoints=("10.0.0.30:80",), tls=False),
    )
    found = ours(tmp_path / "proxy", ca, upstreams=upstreams)
    assert found.certificates.keys() == {DOMAIN, "wiki.example.org", "plain.example.org"}
    assert found.authorities == {DOMAIN: ca.certificate, "wiki.example.org": authority.read_text()}


def test_an_authority_that_cannot_be_is_refused(tmp_path: Path, ca: Pair) -> None:
    old = tmp_path / "old.pem"
    old.write_bytes(issued("root", ROOT, "root", ROOT, begins=NOW - 9 * DAY, ends=NOW - DAY))
    upstreams = tuple(
        Upstream(domain=f"{name}.example.org", endpoints=("10.0.0.30:443",), ca=str(tmp_path / f"{name}.pem"))
        for name in ("old", "missing")
    )
    with pytest.raises(Refusal) as raised:
        ours(tmp_path / "proxy", ca, upstreams=upstreams)
    assert str(raised.value).splitlines() == [
        f"{old}: ended on {NOW - DAY:%Y-%m-%d}; name the file of the CA that signs today",
        f"{tmp_path}/missing.pem: No such file or directory; write the certificate's file there",
    ]
