"""A Kubernetes API with what a run asks for: objects in memory, ready as soon as they are made."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]


# What a kubelet says of its machine; the client takes no answer without all of it.
_NODE_INFO = (
    *("architecture", "bootID", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion"),
    *("kubeletVersion", "machineID", "operatingSystem", "osImage", "systemUUID"),
)


class FakeCluster:
    """Objects by the path of their collection, and what a test wants to be wrong."""

    def __init__(self) -> None:
        self.objects: dict[str, list[Object]] = {}
        self.refused: dict[str, tuple[int, str]] = {}  # part of "METHOD PATH" -> status, message
        self.plain: list[str] = []  # paths that take no strategic merge
        self.kinds: dict[str, list[Object]] = {}  # /apis/apps/v1 -> what it says of its kinds
        self.statuses: dict[str, Object] = {
            "persistentvolumeclaims": {"phase": "Bound"},
            "pods": {"phase": "Succeeded"},
        }
        self.log = "the pod's own words\n"
        self.asked: list[str] = []
        self.server = ""
        self.made = 0

    def add(self, collection: str, item: Object) -> None:
        """Put an object into a collection such as /api/v1/nodes, with the status that its kind gets."""
        self.made += 1
        metadata = item.setdefault("metadata", {})
        metadata.setdefault("name", f"{metadata.get('generateName', 'x-')}{self.made}")
        if "/namespaces/" in collection:
            metadata["namespace"] = collection.split("/namespaces/")[1].split("/")[0]
        metadata.setdefault("resourceVersion", str(self.made))
        item.setdefault("status", self.statuses.get(collection.rpartition("/")[2], {}))
        for key, text in item.pop("stringData", {}).items():
            item.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()
        self.objects.setdefault(collection, []).append(item)

    def add_node(
        self,
        name: str,
        ready: str = "True",
        unschedulable: bool = False,
        taint: str = "",
        address: str = "",
        architecture: str = "amd64",
    ) -> None:
        """A node, whose machine-id is its name.

        + taint: KEY:EFFECT
        """
        conditions = [{"type": "Ready", "status": ready, "reason": "KubeletSaid"}]
        key, _, effect = taint.partition(":")
        taints = [{"key": key, "effect": effect}] if key else []
        info = dict.fromkeys(_NODE_INFO, "") | {"machineID": name, "architecture": architecture}
        self.add(
            "/api/v1/nodes",
            {
                "metadata": {"name": name},
                "spec": {"unschedulable": unschedulable, "taints": taints},
                "status": {
                    "conditions": conditions,
                    "addresses": [{"type": "InternalIP", "address": address}],
                    "nodeInfo": info,
                },
            },
        )

    def found(self, collection: str, query: dict[str, list[str]]) -> list[Object]:
        """The objects of a collection that a label or field selector names; of all namespaces without one."""
        items = list(self.objects.get(collection, []))
        if "/namespaces/" not in collection:
            root, _, kind = collection.rpartition("/")
            inner = [path for path in self.objects if path.startswith(f"{root}/namespaces/")]
            items += [i for path in inner if path.endswith(f"/{kind}") for i in self.objects[path]]
        for part in query.get("labelSelector", [""])[0].split(","):
            key, _, value = part.partition("=")
            if key:
                items = [
                    i for i in items if key in _labels(i) and (not value or _labels(i)[key] == value)
                ]  # fmt: skip
        for part in query.get("fieldSelector", [""])[0].split(","):
            key, _, value = part.partition("=")
            items = [i for i in items if not key or _field(i, key) == value]
        return items

    def kubeconfig(self, path: Path) -> Path:
        """A file that leads here."""
        cluster = {"name": "fake", "cluster": {"server": self.server}}
        context = {"name": "fake", "context": {"cluster": "fake", "user": "me"}}
        user = {"name": "me", "user": {"token": "t"}}
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [cluster],
                    "contexts": [context],
                    "users": [user],
                    "current-context": "fake",
                }
            )
        )
        return path


@contextmanager
def serving() -> Iterator[FakeCluster]:
    """A fake cluster that answers until the end."""
    cluster = FakeCluster()

    class Handler(_Handler):
        fake = cluster

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    cluster.server = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield cluster
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    fake: ClassVar[FakeCluster]

    def do_GET(self) -> None:
        path, query = self._begin()
        collection, _, name = path.rpartition("/")
        if path.endswith("/log"):
            self._text(200, self.fake.log)
        elif named := [i for i in self.fake.objects.get(collection, []) if i["metadata"]["name"] == name]:
            self._send(200, named[0])
        elif path in self.fake.kinds:
            self._send(200, {"resources": self.fake.kinds[path]})
        elif path.count("/") > (5 if "/namespaces/" in path else 3) + path.startswith("/apis/"):
            self._send(404, {"kind": "Status", "message": f"{name} not found"})
        else:
            self._send(200, {"items": self.fake.found(path, query)})

    def do_POST(self) -> None:
        path, _ = self._begin()
        item = self._body()
        if self._named(f"{path}/{item['metadata'].get('name')}"):
            self._send(409, {"kind": "Status", "message": "already exists"})
            return
        self.fake.add(path, item)
        self._send(201, item)

    def do_PUT(self) -> None:
        path, _ = self._begin()
        item, live = self._body(), self._named(path)
        if live is None or item["metadata"].get("resourceVersion") != live["metadata"]["resourceVersion"]:
            self._send(409 if live else 404, {"kind": "Status", "message": "the object has been modified"})
            return
        self.fake.objects[path.rpartition("/")[0]].remove(live)
        del item["metadata"]["resourceVersion"]
        self.fake.add(path.rpartition("/")[0], item)
        self._send(200, item)

    def do_PATCH(self) -> None:
        path, query = self._begin()
        body, live = self._body(), self._named(path)
        strategic = self.headers["Content-Type"] == "application/strategic-merge-patch+json"
        if live is None:
            self._send(404, {"kind": "Status", "message": "not found"})
        elif strategic and any(path.startswith(part) for part in self.fake.plain):
            self._send(415, {"kind": "Status", "message": "accepted media types include merge-patch"})
        elif query.get("dryRun") == ["All"]:
            self._send(200, _patched(live, body))
        else:
            collection = path.rpartition("/")[0]
            self.fake.objects[collection].remove(live)
            self.fake.add(collection, changed := _patched(live, body))
            self._send(200, changed)

    def do_DELETE(self) -> None:
        path, query = self._begin()
        collection, _, name = path.rpartition("/")
        wanted = self._body().get("preconditions", {}).get("resourceVersion")
        if wanted and (self._named(path) or {}).get("metadata", {}).get("resourceVersion") != wanted:
            self._send(409, {"kind": "Status", "message": "the object has been modified"})
            return
        if collection in self.fake.objects:
            gone = [i for i in self.fake.objects[collection] if i["metadata"]["name"] == name]
        else:
            collection, gone = path, self.fake.found(path, query)
        left = [i for i in self.fake.objects.get(collection, []) if i not in gone]
        self.fake.objects[collection] = left
        self._send(200, {"kind": "Status", "status": "Success"})

    def _begin(self) -> tuple[str, dict[str, list[str]]]:
        url = urlsplit(self.path)
        asked = f"{self.command} {url.path}"
        self.fake.asked.append(asked)
        for part, (status, message) in self.fake.refused.items():
            if part in asked:
                self._send(status, {"kind": "Status", "message": message})
                raise ConnectionAbortedError
        return url.path, parse_qs(url.query)

    def _named(self, path: str) -> Object | None:
        collection, _, name = path.rpartition("/")
        items = self.fake.objects.get(collection, [])
        return next((item for item in items if item["metadata"]["name"] == name), None)

    def _body(self) -> Object:
        body: Object = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        return body

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionAbortedError:
            self.close_connection = True

    def _send(self, status: int, item: Object) -> None:
        self._text(status, json.dumps(item), "application/json")

    def _text(self, status: int, text: str, kind: str = "text/plain") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _patched(live: Any, patch: Any) -> Any:
    """A merge, in which lists of named things are merged by their names."""
    if isinstance(live, dict) and isinstance(patch, dict):
        return {**live, **{key: _patched(live.get(key), value) for key, value in patch.items()}}
    named = isinstance(live, list) and isinstance(patch, list) and all("name" in i for i in [*live, *patch])
    if named:
        mine = {item["name"]: item for item in live}
        return list({**mine, **{i["name"]: _patched(mine.get(i["name"]), i) for i in patch}}.values())
    return patch


def _labels(item: Object) -> dict[str, str]:
    labels: dict[str, str] = item["metadata"].get("labels") or {}
    return labels


def _field(item: Object, key: str) -> object:
    value: Any = item
    for part in key.split("."):
        value = value.get(part, {})
    return value
