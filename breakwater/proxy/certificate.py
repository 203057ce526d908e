"""The certificates that clients of the proxies see: made by breakwater's own CA, or the user's files.

Looked at in preflight, which writes nothing; written when every host may be changed. Files of the user's are
read by every run, and stay where they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from breakwater import tls
from breakwater.commands import Refusal
from breakwater.proxy.settings import CertificateFiles, DomainCertificate, Proxy
from breakwater.proxy.users_certificate import authority_of, doubts, read_authority, read_pair
from breakwater.proxy.wanted import name_of
from breakwater.secrets import Store
from breakwater.tls import Pair


@dataclass(frozen=True)
class Certificates:
    """What every site has.

    + certificates: {the site's first name: chain and key, one PEM}
    + authorities: {the site's first name: CA's PEM} of the sites whose upstreams speak TLS
    + trusted: who signed the domain's certificate, as PEM; empty: a CA that every host knows
    + lines: what will change, to be said; empty when nothing will
    + warnings: what may be regretted, to be said by every run
    + files: {name: content} that the bastion does not have so
    """

    certificates: Mapping[str, str] = field(repr=False)
    authorities: Mapping[str, str] = field(repr=False)
    trusted: str = field(repr=False)
    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    files: Mapping[str, str] = field(repr=False)


def harbor_ca(held: Mapping[str, str]) -> Pair:
    """Harbor's CA.

    + held: {ca.key, ca.crt: content} as the bastion has them, or will have them; no key when it is missing
    """
    bundle = held.get("ca.key", "")
    certificate = next(iter(tls.chain(held.get("ca.crt", "")) or tls.chain(bundle)), "")
    begin = bundle.find("-----BEGIN CERTIFICATE")
    key = tls.tidy(bundle[:begin] if begin >= 0 else bundle)
    return Pair(certificate, key if tls.belongs(certificate, key) else "")


def certificates(folder: Path, ca: Pair, domain: str, proxy: Proxy, now: datetime) -> Certificates:
    """Decide all of them. Writes nothing.

    + folder: the bastion's, for those that we make
    + ca: Harbor's, see harbor_ca()
    + now: with a time zone

    Raises Refusal with every problem, a line each.
    """
    seen = _Seen(Store(folder), ca, now)
    seen.site(proxy.names(domain), proxy.certificate)
    seen.authorities[domain] = ca.certificate
    trusted = ca.certificate if proxy.certificate is None else seen.signer(domain, proxy.certificate)
    for upstream in proxy.upstreams:
        seen.site((upstream.domain,), upstream.certificate)
        if upstream.certificate is not None:
            seen.doubt(upstream.domain, upstream.certificate)
        if upstream.tls and upstream.ca is not None:
            seen.authority(upstream.domain, upstream.ca)
    if seen.problems:
        raise Refusal("\n".join(seen.problems))
    return Certificates(
        seen.certificates, seen.authorities, trusted, tuple(seen.lines), tuple(seen.warnings), seen.files
    )


def write(found: Certificates, folder: Path) -> None:
    """Keep what we made, 0600, and what was there before beside it. Raises Refusal."""
    for name, text in found.files.items():
        Store(folder).write(name, text)


class _Seen:
    """Collects what certificates() gives back."""

    def __init__(self, store: Store, ca: Pair, now: datetime) -> None:
        self._store, self._ca, self._now = store, ca, now
        self.certificates: dict[str, str] = {}
        self.authorities: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self.problems: list[str] = []

    def site(self, names: Sequence[str], given: CertificateFiles | None) -> None:
        """The certificate for these names, the user's or ours."""
        try:
            if given is None:
                self.certificates[names[0]] = self._ours(names)
                return
            pem, warnings = read_pair(given, names, self._now)
            self.certificates[names[0]] = pem
            self.warnings += warnings
        except Refusal as error:
            self.problems.append(str(error))

    def authority(self, name: str, path: str) -> None:
        """The CA of a user's own upstream."""
        try:
            self.authorities[name] = read_authority(path, self._now)
        except Refusal as error:
            self.problems.append(str(error))

    def signer(self, name: str, given: DomainCertificate) -> str:
        """The CA of a certificate of the user's that hosts are to trust; empty for one that they know."""
        if self.problems:
            return ""
        try:
            return authority_of(given, name, self._now)
        except Refusal as error:
            self.problems.append(str(error))
            return ""

    def doubt(self, name: str, given: CertificateFiles) -> None:
        """Of another site's certificate, whose clients may know any CA."""
        if not self.problems:
            self.warnings += doubts(given, name)

    def _ours(self, names: Sequence[str]) -> str:
        """The one that is kept, or a new one when it does not serve. Raises Refusal."""
        file, what = f"{name_of(names[0])}.pem", f"certificate of {names[0]}"
        held = _parted(self._store.read(file).get(file, ""))
        reason = tls.why_due(held, self._ca.certificate, names, self._now)
        if not reason:
            return held.certificate + held.key
        if fault := tls.ca_fault(self._ca, self._now):
            raise Refusal(
                f"{what}: a new one is due, since {reason}, but the CA cannot sign: {fault}; put ca.key back"
                " from a backup, or give proxy.certificate files of your own"
            )
        made = tls.new_certificate(self._ca, names, self._now)
        self.lines.append(f"{what}: {f'renewed, since {reason}' if held.certificate else 'made'}")
        self.files[file] = made.certificate + made.key
        return self.files[file]


def _parted(pem: str) -> Pair:
    """One file's certificates and its key."""
    certificates = "".join(tls.chain(pem))
    begin = pem.find("-----BEGIN PRIVATE KEY")
    return Pair(certificates, tls.tidy(pem[begin:]) if begin >= 0 else "")
