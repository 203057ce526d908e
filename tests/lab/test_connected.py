"""The connected user's way: charts come from a repository, nodes pull from a registry; there is no bundle."""

from __future__ import annotations

import json
from pathlib import Path

from lab import bundle_index, paths
from tests.lab import connected
from tests.lab.conftest import Lab, lab_settings, varied

NODES = ("node1", "node2")
HARBOR = ("--namespace", "harbor")


def test_charts_from_a_repository_and_images_from_a_registry(harbored: Lab, tmp_path: Path) -> None:
    settings = lab_settings()
    index = bundle_index.load(paths.state() / "bundle")
    [image] = [i for i in index["images"] if i["name"] == portal_image(harbored)]
    for name in ("inventory", "charts", "registry"):
        (tmp_path / name).mkdir()
    try:
        with (
            connected.repository(tmp_path / "charts") as charts,
            connected.registry(tmp_path / "registry", [paths.state() / "bundle" / image["file"]]) as registry,
        ):
            for node in NODES:
                pull_from(harbored, node, registry, image["name"])
            harbored.inside("kubectl", *HARBOR, "delete", "pod", "-l", "component=portal", "--wait=false")
            result = harbored.deploy(
                inventory=varied(
                    tmp_path / "inventory",
                    proxies=False,
                    bundle=None,
                    provisioner={**settings["provisioner"], "repository": charts},
                    harbor={**settings["harbor"], "repository": charts},
                )
            )
        assert result.report["result"] == "done"
        for release, namespace in (("nfs-breakwater", "nfs-provisioner"), ("harbor", "harbor")):
            history = harbored.inside("helm", "history", release, "-n", namespace, "--max", "1", "-o", "json")
            [newest] = json.loads(history.output)
            assert newest["description"].endswith(f"of {charts}")
        events = harbored.inside("kubectl", *HARBOR, "get", "events", "-o", "jsonpath={.items[*].message}")
        assert f'Successfully pulled image "{image["name"]}"' in events.output
    finally:
        harbored.spoil()


def portal_image(lab: Lab) -> str:
    """The image of Harbor's portal, stand-in or real: the quickest of its pods to make anew."""
    path = "jsonpath={.spec.template.spec.containers[0].image}"
    return lab.inside("kubectl", *HARBOR, "get", "deployment", "harbor-portal", "-o", path).output.strip()


def pull_from(lab: Lab, node: str, registry: str, image: str) -> None:
    """The node has this image no more, and asks a mirror when it wants it."""
    host = image.partition("/")[0]
    table = '[plugins."io.containerd.grpc.v1.cri".registry]'
    hosts = f'server = "http://{registry}"\n[host."http://{registry}"]\ncapabilities = ["pull", "resolve"]\n'
    lab.on(
        node,
        f"printf '%s\\n' '{table}' 'config_path = \"/etc/containerd/certs.d\"' >> /etc/containerd/config.toml"
        f" && mkdir -p /etc/containerd/certs.d/{host}"
        f" && printf %s '{hosts}' > /etc/containerd/certs.d/{host}/hosts.toml && systemctl restart containerd"
        f" && ctr -n k8s.io images rm $(ctr -n k8s.io images ls -q | grep -F '{image.rpartition(':')[0]}')",
    )
