"""What a host must bring before anything on it is changed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from pyinfra.api import FactBase, FactProcessError, QuoteString, StringCommand

from breakwater.facts import listeners as who
from breakwater.facts import nfs, trust
from breakwater.facts import node_ports as guards
from breakwater.facts.firewall import Firewall, look, read
from breakwater.facts.tagged import END, tagged

_BOOLEANS = "virt_use_nfs nfs_export_all_rw"
Bits = list[str | QuoteString | StringCommand]
# Seconds that a packet's answer may take.
_ANSWER = 5
_PORT = 2049


@dataclass(frozen=True)
class PackageRun:
    """A program that holds the package manager's lock."""

    pid: int
    program: str


@dataclass(frozen=True)
class Disk:
    """The file system under a directory, or under its nearest ancestor that is there."""

    size: int  # bytes
    free: int  # bytes
    mount: str


NOWHERE = trust.Way((), ())


@dataclass(frozen=True)
class HostState:
    """A host as preflight saw it; empty and None: not read, or not asked."""

    system: tuple[str, ...]  # ID, then ID_LIKE, of /etc/os-release
    version: str
    user: int
    machine_id: str
    clock: float | None  # seconds since 1970
    modules: frozenset[str]  # kernel modules of ours that it has
    containerd: bool
    address: str  # the storage host's, as this host finds it
    source: str  # the address from which it would reach it: it knows a way
    port: str  # what became of a connection to its NFS port: open, refused, blocked
    package_run: PackageRun | None
    disks: dict[str, Disk]  # directory -> what is under it
    read_only: frozenset[str]  # mount points
    listeners: tuple[str, ...] | None  # programs at the NFS port, the kernel's own is ""; None: not read
    enforcing: bool  # SELinux
    booleans: dict[str, bool]  # SELinux's, of those that concern NFS
    firewall: Firewall | None
    own: tuple[str, ...] = ()  # its own addresses, those that stay
    node_ports: guards.NodePortsState | None = None
    taken: tuple[who.Listener, ...] | None = None  # who listens at the asked ports
    way: trust.Way = NOWHERE  # where the asked domain leads
    nfs_client: bool = False  # the asked package is there, and whole


class Preflight(FactBase[HostState | None]):
    """All that preflight asks of a host, in one command."""

    def command(
        self,
        storage: str,
        locks: Sequence[str] = (),
        mounts: bool = False,
        exports: Sequence[str] = (),
        firewall: str = "",
        guard: Sequence[str] = (),
        ports: Sequence[int] = (),
        domain: str = "",
        client: Sequence[str] = (),
    ) -> StringCommand:
        """The command; each program that it starts costs, so the shell itself does what it can.

        + storage: address or name of the storage host
        + locks: files that package managers lock
        + mounts: try the storage host's NFS port
        + exports: directories to look under, on the storage host
        + firewall: an address that is to come in; empty: do not look
        + guard: file, unit file and table of what guards a node's node ports
        + ports: look who listens there
        + domain: look where it leads
        + client: the NFS client's package, as dpkg and as rpm name it
        """
        return StringCommand(
            "PATH=$PATH:/usr/sbin:/sbin; [ ! -r /etc/os-release ] || . /etc/os-release;",
            "echo system=$ID $ID_LIKE; echo version=$VERSION_ID; echo user=$(id -u);",
            "echo clock=$(date +%s.%N);",
            "{ read -r id </etc/machine-id && echo machine_id=$id; } 2>/dev/null;",
            # -n: only look; a module that is built in counts as well
            "for m in nfs nfsd; do [ -d /sys/module/$m ] || modprobe -n -q $m && echo module=$m; done;",
            "command -v ctr >/dev/null && [ -S /run/containerd/containerd.sock ] && echo containerd=yes;",
            "{ read -r e </sys/fs/selinux/enforce && echo enforcing=$e; } 2>/dev/null;",
            f"for b in {_BOOLEANS}; do",
            "{ read -r v _ </sys/fs/selinux/booleans/$b && echo boolean=$b $v; } 2>/dev/null; done;",
            *_way(storage, mounts),
            *_package_run(locks),
            *(_serving(exports) if exports else []),
            *(look(firewall) if firewall else []),
            *guards.own_addresses(),
            *(guards.look(*guard) if guard else []),
            *(who.look(ports) if ports else []),
            *(trust.look(domain) if domain else []),
            *(nfs.installed(client) if client else []),
            END,
        )  # fmt: skip

    def process(self, output: list[str]) -> HostState:
        values = tagged("Preflight", output)
        one = {tag: "".join(found[:1]) for tag, found in values.items()}
        try:
            return HostState(
                system=tuple(" ".join(values["system"]).split()),
                version=one.get("version", ""),
                user=int(one.get("user") or -1),
                machine_id=one.get("machine_id", ""),
                clock=float(one["clock"]) if "clock" in one else None,
                modules=frozenset(values["module"]),
                containerd="containerd" in values,
                address=one.get("address", ""),
                source=_source(one.get("route", "")),
                port=_port(one.get("port", "")),
                package_run=_holder(values["package_run"]),
                disks=dict(filter(None, map(_disk, values["disk"]))),
                read_only=frozenset(
                    # the last one mounted at a place is the one that is seen
                    place
                    for place, state in dict(line.split(" ", 1) for line in values["mount"]).items()
                    if state == "ro"
                ),
                listeners=tuple(map(_program, values["listener"])) if "listeners" in one else None,
                enforcing=one.get("enforcing") == "1",
                booleans={name: value == "1" for name, value in map(str.split, values["boolean"])},
                firewall=read(values),
                own=tuple(values["own"]),
                node_ports=guards.read(values) if "bastion" in values else None,
                taken=who.read(values),
                way=trust.read(values),
                nfs_client="installed" in values,
            )
        except ValueError as error:
            raise FactProcessError(f"Preflight: {error}") from error


class PackageRuns(FactBase[PackageRun | None]):
    """The program that holds the package manager's lock: asked again and again while it is awaited."""

    def command(self, locks: Sequence[str]) -> StringCommand:
        return StringCommand(*_package_run(locks), END)

    def process(self, output: list[str]) -> PackageRun | None:
        return _holder(tagged("PackageRuns", output)["package_run"])


def _way(storage: str, mounts: bool) -> Bits:
    """The storage host's address, the way to it, and whether its port is open."""
    found: Bits
    try:
        found = [StringCommand("a=", QuoteString(str(ip_address(storage))), ";", _separator="")]
    except ValueError:
        found = ["a=$(getent ahosts", QuoteString(storage), "| { read -r a _; echo $a; });"]
    way = [*found, 'echo "address=$a"; [ -z "$a" ] || echo "route=$(ip -o route get "$a" 2>/dev/null)";']
    if mounts:
        # bash is there on every system we know, and /dev/tcp its own; its error says what came back
        way += [
            '[ -z "$a" ] ||',
            f'{{ p=$(LC_ALL=C timeout {_ANSWER} bash -c \'</dev/tcp/"$0"/{_PORT}\' "$a" 2>&1);',
            'echo "port=$? "$p; };',
        ]
    return way


def _package_run(locks: Sequence[str]) -> Bits:
    """Who holds one of these files: /proc/locks says by inode, the process's open files say for sure."""
    if not locks:
        return []
    return [
        "for f in", *map(QuoteString, locks), "; do",
        '[ -e "$f" ] && i=$(stat -c %i "$f") || continue;',
        "while read -r _ _ _ mode pid where _; do",
        '[ "$mode ${where##*:}" = "WRITE $i" ] || continue;',
        'for d in /proc/$pid/fd/*; do [ "$d" -ef "$f" ] || continue;',
        '{ read -r n </proc/$pid/comm && echo "package_run=$pid $n"; } 2>/dev/null; break; done;',
        "done </proc/locks; done;",
    ]  # fmt: skip


def _serving(exports: Sequence[str]) -> Bits:
    """Room and mounts under the exports, and who listens at the port."""
    return [
        "for e in", *map(QuoteString, exports), "; do p=$e;",
        'while [ ! -e "$p" ]; do p=${p%/*}; p=${p:-/}; done;',
        'df -k --output=size,avail,target "$p" 2>/dev/null |',
        'while read -r size free mount; do echo "disk=$e $size $free $mount"; done; done;',
        "while read -r _ place _ options _; do",
        'case ,$options, in *,ro,*) echo "mount=$place ro";; *) echo "mount=$place rw";; esac;',
        "done </proc/self/mounts;",
        f"listening=$(ss -H -ltnp 'sport = :{_PORT}' 2>/dev/null) && echo listeners=read",
        """&& [ -n "$listening" ] && echo "$listening" | sed s/^/listener=/;""",
    ]  # fmt: skip


def _source(route: str) -> str:
    match = re.search(r"\bsrc (\S+)", route)
    return match[1] if match else ""


def _port(answer: str) -> str:
    """What a connection came to; no route is what a firewall's answer sounds like."""
    if not answer:
        return ""
    code, _, said = answer.partition(" ")
    return "open" if code == "0" else "refused" if "refused" in said else "blocked"


def _holder(lines: list[str]) -> PackageRun | None:
    if not lines:
        return None
    pid, _, program = lines[0].partition(" ")
    return PackageRun(int(pid), program)


def _disk(line: str) -> tuple[str, Disk] | None:
    path, size, free, mount = line.split(" ", 3)
    if not (size.isdecimal() and free.isdecimal()):
        return None  # df's heading
    return path, Disk(int(size) * 1024, int(free) * 1024, mount)


def _program(line: str) -> str:
    """The program of a line of ss; the kernel's own server has none."""
    match = re.search(r'\(\("([^"]*)",pid=(\d+)', line)
    return f"{match[1]} (process {match[2]})" if match else ""
