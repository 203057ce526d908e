"""The values a provisioner is deployed with: exactly these, and each a key that its chart knows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from breakwater.settings import Export
from tasks.storage_class import _values

# The stand-in's values have upstream's keys; tests/unit/lab holds them to upstream's file.
CHART = Path(__file__).parents[3] / "lab/standin/nfs-subdir/chart/values.yaml"
VALUES = _values(Export(path="/srv/nfs/volumes", storage_class="nfs-client"), "10.0.0.20")


def leaves(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """(nfs.server, value) of every value."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def test_values() -> None:
    assert dict(leaves(VALUES)) == {
        "nfs.server": "10.0.0.20",
        "nfs.path": "/srv/nfs/volumes",
        "nfs.mountOptions": ["nfsvers=4.1", "hard", "noatime"],
        "storageClass.name": "nfs-client",
        "storageClass.provisionerName": "breakwater/nfs-client",
        "storageClass.accessModes": "ReadWriteMany",
        "storageClass.reclaimPolicy": "Delete",
        "storageClass.archiveOnDelete": True,
        "storageClass.defaultClass": False,
    }


def test_what_an_export_says_of_its_class_is_in_the_values() -> None:
    said = {
        "reclaim": "Retain",
        "archive_on_delete": False,
        "default": True,
        "mount_options": ["nfsvers=4.2"],
    }
    values = dict(leaves(_values(Export(path="/srv/a", storage_class="a", **said), "10.0.0.20")))
    assert values["storageClass.reclaimPolicy"] == "Retain"
    assert values["storageClass.archiveOnDelete"] is False
    assert values["storageClass.defaultClass"] is True
    assert values["nfs.mountOptions"] == ["nfsvers=4.2"]


def test_every_value_is_one_that_the_chart_knows() -> None:
    known = dict(leaves(yaml.safe_load(CHART.read_text())))
    # The chart leaves a provisioner's name out, and says so in a comment.
    assert {key for key, _ in leaves(VALUES)} - set(known) <= {"storageClass.provisionerName"}


def test_two_classes_share_no_name() -> None:
    other = _values(Export(path="/srv/nfs/fast", storage_class="nfs-fast"), "10.0.0.20")
    names = [values["storageClass"] for values in (VALUES, other)]
    assert len({name[key] for name in names for key in ("name", "provisionerName")}) == 4
