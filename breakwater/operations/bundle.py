"""Images of the bundle in each node's containerd."""

from pathlib import Path

from pyinfra import host
from pyinfra.api import FileUploadCommand, QuoteString, StringCommand, operation

from breakwater.bundle import BundleImage
from breakwater.commands import Commands, refuse
from breakwater.facts.bundle import PINNED, Images

# Ours alone, and readable by root alone: what is imported from here becomes what pods run.
FOLDER = "/var/lib/breakwater"


@operation()
def images(images: list[BundleImage], root: str) -> Commands:
    """These images are in containerd, and the kubelet's garbage collection leaves them there.

    + images: name, file and digest of each
    + root: the bundle's folder on the bastion
    """
    live = host.get_fact(Images)
    if live is None:
        yield refuse("images: containerd did not answer; is it running? systemctl status containerd")
        return
    changed = False
    for image in images:
        present = live.get(image.name)
        if present is None or present.digest != image.digest:
            changed = True
            yield from _import(image, Path(root))
        elif not present.pinned:
            changed = True
            yield _pin(image)
    if not changed:
        host.noop(f"{len(images)} images as in the bundle")


def _import(image: BundleImage, root: Path) -> Commands:
    archive = f"{FOLDER}/{image.file.replace('/', '-')}"
    yield StringCommand("install -d -m 700", QuoteString(FOLDER))
    yield FileUploadCommand(str(root / image.file), archive)
    yield StringCommand(
        "ctr -n k8s.io images import", QuoteString(archive), ">/dev/null",
        "&& rm -f --", QuoteString(archive),
    )  # fmt: skip
    yield _pin(image)


def _pin(image: BundleImage) -> StringCommand:
    return StringCommand(
        "ctr -n k8s.io images label", QuoteString(image.name), QuoteString(PINNED), ">/dev/null"
    )  # fmt: skip
