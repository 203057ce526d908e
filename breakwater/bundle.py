"""The bundle: a folder of charts, images and binaries, with an index of their digests (docs/bundle.md)."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from breakwater.commands import Refusal

INDEX = "bundle.json"


class BundleError(Refusal):
    """The bundle cannot be used; the text says which file, and why."""


@checked(frozen=True)
class BundleImage:
    """An OCI archive; its digest is the one containerd shows for the image."""

    name: str
    file: str
    digest: str


@checked(frozen=True)
class BundleChart:
    """A packed chart; its digest is the file's."""

    name: str
    version: str
    file: str
    digest: str


@checked(frozen=True)
class BundleBinary:
    """A program that is uploaded; its digest is the file's."""

    name: str
    version: str
    file: str
    digest: str


@dataclass(frozen=True)
class Bundle:
    """What is in a bundle's folder."""

    root: Path
    charts: tuple[BundleChart, ...]
    images: tuple[BundleImage, ...]
    binaries: tuple[BundleBinary, ...] = ()

    def chart(self, name: str, version: str) -> BundleChart:
        """The chart of that name and version. Raises BundleError when the bundle has none."""
        for chart in self.charts:
            if (chart.name, chart.version) == (name, version):
                return chart
        has = ", ".join(f"{c.name} {c.version}" for c in self.charts) or "no chart"
        raise BundleError(f"bundle {self.root}: has no chart {name} {version}; it has {has}")


def read(folder: Path) -> Bundle:
    """Read a bundle's index, and see that what it names is there and, of charts and programs, unharmed.

    + folder: holds bundle.json

    Raises BundleError. Images are not hashed here, they are large: containerd checks each
    layer when it imports, and the next run compares the digest it then shows.
    """
    index = folder / INDEX
    try:
        data = json.loads(index.read_text())
    except OSError as error:
        raise BundleError(f"bundle {folder}: {index.name} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BundleError(f"bundle {folder}: {index.name} is not JSON: {error}") from error
    charts = _entries(BundleChart, data, "charts", folder)
    images = _entries(BundleImage, data, "images", folder)
    binaries = _entries(BundleBinary, data, "binaries", folder)
    for entry in (*charts, *binaries):
        with (folder / entry.file).open("rb") as file:
            found = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        if found != entry.digest:
            raise BundleError(
                f"bundle {folder}: {entry.file} has digest {found}, {INDEX} says {entry.digest}"
            )
    return Bundle(folder, tuple(charts), tuple(images), tuple(binaries))


def _entries(kind: type[Any], data: dict[str, Any], key: str, folder: Path) -> list[Any]:
    fields = kind.__dataclass_fields__
    try:
        rows = [{k: v for k, v in row.items() if k in fields} for row in data.get(key, [])]
        each: TypeAdapter[Any] = TypeAdapter(kind)
        entries = [each.validate_python(row) for row in rows]
    except (AttributeError, TypeError, ValidationError) as error:
        raise BundleError(f"bundle {folder}: {key} of {INDEX}: each needs {', '.join(fields)}") from error
    for entry in entries:
        file = (folder / entry.file).resolve()
        if not file.is_file() or ".." in Path(entry.file).parts:
            raise BundleError(f"bundle {folder}: {entry.file} is named in {INDEX} and is not there")
    return entries
