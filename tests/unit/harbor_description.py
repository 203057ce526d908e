"""Harbor's own description of its API (OpenAPI 2.0), and what of a call it does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

# What is not in the description, and is true all the same: seen on 2.15.1 by the cases in tests/live.
UNDECLARED = {
    422: "any call with a body or parameters: go-openapi answers so to a wrong type or a missing field",
    401: "any call: nobody is logged in, or the password is wrong",
    403: "any call: who is logged in may not",
    ("GET", "/users/current", 412): "a robot asks who it is",
    ("POST", "/projects/{}/members", 404): "there is no such user",
    ("DELETE", "/projects/{}", 412): "it still has a repository",
    ("POST", "/retentions", 404): "there is no such project",
}


class Description:
    """A file of Harbor's API description."""

    def __init__(self, path: Path) -> None:
        # the C loader: 300 KB take a second, not fifteen
        self._all = yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        self._paths = {nameless(path): found for path, found in self._all["paths"].items()}

    def faults(self, call: dict[str, Any]) -> Iterator[str]:
        """What of a call Harbor's description does not know.

        + call: method, path, statuses; query, body and answer where there are any: {field: type}, where a
          type is a name of JSON schema's, fields in turn, or [a type] for a list
        """
        path, method = nameless(call["path"]), call["method"].lower()
        found = self._paths.get(path, {})
        if method not in found:
            yield "no such call"
            return
        operation = found[method]
        parameters = [
            self._resolved(p) for p in [*found.get("parameters", []), *operation.get("parameters", [])]
        ]
        yield from self._statuses(call, path, operation)
        known = {p["name"]: p["type"] for p in parameters if p["in"] == "query"}
        for name, kind in (call.get("query") or {}).items():
            if known.get(name) != kind:
                yield f"query {name}: {kind}, not {known.get(name, 'there')}"
        bodies = [p["schema"] for p in parameters if p["in"] == "body"]
        if call.get("body"):
            yield from self._fields("body", call["body"], bodies[0] if bodies else {})
        good = [r.get("schema", {}) for status, r in operation["responses"].items() if status.startswith("2")]
        if call.get("answer"):
            yield from self._fields("answer", call["answer"], good[0] if good else {})

    def _statuses(self, call: dict[str, Any], path: str, operation: dict[str, Any]) -> Iterator[str]:
        for status in call["statuses"]:
            known = str(status) in operation["responses"] or status in UNDECLARED
            if not known and (call["method"], path, status) not in UNDECLARED:
                yield f"status {status}"

    def _fields(self, where: str, wanted: Any, schema: dict[str, Any]) -> Iterator[str]:
        """Each wanted field that the schema has not, or has with another type."""
        schema = self._resolved(schema)
        kind = schema.get("type") or ("object" if "properties" in schema or "allOf" in schema else "nothing")
        if isinstance(wanted, list):
            if kind != "array":
                yield f"{where}: a list, not {kind}"
            elif wanted:
                yield from self._fields(f"{where}[]", wanted[0], schema["items"])
        elif isinstance(wanted, dict):
            if kind != "object":
                yield f"{where}: fields, not {kind}"
                return
            known = self._properties(schema)
            any_of = schema.get("additionalProperties")
            for name, inner in wanted.items():
                if name in known or any_of:
                    yield from self._fields(f"{where}.{name}", inner, known.get(name, any_of))
                else:
                    yield f"{where}.{name}: no such field"
        elif wanted != kind:
            yield f"{where}: {wanted}, not {kind}"

    def _properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        known = dict(schema.get("properties", {}))
        for part in schema.get("allOf", []):
            known |= self._properties(self._resolved(part))
        return known

    def _resolved(self, part: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in part:
            found: Any = self._all
            for key in part["$ref"].removeprefix("#/").split("/"):
                found = found[key]
            part = found
        return part


def nameless(path: str) -> str:
    """A path whose parameters have no names: /users/{user_id} and /users/{id} are the same call."""
    return re.sub(r"\{[^}]*\}", "{}", path)
