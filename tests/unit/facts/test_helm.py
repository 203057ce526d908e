"""What Helm says of a namespace's releases; one release is in test_facts.py."""

import json

import pytest
from folder_host import FolderHost
from pyinfra.api import FactProcessError

from breakwater.facts.helm import HelmReleases, ListedRelease

CHART = "nfs-subdir-external-provisioner-4.0.18"


def listed(host: FolderHost, script: str) -> object:
    host.program("helm", script)
    return host.fact(HelmReleases, namespace="ns", helm=["helm", "--kubeconfig", "/k"])


def test_listed_whatever_their_state(folder_host: FolderHost) -> None:
    rows = [
        {"name": "nfs-a", "namespace": "ns", "revision": "3", "status": "deployed", "chart": CHART},
        {"name": "nfs-b", "namespace": "ns", "revision": "1", "status": "uninstalling", "chart": CHART},
    ]
    asked = "--kubeconfig /k list --namespace ns --all --max 0 --output json"
    script = f"[ \"$*\" = '{asked}' ] || exit 9\necho 'WARNING: mode' >&2\ncat <<'E'\n{json.dumps(rows)}\nE\n"
    assert listed(folder_host, script) == [
        ListedRelease("nfs-a", CHART, "deployed", 3),
        ListedRelease("nfs-b", CHART, "uninstalling", 1),
    ]


def test_none_there(folder_host: FolderHost) -> None:
    assert listed(folder_host, "echo '[]'") == []


def test_a_cluster_that_does_not_answer_is_not_one_without_releases(folder_host: FolderHost) -> None:
    assert listed(folder_host, "echo 'Error: Kubernetes cluster unreachable' >&2; exit 1") is None


@pytest.mark.parametrize("answer", ["", "[", '[{"name": "nfs-a"}]', "null", "[1]"])
def test_cut_short_or_of_another_kind_is_no_answer(answer: str) -> None:
    with pytest.raises(FactProcessError):
        HelmReleases().process([answer])
