"""The storage classes that live, against the settings: what Kubernetes would not let us change."""

from collections.abc import Iterator, Sequence

from kubernetes import client

from breakwater.cluster import LIMIT, ClusterAccess, api, helm_owner
from breakwater.commands import Refusal
from breakwater.settings import Export

# What our provisioners' names begin with; their classes' names follow.
OURS = "breakwater/"
_SHOWN = 5  # of the volumes and claims that use a class


def class_problems(
    access: ClusterAccess, exports: Sequence[Export], namespace: str, server: str
) -> list[str]:
    """What keeps the live classes from becoming those of the settings, a line each, with the fix.

    + exports: those with a storage class
    + namespace: of the provisioners
    + server: the storage host's address, as the provisioners mount it

    Raises Refusal when the cluster cannot be asked.
    """
    with api(access) as opened:
        live = client.StorageV1Api(opened).list_storage_class(_request_timeout=LIMIT).items
        # The provisioners' own volumes: the chart labels them so, and none of those that they make.
        volumes = (
            client.CoreV1Api(opened)
            .list_persistent_volume(label_selector="nfs-subdir-external-provisioner", _request_timeout=LIMIT)
            .items
        )
        homes = {helm_owner(volume): volume for volume in volumes if volume.spec.nfs}
        classes = {found.metadata.name: found for found in live}
        problems: list[str] = []
        for export in exports:
            if found := classes.get(export.storage_class):
                problems += _problems(found, export, namespace)
            if home := homes.get((export.release, namespace)):
                problems += _moved(home, export, namespace, server)
        wanted = {export.storage_class for export in exports}
        for name in sorted(classes.keys() - wanted):
            home = homes.get((f"nfs-{name}", namespace))
            if _is_ours(classes[name], namespace) and (home is None or home.spec.nfs.server == server):
                problems += _still_used(opened, name)
    return problems


def refuse_used(access: ClusterAccess, name: str) -> None:
    """A class that nothing uses may go. Raises Refusal with what does.

    + name: the storage class
    """
    with api(access) as opened:
        for problem in _still_used(opened, name):
            raise Refusal(problem)


def _problems(live: client.V1StorageClass, export: Export, namespace: str) -> Iterator[str]:
    name, owner = export.storage_class, helm_owner(live)
    if owner != (export.release, namespace) and (
        owner != ("", "") or live.provisioner != export.provisioner_name
    ):
        release, where = owner
        whose = (
            f"Helm release {release} in namespace {where}" if release else f"provisioner {live.provisioner}"
        )
        yield f"class {name}: it is there already, of {whose}, and stays as it is; name this export's another"
        return
    archive = str(export.archive_on_delete).lower()
    fields = {
        "provisioner": (live.provisioner, export.provisioner_name),
        "reclaimPolicy": (live.reclaim_policy, export.reclaim),
        "volumeBindingMode": (live.volume_binding_mode, "Immediate"),
        **{f"parameters.{key}": (value, None) for key, value in (live.parameters or {}).items()},
        "parameters.archiveOnDelete": ((live.parameters or {}).get("archiveOnDelete"), archive),
    }
    changed = [f"{key} is {_or_none(a)}, not {_or_none(b)}" for key, (a, b) in fields.items() if a != b]
    if changed:
        yield (
            f"class {name}: {', '.join(changed)}, and Kubernetes does not change that in a class; take the"
            f" settings back, name another class, or `kubectl delete storageclass {name}`: that touches no"
            " volume, and the next run makes it anew"
        )


def _moved(home: client.V1PersistentVolume, export: Export, namespace: str, server: str) -> Iterator[str]:
    nfs = home.spec.nfs
    if (nfs.server, nfs.path) != (server, export.path):
        yield (
            f"class {export.storage_class}: its volumes are in {nfs.server}:{nfs.path}, not in"
            f" {server}:{export.path} as the settings say, and Kubernetes does not move them; name another"
            " class for the new place, or, when none of them is to be kept,"
            f" `helm uninstall {export.release} --namespace {namespace}`"
        )


def _still_used(opened: client.ApiClient, name: str) -> Iterator[str]:
    core = client.CoreV1Api(opened)
    volumes = [
        volume
        for volume in core.list_persistent_volume(_request_timeout=LIMIT).items
        if volume.spec.storage_class_name == name
    ]
    claims = [
        claim
        for claim in core.list_persistent_volume_claim_for_all_namespaces(_request_timeout=LIMIT).items
        if claim.spec.storage_class_name == name
    ]
    claimed = {claim.spec.volume_name: claim for claim in claims}
    users = [f"claim {c.metadata.namespace}/{c.metadata.name}" for c in claims]
    users += [f"volume {v.metadata.name}" for v in volumes if v.metadata.name not in claimed]
    if users:
        more = f" and {len(users) - _SHOWN} more" if len(users) > _SHOWN else ""
        yield (
            f"class {name}: it left the settings and is in use by {', '.join(sorted(users)[:_SHOWN])}{more};"
            " put it back, or delete those first: its provisioner goes when nothing uses it"
        )


def _is_ours(live: client.V1StorageClass, namespace: str) -> bool:
    name = live.metadata.name
    return live.provisioner == f"{OURS}{name}" and helm_owner(live) == (f"nfs-{name}", namespace)


def _or_none(value: str | None) -> str:
    return "unset" if value is None else repr(value)
