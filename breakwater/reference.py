"""docs/settings.md, written from the model, so that the two cannot differ."""

from __future__ import annotations

import json
import types
import typing
from typing import Any

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from breakwater.problems import keys_of, kind_of, model_of, models_of
from breakwater.settings import Settings

_INTRO = """\
# Settings

Written by `python -m breakwater settings > docs/settings.md`; change breakwater/settings.py instead.

They are Python names in `group_data/all.py`, and count nowhere else: on another group or on a host they
are refused. `python -m breakwater check inventory.py` says everything that is wrong with them, and
connects to nothing. Names of pyinfra's own (`_sudo`, `ssh_user` and others) may stand beside them; a
helper name of the file's own must begin with `_`.
"""


def settings_page() -> str:
    """The whole page."""
    return "\n".join([_INTRO, *_section("The keys", Settings, "", set())])


def _section(title: str, model: type[Any], prefix: str, explained: set[type[Any]]) -> list[str]:
    lines = [f"## {title}", "", _sentence(model), ""]
    lines += ["| key | type | default | allowed | why |", "|---|---|---|---|---|"]
    fields: dict[str, FieldInfo] = model.__pydantic_fields__
    nested: dict[type[Any], list[str]] = {}
    for name in keys_of(model):
        field = fields[name]
        several = typing.get_origin(_bare(field.annotation)) is tuple
        for inner in models_of(field.annotation):
            nested.setdefault(inner, []).append(f"{prefix}{name}{'[]' if several else ''}")
        row = (
            f"`{prefix}{name}`",
            type_in_words(field.annotation),
            _default(field),
            _extra(field, "allowed"),
        )
        lines.append("| " + " | ".join(_cell(cell) for cell in (*row, field.description or "")) + " |")
    lines.append("")
    new = {inner: keys for inner, keys in nested.items() if inner not in explained}
    explained |= new.keys()
    for inner, keys in new.items():
        kind = f" of type `{kind_of(inner)}`" if kind_of(inner) else ""
        # Keys alike are explained once: harbor.volumes.*.size.
        common = keys[0] if len(keys) == 1 else f"{prefix}*"
        lines += _section(", ".join(f"`{key}`" for key in keys) + kind, inner, f"{common}.", explained)
    return lines


def type_in_words(annotation: Any) -> str:
    """The type as a person would say it: list of text, whole number."""
    bare = _bare(annotation)
    if typing.get_origin(bare) is tuple:
        item = type_in_words(typing.get_args(bare)[0])
        return f"list of {item.replace('group', 'groups')}"
    if model_of(bare) or typing.get_origin(bare) is dict:
        return "group of keys"
    if typing.get_origin(bare) is typing.Literal:
        return "text"
    return {str: "text", int: "whole number", bool: "True or False"}[bare]


def _bare(annotation: Any) -> Any:
    """Without Annotated and without None, which says that the key may be left out.

    What people write as another type than it is kept in, such as 50GiB, says so: json_schema_input_type.
    """
    while True:
        arguments = typing.get_args(annotation)
        if typing.get_origin(annotation) is typing.Annotated:
            written = [each.json_schema_input_type for each in arguments if isinstance(each, BeforeValidator)]
            annotation = next((kind for kind in written if isinstance(kind, type)), arguments[0])
        elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
            annotation = next(argument for argument in arguments if argument is not type(None))
        else:
            return annotation


def _sentence(model: type[Any]) -> str:
    return (model.__doc__ or "").strip()


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    if said := _extra(field, "default"):
        return said
    # As group_data/all.py has it: Python, with strings as everybody writes them.
    return f"`{field.default if isinstance(field.default, bool) else json.dumps(field.default)}`"


def _extra(field: FieldInfo, name: str) -> str:
    extra = field.json_schema_extra
    return str(extra.get(name, "")) if isinstance(extra, dict) else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
