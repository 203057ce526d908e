"""Nothing changes before every host that the run will touch has what it needs."""

from pyinfra import host
from pyinfra.api import deploy

from breakwater.operations import preflight
from breakwater.run import Run


@deploy("Preflight")
def check_hosts(run: Run) -> None:
    """Every host is reachable, known and able; the cluster answers."""
    if {"storage", "nodes"} & set(host.groups):
        preflight.ready(
            name="Host ready",
            storage_address=run.settings.storage_address,
            serves="storage" in host.groups,
            mounts="nodes" in host.groups,
            imports="nodes" in host.groups and run.bundle is not None,
        )
    if "bastion" in host.groups:
        preflight.cluster_ready(name="Cluster ready", access=run.access, _sudo=False)
    preflight.barrier(name="All hosts ready", summary=run.summary)
    # On every host, so that a run without the bastion (--limit nodes) owes its proof to the next one.
    preflight.passed(name="Changes may begin", then=run.begin_changes)


@deploy("Preflight")
def all_hosts_through(run: Run) -> None:
    """The next group is not touched when this one failed anywhere."""
    preflight.barrier(name="All hosts through", summary=run.summary)


@deploy("Proof")
def remember(run: Run) -> None:
    """The bastion remembers that all of this was made so and proven."""
    if "bastion" in host.groups:
        preflight.passed(name="Remembered", then=run.end_changes)
