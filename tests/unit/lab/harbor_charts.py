"""Renders Harbor's chart, the stand-in's or the upstream one, so that two of them can be compared."""

import copy
import os
import subprocess
import sys
from functools import reduce
from pathlib import Path
from typing import Any

import yaml

from lab import paths

OURS = paths.LAB / "standin/harbor/chart"
HELM = Path(sys.executable).parent / "helm"
# What two renders of one chart have different values for.
RANDOM = "<another at each render>"


def leaves(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys of everything that is not a mapping with keys."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        nested = isinstance(value, dict) and value
        found |= leaves(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return found


def helm(chart: Path, changes: dict[str, Any], release: str = "harbor") -> "subprocess.CompletedProcess[str]":
    """`helm template` of these dotted values."""
    tree: dict[str, Any] = {}
    for dotted, value in changes.items():
        *parents, last = dotted.split(".")
        reduce(lambda node, key: node.setdefault(key, {}), parents, tree)[last] = copy.deepcopy(value)
    argv = [str(HELM), "template", release, str(chart), "--namespace", "registry", "--values", "-"]
    # A person's own Helm settings and plugins are kept out.
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run(
        argv, input=yaml.safe_dump(tree), capture_output=True, text=True, timeout=60, env=env
    )


def render(chart: Path, changes: dict[str, Any], release: str = "harbor") -> str:
    answer = helm(chart, changes, release)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def objects(chart: Path, changes: dict[str, Any], release: str = "harbor") -> dict[str, Any]:
    """{"Kind/name": object}"""
    made = [o for o in yaml.safe_load_all(render(chart, changes, release)) if o]
    found = {f"{o['kind']}/{o['metadata']['name']}": o for o in made}
    assert len(found) == len(made), "an object twice"
    return found


def shape(chart: Path, changes: dict[str, Any], release: str = "harbor") -> dict[str, Any]:
    """objects() with what may differ taken out, and what two renders do not agree on marked."""
    one, other = (objects(chart, changes, release) for _ in range(2))
    shaped: dict[str, Any] = _bare(_both(one, other))
    return shaped


def _both(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return {key: _both(value, other[key]) for key, value in one.items()}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [_both(*pair) for pair in zip(one, other, strict=True)]
    return one if one == other else RANDOM


def _bare(value: Any, key: str = "") -> Any:
    """Without order and emptiness, which mean nothing here, and without what the stand-in has anew."""
    if isinstance(value, list):
        return sorted((_bare(item) for item in value), key=repr)
    if key.startswith("checksum/") and value != RANDOM:
        return "<of this chart's own text>"
    if key.endswith(".yml"):
        return _bare(yaml.safe_load(value))
    if key == "app.conf":
        return value.split()
    if not isinstance(value, dict):
        return value
    value = dict(value)
    if "image" in value:
        # The one program of the stand-in is told its role; upstream's images know theirs.
        value = {k: v for k, v in value.items() if k not in ("image", "command", "args")}
    # Text of a web server's configuration: the stand-in's is short.
    value.pop("nginx.conf", None)
    bare = {k: _bare(v, k) for k, v in value.items()}
    return {k: v for k, v in bare.items() if v not in (None, {}, []) and (k, v) != ("subPath", "")}
