"""Every node, and every host of the optional group clients, trusts the registry's CA and finds its domain."""

from pyinfra import host
from pyinfra.api import deploy

from breakwater.operations import trust as operations
from breakwater.run import Run


@deploy("Trust")
def trust(run: Run) -> None:
    """Nothing without a proxy: nobody answers for the domain then."""
    if run.front is None or not {"nodes", "clients"} & set(host.groups):
        return
    settings = run.settings
    operations.registry(
        name=f"{settings.domain} trusted",
        domain=str(settings.domain),
        port=settings.proxy.port,
        ca=run.front.ca,
        # Two registries that share a client have storage hosts of their own; a domain may be renamed.
        owner=settings.storage_address,
        wanted=settings.trust,
        cache=settings.registry.docker_hub_cache or "",
        addresses=list(run.proxies_at),
        cri="nodes" in host.groups,
        survey=run.survey,
    )
