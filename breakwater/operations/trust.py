"""A host's container engines trust the registry's CA, and the host finds the registry."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand, operation

from breakwater.commands import Commands, Refusal, refuse, write_file
from breakwater.facts.trust import HOSTS_MARK, MARK, Containerd, Trust, TrustState
from breakwater.survey import Survey
from breakwater.trust import containerd
from breakwater.trust.files import (
    STORES,
    anchor,
    certificates,
    files_of,
    foreign,
    former,
    held,
    in_store,
    with_former,
)
from breakwater.trust.settings import ENGINES
from breakwater.trust.wanted import Wanted
from breakwater.trust.way import way_problems


@operation()
def told(wanted: Wanted, ca: Callable[[], str], cri: bool, survey: Survey) -> Commands:
    """The registry's CA where this host's engines look for it; the domain in /etc/hosts where that is asked.

    A former CA stays beside it: until their turn comes, the proxies show what that one has signed.

    + wanted: the registry
    + ca: its CA as PEM; empty when a public one has signed; or raises Refusal
    + cri: a kubelet pulls by this host's containerd
    + survey: takes note of a host without an engine, and of one that knows a former CA
    """
    yield from _told(wanted, ca, cri, survey, alone=False)


@operation()
def narrowed(
    wanted: Wanted, ca: Callable[[], str], cri: bool, survey: Survey, due: Callable[[], bool]
) -> Commands:
    """A host that knows a former CA beside the registry's knows the registry's alone, or none.

    + wanted, ca, cri: as for told()
    + survey: has told()'s note; no other host is asked anything
    + due: whether this run had every proxy, so that none shows what the former one has signed
    """
    if host.name not in survey.widened:
        host.noop(f"no former CA of {wanted.domain}'s is here")
    elif due():
        yield from _told(wanted, ca, cri, survey, alone=True)
    else:
        survey.warn(
            f"{host.name}: goes on trusting a former CA of {wanted.domain}'s, since this run did not have"
            " every proxy; run without --limit, and it goes"
        )
        host.noop(f"the former CA of {wanted.domain}'s stays: not every proxy is in this run")


def _told(wanted: Wanted, ca: Callable[[], str], cri: bool, survey: Survey, alone: bool) -> Commands:
    """The difference.

    + alone: no former CA stays
    """
    try:
        signer = certificates(ca())
    except Refusal as refusal:
        yield refuse(str(refusal))
        return
    line = anchor(signer) if wanted.settings.system_store else ""
    live = host.get_fact(Trust, domain=wanted.domain, registry=wanted.name, cri=cri, anchor=line)
    if live is None or live.errors:
        what = ", ".join(live.errors) if live else f"{wanted.name}: what this host knows of it"
        yield refuse(f"{what} could not be read, so nothing was changed")
        return
    known = signer if alone else with_former(signer, held(wanted, live.files))
    _note(survey, wanted, known != signer, cri and bool(signer) and not _engines(wanted, live))
    if wrong := list(_problems(wanted, signer, live, cri)):
        yield refuse("; ".join(wrong))
        return
    config = _config(wanted, live, cri)
    files = _files(wanted, known, live, config)
    commands = [
        *_written(files, live),
        *_stored(files, live, live.stored or not line),
        *_removed(former(wanted, files, live.files), live),
        *_hosts(wanted, live),
        # last: its restart is the one thing here that is felt
        *(containerd.commands(config) if config and (signer or wanted.cache) else ()),
    ]
    if not commands:
        host.noop(f"{wanted.name} {'is trusted' if files else 'needs nothing here'}")
    yield from commands


def _note(survey: Survey, wanted: Wanted, widened: bool, untold: bool) -> None:
    """For narrowed(), and for the end of the run. pyinfra may look twice, and the last look counts."""
    survey.widened.discard(host.name)
    if widened:
        survey.widened.add(host.name)
    if untold:
        survey.warn(
            f"{host.name}: none of {', '.join(ENGINES)} is there, so nothing was told of {wanted.name}'s CA;"
            " k3s and RKE2 read a file of their own, see docs/trust.md"
        )


def _engines(wanted: Wanted, live: TrustState) -> set[str]:
    return set(wanted.settings.engines or live.engines)


def _config(wanted: Wanted, live: TrustState, cri: bool) -> Containerd | None:
    """By which the kubelet's containerd looks for files of ours."""
    return live.containerd if cri and "containerd" in _engines(wanted, live) else None


def _files(wanted: Wanted, cas: Sequence[str], live: TrustState, config: Containerd | None) -> dict[str, str]:
    store = live.store if wanted.settings.system_store else ""
    return files_of(wanted, cas, _engines(wanted, live), containerd.root_of(config), store)


def _problems(wanted: Wanted, signer: Sequence[str], live: TrustState, cri: bool) -> Iterator[str]:
    """What is in the way of what shall be when no former CA is left."""
    config = _config(wanted, live, cri)
    files = _files(wanted, signer, live, config)
    if files and cri and "containerd" in _engines(wanted, live) & live.engines:
        yield from _containerd_problems(live)
    if signer and wanted.settings.system_store and not live.store:
        yield "trust.system_store: this host has no store; install the package ca-certificates"
    yield from foreign(wanted.name, files, live.files, containerd.root_of(config))
    if wanted.settings.etc_hosts:
        yield from _hosts_problems(wanted, live)


def _containerd_problems(live: TrustState) -> Iterator[str]:
    if live.containerd is None:
        yield "containerd does not read its own configuration; see: containerd config dump"
    elif reason := containerd.why_not(live.containerd):
        yield reason


def _hosts_problems(wanted: Wanted, live: TrustState) -> Iterator[str]:
    if not wanted.addresses:
        yield "trust.etc_hosts: no address of a proxy is known; write trust.addresses"
    problems = way_problems(wanted.domain, live.way, wanted.addresses, writes=True)
    yield from (f"{what}; {fix}" for what, fix in problems)


def _written(files: Mapping[str, str], live: TrustState) -> Iterator[StringCommand]:
    for path, text in files.items():
        found = live.files.get(path)
        # Somebody's own that is still there is the same CA: another one was refused.
        ours = found is None or found.startswith(MARK)
        if ours and found != text and not in_store(path):
            folder = QuoteString(path.rpartition("/")[0])
            yield StringCommand("mkdir -p --", folder, "&&", write_file(path, text))


def _stored(files: Mapping[str, str], live: TrustState, stored: bool) -> Iterator[StringCommand]:
    """The system's own.

    + stored: it has taken them; not so when a run was killed in between, or somebody built it anew
    """
    shall = {path: text for path, text in files.items() if in_store(path)}
    new = [write_file(path, text) for path, text in shall.items() if live.files.get(path) != text]
    if new or (shall and not stored):
        yield StringCommand(*(word for file in new for word in (file, "&&")), STORES[live.store][1])


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


def _hosts(wanted: Wanted, live: TrustState) -> Iterator[StringCommand]:
    """Our lines of /etc/hosts: those that are there go, and the wanted ones stand at its end.

    Each line has its mark: of a block, somebody may remove one end.
    """
    domain, mark = wanted.domain, f" {HOSTS_MARK} {wanted.owner}"
    addresses = wanted.addresses if wanted.settings.etc_hosts else ()
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
