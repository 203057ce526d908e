"""A certificate that the user brings: all that would make clients, or Envoy, refuse it, said before."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from breakwater.commands import Refusal
from breakwater.proxy.handshake import client_refuses
from breakwater.proxy.settings import CertificateFiles, DomainCertificate
from breakwater.secrets import read_source
from breakwater.tls import RENEW_AHEAD

# A system's whole list of CAs has some 250 KB.
_LARGEST = 1024 * 1024
_KEY = re.compile(r"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----.+?-----END ([A-Z]+ )?PRIVATE KEY-----", re.DOTALL)
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def read_pair(given: CertificateFiles, names: Sequence[str], now: datetime) -> tuple[str, list[str]]:
    """Chain and key as one PEM, and what may be regretted.

    + names: those that clients ask for
    + now: with a time zone

    Raises Refusal with every problem, a line each: the file, what is wrong with it, what to do.
    """
    problems: list[str] = []
    chain: list[x509.Certificate] = []
    key: _Key | None = None
    try:
        chain = _certificates(given.certificate)
    except Refusal as error:
        problems.append(str(error))
    try:
        key = _private_key(given.key)
    except Refusal as error:
        problems.append(str(error))
    if chain and key:
        problems += _pair_problems(given, chain, key)
    if chain:
        problems += [f"{given.certificate}: {fault}" for fault in _chain_problems(chain, names, now)]
    if problems or key is None:
        raise Refusal("\n".join(problems))
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem = b"".join(found.public_bytes(Encoding.PEM) for found in chain) + text
    return pem.decode(), list(_regrets(given.certificate, chain[0], now))


def read_authority(path: str, now: datetime) -> str:
    """The CA, or several, that an upstream's certificate is verified by. Raises Refusal."""
    found = _certificates(path)
    # A system's list may well have one that has ended.
    if not [each for each in found if each.not_valid_after_utc > now]:
        day = f"{found[0].not_valid_after_utc:%Y-%m-%d}"
        raise Refusal(f"{path}: ended on {day}; name the file of the CA that signs today")
    return b"".join(each.public_bytes(Encoding.PEM) for each in found).decode()


def authority_of(given: DomainCertificate, name: str, now: datetime) -> str:
    """The CA, as PEM, that clients are to trust for this certificate; empty: they know it already.

    + given: files that read_pair() took
    + name: that clients ask for

    Raises Refusal.
    """
    if given.ca is None:
        if why := client_refuses(given, name, None):
            raise Refusal(
                f"{given.certificate}: a client that was told of no CA refuses it: {why}"
                f" (signed by {_issuer(given)}); put the certificates that lead to a public CA behind it, or"
                " name the file of its own CA in proxy.certificate.ca"
            )
        return ""
    authority, last = read_authority(given.ca, now), _certificates(given.certificate)[-1]
    signers = [ca for ca in _certificates(given.ca) if ca == last or _signed(last, ca)]
    if not signers:
        raise Refusal(
            f"{given.ca}: is not the CA of {given.certificate}, which was signed by {_issuer(given)}; name"
            " that one's file, or put the certificates in between behind the other"
        )
    if max(signer.not_valid_after_utc for signer in signers) <= now:
        day = f"{signers[0].not_valid_after_utc:%Y-%m-%d}"
        who = signers[0].subject.rfc4514_string()
        raise Refusal(f"{given.ca}: {who} in it ended on {day}; name the file of the CA that signs today")
    if why := client_refuses(given, name, given.ca):
        root = any(signer.issuer == signer.subject for signer in signers)
        above = f"it is no root; name the file of {signers[0].issuer.rfc4514_string()}, which signed it"
        fix = "have one made without that fault" if root else above
        raise Refusal(f"{given.ca}: a client that trusts it refuses {given.certificate}: {why}; {fix}")
    return authority


def doubts(given: CertificateFiles, name: str) -> Iterator[str]:
    """What may be wrong with a certificate whose CA nobody has named, and may be right as well.

    + given, name: as for authority_of()
    """
    last = _certificates(given.certificate)[-1]
    why = client_refuses(given, name, None)
    # One that ends in its own CA is complete: clients of that site may know a CA that this machine does not.
    if why and last.issuer != last.subject:
        yield (
            f"{given.certificate}: {name}: clients that know the CAs of this machine refuse it: {why} (signed"
            f" by {_issuer(given)}); put the certificates that lead to its CA behind it, a CA of your own"
            " included"
        )


def _signed(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    with suppress(InvalidSignature, ValueError, TypeError):
        certificate.verify_directly_issued_by(ca)
        return True
    return False


def _issuer(given: CertificateFiles) -> str:
    return _certificates(given.certificate)[-1].issuer.rfc4514_string()


def _certificates(path: str) -> list[x509.Certificate]:
    """Of a PEM file, at least one, in its order. Raises Refusal."""
    try:
        with Path(path).expanduser().open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}; write the certificate's file there") from error
    if len(data) > _LARGEST:
        raise Refusal(f"{path}: larger than {_LARGEST} bytes; is it the right file?")
    if b"-----BEGIN CERTIFICATE-----" not in data:
        way = f"`openssl x509 -inform der -in {path}`" if data[:1] == b"\x30" else "is it the right file?"
        raise Refusal(f"{path}: holds no certificate as PEM (-----BEGIN CERTIFICATE-----); {way}")
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise Refusal(f"{path}: holds a broken certificate; copy it anew, each line of it") from None


def _private_key(path: str) -> _Key:
    """Of a PEM file that only its owner reads. Raises Refusal, in which the key never stands."""
    try:
        text = read_source(f"file:{path}")
    except Refusal as error:
        raise Refusal(str(error).removeprefix("file:")) from None
    if "ENCRYPTED" in text:
        way = f"`openssl pkey -in {path} -out FILE` writes one without"
        raise Refusal(f"{path}: wants a password, which nobody types when Envoy starts; {way}")
    found = _KEY.search(text)
    if not found:
        begin = "-----BEGIN PRIVATE KEY-----"
        raise Refusal(f"{path}: holds no private key as PEM ({begin}); is it the right file?")
    try:
        key = load_pem_private_key(found[0].encode() + b"\n", password=None)
    except (ValueError, TypeError):
        # What is wrong is not said: it might quote the key.
        raise Refusal(f"{path}: holds a broken private key; copy it anew, each line of it") from None
    # What Envoy takes; it says so only when it starts.
    fit = isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048
    if not fit and not (isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES)):
        raise Refusal(f"{path}: is neither RSA with 2048 bits or more nor P-256, P-384 or P-521, and Envoy"
                      " takes no other; make a key and a certificate of such a kind")  # fmt: skip
    assert isinstance(key, _Key)  # noqa: S101
    return key


def _pair_problems(given: CertificateFiles, chain: Sequence[x509.Certificate], key: _Key) -> Iterator[str]:
    owners = [index for index, found in enumerate(chain) if found.public_key() == key.public_key()]
    if not owners:
        yield (
            f"{given.key}: is not the key of {given.certificate}; name the two files that were made together"
        )
    elif owners[0] != 0:
        yield (
            f"{given.certificate}: the certificate of the key is number {owners[0] + 1} in it; put it first,"
            " then those that lead to its CA"
        )


def _chain_problems(chain: Sequence[x509.Certificate], names: Sequence[str], now: datetime) -> Iterator[str]:
    for number, (signed, signer) in enumerate(pairwise(chain), start=1):
        if not _signed(signed, signer):
            yield (
                f"its certificate {number + 1} did not sign certificate {number}; put each one before the one"
                " that signed it"
            )
    for number, found in enumerate(chain, start=1):
        what = "it" if len(chain) == 1 else f"its certificate {number}"
        if found.not_valid_after_utc <= now:
            yield f"{what} ended on {found.not_valid_after_utc:%Y-%m-%d}; renew it"
        if found.not_valid_before_utc > now:
            begins = f"{found.not_valid_before_utc:%Y-%m-%d %H:%M}"
            yield f"{what} begins on {begins} UTC only; wait until then, or set this machine's clock right"
    stands = _names(chain[0])
    if missing := [name for name in names if not any(_covers(entry, name) for entry in stands)]:
        known = f"it is for {', '.join(stands[:5])}" if stands else "it names nobody (no subjectAltName)"
        yield f"it is not for {', '.join(missing)}: {known}; get one that names them"
    try:
        purposes = chain[0].extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return
    if ExtendedKeyUsageOID.SERVER_AUTH not in purposes:
        yield "it is not for servers (extendedKeyUsage without serverAuth); get one that is"


def _names(certificate: x509.Certificate) -> list[str]:
    """DNS names, wildcards too. A common name is no name: no client has looked at it for years."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [name.lower() for name in found.get_values_for_type(x509.DNSName)]


def _covers(entry: str, name: str) -> bool:
    """Whether a certificate's name stands for this one: a wildcard for one label, the first."""
    if entry.startswith("*."):
        return name.partition(".")[2] == entry[2:]
    return name == entry


def _regrets(path: str, leaf: x509.Certificate, now: datetime) -> Iterator[str]:
    if leaf.not_valid_after_utc - now < RENEW_AHEAD:
        days = (leaf.not_valid_after_utc - now).days
        yield f"{path}: ends on {leaf.not_valid_after_utc:%Y-%m-%d}, in {days} days; renew it and run again"
