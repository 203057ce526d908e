"""`python -m lab`: hosts to run the whole of breakwater on this machine."""

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lab import bringup, console, control_plane, guests, keys, machine, network, paths, qemu, snapshots
from lab.processes import NAMESPACE, Failure, in_namespace
from lab.progress import Progress

EPILOG = """\
a first walk:
  python -m lab up                      bring it up: minutes when fresh, about one when it was up before
  python -m lab exec -- pyinfra -y lab/inventory.py deploy.py
  python -m lab save deployed           then break things
  python -m lab reset deployed          and go back
  python -m lab down                    ends all of it; the next up goes back to 'clean'

It needs root. What it adds to the machine and how much room it takes: lab/README.md.
"""
NOT_UP = 3


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        machine.require_root()
        return int(options.run(options) or 0)
    except Failure as failure:
        print(f"lab: {failure}", file=sys.stderr)
        print(f"Logs: {paths.cache() / 'lab' / 'logs'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nlab: ended by you; the same command goes on where it was", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m lab", description=__doc__, epilog=EPILOG, formatter_class=raw
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: object, help: str, epilog: str = "") -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help, epilog=epilog, formatter_class=raw)
        made.set_defaults(run=run)
        return made

    one = add("up", _up, "bring the lab up; whatever is up already stays", UP)
    one.add_argument("--bundle", type=Path, metavar="DIR", help="use this bundle instead of the lab's own")
    one = add("down", _down, "end all that the lab started, and remove its network", DOWN)
    one.add_argument("--forget", action="store_true", help="also remove its disks, snapshots and keys")
    add("status", _status, "show the hosts and snapshots", f"Exit code: 0 when it is up, {NOT_UP} when not.")
    add("url", _url, "where this machine's browser and docker find the registry, once it is deployed")
    one = add("ssh", _ssh, "a shell, or a command, on a guest as root", SSH)
    one.add_argument("--user", default="root", help="log in as this user (root, or debian, who may sudo)")
    one.add_argument("name", choices=[g.name for g in guests.GUESTS])
    one.add_argument("command", nargs=argparse.REMAINDER)
    one = add("exec", _exec, "run a command of this machine inside the lab's network", EXEC)
    one.add_argument("command", nargs=argparse.REMAINDER)
    one = add("save", _save, "save guests, cluster and bastion state together", SAVE)
    one.add_argument("name")
    one = add("reset", _reset, "bring guests, cluster and bastion state back together", SAVE)
    one.add_argument("name", nargs="?", default=bringup.CLEAN)
    return parser


UP = """\
Fresh it builds a Debian 13 image, Kubernetes and a bundle, boots four guests, joins two nodes and
saves the result as 'clean'. Killed at any moment, the next up goes on. BREAKWATER_LAB_BUNDLE=DIR
does what --bundle does."""
DOWN = """\
Disks and snapshots stay: the next up goes back to 'clean' in about a minute. What was built stays
in the cache as well."""
SSH = """\
examples:
  python -m lab ssh node1
  python -m lab ssh storage exportfs -v
  python -m lab ssh --user debian proxy sudo id"""
EXEC = """\
In there the guests have their names and addresses, KUBECONFIG is the lab cluster's, and this
Python's programs and kubectl are on the PATH.

examples:
  python -m lab exec -- kubectl get nodes
  python -m lab exec -- pyinfra -y lab/inventory.py deploy.py"""
PUSH = """\
The docker lines above are for hosts that find the domain, as group clients does. In the lab that is storage:
    python -m lab ssh storage apt-get install -y docker.io docker-cli
    python -m lab exec -- pyinfra -y lab/inventory.py deploy.py   # its docker is told the CA
    python -m lab ssh storage                                     # and there: docker login ..."""
SAVE = """\
The guests stand still for some seconds while they are saved. 'clean' is saved by `up` itself.
A reset is done when all nodes are Ready again."""


@contextmanager
def _alone(command: str) -> Iterator[None]:
    """One command that changes the lab at a time; the lock goes with its process, however that ends."""
    with (paths.cache() / "lab.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Failure(
                f"another command works on the lab: {lock.read()}; try again when it ended"
            ) from None
        lock.truncate(0)
        lock.write(f"`python -m lab {command}`, process {os.getpid()}")
        lock.flush()
        yield


def _up(options: argparse.Namespace) -> None:
    out = Console(highlight=False)
    with _alone("up"):
        with Progress(out) as progress:
            try:
                changed = bringup.up(options.bundle, progress)
            except Failure as failure:
                raise Failure(
                    f"{failure}\nWhat was built is kept: `python -m lab up` goes on from here."
                ) from None
        if changed:
            out.print(progress.table())
            out.print()
        out.print(_hosts())
        out.print("\nThe lab is up." if changed else "\nThe lab was up already; nothing was changed.")
        out.print("Next: python -m lab exec -- pyinfra -y lab/inventory.py deploy.py", soft_wrap=True)


def _down(options: argparse.Namespace) -> None:
    with _alone("down"), Progress() as progress:
        bringup.down(progress, forget=options.forget)
    print("The lab is down." + (" Nothing of it is left but the cache." if options.forget else ""))


def _status(options: argparse.Namespace) -> int:
    up = bringup.is_up()
    out = Console(highlight=False)
    out.print(_hosts())
    for saved in snapshots.saved():
        out.print(f"snapshot {saved.name}: {saved.accelerator}, key {saved.key}")
    link = paths.state() / "bundle"
    out.print(f"bundle: {link.resolve() if link.exists() else 'none'}", soft_wrap=True)
    if snapshots.unfinished():
        out.print(
            f"A reset to {snapshots.unfinished()!r} is under way, or was killed; then `up` does it again."
        )
    out.print("The lab is up." if up else "The lab is not up; `python -m lab up` brings it up.")
    return 0 if up else NOT_UP


def _url(options: argparse.Namespace) -> None:
    _require_network()
    print(f"In this machine's own browser: {network.url()}")
    print(PUSH)


def _hosts() -> Table:
    table = Table("host", "address", "CPUs", "memory, held / given", "state", box=None, pad_edge=False)
    for guest in guests.GUESTS:
        state = "runs" if qemu.running(guest) else "off"
        if console.panic(guest.name) and qemu.running(guest):
            state = "its kernel panicked: see logs/console-" + guest.name + ".log"
        held = f"{qemu.memory_mib(guest)} / {guest.memory_mib} MiB"
        table.add_row(guest.name, guest.address, str(guest.cpus), held, state)
    running = "control plane and way out" if network.exists() else "off"
    table.add_row("bastion", network.BRIDGE_ADDRESS, "", "", f"this machine: {running}")
    return table


def _ssh(options: argparse.Namespace) -> None:
    _require_network()
    argv = guests.ssh_argv(guests.guest(options.name), user=options.user)
    os.execvp(argv[0], [*argv, "--", *options.command] if options.command else argv)  # noqa: S606


def _exec(options: argparse.Namespace) -> None:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise Failure("exec: which command? For example: python -m lab exec -- kubectl get nodes")
    _require_network()
    path = [str(control_plane.programs()), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    argv = in_namespace(command)
    environment = {"PATH": os.pathsep.join(path), "KUBECONFIG": str(control_plane.kubeconfig())}
    os.execvpe(argv[0], argv, {**os.environ, **environment})  # noqa: S606


def _require_network() -> None:
    if not network.exists() or not keys.config().exists():
        raise Failure(f"the lab is not up (no namespace {NAMESPACE}); `python -m lab up` brings it up")
    network.require_own()


def _save(options: argparse.Namespace) -> None:
    with _alone(f"save {options.name}"):
        if not all(map(qemu.running, guests.GUESTS)):
            raise Failure("save: not all guests run; `python -m lab up` brings the lab up")
        clean = snapshots.find(bringup.CLEAN)
        with Progress() as progress:
            progress.step(
                f"save {options.name}",
                lambda say: snapshots.save(options.name, clean.key, clean.accelerator, say),
            )
    print(f"Saved; `python -m lab reset {options.name}` goes back.")


def _reset(options: argparse.Namespace) -> None:
    with _alone(f"reset {options.name}"), Progress() as progress:
        if options.name != bringup.CLEAN:
            snapshots.require_bundle(options.name)
        network.up()
        golden = bringup.golden_image()
        progress.step(f"reset to {options.name}", lambda say: snapshots.reset(options.name, golden, say))
    print(f"The lab is as it was saved: {options.name}.")


if __name__ == "__main__":
    sys.exit(main())
