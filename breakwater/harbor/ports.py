"""What Harbor needs of the cluster before it is installed: free node ports, and a DNS that answers."""

import json
from collections.abc import Iterable, Iterator, Mapping

from kubernetes import client

from breakwater.cluster import LIMIT, ClusterAccess, api, helm_owner

# Cluster DNS goes by this label, or, where it does not, by one of these names.
_DNS_LABEL = ("k8s-app", "kube-dns")
_DNS_NAMES = {("kube-system", "kube-dns"), ("openshift-dns", "dns-default")}


def ground_problems(
    access: ClusterAccess, namespace: str, release: str, ports: Mapping[str, int]
) -> list[str]:
    """What keeps Harbor from starting here at all, a line each, with the fix.

    + namespace, release: Harbor's; node ports that its own Service holds are its
    + ports: {"http": 30002, "https": 30003}, as harbor.node_ports has them

    Raises Refusal when the cluster cannot be asked.
    """
    with api(access) as opened:
        services = client.CoreV1Api(opened).list_service_for_all_namespaces(_request_timeout=LIMIT).items
        return [*_taken(services, (release, namespace), ports), *_dns(opened, services)]


def _taken(
    services: Iterable[client.V1Service], harbor: tuple[str, str], ports: Mapping[str, int]
) -> Iterator[str]:
    wanted = {number: key for key, number in ports.items()}
    for service in services:
        if helm_owner(service) == harbor:
            continue
        held = {port.node_port for port in service.spec.ports or []}
        # A balancer's health check holds a node port too, and no list of ports shows it.
        held.add(service.spec.health_check_node_port)
        where = f"{service.metadata.namespace}/{service.metadata.name}"
        release, _ = helm_owner(service)
        whose = f" of Helm release {release}" if release else ""
        for number in sorted(held & wanted.keys()):
            yield (
                f"harbor.node_ports.{wanted[number]}: {number} is held by Service {where}{whose};"
                " set another from 30000 to 32767, or remove that Service"
            )


def _dns(opened: client.ApiClient, services: Iterable[client.V1Service]) -> Iterator[str]:
    """Without cluster DNS nginx ends at once: `host not found in upstream "harbor-core:80"`."""
    found = [service.metadata for service in services if _is_dns(service.metadata)]
    if not found:
        yield (
            "cluster DNS: there is no Service kube-system/kube-dns, and Harbor's parts find each other by"
            " name; install CoreDNS: `kubeadm init phase addon coredns` does, on a control plane of kubeadm's"
        )
    elif not any(_answers(opened, service) for service in found):
        dns = found[0]
        yield (
            f"cluster DNS: no pod behind Service {dns.namespace}/{dns.name} is ready, and Harbor's parts find"
            f" each other by name; see `kubectl --namespace {dns.namespace} get pods -l k8s-app=kube-dns`"
        )


def _is_dns(service: client.V1ObjectMeta) -> bool:
    key, value = _DNS_LABEL
    labelled = (service.labels or {}).get(key) == value
    return labelled or (service.namespace, service.name) in _DNS_NAMES


def _answers(opened: client.ApiClient, service: client.V1ObjectMeta) -> bool:
    # As JSON: with nobody behind the Service `endpoints` is null, which the client's own model refuses.
    answer = client.DiscoveryV1Api(opened).list_namespaced_endpoint_slice(
        service.namespace,
        label_selector=f"kubernetes.io/service-name={service.name}",
        _preload_content=False,
        _request_timeout=LIMIT,
    )
    slices = json.loads(answer.data).get("items") or []
    # A slice made by hand may leave out whether it is ready: Kubernetes takes that for a yes.
    return any(
        (endpoint.get("conditions") or {}).get("ready") is not False
        for part in slices
        for endpoint in part.get("endpoints") or []
    )
