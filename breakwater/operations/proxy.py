"""Envoy on a proxy host: installed, told what to do, and running."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pyinfra import host, state
from pyinfra.api import FileUploadCommand, operation

from breakwater.commands import Commands, Refusal, refuse
from breakwater.facts.proxy import Entry, Envoy, EnvoyState
from breakwater.operations import proxy_shell as shell
from breakwater.operations.proxy_move import move
from breakwater.platforms import Platform, install, platform_of
from breakwater.proxy.plan import (
    BINARY,
    BOOTSTRAP,
    DIRECTORY,
    LOCK,
    SECRETS,
    SERVICE,
    SOCKET,
    UNIT,
    USER,
    Plan,
    Turn,
    mode,
    sha256,
)  # fmt: skip

# Directories below ours -> owner and mode.
_FOLDERS = {"": ("root:root", "755"), "xds": ("root:root", "755"), "sds": (f"root:{USER}", "750")}


@operation()
def envoy(plan: Callable[[], Plan], turn: Turn, limit: int = 60) -> Commands:
    """Envoy runs from this binary and serves these files.

    Routes, endpoints and certificates are changed while it runs. It is restarted for another binary,
    unit or bootstrap only, and started when it does not run.

    + plan: what it shall be, known when preflight is over; or raises Refusal
    + turn: the same for every proxy: each is changed only when the one before it answers
    + limit: seconds for Envoy to take each step
    """
    live = host.get_fact(
        Envoy, binary=BINARY, unit=UNIT, directory=DIRECTORY, service=SERVICE, user=USER, socket=SOCKET,
        lock=LOCK, wait=2 * limit,
    )  # fmt: skip
    try:
        live, platform = _known(live, 2 * limit)
        wanted = plan()
        _same_machine(live, wanted)
    except Refusal as refusal:
        yield refuse(str(refusal))
        return
    files, restart, kept = _files(live, wanted), _restart(live, wanted), live.former is not None
    leftovers = [path for path in live.leftovers if not (kept and path == f"{BINARY}.before")]
    strangers = _strangers(live, wanted)
    commands = [
        *([shell.remove(leftovers)] if leftovers else []),
        *([] if live.curl else [install(platform, "curl")]),
        *([] if live.group else [shell.user()]),
        *([] if _folders_as_set(live) else [shell.directories()]),
    ]
    moves = files or restart or kept or not live.enabled
    if not (commands or moves or strangers):
        host.noop(f"Envoy runs, {len(wanted.files)} files as set")
    yield from commands
    if moves:
        yield from _changed(live, wanted, files, restart, turn, limit)
    if strangers:
        yield shell.remove(strangers)


def _known(live: EnvoyState | None, waited: int) -> tuple[EnvoyState, Platform]:
    """What can be worked with. Raises Refusal."""
    if live is None or live.errors:
        raise Refusal("Envoy: its present state could not be read, so nothing was changed")
    if live.busy:
        raise Refusal(f"Envoy: another run is still changing it after {waited} s; {shell.UNTIL_FREE}")
    platform = platform_of(live.system)
    if platform is None:
        raise Refusal(f"Envoy: {' '.join(live.system)} is no system breakwater knows")
    if live.group not in ("", USER):
        fix = "remove it, and a run makes it anew"
        raise Refusal(f"Envoy: user {USER} is there and its group is {live.group}; {fix}")
    return live, platform


def _same_machine(live: EnvoyState, wanted: Plan) -> None:
    """Every proxy gets the one binary. Raises Refusal: Envoy itself could not say why it does not start."""
    if live.machine and wanted.machine and live.machine != wanted.machine:
        fix = f"take proxies that are {wanted.machine}, or a bundle whose Envoy is for {live.machine}"
        what = f"this host is {live.machine} and {wanted.binary} is for {wanted.machine}"
        raise Refusal(f"Envoy: {what}; {fix}")


def _changed(
    live: EnvoyState, wanted: Plan, files: list[str], restart: str, turn: Turn, limit: int
) -> Commands:
    """All that is new is put beside what is there, Envoy itself judges it, then it takes its place."""
    replaced = [
        *(["binary"] if live.binary != wanted.digest else []),
        *(["unit"] if live.unit != sha256(wanted.unit) else []),
    ]
    if "binary" in replaced:
        yield shell.private(shell.NEW_BINARY.rpartition("/")[0])
        yield FileUploadCommand(wanted.binary, shell.NEW_BINARY)
        yield shell.arrived(wanted.digest)
    if files or replaced:
        yield shell.private(shell.NEW, f"{shell.NEW}/sds", f"{shell.NEW}/xds")
        for path in files:
            yield shell.stage(path, wanted.files[path])
        if "unit" in replaced:
            yield shell.stage("unit", wanted.unit)
        yield shell.stage(shell.FLAT, wanted.flattened)
        yield shell.judge(shell.NEW_BINARY if "binary" in replaced else BINARY)
    with _own(turn) as broken:
        if broken:
            yield refuse(f"Envoy: left as it is, because {broken} did not come through; see there")
            return
        yield move(wanted, files, replaced, restart, limit)
        # pyinfra asks no further when a command has failed.
        turn.broken = ""


@contextmanager
def _own(turn: Turn) -> Iterator[str]:
    """Wait for this host's turn; gives the host whose change was begun and not ended, if there is one."""
    if not state.is_executing:
        yield ""
        return
    with turn.lock:
        broken = turn.broken
        turn.broken = broken or host.name
        yield broken


def _files(live: EnvoyState, wanted: Plan) -> list[str]:
    """Those to be moved into place, in order."""
    behind = _behind(live, wanted)
    return [
        path
        for path in wanted.paths
        if live.entries.get(path) != Entry(*mode(path), sha256(wanted.files[path]))
        or path in behind
        or _unconfirmed(live, path)
    ]


def _behind(live: EnvoyState, wanted: Plan) -> set[str]:
    """Files of which a running Envoy has another version. What it does not ask for it does not name."""
    if live.statistics is None:
        return set()
    found = set()
    for name, (version, path) in wanted.served().items():
        values = {value for known, value in live.statistics.items() if known.endswith(name)}
        if values - {version} or (not values and path in ("xds/lds.yaml", "xds/cds.yaml")):
            found.add(path)
    return found


def _unconfirmed(live: EnvoyState, path: str) -> bool:
    """Whether a killed run put it there, and may not have seen its effect."""
    if live.former is None:
        return False
    there = live.entries.get(path)
    return live.former.get(f"conf/{path}", "") != (there.digest if there else "")


def _restart(live: EnvoyState, wanted: Plan) -> str:
    """Whether the process has to go: `yes`, or `mute` when only its silence says so."""
    bootstrap = live.entries.get(BOOTSTRAP, Entry("", ""))
    killed = live.former is not None and (
        live.former_binary or live.former.get("unit", "") != live.unit or _unconfirmed(live, BOOTSTRAP)
    )
    if (
        live.active != "active"
        or not live.started_from_binary
        or live.binary != wanted.digest
        or live.unit != sha256(wanted.unit)
        or bootstrap.digest != sha256(wanted.files[BOOTSTRAP])
        or killed
    ):
        return "yes"
    # Without curl it could not be asked.
    return "mute" if live.statistics is None and live.curl else ""


def _strangers(live: EnvoyState, wanted: Plan) -> list[str]:
    """Files of ours that the settings do not name any more."""
    return [
        f"{DIRECTORY}/{path}"
        for path, entry in live.entries.items()
        if entry.digest and path.startswith((SECRETS, "xds/")) and path not in wanted.files
    ]


def _folders_as_set(live: EnvoyState) -> bool:
    return all(live.entries.get(path) == Entry(*expected) for path, expected in _FOLDERS.items())
