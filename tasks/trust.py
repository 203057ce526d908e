"""Every node, and every host of the optional group clients, trusts the registry's CA and finds its domain."""

from functools import partial

from pyinfra import host
from pyinfra.api import deploy

from breakwater.operations import trust as operations
from breakwater.run import Run
from breakwater.trust.settings import Trust
from breakwater.trust.wanted import Wanted


@deploy("Trust")
def trust(run: Run) -> None:
    """Before the proxies have a new certificate; what a host trusts already stays until they have it."""
    if not {"nodes", "clients"} & set(host.groups):
        return
    if run.front is None:
        _say_what_is_left_out(run)
        return
    operations.told(
        name=f"{run.settings.domain} trusted",
        wanted=_wanted(run),
        ca=run.front.ca,
        cri="nodes" in host.groups,
        survey=run.survey,
    )


@deploy("Trust")
def former_trust(run: Run) -> None:
    """Once every proxy shows its new certificate, what signed the one before is trusted no more."""
    if run.front is None or not {"nodes", "clients"} & set(host.groups):
        return
    operations.narrowed(
        name=f"{run.settings.domain} trusted by its present CA only",
        wanted=_wanted(run),
        ca=run.front.ca,
        cri="nodes" in host.groups,
        survey=run.survey,
        due=partial(_has_every_proxy, run),
    )


def _wanted(run: Run) -> Wanted:
    settings = run.settings
    return Wanted(
        domain=str(settings.domain),
        port=settings.proxy.port,
        # Two registries that share a client have storage hosts of their own; a domain may be renamed.
        owner=settings.storage_address,
        cache=settings.registry.docker_hub_cache or "",
        addresses=run.proxies_at,
        settings=settings.trust,
    )


def _has_every_proxy(run: Run) -> bool:
    return all(run.has(name) for name in run.settings.hosts["proxies"])


def _say_what_is_left_out(run: Run) -> None:
    """Without proxies of ours nobody knows what certificate is shown for the domain, nor when."""
    settings = run.settings
    if not settings.domain:
        return
    fix = "write its files by hand (docs/trust.md), or name hosts in group proxies"
    if cache := settings.registry.docker_hub_cache:
        run.survey.warn(
            f"registry.docker_hub_cache: {cache!r} is no host's mirror of Docker Hub, since group proxies is"
            f" empty; {fix}"
        )
    if settings.trust != Trust():
        run.survey.warn(f"trust: has no effect, since group proxies is empty; {fix}")
