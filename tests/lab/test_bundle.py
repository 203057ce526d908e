"""The lab's own bundle, built for real: the programs run, the chart is one for Helm."""

import hashlib
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from lab import bundle, bundle_index, gobuild, standins

HELM = Path(sys.executable).parent / "helm"


@pytest.fixture(scope="module")
def own() -> Path:
    return bundle.build()


def unpack(archive: Path, program: str, target: Path) -> Path:
    """One file of the image's only layer."""
    with tarfile.open(archive) as image:
        layer = max((m for m in image if m.isfile()), key=lambda m: m.size)
        with tarfile.open(fileobj=image.extractfile(layer)) as files:
            files.extract(program, target, filter="tar")
    return target / program


def test_it_is_whole_and_small(own: Path) -> None:
    index = bundle_index.read(own)
    assert {record["name"] for record in index["images"]} == {
        "breakwater.lab/busybox:1",
        "breakwater.lab/harbor-standin:1",
        "breakwater.lab/nfs-subdir-standin:1",
        "breakwater.lab/pause:1",
    }
    assert bundle.pause_image(own) == "breakwater.lab/pause:1"
    assert bundle.busybox_image(own) == "breakwater.lab/busybox:1"
    # Every node imports it, at about 3 MB/s under emulation.
    assert sum(record["size"] for record in index["images"]) < 72 << 20


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("nfs-subdir-external-provisioner", ["nfs.server=10.0.0.20"]),
        ("harbor", ["expose.type=nodePort", "expose.tls.auto.commonName=registry.lab.test"]),
    ],
)
def test_its_charts_render_with_its_images(own: Path, name: str, values: list[str]) -> None:
    index = bundle_index.read(own)
    chart = own / next(record["file"] for record in index["charts"] if record["name"] == name)
    settings = [argument for value in values for argument in ("--set", value)]
    argv = [str(HELM), "template", "x", str(chart), *settings]
    text = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout
    made = [o for o in yaml.safe_load_all(text) if o]
    pods = [o["spec"]["template"]["spec"] for o in made if "template" in o.get("spec", {})]
    images = {c["image"] for pod in pods for c in [*pod.get("initContainers", []), *pod["containers"]]}
    assert images
    assert images <= {record["name"] for record in index["images"]}
    argv = [str(HELM), "lint", str(chart), *settings]
    lint = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert lint.returncode == 0, lint.stdout


def test_the_provisioner_says_what_it_is_and_names_what_it_misses(own: Path, tmp_path: Path) -> None:
    program = unpack(own / "images/nfs-subdir-standin.tar", "nfs-subdir-standin", tmp_path)
    ended = subprocess.run([str(program)], env={}, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "stand-in for nfs-subdir-external-provisioner, not the upstream program" in ended.stderr
    for name in ("NFS_SERVER", "NFS_PATH", "PROVISIONER_NAME"):
        assert f"{name} is not set" in ended.stderr


def test_busybox_runs_a_shell(own: Path, tmp_path: Path) -> None:
    program = unpack(own / "images/breakwater-busybox.tar", "bin/busybox", tmp_path)
    argv = [str(program), "sh", "-c", "echo seen | busybox sha256sum"]
    shown = subprocess.run(
        argv, env={"PATH": str(program.parent)}, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert shown.split()[0] == hashlib.sha256(b"seen\n").hexdigest()


def test_the_programs_need_no_libraries(own: Path, tmp_path: Path) -> None:
    for archive, program in (
        ("breakwater-pause.tar", "pause"),
        ("breakwater-busybox.tar", "bin/busybox"),
        ("nfs-subdir-standin.tar", "nfs-subdir-standin"),
        ("harbor-standin.tar", "harbor-standin"),
    ):
        content = unpack(own / "images" / archive, program, tmp_path).read_bytes()
        assert content.startswith(b"\x7fELF")
        assert b"/lib64/ld-linux" not in content, f"{program} asks for a dynamic linker"
        assert b"/lib/ld-linux" not in content, f"{program} asks for a dynamic linker"


@pytest.mark.parametrize("module", ["nfs-subdir", "pause", "harbor"])
def test_the_stand_ins_pass_their_own_tests(module: str) -> None:
    folder = standins.FOLDER / module
    env = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOFLAGS": "-mod=readonly",
    }
    argv = [str(gobuild.toolchain(folder)), "test", "-trimpath", "./..."]
    # -trimpath as the build has it, so that what the build compiled is not compiled again.
    # From nothing it compiles the Kubernetes client: minutes on a busy machine.
    ended = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stdout + ended.stderr
