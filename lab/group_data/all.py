"""The lab's settings. Every key is here, so that nothing of ../group_data/all.py shines through."""

from lab import bundle as _bundle
from lab import paths as _paths

_state = _paths.state()

exports = [{"path": "/srv/nfs/breakwater", "storage_class": "breakwater"}]
storage_address = "10.77.0.11"
kubeconfig = str(_state / "kubernetes" / "admin.kubeconfig")
kube_context = None
bundle = str(_state / "bundle")
nodes_down: list[str] = []
firewall = "check"
provisioner = {"timeout": 300}
proof = {"image": _bundle.busybox_image(_state / "bundle"), "timeout": 180}
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
