"""What stands in for charts and images that a closed machine cannot reach: built here, packed like theirs."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import yaml

from lab import gobuild, oci, paths
from lab.oci import Entry

FOLDER = paths.LAB / "standin"
# {folder and program: image}
IMAGES = {
    "nfs-subdir": "breakwater.lab/nfs-subdir-standin:1",
    "harbor": "breakwater.lab/harbor-standin:1",
}
# Whom the charts let their pods run as.
_ACCOUNTS = b"root:x:0:0:root:/:/\npostgres:x:999:999::/:/\nharbor:x:10000:10000::/:/\n"


def build(say: Callable[[str], None] = print) -> dict[str, Path]:
    """The stand-ins' programs, each built when its content never was."""
    return {name: gobuild.build(FOLDER / name, name, say=say) / name for name in IMAGES}


def write(folder: Path, programs: dict[str, Path], architecture: str) -> None:
    """Fill a bundle's charts/ and images/.

    + programs: as build() gives them
    + architecture: as Go calls it, such as "amd64"
    """
    for name, program in programs.items():
        pack_chart(FOLDER / name / "chart", folder / "charts")
        inside = f"{name}-standin"
        entries = [Entry(inside, program.read_bytes()), Entry("tmp", mode=0o1777)]
        if name == "harbor":
            entries += _harbor_files(inside)
        oci.write_image(folder / f"images/{inside}.tar", IMAGES[name], entries, [f"/{inside}"], architecture)


def pack_chart(chart: Path, folder: Path) -> None:
    """Write NAME-VERSION.tgz of a chart's folder, the same bytes from the same files."""
    meta = yaml.safe_load((chart / "Chart.yaml").read_text())
    files = sorted(p for p in chart.rglob("*") if p.is_file())
    entries = [Entry(f"{meta['name']}/{p.relative_to(chart)}", p.read_bytes(), mode=0o644) for p in files]
    packed = io.BytesIO()
    # Level 0: stored, not compressed, so the bytes do not depend on the machine's zlib.
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", compresslevel=0, mtime=0) as stream:
        stream.write(oci.tar(entries))
    (folder / f"{meta['name']}-{meta['version']}.tgz").write_bytes(packed.getvalue())


def _harbor_files(program: str) -> list[Entry]:
    """What the image needs beside its program, which the database's probe calls by another name."""
    return [
        Entry("docker-healthcheck.sh", link=f"/{program}"),
        Entry("etc"),
        Entry("etc/passwd", _ACCOUNTS, mode=0o644),
    ]
