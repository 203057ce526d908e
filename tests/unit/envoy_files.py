"""Envoy's files of any settings, and whether they hold what they should and nothing else."""

import yaml

from breakwater.proxy.bootstrap import bootstrap
from breakwater.proxy.config import Wanted, files, flattened
from breakwater.settings import Settings

# What Envoy reads is not looked at here, so any text is a certificate.
PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAA==\n"

# The one in C, where there is one: the other takes seconds.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def wanted(settings: Settings) -> Wanted:
    """With addresses for names, and no real certificates."""
    domains = [str(settings.domain), *(upstream.domain for upstream in settings.proxy.upstreams)]
    return Wanted(
        domain=str(settings.domain),
        nodes={name: f"10.0.0.{place}" for place, name in enumerate(settings.nodes, start=1)},
        node_port=settings.harbor.node_ports.https,
        server_name=str(settings.domain),
        certificates=dict.fromkeys(domains, PEM),
        authorities=dict.fromkeys(domains, PEM),
        proxy=settings.proxy,
    )


def shape(node: yaml.Node) -> object:
    """What it is without its texts, each of which is quoted; keys are part of it."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: shape(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [shape(item) for item in node.value]
    kind = node.tag.rpartition(":")[2]
    assert node.style == '"' if kind == "str" else kind in ("int", "float", "bool"), node.value
    return kind


def assert_nothing_else(told: Wanted) -> None:
    """Every text is quoted and read back as it was; what has no quotes is a key, a number or a switch."""
    texts = files(told)
    assert yaml.safe_load(texts["bootstrap.yaml"]) == bootstrap(told)
    for text in [*texts.values(), flattened(texts)]:
        assert text.isascii()
        assert shape(yaml.compose(text, LOADER))
