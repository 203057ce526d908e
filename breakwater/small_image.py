"""A small image that nobody has yet: a program that ends well, and random bytes so that it is truly moved.

It is made here, in memory, for two reasons. What a node has already it does not pull again: an image of
the bundle would prove its manifest and not one byte of a layer. And a bastion without a way out has no
other image to begin with.
"""

import hashlib
import io
import json
import os
import struct
import tarfile
from dataclasses import dataclass
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
PROGRAM = "proof"
# Bytes of a layer: more than the MiB at which many a proxy refuses a body, when it was not told otherwise.
_BULK = 5 << 18
# Linux's exit(0), by Go's name of the architecture: ELF's number of the machine, and the instructions.
_EXIT = {
    # xor edi,edi; mov eax,60; syscall
    "amd64": (62, bytes.fromhex("31ff b83c000000 0f05")),
    # mov x0,#0; mov x8,#93; svc #0
    "arm64": (183, struct.pack("<3I", 0xD2800000, 0xD2800BA8, 0xD4000001)),
}
ARCHITECTURES = tuple(_EXIT)
# Where the program is in memory; aligned to the largest pages that Linux has.
_BASE, _PAGE = 0x400000, 0x10000
_LOAD, _STACK, _READ_RUN, _READ_WRITE = 1, 0x6474E551, 5, 6


@dataclass(frozen=True)
class Image:
    """An image of one platform, as a registry stores it.

    + blobs: its layers and, last, its configuration
    """

    manifest: bytes
    blobs: tuple[bytes, ...]

    @property
    def digest(self) -> str:
        """What names it, whatever its tag."""
        return digest(self.manifest)


def digest(content: bytes) -> str:
    """As registries write it: sha256:HEX."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def unique(architecture: str, bulk: int = _BULK) -> Image:
    """An image of one layer that was never there before; what it runs ends with 0 at once.

    + architecture: one of ARCHITECTURES
    + bulk: bytes of the layer, beside the program
    """
    layer = _tar({PROGRAM: program(architecture), "bulk": os.urandom(bulk)})
    config = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Entrypoint": [f"/{PROGRAM}"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _described(CONFIG, config),
        "layers": [_described(LAYER, layer)],
    }
    return Image(_json(manifest), (layer, config))


def program(architecture: str) -> bytes:
    """A static program for Linux that ends with 0; it needs no shell and no library."""
    machine, code = _EXIT[architecture]
    start = 64 + 2 * 56
    size = start + len(code)
    magic = b"\x7fELF\x02\x01\x01"
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", magic, 2, machine, 1, _BASE + start, 64, 0, 0, 64, 56, 2, 0, 0, 0
    )
    load = struct.pack("<IIQQQQQQ", _LOAD, _READ_RUN, 0, _BASE, _BASE, size, size, _PAGE)
    # Without this word the stack may be run, which hardened kernels refuse.
    stack = struct.pack("<IIQQQQQQ", _STACK, _READ_WRITE, 0, 0, 0, 0, 0, 16)
    return header + load + stack + code


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.mode, info.size = 0o755, len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _described(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(blob), "size": len(blob)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
