"""What a node of the lab's cluster has on its disk: a kubeadm node's files, and nothing of breakwater's."""

import io
import json
import tarfile
from pathlib import Path

from lab.components import CLUSTER_DOMAIN, DNS_SERVICE, POD_NETWORK, POD_NETWORKS
from lab.guests import GUESTS, Guest

CONTAINERD = """version = 2
[plugins."io.containerd.grpc.v1.cri"]
  # Nothing here can be pulled from anywhere: this one comes with the bundle.
  sandbox_image = {pause}
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      # systemd runs this host, so it alone may write its cgroups; the kubelet says the same.
      SystemdCgroup = true
"""
# networkd removes routes it did not make when it (re)starts, and these are pod-network.service's.
NETWORKD = "[Network]\nManageForeignRoutes=no\n"
# A reboot waits for containers that ignore SIGTERM, and then for their shims: twice the usual 90 s.
MANAGER = "[Manager]\nDefaultTimeoutStopSec=20s\n"
POD_NETWORK_UNIT = """[Unit]
Description=Routes to the other nodes' pods, and this node's pods behind its address elsewhere
After=network.target systemd-networkd.service
Wants=network.target
Before=kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
# The address comes a moment after networkd's start, and without it a route is refused.
ExecStartPre=/bin/sh -c 'until ip -o addr show to {address} | grep -q .; do sleep 0.5; done'
{routes}
ExecStart=/usr/sbin/nft -f /etc/kubernetes/pod-network.nft
TimeoutStartSec=120
Restart=on-failure
RestartSec=2

[Install]
WantedBy=multi-user.target
"""
# Pods meet each other, and the API server, under their own addresses. Storage and proxy have no route
# to them, so there a pod is its node, as in most clusters.
POD_NETWORK_NFT = """table ip pod-network
delete table ip pod-network
table ip pod-network {{
  chain postrouting {{
    type nat hook postrouting priority srcnat
    ip saddr {here} ip daddr != {pods} masquerade
  }}
}}
"""
KUBELET_UNIT = """[Unit]
Description=kubelet
After=containerd.service pod-network.service
Wants=containerd.service pod-network.service

[Service]
# Container statistics every 30 s, not 10: emulated, they are most of what an idle kubelet does.
ExecStart=/usr/local/bin/kubelet \\
  --config=/etc/kubernetes/kubelet.json \\
  --kubeconfig=/etc/kubernetes/kubelet.kubeconfig \\
  --hostname-override={name} \\
  --node-ip={address} \\
  --housekeeping-interval=30s
Restart=always
RestartSec=3

[Install]
WantedBy=multi-user.target
"""
KUBE_PROXY_UNIT = """[Unit]
Description=kube-proxy
After=network.target

[Service]
ExecStart=/usr/local/bin/kube-proxy --config=/etc/kubernetes/kube-proxy.json
Restart=always
RestartSec=3

[Install]
WantedBy=multi-user.target
"""


def files(guest: Guest, pause: str, credentials: Path) -> dict[str, bytes]:
    """Every file of a node, by its path there.

    + pause: name of the sandbox image
    + credentials: folder with the kubeconfigs and pki/
    """
    here = POD_NETWORKS[guest.name]
    routes = "\n".join(
        f"ExecStart=/usr/sbin/ip route replace {POD_NETWORKS[other.name]} via {other.address}"
        for other in GUESTS
        if other.name in POD_NETWORKS and other.name != guest.name
    )
    own = {"name": guest.name, "address": guest.address}
    texts = {
        "etc/cni/net.d/10-lab.conflist": _json(_cni(here)),
        "etc/containerd/config.toml": CONTAINERD.format(pause=json.dumps(pause)),
        "etc/kubernetes/kube-proxy.json": _json(_kube_proxy(guest)),
        "etc/kubernetes/kubelet.json": _json(_kubelet()),
        "etc/kubernetes/pod-network.nft": POD_NETWORK_NFT.format(here=here, pods=POD_NETWORK),
        "etc/systemd/networkd.conf.d/pod-network.conf": NETWORKD,
        "etc/systemd/system.conf.d/stop.conf": MANAGER,
        "etc/systemd/system/kube-proxy.service": KUBE_PROXY_UNIT,
        "etc/systemd/system/kubelet.service": KUBELET_UNIT.format(**own),
        "etc/systemd/system/pod-network.service": POD_NETWORK_UNIT.format(
            routes=routes, address=guest.address
        ),
    }
    copies = {
        "etc/kubernetes/kube-proxy.kubeconfig": "kube-proxy.kubeconfig",
        "etc/kubernetes/kubelet.kubeconfig": f"node-{guest.name}.kubeconfig",
        "etc/kubernetes/pki/ca.crt": "pki/ca.crt",
        "etc/kubernetes/pki/kubelet.crt": f"pki/kubelet-{guest.name}.crt",
        "etc/kubernetes/pki/kubelet.key": f"pki/kubelet-{guest.name}.key",
    }
    made = {path: text.encode() for path, text in texts.items()}
    return made | {path: (credentials / source).read_bytes() for path, source in copies.items()}


def archive(content: dict[str, bytes]) -> bytes:
    """These files as a tar archive, root's, to be unpacked at /; keys and kubeconfigs for root only."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        for path, data in content.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            entry.mode = 0o600 if path.endswith((".key", ".kubeconfig")) else 0o644
            tar.addfile(entry, io.BytesIO(data))
    return output.getvalue()


def _cni(here: str) -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        # A pod that calls its own Service is answered by itself, through the same port of the bridge.
        "hairpinMode": True,
        "ipMasq": False,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": here}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "lab", "plugins": [bridge, ports]}


def _kubelet() -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": "/etc/kubernetes/pki/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "systemd",
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": CLUSTER_DOMAIN,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        # The usual 10 % and 15 % of a 12 GiB disk would evict pods with 1.5 GiB still free.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "5%",
            "nodefs.inodesFree": "5%",
            "imagefs.available": "5%",
        },
        "failSwapOn": True,
        "resolvConf": "/etc/resolv.conf",
        "rotateCertificates": False,
        # An emulated node needs more than the usual 2 min for what a real one does in seconds.
        "runtimeRequestTimeout": "10m",
        "serverTLSBootstrap": False,
        "staticPodPath": "/etc/kubernetes/manifests",
        "tlsCertFile": "/etc/kubernetes/pki/kubelet.crt",
        "tlsPrivateKeyFile": "/etc/kubernetes/pki/kubelet.key",
    }


def _kube_proxy(guest: Guest) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": POD_NETWORK,
        "hostnameOverride": guest.name,
        "clientConnection": {"kubeconfig": "/etc/kubernetes/kube-proxy.kubeconfig"},
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"
