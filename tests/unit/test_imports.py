"""Who may import whom (docs: one way only): deploy.py -> tasks -> operations -> facts."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What the settings are made of: they are read before there is a host, a cluster or pyinfra.
SETTINGS = {
    *("settings", "export", "limits", "addresses", "nfs_options", "contradictions", "problems", "versions"),
    *(
        "quantities",
        "harbor.settings",
        "harbor.parts",
        "harbor.services",
        "harbor.limits",
        "harbor.image_storage",
    ),
    *("harbor.contradictions", "harbor.extra_values", "harbor.chart_paths"),
    *("trust.settings", "proxy.settings", "proxy.limits", "proxy.contradictions"),
    *("registry.settings", "registry.limits", "registry.permissions", "registry.contradictions"),
    "registry.cron",
    *(f"registry.{part}_settings" for part in ("project", "people", "policy", "robot", "system")),
}
# What ties a run together: it may know everything, so nobody below it may know it.
TOP = {"breakwater.run", "breakwater.inventory", "breakwater.__main__", "breakwater.render"}


def files(folder: str) -> list[Path]:
    """The Python files of a room, tests and caches aside."""
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def imported(path: Path) -> Iterator[str]:
    """Every module and name: `from a.b import c` gives a.b.c, wherever in the file it stands."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(name: str, *modules: str) -> bool:
    """Whether the name is one of these modules or inside it."""
    return any(name == module or name.startswith(module + ".") for module in modules)


def offences(folder: str, *forbidden: str) -> list[str]:
    """file: name, for each import that is within a forbidden module."""
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files(folder)
        for name in imported(path)
        if within(name, *forbidden)
    ]


def test_the_reader_sees_every_kind_of_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    path = tmp_path / "house" / "room" / "file.py"
    path.parent.mkdir(parents=True)
    path.write_text("import a.b\nfrom c import d\ndef f():\n  from . import e\n  from ..g import h\n")
    assert list(imported(path)) == ["a.b", "c.d", "house.room.e", "house.g.h"]


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_settings_know_nothing_of_ours_and_no_pyinfra(name: str) -> None:
    ours = [f"breakwater.{known}" for known in SETTINGS]
    for module in imported((ROOT / "breakwater" / name.replace(".", "/")).with_suffix(".py")):
        if within(module, "breakwater"):
            assert within(module, *ours), module
        assert not within(module, "pyinfra", "pyinfra_cli", "kubernetes", "tasks"), module


def test_facts_know_only_pyinfras_api_and_each_other() -> None:
    for path in files("breakwater/facts"):
        for name in imported(path):
            if within(name, "pyinfra", "breakwater", "tasks", "kubernetes"):
                assert within(name, "pyinfra.api", "breakwater.facts"), f"{path.name}: {name}"


def test_operations_take_values_and_never_the_whole() -> None:
    whole = ("breakwater.settings.Settings", "breakwater.settings.load")
    assert offences("breakwater/operations", "tasks", "deploy", *TOP, *whole) == []
    for path in files("breakwater/operations"):
        for node in ast.walk(ast.parse(path.read_text())):
            data = isinstance(node, ast.Attribute) and ast.unparse(node) == "host.data"
            assert not data, f"{path.name}: host.data is the task's to read"


def test_tasks_hold_no_facts_no_commands_and_no_other_task() -> None:
    commands = ("breakwater.commands", "pyinfra.api.StringCommand", "pyinfra.api.QuoteString")
    assert offences("tasks", "breakwater.facts", "tasks", "pyinfra.facts", *commands) == []


def test_the_library_knows_no_task() -> None:
    assert offences("breakwater", "tasks", "deploy", "inventory", "group_data") == []


def test_only_a_run_and_its_tasks_call_operations() -> None:
    outside = [
        offence
        for offence in offences("breakwater", "breakwater.operations")
        if not offence.startswith(("breakwater/operations/", "breakwater/run.py"))
    ]
    assert outside == []


def test_nothing_imports_the_lab_or_the_tests_and_the_lab_does_not_know_us() -> None:
    assert offences("breakwater", "lab", "tests") == []
    assert offences("tasks", "lab", "tests") == []
    assert offences("lab", "breakwater", "tasks", "tests") == []
    deploy = ROOT / "deploy.py"
    assert not [name for name in imported(deploy) if within(name, "lab", "tests", "breakwater.facts")]
