"""The index of a bundle, bundle.json: made from a folder's files, read back, and held against them.

docs/bundle.md describes the format. breakwater reads it too, by itself: the two do not share code.
"""

import json
import re
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import yaml

from lab import oci
from lab.processes import Failure

FILE = "bundle.json"
FORMAT = 1
KINDS = ("charts", "images", "binaries")

Record: TypeAlias = dict[str, Any]
Index: TypeAlias = dict[str, Any]


class BundleError(Failure):
    """A folder is not a bundle that can be used; the message lists every problem, a line each."""


def write(folder: Path) -> Index:
    """Make bundle.json from what is in charts/, images/ and bin/, and return it."""
    made: Index = {"format": FORMAT}
    problems: list[str] = []
    sources = {
        "charts": (chart, sorted(folder.glob("charts/*.tgz"))),
        "images": (image, sorted(folder.glob("images/*.tar"))),
        "binaries": (binary, sorted(p for p in folder.glob("bin/*") if p.is_file())),
    }
    for kind, (describe, files) in sources.items():
        made[kind] = []
        for file in files:
            try:
                made[kind].append(describe(file) | {"file": str(file.relative_to(folder))})
            except ValueError as error:
                problems.append(f"{file.relative_to(folder)}: {error}")
    if problems:
        raise BundleError("\n".join(problems))
    save(folder, made)
    return made


def save(folder: Path, index: Index) -> None:
    """Put this index into the folder, whole or not at all."""
    temporary = folder / f"{FILE}.new"
    temporary.write_text(json.dumps(index, indent=2) + "\n")
    temporary.replace(folder / FILE)


def load(folder: Path) -> Index:
    """The bundle's index as it stands, its files not looked at."""
    path = folder / FILE
    try:
        index = json.loads(path.read_text())
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}; docs/bundle.md says what a bundle is") from error
    except ValueError as error:
        raise BundleError(f"{path}: not JSON: {error}") from error
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        found = index.get("format") if isinstance(index, dict) else index
        raise BundleError(f"{path}: format: {found!r}; this version reads {FORMAT}")
    return index


def read(folder: Path) -> Index:
    """The bundle's index, after every file in it was found with the digest it should have."""
    index = load(folder)
    unknown = sorted(set(index) - {"format", *KINDS})
    problems = [f"{key}: not a part of a bundle; known are {', '.join(KINDS)}" for key in unknown]
    for kind in KINDS:
        records = index.setdefault(kind, [])
        if not isinstance(records, list):
            problems.append(f"{kind}: {records!r} must be a list")
            continue
        for number, record in enumerate(records):
            problems += [f"{kind}[{number}]{problem}" for problem in _problems(folder, kind, record)]
    if problems:
        raise BundleError("\n".join(f"{folder / FILE}: {problem}" for problem in problems))
    return index


def image_named(index: Index, short: str) -> str | None:
    """The first image whose last part is SHORT, such as "pause" for registry.example.org/pause:3.10."""
    names = (str(record["name"]) for record in index["images"])
    return next((n for n in names if n.rpartition("/")[2].partition(":")[0] == short), None)


def _problems(folder: Path, kind: str, record: object) -> list[str]:
    if not isinstance(record, dict):
        return [f": {record!r} must be an object"]
    wanted = ("name", "version", "file", "digest")
    missing = [f".{key}: missing" for key in wanted if not isinstance(record.get(key), str)]
    if missing:
        return missing
    place = PurePosixPath(record["file"])
    if place.is_absolute() or ".." in place.parts:
        return [f".file: {record['file']!r} must be a path inside the bundle"]
    file = folder / place
    if not file.is_file():
        return [f".file: {record['file']} is not there"]
    return _content_problems(file, kind, record)


def _content_problems(file: Path, kind: str, record: Record) -> list[str]:
    problems = []
    if "size" in record and record["size"] != file.stat().st_size:
        problems.append(f".size: {record['size']}, but {record['file']} has {file.stat().st_size} bytes")
    key = "file_digest" if kind == "images" else "digest"
    if key in record and record[key] != (found := oci.file_digest(file)):
        problems.append(f".{key}: {record[key]}, but {record['file']} has {found}")
    if kind == "images":
        try:
            name, digest = oci.read_image(file)
        except oci.ArchiveError as error:
            return [*problems, f".file: {record['file']}: {error}"]
        if name != record["name"]:
            problems.append(f".name: {record['name']}, but {record['file']} holds {name}")
        if digest != record["digest"]:
            problems.append(f".digest: {record['digest']}, but the image in {record['file']} has {digest}")
    return problems


def chart(file: Path) -> Record:
    """What the index says of a packed chart, `file` aside."""
    try:
        with tarfile.open(file) as archive:
            place = next(n for n in archive.getnames() if re.fullmatch(r"[^/]+/Chart\.yaml", n))
            member = archive.extractfile(place)
            meta = yaml.safe_load(member.read()) if member else {}
    except (tarfile.TarError, OSError, StopIteration, yaml.YAMLError) as error:
        raise ValueError(f"not a chart: {error or 'no Chart.yaml in it'}") from error
    return {"name": str(meta["name"]), "version": str(meta["version"]), "digest": oci.file_digest(file)}


def image(file: Path) -> Record:
    """What the index says of an image archive, `file` aside."""
    name, digest = oci.read_image(file)
    tag = name.rpartition("/")[2].partition(":")[2]
    size = file.stat().st_size
    return {
        "name": name,
        "version": tag,
        "digest": digest,
        "file_digest": oci.file_digest(file),
        "size": size,
    }


def binary(file: Path) -> Record:
    """What the index says of a program, `file` aside; its file is named NAME-VERSION."""
    found = re.fullmatch(r"(.+)-v?(\d[\w.+]*)", file.name)
    if not found:
        raise ValueError("name it NAME-VERSION, such as envoy-1.40.0")
    return {"name": found[1], "version": found[2], "digest": oci.file_digest(file)}
