"""What the machine must have to run the lab, what is added to it, and whether KVM really works."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from lab import paths
from lab.image import Image, mirror
from lab.processes import Failure, run

# Program -> the package that has it, on Debian and Ubuntu.
NEEDED = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "slirp4netns": "slirp4netns",
    "nft": "nftables",
    "ip": "iproute2",
    "sysctl": "procps",
    "mkfs.ext4": "e2fsprogs",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}
# What the unit tests use beside it: a node's guard is tried under each way of kube-proxy.
FOR_TESTS = {"iptables": "iptables"}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# QEMU 7.2 hangs an emulated Debian 13 guest by a double fault; 10.0 does not.
QEMU_FOR_EMULATION = (10, 0)
BACKPORTS_FILE = Path("/etc/apt/sources.list.d/breakwater-lab-backports.list")
# GiB: what a whole lab holds, with room to build it.
MEMORY, DISK = 10, 14
KVM_LIMIT = 15


def require_root() -> None:
    """The lab makes a network namespace, taps and a file system with other owners."""
    if os.geteuid() != 0:
        raise Failure("the lab needs root: it makes a network namespace and starts guests; use sudo")


def require(say: Callable[[str], None]) -> None:
    """Check memory and disk, then install what is missing, after saying what that is."""
    if os.uname().machine != "x86_64":
        raise Failure(f"the lab runs on x86_64; this machine is {os.uname().machine}")
    _require_room()
    packages = missing(NEEDED)
    if packages:
        _install(packages, say)
    _require_tun()


def missing(needed: Mapping[str, str]) -> list[str]:
    """The packages that would be installed now.

    + needed: program -> the package that has it
    """
    packages = {package for program, package in needed.items() if not shutil.which(program)}
    if not KEYRING.exists():
        packages.add("debian-archive-keyring")
    # Only Debian has a newer one to offer; elsewhere accelerator() decides whether it will do.
    if _backports() and shutil.which("qemu-system-x86_64") and qemu_version() < QEMU_FOR_EMULATION:
        packages |= {"qemu-system-x86", "qemu-utils"}
    return sorted(packages)


def qemu_version() -> tuple[int, int]:
    """Of the QEMU that is installed."""
    text = run(["qemu-system-x86_64", "--version"], timeout=20).stdout
    found = re.search(r"version (\d+)\.(\d+)", text)
    if not found:
        raise Failure(f"this QEMU does not say its version: {text.strip()}")
    return int(found[1]), int(found[2])


def accelerator(image: Image, say: Callable[[str], None]) -> str:
    """ "kvm" when the guests' kernel really boots on it, else "tcg"; the answer is kept.

    /dev/kvm may be there and yet boot nothing: so it is tried, for at most 15 s.
    """
    file = paths.cache() / "accelerator.json"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    key = paths.content_hash([str(qemu_version()), image.kernel.parent.name, boot])
    if file.exists():
        known = json.loads(file.read_text())
        if known.get("key") == key:
            return str(known["is"])
    say(f"tries whether KVM boots the guests' kernel, at most {KVM_LIMIT} s")
    works = os.access("/dev/kvm", os.R_OK | os.W_OK) and _boots_on_kvm(image)
    if not works and qemu_version() < QEMU_FOR_EMULATION:
        raise Failure(
            "KVM does not work here, and emulation needs QEMU 10 or newer (older ones hang Debian 13);"
            f" this is {'.'.join(map(str, qemu_version()))}: use Debian 12 or newer, or a machine with KVM"
        )
    answer = "kvm" if works else "tcg"
    file.with_suffix(".new").write_text(json.dumps({"key": key, "is": answer}))
    file.with_suffix(".new").rename(file)
    return answer


def _boots_on_kvm(image: Image) -> bool:
    """Whether the kernel comes as far as its first process; it is given none, so it ends there."""
    console = paths.logs() / "kvm-trial.log"
    console.unlink(missing_ok=True)
    argv = [
        "qemu-system-x86_64",
        "-machine",
        "q35",
        "-accel",
        "kvm",
        "-cpu",
        "host",
        "-m",
        "512",
        "-smp",
        "2",
    ]
    argv += ["-nodefaults", "-display", "none", "-no-reboot", "-serial", f"file:{console}"]
    argv += ["-kernel", str(image.kernel), "-initrd", str(image.initrd)]
    argv += ["-append", "console=ttyS0 panic=-1 rdinit=/none"]
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + KVM_LIMIT
    try:
        while time.monotonic() < deadline:
            if console.exists() and "VFS: " in console.read_text(errors="replace"):
                return True
            if process.poll() is not None:
                return console.exists() and "VFS: " in console.read_text(errors="replace")
            time.sleep(0.1)
        return False
    finally:
        process.kill()
        process.wait()


def _require_room() -> None:
    """Memory and disk for what is not there yet: a lab that runs has its own already."""
    warm = any(paths.cache().glob("image-*"))
    disk = shutil.disk_usage(paths.cache()).free / 2**30
    need = DISK / 3 if warm else DISK
    if disk < need:
        raise Failure(
            f"{paths.cache()} has {disk:.0f} GiB free and the lab needs {need:.0f}: see lab/README.md"
        )
    found = re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())
    memory = int(found[1]) / 2**20 if found else MEMORY
    if memory < MEMORY and not any((paths.state() / "processes").glob("guest-*.stat")):
        raise Failure(f"{memory:.1f} GiB of memory are free and the lab needs {MEMORY}: end something first")


def _require_tun() -> None:
    if not Path("/dev/net/tun").exists():
        run(["modprobe", "tun"], timeout=20, check=False)
    if not Path("/dev/net/tun").exists():
        raise Failure(
            "/dev/net/tun is missing, so guests can have no network: the kernel needs its tun module"
        )


def _backports() -> str | None:
    """The name of the backports that have QEMU 10: on Debian 12 only."""
    release = Path("/etc/os-release").read_text()
    return "bookworm-backports" if "VERSION_CODENAME=bookworm" in release and "ID=debian" in release else None


def _install(packages: list[str], say: Callable[[str], None]) -> None:
    if not shutil.which("apt-get"):
        raise Failure(
            f"missing on this machine: {', '.join(packages)}; only apt machines get them by themselves"
        )
    backports = _backports() if any(p.startswith("qemu") for p in packages) else None
    target = ["-t", backports] if backports else []
    if backports and backports not in run(["apt-cache", "policy"], timeout=60).stdout:
        say(f"adds {BACKPORTS_FILE}: QEMU 10 is in {backports}")
        BACKPORTS_FILE.write_text(f"deb {mirror()[0]} {backports} main\n")
    say(f"installs with apt-get: {' '.join(packages)}")
    # A machine may have sources of others that fail; what is needed decides, so no check here.
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-q"], timeout=300, check=False, env=quiet)
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *target, *packages]
    run(command, timeout=900, env=quiet, what="apt-get install")


def main() -> int:
    """Install what the tests need and this machine lacks; returns the exit status."""
    try:
        require_root()
        packages = missing(NEEDED | FOR_TESTS)
        if packages:
            _install(packages, print)
    except Failure as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
