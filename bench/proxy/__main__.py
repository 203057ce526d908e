"""`python -m bench.proxy`: throughput, and processor time for each GiB, through each proxy and without one.

Everything is on loopback and in one run: the real distribution registry on a RAM disk, TLS on both legs,
certificates verified on both. Rounds go in turn through all of them, so that what else the machine does
meets each alike; the median counts.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path

from bench.proxy.configs import NAME, Leg, Program, programs
from bench.proxy.processes import cpu_seconds, free_port, running
from bench.proxy.transfer import Client
from breakwater import tls
from lab import gobuild

DIRECT = "direct"
WAYS = ("upload", "download")
_GIB = 1 << 30
_MBIT = 125_000  # bytes
# {(link in Mbit/s or 0, way): {who: [(seconds, processor seconds of the proxy)]}}
Figures = dict[tuple[int, str], dict[str, list[tuple[float, float]]]]

_REGISTRY = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: "", relativeurls: true, secret: bench}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.proxy", description=__doc__)
    parser.add_argument("--mib", type=int, default=256, help="size of the layer (256)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each way is gone (5)")
    parser.add_argument("--mbit", type=int, default=1000, help="the client's link, the second time (1000)")
    parser.add_argument("--limit", type=int, default=600, help="seconds after which no round begins (600)")
    given = parser.parse_args()
    found, hints = programs()
    for hint in hints:
        print(hint)
    with tempfile.TemporaryDirectory(prefix="bench-proxy.", dir=_ram()) as name, ExitStack() as stack:
        folder = Path(name)
        clients, pids = start(folder, found, stack)
        end = time.monotonic() + given.limit
        figures = measure(clients, pids, (given.mib << 20, given.rounds, given.mbit), end)
    print(table(figures, given.mib << 20))
    print(summary(figures, given.mib, given.rounds))


def start(folder: Path, found: list[Program], stack: ExitStack) -> tuple[dict[str, Client], dict[str, int]]:
    """Registry and proxies, each on a port of its own; a client for each, and the proxies' processes."""
    certificates(folder)
    backend = free_port()
    (folder / "registry.yml").write_text(_REGISTRY.format(root=folder / "blobs"))
    binary = gobuild.build(Path(__file__).parent / "registry", "bench-registry") / "bench-registry"
    argv = [str(binary), str(folder / "registry.yml"), f"127.0.0.1:{backend}"]
    argv += [str(folder / "registry.pem")] * 2
    stack.enter_context(running(argv, backend, folder / "registry.log"))
    clients, pids = {DIRECT: Client(backend, folder / "ca.crt")}, {}
    for program in found:
        leg = Leg(free_port(), backend, folder)
        write(program, leg)
        argv = program.run(program.path, folder)
        pids[program.name] = stack.enter_context(running(argv, leg.listen, folder / f"{program.name}.out"))
        clients[program.name] = Client(leg.listen, folder / "ca.crt")
    for client in clients.values():
        client.until_ready()
    return clients, pids


def certificates(folder: Path) -> None:
    """A CA, and one certificate that stands for both legs."""
    ca = tls.new_ca(NAME, datetime.now(UTC))
    pair = tls.new_certificate(ca, [NAME], datetime.now(UTC))
    (folder / "ca.crt").write_text(ca.certificate)
    (folder / "registry.pem").write_text(pair.certificate + pair.key)


def write(program: Program, leg: Leg) -> None:
    """Its file, judged by itself."""
    program.write(leg)
    judge = program.judge(program.path, leg.folder)
    done = subprocess.run(judge, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise SystemExit(f"{program.name} refuses its configuration: {done.stdout}{done.stderr}")


def measure(
    clients: dict[str, Client], pids: dict[str, int], what: tuple[int, int, int], until: float
) -> Figures:
    """Every way through everyone, round by round; the first round only warms up.

    + what: bytes, rounds, the link's Mbit/s
    """
    size, rounds, mbit = what
    data = os.urandom(1 << 20) * (size >> 20)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    figures: Figures = {(link, way): defaultdict(list) for link in (0, mbit) for way in WAYS}
    for number in range(rounds + 1):
        for (link, way), (who, client) in product(figures, clients.items()):
            client.link = link * _MBIT
            go = partial(client.upload, data) if way == "upload" else partial(client.download, size=size)
            taken = timed(partial(go, digest=digest), pids.get(who))
            if number:
                figures[link, way][who].append(taken)
        print(f"round {number} of {rounds} done", flush=True)
        if number and time.monotonic() > until:
            print("the time is over: fewer rounds")
            break
    return figures


def timed(go: Callable[[], None], pid: int | None) -> tuple[float, float]:
    """Seconds that it took, and processor seconds that the proxy took for it."""
    before, begun = cpu_seconds(pid) if pid else 0.0, time.monotonic()
    go()
    seconds = time.monotonic() - begun
    return seconds, cpu_seconds(pid) - before if pid else 0.0


def table(figures: Figures, size: int) -> str:
    """For docs/measurements.md."""
    lines = ["| | MiB/s | of direct | CPU seconds a GiB |", "|---|---|---|---|"]
    for (link, way), by in figures.items():
        at = f"{way} at {link} Mbit/s" if link else way
        direct = _speed(by[DIRECT], size)
        for who, taken in by.items():
            cpu = f"{statistics.median(c for _, c in taken) * _GIB / size:.2f}" if who != DIRECT else ""
            speed = _speed(taken, size)
            lines.append(f"| {at}, {who} | {speed:.0f} | {speed / direct:.2f} | {cpu} |")
    return "\n".join(lines)


def summary(figures: Figures, mib: int, rounds: int) -> str:
    """One line, with the command that gives it."""
    return f"`python -m bench.proxy --mib {mib} --rounds {rounds}`, {os.cpu_count()} cores, {_load()}"


def _speed(taken: list[tuple[float, float]], size: int) -> float:
    return size / (1 << 20) / statistics.median(seconds for seconds, _ in taken)


def _load() -> str:
    return f"load average {os.getloadavg()[1]:.1f}"


def _ram() -> str | None:
    """A RAM disk: the disk under the registry is not what is measured."""
    room = Path("/dev/shm")
    return str(room) if room.is_dir() and shutil.disk_usage(room).free > 4 * _GIB else None


if __name__ == "__main__":
    main()
