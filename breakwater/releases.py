"""What Helm keeps of a release, from its own records in the cluster.

Read here and not through Helm's output: pyinfra shows what commands print when it is asked to (-vv),
and values and manifests may hold passwords.
"""

import base64
import binascii
import gzip
import json
from dataclasses import dataclass, field
from typing import Any

from kubernetes import client

from breakwater.cluster import LIMIT, ClusterAccess, api
from breakwater.commands import Refusal


@dataclass(frozen=True)
class Stored:
    """One revision of a release as Helm made it."""

    values: dict[str, Any] = field(default_factory=dict, repr=False)  # those that are not the chart's own
    manifest: str = field(default="", repr=False)  # the objects that this revision made, as YAML
    chart: str = ""
    chart_version: str = ""
    app_version: str = ""


def stored(access: ClusterAccess, namespace: str, release: str, revision: int) -> Stored:
    """Helm's record of one revision. Raises Refusal when there is none, or it cannot be understood.

    The format is Helm 3's (pkg/storage/driver/util.go of v3.17.3): JSON, packed by gzip, in base64, as
    the value of a Secret, which is in base64 itself.
    """
    name = f"sh.helm.release.v1.{release}.v{revision}"
    with api(access) as opened:
        try:
            secret = client.CoreV1Api(opened).read_namespaced_secret(name, namespace, _request_timeout=LIMIT)
        except client.ApiException as error:
            if error.status != 404:
                raise
            raise Refusal(
                f"{release}: Helm's record of revision {revision} is not a Secret of namespace {namespace};"
                " is HELM_DRIVER set to another store? Unset it"
            ) from error
    try:
        record = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret.data["release"]))))
        about = record["chart"]["metadata"]
        return Stored(
            values=record.get("config") or {},
            manifest=record.get("manifest", ""),
            chart=about["name"],
            chart_version=about["version"],
            app_version=about.get("appVersion", ""),
        )
    # The record may hold passwords: of what is wrong with it only the kind is said.
    except (binascii.Error, OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refusal(
            f"{release}: Helm's record of revision {revision} was not understood"
            f" ({type(error).__name__}); was it written by Helm 3? See `helm history {release}"
            f" --namespace {namespace}`"
        ) from None


def newest(access: ClusterAccess, namespace: str) -> dict[str, int]:
    """{release: its newest revision} of a namespace, uninstalled ones aside. Raises Refusal.

    Helm's own marks: labels `owner`, `name`, `version` and `status` of its records.
    """
    with api(access) as opened:
        records = client.CoreV1Api(opened).list_namespaced_secret(
            namespace, label_selector="owner=helm", _request_timeout=LIMIT
        )
    found: dict[str, dict[str, str]] = {}
    for labels in (item.metadata.labels for item in records.items):
        if int(labels["version"]) > int(found.get(labels["name"], labels | {"version": "0"})["version"]):
            found[labels["name"]] = labels
    return {
        name: int(labels["version"]) for name, labels in found.items() if labels["status"] != "uninstalled"
    }
