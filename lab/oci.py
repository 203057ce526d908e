"""Writes images as OCI archives, the same bytes from the same files, and reads what one holds.

Nothing here needs a container tool; `ctr -n k8s.io images import` takes what it writes.
Layers are not compressed: compressors differ between machines, and then so would digests.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
# containerd names an image by the first of these, else by the second (which is all that skopeo writes).
NAME_KEYS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ArchiveError(ValueError):
    """A file is not an OCI archive of one named image; the message says what is amiss."""


@dataclass(frozen=True)
class Entry:
    """A file, a symbolic link (`link`) or, with neither, a folder; `path` has no leading slash."""

    path: str
    content: bytes | None = None
    link: str | None = None
    mode: int = 0o755


def tar(entries: Iterable[Entry]) -> bytes:
    """A tar of exactly these, sorted, owned by root and dated 1970."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for entry in sorted(entries, key=lambda e: e.path):
            info = tarfile.TarInfo(entry.path)
            info.mode = entry.mode
            if entry.link is not None:
                info.type, info.linkname = tarfile.SYMTYPE, entry.link
            elif entry.content is None:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(entry.content)
            archive.addfile(info, io.BytesIO(entry.content or b""))
    return buffer.getvalue()


def write_image(
    target: Path, name: str, entries: Iterable[Entry], command: Sequence[str], architecture: str
) -> str:
    """Write an image of one layer as an OCI archive; returns its digest, as containerd shows it.

    + name: with registry and tag, such as "breakwater.lab/pause:1"
    + command: what it runs unless told otherwise
    + architecture: as Go calls it, such as "amd64"
    """
    layer = tar(entries)
    config = _json(
        {
            "created": "1970-01-01T00:00:00Z",
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": list(command), "Env": [PATH]},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(CONFIG, config),
            "layers": [_descriptor(LAYER, layer)],
        }
    )
    platform = {"architecture": architecture, "os": "linux"}
    listed = _descriptor(MANIFEST, manifest)
    listed |= {"platform": platform, "annotations": dict.fromkeys(NAME_KEYS, name)}
    index = _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [listed]})
    blobs = (layer, config, manifest)
    files = {f"blobs/sha256/{digest(blob).removeprefix('sha256:')}": blob for blob in blobs}
    files |= {"index.json": index, "oci-layout": _json({"imageLayoutVersion": "1.0.0"})}
    folders = [Entry("blobs"), Entry("blobs/sha256")]
    # "x": never through a link into somebody else's bundle.
    with target.open("xb") as opened:
        opened.write(tar([*folders, *(Entry(path, blob, mode=0o644) for path, blob in files.items())]))
    return digest(manifest)


def read_image(archive: Path) -> tuple[str, str]:
    """Name and digest of the one image in an OCI archive, as `ctr images ls` shows them after an import."""
    try:
        with tarfile.open(archive) as opened:
            member = opened.extractfile("index.json")
            index = json.load(member) if member else {}
    except KeyError as error:
        raise ArchiveError("not an OCI archive: no index.json in it") from error
    except (tarfile.TarError, ValueError, OSError) as error:
        raise ArchiveError(f"not an OCI archive: {error}") from error
    images = index.get("manifests", []) if isinstance(index, dict) else []
    if len(images) != 1:
        raise ArchiveError(f"{len(images)} images in one archive; make one archive an image")
    annotations = images[0].get("annotations") or {}
    name = next((annotations[key] for key in NAME_KEYS if key in annotations), "")
    if ":" not in name.rpartition("/")[2] or "/" not in name:
        raise ArchiveError(f"its image is named {name!r}; wanted REGISTRY/NAME:TAG")
    return name, images[0]["digest"]


def digest(content: bytes) -> str:
    """As registries write it: sha256:HEX."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def file_digest(path: Path) -> str:
    """digest() of a file, however large."""
    with path.open("rb") as opened:
        return f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(blob), "size": len(blob)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
