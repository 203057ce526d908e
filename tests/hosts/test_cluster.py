"""Every export that asks for a storage class has one, with a provisioner of its own that runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client, config

from breakwater.settings import Settings

LIMIT = (5, 30)


@pytest.fixture(scope="module")
def api(settings: Settings) -> Iterator[client.ApiClient]:
    kubeconfig = str(Path(settings.kubeconfig).expanduser())
    with config.new_client_from_config(kubeconfig, settings.kube_context) as opened:
        yield opened


def test_nodes_are_ready(api: client.ApiClient) -> None:
    nodes = client.CoreV1Api(api).list_node(_request_timeout=LIMIT).items
    unready = [
        node.metadata.name
        for node in nodes
        if not any(c.type == "Ready" and c.status == "True" for c in node.status.conditions)
    ]
    assert nodes
    assert not unready


def test_storage_classes_point_to_their_provisioners(api: client.ApiClient, settings: Settings) -> None:
    classes = {
        c.metadata.name: c for c in client.StorageV1Api(api).list_storage_class(_request_timeout=LIMIT).items
    }
    for export in settings.classes:
        assert classes[export.storage_class].provisioner == export.provisioner_name


def test_provisioners_run(api: client.ApiClient, settings: Settings) -> None:
    namespace = settings.provisioner.namespace
    deployments = client.AppsV1Api(api).list_namespaced_deployment(namespace, _request_timeout=LIMIT).items
    ready = {
        d.metadata.annotations["meta.helm.sh/release-name"]: (d.status.ready_replicas or 0) == d.spec.replicas
        for d in deployments
        if "meta.helm.sh/release-name" in (d.metadata.annotations or {})
    }
    assert {export.release: ready.get(export.release) for export in settings.classes} == {
        export.release: True for export in settings.classes
    }
