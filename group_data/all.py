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

# --- Harbor ---------------------------------------------------------------------------------------------

# The registry's name, as people type it: images are DOMAIN/project/image. It must lead to the proxies.
# OPTIONAL. Default: none: storage only, no Harbor.
# domain = "registry.example.org"

# Harbor itself; installed only with a domain. OPTIONAL, each key of it.
# harbor = {
#     # The Helm release's name; of one that is there already, its own. Default: "harbor"
#     "release": "harbor",
#     # The namespace of all of it; made if missing. Default: "harbor"
#     "namespace": "harbor",
#     # The version of the chart harbor, 1.19.x. Default: "1.19.1"
#     "chart_version": "1.19.1",
#     # Where the chart comes from when there is no bundle. Default: "https://helm.goharbor.io"
#     "repository": "https://charts.example.org/",
#     # Where every node answers for Harbor.
#     "node_ports": {
#         # Answers with a redirect to https. Default: 30002
#         "http": 30002,
#         # Harbor itself, with a certificate by breakwater's own CA. Default: 30003
#         "https": 30003,
#     },
#     # Harbor's data. Once a volume is there, none of it can be changed.
#     "volumes": {
#         # The images.
#         "registry": {
#             # The storage class that makes it: that of an export, or another one of the cluster's.
#             # Default: the class of exports, of several the one with `default`.
#             "storage_class": "nfs-client",
#             # How much is asked for; NFS does not hold anybody to it.
#             # Default: registry 200Gi, jobservice 5Gi, database 10Gi, redis 5Gi, trivy 10Gi
#             "size": "500Gi",
#             # Who may mount it: "ReadWriteOnce", "ReadWriteMany" or "ReadWriteOncePod".
#             # Default: registry and jobservice ReadWriteMany, the others ReadWriteOnce
#             "access_mode": "ReadWriteMany",
#         },
#         # Logs of jobs; what only Harbor's own database, Redis and scanner need.
#         "jobservice": {"size": "5Gi"},
#         "database": {"size": "20Gi"},
#         "redis": {"size": "5Gi"},
#         "trivy": {"size": "10Gi"},
#     },
#     # How many pods of each part, 1 to 10; registry: 1 while images are on a volume.
#     "replicas": {
#         # Default: 1, each of them.
#         "core": 2,
#         "jobservice": 2,
#         "registry": 1,
#         "portal": 2,
#         "nginx": 2,
#         "trivy": 1,
#     },
#     # Processors and memory of each part; registryctl is what deletes from the registry.
#     "resources": {
#         # What one container is given.
#         "core": {
#             # What is kept free for it on its node.
#             "requests": {
#                 # Processors: "500m" is half of one. Default: the chart's
#                 "cpu": "100m",
#                 # Memory. Default: the chart's
#                 "memory": "256Mi",
#             },
#             # What it never gets more of; more memory than that ends it.
#             "limits": {"memory": "1Gi"},
#         },
#         # The others, likewise.
#         "nginx": {"limits": {"memory": "512Mi"}},
#         "portal": {"limits": {"memory": "256Mi"}},
#         "jobservice": {"limits": {"memory": "1Gi"}},
#         "registry": {"limits": {"memory": "2Gi"}},
#         "registryctl": {"limits": {"memory": "512Mi"}},
#         "database": {"limits": {"memory": "2Gi"}},
#         "redis": {"limits": {"memory": "512Mi"}},
#         "trivy": {"limits": {"memory": "4Gi"}},
#         "exporter": {"limits": {"memory": "256Mi"}},
#     },
#     # When Kubernetes takes a container for dead and starts it again, which on a slow disk does harm.
#     "probes": {
#         # Seconds in which a container must answer, 1 to 300. Default: 10
#         "timeout": 10,
#         # How many answers, one every 10 s, must be missing, 1 to 100. Default: 6
#         "failures": 6,
#         # Seconds that the database has for its first start, 300 to 7200. Default: 1200
#         "database_start": 1200,
#     },
#     # The scanner that looks for known vulnerabilities in images.
#     "trivy": {
#         # Whether it is installed. Default: True
#         "enabled": True,
#         # Whether it fetches nothing: what it knows is then put onto its volume by hand. Default: False
#         "offline": False,
#     },
#     # Whether Harbor has metrics for Prometheus. Default: False
#     "metrics": True,
#     # "debug", "info", "warning", "error" or "fatal". Default: "info"
#     "log_level": "warning",
#     # Where the password of the user admin is: "file:PATH" or "env:NAME", never the password itself.
#     # Default: none: made once, and kept in the folder of state.
#     "admin_password": "file:~/harbor-admin",
#     # A PostgreSQL of yours. Without a host: the chart's own, and no other key.
#     "database": {
#         # Where it is. Default: none: the chart's own database.
#         "host": "db.example.org",
#         # Its port. Default: 5432
#         "port": 5432,
#         # Harbor's user there, who must be able to make tables. Default: none; required with host.
#         "user": "harbor",
#         # Where that user's password is. Default: none; required with host.
#         "password": "env:HARBOR_DATABASE_PASSWORD",
#         # The database; it must be there, and empty at first. Default: "registry"
#         "name": "registry",
#         # "disable", "require", "verify-ca" or "verify-full". Default: "require"
#         "tls": "verify-full",
#     },
#     # A Redis of yours. Without a host: the chart's own, and no other key.
#     "redis": {
#         # Where it is. Default: none: the chart's own Redis.
#         "host": "redis.example.org",
#         # Its port. Default: 6379
#         "port": 6379,
#         # Harbor's user there, of a Redis with users (ACL). Default: none: the default user.
#         "user": "harbor",
#         # Where that user's password is; the chart writes it into Harbor's ConfigMaps.
#         # Default: none: no password is asked for.
#         "password": "env:HARBOR_REDIS_PASSWORD",
#         # Whether the connection is encrypted and its certificate verified. Default: False
#         "tls": True,
#         # The numbers of the databases inside it, 1 to 15; Harbor's core always has 0.
#         "databases": {
#             # Queues of jobs. Default: 1
#             "jobservice": 1,
#             # Known layers. Default: 2
#             "registry": 2,
#             # Scans. Default: 5
#             "trivy": 5,
#         },
#     },
#     # An object store for the images, instead of the volume; without it, the volume.
#     # The types "azure", "gcs" and "swift" have keys of their own: docs/settings.md.
#     "storage": {
#         # Which kind of store it is. REQUIRED.
#         "type": "s3",
#         # The bucket's region; what a store of one's own is set to. REQUIRED.
#         "region": "eu-central-1",
#         # The bucket; it is not made. REQUIRED.
#         "bucket": "harbor",
#         # Where the store is, when it is not Amazon's. Default: Amazon's, by the region.
#         "endpoint": "https://minio.example.org",
#         # Where the key's name is. Default: none: what the nodes' machines are allowed to do.
#         "access_key": "env:HARBOR_S3_ACCESS_KEY",
#         # Where the key's secret is. Default: none, as access_key.
#         "secret_key": "env:HARBOR_S3_SECRET_KEY",
#         # The folder in the store below which Harbor keeps everything. Default: none: the store's top.
#         "directory": "harbor",
#         # Whether the store encrypts what it keeps. Default: False
#         "encrypt": True,
#         # Whether any certificate of the store's is believed; every run warns of it. Default: False
#         "skip_verify": False,
#         # Whether clients get layers through Harbor, not from the store itself. Default: False
#         "disable_redirect": True,
#     },
#     # Values of the chart's own that no key here sets; merged last. Default: none.
#     "extra_values": {"core": {"gdpr": {"deleteUser": True}}},
#     # Seconds to wait for Harbor to be ready and healthy, 60 to 7200. Default: 1800
#     "timeout": 1800,
#     # Whether an upgrade that changes the database wants a dump of it, or you say that you have one:
#     # "needed" or "mine". Default: "needed"
#     "backup": "mine",
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
