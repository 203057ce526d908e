"""Going back: all guests, the cluster's data and the bastion's state, saved and brought back together."""

import json
import re
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import console, control_plane, keys, network, nodes, paths, qemu
from lab.guests import GUESTS, Guest
from lab.image import Image
from lab.processes import Failure

Say = Callable[[str], None]
NODES = [g.name for g in GUESTS if g.name.startswith("node")]
# Seconds until all nodes have to be Ready again; DESIGN wants 60.
READY_LIMIT = 180


@dataclass(frozen=True)
class Saved:
    """A snapshot that is whole.

    + key: content hash of what made the lab it was taken of
    + accelerator: guests go on only under the one they were saved under
    + taken: seconds since 1970
    + bundle: the one in use then; empty when it is not known
    """

    name: str
    key: str
    accelerator: str
    taken: float
    bundle: str = ""


def folder() -> Path:
    """One folder a snapshot: the cluster's data, the bastion's state, and the mark that it is whole."""
    made = paths.state() / "snapshots"
    made.mkdir(exist_ok=True)
    return made


def saved() -> list[Saved]:
    """Every snapshot that is whole, oldest first."""
    found = [Saved(**json.loads(file.read_text())) for file in folder().glob("*/whole.json")]
    return sorted(found, key=lambda s: s.taken)


def find(name: str) -> Saved:
    """The snapshot of that name."""
    for one in saved():
        if one.name == name:
            return one
    names = ", ".join(s.name for s in saved()) or "none yet"
    raise Failure(f"no snapshot is called {name!r}; there are: {names}")


def check_name(name: str) -> None:
    """It becomes a folder and a word to QEMU's monitor."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", name):
        raise Failure(f"a snapshot's name has letters, digits, - and _, at most 32; not {name!r}")


def forget_all() -> None:
    """Forget every snapshot; those in the disks go with the disks."""
    _unfinished().unlink(missing_ok=True)
    shutil.rmtree(folder())


def save(name: str, key: str, accelerator: str, say: Say) -> None:
    """Save all of the lab under a name, over one of that name. The guests stand still for some seconds."""
    check_name(name)
    target = folder() / name
    # Without its mark it is not trusted any more; the mark comes back when everything is new.
    (target / "whole.json").unlink(missing_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    # A shared connection in a snapshot would be one that nobody holds the other end of.
    keys.close_connections()
    try:
        say("the guests stand still")
        _each(lambda guest: qemu.monitor(guest, "stop"))
        say("the cluster's data")
        control_plane.save(target / "cluster")
        bastion = paths.state() / "bastion"
        bastion.mkdir(mode=0o700, exist_ok=True)
        shutil.copytree(bastion, target / "bastion", symlinks=True)
        say("the guests' memory and disks")
        _each(lambda guest: qemu.monitor(guest, f"savevm {name}", timeout=120))
    finally:
        _each(lambda guest: qemu.monitor(guest, "cont"))
    say("the guests' clocks")
    _each(qemu.set_clock)
    made = {"key": key, "accelerator": accelerator, "bundle": _bundle()}
    mark = {"name": name, "taken": time.time(), **made}
    (target / "whole.new").write_text(json.dumps(mark))
    (target / "whole.new").rename(target / "whole.json")


def reset(name: str, image: Image, say: Say) -> None:
    """Bring all of the lab back to a snapshot, whatever runs now; done when all nodes are Ready."""
    snapshot = find(name)
    _unfinished().write_text(name)
    keys.close_connections()
    say("the guests stand still")
    # What the old control plane said last would wait in the taps and be heard by guests that went back in
    # time, as news from a version not there yet.
    network.plug(False)
    # All of them before the cluster goes back: a kubelet from later would write into it.
    _each(_halt)
    say("the guests' memory and disks, the cluster's data")
    with ThreadPoolExecutor(max_workers=1) as pool:
        cluster = pool.submit(control_plane.restore, folder() / name / "cluster", say)
        _each(lambda guest: _rewind(guest, snapshot, image))
    cluster.result()
    say("the bastion's state")
    bastion, new = paths.state() / "bastion", paths.state() / "bastion.new"
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(folder() / name / "bastion", new, symlinks=True)
    shutil.rmtree(bastion, ignore_errors=True)
    new.rename(bastion)
    say("the guests go on; their clocks")
    _each(lambda guest: qemu.monitor(guest, "cont"))
    network.plug(True)
    _each(qemu.set_clock)
    say(f"until {' and '.join(NODES)} are Ready")
    nodes.wait_ready(NODES, READY_LIMIT, say)
    _unfinished().unlink()


def require_bundle(name: str) -> None:
    """What a deploy took from one bundle, a run with another one changes. Raises Failure."""
    made_with = find(name).bundle
    if made_with and made_with != _bundle():
        raise Failure(
            f"snapshot {name!r} was made with the bundle {made_with}, and {_bundle() or 'none'} is in use;"
            f" `python -m lab up --bundle {made_with}` comes first"
        )


def _bundle() -> str:
    link = paths.state() / "bundle"
    return str(link.resolve()) if link.exists() else ""


def unfinished() -> str | None:
    """The snapshot that a reset, killed since, was on its way to; until it is done nothing fits together."""
    return _unfinished().read_text() if _unfinished().exists() else None


def _unfinished() -> Path:
    return paths.state() / "reset-to"


def _halt(guest: Guest) -> None:
    """Paused, or not there: one whose monitor does not answer is ended."""
    if qemu.running(guest):
        try:
            qemu.monitor(guest, "stop")
        except Failure:
            qemu.stop(guest)


def _rewind(guest: Guest, snapshot: Saved, image: Image) -> None:
    """Paused, at the snapshot: in its QEMU when that can, else in a new one."""
    if qemu.running(guest):
        try:
            qemu.monitor(guest, f"loadvm {snapshot.name}", timeout=120)
            console.log(guest.name).open("w").close()
            return
        except Failure:
            qemu.stop(guest)
    qemu.start(guest, image, snapshot.accelerator, snapshot=snapshot.name)
    qemu.wait_for_monitor(guest)


def _each(work: Callable[[Guest], object]) -> None:
    """The same with every guest, at the same time; all are tried, then the first failure is raised."""
    with ThreadPoolExecutor(max_workers=len(GUESTS)) as pool:
        done = [pool.submit(work, guest) for guest in GUESTS]
    for one in done:
        one.result()
