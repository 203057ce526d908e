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
#         # Who may come there, past the proxies: "proxies+nodes", or "any". Default: "proxies+nodes"
#         "allow": "any",
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

# --- The proxies ----------------------------------------------------------------------------------------

# Envoy, which answers for the domain; only with a domain. OPTIONAL, each key of it.
# proxy = {
#     # The addresses at which the proxies listen: "0.0.0.0" is every IPv4 address, "::" every IPv6 one.
#     # Default: ["0.0.0.0"]
#     "listen": ["0.0.0.0", "::"],
#     # The port of https. Another one is part of every image's name. Default: 443
#     "port": 8443,
#     # The port at which plain HTTP is sent on to https; None for no redirect. Default: 80
#     "http_redirect_port": 8080,
#     # Other names under which Harbor answers, for browsers; images have the domain's. Default: none
#     "aliases": ["harbor.example.org"],
#     # The certificate that clients see, for the domain and every alias.
#     # Default: none: breakwater's own CA makes it, and clients are told to trust that CA.
#     "certificate": {
#         # The certificate as PEM, followed by those that lead to its CA. REQUIRED.
#         "certificate": "~/registry.example.org/fullchain.pem",
#         # Its private key as PEM, without a password; nobody but you may read the file. REQUIRED.
#         "key": "~/registry.example.org/privkey.pem",
#         # The CA that signed it, as PEM, where that is not a public one: nodes and clients come to trust it
#         # for this registry, as they would breakwater's own. Default: none: a CA that every host knows
#         "ca": "~/company-ca.pem",
#     },
#     # Who may connect: addresses and networks, the nodes' among them; others are cut off.
#     # Default: none: everyone
#     "allow_clients": ["10.0.0.0/8", "192.0.2.0/24"],
#     # Seconds in which nothing of a push or pull could be handed on, 300 to 86400; each 2 MiB of a slow
#     # client's have as long. Default: 900
#     "idle_timeout": 900,
#     # How many requests one proxy takes, of all clients together; others are answered 429.
#     # Default: none: as many as come
#     "rate_limit": {
#         # Requests a second; a push or pull takes some three for each layer. REQUIRED.
#         "requests": 500,
#         # Requests that may come at once after a pause. Default: as many as requests
#         "burst": 2000,
#     },
#     # Connections of clients that one proxy has at a time; a change restarts Envoy. Default: 20000
#     "connections": 50000,
#     # Memory that Envoy may take, about half of the proxy's; a change restarts Envoy. Default: "512Mi"
#     "memory": "2Gi",
#     # Other sites that the same proxies serve. Default: none
#     "upstreams": [{
#         # Its name, as people type it; it must lead to the proxies. REQUIRED.
#         "domain": "wiki.example.org",
#         # Where it really is, HOST:PORT each. REQUIRED.
#         "endpoints": ["10.0.0.30:8443", "10.0.0.31:8443"],
#         # Whether the proxies speak TLS to it; its certificate is then always verified. Default: True
#         "tls": True,
#         # Who signed its certificate, a file on this machine. Default: none; required with tls
#         "ca": "/etc/ssl/certs/ca-certificates.crt",
#         # The name that its certificate is for. Default: the domain
#         "server_name": "wiki.internal.example.org",
#         # The certificate that clients of this domain see.
#         # Default: none: breakwater's own CA makes it
#         "certificate": {
#             # As PEM, followed by those that lead to its CA. REQUIRED.
#             "certificate": "~/wiki.example.org/fullchain.pem",
#             # Its private key as PEM, without a password; nobody but you may read the file. REQUIRED.
#             "key": "~/wiki.example.org/privkey.pem",
#         },
#         # A path that an endpoint answers with 200 while it is well.
#         # Default: none: only connections that fail count against it
#         "health": "/status",
#     }],
# }

# How the nodes, and the hosts of an optional group clients, find the registry and trust its CA; only with a
# domain. OPTIONAL, each key of it.
# trust = {
#     # The programs whose files are written: docker, containerd, podman, cri-o. OPTIONAL.
#     # Default: those found on each host
#     "engines": ["containerd"],
#     # Whether everything else on these hosts trusts the CA too: curl, git. Whoever has the CA's key can then
#     # pose as any site to them. OPTIONAL. Default: False
#     "system_store": False,
#     # Whether the domain is written into /etc/hosts of these hosts, as lines that are marked as
#     # breakwater's; for a network whose DNS does not know it. OPTIONAL. Default: False
#     "etc_hosts": False,
#     # The addresses that the domain leads to, where they are not the inventory's: of a load balancer, or of
#     # another network's side of the proxies. OPTIONAL. Default: those of group proxies in the inventory
#     "addresses": ["10.0.0.100"],
# }

# What is in Harbor: who may do what with which images; only with a domain. What is there beyond it is
# reported, and stays. OPTIONAL, each key of it.
# registry = {
#     # Projects: the first part of images' names, and who may do what with them. OPTIONAL.
#     "projects": [{
#         # Its name; another one is another project, and the old one stays. REQUIRED.
#         "name": "kaps",
#         # Whether everyone pulls from it, without a login. Default: False
#         "public": False,
#         # How much it may hold: such as 50GiB, or none for no limit. Default: the system's
#         "quota": "none",
#         # Whether an image is looked at for vulnerabilities when it is pushed. Default: False
#         "auto_scan": True,
#         # Whether the list of what is in an image is made when it is pushed. Default: False
#         "auto_sbom": False,
#         # Nobody pulls an image with a vulnerability as severe as this: none, low, medium, high or critical.
#         # Default: everyone pulls
#         "prevent_vulnerable": "critical",
#         # Vulnerabilities that do not count here. Default: the system's
#         "cve_allowlist": ["CVE-2024-12345"],
#         # Whether only images pull that cosign has signed. Default: False
#         "content_trust": False,
#         # Who may do what in it.
#         # Default: nobody
#         "members": [{
#             # This user. Default: group instead
#             "user": "openstack",
#             # projectAdmin, maintainer (pushes, and more), developer (pushes), guest (pulls) or limitedGuest
#             # (pulls, and does not see who else is in it). REQUIRED.
#             "role": "developer",
#         }, {
#             # This group: of LDAP its DN, of OIDC its name. Default: user instead
#             "group": "cn=operators,ou=groups,dc=example,dc=org",
#             "role": "maintainer",
#         }],
#         # Its accounts for machines.
#         # Default: none
#         "robots": [{
#             # The part of its name that you choose: it logs in as robot$kaps+ci. REQUIRED.
#             "name": "ci",
#             # What it may do here: pull, push (which is pull too), RESOURCE:ACTION. Default: ["pull"]
#             "allow": ["push", "artifact:list"],
#             # What it is for. Default: none
#             "description": "the build machines",
#             # Days after which it no longer logs in. Default: none: it never ends
#             "days": 365,
#             # Whether it rests. Default: False
#             "disabled": False,
#             # Namespaces of the cluster that get its login for imagePullSecrets. Default: none
#             "pull_secrets": ["web"],
#             # Whether a rotation goes to a second robot while the first still works: ci-a and ci-b take
#             # turns. Default: False
#             "overlap": False,
#         }],
#         # Its labels.
#         # Default: none
#         "labels": [{
#             # Its name; another one is another label. REQUIRED.
#             "name": "tested",
#             # Its colour. Default: "#FFFFFF"
#             "color": "#0065AB",
#             # What it is for. Default: none
#             "description": "has passed all tests",
#         }],
#         # Tags that nobody moves or deletes. In patterns ** stands for anything, {a,b} for either.
#         # Default: none
#         "immutable_tags": [{
#             # These tags. Default: "**"
#             "tags": "v*",
#             # Of these repositories, named without the project. Default: "**"
#             "repositories": "web/**",
#             # Whether it rests. Default: False
#             "disabled": False,
#         }, {
#             # All tags but these. Default: none
#             "except_tags": "{dev,latest}",
#             # Of all repositories but these. Default: none
#             "except_repositories": "scratch/**",
#         }],
#         # Which images stay.
#         # Default: all; in a proxy cache those that were pulled within 7 days, which is Harbor's own rule
#         "retention": {
#             # When the others are deleted: 6 fields of cron, seconds first.
#             # Default: none: only when somebody asks for it
#             "schedule": "0 0 4 * * 6",
#             # An image stays when one of these keeps it. REQUIRED.
#             "rules": [{
#                 # So many images of each repository, those pushed last. Default: none
#                 "keep_pushed": 20,
#                 # These tags, and these repositories. Default: "**"
#                 "tags": "**",
#                 "repositories": "**",
#                 # Whether images without a tag are looked at as well, or deleted. Default: True
#                 "untagged": False,
#             }, {
#                 # So many images of each repository, those pulled last. Default: none
#                 "keep_pulled": 20,
#                 # All tags, or all repositories, but these. Default: none
#                 "except_tags": "dev-*",
#                 "except_repositories": "scratch/**",
#             }, {
#                 # What was pushed within so many days. Default: none
#                 "pushed_days": 30,
#             }, {
#                 # What was pulled within so many days. Default: none
#                 "pulled_days": 30,
#             }, {
#                 # All of it. Default: False
#                 "always": True,
#                 "tags": "v*",
#             }],
#         },
#         # Who is told of what happens in it.
#         # Default: nobody
#         "webhooks": [{
#             # Its name; another one is another webhook. REQUIRED.
#             "name": "build",
#             # Where it is told, as Harbor's pods reach it: a URL, or "file:PATH" or "env:NAME" of one that
#             # is a secret itself, as Slack's is. REQUIRED.
#             "address": "https://ci.example.org/harbor",
#             # Of what; docs/settings.md has them all. REQUIRED.
#             "events": ["PUSH_ARTIFACT", "SCANNING_COMPLETED"],
#             # In whose form: http or slack. Default: "http"
#             "type": "http",
#             # Where the value of its header Authorization is. Default: none: it has no such header
#             "auth_header": "env:WEBHOOK_HEADER",
#             # Whether the certificate there must be right. Default: True
#             "verify_tls": True,
#             # Whether it is told at all. Default: True
#             "enabled": True,
#         }],
#     }, {
#         "name": "quay",
#         # The endpoint whose images it holds once somebody has pulled them.
#         # Default: none: it holds what is pushed
#         "proxy_cache": "quay",
#     }],
#     # Users whose passwords Harbor keeps.
#     # Default: none but admin
#     "users": [{
#         # By which it logs in. REQUIRED.
#         "name": "openstack",
#         # Its address, nobody else's in this Harbor. REQUIRED.
#         "email": "openstack@example.org",
#         # As people call it. Default: its name
#         "real_name": "OpenStack",
#         # Whether it may do everything, everywhere. Default: False
#         "admin": False,
#         # Where its first password is; it is never set again unless a run is asked to.
#         # Default: none: made once, and kept in the folder of state until its owner has changed it
#         "password": "file:~/openstack-password",
#     }],
#     # Accounts for machines, of several projects or of the system.
#     # Default: none
#     "robots": [{
#         # The part of its name that you choose: it logs in as robot$mirror. REQUIRED.
#         "name": "mirror",
#         # What it may do in projects.
#         # Default: nothing
#         "grants": [{
#             # In which; "*" for all. REQUIRED.
#             "projects": ["*"],
#             # What: as a project's robot. REQUIRED.
#             "allow": ["pull", "repository:list"],
#         }],
#         # What it may do to the system. Default: nothing
#         "allow": ["project:list"],
#         # As a project's robot. Default: none
#         "description": "copies to the other site",
#         # Days after which it no longer logs in. Default: none: it never ends
#         "days": 365,
#         # Whether it rests. Default: False
#         "disabled": False,
#         # Namespaces of the cluster that get its login for imagePullSecrets. Default: none
#         "pull_secrets": ["web"],
#         # Whether a rotation goes to a second robot while the first still works. Default: False
#         "overlap": True,
#     }],
#     # Other registries, that projects may be caches of.
#     # Default: none
#     "endpoints": [{
#         # Its name; another one is another endpoint. REQUIRED.
#         "name": "quay",
#         # What it is: docker-hub, quay, github-ghcr, harbor, docker-registry and others. Harbor is told
#         # docker-registry for quay, which it caches. REQUIRED.
#         "type": "quay",
#         # Where it is. Default: of docker-hub, quay and github-ghcr theirs; required for others
#         "url": "https://quay.io",
#         # As whom Harbor pulls. Default: nobody
#         "user": "example+harbor",
#         # Where that one's password or token is. Default: none
#         "password": "env:QUAY_TOKEN",
#         # Whether its certificate must be right. Default: True
#         "verify_tls": True,
#         # What it is for. Default: none
#         "description": "operators' images",
#     }],
#     # A public project that is a cache of Docker Hub, with its endpoint and every node's mirror.
#     # Default: none
#     "docker_hub_cache": "dockerhub",
#     # Who checks logins, if not Harbor itself: examples are in docs/registry.md.
#     # Default: as it is
#     # "auth": {},
#     # What holds for all of Harbor; a key that is left away leaves what is there.
#     "system": {
#         # Garbage collection frees the room of what was deleted.
#         # Default: as it is
#         "gc": {
#             # When: 6 fields of cron, seconds first. Default: none: only when somebody asks for it
#             "schedule": "0 0 3 * * 6",
#             # Whether images without a tag go too. Default: False
#             "delete_untagged": False,
#         },
#         # When every image is looked at for vulnerabilities anew; or never. Default: as it is
#         "scan_all": "0 0 1 * * 0",
#         # The audit log.
#         # Default: as it is
#         "log_rotation": {
#             # When old lines are deleted. Default: none: it grows
#             "schedule": "0 0 2 1 * *",
#             # How old, in hours, a line may be; at least 1. Default: 2160
#             "keep_hours": 2160,
#         },
#         # How much a project may hold that says nothing itself. Default: as it is
#         "quota": "100GiB",
#         # What Harbor puts before robots' names; another one renames all of them, and ends their logins by
#         # the former names. Default: as it is
#         "robot_prefix": "robot$",
#         # Days after which a robot ends that people make. Default: as it is
#         "robot_days": 30,
#         # How many minutes a token of a push or pull is good. Default: as it is
#         "token_minutes": 30,
#         # How many minutes a browser stays logged in. Default: as it is
#         "session_minutes": 60,
#         # Whether whoever finds the page may become a user. Default: as it is: not, in a new Harbor
#         "self_registration": False,
#         # Who may make projects: everyone or admins. Default: as it is
#         "project_creation": "admins",
#         # What every page says at its top; empty for nothing. Default: as it is
#         "banner": "Maintenance on Sunday",
#         # The syslog that gets the audit log too; empty for none. Default: as it is
#         "audit_forward": "syslog.example.org:514",
#         # Whether the audit log is in Harbor's database. Default: as it is
#         "audit_database": True,
#     },
#     # Whether what breakwater once made goes when it left the settings; what people made never does.
#     "prune": {
#         # Projects without repositories; local users; members; robots and their Secrets; endpoints that no
#         # project is a cache of; labels, immutable tags, retention and webhooks. Default: False
#         "projects": False,
#         "users": False,
#         "members": True,
#         "robots": True,
#         "endpoints": False,
#         "policies": True,
#     },
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
# not met. Fill the file with ssh-keyscan, comparing the fingerprints: README.md says how.
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
