"""The CA and the certificate of the node ports: which copies are right, and whether a new one is due."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from breakwater import tls
from breakwater.harbor.adoption import Place
from breakwater.harbor.choices import CA, TLS, TO_BASTION, TO_CLUSTER
from breakwater.harbor.copies import Cluster, Wanted
from breakwater.secrets import fingerprint
from breakwater.tls import Pair

FILES = ("ca.key", "ca.crt", "tls.key", "tls.crt")
# A new CA is announced this long before it must be.
_ANNOUNCED = timedelta(days=365)
_NEW_CA = "`--data new_ca=yes`, after which every client must trust the new ca.crt"


@dataclass
class Certificates:
    """What the certificates shall be; problems and lines as they were found.

    + ca: its key is empty when this machine does not have it
    """

    ca: Pair = field(default_factory=Pair)
    server: Pair = field(default_factory=Pair)
    made: bool = False  # the CA, for the first time
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def files(self) -> dict[str, str]:
        """{name: content} on the bastion. The CA's key and certificate are one file: never half of a pair."""
        bundle = {"ca.key": self.ca.key + self.ca.certificate} if self.ca.key else {}
        return bundle | {
            "ca.crt": self.ca.certificate,
            "tls.key": self.server.key,
            "tls.crt": self.server.certificate,
        }

    def secrets(self) -> dict[str, dict[str, str]]:
        """{Secret: {key: value}} in the cluster."""
        server = {"tls.crt": self.server.certificate, "tls.key": self.server.key}
        return {CA: {"ca.crt": self.ca.certificate}, TLS: server}


def certificates(
    wanted: Wanted, held: Mapping[str, str], cluster: Cluster, adopt: str, new_ca: bool, now: datetime
) -> Certificates:
    """Decide the certificates.

    + held: {name: content} of FILES on the bastion
    + adopt: which side is right when the two CAs differ: `cluster`, `bastion` or empty for neither
    + new_ca: make another CA, whatever there is
    """
    found = Certificates()
    _choose_ca(found, wanted, held, cluster, adopt, new_ca, now)
    if not found.problems:
        _choose_server(found, wanted, held, cluster, now)
    ends = tls.end(found.ca.certificate)
    if ends and ends - now < _ANNOUNCED:
        found.warnings.append(f"CA: it ends on {ends:%Y-%m-%d}; before that, run once with {_NEW_CA}")
    return found


def _choose_ca(
    found: Certificates,
    wanted: Wanted,
    held: Mapping[str, str],
    cluster: Cluster,
    adopt: str,
    new_ca: bool,
    now: datetime,
) -> None:
    bundle, served = held.get("ca.key", ""), cluster.at(Place(TLS, "tls.crt"))
    there = _first(cluster.at(Place(CA, "ca.crt")), *_rest(served))
    here = _first(bundle, held.get("ca.crt", ""), *_rest(held.get("tls.crt", "")))
    if there and _first(held.get("ca.crt", "")) == there:
        here = there  # a ca.key of another CA does not change whom the clients trust
    certificate = there if adopt == "cluster" and there else here or there
    if new_ca or not certificate:
        if not new_ca and _serves_ours(cluster):
            found.problems.append(
                f"CA: neither this machine nor the cluster has its certificate, and clients trust it; put"
                f" ca.key back into {wanted.folder} from a backup, or run with {_NEW_CA}"
            )
            return
        found.ca, found.made = tls.new_ca(wanted.domain, now), True
        if certificate:
            place = wanted.folder / "ca.crt"
            found.lines.append(f"CA: a new one, as new_ca says; every client must now trust {place}")
        return
    if here and there and here != there and not adopt:
        found.problems.append(
            f"CA: this machine has {fingerprint(here)}, the cluster {fingerprint(there)}; run again with"
            " `--data adopt_secrets=cluster` or `=bastion`, whichever the clients trust"
        )
        return
    key = bundle[: bundle.find("-----BEGIN CERTIFICATE")] if "CERTIFICATE" in bundle else bundle
    found.ca = Pair(certificate, tls.tidy(key) if tls.belongs(certificate, key) else "")
    if not held.get("ca.crt"):
        found.lines.append(f"ca.crt: {TO_BASTION}" if not here else "ca.crt: written anew from ca.key")
    elif not there:
        found.lines.append(f"ca.crt: {TO_CLUSTER}")
    if not found.ca.key:
        found.warnings.append(
            f"CA: {tls.ca_fault(Pair(certificate, key), now)}, so that the certificate of the node ports"
            f" cannot be renewed; put ca.key back into {wanted.folder} from a backup"
        )


def _choose_server(
    found: Certificates, wanted: Wanted, held: Mapping[str, str], cluster: Cluster, now: datetime
) -> None:
    names = tls.names_of(wanted.domain, dict(wanted.nodes))
    there = Pair(cluster.at(Place(TLS, "tls.crt")), tls.tidy(cluster.at(Place(TLS, "tls.key"))))
    here = Pair(tls.tidy(held.get("tls.crt", "")), tls.tidy(held.get("tls.key", "")))
    reasons = [(pair, tls.why_due(pair, found.ca.certificate, names, now)) for pair in (there, here)]
    # Both copies serve after a run that was killed between them: the newer one, so that it goes on.
    good = [pair for pair, reason in reasons if not reason]
    if good:
        found.server = max(good, key=lambda pair: tls.end(pair.certificate) or now)
        if not here.certificate or not there.certificate:
            how = TO_CLUSTER if here.certificate else TO_BASTION
            found.lines.append(f"certificate of the node ports: {how}")
        return
    pair, reason = next(((p, r) for p, r in reasons if p.certificate), reasons[0])
    if fault := tls.ca_fault(found.ca, now):
        found.problems.append(
            f"certificate of the node ports: a new one is due, since {reason}, but the CA cannot sign:"
            f" {fault}; put ca.key back into {wanted.folder} from a backup, or run with {_NEW_CA}"
        )
        return
    found.server = tls.new_certificate(found.ca, names, now)
    if pair.certificate:
        found.lines.append(
            f"certificate of the node ports: renewed, since {reason}; a push in flight may have to be"
            " repeated"
        )


def _serves_ours(cluster: Cluster) -> bool:
    """Whether the live release was told to use the certificate that our CA signed."""
    value: object = cluster.live
    for key in ("expose", "tls", "secret", "secretName"):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value == TLS


def _rest(text: str) -> list[str]:
    """The certificates after the first one."""
    return tls.chain(text)[1:]


def _first(*texts: str) -> str:
    """The first certificate of the first text that has one, as PEM."""
    return next((found[0] for found in map(tls.chain, texts) if found), "")
