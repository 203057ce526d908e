"""Every version that breakwater asks for, each with the line that says why."""

# The last release of the chart and of the provisioner inside it; its values are held in a test.
NFS_SUBDIR_CHART = "4.0.18"

# The proof needs only a shell that writes and reads a file: the smallest image most mirrors carry.
# A tag, never "latest": the kubelet would ask the registry for "latest" on every start.
PROOF_IMAGE = "docker.io/library/busybox:1.37"

# Harbor 2.15.1. Values and names of objects are those of this series of charts, held in tests; another
# patch of it may be set, another series may not.
HARBOR_CHART = "1.19.1"
