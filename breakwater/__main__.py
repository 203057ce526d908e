"""python -m breakwater: check the settings before anything is connected to, or print their reference."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from breakwater.commands import Refusal
from breakwater.harbor.contradictions import volumes_of
from breakwater.problems import SettingsError
from breakwater.reference import settings_page
from breakwater.registry.settings import Registry
from breakwater.settings import Settings

_SHOWN_CLIENTS = 4


class Unreadable(Exception):
    """A file of the user's that cannot be read or run, in one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the result is the exit code, 2 for a mistake in the user's files."""
    parser = argparse.ArgumentParser(prog="python -m breakwater", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    about = "say everything that is wrong with an inventory and its settings; connects to nothing"
    check = commands.add_parser(
        "check", help=about, description=f"{about}. Exit code 0: all is well; 2: mistakes, a line each."
    )
    check.add_argument("inventory", help="the file that names the hosts, such as inventory.py")
    about = "print the reference of all settings (docs/settings.md)"
    commands.add_parser("settings", help=about, description=about)
    chosen = parser.parse_args(arguments)
    if chosen.command == "settings":
        print(settings_page(), end="")
        return 0
    return _check(chosen.inventory)


def _check(path: str) -> int:
    try:
        settings = _settings(path)
    except Unreadable as error:
        print(error, file=sys.stderr)
        return 2
    except SettingsError as error:
        count = len(error.problems)
        print(error, file=sys.stderr)
        print(
            f"\n{path}: {count} mistake{'s' if count > 1 else ''}. docs/settings.md explains every key.",
            file=sys.stderr,
        )
        return 2
    try:
        unknown, unread = _unknown_values(settings)
    except Refusal as error:
        print(error, file=sys.stderr)
        return 2
    if unknown:
        print("\n".join(unknown), file=sys.stderr)
        return 2
    print(_table(settings))
    if settings.domain:
        print(f"\n{_harbor(settings)}")
    if unread:
        print(
            "\nWhether the chart has the keys of harbor.extra_values, a run says before it changes anything."
        )
    for warning in settings.warnings:
        print(f"\nWarning: {warning}")
    print(f"\n{path}: no mistakes found; nothing was connected to.")
    print(f"Next: pyinfra {path} deploy.py")
    return 0


def _settings(path: str) -> Settings:
    if not os.path.isfile(path):
        raise Unreadable(f"{path}: there is no such file; give the inventory's path, such as inventory.py")
    # Here, not above: pyinfra's command line patches the sockets of whoever imports it.
    from pyinfra.api import State
    from pyinfra.context import ctx_state
    from pyinfra_cli.exceptions import UnexpectedExternalError  # type: ignore[import-untyped]
    from pyinfra_cli.inventory import make_inventory  # type: ignore[import-untyped]

    from breakwater.inventory import settings_of

    with ctx_state.use(State()):
        try:
            # As pyinfra does: group_data counts in the folder one stands in and beside the inventory.
            inventory = make_inventory(path, cwd=os.getcwd())
        except UnexpectedExternalError as error:
            raise Unreadable(_one_line(error.exception, str(error.filename))) from None
        except Exception as error:
            # Whatever else the user's files make pyinfra stumble over: a line helps, its insides do not.
            raise Unreadable(_one_line(error, path)) from None
        return settings_of(inventory)


def _one_line(error: Exception, path: str) -> str:
    """Where in the user's own file, and what."""
    if isinstance(error, SyntaxError):
        return f"{_near(error.filename or path)} line {error.lineno}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    where = f"{_near(path)} line {lines[-1]}" if lines else _near(path)
    message = " ".join(str(error).split())
    return f"{where}: {type(error).__name__}{': ' if message else ''}{message}"


def _near(path: str) -> str:
    """The path as seen from here, where that is shorter."""
    with contextlib.suppress(ValueError):
        return min(os.path.relpath(path), path, key=len)
    return path


def _unknown_values(settings: Settings) -> tuple[list[str], bool]:
    """Keys of harbor.extra_values that the bundle's chart does not have, and whether nobody could look.

    Raises Refusal when the bundle cannot be read, or has no such chart.
    """
    harbor = settings.harbor
    if not settings.domain or not harbor.extra_values:
        return [], False
    if not settings.bundle:
        return [], True
    # Here, not above: without a bundle nobody needs Kubernetes' client, which takes a second to load.
    from breakwater import bundle
    from breakwater.harbor.chart_values import known_values, unknown_values
    from breakwater.helm import chart

    packed = bundle.read(Path(settings.bundle).expanduser())
    found = chart("harbor", harbor.chart_version, harbor.repository, packed)
    return unknown_values(harbor.extra_values, known_values(found)), False


def _harbor(settings: Settings) -> str:
    harbor = settings.harbor
    volumes = ", ".join(f"{name} {v.size} of {v.storage_class}" for name, v in volumes_of(harbor).items())
    ports = f"{harbor.node_ports.http} and {harbor.node_ports.https}"
    said = f"Harbor for {settings.external_url}, at the nodes' ports {ports}; volumes: {volumes or 'none'}"
    inside = _inside(settings.registry)
    return f"{said}\nin it {inside}" if inside else said


def _inside(registry: Registry) -> str:
    """How much of what; empty for nothing."""
    robots = len(registry.robots) + sum(len(project.robots) for project in registry.projects)
    counts = {
        "project": len(registry.projects),
        "user": len(registry.users),
        "robot": robots,
        "endpoint": len(registry.endpoints),
    }
    found = [f"{count} {what}{'s' if count > 1 else ''}" for what, count in counts.items() if count]
    cache = [f"Docker Hub's cache {registry.docker_hub_cache}"] if registry.docker_hub_cache else []
    return ", ".join([*found, *cache])


def _table(settings: Settings) -> str:
    rows = [("export", "clients", "storage class")]
    for export in settings.exports:
        clients = export.clients_at(settings.addresses)
        more = f" and {len(clients) - _SHOWN_CLIENTS} more" if len(clients) > _SHOWN_CLIENTS else ""
        rows.append((export.path, ", ".join(clients[:_SHOWN_CLIENTS]) + more, export.storage_class or "-"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "   ".join("-" * width for width in widths))
    title = f"{settings.storage_host} exports, reached by the nodes at {settings.storage_address}:"
    return "\n".join([title, "", *(line.rstrip() for line in lines)])


if __name__ == "__main__":
    sys.exit(main())
