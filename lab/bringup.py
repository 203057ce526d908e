"""`up` and `down`: from nothing, from half of something, or from a snapshot, to a lab that is whole."""

import json
import os
import shutil
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lab import (
    bundle,
    console,
    control_plane,
    image,
    keys,
    machine,
    network,
    nodes,
    paths,
    processes,
    qemu,
    snapshots,
)
from lab.guests import GUESTS, Guest
from lab.processes import Failure
from lab.progress import Progress, Say

CLEAN = "clean"
# A guest alone answers after 30 s under emulation; this is for one beside others' builds.
BOOT_LIMIT = 400
READY_LIMIT = 240
# The sources that decide what a lab is; image and Kubernetes have keys of their own.
SOURCES = ("guests", "keys", "qemu", "nodes", "node_files", "components", "cluster.yaml")


def up(directory: Path | None, progress: Progress) -> bool:
    """Bring the lab up; what is up already stays. Returns whether there was anything to do.

    + directory: another bundle than the lab's own
    """
    if is_up() and not _other_bundle(directory):
        return False
    network.require_own()
    progress.step("machine", machine.require)
    made = progress.together(
        {
            "golden image": image.build,
            "Kubernetes build": control_plane.build,
            "bundle": lambda say: bundle.chosen(directory, say),
        }
    )
    golden, accelerator = made["golden image"], progress.step("KVM", _accelerator(made["golden image"]))
    key = paths.content_hash(
        [image.key(), made["Kubernetes build"].name, accelerator, network.BRIDGE_MAC, *_sources()]
    )
    _forget_another(key, progress)
    progress.step("network", _network)
    back = snapshots.unfinished() or (CLEAN if not any(map(qemu.running, GUESTS)) else None)
    if back and not _has(back, key):
        back = CLEAN
    if back and _has(back, key):
        progress.step(f"back to {back!r}", lambda say: snapshots.reset(back, golden, say))
        return True
    _boot_all(golden, accelerator, bundle.pause_image(made["bundle"]), progress)
    if not _has(CLEAN, key):
        progress.step(f"save {CLEAN!r}", lambda say: snapshots.save(CLEAN, key, accelerator, say))
    return True


def is_up() -> bool:
    """Whether every guest and the control plane run, the nodes are Ready and `clean` is saved."""
    if (
        snapshots.unfinished()
        or not network.exists()
        or not processes.pid("slirp4netns")
        or not all(map(qemu.running, GUESTS))
    ):
        return False
    if not all(processes.pid(name) for name in control_plane.NAMES) or not current():
        return False
    if not any(s.name == CLEAN and s.key == current()["key"] for s in snapshots.saved()):
        return False
    try:
        nodes.wait_ready(snapshots.NODES, 12, lambda message: None)
    except Failure:
        return False
    return True


def current() -> dict[str, str]:
    """What the present disks were made from: key, image folder and accelerator; empty without a lab."""
    file = paths.state() / "lab.json"
    return json.loads(file.read_text()) if file.exists() else {}


def golden_image() -> image.Image:
    """The image under the present disks."""
    folder = paths.cache() / f"image-{current().get('image', 'none')}"
    if not folder.is_dir():
        raise Failure("there is no lab yet; `python -m lab up` makes one")
    return image.of(folder)


def down(progress: Progress, *, forget: bool = False) -> None:
    """End all that the lab started and remove its network; disks and snapshots stay unless `forget`."""
    network.require_own()
    keys.close_connections()
    progress.step("control plane ends", lambda say: control_plane.down())
    progress.step("guests end", lambda say: _all(qemu.stop))
    for name in processes.names():
        if name != "slirp4netns":
            processes.stop(name)
    progress.step("network removed", lambda say: network.down())
    if forget:
        shutil.rmtree(paths.state())


def _accelerator(golden: image.Image) -> Any:
    return lambda say: machine.accelerator(golden, say)


def _network(say: Say) -> None:
    keys.make({guest.name: guest.address for guest in GUESTS})
    network.up()


def _sources() -> list[Path]:
    names = [name if "." in name else f"{name}.py" for name in SOURCES]
    return [paths.LAB / name for name in names]


def _has(name: str, key: str) -> bool:
    return any(s.name == name and s.key == key for s in snapshots.saved())


def _other_bundle(directory: Path | None) -> bool:
    """Whether a bundle is asked for that is not the one in use."""
    link = paths.state() / "bundle"
    asked = directory or os.environ.get(bundle.VARIABLE)
    return not link.exists() or (asked is not None and link.resolve() != Path(asked).expanduser().resolve())


def _forget_another(key: str, progress: Progress) -> None:
    """Disks that another image, Kubernetes or lab code made are not this lab's: end it and begin anew."""
    if current() and current()["key"] != key:
        progress.step("ends a lab of other making", lambda say: down(Progress(progress.console)))
        for guest in GUESTS:
            qemu.remove_disks(guest)
        snapshots.forget_all()
        for leftover in ("kubernetes", "bastion"):
            shutil.rmtree(paths.state() / leftover, ignore_errors=True)
    file = paths.state() / "lab.json"
    file.with_suffix(".new").write_text(json.dumps({"key": key, "image": image.key()}))
    file.with_suffix(".new").rename(file)


def _boot_all(golden: image.Image, accelerator: str, pause: str, progress: Progress) -> None:
    """Guests boot a few at a time (all at once is slower), each node joins when it answers."""
    gate = threading.Semaphore(max(2, (os.cpu_count() or 2) // 2))
    with ThreadPoolExecutor(max_workers=len(GUESTS) + 1) as pool:
        cluster = pool.submit(progress.step, "control plane", control_plane.up)
        # Nodes first: they have the most to do afterwards.
        order = sorted(GUESTS, key=lambda guest: guest.name not in snapshots.NODES)
        booted = [
            pool.submit(_boot, guest, golden, accelerator, pause, gate, cluster, progress) for guest in order
        ]
    for one in [cluster, *booted]:
        one.result()
    progress.step("nodes Ready", lambda say: nodes.wait_ready(snapshots.NODES, READY_LIMIT, say))
    nodes.give_pod_networks()


def _boot(
    guest: Guest,
    golden: image.Image,
    accelerator: str,
    pause: str,
    gate: threading.Semaphore,
    cluster: "Future[Any]",
    progress: Progress,
) -> None:
    with gate:
        if qemu.running(guest) and console.gave_up(guest.name):
            qemu.stop(guest)
        if qemu.running(guest):
            # A save that was killed left it standing still.
            qemu.monitor(guest, "cont")
        else:
            qemu.make_disks(guest, golden)
            qemu.start(guest, golden, accelerator)
        progress.step(f"{guest.name} boots", lambda say: qemu.wait(guest, timeout=BOOT_LIMIT, say=say))
        qemu.set_clock(guest)
    if guest.name in snapshots.NODES:
        cluster.result(timeout=READY_LIMIT)
        progress.step(f"{guest.name} joins", lambda say: nodes.join(guest, say, pause))


def _all(work: Any) -> None:
    with ThreadPoolExecutor(max_workers=len(GUESTS)) as pool:
        for done in [pool.submit(work, guest) for guest in GUESTS]:
            done.result()
