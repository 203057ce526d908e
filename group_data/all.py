"""Your settings. Fill in what is REQUIRED; the rest has a default that works.

Check:  python -m breakwater check inventory.py     (connects to nothing)
All of it in one table: docs/settings.md. Settings count in this file only. Every name here that does not
begin with "_" is taken for a setting, so begin a helper name of your own with "_".
"""

# --- Storage -------------------------------------------------------------------------------------------

# Directories the storage host exports. REQUIRED, at least one.
# One that leaves this list is unexported; its data is kept.
exports = [
    {
        # Made if missing. REQUIRED. Absolute, without spaces; not a directory of the system itself.
        "path": "/srv/nfs/volumes",
        # Who may mount it, and so read and write everything in it as root: addresses, networks such as
        # "10.0.0.0/24", hosts, or groups of inventory.py; "*" only with allow_everyone.
        # OPTIONAL. Default: every host in group nodes, by the address from which it reaches the storage host.
        # "clients": ["nodes"],
        # Whether "*" may stand in clients. OPTIONAL. Default: False
        # "allow_everyone": False,
        # Options of exports(5); each takes the place of the default that it contradicts.
        # OPTIONAL. Default: rw,sync,no_subtree_check,no_root_squash
        # "options": ["no_wdelay"],
        # The storage class that puts Kubernetes' volumes here; another one for each export.
        # OPTIONAL. Default: none, a plain share.
        "storage_class": "nfs-client",
        # Who owns the directory itself, as user:group. OPTIONAL. Default: "root:root"
        # "owner": "root:root",
        # The directory's mode, in quotes. OPTIONAL. Default: "755"
        # "mode": "755",
        # Where the disk with this directory is mounted; while it is not, nothing is exported.
        # OPTIONAL. Default: what is mounted there at the first run, remembered.
        # "mountpoint": "/srv",
        # What becomes of a volume when its claim is deleted: "Delete" or "Retain".
        # OPTIONAL. Default: "Delete"
        # "reclaim": "Delete",
        # Whether the directory of a deleted volume is kept as archived-…. OPTIONAL. Default: True
        # "archive_on_delete": False,
        # How nodes mount the volumes; those that exist keep theirs.
        # OPTIONAL. Default: ["nfsvers=4.1", "hard", "noatime"]
        # "mount_options": ["nfsvers=4.1", "hard", "noatime", "nconnect=4"],
        # Whether claims that name no class get this one. OPTIONAL. Default: False
        # "default": True,
    },
]

# The address by which the nodes reach the storage host, if it has one network for you and one for data.
# OPTIONAL. Default: the storage host's address in the inventory.
# storage_address = "10.1.0.20"

# Whether a firewall of the storage host that keeps nodes out is reported with the command that opens it
# ("check"), or opened for them ("manage": firewalld and ufw). OPTIONAL. Default: "check"
# firewall = "manage"

# --- Kubernetes ----------------------------------------------------------------------------------------

# The file on this machine that says how to reach the cluster. OPTIONAL. Default: "~/.kube/config"
# kubeconfig = "~/.kube/config"

# Which cluster of that file, when it knows several. OPTIONAL. Default: the kubeconfig's current one.
# kube_context = "production"

# Nodes that are down and may be missing: a run goes on without them, and their exports stay.
# OPTIONAL. Default: none.
# nodes_down = ["node2"]

# The chart that makes a volume of a claim. OPTIONAL, each key of it.
# provisioner = {
#     # The namespace of all provisioners; made if missing. Default: "nfs-provisioner"
#     "namespace": "nfs-provisioner",
#     # The version of the chart nfs-subdir-external-provisioner. Default: "4.0.18"
#     "chart_version": "4.0.18",
#     # Where the chart comes from when there is no bundle.
#     # Default: "https://kubernetes-sigs.github.io/nfs-subdir-external-provisioner/"
#     "repository": "https://charts.example.org/",
#     # Seconds until a provisioner must be ready, 30 to 3600. Default: 300
#     "timeout": 300,
# }

# How a run that changed something shows that storage works. OPTIONAL, each key of it.
# proof = {
#     # The image of the pods that write and read; it needs a shell. Default: "docker.io/library/busybox:1.37"
#     "image": "registry.example.org/library/busybox:1.37",
#     # Seconds until the claim and each pod must be there, 30 to 3600. Default: 180
#     "timeout": 180,
# }

# --- This machine --------------------------------------------------------------------------------------

# A folder with charts and images, for hosts that cannot fetch them.
# OPTIONAL. Default: none: charts come from their repositories and nodes pull.
# bundle = "/srv/bundle"

# A folder for what must outlive a run, mode 0700; back it up. OPTIONAL. Default: ".breakwater"
# state = ".breakwater"

# --- How the hosts are reached: pyinfra's own names ------------------------------------------------------

# The user to log in as, if it is not yours. A host may differ: see inventory.py.
# ssh_user = "admin"

# The keys by which hosts prove who they are. REQUIRED: pyinfra would otherwise believe any host it has
# not met. Fill the file by logging in to each host once with ssh, comparing the fingerprint.
ssh_known_hosts_file = "~/.ssh/known_hosts"
ssh_strict_host_key_checking = "yes"

# Keepalives and limits, for pyinfra and the tests alike; ProxyJump goes there too.
ssh_config_file = "ssh_config"

# A slow sshd, or one that is just starting, is tried again.
ssh_connect_retries = 2

# Everything that is changed on a host belongs to root; the user needs sudo without a password.
_sudo = True

# No command may hang for ever; installing packages over a slow line is the longest one. Seconds.
_timeout = 900
