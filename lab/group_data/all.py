"""The lab's settings. Every key is here, so that nothing of ../group_data/all.py shines through."""

from lab import bundle as _bundle
from lab import bundle_index as _bundle_index
from lab import network as _network
from lab import paths as _paths

_state = _paths.state()
_images = _bundle_index.load(_state / "bundle")
# A bundle of the real Harbor may have been made without its scanner.
_scanner = any(
    _bundle_index.image_named(_images, name) for name in ("harbor-standin", "trivy-adapter-photon")
)

exports = [{"path": "/srv/nfs/breakwater", "storage_class": "breakwater"}]
storage_address = "10.77.0.11"
kubeconfig = str(_state / "kubernetes" / "admin.kubeconfig")
kube_context = None
bundle = str(_state / "bundle")
nodes_down: list[str] = []
firewall = "check"
provisioner = {"timeout": 300}
proof = {"image": _bundle.busybox_image(_state / "bundle"), "timeout": 180}
domain = "registry.lab.test"
harbor = {
    "volumes": {
        "registry": {"size": "4Gi"},
        "jobservice": {"size": "1Gi"},
        "database": {"size": "1Gi"},
        "redis": {"size": "1Gi"},
        "trivy": {"size": "1Gi"},
    },
    "trivy": {"enabled": _scanner, "offline": True},
    "timeout": 3600,
}
proxy = {"aliases": [_network.NAME]}
# No DNS knows the domain.
trust = {"etc_hosts": True}
# The blog post's team: a private project without a limit, somebody who pushes there, a robot for the cluster.
registry = {
    "users": [{"name": "openstack", "email": "openstack@lab.test"}],
    "projects": [
        {
            "name": "kaps",
            "quota": "none",
            "members": [{"user": "openstack", "role": "developer"}],
            "robots": [{"name": "ci", "allow": ["push"], "pull_secrets": ["default"]}],
        }
    ],
}
state = str(_state / "bastion")

# How pyinfra reaches the guests: as a user with sudo, like a user's own hosts.
ssh_user = "debian"
ssh_key = str(_state / "ssh" / "id_ed25519")
ssh_known_hosts_file = str(_state / "ssh" / "known_hosts")
ssh_strict_host_key_checking = "yes"
ssh_connect_retries = 2
ssh_config_file = str(_state / "ssh" / "config")
_sudo = True
# Emulated guests are some 20 times slower: seconds for one command.
_timeout = 900
