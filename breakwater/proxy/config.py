"""What Envoy shall be told: every file, as text."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

from breakwater.addresses import by_address, canonical
from breakwater.commands import Refusal
from breakwater.contradictions import resolved
from breakwater.proxy.bootstrap import bootstrap
from breakwater.proxy.clusters import clusters, endpoints
from breakwater.proxy.listeners import listeners
from breakwater.proxy.plan import BOOTSTRAP, SECRETS
from breakwater.proxy.routes import routes
from breakwater.proxy.wanted import Wanted, sites
from breakwater.proxy.xds import Tree, dumped, resources

__all__ = ["Wanted", "files", "flattened", "resolved_nodes"]

_SECRET = "extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type's name
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


def files(wanted: Wanted) -> dict[str, str]:
    """{path below the directory: text}. The texts below plan.SECRETS hold private keys."""
    found = {
        BOOTSTRAP: dumped(bootstrap(wanted)),
        "xds/lds.yaml": listeners(wanted),
        "xds/cds.yaml": clusters(wanted),
        "xds/eds.yaml": endpoints(wanted),
        "xds/rds.yaml": routes(wanted),
    }
    for site in sites(wanted):
        domain = site.domains[0]
        # One file for chain and key, and in it the PEM itself: a rename changes both at once, and what Envoy
        # cannot read is counted as rejected, not found at the next restart.
        chain, key = _parts(wanted.certificates[domain])
        pair = {"certificate_chain": {"inline_string": chain}, "private_key": {"inline_string": key}}
        found[f"{SECRETS}{site.name}.yaml"] = resources(_SECRET, {"name": site.name, "tls_certificate": pair})
        if site.upstream is None or site.upstream.tls:
            believed = {"trusted_ca": {"inline_string": wanted.authorities[domain]}}
            context = {"name": site.authority, "validation_context": believed}
            found[f"{SECRETS}{site.authority}.yaml"] = resources(_SECRET, context)
    return found


def flattened(texts: Mapping[str, str]) -> str:
    """One bootstrap with all of it inside, private keys too.

    `envoy --mode validate` reads no file that a bootstrap only names, so that it would call garbage good.

    + texts: as files() gives them
    """
    trees: dict[str, Any] = {name: yaml.safe_load(text) for name, text in texts.items()}
    whole = trees.pop(BOOTSTRAP)
    directory = _place(whole["dynamic_resources"].pop("lds_config")).removesuffix("xds/lds.yaml")
    whole["dynamic_resources"].pop("cds_config")
    del whole["dynamic_resources"]

    def read(place: str) -> list[Tree]:
        found = trees[place.removeprefix(directory)]["resources"]
        return [{key: value for key, value in tree.items() if key != "@type"} for tree in found]

    listening, leading = read("xds/lds.yaml"), read("xds/cds.yaml")
    secrets: dict[str, Tree] = {}
    _inline([listening, leading], read, secrets)
    for cluster in leading:
        if cluster["type"] == "EDS":
            place = _place(cluster.pop("eds_cluster_config")["eds_config"])
            cluster["load_assignment"] = _named(read(place), "cluster_name", cluster["name"])
            cluster["type"] = "STATIC"
    whole["static_resources"] = {
        "listeners": listening,
        "clusters": leading,
        "secrets": list(secrets.values()),
    }
    return dumped(whole)


def _inline(tree: Any, read: Callable[[str], list[Tree]], secrets: dict[str, Tree]) -> None:
    """Put what a file holds in the place of the file's name, anywhere below."""
    if isinstance(tree, dict):
        if "rds" in tree:
            named = tree.pop("rds")
            found = read(_place(named["config_source"]))
            tree["route_config"] = _named(found, "name", named["route_config_name"])
        if "sds_config" in tree:
            secret = _named(read(_place(tree.pop("sds_config"))), "name", tree["name"])
            secrets[secret["name"]] = secret
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        _inline(child, read, secrets)


def _named(found: Iterable[Tree], key: str, name: str) -> Tree:
    """The resource that somebody asks for. Raises LookupError: Envoy would wait for it, and say nothing."""
    for tree in found:
        if tree[key] == name:
            return tree
    raise LookupError(f"no resource whose {key} is {name}")


def _place(config: Tree) -> str:
    return str(config["path_config_source"]["path"])


def _parts(pem: str) -> tuple[str, str]:
    """The certificates of a PEM text, and the rest of it, the key."""
    return "".join(_CERTIFICATE.findall(pem)), _CERTIFICATE.sub("", pem)


def resolved_nodes(
    nodes: Mapping[str, str], resolve: Callable[[str], Iterable[str]] = resolved
) -> dict[str, str]:
    """{name: address} of nodes whose address may be a name, which Envoy's endpoints may not.

    Raises Refusal when a name has no address, or only this machine's own.
    """
    found = {}
    for name, address in nodes.items():
        try:
            known = sorted({plain for text in resolve(address) if (plain := canonical(text))}, key=by_address)
        except (OSError, UnicodeError):
            known = []
        if not known:
            raise Refusal(f"{name}: {address} has no address that this machine can find; write one as its"
                          " ssh_hostname in the inventory")  # fmt: skip
        found[name] = known[0]
    return found
