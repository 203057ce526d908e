"""The sample, the reference and the model say the same."""

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from hostile import models_below

from breakwater.harbor.image_storage import Azure, Gcs, Swift
from breakwater.problems import keys_of, model_of
from breakwater.reference import settings_page
from breakwater.registry.people_settings import Auth, Ldap, Oidc
from breakwater.settings import Settings, load

ROOT = Path(__file__).parents[2]
SAMPLE = (ROOT / "group_data" / "all.py").read_text()
HOSTS = {
    "storage": {"storage": "192.0.2.20"},
    "nodes": {"node1": "192.0.2.21", "node2": "192.0.2.22"},
    "proxies": {},
    "bastion": {"@local": "127.0.0.1"},
}
KEY_LINE = re.compile(r'^[\s#]*(?:"(?P<quoted>[a-z_]+)":|(?P<bare>[a-z_]+) = )')
# One kind of object store, or of login, is enough for a sample; docs/settings.md has them all.
ELSEWHERE = {Azure, Gcs, Swift, Auth, Ldap, Oidc}


def annotation(model: type[Any], key: str) -> Any:
    return model.__pydantic_fields__[key].annotation


MODELS = models_below(Settings)
IN_SAMPLE = [model for model in MODELS if model not in ELSEWHERE]


def documented() -> dict[tuple[type[Any], str], str]:
    """(model, key): the comment above it, for every key of the sample, commented out or not.

    A key right below another one shares its comment.
    """
    found: dict[tuple[type[Any], str], str] = {}
    groups: list[tuple[int, type[Any]]] = [(-1, Settings)]
    comment, last = "", ""
    for line in SAMPLE.splitlines():
        if match := KEY_LINE.match(line):
            key = match["quoted"] or match["bare"]
            indent = line.index(key) - 2 * line[: line.index(key)].count("#")
            while groups[-1][0] >= indent:
                groups.pop()
            model = groups[-1][1]
            if key in keys_of(model):
                comment = comment or last
                found.setdefault((model, key), comment)
                if inner := model_of(annotation(model, key)):
                    groups.append((indent, inner))
            elif not key.startswith(("ssh_", "_")):
                found[model, key] = comment  # a key that there is not: the test below finds it
            comment, last = "", comment
        else:
            is_comment = (
                line.strip(" #") and re.match(r"[\s#]*#", line) and not re.match(r"[\s#]*[\]})]", line)
            )
            comment, last = (f"{comment} {line.strip(' #')}", last) if is_comment else ("", "")
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
    wanted = {(model.__name__, key) for model in IN_SAMPLE for key in keys_of(model)}
    assert {(model.__name__, key) for model, key in documented()} == wanted


@pytest.mark.parametrize(("model", "key"), [(model, key) for model in IN_SAMPLE for key in keys_of(model)])
def test_each_default_in_the_sample_is_the_models(model: type[Any], key: str) -> None:
    comment = documented()[model, key]
    if model.__pydantic_fields__[key].is_required():
        assert "REQUIRED" in comment
    elif model_of(annotation(model, key)):
        assert comment
        assert model is not Settings or "OPTIONAL, each key of it" in comment or key == "exports"
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


def test_the_reference_has_a_line_for_every_key() -> None:
    rows = re.findall(r"(?m)^\| `[^`]*?([a-z_]+)` \|", settings_page())
    assert sorted(rows) == sorted(key for model in MODELS for key in keys_of(model))


def test_every_key_says_why_and_what_is_allowed() -> None:
    for model in MODELS:
        for key in keys_of(model):
            extra = model.__pydantic_fields__[key].json_schema_extra
            assert isinstance(extra, dict)
            assert extra["allowed"], key


def test_what_is_kept_as_a_number_and_written_as_text_is_said_to_be_text() -> None:
    assert "| `registry.system.quota` | text |" in settings_page()
    assert "| `registry.system.token_minutes` | whole number |" in settings_page()
