"""The lab's network: one namespace with a bridge, a tap a guest, and a way out through slirp4netns.

The machine's own interfaces, routes and firewall stay as they are.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Any

from lab import guests, paths, processes
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
# This machine's own browser comes to the proxy by this port of its loopback, and by a name that browsers
# and curl take for loopback without asking anybody (RFC 6761).
PORT, NAME = 8443, "registry.localhost"
# slirp4netns's own address there, and where it takes orders: in /run, for a socket's path is short.
SLIRP, ORDERS = "10.0.2.100", Path("/run/breakwater-lab.slirp4netns")
NFT = f"""
table ip lab
delete table ip lab
table ip lab {{
  chain in {{
    type nat hook prerouting priority dstnat
    iifname "{WAY_OUT}" tcp dport {PORT} dnat to {guests.guest("proxy").address}:443
  }}
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
    for guest in guests.GUESTS:
        if guest.name not in have:
            batch.append(f"tuntap add dev {guest.name} mode tap")
        batch.append(f"link set {guest.name} master {BRIDGE} up")
    _in("ip", "-batch", "-", input="\n".join(batch).encode())
    # What a process that has ended still had to say is not said to guests that went back in time: their
    # connection is as it was when they were saved, so they would take it for news.
    _in("sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv4.tcp_orphan_retries=1")
    _in("nft", "-f", "-", input=NFT.encode())
    _way_out()


def plug(connected: bool) -> None:
    """Put every guest's cable in, or pull it out."""
    state = "up" if connected else "down"
    batch = [f"link set {guest.name} {state}" for guest in guests.GUESTS]
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
    flags.append(f"--api-socket={ORDERS}")
    processes.start(
        "slirp4netns", ["slirp4netns", *flags, f"/run/netns/{NAMESPACE}", WAY_OUT], namespace=False
    )
    deadline = time.monotonic() + 15
    while f"default via 10.0.2.2 dev {WAY_OUT}" not in _in("ip", "route"):
        if not processes.pid("slirp4netns") or time.monotonic() > deadline:
            raise Failure(f"network: slirp4netns gave no way out{processes.log_end('slirp4netns')}")
        time.sleep(0.1)
    door = {
        "proto": "tcp",
        "host_addr": "127.0.0.1",
        "host_port": PORT,
        "guest_addr": SLIRP,
        "guest_port": PORT,
    }
    _order("add_hostfwd", **door)


def url() -> str:
    """Where this machine's own browser finds the registry. Raises Failure when somebody else has the port."""
    found = _order("list_hostfwd")
    # Its manual has the list inside a "return", its answer has not.
    doors = found.get("return", found).get("entries", [])
    if not any(door["host_port"] == PORT for door in doors):
        raise Failure(
            f"network: port {PORT} of this machine's loopback was taken when the lab came up"
            f" (ss -ltnp sport = :{PORT}); end that program, then: python -m lab down; python -m lab up"
        )
    return f"https://{NAME}:{PORT}"


def _order(what: str, **arguments: object) -> dict[str, Any]:
    """What slirp4netns answers to an order (slirp4netns(1), HOST FORWARDING); it refuses one that is done."""
    with socket.socket(socket.AF_UNIX) as orders:
        orders.settimeout(5)
        try:
            orders.connect(str(ORDERS))
            orders.sendall(json.dumps({"execute": what, "arguments": arguments}).encode())
            orders.shutdown(socket.SHUT_WR)
            answer: dict[str, Any] = json.loads(orders.makefile().read())
        except (OSError, ValueError) as error:
            raise Failure(
                f"network: slirp4netns does not take orders: {error};"
                " it is started anew by: python -m lab down; python -m lab up"
            ) from None
    return answer


def down() -> None:
    """End whatever still runs in the namespace, then remove it."""
    require_own()
    processes.stop("slirp4netns")
    if exists():
        _end_strays()
        run(["ip", "netns", "del", NAMESPACE], timeout=20)
    OWNER.unlink(missing_ok=True)
    ORDERS.unlink(missing_ok=True)
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
    return "".join(f"{line}\n" for line in lines + [f"{g.address} {g.name}" for g in guests.GUESTS])


def _in(*argv: str, input: bytes | None = None) -> str:
    return run(in_namespace(argv), timeout=20, input=input, what=f"network: {' '.join(argv[:3])}").stdout
