"""The lab's Kubernetes, as far as it goes without a guest: certificates, files, decisions."""

from __future__ import annotations

import base64
import io
import ipaddress
import json
import os
import shutil
import subprocess
import tarfile
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab import certificates, components, control_plane, node_files, nodes
from lab.guests import GUESTS, guest
from lab.processes import Failure

NODES = {"node1": "10.77.0.21", "node2": "10.77.0.22"}


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates and kubeconfigs, as control_plane.write_credentials() leaves them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        control_plane.write_credentials()
        return control_plane.folder()


def certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "pki" / f"{name}.crt").read_bytes())


def subject(found: x509.Certificate, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in found.subject.get_attributes_for_oid(oid)]


def test_every_certificate_is_the_authoritys_and_valid(credentials: Path) -> None:
    now = datetime.now(UTC)
    for file in (credentials / "pki").glob("*.crt"):
        by = "front-proxy-ca" if file.stem.startswith("front-proxy") else "ca"
        found = certificate(credentials, file.stem)
        found.verify_directly_issued_by(certificate(credentials, by))
        # Guests' clocks may be hours behind for a moment; a lab may live for months.
        assert found.not_valid_before_utc < now - timedelta(hours=12)
        assert found.not_valid_after_utc > now + timedelta(days=365)


def test_openssl_accepts_them_for_their_purpose(credentials: Path) -> None:
    pki = credentials / "pki"
    purposes = {"apiserver": "sslserver", "kubelet-node1": "sslserver", "admin": "sslclient"}
    for name, purpose in purposes.items():
        argv = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", str(pki / "ca.crt")]
        done = subprocess.run(
            [*argv, str(pki / f"{name}.crt")], capture_output=True, text=True, timeout=20, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_servers_are_named_as_they_are_called(credentials: Path) -> None:
    expected = {"apiserver": [components.ADDRESS, components.API_SERVICE, "127.0.0.1"]}
    expected |= {f"kubelet-{name}": [address] for name, address in NODES.items()}
    for name, addresses in expected.items():
        names = certificate(credentials, name).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        found = names.value.get_values_for_type(x509.IPAddress)
        assert found == [ipaddress.ip_address(address) for address in addresses]
    usage = certificate(credentials, "apiserver").extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(usage.value) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_users_are_who_kubernetes_takes_them_for(credentials: Path) -> None:
    expected = {"admin": ("kubernetes-admin", ["system:masters"])}
    expected |= {f"node-{name}": (f"system:node:{name}", ["system:nodes"]) for name in NODES}
    expected |= {"scheduler": ("system:kube-scheduler", []), "kube-proxy": ("system:kube-proxy", [])}
    for file, (user, groups) in expected.items():
        found = certificate(credentials, file)
        assert subject(found, NameOID.COMMON_NAME) == [user]
        assert subject(found, NameOID.ORGANIZATION_NAME) == groups


def test_keys_are_their_owners_only(credentials: Path) -> None:
    secret = [*(credentials / "pki").glob("*.key"), *credentials.glob("*.kubeconfig")]
    assert len(secret) > 15
    assert {file.stat().st_mode & 0o777 for file in secret} == {0o600}


def test_a_kubeconfig_holds_all_it_needs(credentials: Path) -> None:
    config = yaml.safe_load((credentials / "admin.kubeconfig").read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://10.77.0.1:6443"
    data = config["users"][0]["user"]["client-certificate-data"]
    assert base64.b64decode(data) == (credentials / "pki/admin.crt").read_bytes()


def test_credentials_are_made_once(credentials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_plane, "folder", lambda: credentials)
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files_of(credentials)}
    control_plane.write_credentials()
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files_of(credentials)} == before


def files_of(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def test_a_killed_making_of_certificates_is_begun_anew(tmp_path: Path) -> None:
    half = tmp_path / ".pki.new"
    half.mkdir()
    (half / "ca.key").write_text("half a key")
    certificates.ensure(tmp_path / "pki", ["10.77.0.1"], {})
    assert "half" not in (tmp_path / "pki/ca.key").read_text()
    assert not half.exists()


@pytest.fixture(scope="module")
def node1(credentials: Path) -> dict[str, bytes]:
    return node_files.files(guest("node1"), 'odd"name/pause:1', credentials)


def test_configurations_can_be_read_by_what_reads_them(node1: dict[str, bytes]) -> None:
    for path, content in node1.items():
        if path.endswith((".json", ".conflist")):
            json.loads(content)
    plugin = tomllib.loads(node1["etc/containerd/config.toml"].decode())["plugins"]
    assert plugin["io.containerd.grpc.v1.cri"]["sandbox_image"] == 'odd"name/pause:1'


def test_systemd_accepts_the_units(node1: dict[str, bytes], tmp_path: Path) -> None:
    units = [path for path in node1 if path.endswith(".service")]
    for path in units:
        # The programs are on the guests only; that they are absolute is what counts.
        text = (
            node1[path].decode().replace("/usr/local/bin/", "/bin/true ").replace("/usr/sbin/", "/bin/true ")
        )
        (tmp_path / Path(path).name).write_text(text)
    (tmp_path / "containerd.service").write_text("[Service]\nExecStart=/bin/true\n")
    argv = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / Path(path).name) for path in units)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    complaints = [line for line in done.stderr.splitlines() if str(tmp_path) in line or ".service:" in line]
    ours = [line for line in complaints if any(Path(path).name in line for path in units)]
    assert ours == []


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("nft"), reason="needs root and nft: `make machine` installs it"
)
def test_nft_accepts_the_rules(node1: dict[str, bytes], tmp_path: Path) -> None:
    rules = tmp_path / "rules.nft"
    rules.write_bytes(node1["etc/kubernetes/pod-network.nft"])
    done = subprocess.run(["nft", "--check", "-f", str(rules)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr


def test_a_node_routes_to_the_other_and_not_to_itself(node1: dict[str, bytes]) -> None:
    unit = node1["etc/systemd/system/pod-network.service"].decode()
    assert "ip route replace 10.244.2.0/24 via 10.77.0.22" in unit
    assert "10.244.1.0/24 via" not in unit


def test_pod_networks_are_apart_and_inside_the_cluster() -> None:
    whole = ipaddress.ip_network(components.POD_NETWORK)
    parts = [ipaddress.ip_network(part) for part in components.POD_NETWORKS.values()]
    assert all(part.subnet_of(whole) for part in parts)  # type: ignore[arg-type]
    assert not parts[0].overlaps(parts[1])
    assert not whole.overlaps(ipaddress.ip_network(components.SERVICE_NETWORK))
    assert set(components.POD_NETWORKS) <= {one.name for one in GUESTS}


def test_nothing_on_a_node_is_breakwaters(node1: dict[str, bytes]) -> None:
    text = b"".join(node1.values()).decode()
    assert "certs.d" not in text
    assert "nfs" not in text
    assert "breakwater" not in text


def test_the_archive_keeps_secrets_from_others(node1: dict[str, bytes]) -> None:
    with tarfile.open(fileobj=io.BytesIO(node_files.archive(node1))) as tar:
        modes = {entry.name: entry.mode for entry in tar}
    assert modes["etc/kubernetes/pki/kubelet.key"] == modes["etc/kubernetes/kubelet.kubeconfig"] == 0o600
    assert modes["etc/systemd/system/kubelet.service"] == 0o644


class Answer:
    """What a guest says, and what it was asked."""

    def __init__(self, text: str) -> None:
        self.text, self.asked, self.uploads = text, [], []  # type: ignore[var-annotated]

    def ssh(self, guest: Any, command: str, **_: Any) -> subprocess.CompletedProcess[str]:
        self.asked.append(command)
        return subprocess.CompletedProcess([], 0, self.text, "")

    def upload(self, guest: Any, local: Path, remote: str, **_: Any) -> None:
        self.uploads.append(remote)


def join(answer: Answer, credentials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "ssh", answer.ssh)
    monkeypatch.setattr(nodes, "upload", answer.upload)
    monkeypatch.setattr(control_plane, "folder", lambda: credentials)
    monkeypatch.setattr(control_plane, "build", lambda say: Path("/cache/kubernetes-0123456789abcdef"))
    nodes.join(guest("node1"), lambda message: None)


def test_a_node_that_is_one_is_asked_once(credentials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = Answer("")
    join(fresh, credentials, monkeypatch)
    assert fresh.uploads == ["/usr/local/lib/kubernetes-0123456789abcdef/kubernetes"]
    stamp = fresh.asked[-1].split("echo ")[-1].split()[0]
    again = Answer(f"stamp={stamp}\nprogram=yes\nactive=yes\n")
    join(again, credentials, monkeypatch)
    assert len(again.asked) == 1
    assert not again.uploads


@pytest.mark.parametrize("said", ["stamp=other\nprogram=yes\nactive=yes\n", "stamp=\nprogram=yes\n"])
def test_a_killed_join_is_done_again_without_the_copy(
    said: str, credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Answer(said)
    join(answer, credentials, monkeypatch)
    assert len(answer.asked) == 2
    assert not answer.uploads
    # The mark of a whole join goes first and comes last.
    assert answer.asked[1].index(f"rm -f {nodes.STAMP}") < answer.asked[1].index("tar -x")
    assert answer.asked[1].endswith(f"> {nodes.STAMP}")


def node(ready: str, message: str = "") -> dict[str, Any]:
    return {"status": {"conditions": [{"type": "Ready", "status": ready, "message": message}]}}


def renewed(seconds_ago: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat()


def wait(
    monkeypatch: pytest.MonkeyPatch, node: dict[str, Any] | None, leases: list[str], timeout: float = 30
) -> None:
    """wait_ready() on node1, its lease as in `leases` from one look to the next."""
    remaining = list(leases)

    def look() -> tuple[dict[str, Any], dict[str, str]]:
        lease = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        return {"node1": node} if node else {}, {"node1": lease}

    monkeypatch.setattr(nodes, "_nodes_and_leases", look)
    monkeypatch.setattr(nodes.time, "sleep", lambda seconds: None)
    nodes.wait_ready(["node1"], timeout, lambda message: None)


def test_a_ready_node_with_a_fresh_lease_is_ready_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wait(monkeypatch, node("True"), [renewed(3)])


def test_a_node_that_was_ready_before_a_restore_has_to_renew_its_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = renewed(900)
    with pytest.raises(Failure, match=r"not Ready in 0 s: node1: its kubelet's lease is 900 s old"):
        wait(monkeypatch, node("True"), [old, old], timeout=0)
    # Renewed counts, even by a guest whose clock is behind.
    wait(monkeypatch, node("True"), [old, old, renewed(880)])


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (None, "its kubelet has not registered it yet"),
        ({"status": {}}, "its kubelet has not reported yet"),
        (node("False", "cni plugin not\ninitialized"), "cni plugin not initialized"),
    ],
)
def test_a_wait_that_ends_says_what_is_missing(
    state: dict[str, Any] | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Failure, match=f"node1: {why}"):
        wait(monkeypatch, state, [renewed(1)], timeout=0)
