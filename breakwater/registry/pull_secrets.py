"""Robots' logins in the cluster, as Secrets that a pod names under imagePullSecrets."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from kubernetes import client

from breakwater.cluster import LIMIT, ClusterAccess, api
from breakwater.commands import Refusal
from breakwater.registry.plan import ADD, CHANGE, REMOVE, Change
from breakwater.registry.robot_secrets import RobotSecrets
from breakwater.registry.robot_settings import secret_name
from breakwater.registry.robots import Account
from breakwater.registry.system import PREFIX

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
            (item.metadata.namespace, item.metadata.name): _text((item.data or {})[_KEY])
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


def _text(encoded: str) -> str:
    """As it is there; what somebody put there that is no text is not as it shall be, and no more."""
    return base64.b64decode(encoded).decode(errors="replace")


def places(account: Account) -> list[Place]:
    """Where a robot's login is to be."""
    return [(namespace, secret_name(account.name)) for namespace in account.wanted.pull_secrets]


@dataclass(frozen=True)
class Logins:
    """What robots' logins in the cluster are made from, and may be taken back from.

    + host: as it stands in images' names
    + robots: their secrets, as this machine keeps them
    + keep: keeps one that was proven
    + admits: whether Harbor lets this login in
    + cluster: takes them
    """

    host: str
    robots: RobotSecrets
    keep: Callable[[str, str], None]
    admits: Callable[[str, str], bool]
    cluster: PullSecrets


def pull_secret_changes(
    account: Account, logins: Logins, there: Mapping[Place, str], robot_changes: Collection[Change]
) -> Iterator[Change]:
    """What brings a robot's login to its namespaces; or back from there, to a machine that has lost it.

    + there: what the cluster has
    + robot_changes: those that come before, of this robot
    """
    new_login = [change.what for change in robot_changes if _is_about_login(change, account, logins)]
    content, changes = _content(account, logins), bool(new_login)
    if content is None and not changes:
        for name, secret, place in _still_right(account, logins, there):
            said = (f"taken back from Secret {place[0]}/{place[1]}",)
            what = f"secret of robot {name}"
            yield Change(CHANGE, what, _take_back(account, name, secret, logins), said)
            new_login, content = [what], _as_docker_has_it(logins.host, account.login(name), secret)
    for place in places(account):
        what = f"pull secret {place[0]}/{place[1]}"
        act, needs = _write(account, place, logins), (PREFIX, *new_login)
        if place not in there:
            yield Change(ADD, what, act, needs=needs)
        # Of a secret that is not known here nobody can say that the cluster's is another one.
        elif changes or (content is not None and there[place] != content):
            yield Change(CHANGE, what, act, ("another login",), needs)


def pull_secret_removal(place: Place, cluster: PullSecrets) -> Change:
    """Take a login out of the cluster."""
    return Change(REMOVE, f"pull secret {place[0]}/{place[1]}", lambda harbor: cluster.remove(place))


def _is_about_login(change: Change, account: Account, logins: Logins) -> bool:
    """Whether it gives the robot another secret, and not only other rights."""
    if change.what in {f"secret of robot {name}" for name in account.names}:
        return True
    return change.sign == ADD or logins.robots.rotates(account.name)


def _still_right(
    account: Account, logins: Logins, there: Mapping[Place, str]
) -> Iterator[tuple[str, str, Place]]:
    """The robot's login that the cluster has and Harbor takes: name, secret, where; at most one."""
    for place in places(account):
        try:
            found = json.loads(there.get(place, ""))["auths"][logins.host]
            login, secret = str(found["username"]), str(found["password"])
        except (ValueError, LookupError, TypeError):
            continue
        name = next((name for name in account.names if account.login(name) == login), None)
        if name is not None and name in account.live and logins.admits(login, secret):
            yield name, secret, place
            return


def _take_back(account: Account, name: str, secret: str, logins: Logins) -> Callable[[object], None]:
    def act(harbor: object) -> None:
        logins.keep(name, secret)
        logins.robots.use(account.names, name)

    return act


def _write(account: Account, place: Place, logins: Logins) -> Callable[[object], None]:
    def act(harbor: object) -> None:
        content = _content(account, logins)
        if content is None:
            raise Refusal(
                "the robot's secret is not kept on this machine; give it a new one: --data"
                f" rotate={account.name}"
            )
        logins.cluster.write(place, content)

    return act


def _content(account: Account, logins: Logins) -> str | None:
    """What the cluster shall have; none while the robot's secret is not known here."""
    name = logins.robots.in_use(account.names)
    secret = logins.robots.kept(name)
    return None if secret is None else _as_docker_has_it(logins.host, account.login(name), secret)


def _as_docker_has_it(host: str, login: str, secret: str) -> str:
    auth = base64.b64encode(f"{login}:{secret}".encode()).decode()
    return json.dumps({"auths": {host: {"username": login, "password": secret, "auth": auth}}})
