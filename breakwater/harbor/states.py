"""The states in which a starting Harbor hangs, recognised from what the cluster shows: nothing is asked here.

Objects are as the API's JSON has them. The words that are looked for stand in Harbor 2.15.1's sources
(src/core/main.go, src/pkg/config/rest/rest.go, src/common/utils/utils.go, make/photon/db), in its driver of
PostgreSQL (jackc/pgconn 1.14.3), in PostgreSQL 15 and in nginx.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from breakwater.harbor.look import (
    Look,
    Object,
    backs_off,
    began,
    component,
    condition,
    ended,
    is_ready,
    log_of,
    name_of,
    statuses,
    time_of,
)

GUIDE = "docs/troubleshooting.md"
# A kubelet says every 10 s that it is there, and each word is good for 40.
_SILENT = timedelta(seconds=40)
# Core's Service sends to it a moment after it is ready.
_SETTLES = timedelta(seconds=10)
# A deployment's first look at itself comes right after it is made.
_AT_ONCE = timedelta(seconds=120)

_NO_DATABASE = re.compile(r'database "([^"]+)" does not exist \(SQLSTATE 3D000\)')
_NO_ENTRY = re.compile(r"no pg_hba\.conf entry for host .*\(SQLSTATE 28000\)")
_WRONG_PASSWORD = re.compile(r'password authentication failed for user "[^"]*" \(SQLSTATE 28P01\)')
_HALF_INITIALISED = re.compile(r'initdb: error: directory "[^"]+" exists but is not empty')
_CRASH = re.compile(
    r"process \(PID \d+\) (exited with exit code \d+|was terminated by signal \d+)[^\n]*\n"
    r"(?:[^\n]*DETAIL:[^\n]*\n)?[^\n]*terminating any other active server processes"
    r"|database system was not properly shut down; automatic recovery in progress"
)
_UP = "database system is ready to accept connections"
_NO_NAME = re.compile(
    r'host not found in upstream "([^":]+)'
    r"|lookup ([\w.-]+)(?: on \S+)?: [^\n]*?(?:no such host|i/o timeout|server misbehaving|refused)"
)
_REFUSED_BY_CORE = re.compile(r"Failed on load rest config err:http error: code 401")
# How the chart's parts wait for each other: they end, and are started anew.
_WAITS = (
    ("core", re.compile(r"failed to connect to tcp:(\S+) after \d+ seconds"), "{}"),
    ("core", re.compile(r"failed to initialize cache"), "Redis"),
    ("jobservice", re.compile(r"failed to load rest config"), "core"),
)
_IMAGE = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}


@dataclass(frozen=True)
class State:
    """A state that was recognised.

    + said: a phrase for the line that says what is awaited
    + fix: what to do about it, said when the wait ends; empty when waiting is all
    + hopeless: waiting longer changes nothing
    + restart: the pod that is to be started anew; empty for none
    """

    said: str
    fix: str = ""
    hopeless: bool = False
    restart: str = ""


def recognised(look: Look, namespace: str, bundled: bool) -> list[State]:
    """Every state that this look shows, the hopeless first.

    + namespace: Harbor's, for the commands
    + bundled: whether images come from a bundle, and from nowhere else
    """
    kubectl = f"kubectl --namespace {namespace}"
    states = [
        *_database_without_data(look, kubectl),
        *_wrong_password(look),
        *_claims(look),
        *_images(look, bundled),
        *_crashed_database(look),
        *_no_names(look),
        *_jobservice(look, kubectl),
        *_waiting(look),
        *_ending(look, kubectl),
        *stale(look),
    ]
    return sorted(dict.fromkeys(states), key=lambda state: not state.hopeless)


def stale(look: Look) -> list[State]:
    """Pods that are Ready by the API alone: their node has gone silent, and nobody has noticed yet.

    For about a minute after a node's death the API shows what its kubelet said last.
    """
    found = []
    for node in look.nodes:
        name = node["metadata"]["name"]
        pods = [name_of(pod) for pod in look.pods if pod["spec"].get("nodeName") == name and is_ready(pod)]
        last = look.heard.get(name)
        silent = last is not None and look.now - last > _SILENT
        if pods and (silent or not is_ready(node)):
            ago = f" for {(look.now - last).total_seconds():.0f} s" if last and silent else ""
            found.append(
                State(
                    f"node {name} has said nothing{ago}, so {', '.join(sorted(pods))} may not be ready",
                    f"is {name} up, and does its kubelet run? `systemctl status kubelet` there",
                )
            )
    return found


def _database_without_data(look: Look, kubectl: str) -> Iterator[State]:
    """A first start of the database that was cut short: PostgreSQL never does the rest."""
    databases = component(look, "database")
    for pod in databases:
        if _HALF_INITIALISED.search(log_of(look, pod)):
            said = f"{name_of(pod)}: its first start was cut short, and the next one finds half a database"
            yield State(said, _begin_anew(look, pod, kubectl), hopeless=True)
    for core in component(look, "core"):
        log, end = log_of(look, core), ended(core)
        missing = _NO_DATABASE.search(log)
        if end is None or not (missing or _NO_ENTRY.search(log)):
            continue
        for pod in databases:
            # What core said before this database began is about another one.
            if is_ready(pod) and (start := began(pod)) and end >= start:
                lacks = f'has no database "{missing[1]}"' if missing else "lets nobody in"
                said = f"{name_of(pod)} is Ready and {lacks}: its first start was cut short"
                yield State(said, _begin_anew(look, pod, kubectl), hopeless=True)
        if missing and not databases and end >= look.since:
            said = f'{name_of(core)}: the external database server has no database "{missing[1]}"'
            yield State(said, f'make it there: CREATE DATABASE "{missing[1]}"', hopeless=True)


def _begin_anew(look: Look, pod: Object, kubectl: str) -> str:
    """The commands that throw half a database away: only for a Harbor that never held anything."""
    name = name_of(pod)
    claims = {name_of(claim): claim for claim in look.claims}
    mounted = [volume.get("persistentVolumeClaim", {}) for volume in pod["spec"].get("volumes", [])]
    claim = next((part["claimName"] for part in mounted if part.get("claimName") in claims), "")
    if not claim or not _never_up(look, claims[claim]):
        return f"this Harbor was up before: restore its database from a dump, as {GUIDE} says"
    stateful_set = name.rpartition("-")[0]
    return (
        "core never was up with it, so it is empty unless you put something there, and can be made anew:"
        f" `{kubectl} scale statefulset {stateful_set} --replicas=0`,"
        f" `{kubectl} wait --for=delete pod/{name} --timeout=300s`,"
        f" `{kubectl} delete pvc {claim}`, `{kubectl} scale statefulset {stateful_set} --replicas=1`;"
        " raise harbor.probes.database_start first if its probe ended it"
    )


def _never_up(look: Look, claim: Object) -> bool:
    """Whether core was never available, and the claim is no older than it: then nothing is stored there."""
    if not look.core:
        return False
    made = time_of(look.core["metadata"]["creationTimestamp"])
    available = condition(look.core, "Available")
    never = available.get("status") == "False" and time_of(available["lastTransitionTime"]) - made < _AT_ONCE
    return never and time_of(claim["metadata"]["creationTimestamp"]) >= made - _AT_ONCE


def _wrong_password(look: Look) -> Iterator[State]:
    databases = component(look, "database")
    start = max((began(pod) or look.since for pod in databases), default=look.since)
    for pod in component(look, "core"):
        end = ended(pod)
        if _WRONG_PASSWORD.search(log_of(look, pod)) and end and end >= start:
            fix = (
                "a database keeps the password of its first start: put that one back, or give it this one,"
                f" as {GUIDE} says"
                if databases
                else "set harbor.database.password to the one that the server takes"
            )
            yield State(f"{name_of(pod)}: the database does not take its password", fix, hopeless=True)


def _claims(look: Look) -> Iterator[State]:
    for claim in look.claims:
        if claim.get("status", {}).get("phase") != "Pending":
            continue
        name, wanted = name_of(claim), claim["spec"].get("storageClassName")
        if wanted and wanted not in look.classes:
            fix = f"name one that is in harbor.volumes ({', '.join(sorted(look.classes)) or 'there is none'})"
            yield State(f"claim {name}: there is no storage class {wanted}", fix, hopeless=True)
        elif wanted is None:
            fix = "set storage_class in harbor.volumes"
            yield State(f"claim {name}: names no storage class, and none is the default", fix, hopeless=True)
        else:
            words = look.events.get(name, "")
            said = f"claim {name}: not bound by {wanted}{f' ({words})' if words else ''}"
            yield State(said, "does its provisioner run? `python -m breakwater check`, then deploy again")


def _images(look: Look, bundled: bool) -> Iterator[State]:
    for pod in look.pods:
        for status in statuses(pod):
            waiting = status.get("state", {}).get("waiting", {})
            reason, image = waiting.get("reason", ""), status.get("image", "")
            where = f"{name_of(pod)} on {pod['spec'].get('nodeName', 'no node')}"
            if reason in _IMAGE:
                fix = (
                    f"the bundle does not have {image}: make one that does (docs/bundle.md)"
                    if bundled
                    else f"does the node reach the registry? `crictl pull {image}` there says why not"
                )
                # A registry comes back, and a bundle does not change by waiting.
                hopeless = reason == "InvalidImageName" or (bundled and reason != "ErrImagePull")
                yield State(f"{where}: no image {image} ({reason})", fix, hopeless)
            elif reason == "CreateContainerConfigError":
                words = " ".join(str(waiting.get("message", "")).split())
                yield State(f"{where}: {words or reason}", "deploy again: that writes its Secrets")


def _crashed_database(look: Look) -> Iterator[State]:
    """PostgreSQL after a storage stall: a probe that died took it down, and its recovery takes minutes."""
    for pod in component(look, "database"):
        # What it survived is over.
        crash = _CRASH.search(log_of(look, pod).rpartition(_UP)[2])
        if crash and not is_ready(pod):
            starts = max(status.get("restartCount", 0) for status in statuses(pod))
            why = f" after a process of its {crash[1]}" if crash[1] else ""
            again = f", started anew {starts} times" if starts else ""
            yield State(
                f"{name_of(pod)}: PostgreSQL recovers{why}, as after a storage stall{again}",
                "give it time: raise harbor.probes.timeout and harbor.probes.failures; and see why the"
                f" storage host stalls: {GUIDE}",
            )


def _no_names(look: Look) -> Iterator[State]:
    for pod in look.pods:
        if found := _NO_NAME.search(log_of(look, pod)):
            yield State(
                f"{name_of(pod)}: cluster DNS does not answer for {found[1] or found[2]}",
                "`kubectl --namespace kube-system get pods,endpointslices -l k8s-app=kube-dns`",
            )


def _jobservice(look: Look, kubectl: str) -> Iterator[State]:
    """Core is up, and jobservice sits out the back-off of a time when it was not: up to 5 min."""
    ready = [
        time_of(condition(pod, "Ready")["lastTransitionTime"])
        for pod in component(look, "core")
        if is_ready(pod)
    ]
    if not ready:
        return
    for pod in component(look, "jobservice"):
        end = ended(pod)
        if not backs_off(pod) or end is None or pod["metadata"].get("deletionTimestamp"):
            continue
        if end <= min(ready) + _SETTLES:
            yield State(f"{name_of(pod)}: started anew, since core is up by now", restart=name_of(pod))
        elif _REFUSED_BY_CORE.search(log_of(look, pod)):
            yield State(
                f"{name_of(pod)}: core does not take its secret",
                f"one of them has an old one: `{kubectl} rollout restart deployment -l component=core`, then"
                " the same with component=jobservice",
            )


def _waiting(look: Look) -> Iterator[State]:
    for part, words, what in _WAITS:
        for pod in component(look, part):
            if not is_ready(pod) and (found := words.search(log_of(look, pod))):
                yield State(f"{name_of(pod)} waits for {what.format(*found.groups())} by starting anew")


def _ending(look: Look, kubectl: str) -> Iterator[State]:
    for pod in look.pods:
        due = pod["metadata"].get("deletionTimestamp")
        if due and look.now > time_of(due):
            name, node = name_of(pod), pod["spec"].get("nodeName", "")
            late = (look.now - time_of(due)).total_seconds()
            yield State(
                f"{name} should have ended {late:.0f} s ago on {node}",
                f"is {node} up? Only when it is switched off: `{kubectl} delete pod {name} --force`, for two"
                " databases on the same files destroy them",
            )
