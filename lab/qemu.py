"""One QEMU process a guest: its disks, its start, its end, and the words of its monitor."""

import base64
import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

from lab import console, keys, paths, processes
from lab.guests import Guest, ssh
from lab.image import Image
from lab.network import BRIDGE_ADDRESS
from lab.processes import Failure, run

DATA_LABEL = "lab-data"


def daemon(guest: Guest) -> str:
    """The name of a guest's process in the lab."""
    return f"guest-{guest.name}"


def folder(guest: Guest) -> Path:
    """Where a guest's disks and monitor are."""
    made = paths.state() / "guests" / guest.name
    made.mkdir(parents=True, exist_ok=True)
    return made


def running(guest: Guest) -> bool:
    """Whether its process is there; it may still boot."""
    return processes.pid(daemon(guest)) is not None


def disks(guest: Guest) -> list[Path]:
    """Its disks, root first, whether they are made or not."""
    root = folder(guest) / "root.qcow2"
    return [root, folder(guest) / "data.qcow2"] if guest.data_gib else [root]


def make_disks(guest: Guest, image: Image) -> None:
    """Make the disks that are missing; each is whole once it has its name."""
    root = folder(guest) / "root.qcow2"
    if not root.exists():
        new = root.with_suffix(".new")
        backing = ["-b", str(image.disk), "-F", "raw"]
        run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, new], timeout=30)
        new.rename(root)
    data = folder(guest) / "data.qcow2"
    if guest.data_gib and not data.exists():
        raw, new = data.with_suffix(".raw"), data.with_suffix(".new")
        raw.unlink(missing_ok=True)
        run(["truncate", "-s", f"{guest.data_gib}G", raw], timeout=10)
        # The file is all zeros: nothing is left for the guest to initialize in the background.
        prepared = "lazy_itable_init=0,lazy_journal_init=0,assume_storage_prezeroed=1"
        run(["mkfs.ext4", "-q", "-F", "-L", DATA_LABEL, "-E", prepared, raw], timeout=120)
        run(["qemu-img", "convert", "-O", "qcow2", raw, new], timeout=120)
        raw.unlink()
        new.rename(data)


def remove_disks(guest: Guest) -> None:
    """Forget all that the guest ever wrote, snapshots included."""
    shutil.rmtree(folder(guest))


def start(guest: Guest, image: Image, accelerator: str, *, snapshot: str | None = None) -> None:
    """Start it, or nothing when it runs.

    + accelerator: "kvm" or "tcg"
    + snapshot: go on from this one, paused, instead of booting
    """
    if running(guest):
        return
    _check_disks(guest)
    (folder(guest) / "running").touch()
    console.log(guest.name).unlink(missing_ok=True)
    resume = ["-loadvm", snapshot, "-S"] if snapshot else []
    processes.start(daemon(guest), [*command(guest, image, accelerator), *resume])


def stop(guest: Guest) -> None:
    """End it, its disks closed in order, as if the power was cut."""
    processes.stop(daemon(guest), timeout=60)
    (folder(guest) / "running").unlink(missing_ok=True)


def _check_disks(guest: Guest) -> None:
    """Disks of a QEMU that was killed may be torn: repair what can be, else say so."""
    if not (folder(guest) / "running").exists():
        return
    for disk in disks(guest):
        done = run(["qemu-img", "check", "-q", "-r", "all", disk], timeout=300, check=False)
        if done.returncode not in (0, 3):
            raise Failure(
                f"{guest.name}: {disk.name} was torn when its QEMU was killed;"
                " `python -m lab down --forget` and then `python -m lab up` make a new lab"
            )


def command(guest: Guest, image: Image, accelerator: str) -> list[str]:
    """The whole QEMU command line."""
    # 5-level paging (la57) panicked an emulated storage guest; see docs/measurements.md.
    processor = {"kvm": ["-accel", "kvm", "-cpu", "host"]}.get(
        accelerator, ["-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max,-la57"]
    )
    argv = ["qemu-system-x86_64", "-name", guest.name, "-machine", "q35", *processor]
    argv += ["-smp", str(guest.cpus), "-m", str(guest.memory_mib), "-nodefaults", "-display", "none"]
    # Appended to, so that it can be emptied when the guest goes back in time.
    argv += ["-chardev", f"file,id=console,path={console.log(guest.name)},append=on"]
    argv += ["-serial", "chardev:console"]
    argv += ["-qmp", f"unix:{folder(guest) / 'monitor'},server=on,wait=off"]
    argv += ["-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", _arguments(guest)]
    argv += ["-netdev", f"tap,id=net0,ifname={guest.name},script=no,downscript=no"]
    argv += ["-device", f"virtio-net-pci,netdev=net0,romfile=,mac={_mac(guest)}", "-device", "virtio-rng-pci"]
    for number, disk in enumerate(disks(guest)):
        # A lost write costs the lab a rebuild, a flush costs every fsync: unsafe is right here.
        argv += ["-drive", f"file={disk},if=none,id=d{number},format=qcow2,cache=unsafe,discard=unmap"]
        argv += ["-device", f"virtio-blk-pci,drive=d{number}"]
    for name, text in _credentials(guest).items():
        file = folder(guest) / name
        file.touch(mode=0o600)
        file.write_text(f"io.systemd.credential.binary:{name}={_base64(text)}")
        argv += ["-smbios", f"type=11,path={file}"]
    return argv


def _arguments(guest: Guest) -> str:
    """The kernel's. No ip=: the initrd would wait 180 s for a network card that it has no driver for."""
    # The same at each boot and after each new disk, so that journals and leases belong together.
    machine_id = hashlib.sha256(f"breakwater {guest.name}".encode()).hexdigest()[:32]
    data = f" systemd.mount-extra=LABEL={DATA_LABEL}:/srv:ext4:noatime" if guest.data_gib else ""
    return (
        f"root=/dev/vda rw console=ttyS0 quiet mitigations=off net.ifnames=0"
        f" systemd.hostname={guest.name} systemd.machine_id={machine_id}"
        f" systemd.show_status=no systemd.ssh_auto=no{data}"
        # systemd's 90 s are too few when a machine of two cores boots four emulated guests beside a build.
        " systemd.default_device_timeout_sec=600 systemd.default_timeout_start_sec=600"
    )


def _mac(guest: Guest) -> str:
    return f"52:54:00:0a:4d:{int(guest.address.rpartition('.')[2]):02x}"


def _credentials(guest: Guest) -> dict[str, str]:
    """What makes a guest itself, as systemd credentials: its address, and tmpfiles.d lines for its keys."""
    authorized = _base64(keys.public(keys.identity()) + "\n")
    host = keys.host_key(guest.name)
    lines = []
    for home, owner in (("/root", "root"), (f"/home/{keys.USER}", keys.USER)):
        lines += [f"d {home}/.ssh 0700 {owner} {owner} -"]
        lines += [f"f~ {home}/.ssh/authorized_keys 0600 {owner} {owner} - {authorized}"]
    lines += [f"f~ /etc/ssh/ssh_host_ed25519_key 0600 root root - {_base64(host.read_text())}"]
    lines += [f"f~ /etc/ssh/ssh_host_ed25519_key.pub 0644 root root - {_base64(keys.public(host))}"]
    network = f"[Match]\nName=eth0\n[Network]\nAddress={guest.address}/24\nGateway={BRIDGE_ADDRESS}\n"
    network += "LinkLocalAddressing=no\nIPv6AcceptRA=no\n"
    return {"tmpfiles.extra": "\n".join(lines) + "\n", "network.network.10-eth0": network}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def monitor(guest: Guest, words: str, *, timeout: float = 30) -> str:
    """Say something to QEMU's monitor, such as "stop" or "savevm clean"; returns what it answers.

    + timeout: seconds
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(str(folder(guest) / "monitor"))
            stream = connection.makefile("rw")
            _ask(stream, {"execute": "qmp_capabilities"})
            answer = _ask(stream, {"execute": "human-monitor-command", "arguments": {"command-line": words}})
    except (OSError, ValueError) as error:
        raise Failure(
            f"{guest.name}: its QEMU did not do {words!r} within {timeout:g} s ({error})"
            f"{processes.log_end(daemon(guest))}"
        ) from None
    if "Error" in answer:
        raise Failure(f"{guest.name}: {words}: {answer.strip()}")
    return answer


def wait_for_monitor(guest: Guest, *, timeout: float = 60) -> None:
    """Wait until QEMU itself answers: it does when it has loaded its snapshot."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            monitor(guest, "info status", timeout=timeout)
            return
        except Failure:
            if not running(guest) or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _ask(stream, question: dict) -> str:  # type: ignore[no-untyped-def, type-arg]
    """One QMP command; the greeting and events that come before its answer are passed over."""
    stream.write(json.dumps(question) + "\n")
    stream.flush()
    for line in stream:
        answer = json.loads(line)
        if "error" in answer:
            raise ValueError(answer["error"]["desc"])
        if "return" in answer:
            return str(answer["return"])
    raise ValueError("it closed the monitor")


def wait(guest: Guest, *, timeout: float, say: Callable[[str], None]) -> float:
    """Wait until it answers ssh; returns the seconds that took.

    + timeout: seconds; its console's last lines are in the message when they pass
    """
    began = time.monotonic()
    while True:
        waited = time.monotonic() - began
        say(f"{guest.name}: boots, {waited:.0f} s of {timeout:.0f} s")
        try:
            ssh(guest, "true", timeout=30)
            return time.monotonic() - began
        except Failure as failure:
            if "its kernel panicked" in str(failure):
                raise
            reason = str(failure)
        if not running(guest):
            raise Failure(f"{guest.name}: its QEMU ended{processes.log_end(daemon(guest))}")
        if console.gave_up(guest.name):
            raise Failure(f"{guest.name}: its boot ended in emergency mode{console.end(guest.name)}")
        if waited > timeout:
            raise Failure(
                f"{guest.name}: no answer to ssh in {timeout:g} s ({reason}){console.end(guest.name)}"
            )
        time.sleep(1)


def set_clock(guest: Guest) -> None:
    """A guest that was paused or went back in time has the clock of that moment: give it today's."""
    # The time is sent when ssh is there already, so that connecting does not make it late.
    wait(guest, timeout=120, say=lambda message: None)
    ssh(guest, f"date -s @{time.time() + 0.3:.3f}", timeout=60)


def memory_mib(guest: Guest) -> int:
    """What its process holds resident, in MiB; 0 when it does not run."""
    process = processes.pid(daemon(guest))
    if not process:
        return 0
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20
