"""The storage host exports its directories to the nodes and to nobody else; the nodes can mount them."""

from pyinfra import host
from pyinfra.api import deploy

from breakwater.operations import nfs, proof
from breakwater.run import Run


@deploy("NFS server")
def nfs_server(run: Run) -> None:
    """The storage host exports every directory of the settings."""
    if "storage" not in host.groups:
        return
    nfs.server(
        name="Directories exported to their clients only",
        exports=list(run.settings.exports),
        survey=run.survey,
        leaving=run.leaving,
    )


@deploy("NFS server")
def former_exports(run: Run) -> None:
    """What left the settings is unexported last, when its storage class has gone too."""
    if "storage" in host.groups:
        nfs.unexport(
            name="Former exports gone",
            exports=list(run.settings.exports),
            survey=run.survey,
            leaving=run.leaving,
        )


@deploy("NFS client")
def nfs_client(run: Run) -> None:
    """Each node can mount NFS: the kubelet mounts volumes with the node's own tools."""
    if "nodes" in host.groups:
        nfs.client(name="NFS can be mounted", survey=run.survey)


@deploy("Proof")
def prove_mounts(run: Run) -> None:
    """Each node mounts what it may, when something changed: written, Harbor's, seen, removed."""
    exports = list(run.settings.exports)
    if "nodes" in host.groups:
        proof.mount_and_write(
            name="Exports mounted and written",
            due=run.owes_proof,
            proof=run.mount_proof,
            exports=exports,
            survey=run.survey,
            server=run.settings.storage_address,
            storage_looks=run.has(run.settings.storage_host),
        )
    if "storage" in host.groups:
        proof.seen_from_nodes(name="Nodes' files seen", proof=run.mount_proof, exports=exports)
