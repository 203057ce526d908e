"""What a host lacks, each as a pair: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from breakwater.facts.preflight import HostState
from breakwater.platforms import SUPPORTED, platform_of
from breakwater.ports import taken
from breakwater.trust.way import way_problems

Pair = tuple[str, str]

# Seconds that clocks may differ: leases and tokens of the cluster allow for a few.
SKEW = 5.0
_LEAST_FREE = 0.1


@dataclass(frozen=True)
class Part:
    """What a host is for."""

    exports: tuple[str, ...] = ()  # directories it is to export
    mounts: bool = False  # it is to mount them
    imports: bool = False  # it is to take images from the bundle
    listens: tuple[tuple[str, int], ...] = ()  # addresses and ports at which it is to serve
    guards: bool = False  # its node ports are not everybody's
    domain: str = ""  # it is to find the registry by this name
    proxies: tuple[str, ...] = ()  # where the domain should lead
    writes_hosts: bool = False  # the run itself writes the domain into /etc/hosts


def lacks(live: HostState, part: Part, storage: str, between: tuple[float, float]) -> list[Pair]:
    """All that is wrong with a host by itself.

    + storage: address or name of the storage host
    + between: this machine's clock before and after the host was asked
    """
    return [
        *_system(live),
        *_clock(live, between),
        *(_server(live, part.exports) if part.exports else ()),
        *(_client(live, storage) if part.mounts else ()),
        *(_containerd(live) if part.imports else ()),
        *(_ports(live, part.listens) if part.listens else ()),
        *(way_problems(part.domain, live.way, part.proxies, part.writes_hosts) if part.domain else ()),
    ]


def _system(live: HostState) -> Iterator[Pair]:
    if live.user != 0:
        yield "commands do not run as root", "set _sudo = True, and let its user sudo without a password"
    if platform_of(live.system) is None:
        name = f"{' '.join(live.system)} {live.version}".strip()
        yield f"{name or 'its system'} is not known", f"supported are {SUPPORTED}"


def _clock(live: HostState, between: tuple[float, float]) -> Iterator[Pair]:
    if live.clock is None:
        return
    # A slow answer is not skew: only what lies outside the time in which it was asked is.
    behind, ahead = between[0] - live.clock, live.clock - between[1]
    if max(behind, ahead) > SKEW:
        where = f"{behind:.0f} s behind" if behind > ahead else f"{ahead:.0f} s ahead of"
        yield f"its clock is {where} this machine's", "let both follow NTP: timedatectl set-ntp true"


def _server(live: HostState, exports: tuple[str, ...]) -> Iterator[Pair]:
    if "nfsd" not in live.modules:
        yield "its kernel has no module nfsd", "install a kernel that has, or reboot into the installed one"
    others = dict.fromkeys(program for program in live.listeners or () if program)
    if others:
        yield f"port 2049 is taken by {', '.join(others)}", "end it: the kernel's NFS server needs that port"
    if live.enforcing and live.booleans.get("nfs_export_all_rw") is False:
        yield "SELinux keeps NFS from writing", "setsebool -P nfs_export_all_rw 1"
    # Several exports may share a file system, and it is one problem then.
    mounts = {disk.mount: disk for path, disk in live.disks.items() if path in exports}
    for mount, disk in mounts.items():
        if mount in live.read_only:
            fix = f"see dmesg for the reason; then: mount -o remount,rw {mount}"
            yield f"{mount} is mounted read-only", fix
        if disk.free < _LEAST_FREE * disk.size:
            yield (
                f"{mount} has {in_gib(disk.free)} of {in_gib(disk.size)} free, less than 10 %",
                "make room, or put a larger disk there: writers fail when it is full",
            )


def _ports(live: HostState, listens: tuple[tuple[str, int], ...]) -> Iterator[Pair]:
    if live.taken is None:
        yield "who listens at Envoy's ports could not be told", "see what `ss -ltnp` says; iproute2 has it"
    else:
        yield from taken(live.taken, listens)


def _client(live: HostState, storage: str) -> Iterator[Pair]:
    if "nfs" not in live.modules:
        yield "its kernel has no module nfs", "install a kernel that has, or reboot into the installed one"
    if not live.address:
        yield f"it finds no address for {storage}", "mend its DNS, or write storage_address as an address"
    elif not live.source:
        yield f"it has no route to the storage host's address {live.address}", "see storage_address"
    if live.machine_id in ("", "uninitialized"):
        yield "it has no machine-id", "systemd-machine-id-setup, then systemctl restart kubelet"
    if live.enforcing and live.booleans.get("virt_use_nfs") is False:
        yield "SELinux keeps containers from NFS", "setsebool -P virt_use_nfs 1"


def _containerd(live: HostState) -> Iterator[Pair]:
    if not live.containerd:
        yield "containerd does not run", "start it: images of the bundle are imported into it"


def in_gib(size: int) -> str:
    """Bytes, for people."""
    return f"{size / 2**30:.1f} GiB"
