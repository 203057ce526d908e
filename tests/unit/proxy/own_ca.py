"""A CA that nobody knows, another between it and the domain's certificate, and what is signed by them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from real_envoy import DOMAIN

from breakwater.proxy.certificate import Certificates, certificates
from breakwater.proxy.settings import DomainCertificate, Proxy
from breakwater.tls import Pair

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
CURVE = ec.generate_private_key(ec.SECP256R1())
ROOT, BETWEEN = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def issued(
    name: str,
    key: Any,
    issuer: str,
    signer: Any,
    names: Sequence[str] = (),
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + 90 * DAY,
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
) -> bytes:
    """A certificate as PEM."""
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    subject, by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(authority, critical=False)
        .add_extension(_usage(ca=not names), critical=True)
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
        builder = builder.add_extension(alternative, critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    return builder.sign(signer, SHA256()).public_bytes(Encoding.PEM)


def _usage(ca: bool) -> x509.KeyUsage:
    every = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{use: use == ("key_cert_sign" if ca else "digital_signature") for use in every})


def leaf(key: Any = CURVE, **changes: Any) -> bytes:
    """One for the domain, by the CA between."""
    return issued("leaf", key, "between", BETWEEN, **{"names": [DOMAIN], **changes})


def pem(key: Any, encryption: Any = None) -> bytes:
    """A key as PEM."""
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()))


MIDDLE = issued("between", BETWEEN, "root", ROOT)
GOOD = leaf() + MIDDLE
ROOT_CA = issued("root", ROOT, "root", ROOT)


def looked_at(
    folder: Path,
    chain: bytes | None,
    key: bytes | None,
    mode: int = 0o600,
    authority: bytes | None = None,
    **keys: Any,
) -> Certificates:
    """What certificates() says of these files, put into a folder as chain.pem, key.pem and ca.pem."""
    for name, content in (("chain.pem", chain), ("key.pem", key), ("ca.pem", authority)):
        if content is not None:
            (folder / name).write_bytes(content)
            (folder / name).chmod(mode)
    given = DomainCertificate(
        certificate=str(folder / "chain.pem"),
        key=str(folder / "key.pem"),
        ca=str(folder / "ca.pem") if authority is not None else None,
    )
    return certificates(folder / "proxy", Pair(), DOMAIN, Proxy(certificate=given, **keys), NOW)
