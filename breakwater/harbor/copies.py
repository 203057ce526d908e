"""The two copies of Harbor's secrets as they are: the bastion's files, the cluster's Secrets."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubernetes import client

from breakwater.cluster import LIMIT, ClusterAccess, api
from breakwater.harbor import adoption
from breakwater.harbor.adoption import Place, Values
from breakwater.harbor.choices import CA, SECRETS, TLS, TOKEN

OUR_LABEL = {"app.kubernetes.io/managed-by": "breakwater"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the settings say of Harbor's secrets.

    + folder: STATE/harbor on the bastion
    + namespace, release: of Harbor
    + full: what the chart's objects will be named for (harbor_adoption.fullname of our values)
    + domain: as clients type it
    + nodes: {host name: address} of the cluster's nodes
    + internal_database: whether the chart brings the database
    + admin_password: where the administrator's password is (file:PATH or env:NAME); empty: made here
    + external: {Secret: {key: source}} of what Harbor needs to reach others' services
    + plain: {Secret: {key: value}} of what belongs into those Secrets and is no secret, such as a user's name
    """

    folder: Path
    namespace: str
    release: str
    full: str
    domain: str
    nodes: Mapping[str, str]
    internal_database: bool = True
    admin_password: str = ""
    external: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    plain: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def outside(self) -> frozenset[str]:
        """The Secrets that hold what others' services want, and nothing else."""
        return frozenset([*self.external, *self.plain])


@dataclass(frozen=True)
class Cluster:
    """The cluster's side.

    + secrets: {name: the Secret}, those that are there
    + reads: {our place: where the live release reads it}; empty without a release
    + live: the live release's values; None without a release
    + database: where Harbor's data is, for people; empty when there is none
    """

    secrets: Mapping[str, client.V1Secret] = field(repr=False)
    reads: Mapping[Place, Place]
    live: Values | None = field(repr=False)
    database: str

    def at(self, place: Place) -> str:
        """The value of a key, empty when it is not there or no text."""
        return texts(self.secrets.get(place.secret)).get(place.key, "")

    def used(self, place: Place) -> str:
        """What the running Harbor uses; without one, or when that is gone, what our Secret holds."""
        return self.at(self.reads.get(place, place)) or self.at(place)

    def adopted(self, place: Place) -> bool:
        """Whether the running Harbor uses it, and our Secret does not have it yet."""
        return bool(not self.at(place) and self.used(place))


def look(access: ClusterAccess, wanted: Wanted, live: Values | None) -> Cluster:
    """Read the cluster's side, each Secret once. Raises Refusal when the cluster cannot be asked.

    + live: the values of the live release, those that are not the chart's own; None without a release
    """
    full = wanted.full if live is None else adoption.fullname(wanted.release, live)
    reads = {} if live is None else adoption.places(full, live)
    names = {SECRETS, TOKEN, TLS, CA, *wanted.outside}
    names |= {place.secret for place in (*reads.values(), *adoption.database_places(full))}
    claim = adoption.database_claim(full)
    with api(access) as opened:
        core = client.CoreV1Api(opened)
        found = {name: _secret(core, wanted.namespace, name) for name in sorted(names)}
        has_claim = wanted.internal_database and _has_claim(core, wanted.namespace, claim)
    database = f"claim {wanted.namespace}/{claim}" if has_claim else ""
    if not wanted.internal_database and live is not None:
        database = "the external database"
    return Cluster({name: secret for name, secret in found.items() if secret}, reads, live, database)


def database_password(cluster: Cluster, full: str) -> str:
    """The internal database's password in the cluster, wherever it stands."""
    for place in adoption.database_places(full):
        if value := cluster.at(place):
            return value
    database = (cluster.live or {}).get("database")
    internal = database.get("internal") if isinstance(database, Mapping) else None
    written = internal.get("password") if isinstance(internal, Mapping) else None
    return str(written) if written else ""


def texts(secret: client.V1Secret | None) -> dict[str, str]:
    """{key: value} of a Secret, what is no text aside."""
    found = {}
    for key, value in ((secret.data if secret else None) or {}).items():
        try:
            found[key] = base64.b64decode(value).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
    return found


def is_ours(secret: client.V1Secret) -> bool:
    """Whether breakwater wrote this Secret, or somebody said that it may."""
    labels = secret.metadata.labels or {}
    return all(labels.get(key) == value for key, value in OUR_LABEL.items())


def _secret(core: client.CoreV1Api, namespace: str, name: str) -> client.V1Secret | None:
    try:
        return core.read_namespaced_secret(name, namespace, _request_timeout=LIMIT)
    except client.ApiException as error:
        if error.status == 404:
            return None
        raise


def _has_claim(core: client.CoreV1Api, namespace: str, name: str) -> bool:
    try:
        core.read_namespaced_persistent_volume_claim(name, namespace, _request_timeout=LIMIT)
    except client.ApiException as error:
        if error.status == 404:
            return False
        raise
    return True
