"""What breakwater made in Harbor, kept in the cluster: it outlives the machine that deployed."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Collection
from typing import Protocol, TypeVar

from kubernetes import client

from breakwater.cluster import LIMIT, ClusterAccess, api
from breakwater.commands import Refusal

T = TypeVar("T")

NAME, _KEY = "breakwater-registry", "made"


class Made(Protocol):
    """Names of things as a plan calls them, such as "project kaps"."""

    def all(self) -> frozenset[str]:
        """Those that were made and not removed. Raises Refusal, as the others do."""

    def add(self, new: Collection[str]) -> None:
        """Remember these as well; writes nothing when they are known."""

    def remove(self, gone: Collection[str]) -> None:
        """Forget these; writes nothing when none is known."""


class InCluster:
    """In a ConfigMap beside Harbor, compressed: 20,000 members would be more than one may hold.

    + namespace: Harbor's
    """

    def __init__(self, access: ClusterAccess, namespace: str) -> None:
        self._access, self._namespace = access, namespace

    def all(self) -> frozenset[str]:
        return self._asked(lambda core: frozenset(_names(self._read(core))))

    def add(self, new: Collection[str]) -> None:
        self._change(lambda names: names | {*new})

    def remove(self, gone: Collection[str]) -> None:
        self._change(lambda names: names - {*gone})

    def _change(self, change: Callable[[set[str]], set[str]]) -> None:
        def act(core: client.CoreV1Api) -> None:
            found = self._read(core)
            names = _names(found)
            wanted = change(set(names))
            if wanted == names:
                return
            packed = gzip.compress(json.dumps(sorted(wanted)).encode(), mtime=0)
            body = {"metadata": {"name": NAME}, "binaryData": {_KEY: base64.b64encode(packed).decode()}}
            if found is None:
                core.create_namespaced_config_map(self._namespace, body, _request_timeout=LIMIT)
            else:
                core.patch_namespaced_config_map(NAME, self._namespace, body, _request_timeout=LIMIT)

        self._asked(act)

    def _read(self, core: client.CoreV1Api) -> client.V1ConfigMap | None:
        try:
            return core.read_namespaced_config_map(NAME, self._namespace, _request_timeout=LIMIT)
        except client.ApiException as error:
            if error.status == 404:
                return None
            raise

    def _asked(self, ask: Callable[[client.CoreV1Api], T]) -> T:
        with api(self._access) as opened:
            return ask(client.CoreV1Api(opened))


def _names(found: client.V1ConfigMap | None) -> set[str]:
    packed = (found.binary_data or {}).get(_KEY) if found else None
    if not packed:
        return set()
    try:
        return {*map(str, json.loads(gzip.decompress(base64.b64decode(packed))))}
    except (ValueError, TypeError, OSError, EOFError, zlib.error) as error:
        raise Refusal(
            f"ConfigMap {NAME}: what breakwater made cannot be read in it: {error}; delete it, and all that"
            " is in Harbor counts as made by people"
        ) from error
