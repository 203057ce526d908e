"""A run that changes nothing, as hosts, cluster and sshd see it, whatever the run says itself."""

from __future__ import annotations

import re

from tests.lab.conftest import Lab

GUESTS = ("storage", "node1", "node2", "proxy")
EXPORT = "/srv/nfs/breakwater"

# Where a second run must write nothing; /etc also covers our exports file and units.
WATCHED = "/etc /usr/local /var/lib/breakwater /var/lib/nfs/etab"
# Objects that change by themselves: leases and leader election, nodes' status, events.
RESTLESS = {"leases", "events", "nodes", "componentstatuses"}


def a_further_run_changes_nothing(lab: Lab) -> None:
    """One more run leaves hosts and cluster as they are, with one to three remote commands a host.

    + lab: deployed as a whole, its proxy too
    """
    marks = {guest: lab.on(guest, "date '+%F %T.%N' && sync").strip() for guest in GUESTS}
    before = evidence(lab)
    result = lab.deploy()
    assert result.report["result"] == "unchanged"
    assert result.statuses() == {"unchanged"}
    after = evidence(lab)
    for place in before:
        assert sorted(after[place] ^ before[place]) == [], place
    for guest in GUESTS:
        # sshd at LogLevel VERBOSE writes a line for each command, whoever sends it; root's is ours.
        log = lab.on(guest, f"journalctl -q -t sshd-session --since '{marks[guest][:19]}' -o cat")
        commands = re.findall(r"Starting session: (?:command|subsystem).* for debian ", log)
        assert 1 <= len(commands) <= 3, f"{guest}: {commands}"


def evidence(lab: Lab) -> dict[str, set[str]]:
    """What a run that changes nothing must leave as it is, as the hosts and the cluster show it: lines."""
    found = {
        **{f"files of {guest}": _files(lab, guest) for guest in GUESTS},
        **{f"units of {guest}": _units(lab, guest) for guest in GUESTS},
        "releases": lab.inside("helm", "list", "-A", "-o", "json").output,
        "objects": _objects(lab),
    }
    return {place: set(text.splitlines()) for place, text in found.items()}


def _files(lab: Lab, guest: str) -> str:
    """Name, times and size of every file that breakwater could write, and of what is in its exports."""
    times = "-printf '%p %T@ %C@ %s %m %u\\n'"
    # The volumes in an export are their pods' to write.
    volumes = (
        f"find {EXPORT} -mindepth 1 -maxdepth 1 -printf '%p %m %u\\n'; find {EXPORT} -maxdepth 0 {times}"
    )
    # containerd's and the kubelet's own run-time files are not under these.
    return lab.on(guest, f"{{ find {WATCHED} {times}; {volumes}; }} 2>/dev/null | sort")


def _units(lab: Lab, guest: str) -> str:
    """When each unit was last started, and its main process."""
    return lab.on(
        guest,
        "systemctl show --type=service --state=running -p Id -p MainPID -p ActiveEnterTimestampMonotonic '*'"
        # the session of the one who asks comes and goes
        " | paste -s -d' ' | sed 's/  /\\n/g' | grep -v -e 'Id=user@' -e 'Id=ssh@' -e session | sort",
    )


def _objects(lab: Lab) -> str:
    """Kind, namespace, name and resourceVersion of everything the cluster keeps."""
    listed = lab.inside("kubectl", "api-resources", "--verbs=list", "-o", "name").output.split()
    kinds = [kind for kind in listed if kind.partition(".")[0] not in RESTLESS]
    columns = "K:.kind,S:.metadata.namespace,N:.metadata.name,V:.metadata.resourceVersion"
    command = ["kubectl", "get", ",".join(kinds), "-A", "--no-headers", "-o", f"custom-columns={columns}"]
    return lab.inside(*command).output
