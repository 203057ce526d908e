"""The guests' golden image: Debian 13 with what a kubeadm node has, and nothing that breakwater brings.

No NFS client or server, no certificate authority, no bundle. One image for all: a guest
becomes itself by its kernel arguments and systemd credentials (see qemu.py).
"""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab import paths
from lab.network import RESOLVER, hosts
from lab.processes import Failure, run

SUITE = "trixie"
SIZE = "12G"
PACKAGES = [
    "systemd-sysv",
    "udev",
    "dbus",
    "libpam-systemd",
    "linux-image-cloud-amd64",
    "initramfs-tools",
    "zstd",
    "e2fsprogs",
    "openssh-server",
    "openssh-sftp-server",
    "sudo",
    "ca-certificates",
    "curl",
    "iproute2",
    "iputils-ping",
    "kmod",
    "nftables",
    "procps",
    "containerd",
    "runc",
    "containernetworking-plugins",
    "conntrack",
    "ethtool",
    "socat",
    "mount",
    "util-linux",
    "less",
]
# Timers would take turns in waking an emulated processor, and apt's would hold dpkg's lock.
MASKED = [
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "man-db.timer",
    "e2scrub_reap.service",
    "systemd-networkd-wait-online.service",
    "getty@tty1.service",
    "apt-daily.service",
    "apt-daily-upgrade.service",
    "systemd-pcrlock-make-policy.service",
    "serial-getty@ttyS0.service",
]
FILES = {
    "etc/dpkg/dpkg.cfg.d/lab": (
        "force-unsafe-io\npath-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\n"
        "path-exclude=/usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n"
        "path-exclude=/usr/share/info/*\n"
    ),
    "etc/apt/apt.conf.d/90lab": (
        'Acquire::Languages "none";\nAcquire::PDiffs "false";\nAcquire::Retries "3";\n'
        'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";\n'
        # The lists are as old as the image: without this they would expire with their release file.
        'Acquire::Check-Valid-Until "false";\n'
        'APT::Install-Recommends "false";\nAPT::Periodic::Enable "0";\n'
    ),
    # Only what a virtio disk needs: a small initrd unpacks faster under emulation.
    "etc/initramfs-tools/conf.d/lab": "MODULES=list\nCOMPRESS=zstd\n",
    "etc/initramfs-tools/hooks/lab": (
        '#!/bin/sh\n[ "$1" = prereqs ] && exit 0\n. /usr/share/initramfs-tools/hook-functions\n'
        "manual_add_modules virtio_pci virtio_blk virtio_rng ext4 crc32c_intel crc32c\n"
    ),
    # Hardware that QEMU shows and nobody needs, and ciphers with a self-test: seconds each, emulated.
    "etc/modprobe.d/lab.conf": "".join(
        f"blacklist {m}\n"
        for m in [
            "ahci",
            "libata",
            "scsi_mod",
            "kvm",
            "kvm_amd",
            "kvm_intel",
            "i2c_i801",
            "lpc_ich",
            "iTCO_wdt",
            "psmouse",
            "pcspkr",
            "button",
            "aesni_intel",
            "ghash_clmulni_intel",
            "sha512_ssse3",
            "sha256_ssse3",
            "sha1_ssse3",
            "polyval_clmulni",
            "cryptd",
        ]
    ),
    "etc/modules-load.d/kubernetes.conf": "overlay\nbr_netfilter\n",
    "etc/sysctl.d/90-kubernetes.conf": (
        "net.bridge.bridge-nf-call-iptables=1\nnet.bridge.bridge-nf-call-ip6tables=1\n"
        "net.ipv4.ip_forward=1\nfs.inotify.max_user_instances=1024\nkernel.printk=3 4 1 3\n"
    ),
    # VERBOSE: a test counts sessions in the journal. UseDNS: there is no reverse name to wait for.
    "etc/ssh/sshd_config.d/lab.conf": (
        "LogLevel VERBOSE\nUseDNS no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        "HostKey /etc/ssh/ssh_host_ed25519_key\nMaxStartups 50\nMaxSessions 50\n"
        "ClientAliveInterval 60\nClientAliveCountMax 3\n"
    ),
    # Their service managers stay: emulated, the start of one at each first login takes 4 s of processor time.
    "var/lib/systemd/linger/root": "",
    "var/lib/systemd/linger/debian": "",
    "etc/sudoers.d/debian": "debian ALL=(ALL) NOPASSWD: ALL\n",
    "etc/systemd/journald.conf.d/lab.conf": (
        "[Journal]\nStorage=persistent\nSystemMaxUse=200M\nRateLimitBurst=0\n"
    ),
    "etc/fstab": "/dev/vda / ext4 defaults,noatime 0 0\n",
    "etc/hosts": hosts(),
    # Empty, not "uninitialized": no first-boot work; the id itself is a kernel argument.
    "etc/machine-id": "",
}


@dataclass(frozen=True)
class Image:
    """What a guest boots from.

    + disk: the raw root file system, read only: guests write to overlays
    """

    disk: Path
    kernel: Path
    initrd: Path


def key() -> str:
    """A short name for everything that goes into the image."""
    return paths.content_hash([repr((SUITE, SIZE, PACKAGES, MASKED, FILES, _hooks(""))), sources()])


def build(say: Callable[[str], None]) -> Image:
    """The golden image, from the cache or built: about 90 s.

    + say: told what it is doing now
    """
    folder = paths.cached("image", key(), lambda work: _build(work, say))
    return of(folder)


def of(folder: Path) -> Image:
    """The image in a folder of the cache."""
    return Image(folder / "disk.raw", folder / "vmlinuz", folder / "initrd.img")


def sources() -> str:
    """The guests' apt sources: Debian 13 from the mirror that this machine itself uses for Debian."""
    main, security = mirror()
    text = f"deb {main} {SUITE} main\ndeb {main} {SUITE}-updates main\n"
    return text + (f"deb {security} {SUITE}-security main\n" if security else "")


def mirror() -> tuple[str, str | None]:
    """The Debian archive that this machine uses, and its security archive if one is named."""
    found = set()
    for file in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.*")]:
        if file.is_file():
            text = re.sub(r"#.*", "", file.read_text(errors="replace"))
            found |= {address.rstrip("/") for address in re.findall(r"https?://[^\s]+", text)}
    main = sorted(address for address in found if address.endswith("/debian"))
    security = sorted(address for address in found if address.endswith("/debian-security"))
    if not main:
        raise Failure(
            "image: this machine's apt sources name no Debian mirror (an address that ends in /debian);"
            " add one to /etc/apt/sources.list.d, the guests use the same"
        )
    return main[0], security[0] if security else None


def _build(work: Path, say: Callable[[str], None]) -> None:
    root, overlay, lists = work / "root", work / "overlay", work / "sources.list"
    _write_overlay(overlay)
    lists.write_text(sources())
    say(f"mmdebstrap: Debian 13 and {len(PACKAGES)} packages, about 75 s")
    arguments = ["--mode=root", "--variant=minbase", "--skip=cleanup/apt/lists"]
    arguments += [f"--include={','.join(PACKAGES)}", *_hooks(overlay), SUITE, str(root), str(lists)]
    # It must not work on in a folder that the next build removes, if this process is killed.
    command = ["setpriv", "--pdeathsig", "TERM", "mmdebstrap", *arguments]
    run(command, timeout=900, what="image: mmdebstrap")
    say("mkfs.ext4")
    shutil.copy(next((root / "boot").glob("vmlinuz-*")), work / "vmlinuz")
    shutil.copy(next((root / "boot").glob("initrd.img-*")), work / "initrd.img")
    disk = work / "disk.raw"
    run(["truncate", "-s", SIZE, disk], timeout=10)
    run(["mkfs.ext4", "-q", "-F", "-L", "root", "-d", root, disk], timeout=300, what="image: mkfs.ext4")
    for leftover in (root, overlay):
        shutil.rmtree(leftover)


def _hooks(overlay: Path | str) -> list[str]:
    commands = [
        "chroot $1 useradd -m -s /bin/bash -G sudo debian",
        "sed -i s/yes/no/ $1/etc/initramfs-tools/update-initramfs.conf",
        "chroot $1 systemctl enable systemd-networkd systemd-network-generator ssh",
        f"chroot $1 systemctl mask {' '.join(MASKED)}",
        # The lab makes each guest's host key, and its name is a kernel argument.
        "rm -f $1/etc/ssh/ssh_host_* $1/etc/hostname",
        f"echo nameserver {RESOLVER} > $1/etc/resolv.conf",
        # containerd's CNI plugins where a kubeadm node has them.
        "mkdir -p $1/opt/cni && ln -sfn /usr/lib/cni $1/opt/cni/bin",
    ]
    # Before linux-image and the rest are unpacked, so that they obey these files.
    first = f"--essential-hook=cp -rT --no-preserve=ownership {overlay} $1"
    return [first, *(f"--customize-hook={command}" for command in commands)]


def _write_overlay(overlay: Path) -> None:
    for name, text in FILES.items():
        file = overlay / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o440 if "sudoers" in name else 0o755 if name.endswith("hooks/lab") else 0o644)
