"""Each node can mount the storage, and has the images that it cannot pull."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from breakwater.settings import Settings


def test_nfs_can_be_mounted(node: Any) -> None:
    assert node.file("/sbin/mount.nfs").exists
    assert node.run("modprobe -n -q nfs").succeeded


def test_the_storage_host_answers_on_its_nfs_port(node: Any, settings: Settings) -> None:
    # bash's own /dev/tcp: the nodes need no further program for this
    assert node.run("timeout 10 bash -c '</dev/tcp/%s/2049'", settings.storage_address).succeeded


def test_images_of_the_bundle_are_there_and_kept(node: Any, settings: Settings) -> None:
    if not settings.bundle:
        pytest.skip("the settings name no bundle: nodes pull")
    index = json.loads((Path(settings.bundle).expanduser() / "bundle.json").read_text())
    rows = [line.split() for line in node.check_output("ctr -n k8s.io images ls").splitlines()]
    held = {row[0]: (row[2], "io.cri-containerd.pinned=pinned" in row[-1]) for row in rows}
    assert {image["name"]: held.get(image["name"]) for image in index["images"]} == {
        image["name"]: (image["digest"], True) for image in index["images"]
    }
