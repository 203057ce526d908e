"""The sample, the reference and the model say the same."""

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from breakwater.problems import keys_of
from breakwater.reference import settings_page
from breakwater.settings import Export, Proof, Provisioner, Settings, load

ROOT = Path(__file__).parents[2]
SAMPLE = (ROOT / "group_data" / "all.py").read_text()
MODELS: list[type[Any]] = [Settings, Export, Provisioner, Proof]
NESTED: dict[str, type[Any]] = {"exports": Export, "provisioner": Provisioner, "proof": Proof}
HOSTS = {
    "storage": {"storage": "192.0.2.20"},
    "nodes": {"node1": "192.0.2.21", "node2": "192.0.2.22"},
    "proxies": {},
    "bastion": {"@local": "127.0.0.1"},
}
KEY_LINE = re.compile(r'^[\s#]*(?:"(?P<quoted>[a-z_]+)":|(?P<bare>[a-z_]+) = )')


def documented() -> dict[tuple[type[Any], str], str]:
    """(model, key): the comment right above it, for every key of the sample, commented out or not."""
    found: dict[tuple[type[Any], str], str] = {}
    group, comment = Settings, ""
    for line in SAMPLE.splitlines():
        if match := KEY_LINE.match(line):
            key = match["quoted"] or match["bare"]
            model = group if key in keys_of(group) else Settings
            found[model, key] = comment
            group = NESTED.get(key, group)
            comment = ""
        else:
            comment = f"{comment} {line.strip(' #')}" if line.strip().startswith("#") else ""
    return found


def said_default(model: type[Any], key: str) -> str:
    field = model.__pydantic_fields__[key]
    assert isinstance(field.json_schema_extra, dict)
    if said := field.json_schema_extra["default"]:
        return str(said).strip("`")
    return str(field.default) if isinstance(field.default, bool) else json.dumps(field.default)


def test_the_reference_is_fresh() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    assert page == settings_page(), "stale; run: python -m breakwater settings > docs/settings.md"


def test_the_sample_has_every_key_and_no_other() -> None:
    ours = [found for found in documented() if not found[1].startswith(("ssh_", "_"))]
    assert sorted(key for _, key in ours) == sorted(key for model in MODELS for key in keys_of(model))


@pytest.mark.parametrize(("model", "key"), [(model, key) for model in MODELS for key in keys_of(model)])
def test_each_default_in_the_sample_is_the_models(model: type[Any], key: str) -> None:
    comment = documented()[model, key]
    if model.__pydantic_fields__[key].is_required():
        assert "REQUIRED" in comment
    elif key in NESTED:
        assert "OPTIONAL, each key of it" in comment
    else:
        assert comment.partition("Default: ")[2].startswith(said_default(model, key))


@pytest.mark.parametrize("uncommented", [False, True])
def test_the_sample_and_every_example_in_it_are_good(uncommented: bool, tmp_path: Path) -> None:
    text = SAMPLE
    if uncommented:
        text = re.sub(r'(?m)^(\s*)# (?=(    )*("[a-z_]+": |[a-z_]+ = |\}))', r"\1", text)
    (tmp_path / "all.py").write_text(text)
    names = runpy.run_path(str(tmp_path / "all.py"))
    ours = {key: names[key] for key in keys_of(Settings) if key in names}
    assert set(ours) == (set(keys_of(Settings)) if uncommented else {"exports"})
    load(ours, HOSTS)


def test_every_key_says_why_and_what_is_allowed() -> None:
    for model in MODELS:
        for key in keys_of(model):
            extra = model.__pydantic_fields__[key].json_schema_extra
            assert isinstance(extra, dict)
            assert extra["allowed"], key
