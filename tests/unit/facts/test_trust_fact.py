"""What the fact makes of containerd's own words, of files and of names.

containerd/ holds what containerd 1.6.20, 1.7.24 and 2.1.9 of Debian really dump, without tables that nobody
here reads: of a kubeadm node's file (kubeadm), of a config_path of two folders (list), of registries in the
old form (old), and of one without the kubelet's plugin (disabled).
"""

from pathlib import Path
from typing import Any

import pytest
from folder_host import FolderHost
from pyinfra.api import FactProcessError

from breakwater.facts.trust import Containerd, Trust, TrustState, look

DUMPS = Path(__file__).parent / "containerd"
DOMAIN = "registry.example.org"
HEAD = "# Managed by breakwater (10.0.0.20) from group_data/all.py; the next run puts changes back."
BOTH = "/etc/containerd/certs.d:/etc/docker/certs.d"


@pytest.fixture
def host(folder_host: FolderHost) -> FolderHost:
    """One with containerd, whose words the tests choose."""
    folder_host.program("getent", "")
    folder_host.program("systemctl", "")
    (folder_host.root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (folder_host.root / "etc/containerd").mkdir()
    return folder_host


def dumps(on: FolderHost, name: str, text: str = "version = 2\n") -> None:
    """Containerd has this file, and says this of it."""
    (on.root / "etc/containerd/config.toml").write_text(text)
    release = name.partition("-")[0]
    version = f"containerd github.com/containerd/containerd {release}~ds1 {release}~ds1-6+deb13u1"
    if release.startswith("2"):
        version = f"containerd github.com/containerd/containerd/v2 {release}+unknown"
    on.program(
        "containerd",
        rf'case $* in *\ config\ *) cat {DUMPS}/{name}.toml;; --version) echo "{version} ";; esac',
    )


def read(on: FolderHost, registry: str = DOMAIN, **kwargs: Any) -> TrustState:
    state = on.fact(Trust, domain=DOMAIN, registry=registry, **{"cri": True, **kwargs})
    assert isinstance(state, TrustState)
    return state


def config(on: FolderHost) -> Containerd:
    found = read(on).containerd
    assert found
    return found


@pytest.mark.parametrize(("release", "version"), [("1.6.20", 2), ("1.7.24", 2), ("2.1.9", 3)])
def test_a_kubeadm_node_s_containerd(host: FolderHost, release: str, version: int) -> None:
    dumps(host, f"{release}-kubeadm")
    assert config(host) == Containerd(
        file=f"{host.root}/etc/containerd/config.toml",
        version=version,
        file_version=2,
        there=True,
        cri=True,
        config_path="",
        list_written=False,
        local_pull=False,
        release=(),
        old=(),
        interrupted=False,
    )


@pytest.mark.parametrize(("release", "number"), [("1.7.24", (1, 7)), ("2.1.9", (2, 1))])
def test_a_list_asks_for_the_release(host: FolderHost, release: str, number: tuple[int, ...]) -> None:
    dumps(host, f"{release}-list", f'version = 2\n[registry]\n  config_path = "{BOTH}"\n')
    found = config(host)
    assert (found.config_path, found.release, found.list_written) == (BOTH, number, True)
    dumps(host, f"{release}-list")
    assert not config(host).list_written


def test_what_makes_containerd_2_pull_as_it_did(host: FolderHost) -> None:
    text = (DUMPS / "2.1.9-list.toml").read_text()
    said = {
        "use_local_image_pull = false": "use_local_image_pull = true",
        "discard_unpacked_layers = false": "discard_unpacked_layers = true",
        "disable_snapshot_annotations = true": "disable_snapshot_annotations = false",
        "image_pull_with_sync_fs = false": "image_pull_with_sync_fs = true",
        "max_concurrent_downloads = 3\n    concurrent": "max_concurrent_downloads = 9\n    concurrent",
    }
    for before, after in said.items():
        assert before in text
        changed = host.root / "changed.toml"
        changed.write_text(text.replace(before, after, 1))
        dumps(host, "2.1.9-list")
        host.program("containerd", f"cat {changed}")
        assert config(host).local_pull, after


@pytest.mark.parametrize("release", ["1.6.20", "1.7.24"])
def test_the_old_form_is_seen_and_no_password(host: FolderHost, release: str) -> None:
    dumps(host, f"{release}-old")
    assert set(config(host).old) == {"mirrors docker.io", "tls reg.example.org"}
    done = host.run(Trust().command(DOMAIN, DOMAIN, cri=True))
    assert "somebody" not in done.stdout


def test_the_old_form_in_2_1(host: FolderHost) -> None:
    dumps(host, "2.1.9-old")
    assert config(host).old == ("mirrors docker.io",)  # it knows no tls there any more


@pytest.mark.parametrize("release", ["1.7.24", "2.1.9"])
def test_the_plugin_switched_off(host: FolderHost, release: str) -> None:
    dumps(host, f"{release}-disabled", 'disabled_plugins = ["cri"]\n')
    found = config(host)
    assert not found.cri
    assert found.file_version == 0


def test_no_dump_is_no_configuration(host: FolderHost) -> None:
    host.program("containerd", "exit 1")
    assert read(host).containerd is None
    assert "containerd" in read(host).engines


def test_another_file_of_its_unit(host: FolderHost) -> None:
    dumps(host, "1.7.24-kubeadm")
    host.program(
        "systemctl",
        "echo 'ExecStart={ path=/usr/bin/containerd ; argv[]=/usr/bin/containerd --config /srv/c.toml ; x }'",
    )
    assert config(host).file == "/srv/c.toml"
    assert not config(host).there


def test_a_client_s_containerd_is_not_asked(host: FolderHost) -> None:
    host.program("containerd", "exit 1")
    state = read(host, cri=False)
    assert state.containerd is None
    assert "containerd" in state.engines


def test_files_of_ours_and_of_this_registry(host: FolderHost) -> None:
    kept = {
        f"etc/docker/certs.d/{DOMAIN}/ca.crt": "theirs\n\nwithout an end",
        "etc/docker/certs.d/old.example.org/ca.crt": f"{HEAD}\nPEM\n",
        f"etc/containerd/certs.d/{DOMAIN}/hosts.toml": "theirs\n",
    }
    others = {
        "etc/docker/certs.d/other.example.org/ca.crt": "theirs\n",
        f"etc/docker/certs.d/{DOMAIN}/client.cert": "theirs\n",
        f"etc/docker/certs.d/{DOMAIN}:8443/ca.crt": "theirs\n",
    }
    for name, text in {**kept, **others}.items():
        path = host.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = {path.removeprefix(f"{host.root}/"): text for path, text in read(host).files.items()}
    assert found == {name: text.removesuffix("\n") + "\n" for name, text in kept.items()}


def test_both_names_of_a_folder_with_a_port(host: FolderHost) -> None:
    for name in (f"{DOMAIN}:8443", f"{DOMAIN}_8443_", DOMAIN):
        path = host.root / "etc/containerd/certs.d" / name / "hosts.toml"
        path.parent.mkdir(parents=True)
        path.write_text("theirs\n")
    found = {path.rsplit("/", 2)[1] for path in read(host, f"{DOMAIN}:8443").files}
    assert found == {f"{DOMAIN}:8443", f"{DOMAIN}_8443_"}


def test_the_way(host: FolderHost) -> None:
    host.program("getent", "echo '10.0.0.31 STREAM x'; echo '10.0.0.31 DGRAM'; echo 'fd00::31 STREAM x'")
    (host.root / "etc/hosts").write_text(
        f"127.0.0.1 localhost\n10.8.8.8 a {DOMAIN.upper()} # why\n# 10.1.1.1 {DOMAIN}\n\n"
        f"10.0.0.31 old.example.org # breakwater 10.0.0.20\n10.1.1.1 x{DOMAIN}"
    )
    way = read(host).way
    assert way.addresses == ("10.0.0.31", "fd00::31")
    assert [(line.number, line.address, line.ours) for line in way.lines] == [
        (2, "10.8.8.8", False), (5, "10.0.0.31", True)
    ]  # fmt: skip
    assert look(DOMAIN)


def test_a_line_that_is_no_answer_is_no_state() -> None:
    with pytest.raises(FactProcessError):
        Trust().process(["file=1 a", "text=2 b", "end="])
