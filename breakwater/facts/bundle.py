"""Which images a node's containerd holds."""

from dataclasses import dataclass

from pyinfra.api import FactBase, StringCommand

from breakwater.facts.tagged import END, tagged

# The label that keeps an image from the kubelet's garbage collection (containerd's CRI, pinned images).
PINNED = "io.cri-containerd.pinned=pinned"


@dataclass(frozen=True)
class Image:
    """An image as containerd knows it."""

    digest: str
    pinned: bool


class Images(FactBase[dict[str, Image] | None]):
    """Name -> digest and whether it is pinned, of the images that Kubernetes sees."""

    def command(self) -> StringCommand:
        # Not in a pipe: a containerd that does not answer would look like one without images.
        return StringCommand(
            "out=$(ctr -n k8s.io images ls) && printf '%s\\n' \"$out\" | sed s/^/image=/ &&", END
        )

    def process(self, output: list[str]) -> dict[str, Image]:
        # REF TYPE DIGEST SIZE UNIT PLATFORMS LABELS; a row without a reference's colon is the header
        rows = [line.split() for line in tagged("Images", output)["image"]]
        return {
            row[0]: Image(digest=row[2], pinned=PINNED in row[-1].split(","))
            for row in rows
            if len(row) > 3 and row[2].startswith("sha256:")
        }
