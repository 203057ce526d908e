"""Harbor's certificates: what they stand for, when a new one is due, and that OpenSSL takes them."""

import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from breakwater import tls
from breakwater.tls import Pair

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMES = ("registry.example.org", "10.0.0.21", "fd00::22", "node1")


@pytest.fixture(scope="module")
def ca() -> Pair:
    return tls.new_ca("registry.example.org", NOW)


@pytest.fixture(scope="module")
def server(ca: Pair) -> Pair:
    return tls.new_certificate(ca, NAMES, NOW)


def test_openssl_verifies_it(ca: Pair, server: Pair, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text(ca.certificate)
    (tmp_path / "tls.crt").write_text(server.certificate)
    at = str(int((NOW + timedelta(days=1)).timestamp()))
    strict = ["-x509_strict", "-purpose", "sslserver", "-attime", at]
    for name in (["-verify_hostname", "registry.example.org"], ["-verify_ip", "fd00::22"]):
        told = subprocess.run(
            ["openssl", "verify", *strict, *name, "-CAfile", "ca.crt", "tls.crt"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert told.stdout == "tls.crt: OK\n", told.stderr


def test_what_a_server_is_given_loads(server: Pair, tmp_path: Path) -> None:
    (tmp_path / "tls.pem").write_text(server.certificate + server.key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "tls.pem")


def test_what_stands_in_it(ca: Pair, server: Pair) -> None:
    leaf, authority = x509.load_pem_x509_certificates(server.certificate.encode())
    assert leaf.not_valid_after_utc == NOW + timedelta(days=397)
    assert authority.not_valid_after_utc == NOW + timedelta(days=3650)
    assert server.certificate.endswith(ca.certificate)
    basic = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert basic.value == x509.BasicConstraints(ca=True, path_length=0)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_two_cas_have_two_names() -> None:
    first, second = (
        x509.load_pem_x509_certificate(tls.new_ca(f"{'long.' * 40}example.org", NOW).certificate.encode())
        for _ in range(2)
    )
    assert first.subject != second.subject


def test_a_long_domain(ca: Pair) -> None:
    domain = f"{'long.' * 40}example.org"
    assert tls.why_due(tls.new_certificate(ca, [domain], NOW), ca.certificate, [domain], NOW) == ""


def test_names() -> None:
    nodes = {
        "node1": "10.0.0.21",
        "10.0.0.22": "10.0.0.22",
        "node_3": "FD00:0::0023",
        "Node4": "node4.example.org",
        "localhost": "127.0.0.1",
    }
    assert tls.names_of("Registry.example.org", nodes) == (
        *("registry.example.org", "10.0.0.21", "10.0.0.22", "fd00::23", "node4.example.org"),
        *("node1", "node4"),
    )


def days(number: float) -> datetime:
    return NOW + timedelta(days=number)


@pytest.mark.parametrize(
    ("names", "now", "reason"),
    [
        (NAMES, NOW, ""),
        (NAMES[:2], NOW, ""),  # a node that left costs no restart
        ((*NAMES, "10.0.0.23", "node3"), NOW, "it is not for 10.0.0.23, node3"),
        (NAMES, days(366.9), ""),
        (NAMES, days(367.1), "it ends on 2027-12-25"),
        (NAMES, days(500), "it ends on 2027-12-25"),
        (NAMES, days(-1), "it begins on 2026-11-23 11:00 UTC only (is the clock right?)"),
    ],
)
def test_due(ca: Pair, server: Pair, names: tuple[str, ...], now: datetime, reason: str) -> None:
    assert tls.why_due(server, ca.certificate, names, now) == reason


def test_due_for_what_is_broken(ca: Pair, server: Pair) -> None:
    other = tls.new_ca("registry.example.org", NOW)
    alone = tls.chain(server.certificate)[0]
    cases = {
        "there is none": (Pair(), ca),
        "its key is missing": (Pair(server.certificate, other.key), ca),
        "another CA signed it": (server, other),
        "the CA is not in its chain": (Pair(alone, server.key), ca),
    }
    for reason, (pair, authority) in cases.items():
        assert tls.why_due(pair, authority.certificate, NAMES, NOW) == reason
    assert tls.why_due(Pair("garbage", "garbage"), ca.certificate, NAMES, NOW) == "there is none"


def test_what_keeps_a_ca_from_signing(ca: Pair) -> None:
    other = tls.new_ca("registry.example.org", NOW)
    assert tls.ca_fault(ca, NOW) == ""
    assert tls.ca_fault(Pair(ca.certificate), NOW) == "its key is not on this machine"
    assert tls.ca_fault(Pair(ca.certificate, other.key), NOW) == "the key on this machine is another CA's"
    assert tls.ca_fault(ca, days(3630)) == "it ends on 2036-11-20"
    assert "is the clock right?" in tls.ca_fault(ca, days(-1))


def test_it_does_not_outlive_its_ca(ca: Pair) -> None:
    late = tls.new_certificate(ca, NAMES, days(3500))
    assert tls.end(late.certificate) == days(3650)
    assert tls.end("garbage") is None


def test_the_token_key_is_pkcs1_in_whatever_form_it_came(tmp_path: Path) -> None:
    key = tls.new_token_key()
    assert key.startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    pkcs8 = subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-nocrypt"], input=key, capture_output=True, text=True, timeout=30
    ).stdout
    assert pkcs8.startswith("-----BEGIN PRIVATE KEY-----")
    assert tls.token_key(pkcs8) == key
    certificate = tls.token_certificate(key, NOW)
    assert tls.belongs(certificate, key)
    assert not tls.belongs(certificate, tls.new_token_key())


def test_what_is_no_token_key(ca: Pair) -> None:
    assert tls.token_key(ca.key) == ""
    assert tls.token_key("garbage") == ""


def test_no_key_is_seen(ca: Pair, server: Pair) -> None:
    for pair in (ca, server):
        assert pair.key.splitlines()[1] not in repr(pair)
