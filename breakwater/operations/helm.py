"""Helm releases, from the bastion."""

import json
from typing import Any

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand, operation

from breakwater import cluster
from breakwater.cluster import ClusterAccess
from breakwater.commands import Commands, attempt, refuse
from breakwater.facts.helm import HelmRelease
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
    """A release of this chart with these values, deployed and ready; Helm is not called when it is.

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
    wanted = live.status == "deployed" and live.values == values and live.description == chart.mark
    if live.status and live.status.startswith("pending-"):
        # Our lock is held, so the Helm that left this state was a killed run's.
        yield from attempt(cluster.remove_pending_revision, access, namespace, release, live.revision)
    if not wanted:
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
    if not wanted or live.waiting:
        yield from attempt(cluster.wait_for_release, access, namespace, release, timeout)
    else:
        host.noop(f"{release}: revision {live.revision} as set")
