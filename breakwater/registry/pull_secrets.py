"""Robots' logins in the cluster, as Secrets that a pod names under imagePullSecrets."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Protocol

from kubernetes import client

from breakwater.cluster import LIMIT, ClusterAccess, api
from breakwater.commands import Refusal
from breakwater.registry.plan import ADD, CHANGE, REMOVE, Change
from breakwater.registry.robot_secrets import RobotSecrets
from breakwater.registry.robot_settings import secret_name
from breakwater.registry.robots import Account

_KIND, _KEY = "kubernetes.io/dockerconfigjson", ".dockerconfigjson"
_OURS = {"app.kubernetes.io/managed-by": "breakwater"}

# Namespace and name.
Place = tuple[str, str]


class PullSecrets(Protocol):
    """The Secrets of this kind that breakwater made."""

    def all(self) -> Mapping[Place, str]:
        """{place: its content}. Raises Refusal."""

    def write(self, place: Place, content: str) -> None:
        """Make it, or change it. Raises Refusal, and leaves what somebody else made."""

    def remove(self, place: Place) -> None:
        """Raises Refusal."""


class ClusterSecrets:
    """Those of a real cluster."""

    def __init__(self, access: ClusterAccess) -> None:
        self._access = access

    def all(self) -> Mapping[Place, str]:
        label = ",".join(f"{name}={value}" for name, value in _OURS.items())
        with api(self._access) as opened:
            found = client.CoreV1Api(opened).list_secret_for_all_namespaces(
                field_selector=f"type={_KIND}", label_selector=label, _request_timeout=LIMIT
            )
        return {
            (item.metadata.namespace, item.metadata.name): base64.b64decode((item.data or {})[_KEY]).decode()
            for item in found.items
            if _KEY in (item.data or {})
        }

    def write(self, place: Place, content: str) -> None:
        namespace, name = place
        body = {"metadata": {"name": name, "labels": _OURS}, "type": _KIND, "stringData": {_KEY: content}}
        with api(self._access) as opened:
            core = client.CoreV1Api(opened)
            try:
                live = core.read_namespaced_secret(name, namespace, _request_timeout=LIMIT)
            except client.ApiException as error:
                if error.status != 404:
                    raise
            else:
                labels = live.metadata.labels or {}
                if not _OURS.items() <= labels.items():
                    raise Refusal(
                        f"Secret {namespace}/{name}: somebody else made it; remove it, or take {namespace}"
                        " from pull_secrets"
                    )
                core.patch_namespaced_secret(name, namespace, body, _request_timeout=LIMIT)
                return
            try:
                core.create_namespaced_secret(namespace, body, _request_timeout=LIMIT)
            except client.ApiException as error:
                if error.status != 404:
                    raise
                raise Refusal(
                    f"namespace {namespace}: not there; `kubectl create namespace {namespace}`, or take it"
                    " from pull_secrets"
                ) from error

    def remove(self, place: Place) -> None:
        with api(self._access) as opened:
            try:
                client.CoreV1Api(opened).delete_namespaced_secret(place[1], place[0], _request_timeout=LIMIT)
            except client.ApiException as error:
                if error.status != 404:
                    raise


def places(account: Account) -> list[Place]:
    """Where a robot's login is to be."""
    return [(namespace, secret_name(account.name)) for namespace in account.wanted.pull_secrets]


def pull_secret_changes(
    account: Account,
    host: str,
    secrets: RobotSecrets,
    cluster: PullSecrets,
    there: Mapping[Place, str],
    robot_changes: Collection[Change],
) -> Iterator[Change]:
    """What brings a robot's login to its namespaces.

    + host: as it stands in images' names
    + there: what cluster has
    + robot_changes: those that come before, of this robot
    """
    new_login = [change.what for change in robot_changes if _is_about_login(change.what, account)]
    for place in places(account):
        what = f"pull secret {place[0]}/{place[1]}"
        if place not in there:
            yield Change(ADD, what, _write(account, place, host, secrets, cluster), needs=tuple(new_login))
        elif new_login or there[place] != _content(account, host, secrets):
            act = _write(account, place, host, secrets, cluster)
            yield Change(CHANGE, what, act, ("another login",), tuple(new_login))


def pull_secret_removal(place: Place, cluster: PullSecrets) -> Change:
    """Take a login out of the cluster."""
    return Change(REMOVE, f"pull secret {place[0]}/{place[1]}", lambda harbor: cluster.remove(place))


def _is_about_login(what: str, account: Account) -> bool:
    return any(what in (f"robot {full}", f"secret of robot {full}") for full in account.full)


def _write(
    account: Account, place: Place, host: str, secrets: RobotSecrets, cluster: PullSecrets
) -> Callable[[object], None]:
    def act(harbor: object) -> None:
        content = _content(account, host, secrets)
        if content is None:
            raise Refusal(
                "the robot's secret is not kept on this machine; give it a new one: --data"
                f" rotate={account.name}"
            )
        cluster.write(place, content)

    return act


def _content(account: Account, host: str, secrets: RobotSecrets) -> str | None:
    """As `docker login` writes it; none while its secret is not known here."""
    full = secrets.in_use(account.full)
    secret = secrets.kept(full)
    if secret is None:
        return None
    login = base64.b64encode(f"{full}:{secret}".encode()).decode()
    return json.dumps({"auths": {host: {"username": full, "password": secret, "auth": login}}})
