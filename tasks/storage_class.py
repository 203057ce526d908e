"""Every export that asks for one has a storage class, and a provisioner of its own; no other has."""

from typing import Any

from pyinfra import host
from pyinfra.api import deploy

from breakwater.helm import chart
from breakwater.operations import helm, proof
from breakwater.run import Run
from breakwater.settings import Export

CHART = "nfs-subdir-external-provisioner"


@deploy("Storage class")
def storage_classes(run: Run) -> None:
    """One Helm release an export: one provisioner serves one directory."""
    if "bastion" not in host.groups:
        return
    settings = run.settings.provisioner
    for export in run.settings.classes:
        helm.release(
            name=f"Class {export.storage_class} on {export.path}",
            release=export.release,
            chart=chart(CHART, settings.chart_version, settings.repository, run.bundle),
            values=_values(export, run.settings.storage_address),
            namespace=settings.namespace,
            access=run.access,
            timeout=settings.timeout,
            _sudo=False,
        )


@deploy("Storage class")
def former_classes(run: Run) -> None:
    """A class that left the settings goes, and its provisioner with it, when nothing uses it any more."""
    if "bastion" not in host.groups:
        return
    settings = run.settings.provisioner
    helm.former_provisioners(
        name="Former classes gone",
        kept=[export.release for export in run.settings.classes],
        chart=CHART,
        server=run.settings.storage_address,
        namespace=settings.namespace,
        access=run.access,
        timeout=settings.timeout,
        _sudo=False,
    )


@deploy("Proof")
def prove_storage(run: Run) -> None:
    """Each class is used once, when something changed: bound, written, read, seen, removed."""
    namespace, timeout = run.settings.provisioner.namespace, run.settings.proof.timeout
    for export in run.settings.classes:
        used = run.proof_of(export)
        if "bastion" in host.groups:
            proof.write_and_read(
                name=f"Class {export.storage_class} written and read",
                due=run.owes_proof,
                proof=used,
                access=run.access,
                namespace=namespace,
                image=run.settings.proof.image,
                timeout=timeout,
                _sudo=False,
            )
        if "storage" in host.groups:
            proof.seen_on_storage(name=f"File seen in {export.path}", proof=used, export=export.path)
        if "bastion" in host.groups:
            proof.remove(
                name="Claim removed",
                proof=used,
                access=run.access,
                namespace=namespace,
                timeout=timeout,
                _sudo=False,
            )
        if "storage" in host.groups:
            proof.remove_directory(
                name=f"Directory removed from {export.path}", proof=used, export=export.path
            )


def _values(export: Export, storage_address: str) -> dict[str, Any]:
    """Values that are not simply the chart's own (values.yaml of nfs-subdir-external-provisioner 4.0.18)."""
    return {
        "nfs": {"server": storage_address, "path": export.path, "mountOptions": list(export.mount_options)},
        "storageClass": {
            "name": export.storage_class,
            "provisionerName": export.provisioner_name,
            "defaultClass": export.default,
            "reclaimPolicy": export.reclaim,
            "archiveOnDelete": export.archive_on_delete,
            # NFS lets every node write; the default, ReadWriteOnce, is only what the class says of itself.
            "accessModes": "ReadWriteMany",
        },
    }
