"""The control plane's command lines and configuration, and the cluster's addresses."""

import base64
import json
from pathlib import Path

ADDRESS = "10.77.0.1"
API_SERVER = f"https://{ADDRESS}:6443"
ETCD = "http://127.0.0.1:2379"
SERVICE_NETWORK = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
CLUSTER_DOMAIN = "cluster.local"
POD_NETWORK = "10.244.0.0/16"
# Fixed, not handed out by the controller manager: each node has a route to the other's before either joins.
POD_NETWORKS = {"node1": "10.244.1.0/24", "node2": "10.244.2.0/24"}
# Half the usual room before Go collects garbage: the machine's memory is the guests'.
ENVIRONMENT = {"GOGC": "50"}


def commands(kubernetes: Path, coredns: Path, etcd: Path, folder: Path) -> dict[str, list[str]]:
    """The command line of each daemon.

    + folder: kubeconfigs, pki/ and etcd's data; CoreDNS's configuration is written there
    """
    corefile = folder / "Corefile"
    corefile.write_text(_corefile(folder))
    return {
        "etcd": [str(etcd), *_etcd(folder)],
        "kube-apiserver": [str(kubernetes), "kube-apiserver", *_api_server(folder / "pki")],
        "kube-controller-manager": [str(kubernetes), "kube-controller-manager", *_controller_manager(folder)],
        "kube-scheduler": [str(kubernetes), "kube-scheduler", *_scheduler(folder)],
        "coredns": [str(coredns), "-conf", str(corefile)],
    }


def kubeconfig(user: str, pki: Path) -> str:
    """The text of a kubeconfig with everything in it; `user` is also its certificate's file name."""

    def data(file: str) -> str:
        return base64.b64encode((pki / file).read_bytes()).decode()

    cluster = {"server": API_SERVER, "certificate-authority-data": data("ca.crt")}
    credentials = {"client-certificate-data": data(f"{user}.crt"), "client-key-data": data(f"{user}.key")}
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": user}}],
        "current-context": "lab",
    }
    return json.dumps(text, indent=1) + "\n"


def _etcd(folder: Path) -> list[str]:
    return [
        "--name=default",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        # The lab survives a killed process, not a power cut; on a busy disk fsync is most of a write.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _api_server(pki: Path) -> list[str]:
    return [
        f"--advertise-address={ADDRESS}",
        f"--bind-address={ADDRESS}",
        f"--etcd-servers={ETCD}",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        f"--kubelet-client-certificate={pki / 'apiserver-kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'apiserver-kubelet-client.key'}",
        # Node names are known to the guests only, not to this machine's resolver.
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki / 'front-proxy-client.crt'}",
        f"--proxy-client-key-file={pki / 'front-proxy-client.key'}",
        # There is no kube-proxy here: what is behind a Service is reached at its pods.
        "--enable-aggregator-routing=true",
        "--profiling=false",
    ]


def _controller_manager(folder: Path) -> list[str]:
    config = folder / "controller-manager.kubeconfig"
    return [
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--bind-address=127.0.0.1",
        f"--cluster-cidr={POD_NETWORK}",
        "--allocate-node-cidrs=false",
        f"--root-ca-file={folder / 'pki/ca.crt'}",
        f"--cluster-signing-cert-file={folder / 'pki/ca.crt'}",
        f"--cluster-signing-key-file={folder / 'pki/ca.key'}",
        f"--service-account-private-key-file={folder / 'pki/sa.key'}",
        "--use-service-account-credentials=true",
        # There is one of each; an election would only cost a write every 2 s.
        "--leader-elect=false",
        # An emulated node that imports an image may be silent for a minute and is well (usual: 50 s).
        "--node-monitor-grace-period=2m",
        "--profiling=false",
    ]


def _scheduler(folder: Path) -> list[str]:
    config = folder / "scheduler.kubeconfig"
    return [
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--profiling=false",
    ]


def _corefile(folder: Path) -> str:
    # Two blocks: what is not the cluster's goes to the resolver that this network shows in
    # /etc/resolv.conf, and its failures must not slow the cluster's own names.
    return f"""{CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {{
    bind {ADDRESS}
    errors
    health 127.0.0.1:8180
    ready 127.0.0.1:8181
    cache 5
    kubernetes {CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {folder / "coredns.kubeconfig"} lab
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }}
    forward . /etc/resolv.conf
}}
. {{
    bind {ADDRESS}
    errors
    cache 30
    forward . /etc/resolv.conf
}}
"""
