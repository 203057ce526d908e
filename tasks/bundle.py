"""Nodes that cannot pull have the bundle's images."""

from pyinfra import host
from pyinfra.api import deploy

from breakwater.operations import bundle
from breakwater.run import Run


@deploy("Images")
def images(run: Run) -> None:
    """Each node's containerd holds every image of the bundle, if there is one."""
    if "nodes" in host.groups and run.bundle:
        bundle.images(name="Images of the bundle", images=list(run.bundle.images), root=str(run.bundle.root))
