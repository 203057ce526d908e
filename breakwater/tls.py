"""Harbor's certificates: our own CA, the certificate of the node ports, the key that signs tokens.

P-256, since its signatures cost small machines little and everything that pulls images has verified it for
ten years; the token key is RSA in PKCS#1, the one form that Harbor's core reads (libtrust).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from breakwater.addresses import canonical, dns_name

# 398 days is the most that Apple's systems take of a server, from a CA of one's own too.
_LEAF, _CA = timedelta(days=397), timedelta(days=3650)
RENEW_AHEAD = timedelta(days=30)
# A client's clock may be late.
_EARLIER = timedelta(hours=1)
_LONGEST_NAME = 64  # of a common name, RFC 5280


@dataclass(frozen=True)
class Pair:
    """A certificate, with what it is verified by, and its private key, each as PEM; empty when missing."""

    certificate: str = ""
    key: str = field(default="", repr=False)


def new_ca(domain: str, now: datetime) -> Pair:
    """A CA for 10 years. Two CAs of one domain have two names, since OpenSSL looks them up by name."""
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    name = _name(f"breakwater CA {serial:x}"[:24] + f" {domain}"[: _LONGEST_NAME - 24])
    usage = _usage(key_cert_sign=True, crl_sign=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _certificate(name, name, key.public_key(), serial, now, now + _CA)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, SHA256())
    )
    return Pair(_pem(certificate), _key_pem(key))


def new_certificate(ca: Pair, names: Sequence[str], now: datetime) -> Pair:
    """A server's certificate for 397 days, never longer than the CA's, followed by the CA's own.

    + names: DNS names and addresses; the first is the common name too
    """
    authority = _load(ca.certificate)
    key, ca_key = ec.generate_private_key(ec.SECP256R1()), _ec_key(ca.key)
    if authority is None or ca_key is None:
        raise ValueError("no CA that can sign")  # the plan has looked before
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    end = min(now + _LEAF, authority.not_valid_after_utc)
    serial = x509.random_serial_number()
    common = names[0] if len(names[0]) <= _LONGEST_NAME else "breakwater"
    certificate = (
        _certificate(_name(common), authority.subject, key.public_key(), serial, now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(purpose, critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issuer, critical=False)
        .sign(ca_key, SHA256())
    )
    return Pair(_pem(certificate) + tidy(ca.certificate), _key_pem(key))


def names_of(domain: str, nodes: dict[str, str]) -> tuple[str, ...]:
    """What the certificate of the node ports stands for: the domain, each node's address and name.

    + nodes: {host name: address}; an address may be a name; this machine's own (127.0.0.1) is nobody's
    """
    wanted = [domain.lower()]
    for name in (*nodes.values(), *nodes):
        plain = canonical(name)
        if plain is not None and "/" not in plain:
            if not ip_address(plain).is_loopback:
                wanted.append(plain)
        elif dns_name(name) and name.lower() != "localhost":
            wanted.append(name.lower())
    return tuple(dict.fromkeys(wanted))


def why_due(pair: Pair, ca: str, names: Sequence[str], now: datetime) -> str:
    """Why a new certificate is needed; empty when this one serves.

    + ca: the CA's certificate, as PEM
    + names: those it must stand for; more of them do no harm
    """
    certificate, authority = _load(pair.certificate), _load(ca)
    if certificate is None or authority is None:
        return "there is none"
    if not belongs(pair.certificate, pair.key):
        return "its key is missing"
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return "another CA signed it"
    if chain(pair.certificate)[1:] != chain(ca)[:1]:
        return "the CA is not in its chain"
    if missing := [name for name in names if name not in _stands_for(certificate)]:
        return f"it is not for {', '.join(missing)}"
    if certificate.not_valid_after_utc - now < RENEW_AHEAD:
        return f"it ends on {_day(certificate)}"
    return _not_begun(certificate, now)


def ca_fault(ca: Pair, now: datetime) -> str:
    """Why this CA cannot sign; empty when it can."""
    certificate, key = _load(ca.certificate), _ec_key(ca.key)
    if certificate is None or key is None:
        return "its key is not on this machine"
    if key.public_key() != certificate.public_key():
        return "the key on this machine is another CA's"
    if certificate.not_valid_after_utc - now < RENEW_AHEAD:
        return f"it ends on {_day(certificate)}"
    # Signed by a clock that is wrong, a certificate would have ended, or not begun, for everybody else.
    return _not_begun(certificate, now)


def end(certificate: str) -> datetime | None:
    """When a certificate ends; None when it is none."""
    found = _load(certificate)
    return found.not_valid_after_utc if found else None


def new_token_key() -> str:
    """The key that signs tokens: RSA, PKCS#1."""
    return _rsa_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def token_key(pem: str) -> str:
    """The same key in the one form that Harbor reads; empty when it is no RSA key."""
    key = _key(pem)
    return _rsa_pem(key) if isinstance(key, rsa.RSAPrivateKey) else ""


def token_certificate(pem: str, now: datetime) -> str:
    """A certificate for the token key, by itself. Nobody looks at its end: tokens name the key (kid)."""
    key = _key(pem)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("no RSA key")  # the plan has looked before
    name = _name("harbor-token")
    return _pem(
        _certificate(name, name, key.public_key(), x509.random_serial_number(), now, now + _CA)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )


def belongs(certificate: str, key: str) -> bool:
    """Whether a certificate is this key's."""
    found, private = _load(certificate), _key(key)
    if found is None or not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return False
    return found.public_key() == private.public_key()


def chain(pem: str) -> list[str]:
    """The certificates of a PEM text, in order, one text each; empty when it is none."""
    try:
        return [_pem(found) for found in x509.load_pem_x509_certificates(pem.encode())]
    except ValueError:
        return []


def tidy(pem: str) -> str:
    """PEM with one line end after it, so that two copies of it are equal."""
    return pem.strip() + "\n" if pem.strip() else ""


def _load(pem: str) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificates(pem.encode())[0]
    except ValueError:
        return None


# Reading an RSA key tries its primes, which takes 0.1 s and more; both copies of it are asked often.
@lru_cache(maxsize=16)
def _key(pem: str) -> object:
    try:
        return load_pem_private_key(pem.encode(), password=None)
    # TypeError: it wants a password. What is wrong with it is not said: that might quote it.
    except (ValueError, TypeError):
        return None


def _ec_key(pem: str) -> ec.EllipticCurvePrivateKey | None:
    key = _key(pem)
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    serial: int,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(serial).not_valid_before(now - _EARLIER).not_valid_after(end)


def _usage(**uses: bool) -> x509.KeyUsage:
    every = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**(dict.fromkeys(every, False) | uses))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(name: str) -> x509.GeneralName:
    plain = canonical(name)
    return x509.IPAddress(ip_address(plain)) if plain is not None else x509.DNSName(name)


def _stands_for(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return set()
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    return addresses | set(names.get_values_for_type(x509.DNSName))


def _not_begun(certificate: x509.Certificate, now: datetime) -> str:
    begins = certificate.not_valid_before_utc
    return f"it begins on {begins:%Y-%m-%d %H:%M} UTC only (is the clock right?)" if begins > now else ""


def _day(certificate: x509.Certificate) -> str:
    return f"{certificate.not_valid_after_utc.astimezone(UTC):%Y-%m-%d}"


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _rsa_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
