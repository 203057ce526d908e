"""The cluster's addresses, as it says itself: of its nodes, and of its pods; and who answers node ports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from kubernetes import client

from breakwater.addresses import canonical
from breakwater.cluster import LIMIT, ClusterAccess, api

_SYSTEM = "kube-system"
# Where network plugins keep what they give to pods, when they do not keep to the nodes' podCIDRs.
_CALICO = ("crd.projectcalico.org", "v1", "ippools")
_CILIUM = ("cilium.io", "v2", "ciliumnodes")
_FELIX = ("crd.projectcalico.org", "v1", "felixconfigurations")
# 403: a cluster whose kubeconfig may not list somebody else's resources; 404: it has none.
_NOTHING = (403, 404)


@dataclass(frozen=True)
class ClusterAddresses:
    """Addresses and networks, each in the kernel's form."""

    nodes: tuple[str, ...]  # of both families, those of nodes that are down as well
    pods: tuple[str, ...]  # networks
    before_us: str = ""  # the network plugin that answers node ports before nftables sees a packet


def cluster_addresses(access: ClusterAccess) -> ClusterAddresses:
    """Ask the cluster; reads only. Raises Refusal."""
    with api(access) as opened:
        items = client.CoreV1Api(opened).list_node(_request_timeout=LIMIT).items
        kubeadm, cilium = _config(opened, "kubeadm-config"), _config(opened, "cilium-config")
        pools, parts = _custom(opened, _CALICO), _custom(opened, _CILIUM)
        networks = [
            *(cidr for item in items for cidr in item.spec.pod_cid_rs or [item.spec.pod_cidr]),
            *_kubeadm(kubeadm.get("ClusterConfiguration", "")),
            *(_at(pool, "spec", "cidr") for pool in pools),
            *(cidr for part in parts for cidr in _at(part, "spec", "ipam", "podCIDRs") or []),
        ]
        felix = any(_at(item, "spec", "bpfEnabled") is True for item in _custom(opened, _FELIX))
    addresses = [a.address for item in items for a in item.status.addresses or [] if a.type.endswith("IP")]
    replaces = cilium.get("kube-proxy-replacement") in ("true", "strict")
    return ClusterAddresses(
        nodes=_canonical(addresses),
        pods=_canonical(networks),
        before_us="Cilium" if replaces else "Calico" if felix else "",
    )


def _config(opened: client.ApiClient, name: str) -> Mapping[str, str]:
    """A ConfigMap of the system's; empty when there is none."""
    core = client.CoreV1Api(opened)
    try:
        found = core.read_namespaced_config_map(name, _SYSTEM, _request_timeout=LIMIT).data
    except client.ApiException as error:
        if error.status not in _NOTHING:
            raise
        return {}
    return found or {}


def _custom(opened: client.ApiClient, kind: tuple[str, str, str]) -> list[Any]:
    """All objects of a kind that a network plugin brought; none when it did not."""
    objects = client.CustomObjectsApi(opened)
    try:
        found = objects.list_cluster_custom_object(*kind, _request_timeout=LIMIT)
    except client.ApiException as error:
        if error.status not in _NOTHING:
            raise
        return []
    return list(found.get("items") or [])


def _kubeadm(text: str) -> Iterator[str]:
    """What kubeadm was told: Calico's pods may be anywhere in it, whatever the nodes' own parts are."""
    try:
        subnets = _at(yaml.safe_load(text), "networking", "podSubnet")
    except yaml.YAMLError:
        return
    yield from str(subnets or "").split(",")


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _canonical(texts: list[Any]) -> tuple[str, ...]:
    found = (canonical(str(text).strip()) for text in texts if text)
    return tuple(dict.fromkeys(filter(None, found)))
