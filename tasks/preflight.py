"""Nothing changes before every host that the run will touch has what it needs."""

from dataclasses import replace

from pyinfra import host
from pyinfra.api import deploy

from breakwater.checks import Part
from breakwater.operations import preflight
from breakwater.run import Run


@deploy("Preflight")
def check_hosts(run: Run) -> None:
    """Every host is reachable, known and able; the cluster answers."""
    settings = run.settings
    mounts, pulls = "nodes" in host.groups, bool({"nodes", "clients"} & set(host.groups))
    part = Part(
        mounts=mounts,
        imports=mounts and run.bundle is not None,
        guards=mounts and run.harbor is not None,
        listens=run.proxy.listens if run.proxy and "proxies" in host.groups else (),
        domain=settings.domain or "" if run.proxy and pulls else "",
        proxies=run.proxies_at,
        writes_hosts=settings.trust.etc_hosts,
    )
    # Nodes first: the storage host's firewall is looked at only when one of them does not come through.
    if mounts and "storage" not in host.groups:
        preflight.ready(
            name="Node ready",
            storage_address=settings.storage_address,
            survey=run.survey,
            part=part,
            storage_follows=run.has(settings.storage_host),
        )
    if (
        run.proxy
        and {"proxies", "clients"} & set(host.groups)
        and not {"nodes", "storage"} & set(host.groups)
    ):
        preflight.ready(
            name="Proxy or client ready",
            storage_address=settings.storage_address,
            survey=run.survey,
            part=part,
        )
    if "storage" in host.groups:
        preflight.ready(
            name="Storage host ready",
            storage_address=settings.storage_address,
            survey=run.survey,
            part=replace(part, exports=tuple(export.path for export in settings.exports)),
            manages=settings.firewall == "manage",
        )
    if "bastion" in host.groups:
        preflight.cluster_ready(
            name="Cluster ready",
            access=run.access,
            survey=run.survey,
            hosts=list(settings.nodes),
            down=list(settings.nodes_down),
            exports=list(settings.classes),
            namespace=settings.provisioner.namespace,
            server=settings.storage_address,
            harbor=run.problems if run.harbor else None,
            _sudo=False,
        )
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
