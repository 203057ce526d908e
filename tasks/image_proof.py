"""The domain works for people and nodes: an image is pushed and pulled through it, when something changed."""

from functools import partial

from pyinfra import host
from pyinfra.api import deploy

from breakwater.image_proof import Cluster, Entrance, push_and_pull
from breakwater.operations import image_proof
from breakwater.run import Run


@deploy("Proof")
def prove_push(run: Run) -> None:
    """Through each proxy once, by an account with just that right; then a pod on each node runs the image."""
    if "bastion" not in host.groups or run.harbor is None or run.front is None:
        return
    settings = run.settings
    entrance = Entrance(
        host=settings.registry_host,
        proxies=run.front.doors,
        ca=run.front.ca_file,
    )
    cluster = Cluster(
        access=run.access,
        namespace=settings.harbor.namespace,
        survey=run.survey,
        down=settings.nodes_down,
    )
    image_proof.pushed_and_pulled(
        name="Image pushed and pulled through the domain",
        due=run.owes_proof,
        settle=run.harbor.wait_until_healthy,
        prove=partial(push_and_pull, entrance, cluster, run.harbor.administrator, settings.proof.timeout),
        _sudo=False,
    )
