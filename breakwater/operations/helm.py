"""Helm releases, from the bastion."""

import json
from collections.abc import Callable
from typing import Any

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand, operation

from breakwater import classes, cluster, drift, releases
from breakwater.cluster import ClusterAccess
from breakwater.commands import Commands, Refusal, attempt, refuse
from breakwater.facts.helm import HelmRelease, HelmReleases, ReleaseState
from breakwater.helm import Chart, helm_command
from breakwater.releases import Stored

# All values that are not the chart's own; or a function that gives them, since those of secrets
# are known only after both sides were looked at.
Values = dict[str, Any] | Callable[[], dict[str, Any]]


@operation()
def release(
    release: str,
    chart: Chart,
    values: Values,
    namespace: str,
    access: ClusterAccess,
    timeout: int = 300,
    until_ready: Callable[[], None] | None = None,
) -> Commands:
    """A release of this chart with these values, deployed, ready and as it was made; else Helm is called.

    + chart: where the chart comes from, and what marks it (its digest, or repository and version)
    + values: all values that are not the chart's own, or what gives them when they are needed
    + namespace: made when missing
    + access: how the cluster is reached
    + timeout: seconds until the release's workloads must be ready
    + until_ready: waits for them in a better way, or raises Refusal
    """
    helm = helm_command(access)
    live = host.get_fact(HelmRelease, release=release, namespace=namespace, helm=helm)
    if live is None:
        yield refuse(
            f"{release}: Helm could not read the release in namespace {namespace}, so nothing was changed"
        )
        return
    if live.status == "uninstalling":
        yield refuse(
            f"{release}: somebody began to uninstall it and did not end;"
            f" `helm uninstall {release} --namespace {namespace}` ends it, and the next run makes it anew"
        )
        return
    try:
        wanted = values() if callable(values) else values
        made = _as_made(access, namespace, release, live, chart, wanted)
        changed = drift.drifted(access, namespace, release, made.manifest) if made else []
        waiting = cluster.not_ready(access, namespace, release) if made else []
    except Refusal as refusal:
        yield refuse(str(refusal))
        return
    for line in changed:
        print(f"    {release}: put back: {line}", flush=True)
    if live.status and live.status.startswith("pending-"):
        # Our lock is held, so the Helm that left this state was a killed run's.
        yield from attempt(cluster.remove_pending_revision, access, namespace, release, live.revision)
    if not made or changed:
        yield _upgrade(helm, release, chart, wanted, namespace, timeout)
    if not made or changed or waiting:
        if until_ready:
            yield from attempt(until_ready)
        else:
            yield from attempt(cluster.wait_for_release, access, namespace, release, timeout)
    else:
        host.noop(f"{release}: revision {live.revision} as set")


@operation()
def former_provisioners(
    kept: list[str], chart: str, server: str, namespace: str, access: ClusterAccess, timeout: int = 300
) -> Commands:
    """Provisioners of ours that the settings have no class for are uninstalled, once nothing uses the class.

    The one thing that is uninstalled without a word from anybody; the data it served stays where it is.

    + kept: releases of the settings' classes
    + chart: name of the provisioner's chart
    + server: address of our storage host; provisioners of another one are another deployment's
    + namespace: of the provisioners
    + timeout: seconds until all of a release must be gone
    """
    helm = helm_command(access)
    listed = host.get_fact(HelmReleases, namespace=namespace, helm=helm)
    if listed is None:
        yield refuse(f"namespace {namespace}: Helm could not list its releases, so none was removed")
        return
    known = [item for item in listed if item.name not in kept and item.chart.startswith(f"{chart}-")]
    try:
        made = {
            item.name: releases.stored(access, namespace, item.name, item.revision)
            for item in known
            if item.status != "uninstalled"
        }
    except Refusal as refusal:
        yield refuse(str(refusal))
        return
    former = {name: release for name, release in made.items() if _class_of(release, server)}
    for name, release in former.items():
        storage_class = _class_of(release, server)
        yield from attempt(classes.refuse_used, access, storage_class)
        where = f"{server} in {release.values['nfs'].get('path')}"
        print(f"    class {storage_class}: its provisioner goes, its data stays on {where}", flush=True)
        yield StringCommand(
            *map(QuoteString, [*helm, "uninstall", name, "--namespace", namespace]),
            *map(QuoteString, ["--timeout", f"{timeout}s"]),
            ">/dev/null",
        )
        yield from attempt(drift.wait_until_gone, access, namespace, name, release.manifest, timeout)
    if not former:
        host.noop("no class left the settings")


def _as_made(
    access: ClusterAccess,
    namespace: str,
    release: str,
    live: ReleaseState,
    chart: Chart,
    wanted: dict[str, Any],
) -> Stored | None:
    """The release's record, when it is deployed and was made with this chart and these values."""
    if live.status != "deployed" or live.description != chart.mark:
        return None
    made = releases.stored(access, namespace, release, live.revision)
    return made if made.values == wanted else None


def _upgrade(
    helm: list[str], release: str, chart: Chart, values: dict[str, Any], namespace: str, timeout: int
) -> StringCommand:
    return StringCommand(
        *map(QuoteString, [*helm, "upgrade", release, *chart.arguments, "--install", "--create-namespace"]),
        *map(
            QuoteString,
            ["--namespace", namespace, "--description", chart.mark, "--timeout", f"{timeout}s"],
        ),
        "--values - >/dev/null",
        # On stdin: a values file would be one more place to keep secrets out of.
        _stdin=json.dumps(values, sort_keys=True),
    )


def _class_of(made: Stored, server: str) -> str:
    """The storage class of a provisioner of ours; empty when it is another's, or another deployment's."""
    asked = made.values.get("storageClass") or {}
    name = str(asked.get("name", ""))
    ours = asked.get("provisionerName") == f"{classes.OURS}{name}"
    return name if ours and (made.values.get("nfs") or {}).get("server") == server else ""
