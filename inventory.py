"""Your hosts, in four groups, and a fifth where you want it. Replace the names and addresses;
`python -m breakwater check inventory.py` says what is missing.

A host is its name, or a name and what differs from group_data/all.py:
    ("node1", {"ssh_hostname": "10.0.0.21", "ssh_user": "admin", "ssh_port": 22})
ssh_hostname is the address by which this machine reaches it, and the one that the exports name as a
client; without it the host's name is looked up. Every list in this file is a group.
"""

# The host with the disks. Exactly one.
storage = [("storage", {"ssh_hostname": "192.0.2.20"})]

# Every node of the Kubernetes cluster, control plane included if pods run there.
nodes = [
    ("node1", {"ssh_hostname": "192.0.2.21"}),
    ("node2", {"ssh_hostname": "192.0.2.22"}),
]

# The hosts that will answer for the registry's domain. May be empty.
proxies = [("proxy", {"ssh_hostname": "192.0.2.30"})]

# Hosts that push and pull and are no nodes, such as a build machine: they are made to trust the registry and
# to find it, and Docker Hub's cache where there is one; nothing else is done to them. OPTIONAL.
# clients = [("ci", {"ssh_hostname": "192.0.2.40"})]

# The machine you are typing on: it has the kubeconfig, and Helm runs here. Always "@local".
bastion = ["@local"]
