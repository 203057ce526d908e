"""The lab's network: one namespace with a bridge, a tap a guest, and a way out through slirp4netns.

The machine's own interfaces, routes and firewall stay as they are.
"""

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

from lab import paths, processes
from lab.guests import GUESTS
from lab.processes import NAMESPACE, Failure, in_namespace, run

BRIDGE = "br0"
BRIDGE_ADDRESS = "10.77.0.1"
# Always the same: guests that go back in time send to the one they remember, and are not heard for 20 s.
BRIDGE_MAC = "52:54:00:0a:4d:01"
WAY_OUT = "out0"
# In /run: it is gone when the machine starts anew, like the namespace.
OWNER = Path("/run/breakwater-lab.owner")
# slirp4netns answers names there with the machine's own resolver, a loopback one included.
RESOLVER = "10.0.2.3"
NFT = f"""
table ip lab
delete table ip lab
table ip lab {{
  chain out {{
    type nat hook postrouting priority srcnat
    oifname "{WAY_OUT}" masquerade
  }}
}}
"""


def exists() -> bool:
    """Whether the namespace is there."""
    return Path("/run/netns", NAMESPACE).exists()


def up() -> None:
    """Make the namespace and all that is in it; what is there already stays."""
    require_own()
    OWNER.write_text(str(paths.state()))
    _etc_files()
    if not exists():
        run(["ip", "netns", "add", NAMESPACE], timeout=10)
    have = {line.split()[0].split("@")[0] for line in _in("ip", "-brief", "link").splitlines() if line}
    batch = ["link set lo up"]
    if BRIDGE not in have:
        batch += [
            f"link add {BRIDGE} address {BRIDGE_MAC} type bridge",
            f"addr add {BRIDGE_ADDRESS}/24 dev {BRIDGE}",
        ]
    batch.append(f"link set {BRIDGE} up")
    for guest in GUESTS:
        if guest.name not in have:
            batch.append(f"tuntap add dev {guest.name} mode tap")
        batch.append(f"link set {guest.name} master {BRIDGE} up")
    _in("ip", "-batch", "-", input="\n".join(batch).encode())
    _in("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    _in("nft", "-f", "-", input=NFT.encode())
    _way_out()


def plug(connected: bool) -> None:
    """Put every guest's cable in, or pull it out."""
    state = "up" if connected else "down"
    batch = [f"link set {guest.name} {state}" for guest in GUESTS]
    _in("ip", "-batch", "-", input="\n".join(batch).encode())


def require_own() -> None:
    """There is one namespace on a machine: a lab of another cache folder must not be taken for this one."""
    owner = OWNER.read_text() if OWNER.exists() and exists() else ""
    if owner not in ("", str(paths.state())):
        cache = Path(owner).parent.parent
        raise Failure(
            f"another lab runs on this machine, that of {owner};"
            f" `XDG_CACHE_HOME={cache} python -m lab down` ends it"
        )


def _way_out() -> None:
    """slirp4netns runs outside the namespace and gives it an interface; it fails if one is left over."""
    if not processes.pid("slirp4netns") and WAY_OUT in _in("ip", "-brief", "link"):
        _in("ip", "link", "del", WAY_OUT)
    flags = ["--netns-type=path", "--configure", "--mtu=65520", "--disable-host-loopback"]
    processes.start(
        "slirp4netns", ["slirp4netns", *flags, f"/run/netns/{NAMESPACE}", WAY_OUT], namespace=False
    )
    deadline = time.monotonic() + 15
    while f"default via 10.0.2.2 dev {WAY_OUT}" not in _in("ip", "route"):
        if not processes.pid("slirp4netns") or time.monotonic() > deadline:
            raise Failure(f"network: slirp4netns gave no way out{processes.log_end('slirp4netns')}")
        time.sleep(0.1)


def down() -> None:
    """End whatever still runs in the namespace, then remove it."""
    require_own()
    processes.stop("slirp4netns")
    if exists():
        _end_strays()
        run(["ip", "netns", "del", NAMESPACE], timeout=20)
    OWNER.unlink(missing_ok=True)
    shutil.rmtree(Path("/etc/netns", NAMESPACE), ignore_errors=True)


def strays() -> list[int]:
    """Processes in the namespace, by id: only the lab, or `lab exec`, starts any there."""
    return [int(p) for p in run(["ip", "netns", "pids", NAMESPACE], timeout=10).stdout.split()]


def _end_strays() -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in strays():
            if process != os.getpid():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, number)
        deadline = time.monotonic() + 5
        while strays() and time.monotonic() < deadline:
            time.sleep(0.1)


def _etc_files() -> None:
    """`ip netns exec` shows these instead of the machine's own: the guests' names, a resolver that works."""
    folder = Path("/etc/netns", NAMESPACE)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "resolv.conf").write_text(f"nameserver {RESOLVER}\n")
    (folder / "hosts").write_text(hosts())


def hosts() -> str:
    """The text of /etc/hosts in the lab: inside its network and on its guests."""
    lines = ["127.0.0.1 localhost", f"{BRIDGE_ADDRESS} bastion"]
    return "".join(f"{line}\n" for line in lines + [f"{g.address} {g.name}" for g in GUESTS])


def _in(*argv: str, input: bytes | None = None) -> str:
    return run(in_namespace(argv), timeout=20, input=input, what=f"network: {' '.join(argv[:3])}").stdout
