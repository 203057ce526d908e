"""What must be so before anything is changed, and the barrier behind which changes begin."""

import sys
from collections.abc import Callable

from gevent import GreenletExit
from pyinfra import host, state
from pyinfra.api import operation

from breakwater import cluster
from breakwater.cluster import ClusterAccess
from breakwater.commands import Commands, Refusal, refuse
from breakwater.facts.preflight import HostState, Preflight
from breakwater.platforms import SUPPORTED, platform_of
from breakwater.summary import Summary, lost_hosts


@operation()
def ready(storage_address: str, serves: bool, mounts: bool, imports: bool) -> Commands:
    """This host brings what its parts need; all that is missing is said at once.

    + storage_address: where the nodes reach the storage host
    + serves: it is to export NFS
    + mounts: it is to mount NFS
    + imports: it is to take images from the bundle
    """
    live = host.get_fact(Preflight, storage=storage_address)
    if live is None:
        yield refuse("it could not be looked at: can its user run commands as root? (sudo -n true)")
        return
    missing = _missing(live, storage_address, serves, mounts, imports)
    if missing:
        yield refuse("; ".join(missing))
        return
    host.noop("ready")


@operation()
def cluster_ready(access: ClusterAccess) -> Commands:
    """The bastion reaches the cluster, and it has nodes. Reads only, so it is no change."""
    try:
        cluster.check(access)
    except Refusal as refusal:
        yield refuse(str(refusal))
        return
    host.noop("the cluster answers")
    yield from ()


@operation()
def barrier(summary: Summary) -> Commands:
    """Ends the whole run when a host it should have is lost; pyinfra itself would go on with the others.

    Every host has this operation, because pyinfra orders operations host by host: it is what keeps
    one group from starting before another is through.
    """
    if summary.ended_because:
        # The first host that came here is ending the process; the others only stop.
        raise GreenletExit
    lost = lost_hosts(state)
    if lost:
        summary.ended_because = [
            f"Ended here, because these hosts were lost: {', '.join(lost)}. Later parts were not begun."
        ]
        sys.exit(1)
    yield from ()


@operation()
def passed(then: Callable[[], None]) -> Commands:
    """The run came as far as this: the bastion takes note, and no host is touched.

    + then: called when the run is here, not in a dry run
    """
    if state.is_executing:
        then()
    yield from ()


def _missing(live: HostState, storage: str, serves: bool, mounts: bool, imports: bool) -> list[str]:
    platform = platform_of(live.system)
    name = f"{' '.join(live.system)} {live.version}".strip()
    checks = [
        (
            live.user == 0,
            "commands do not run as root; set _sudo = True, and let its user sudo without a password",
        ),
        (platform is not None, f"{name or 'its system'} is not known; supported are {SUPPORTED}"),
        (not serves or "nfsd" in live.modules, "its kernel has no module nfsd; install a kernel that has"),
        (not mounts or "nfs" in live.modules, "its kernel has no module nfs; install a kernel that has"),
        (
            not mounts or live.route,
            f"it has no route to the storage host's address {storage}; see storage_address",
        ),
        (
            not imports or live.containerd,
            "containerd does not run; images of the bundle are imported into it",
        ),
    ]
    return [reason for good, reason in checks if not good]
