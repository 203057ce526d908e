"""A team's registry on its own machines: storage, nodes that trust it, Harbor, Envoy; and then proven."""

from pyinfra import state

from breakwater.run import this_run
from tasks.bundle import images
from tasks.firewall import let_nodes_in
from tasks.harbor import harbor, prove_harbor
from tasks.image_proof import prove_push
from tasks.nfs import former_exports, nfs_client, nfs_server, prove_mounts
from tasks.node_ports import guard_node_ports
from tasks.preflight import all_hosts_through, check_hosts, remember
from tasks.proxy import proxy, proxy_certificates
from tasks.registry import registry
from tasks.storage_class import former_classes, prove_storage, storage_classes
from tasks.trust import former_trust, trust

run = this_run(state)

check_hosts(run)
let_nodes_in(run)
nfs_server(run)
all_hosts_through(run)
nfs_client(run)
images(run)
# before anything of ours runs on the nodes: containerd may have to be restarted
trust(run)
guard_node_ports(run)
all_hosts_through(run)
storage_classes(run)
former_classes(run)
all_hosts_through(run)
former_exports(run)
all_hosts_through(run)
prove_mounts(run)
all_hosts_through(run)
prove_storage(run)
all_hosts_through(run)
harbor(run)
all_hosts_through(run)
proxy_certificates(run)
all_hosts_through(run)
proxy(run)
all_hosts_through(run)
former_trust(run)
all_hosts_through(run)
registry(run)
all_hosts_through(run)
prove_harbor(run)
prove_push(run)
all_hosts_through(run)
remember(run)
