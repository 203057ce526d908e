"""The lab cluster's authority and what it signed: one folder, made whole or not at all.

The files' names are kubeadm's where kubeadm has the file. Users' certificates carry
their name and groups as Kubernetes reads them: CN is the user, O a group.
"""

import datetime
import ipaddress
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVICE_NAMES = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"]
SERVICE_NAMES += ["kubernetes.default.svc.cluster.local"]
# Who talks to the API server, as (user, group).
USERS = {
    "admin": ("kubernetes-admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "kube-proxy": ("system:kube-proxy", ""),
    "coredns": ("system:coredns", ""),
    # Whom the kubelets let in: logs and exec. Its rights are a binding in cluster.yaml.
    "apiserver-kubelet-client": ("kube-apiserver-kubelet-client", ""),
}
# A lab lives for days and its snapshots for weeks; nothing in it renews a certificate.
YEARS = 10
# Guests go on from a snapshot with its clock, so "now" differs between hosts for a moment.
BACKDATED = datetime.timedelta(days=1)


def ensure(folder: Path, server: list[str], nodes: Mapping[str, str]) -> None:
    """Make the authority and all certificates in `folder`, unless it is there already.

    + server: addresses of the API server, its Service's among them
    + nodes: address of each node, by name
    """
    if folder.is_dir():
        return
    work = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700, parents=True)
    _service_account_key(work)
    # Another one: whoever holds a certificate of it may speak for anybody (aggregated APIs).
    Authority(work, "front-proxy-ca").issue("front-proxy-client", "front-proxy-client")
    authority = Authority(work, "ca")
    authority.issue("apiserver", "kube-apiserver", names=SERVICE_NAMES, addresses=server)
    for file, (user, group) in USERS.items():
        authority.issue(file, user, group)
    for name, address in nodes.items():
        authority.issue(f"node-{name}", f"system:node:{name}", "system:nodes")
        authority.issue(f"kubelet-{name}", f"system:node:{name}", names=[name], addresses=[address])
    work.rename(folder)


class Authority:
    """A new authority, FILE.key and FILE.crt in a folder."""

    def __init__(self, folder: Path, file: str) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(f"breakwater-lab {file}", "")
        self.key_id = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        builder = _builder(self.name, self.name, self.key)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs=True), critical=True)
        builder = builder.add_extension(self.key_id, critical=False)
        _write(folder / f"{file}.key", _pem(self.key))
        _write(folder / f"{file}.crt", _signed(builder, self.key))

    def issue(
        self,
        file: str,
        user: str,
        group: str = "",
        *,
        names: list[str] | None = None,
        addresses: list[str] | None = None,
    ) -> None:
        """Write FILE.key and FILE.crt: a server's with names or addresses, a client's without."""
        key = ec.generate_private_key(ec.SECP256R1())
        sans: list[x509.GeneralName] = [x509.DNSName(name) for name in names or []]
        sans += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses or []]
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if sans else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = _builder(_name(user, group), self.name, key)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self.key_id)
        builder = builder.add_extension(issuer, critical=False)
        if sans:
            builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
        _write(self.folder / f"{file}.key", _pem(key))
        _write(self.folder / f"{file}.crt", _signed(builder, self.key))


def _service_account_key(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _write(folder / "sa.key", _pem(key))
    _write(folder / "sa.pub", public)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - BACKDATED)
    return builder.not_valid_after(now + datetime.timedelta(days=365 * YEARS))


def _name(user: str, group: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(file: Path, content: bytes) -> None:
    mode = 0o644 if file.suffix in (".crt", ".pub") else 0o600
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as output:
        output.write(content)
