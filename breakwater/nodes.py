"""Which host is which node of the cluster: by machine-id, never by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kubernetes import client

from breakwater.cluster import LIMIT, ClusterAccess, api
from breakwater.survey import Finding, Survey

# Where a node that belongs to no host of the inventory stands in the table.
_NOBODY = "(cluster)"
# Taints that the cluster itself puts on a node, and takes away again.
_PASSING = "node.kubernetes.io/"
_KEEP_OUT = ("NoSchedule", "NoExecute")


@dataclass(frozen=True)
class Node:
    """A node as the cluster knows it."""

    name: str
    machine_id: str
    addresses: tuple[str, ...]
    not_ready: str = ""  # why, where it is not Ready
    closed: bool = False  # cordoned, or tainted by a person: pods do not land there


def listed(access: ClusterAccess) -> list[Node]:
    """All nodes, by name. Raises Refusal."""
    with api(access) as opened:
        items = client.CoreV1Api(opened).list_node(_request_timeout=LIMIT).items
    return sorted(map(_node, items), key=lambda node: node.name)


def match(nodes: Sequence[Node], hosts: Sequence[str], survey: Survey, down: Sequence[str]) -> list[Finding]:
    """Who does not fit, all at once; what is let pass for `down`'s sake is a warning of the survey's.

    + hosts: group nodes; those that the survey has no machine-id of were not looked at
    + down: hosts that may be missing
    """
    by_id: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        by_id[node.machine_id].append(node)
    claims: dict[str, list[str]] = defaultdict(list)
    for host in hosts:
        if host in survey.machine_ids:
            claims[survey.machine_ids[host]].append(host)
    findings: list[Finding] = []
    for machine_id, claiming in claims.items():
        if len(claiming) > 1:
            findings.append(_cloned(machine_id, claiming))
        elif machine_id not in by_id:
            findings.append(_stranger(machine_id, claiming[0], nodes, survey))
        else:
            # Of two nodes with one id the other is some other machine.
            node = next((n for n in by_id[machine_id] if _at(n, claiming[0], survey)), by_id[machine_id][0])
            findings += _not_ready(node, claiming[0], survey, down)
            by_id[machine_id] = [node]
    taken = {node.name for machine_id in claims for node in by_id.get(machine_id, [])}
    strangers = {host for machine_id in claims if machine_id not in by_id for host in claims[machine_id]}
    unseen = [host for host in hosts if host not in survey.machine_ids]
    rest = [node for node in nodes if node.name not in taken]
    # A stranger's node is said already, with its host.
    rest = [node for node in rest if not any(_at(node, host, survey) for host in strangers)]
    return findings + list(_unclaimed(rest, unseen, survey))


def _unclaimed(nodes: list[Node], unseen: Sequence[str], survey: Survey) -> Iterator[Finding]:
    """Nodes of no host that was looked at, where a pod could land.

    + unseen: hosts that were not looked at
    """
    left = list(unseen)
    rest = []
    for node in nodes:
        if host := next((host for host in left if _at(node, host, survey)), None):
            left.remove(host)
        elif not node.closed:
            rest.append(node)
    # Those that are left may have other addresses in the cluster: which is which cannot be known, only
    # how many. A host that was not looked at is likely one that is not Ready.
    rest.sort(key=lambda node: not node.not_ready)
    for node in rest[len(left) :]:
        yield (_lost if node.not_ready else _foreign)(node)


def _cloned(machine_id: str, hosts: list[str]) -> Finding:
    return Finding(
        hosts[-1],
        f"{' and '.join(hosts)} have one machine-id, {machine_id}, as copied machines do",
        "if it is one machine, name it once; if it is a copy, on it:"
        " rm /etc/machine-id; systemd-machine-id-setup; systemctl restart kubelet",
    )


def _stranger(machine_id: str, host: str, nodes: Sequence[Node], survey: Survey) -> Finding:
    if node := next((node for node in nodes if _at(node, host, survey)), None):
        return Finding(
            host,
            f"its machine-id is {machine_id}, and node {node.name}, at its address, has {node.machine_id}",
            "systemctl restart kubelet, so that the cluster learns it; if it is another machine: join it",
        )
    return Finding(
        host,
        f"no node of the cluster has its machine-id, {machine_id}",
        "join it to the cluster, or take it out of group nodes; or is kubeconfig another cluster's?",
    )


def _not_ready(node: Node, host: str, survey: Survey, down: Sequence[str]) -> list[Finding]:
    if not node.not_ready:
        return []
    if host in down:
        survey.warn(f"{host}: node {node.name} is not Ready, and in nodes_down")
        return []
    fix = f"see kubectl describe node {node.name}; or name {host} in nodes_down, and the run goes on"
    return [Finding(host, f"node {node.name} is not Ready: {node.not_ready}", fix)]


def _lost(node: Node) -> Finding:
    return Finding(
        _NOBODY,
        f"node {node.name} is not Ready and no host of the inventory",
        f"add it to group nodes and to nodes_down, or: kubectl delete node {node.name}",
    )


def _foreign(node: Node) -> Finding:
    return Finding(
        _NOBODY,
        f"node {node.name} ({', '.join(node.addresses)}) takes pods and is no host of the inventory",
        "add it to group nodes, or keep pods off it:"
        f" kubectl taint nodes {node.name} breakwater.io/no-storage=:NoSchedule",
    )


def _at(node: Node, host: str, survey: Survey) -> bool:
    """Whether the node has an address by which we know the host."""
    return bool(set(node.addresses) & set(survey.addresses.get(host, ())))


def _node(item: client.V1Node) -> Node:
    ready = next((c for c in item.status.conditions or [] if c.type == "Ready"), None)
    said = " ".join(str(ready.message or ready.reason).split()) if ready else "its kubelet never said"
    taints = [t for t in item.spec.taints or [] if not t.key.startswith(_PASSING)]
    return Node(
        name=item.metadata.name,
        machine_id=item.status.node_info.machine_id if item.status.node_info else "",
        addresses=tuple(a.address for a in item.status.addresses or [] if a.type == "InternalIP"),
        not_ready="" if ready and ready.status == "True" else said,
        closed=bool(item.spec.unschedulable) or any(taint.effect in _KEEP_OUT for taint in taints),
    )
