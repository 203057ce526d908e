"""What is wrong with a bundle is said before a run begins, with the file and the reason."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from breakwater.bundle import BundleChart, BundleError, BundleImage, read
from breakwater.cluster import ClusterAccess
from breakwater.helm import Chart, chart, helm_command

CHART = {
    "name": "a",
    "version": "1.0.0",
    "file": "charts/a-1.0.0.tgz",
    "digest": f"sha256:{hashlib.sha256(b'chart').hexdigest()}",
}
IMAGE = {"name": "r/i:1", "file": "images/i.tar", "digest": "sha256:" + "a" * 64}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle of one chart and one image."""
    (tmp_path / "charts").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / CHART["file"]).write_text("chart")
    (tmp_path / IMAGE["file"]).write_text("image")
    write(tmp_path, {"charts": [CHART], "images": [{**IMAGE, "a key": "of a later version"}]})
    return tmp_path


def write(folder: Path, index: Any) -> None:
    """Its index."""
    (folder / "bundle.json").write_text(json.dumps(index))


def said(folder: Path) -> str:
    """Why it cannot be used, without its own name."""
    with pytest.raises(BundleError) as error:
        read(folder)
    beginning = f"bundle {folder}: "
    assert str(error.value).startswith(beginning)
    return str(error.value).removeprefix(beginning)


def test_read(folder: Path) -> None:
    bundle = read(folder)
    assert (bundle.root, bundle.charts, bundle.images) == (
        folder,
        (BundleChart(**CHART),),
        (BundleImage(**IMAGE),),
    )


def test_nothing_in_it(folder: Path) -> None:
    write(folder, {})
    assert (read(folder).charts, read(folder).images) == ((), ())


def test_no_index(tmp_path: Path) -> None:
    assert said(tmp_path) == "bundle.json cannot be read: No such file or directory"


@pytest.mark.parametrize("text", ["", "{", "\x00"])
def test_index_that_is_no_json(folder: Path, text: str) -> None:
    (folder / "bundle.json").write_text(text)
    assert said(folder).startswith("bundle.json is not JSON: ")


def test_index_that_is_no_text(folder: Path) -> None:
    (folder / "bundle.json").write_bytes(b"\xff\xfe")
    assert said(folder).startswith("bundle.json is not JSON: ")


@pytest.mark.parametrize(
    "index",
    [[], 3, {"charts": None}, {"charts": 3}, {"charts": ["a"]}, {"charts": [{"name": "a"}]}]
    + [{"charts": [{**CHART, key: None}]} for key in CHART],
)
def test_index_of_another_kind(folder: Path, index: Any) -> None:
    write(folder, index)
    assert said(folder) == "charts of bundle.json: each needs name, version, file, digest"


def test_image_without_a_digest(folder: Path) -> None:
    write(folder, {"images": [{"name": "a", "file": "images/i.tar"}]})
    assert said(folder) == "images of bundle.json: each needs name, file, digest"


@pytest.mark.parametrize("file", ["images/missing.tar", "images", "../i.tar", "images/../images/i.tar"])
def test_file_that_is_not_there(folder: Path, file: str) -> None:
    (folder.parent / "i.tar").touch()
    write(folder, {"images": [{**IMAGE, "file": file}]})
    assert said(folder) == f"{file} is named in bundle.json and is not there"


def test_chart_that_was_changed(folder: Path) -> None:
    (folder / CHART["file"]).write_text("other")
    found = hashlib.sha256(b"other").hexdigest()
    assert said(folder) == (
        f"charts/a-1.0.0.tgz has digest sha256:{found}, bundle.json says {CHART['digest']}"
    )


def test_chart_that_it_does_not_have(folder: Path) -> None:
    with pytest.raises(BundleError) as error:
        chart("a", "2.0.0", "https://r", read(folder))
    assert str(error.value) == f"bundle {folder}: has no chart a 2.0.0; it has a 1.0.0"
    write(folder, {})
    with pytest.raises(BundleError) as error:
        chart("a", "2.0.0", "https://r", read(folder))
    assert str(error.value) == f"bundle {folder}: has no chart a 2.0.0; it has no chart"


def test_where_a_chart_comes_from(folder: Path) -> None:
    packed = chart("a", "1.0.0", "https://r", read(folder))
    assert packed == Chart((f"{folder}/charts/a-1.0.0.tgz",), f"breakwater: a 1.0.0 {CHART['digest']}")
    fetched = chart("a", "1.0.0", "https://r", None)
    assert fetched == Chart(
        ("a", "--repo", "https://r", "--version", "1.0.0"), "breakwater: a 1.0.0 of https://r"
    )


def test_helms_command_line() -> None:
    assert helm_command(ClusterAccess("/k"))[1:] == ["--kubeconfig", "/k"]
    helm, *rest = helm_command(ClusterAccess("/k", "lab"))
    assert Path(helm).is_file()
    assert rest == ["--kubeconfig", "/k", "--kube-context", "lab"]
