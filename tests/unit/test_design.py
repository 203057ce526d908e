"""docs/design.md says where things are: every module of the library is in its table."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LIBRARY = REPOSITORY / "breakwater"
# Rooms whose files are named for the part that they are about.
BY_PART = {"facts", "operations"}


def test_every_module_is_in_the_table() -> None:
    text = (REPOSITORY / "docs/design.md").read_text()
    modules = [path.relative_to(LIBRARY) for path in sorted(LIBRARY.rglob("*.py"))]
    missing = [
        str(module)
        for module in modules
        if not module.name.startswith("__")
        and module.parts[0] not in BY_PART
        and f"`{module}`" not in text
        and f"`{module.stem}`" not in text
        and not module.name.endswith("_settings.py")
    ]
    assert missing == []
