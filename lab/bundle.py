"""The lab's bundle: its stand-ins, or another one, with a pause and a busybox image in any case.

`python -m lab.bundle` shows the current one; docs/bundle.md tells how to make another.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lab import bundle_index, gobuild, oci, paths, processes, standins
from lab.bundle_index import BundleError
from lab.oci import Entry
from lab.processes import Failure

VARIABLE = "BREAKWATER_LAB_BUNDLE"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
DOWNLOAD_LIMIT = 120

Say = Callable[[str], None]


def build(say: Say = print) -> Path:
    """The lab's own bundle, a folder in the cache, built when its content never was."""
    programs = standins.build(say)
    base = _base(say)
    sources = [Path(module.__file__ or "") for module in (oci, bundle_index, standins)]
    charts = [standins.FOLDER / name / "chart" for name in programs]

    def fill(folder: Path) -> None:
        for part in ("charts", "images", "bin"):
            (folder / part).mkdir()
        standins.write(folder, programs, _architecture())
        _write_base(base, folder / "images")
        bundle_index.write(folder)
        say(f"bundle: {sum(p.stat().st_size for p in folder.rglob('*') if p.is_file()) >> 20} MiB")

    content = [Path(__file__), *sources, *charts, *programs.values(), *base]
    return paths.cached("bundle", paths.content_hash(content), fill)


def chosen(directory: Path | None, say: Say = print) -> Path:
    """The bundle the lab uses, whole and with the digests it should have; the choice is recorded.

    + directory: another bundle than the lab's own; without it $BREAKWATER_LAB_BUNDLE, then the own one

    Raises BundleError with every problem of another bundle at once.
    """
    named = directory or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is None:
        bundle = build(say)
    else:
        bundle = named.expanduser().absolute()
        index = bundle_index.read(bundle)
        if not (bundle_index.image_named(index, "pause") and bundle_index.image_named(index, "busybox")):
            bundle = compose(bundle, index, _base(say))
            say(f"bundle: {named} has no pause or no busybox image; the lab's own are added")
    _replace_link(paths.state() / "bundle", bundle)
    return bundle


def pause_image(bundle: Path) -> str:
    """The image that holds a pod's namespaces, for containerd's sandbox_image."""
    return _image(bundle, "pause")


def busybox_image(bundle: Path) -> str:
    """An image with a shell, for pods that write, read and look around."""
    return _image(bundle, "busybox")


def compose(other: Path, index: bundle_index.Index, base: tuple[Path, Path]) -> Path:
    """A folder with links to the other bundle's files and what of pause and busybox it lacks.

    + base: the pause and busybox programs
    """
    key = paths.content_hash([str(other), json.dumps(index), *base])
    return paths.cached("bundle-composed", key, lambda folder: _compose(other, index, base, folder))


def _compose(other: Path, index: bundle_index.Index, base: tuple[Path, Path], folder: Path) -> None:
    for part in ("charts", "images", "bin"):
        (folder / part).mkdir()
    for kind in bundle_index.KINDS:
        for record in index[kind]:
            link = folder / record["file"]
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to((other / record["file"]).resolve())
    have = {short for short in ("pause", "busybox") if bundle_index.image_named(index, short)}
    added = _write_base(base, folder / "images", skip=have)
    records = [bundle_index.image(file) | {"file": f"images/{file.name}"} for file in added]
    bundle_index.save(folder, index | {"images": [*index["images"], *records]})


def _image(bundle: Path, short: str) -> str:
    name = bundle_index.image_named(bundle_index.load(bundle), short)
    if name is None:
        raise BundleError(f"{bundle}: no */{short}:* image in it; lab.bundle.chosen() adds one")
    return name


def _replace_link(link: Path, target: Path) -> None:
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def _base(say: Say) -> tuple[Path, Path]:
    """The programs of the two images that every lab needs: pause and busybox."""
    pause = gobuild.build(standins.FOLDER / "pause", "pause", say=say) / "pause"
    # Kept until the cache is cleared: a new Debian revision alone must not change the lab's content.
    busybox = paths.cached("busybox", paths.content_hash(["busybox-static"]), lambda f: _get_busybox(f, say))
    return pause, busybox / "busybox"


def _write_base(base: tuple[Path, Path], folder: Path, skip: Collection[str] = ()) -> list[Path]:
    written = []
    for short, program in zip(("pause", "busybox"), base, strict=True):
        if short in skip:
            continue
        # A name of its own: the other bundle may well have an images/pause.tar of something else.
        target = folder / f"breakwater-{short}.tar"
        if short == "pause":
            entries, command = [Entry("pause", program.read_bytes())], "/pause"
        else:
            entries, command = _busybox_files(program), "/bin/sh"
        oci.write_image(target, f"breakwater.lab/{short}:1", entries, [command], _architecture())
        written.append(target)
    return written


def _busybox_files(busybox: Path) -> list[Entry]:
    """Debian's static busybox with a link for each of its commands, where `busybox --install -s` has them."""
    answer = processes.run([busybox, "--list-full"], timeout=20)
    folders = ("bin", "sbin", "usr", "usr/bin", "usr/sbin", "etc", "root")
    account = b"root:x:0:0:root:/root:/bin/sh\n"
    return [
        *(Entry(folder) for folder in folders),
        Entry("tmp", mode=0o1777),
        Entry("etc/passwd", account, mode=0o644),
        Entry("etc/group", b"root:x:0:\n", mode=0o644),
        Entry("bin/busybox", busybox.read_bytes()),
        *(
            Entry(place, link="/bin/busybox")
            for place in answer.stdout.split()
            if place != "bin/busybox" and os.path.dirname(place) in folders
        ),
    ]


def _get_busybox(folder: Path, say: Say) -> None:
    """Debian's package unpacked, never installed."""
    say("busybox: fetching Debian's busybox-static")
    with tempfile.TemporaryDirectory() as work:
        # apt drops to a user of its own, which must be able to write here.
        Path(work).chmod(0o777)
        # -C: apt-get writes to where it stands.
        processes.run(
            ["env", "-C", work, "apt-get", "download", "--quiet", "busybox-static"],
            timeout=DOWNLOAD_LIMIT,
            what="download of Debian's busybox-static (is `apt-get update` due?)",
        )
        package = next(Path(work).glob("*.deb"))
        processes.run(["dpkg-deb", "--extract", package, f"{work}/unpacked"], timeout=DOWNLOAD_LIMIT)
        shutil.copy2(Path(work) / "unpacked/bin/busybox", folder / "busybox")


def _architecture() -> str:
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def _table(bundle: Path, index: bundle_index.Index) -> Table:
    table = Table(title=f"{bundle}", title_justify="left")
    for column in ("part", "name", "version", "size", "digest"):
        table.add_column(column, justify="right" if column == "size" else "left", no_wrap=column != "name")
    for kind in bundle_index.KINDS:
        for record in index[kind]:
            size = (bundle / record["file"]).stat().st_size
            shown = f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 2**10:.0f} KiB"
            short = record["digest"].removeprefix("sha256:")[:12]
            table.add_row(kind, record["name"], record["version"], shown, short)
    return table


def _origin(bundle: Path) -> str:
    whole = bundle.resolve()
    if whole.name.startswith("bundle-composed-"):
        return "another bundle, with the lab's own pause or busybox added"
    return "the lab's own" if whole.parent == paths.cache() else "another bundle, as it is"


def main(arguments: list[str] | None = None) -> int:
    """Show a bundle, or make its index; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lab.bundle", description="Show and check a bundle.")
    parser.add_argument("directory", nargs="?", type=Path, help="a bundle; default: the one the lab uses")
    parser.add_argument("--build", action="store_true", help="make the lab's own bundle first, and show it")
    parser.add_argument("--index", action="store_true", help="make bundle.json from the files in the bundle")
    given = parser.parse_args(arguments)
    if given.index and not given.directory:
        parser.error("--index needs the bundle's DIRECTORY")
    current = paths.state() / "bundle"
    try:
        bundle: Path = build() if given.build else given.directory or current
        if not bundle.exists():
            print(f"{bundle}: no bundle; `python -m lab.bundle --build` makes the lab's own", file=sys.stderr)
            return 1
        if given.index:
            bundle_index.write(bundle)
        index = bundle_index.read(bundle)
    except Failure as error:
        print(error, file=sys.stderr)
        return 1
    console = Console()
    console.print(_table(bundle.resolve(), index))
    console.print(f"origin: {_origin(bundle)}; every file has the digest it should have")
    return 0


if __name__ == "__main__":
    sys.exit(main())
