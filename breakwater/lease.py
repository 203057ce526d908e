"""One run at a time in a cluster: a Kubernetes Lease says who, since when and from where."""

import getpass
import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent
from kubernetes import client

from breakwater.cluster import ClusterAccess, NoAnswer, api
from breakwater.commands import Refusal

NAMESPACE, NAME = "kube-system", "breakwater"
# Seconds: how long a silent holder keeps it, how often one renews it, and how soon it tries again.
LASTS, RENEW, _AGAIN = 30, 10, 2
# Seconds to connect and to wait for an answer: a renewal that hangs is a lease that ends.
_LIMIT = (3, 5)
# Annotations: where the holder's process can be looked for, and which it is.
_PLACE, _PROCESS = "breakwater.io/place", "breakwater.io/process"
_FREE = f"kubectl --namespace {NAMESPACE} delete lease {NAME}"


class Lease:
    """A cluster's lease, held and renewed until it is released, or lost to someone else."""

    def __init__(self, access: ClusterAccess, lost: Callable[[str], None]) -> None:
        self._access, self._lost = access, lost
        self._since = datetime.now(UTC)
        self._version = ""  # the object's, as we wrote it last: whoever else writes changes it
        self._renewed = 0.0
        self._renewer: gevent.Greenlet | None = None

    def take(self) -> None:
        """Become its holder, and stay it. Raises Refusal with who is, NoAnswer without a cluster."""
        with api(self._access) as opened:
            leases = client.CoordinationV1Api(opened)
            live = _read(leases)
            if live and not _is_dead(live):
                live = _unless_renewed(leases, live)
            try:
                self._write(leases, live.metadata.resource_version if live else "")
            except client.ApiException as error:
                if error.status != 409:
                    raise
                # Someone was faster, between our look and our writing.
                raise Refusal(_held(_read(leases))) from error
        self._renewer = gevent.spawn(self._keep)

    def confirm(self) -> None:
        """Renew it, and end the run when it is not ours any more."""
        try:
            with api(self._access) as opened:
                self._renew(client.CoordinationV1Api(opened))
        except _Lost as reason:
            self._end(str(reason))
        except Refusal as reason:
            silent = time.monotonic() - self._renewed
            if silent > LASTS:
                self._end(f"the cluster's lease could not be renewed for {silent:.0f} s: {reason}")

    def release(self) -> None:
        """Give it back, for the next run to begin at once; without an answer it ends by itself."""
        if self._renewer:
            self._renewer.kill()
        if not self._version:
            return
        exactly = {"preconditions": {"resourceVersion": self._version}}
        try:
            with api(self._access) as opened:
                client.CoordinationV1Api(opened).delete_namespaced_lease(
                    NAME, NAMESPACE, body=exactly, _request_timeout=_LIMIT
                )
        except Refusal as reason:
            print(f"The cluster's lease was not given back, it ends in {LASTS} s: {reason}")

    def _keep(self) -> None:
        while self._version:
            gevent.sleep(RENEW if time.monotonic() - self._renewed < RENEW else _AGAIN)
            self.confirm()

    def _renew(self, leases: client.CoordinationV1Api) -> None:
        try:
            self._write(leases, self._version)
        except client.ApiException as error:
            if error.status not in (404, 409):
                raise
            live = _read(leases)
            if live is None:
                raise _Lost(f"someone removed this run's lease, {NAME} in {NAMESPACE}") from error
            if not self._is_ours(live):
                raise _Lost(f"this run lost the cluster's lease: {_held(live)}") from error
            # A renewal whose answer did not arrive.
            self._write(leases, live.metadata.resource_version)

    def _write(self, leases: client.CoordinationV1Api, version: str) -> None:
        metadata = {"name": NAME, "namespace": NAMESPACE, "annotations": _whereabouts()}
        times = {"acquireTime": _stamp(self._since), "renewTime": _stamp(datetime.now(UTC))}
        body: dict[str, Any] = {
            "metadata": {**metadata, **({"resourceVersion": version} if version else {})},
            "spec": {"holderIdentity": _identity(), "leaseDurationSeconds": LASTS, **times},
        }
        asked = time.monotonic()
        if version:
            answer = leases.replace_namespaced_lease(NAME, NAMESPACE, body, _request_timeout=_LIMIT)
        else:
            answer = leases.create_namespaced_lease(NAMESPACE, body, _request_timeout=_LIMIT)
        self._version, self._renewed = answer.metadata.resource_version, asked

    def _is_ours(self, live: client.V1Lease) -> bool:
        return bool(live.spec.holder_identity == _identity() and live.spec.acquire_time == self._since)

    def _end(self, reason: str) -> None:
        self._version = ""
        self._lost(reason)


class _Lost(Refusal):
    """Someone else holds the lease, or nobody."""


def take(access: ClusterAccess, lost: Callable[[str], None]) -> Lease | None:
    """Take the cluster's lease; none when there is no way to the cluster, of which preflight says more.

    + lost: called with the reason when the lease is lost while the run goes on; it ends the run

    Raises Refusal with who holds it, since when and from where.
    """
    lease = Lease(access, lost)
    try:
        lease.take()
    except NoAnswer:
        return None
    return lease


def _read(leases: client.CoordinationV1Api) -> client.V1Lease | None:
    try:
        return leases.read_namespaced_lease(NAME, NAMESPACE, _request_timeout=_LIMIT)
    except client.ApiException as error:
        if error.status == 404:
            return None
        raise


def _unless_renewed(leases: client.CoordinationV1Api, live: client.V1Lease) -> client.V1Lease | None:
    """The lease, when it has ended and its holder is silent. Raises Refusal when it is held.

    It ends by its holder's clock, and ours may differ: it is taken only when nobody renews it.
    """
    if _seconds_left(live) > 0:
        raise Refusal(_held(live))
    looks = RENEW + _AGAIN
    print(f"    the lease of {_who(live)} has ended; {looks} s to see whether it is renewed", flush=True)
    time.sleep(looks)
    again = _read(leases)
    if again and again.metadata.resource_version != live.metadata.resource_version:
        raise Refusal(_held(again))
    return again


def _held(live: client.V1Lease | None) -> str:
    if live is None:
        return "another run was going on a moment ago; try again"
    left = _seconds_left(live)
    text = f"another run is going on: {_who(live)}; wait for it, or end that process"
    if left < LASTS - 2 * RENEW:
        text += (
            f"; it seems dead, its lease ends in {max(left, 0):.0f} s, or, when you are sure, with `{_FREE}`"
        )
    return text


def _who(live: client.V1Lease) -> str:
    holder = " ".join((live.spec.holder_identity or "nobody").split())
    since = live.spec.acquire_time
    return f"{holder}, since {since:%Y-%m-%d %H:%M:%S} UTC" if since else holder


def _seconds_left(live: client.V1Lease) -> float:
    if not (live.spec.holder_identity and live.spec.renew_time):
        return 0.0
    age = (datetime.now(UTC) - live.spec.renew_time).total_seconds()
    return float((live.spec.lease_duration_seconds or LASTS) - age)


def _is_dead(live: client.V1Lease) -> bool:
    """Whether the holder was a process of this machine, and is gone: then nothing needs to be awaited."""
    marks = live.metadata.annotations or {}
    place = marks.get(_PLACE, "")
    return bool(place) and place == _place() and _is_gone(marks.get(_PROCESS, ""))


def _identity() -> str:
    return f"{getpass.getuser()} on {socket.gethostname()}, process {os.getpid()}"


def _whereabouts() -> dict[str, str]:
    place = _place()
    return {_PLACE: place, _PROCESS: f"{os.getpid()} {_began(os.getpid())}"} if place else {}


def _place() -> str:
    """This boot of this kernel, and whose processes are seen; empty where that cannot be told.

    Not the host's name or machine-id: containers of one image share those.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _is_gone(process: str) -> bool:
    """Whether a process has ended: its number is free, or another's now.

    + process: its number and when it began
    """
    number, _, began = process.partition(" ")
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # another user's, and alive
    except (ValueError, OverflowError):
        return False  # not written by us
    try:
        return _began(int(number)) != began
    except OSError:
        return False  # hidden, as other users' processes can be


def _began(number: int) -> str:
    """When a process began, in ticks since boot; empty when it only waits to be buried."""
    state, *fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return "" if state in "ZX" else fields[18]


def _stamp(time: datetime) -> str:
    """As Kubernetes reads it: always with six digits of a second."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
