"""Helm releases, from the bastion."""

import json
from typing import Any

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand, operation

from breakwater import classes, cluster, drift
from breakwater.cluster import ClusterAccess
from breakwater.commands import Commands, Refusal, attempt, refuse
from breakwater.facts.helm import HelmRelease, HelmReleases, ReleaseState
from breakwater.helm import Chart, helm_command


@operation()
def release(
    release: str,
    chart: Chart,
    values: dict[str, Any],
    namespace: str,
    access: ClusterAccess,
    timeout: int = 300,
) -> Commands:
    """A release of this chart with these values, deployed, ready and as it was made; else Helm is called.

    + chart: where the chart comes from, and what marks it (its digest, or repository and version)
    + values: all values that are not the chart's own
    + namespace: made when missing
    + access: how the cluster is reached
    + timeout: seconds until the release's workloads must be ready
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
    as_set = live.status == "deployed" and live.values == values and live.description == chart.mark
    try:
        changed = drift.drifted(access, namespace, release, live.manifest) if as_set else []
    except Refusal as refusal:
        yield refuse(str(refusal))
        return
    for line in changed:
        print(f"    {release}: put back: {line}", flush=True)
    if live.status and live.status.startswith("pending-"):
        # Our lock is held, so the Helm that left this state was a killed run's.
        yield from attempt(cluster.remove_pending_revision, access, namespace, release, live.revision)
    if not as_set or changed:
        yield StringCommand(
            *map(
                QuoteString, [*helm, "upgrade", release, *chart.arguments, "--install", "--create-namespace"]
            ),
            *map(
                QuoteString,
                ["--namespace", namespace, "--description", chart.mark, "--timeout", f"{timeout}s"],
            ),
            "--values - >/dev/null",
            # On stdin: a values file would be one more place to keep secrets out of.
            _stdin=json.dumps(values, sort_keys=True),
        )
    if not as_set or changed or live.waiting:
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
    found = {
        item.name: host.get_fact(HelmRelease, release=item.name, namespace=namespace, helm=helm)
        for item in listed
        if item.name not in kept and item.chart.startswith(f"{chart}-") and item.status != "uninstalled"
    }
    unread = [name for name, live in found.items() if live is None]
    if unread:
        yield refuse(
            f"{', '.join(unread)}: Helm could not read it in namespace {namespace}, so none was removed"
        )
        return
    former = {name: live for name, live in found.items() if live and _class_of(live, server)}
    for name, live in former.items():
        storage_class = _class_of(live, server)
        yield from attempt(classes.refuse_used, access, storage_class)
        where = f"{server} in {live.values['nfs'].get('path')}"
        print(f"    class {storage_class}: its provisioner goes, its data stays on {where}", flush=True)
        yield StringCommand(
            *map(QuoteString, [*helm, "uninstall", name, "--namespace", namespace]),
            *map(QuoteString, ["--timeout", f"{timeout}s"]),
            ">/dev/null",
        )
        yield from attempt(drift.wait_until_gone, access, namespace, name, live.manifest, timeout)
    if not former:
        host.noop("no class left the settings")


def _class_of(live: ReleaseState, server: str) -> str:
    """The storage class of a provisioner of ours; empty when it is another's, or another deployment's."""
    made = live.values.get("storageClass") or {}
    name = str(made.get("name", ""))
    ours = made.get("provisionerName") == f"{classes.OURS}{name}"
    return name if ours and (live.values.get("nfs") or {}).get("server") == server else ""
