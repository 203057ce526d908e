"""Envoy stands in front of Harbor on every proxy."""

from pyinfra import host
from pyinfra.api import deploy

from breakwater.operations import harbor
from breakwater.operations import proxy as operations
from breakwater.run import Run


@deploy("Proxy")
def proxy_certificates(run: Run) -> None:
    """The certificates that clients see are made, or renewed, before a proxy has them."""
    if "bastion" in host.groups and run.front is not None:
        harbor.secrets(
            name="Certificates made", missing=run.front.missing, write=run.front.write, _sudo=False
        )


@deploy("Proxy")
def proxy(run: Run) -> None:
    """One binary, one unit, and the files that say what it listens to and where that leads."""
    if "proxies" in host.groups and run.proxy is not None:
        operations.envoy(name="Envoy serves the domain", plan=run.proxy.plan, turn=run.proxy.turn)
