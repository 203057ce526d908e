"""A host's container engines trust the registry's CA, and the host finds the registry."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand, operation

from breakwater.commands import Commands, refuse, write_file
from breakwater.facts.trust import CERTS, HOSTS_MARK, Trust, TrustState
from breakwater.survey import Survey
from breakwater.trust import containerd
from breakwater.trust.files import (
    STORES,
    anchor,
    as_set,
    files_of,
    foreign,
    former,
    head,
    in_store,
    mirrors_of,
)
from breakwater.trust.settings import ENGINES
from breakwater.trust.settings import Trust as Wanted
from breakwater.trust.way import way_problems


@operation()
def registry(
    domain: str,
    port: int,
    ca: Callable[[], str],
    owner: str,
    wanted: Wanted,
    cache: str,
    addresses: list[str],
    cri: bool,
    survey: Survey,
) -> Commands:
    """The registry's CA where this host's engines look for it; the domain in /etc/hosts where that is asked.

    + domain: the registry's name
    + port: 443 is no part of an image's name
    + ca: its certificate as PEM; empty when a public CA has signed, and what was ours goes
    + owner: which breakwater's these files are: another one's, for another registry, stay
    + wanted: engines, system store, /etc/hosts
    + cache: the project that images of Docker Hub come through; empty: none
    + addresses: of the proxies, or of what stands before them
    + cri: a kubelet pulls by this host's containerd
    + survey: takes note of a host without an engine
    """
    name, pem = domain if port == 443 else f"{domain}:{port}", ca().strip()
    store = bool(pem) and wanted.system_store
    live = host.get_fact(
        Trust,
        domain=domain,
        registry=name,
        cri=cri and bool(pem or cache),
        anchor=anchor(pem) if store else "",
    )
    if live is None or live.errors:
        what = ", ".join(live.errors) if live else f"{name}: what this host knows of it"
        yield refuse(f"{what} could not be read, so nothing was changed")
        return
    engines = set(wanted.engines or live.engines) if pem or cache else set()
    config = live.containerd if cri and "containerd" in engines else None
    root = containerd.root_of(config) if config else CERTS
    files = files_of(name, f"{pem}\n", owner, engines, root) if pem else {}
    if cache:
        files.update(mirrors_of(name, cache, owner, engines, root, bool(pem)))
    if store and live.store:
        files[f"{STORES[live.store][0]}/breakwater-{domain}.crt"] = f"{head(owner)}{pem}\n"
    if wrong := [
        *(_containerd_problems(live) if cri and "containerd" in engines & live.engines else ()),
        *(_store_problems(live) if store else ()),
        *foreign(name, files, live.files, root),
        *(_hosts_problems(domain, live, addresses) if wanted.etc_hosts else ()),
    ]:
        yield refuse("; ".join(wrong))
        return
    if cri and pem and not engines:
        survey.warn(
            f"{host.name}: none of {', '.join(ENGINES)} is there, so nothing was told of {name}'s CA;"
            " k3s and RKE2 read a file of their own, see docs/trust.md"
        )
    commands = [
        *_written(files, live),
        *_removed(former(name, files, live.files, owner), live),
        *_hosts(domain, addresses if wanted.etc_hosts else [], live, owner),
        # last: its restart is the one thing here that is felt
        *(containerd.commands(config) if config else ()),
    ]
    if not commands:
        host.noop(f"{name} {'is trusted' if files else 'needs nothing here'}")
    yield from commands


def _containerd_problems(live: TrustState) -> Iterator[str]:
    if live.containerd is None:
        yield "containerd does not read its own configuration; see: containerd config dump"
    elif reason := containerd.why_not(live.containerd):
        yield reason


def _store_problems(live: TrustState) -> Iterator[str]:
    if not live.store:
        yield "trust.system_store: this host has no store; install the package ca-certificates"


def _hosts_problems(domain: str, live: TrustState, addresses: Sequence[str]) -> Iterator[str]:
    if not addresses:
        yield "trust.etc_hosts: no address of a proxy is known; write trust.addresses"
    yield from (f"{what}; {fix}" for what, fix in way_problems(domain, live.way, addresses, writes=True))


def _written(files: Mapping[str, str], live: TrustState) -> Iterator[StringCommand]:
    for path, text in files.items():
        found = live.files.get(path)
        if not in_store(path):
            if not as_set(path, text, found):
                folder = QuoteString(path.rpartition("/")[0])
                yield StringCommand("mkdir -p --", folder, "&&", write_file(path, text))
        elif found != text:
            yield StringCommand(write_file(path, text), "&&", STORES[live.store][1])
        elif not live.stored:
            # A run was killed in between, or somebody built the store anew without it.
            yield StringCommand(STORES[live.store][1])


def _removed(paths: Iterator[str], live: TrustState) -> Iterator[StringCommand]:
    for path in paths:
        if in_store(path):
            update = [f"&& {STORES[live.store][1]}"] if live.store else []
            yield StringCommand("rm -f --", QuoteString(path), *update)
        else:
            # A folder that holds something else, such as a client's certificate, stays.
            folder = QuoteString(path.rpartition("/")[0])
            yield StringCommand(
                "rm -f --", QuoteString(path), "&& rmdir --ignore-fail-on-non-empty --", folder
            )


def _hosts(domain: str, addresses: Sequence[str], live: TrustState, owner: str) -> Iterator[StringCommand]:
    """Our lines of /etc/hosts: those that are there go, and the wanted ones stand at its end.

    Each line has its mark: of a block, somebody may remove one end.
    """
    mark = f" {HOSTS_MARK} {owner}"
    lines = [f"{address} {domain}{mark}" for address in addresses]
    found = [
        line.text
        for line in live.way.lines
        if line.ours and (line.text.endswith(mark) or domain in line.text.split()[1:2])
    ]
    if found == lines:
        return
    new = "/etc/hosts.breakwater"
    yield StringCommand(
        # with its mode and label; programs that read it meanwhile find it whole
        f"cp -aLT /etc/hosts {new} &&",
        "awk -v", QuoteString(f"mark={mark}"), "-v", QuoteString(f"name={domain}"),
        "-v", QuoteString(f"any= {HOSTS_MARK} "),
        "'substr($0, length($0) - length(mark) + 1) != mark && !(index($0, any) && $2 == name)'",
        f"/etc/hosts >{new} &&",
        *(["printf '%s\\n'", *map(QuoteString, lines), f">>{new} &&"] if lines else []),
        f"mv -T {new} /etc/hosts",
    )  # fmt: skip
