"""Which Helm is called, and where a chart comes from."""

import sys
from dataclasses import dataclass
from pathlib import Path

from breakwater.bundle import Bundle
from breakwater.cluster import ClusterAccess


@dataclass(frozen=True)
class Chart:
    """A chart as `helm upgrade` takes it.

    + arguments: what names it on Helm's command line
    + mark: kept as the release's description, so that the next run sees which chart it came from
    """

    arguments: tuple[str, ...]
    mark: str


def helm_command(access: ClusterAccess) -> list[str]:
    """Helm's command line up to its verb: the binary of this Python environment, and the cluster."""
    command = [str(Path(sys.executable).with_name("helm")), "--kubeconfig", access.kubeconfig]
    return [*command, "--kube-context", access.context] if access.context else command


def chart(name: str, version: str, repository: str, bundle: Bundle | None) -> Chart:
    """The chart from the bundle when there is one, else from its repository.

    + repository: a folder of charts with an index (https://, http://), or a registry's (oci://)

    Raises BundleError when the bundle does not have it.
    """
    if bundle:
        packed = bundle.chart(name, version)
        return Chart((str(bundle.root / packed.file),), f"breakwater: {name} {version} {packed.digest}")
    mark = f"breakwater: {name} {version} of {repository}"
    if repository.startswith("oci://"):
        # A registry has no index to look names up in: the chart's own address is asked for.
        return Chart((f"{repository.rstrip('/')}/{name}", "--version", version), mark)
    return Chart((name, "--repo", repository, "--version", version), mark)
