"""Harbor is there, with secrets that are made once, and healthy through every node."""

from pyinfra import host
from pyinfra.api import deploy

from breakwater.operations import harbor as parts
from breakwater.operations import helm
from breakwater.run import Run


@deploy("Harbor")
def harbor(run: Run) -> None:
    """Its secrets on both sides, its release, its administrator's password; then it is asked how it is."""
    if "bastion" not in host.groups or run.harbor is None:
        return
    found, settings = run.harbor, run.settings.harbor
    parts.secrets(
        name="Secrets and certificates in place",
        missing=found.missing_secrets,
        write=found.write_secrets,
        _sudo=False,
    )
    helm.release(
        name="Harbor released",
        release=settings.release,
        chart=found.chart,
        values=found.values,
        namespace=settings.namespace,
        access=run.access,
        timeout=settings.timeout,
        until_ready=found.wait_until_ready,
        _sudo=False,
    )
    parts.settled(
        name="Harbor healthy through every node",
        what="healthy",
        due=found.is_unhealthy,
        settle=found.wait_until_healthy,
        _sudo=False,
    )
    parts.settled(
        name="Administrator's password as set",
        what="the administrator's password as set",
        due=found.another_admin_password,
        settle=found.set_admin_password,
        _sudo=False,
    )


@deploy("Proof")
def prove_harbor(run: Run) -> None:
    """Harbor's volumes are directories of the storage host, when something changed."""
    if "storage" in host.groups and run.harbor is not None:
        parts.seen_on_storage(
            name="Harbor's volumes seen", due=run.owes_proof, directories=run.harbor.directories
        )
