"""What a single value of Harbor's keys may be; otherwise as limits.py."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BeforeValidator, Strict

from breakwater import limits, versions
from breakwater.addresses import LABEL, canonical, check_text, checked_address, dns_name
from breakwater.problems import Fault
from breakwater.quantities import checked_cpu, checked_memory, checked_size

# A StatefulSet's pods carry its name and a hash in a label of 63 characters: RELEASE-harbor-database-HASH.
LONGEST_RELEASE = 63 - len("-harbor") - len("-database") - 11
FIRST_PORT, LAST_PORT = 30000, 32767
SHORTEST_WAIT, LONGEST_WAIT = 60, 7200
MOST_REPLICAS = 10
SERIES = versions.HARBOR_CHART.rpartition(".")[0]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]*")
_DIRECTORY = re.compile(r"/?[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
_URL = re.compile(r"[A-Za-z0-9._~:/%\[\]-]+")


def _domain(name: str) -> str:
    fix = "such as 'registry.example.org'"
    # People paste what their browser shows.
    bare = re.sub(r"^[a-z][a-z0-9+.-]*://", "", name.strip().lower()).rpartition("@")[2]
    host = re.split(r"[/?#]", bare)[0]
    host = re.sub(r":[0-9]*$", "", host).rstrip(".")
    if canonical(host.strip("[]")):
        raise Fault("is an address: clients and certificates need a name", fix)
    if host != name and _is_domain(host):
        raise Fault("must be a name only: no https://, port, path or capital letter", f"write {host!r}")
    if name.isascii() and LABEL.fullmatch(name) and len(name) <= 63:
        raise Fault("must have a dot in it: a client takes a name without one for a user's", fix)
    if not _is_domain(name):
        raise Fault("must be a DNS name: at most 253 letters, digits, '-' and dots", fix)
    return name


def _is_domain(name: str) -> bool:
    try:
        checked_address(name)
    except Fault:
        return False
    return dns_name(name) and name == name.lower() and "." in name


def checked_source(source: str) -> str:
    kind, _, place = source.partition(":")
    fix = "write 'file:PATH' or 'env:NAME': settings say where a secret is, never what it is"
    if kind not in ("file", "env") or not place:
        raise Fault("must say where the secret is", fix)
    if kind == "env" and (not _VARIABLE.fullmatch(place) or not place.isascii() or len(place) > 255):
        raise Fault("must name a variable of the environment", "such as 'env:HARBOR_ADMIN_PASSWORD'")
    if kind == "file":
        limits.checked_file(place)
    return source


def _release(name: str) -> str:
    if not LABEL.fullmatch(name):
        raise Fault("must be lower-case letters, digits and '-', with a letter or digit at both ends")
    if len(name) > LONGEST_RELEASE:
        raise Fault(f"is longer than {LONGEST_RELEASE} characters", "names of Harbor's pods begin with it")
    if name[0].isdigit():
        # Harbor's Services are named for it, and a Service's name may not begin with a digit.
        raise Fault("must begin with a letter", f"such as 'h{name}'")
    check_text(name)
    return name


def _chart(version: str) -> str:
    if not re.fullmatch(re.escape(SERIES) + r"\.[0-9]{1,9}", version):
        fix = f"write {versions.HARBOR_CHART!r}; docs/harbor.md says how an older Harbor gets there"
        raise Fault(f"is no chart {SERIES}.x, the only one that breakwater knows", fix)
    return version


def between(least: int, most: int, what: str = "", reason: str = "") -> AfterValidator:
    """A whole number in these bounds.

    + what: its unit, with a space before it
    + reason: what follows the bounds in the message
    """

    def check(number: int) -> int:
        if not least <= number <= most:
            raise Fault(f"must be from {least} to {most}{what}{reason}")
        return number

    return AfterValidator(check)


def _cluster_class(name: str) -> str:
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in name.split(".")):
        raise Fault("must be a storage class's name: lower-case letters, digits, '-' and dots")
    return _yaml_text(name)


def _service(host: str) -> str:
    if "@" in host or "://" in host or (host.count(":") == 1 and canonical(host) is None):
        raise Fault("must be a host only: no scheme, user or port", "port, user and password have their keys")
    return checked_address(host)


def _redis_host(host: str) -> str:
    plain = _service(host)
    if ":" in plain:
        raise Fault("is an IPv6 address, which the chart writes without quotes", "give the host a name")
    return plain


def _plain_name(name: str) -> str:
    if not _NAME.fullmatch(name) or len(name) > 255:
        raise Fault("may hold only letters, digits and . _ @ -")
    return _yaml_text(name)


def _directory(path: str) -> str:
    if not _DIRECTORY.fullmatch(path) or len(path) > 1000:
        raise Fault("must be a path of letters, digits and . _ - /, without a closing slash")
    return _yaml_text(path)


def _yaml_text(text: str) -> str:
    """What the chart writes into YAML without quotes. Raises Fault."""
    try:
        check_text(text.replace("_", ""))  # 1_000 is a thousand to YAML
        is_text = yaml.safe_load(text) == text
    except (Fault, ValueError, yaml.YAMLError):
        is_text = False
    if not is_text:
        raise Fault("is a number, a date or a switch to YAML, not text, and the chart writes no quotes")
    return text


def _url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Fault("must be a URL") from None
    if parts.username is not None or parts.password is not None:
        raise Fault("must not hold a user or a password")
    if (
        parts.scheme not in ("http", "https")
        or not host
        or not _URL.fullmatch(url)
        or len(url) > 2000
        or url.endswith(":")
    ):
        raise Fault("must begin with https:// or http:// and name a host, without spaces, quotes or a query")
    return url


def _not_a_switch(value: Any) -> Any:
    if isinstance(value, bool):
        raise Fault("must be a group of keys", f'write {{"enabled": {value}}}')
    return value


def _group(value: Any) -> Any:
    if not isinstance(value, dict):
        raise Fault("must be a group of keys", "write it in { }")
    return value


Domain = Annotated[str, Strict(), AfterValidator(_domain)]
Source = Annotated[str, Strict(), AfterValidator(checked_source)]
Release = Annotated[str, Strict(), AfterValidator(_release)]
Chart = Annotated[str, Strict(), AfterValidator(_chart)]
NodePort = Annotated[
    int, Strict(), between(FIRST_PORT, LAST_PORT, reason=", where Kubernetes has its node ports")
]
Port = Annotated[int, Strict(), between(1, 65535)]
Replicas = Annotated[int, Strict(), between(1, MOST_REPLICAS)]
Wait = Annotated[int, Strict(), between(SHORTEST_WAIT, LONGEST_WAIT, " seconds")]
ProbeSeconds = Annotated[int, Strict(), between(1, 300, " seconds")]
Failures = Annotated[int, Strict(), between(1, 100)]
# The chart's own 300 seconds were too few for a first start on a slow disk.
Start = Annotated[int, Strict(), between(300, 7200, " seconds")]
# 0 is what Harbor's core uses, and it knows no other.
Index = Annotated[int, Strict(), between(1, 15)]
ClusterClass = Annotated[str, Strict(), AfterValidator(_cluster_class)]
Host = Annotated[str, Strict(), AfterValidator(_service)]
RedisHost = Annotated[str, Strict(), AfterValidator(_redis_host)]
Name = Annotated[str, Strict(), AfterValidator(_plain_name)]
Directory = Annotated[str, Strict(), AfterValidator(_directory)]
Url = Annotated[str, Strict(), AfterValidator(_url)]
Size = Annotated[str, Strict(), AfterValidator(checked_size)]
Memory = Annotated[str, Strict(), AfterValidator(checked_memory)]
Cpu = Annotated[str, Strict(), AfterValidator(checked_cpu)]
WithSwitch = BeforeValidator(_not_a_switch)
Free = Annotated[dict[Any, Any], BeforeValidator(_group)]
