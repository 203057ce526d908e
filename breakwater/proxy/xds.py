"""The text of Envoy's files: what they have in common."""

from hashlib import sha256
from typing import Any

import yaml

from breakwater.proxy.wanted import Wanted

Tree = dict[str, Any]
# For both legs; as a client Envoy would stop at 1.2.
TLS_VERSIONS = {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"}
_TYPES = "type.googleapis.com/envoy."


class _Quoting(yaml.SafeDumper):
    """Quotes every text: a bare y is a word to PyYAML's writer, and a switch to Envoy's reader."""

    def ignore_aliases(self, data: object) -> bool:
        # A value that stands twice is written twice: a file that people read has no anchors.
        return True

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)
        for key, _ in node.value:
            key.style = None  # keys are ours, and need none
        return node


_Quoting.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def dumped(tree: object) -> str:
    """YAML, every value quoted."""
    return yaml.dump(tree, Dumper=_Quoting, sort_keys=False, width=2**20)


def resources(kind: str, *trees: Tree) -> str:
    """A file of xDS. Its version is the sha256 of the rest, so that Envoy can be asked what it serves.

    + kind: the resources' type, without what all types begin with
    """
    text = dumped({"resources": [{"@type": _TYPES + kind, **tree} for tree in trees]})
    return dumped({"version_info": sha256(text.encode()).hexdigest()}) + text


def extension(name: str, kind: str, **config: object) -> Tree:
    """One of Envoy's plug-ins.

    + name: without "envoy."
    + kind: its configuration's type, as in resources()
    """
    return {"name": f"envoy.{name}", "typed_config": typed(kind, **config)}


def typed(kind: str, **config: object) -> Tree:
    """A configuration that names its own type."""
    return {"@type": _TYPES + kind, **config}


def source(wanted: Wanted, name: str) -> Tree:
    """Where Envoy reads something: a file of ours, anew whenever another one is moved over it."""
    return {"resource_api_version": "V3", "path_config_source": {"path": wanted.path(name)}}


def socket_address(host: str, port: int) -> Tree:
    """An address and a port."""
    return {"socket_address": {"address": host, "port_value": port}}
