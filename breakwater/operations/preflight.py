"""What must be so before anything is changed, and the barrier behind which changes begin."""

import sys
from collections.abc import Callable
from time import time

from gevent import GreenletExit
from pyinfra import host, state
from pyinfra.api import operation

from breakwater import classes, cluster, nodes, room
from breakwater.checks import Pair, Part, lacks
from breakwater.cluster import ClusterAccess
from breakwater.commands import Commands, Refusal, refuse
from breakwater.facts.nfs import ClientState
from breakwater.facts.preflight import HostState, PackageRuns, Preflight
from breakwater.firewall import managed, opening
from breakwater.node_ports import FILE, TABLE, UNIT_FILE
from breakwater.platforms import NFS_CLIENT, PACKAGE_LOCKS, platform_of
from breakwater.settings import Export
from breakwater.summary import Summary, lost_hosts
from breakwater.survey import Finding, Room, Survey
from breakwater.trust.way import way_warnings

# Seconds to wait for a package run that goes on, such as a killed deploy's or an unattended upgrade.
_PACKAGE_RUN = 300


@operation()
def ready(
    storage_address: str, survey: Survey, part: Part, storage_follows: bool = False, manages: bool = False
) -> Commands:
    """This host brings what its parts need; all that is missing is said at once.

    + storage_address: where the nodes reach the storage host
    + survey: takes what is seen and found
    + part: what the host is for
    + storage_follows: the storage host is looked at after this one, and says what keeps this one out
    + manages: a firewall of the storage host is opened by us
    """
    before = time()
    live = host.get_fact(
        Preflight,
        storage=storage_address,
        locks=list(PACKAGE_LOCKS),
        mounts=part.mounts,
        exports=list(part.exports),
        firewall=_comes_in(survey, manages) if part.exports else "",
        guard=[FILE, UNIT_FILE, TABLE] if part.guards else [],
        ports=sorted({port for _, port in part.listens}),
        domain=part.domain,
        client=list(NFS_CLIENT) if part.mounts else [],
    )
    if live is None:
        pairs = [("it could not be looked at", "can its user run commands as root? (sudo -n true)")]
    else:
        _note(live, part, survey)
        pairs = [
            *lacks(live, part, storage_address, (before, time())),
            *_package_run(live),
            *(_kept_out(live, survey, manages) if part.exports else _port(live, storage_follows)),
        ]
    yield from _found(survey, host.name, [Finding(host.name, *pair) for pair in pairs])
    if not pairs:
        host.noop("ready")


@operation()
def cluster_ready(
    access: ClusterAccess,
    survey: Survey,
    hosts: list[str],
    down: list[str],
    exports: list[Export],
    namespace: str,
    server: str,
    harbor: Callable[[], list[str]] | None = None,
) -> Commands:
    """The bastion reaches the cluster, whose nodes are the inventory's; classes and Harbor can become ours.

    Reads only, so it is no change.

    + survey: what was seen of the hosts
    + hosts: group nodes
    + down: those that may be missing
    + exports: those with a storage class
    + namespace: of their provisioners
    + server: the storage host's address, as they mount it
    + harbor: looks for what keeps Harbor from becoming what the settings say, a line each
    """
    try:
        cluster.check(access)
        found = nodes.match(nodes.listed(access), hosts, survey, down)
        for line in room.too_much(room.promised(access), exports, survey.room):
            survey.warn(line)
        found += [_said(line) for line in classes.class_problems(access, exports, namespace, server)]
        found += [_said(line) for line in harbor()] if harbor else []
    except Refusal as refusal:
        found = [_said(str(refusal))]
    yield from _found(survey, "the cluster", found)
    if not found:
        host.noop("the cluster answers")


@operation()
def barrier(summary: Summary) -> Commands:
    """Ends the whole run when a host it should have is lost; pyinfra itself would go on with the others.

    Every host has this operation, because pyinfra orders operations host by host: it is what keeps
    one group from starting before another is through.
    """
    if summary.ended_because:
        # The first host that came here is ending the process; the others only stop.
        raise GreenletExit
    lost = [name for name in lost_hosts(state) if name not in summary.down]
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


def _said(line: str) -> Finding:
    """A refusal of the bastion's, which ends with what to do."""
    what, _, fix = line.rpartition("; ")
    return Finding(host.name, what, fix)


def _found(survey: Survey, by: str, findings: list[Finding]) -> Commands:
    """Note them for the table, and end this host's run when there are any.

    + by: who looked
    """
    survey.findings[by] = findings
    if findings:
        here = host.name
        lines = [str(f) if f.host == here else f"{f.host}: {f}" for f in findings]
        yield refuse("\n".join(lines))


def _note(live: HostState, part: Part, survey: Survey) -> None:
    """What later parts, and the looks that follow, ask of this host."""
    survey.own[host.name] = live.own
    if live.node_ports:
        survey.node_ports[host.name] = live.node_ports
    if part.domain:
        for line in way_warnings(part.domain, live.way, part.proxies):
            survey.warn(f"{host.name}: {line}")
    if part.mounts:
        survey.nfs_clients[host.name] = ClientState(live.system, live.nfs_client)
        if live.machine_id not in ("", "uninitialized"):
            survey.machine_ids[host.name] = live.machine_id
        if live.source:
            survey.addresses[host.name] = (live.source,)
        # A node that is the storage host itself is let in by every firewall.
        if live.port and not part.exports:
            survey.reached[host.name] = live.port
    survey.room.update({path: Room(disk.mount, disk.free) for path, disk in live.disks.items()})
    if part.exports:
        survey.firewall = live.firewall


def _package_run(live: HostState) -> list[Pair]:
    """A package run that goes on is awaited: it changes this host, and what we would install waits for it."""
    if live.package_run is None or not state.is_executing:
        return []

    def left() -> list[str]:
        run = host.get_fact(PackageRuns, locks=list(PACKAGE_LOCKS))
        return [f"{run.program} (process {run.pid})"] if run else []

    holders = cluster.wait(f"{host.name}: another package run", left, _PACKAGE_RUN)
    fix = "wait until it has ended; when it hangs, end that process"
    return [(f"{name} holds the package manager's lock, for {_PACKAGE_RUN} s now", fix) for name in holders]


def _comes_in(survey: Survey, manages: bool) -> str:
    """The address whose way in is to be looked at; empty when all is well, and a look costs."""
    kept = [name for name, port in survey.reached.items() if port != "open"]
    asked = kept or (list(survey.addresses) if manages else [])
    return next((survey.addresses[name][0] for name in asked if survey.addresses.get(name)), "")


def _port(live: HostState, storage_follows: bool) -> list[Pair]:
    """A node that does not come through, where nobody looks at the other end."""
    if live.port != "blocked" or storage_follows:
        return []
    what = f"it does not reach port 2049 of {live.address}: no answer, or one from a firewall"
    return [(what, "is the storage host up? Run with it, and its firewall is looked at too")]


def _kept_out(live: HostState, survey: Survey, manages: bool) -> list[Pair]:
    """Nodes that do not come through to this storage host. Where nothing listens, a refusal is an answer."""
    bad = {"blocked", "refused"} if live.listeners else {"blocked"}
    reached = sorted(survey.reached.items())
    kept = {name: survey.addresses.get(name, ()) for name, port in reached if port in bad}
    sources = [address for known in kept.values() for address in known]
    firewall, platform = live.firewall, platform_of(live.system)
    if not kept or firewall is None or platform is None:
        return []
    if manages and managed(firewall, sources):
        return []  # it is opened before anything else
    who = ", ".join(f"{name} ({', '.join(known)})" for name, known in kept.items())
    what = f"{firewall.kind} keeps {who} from port 2049"
    if command := opening(firewall, sources, platform.firewall_file):
        also = '; or set firewall = "manage"' if firewall.kind in ("firewalld", "ufw") and not manages else ""
        return [(what, command + also)]
    unread = "its firewall could not be read" if firewall.kind == "unknown" else "its own firewall is open"
    fix = "open TCP 2049 on what is between; try it there: timeout 5 bash -c '</dev/tcp/ADDRESS/2049'"
    return [(f"{who} do not reach port 2049, and {unread}", fix.replace("ADDRESS", live.address))]
