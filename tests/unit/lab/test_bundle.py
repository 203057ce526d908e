"""The bundle's archives, index, checks and composition, on tiny stand-ins for the programs."""

import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from lab import bundle, bundle_index, oci, paths, standins
from lab.bundle_index import BundleError
from lab.oci import Entry

PAUSE = "registry.example.org/pause:3.10"
BUSYBOX = "registry.example.org/tools/busybox:1.37"
BUSYBOX_SCRIPT = "#!/bin/sh\nprintf '%s\\n' bin/busybox bin/sh usr/bin/wget usr/sbin/httpd\n"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(bundle.VARIABLE, raising=False)


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Programs in place of the ones that take a compiler and a download."""
    pause, busybox = tmp_path / "pause", tmp_path / "busybox"
    pause.write_bytes(b"pause")
    busybox.write_text(BUSYBOX_SCRIPT)
    busybox.chmod(0o755)
    monkeypatch.setattr(bundle, "_base", lambda say: (pause, busybox))
    return pause, busybox


def make(folder: Path, *images: str) -> Path:
    """A bundle as a person makes it: files in place, then the index."""
    for part in ("charts", "images", "bin"):
        (folder / part).mkdir(parents=True)
    standins.pack_chart(standins.FOLDER / "nfs-subdir/chart", folder / "charts")
    (folder / "bin/envoy-1.40.0").write_bytes(b"envoy")
    for number, name in enumerate(images):
        entries = [Entry("program", name.encode())]
        oci.write_image(folder / f"images/{number}.tar", name, entries, ["/program"], "amd64")
    bundle_index.write(folder)
    return folder


def change(folder: Path, kind: str, **values: object) -> None:
    index = json.loads((folder / "bundle.json").read_text())
    index[kind][0] |= values
    (folder / "bundle.json").write_text(
        json.dumps(
            {**index, kind: [{k: v for k, v in record.items() if v is not None} for record in index[kind]]}
        )
    )


def problems(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        bundle_index.read(folder)
    return str(caught.value)


def quiet(text: str) -> None:
    """What `say` is in these tests."""


# images


def test_the_same_files_give_the_same_archive_whatever_their_order_and_age(tmp_path: Path) -> None:
    entries = [Entry("bin"), Entry("bin/sh", link="/bin/busybox"), Entry("etc/passwd", b"root", mode=0o644)]
    one = oci.write_image(tmp_path / "1.tar", PAUSE, entries, ["/bin/sh"], "amd64")
    two = oci.write_image(tmp_path / "2.tar", PAUSE, reversed(entries), ["/bin/sh"], "amd64")
    assert one == two
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    other = oci.write_image(tmp_path / "3.tar", PAUSE, entries[:-1], ["/bin/sh"], "amd64")
    assert other != one


def test_an_archive_is_an_oci_layout_whose_digests_hold(tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    digest = oci.write_image(archive, PAUSE, [Entry("pause", b"x")], ["/pause"], "amd64")
    with tarfile.open(archive) as opened:
        files = {m.name: opened.extractfile(m).read() for m in opened if m.isfile()}  # type: ignore[union-attr]
    assert json.loads(files.pop("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads(files.pop("index.json"))
    for path, content in files.items():
        assert path == f"blobs/sha256/{oci.digest(content).removeprefix('sha256:')}"
    assert index["manifests"][0]["annotations"] == dict.fromkeys(oci.NAME_KEYS, PAUSE)
    manifest = json.loads(files[f"blobs/sha256/{digest.removeprefix('sha256:')}"])
    config = json.loads(files[f"blobs/sha256/{manifest['config']['digest'].removeprefix('sha256:')}"])
    assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
    assert oci.read_image(archive) == (PAUSE, digest)


def test_an_archive_named_as_skopeo_does_is_read_the_same(tmp_path: Path) -> None:
    digest = oci.write_image(tmp_path / "ours.tar", PAUSE, [], ["/pause"], "amd64")
    with tarfile.open(tmp_path / "ours.tar") as opened:
        files = {m.name: opened.extractfile(m).read() for m in opened if m.isfile()}  # type: ignore[union-attr]
    index = json.loads(files["index.json"])
    index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": PAUSE}
    files["index.json"] = json.dumps(index).encode()
    (tmp_path / "skopeo.tar").write_bytes(oci.tar([Entry(path, blob) for path, blob in files.items()]))
    assert oci.read_image(tmp_path / "skopeo.tar") == (PAUSE, digest)


def test_an_archive_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "theirs.tar").write_bytes(b"theirs")
    (tmp_path / "image.tar").symlink_to(tmp_path / "theirs.tar")
    with pytest.raises(FileExistsError):
        oci.write_image(tmp_path / "image.tar", PAUSE, [], ["/pause"], "amd64")
    assert (tmp_path / "theirs.tar").read_bytes() == b"theirs"


def test_busybox_has_its_commands_as_links(base: tuple[Path, Path]) -> None:
    entries = {e.path: e for e in bundle._busybox_files(base[1])}
    assert entries["bin/busybox"].content == BUSYBOX_SCRIPT.encode()
    assert entries["bin/sh"].link == entries["usr/bin/wget"].link == "/bin/busybox"
    assert entries["tmp"].mode == 0o1777
    assert {str(Path(path).parent) for path in entries} - {"."} <= set(entries)


def test_the_chart_is_packed_the_same_whatever_its_files_age(tmp_path: Path) -> None:
    chart = standins.FOLDER / "nfs-subdir/chart"
    copy = tmp_path / "copy"
    shutil.copytree(chart, copy)
    for file in copy.rglob("*"):
        os.utime(file, (1, 1))
        file.chmod(0o700)
    packed = []
    for source in (chart, copy):
        folder = tmp_path / f"packed-{len(packed)}"
        folder.mkdir()
        standins.pack_chart(source, folder)
        packed.append((folder / "nfs-subdir-external-provisioner-4.0.18.tgz").read_bytes())
    assert packed[0] == packed[1]


def test_the_image_of_harbor_answers_its_probe_and_knows_its_users(tmp_path: Path) -> None:
    for part in ("charts", "images"):
        (tmp_path / part).mkdir()
    (tmp_path / "program").write_bytes(b"program")
    standins.write(tmp_path, {"harbor": tmp_path / "program"}, "amd64")
    assert oci.read_image(tmp_path / "images/harbor-standin.tar")[0] == "breakwater.lab/harbor-standin:1"
    with tarfile.open(tmp_path / "images/harbor-standin.tar") as opened:
        layer = max((m for m in opened if m.isfile()), key=lambda m: m.size)
        with tarfile.open(fileobj=opened.extractfile(layer)) as files:
            assert files.getmember("docker-healthcheck.sh").linkname == "/harbor-standin"
            assert files.getmember("tmp").mode == 0o1777
            accounts = files.extractfile("etc/passwd")
            assert accounts is not None
            assert {line.split(b":")[2] for line in accounts} == {b"0", b"999", b"10000"}
    assert (tmp_path / "charts/harbor-1.19.1.tgz").is_file()


# the index


def test_an_index_is_made_from_the_files_and_holds(tmp_path: Path) -> None:
    index = bundle_index.read(make(tmp_path / "b", PAUSE))
    assert index["format"] == 1
    assert [(r["name"], r["version"], r["file"]) for k in bundle_index.KINDS for r in index[k]] == [
        (
            "nfs-subdir-external-provisioner",
            "4.0.18",
            "charts/nfs-subdir-external-provisioner-4.0.18.tgz",
        ),
        (PAUSE, "3.10", "images/0.tar"),
        ("envoy", "1.40.0", "bin/envoy-1.40.0"),
    ]
    assert index["images"][0]["size"] == (tmp_path / "b/images/0.tar").stat().st_size


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    folder = make(tmp_path / "b", PAUSE)
    change(folder, "charts", digest="sha256:0")
    change(folder, "images", name="other/pause:1", digest="sha256:1", file_digest="sha256:2", size=3)
    change(folder, "binaries", file="bin/gone")
    found = problems(folder).splitlines()
    starts = [
        "charts[0].digest: sha256:0, but charts/nfs-subdir-external-provisioner-4.0.18.tgz has sha256:",
        "images[0].size: 3, but images/0.tar has ",
        "images[0].file_digest: sha256:2, but images/0.tar has sha256:",
        f"images[0].name: other/pause:1, but images/0.tar holds {PAUSE}",
        "images[0].digest: sha256:1, but the image in images/0.tar has sha256:",
        "binaries[0].file: bin/gone is not there",
    ]
    assert len(found) == len(starts)
    for line, start in zip(found, starts, strict=True):
        assert line.startswith(f"{folder}/bundle.json: {start}")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"digest": None, "name": None}, "images[0].name: missing\n"),
        ({"file": "../other.tar"}, "images[0].file: '../other.tar' must be a path inside the bundle"),
        ({"file": "/etc/hosts"}, "images[0].file: '/etc/hosts' must be a path inside the bundle"),
        ({"file": "bundle.json"}, "images[0].file: bundle.json: not an OCI archive"),
    ],
)
def test_a_record_that_cannot_be_used(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    folder = make(tmp_path / "b", PAUSE)
    change(folder, "images", **values)
    assert message in problems(folder)


def test_size_and_file_digest_may_be_left_out(tmp_path: Path) -> None:
    folder = make(tmp_path / "b", PAUSE)
    change(folder, "images", size=None, file_digest=None)
    assert "size" not in bundle_index.read(folder)["images"][0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file or directory; docs/bundle.md says what a bundle is"),
        ("{", "not JSON"),
        ("[]", "format: []; this version reads 1"),
        ('{"format": 2}', "format: 2; this version reads 1"),
        ('{"format": 1, "image": []}', "image: not a part of a bundle; known are charts, images, binaries"),
        ('{"format": 1, "images": {}}', "images: {} must be a list"),
        ('{"format": 1, "images": ["x"]}', "images[0]: 'x' must be an object"),
    ],
)
def test_an_index_that_cannot_be_used(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "bundle.json").write_text(text)
    assert message in problems(tmp_path)


def test_files_that_cannot_be_indexed_are_named_at_once(tmp_path: Path) -> None:
    folder = make(tmp_path / "b")
    (folder / "images/docker.tar").write_bytes(oci.tar([Entry("manifest.json", b"[]")]))
    oci.write_image(folder / "images/short.tar", "pause", [], ["/pause"], "amd64")
    (folder / "charts/none.tgz").write_bytes(b"")
    (folder / "bin/envoy").write_bytes(b"")
    with pytest.raises(BundleError) as caught:
        bundle_index.write(folder)
    text = str(caught.value)
    assert "images/docker.tar: not an OCI archive: no index.json in it" in text
    assert "images/short.tar: its image is named 'pause'; wanted REGISTRY/NAME:TAG" in text
    assert "charts/none.tgz: not a chart" in text
    assert "bin/envoy: name it NAME-VERSION, such as envoy-1.40.0" in text


# the choice


def test_a_whole_bundle_is_used_as_it_is(tmp_path: Path) -> None:
    folder = make(tmp_path / "b", PAUSE, BUSYBOX)
    assert bundle.chosen(folder, quiet) == folder
    assert (paths.state() / "bundle").resolve() == folder
    assert (bundle.pause_image(folder), bundle.busybox_image(folder)) == (PAUSE, BUSYBOX)


def test_the_variable_names_a_bundle_and_an_argument_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make(tmp_path / "a", PAUSE, BUSYBOX), make(tmp_path / "b", PAUSE, BUSYBOX)
    monkeypatch.setenv(bundle.VARIABLE, str(first))
    assert bundle.chosen(None, quiet) == first
    assert bundle.chosen(second, quiet) == second
    assert (paths.state() / "bundle").resolve() == second


def test_what_is_missing_is_added_and_the_other_bundle_left_alone(
    tmp_path: Path, base: tuple[Path, Path]
) -> None:
    other = make(tmp_path / "b", PAUSE, "goharbor/harbor-core:v2.15.1")
    before = {p: p.read_bytes() for p in other.rglob("*") if p.is_file()}
    composed = bundle.chosen(other, quiet)
    assert composed != other
    names = [record["name"] for record in bundle_index.read(composed)["images"]]
    assert names == [PAUSE, "goharbor/harbor-core:v2.15.1", "breakwater.lab/busybox:1"]
    assert bundle.pause_image(composed) == PAUSE
    assert bundle.busybox_image(composed) == "breakwater.lab/busybox:1"
    assert (composed / "images/1.tar").resolve() == other / "images/1.tar"
    assert {p: p.read_bytes() for p in other.rglob("*") if p.is_file()} == before


def test_composing_again_is_the_same_and_follows_a_change(tmp_path: Path, base: tuple[Path, Path]) -> None:
    other = make(tmp_path / "b")
    first = bundle.chosen(other, quiet)
    assert bundle.chosen(other, quiet) == first
    oci.write_image(other / "images/late.tar", "example.org/late:1", [], ["/late"], "amd64")
    bundle_index.write(other)
    assert "example.org/late:1" in [
        r["name"] for r in bundle_index.read(bundle.chosen(other, quiet))["images"]
    ]


def test_a_broken_bundle_is_refused_and_the_choice_stays(tmp_path: Path) -> None:
    good, bad = make(tmp_path / "a", PAUSE, BUSYBOX), make(tmp_path / "b", PAUSE, BUSYBOX)
    bundle.chosen(good, quiet)
    (bad / "bin/envoy-1.40.0").write_bytes(b"changed")
    with pytest.raises(BundleError, match=r"binaries\[0\]\.digest"):
        bundle.chosen(bad, quiet)
    assert (paths.state() / "bundle").resolve() == good


def test_the_table_shows_what_is_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bundle.main([]) == 1
    assert "python -m lab.bundle --build" in capsys.readouterr().err
    bundle.chosen(make(tmp_path / "b", PAUSE, BUSYBOX), quiet)
    assert bundle.main([]) == 0
    shown = capsys.readouterr().out
    assert PAUSE in shown
    assert "origin: another bundle, as it is" in shown
