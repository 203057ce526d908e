"""What is wrong with the settings, in words a person can act on: key, value, fault, fix."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import functools
import re
import typing
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from pydantic import TypeAdapter, ValidationError

# Stands for "say nothing about the value"; None itself is a value somebody may have written.
UNSHOWN: Any = object()

_SECRET = re.compile(r"pass|secret|token|credential|key|header", re.IGNORECASE)
# Keys that only sound so.
_NO_SECRET = re.compile(r"kubeconfig|pull_secrets|token_minutes")
_LONGEST_SHOWN = 60
# Characters of a list of names: a cluster of hundreds of nodes must still fit a line.
_LONGEST_LIST = 240


class Fault(ValueError):
    """Raised by a limit: what is wrong with a value and, where one is clear, what to write instead."""

    def __init__(self, fault: str, fix: str = "") -> None:
        super().__init__(fault)
        self.fault = fault
        self.fix = fix


@dataclasses.dataclass(frozen=True)
class Problem:
    """One mistake: where it is, what is there, what is allowed, and what was likely meant."""

    key: str
    value: Any
    fault: str
    fix: str = ""

    def __str__(self) -> str:
        value = shown(self.key, self.value)
        line = f"{self.key}: {value}{' ' if value else ''}{self.fault}{'; ' if self.fix else ''}{self.fix}"
        # Names of hosts and groups stand in it as they are, and the inventory is Python: anything may be.
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


class SettingsError(Exception):
    """Everything that is wrong, at once: a person fixes a file once, not once per message."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        # Two exports that name the same unreachable group need to hear about it once.
        self.problems = tuple({str(problem): problem for problem in problems}.values())
        super().__init__("\n".join(str(problem) for problem in self.problems))


def shown(key: str, value: Any) -> str:
    """The value as a message may print it: one short line, and nothing that could be a secret."""
    if value is UNSHOWN or _SECRET.search(_NO_SECRET.sub("", key)):
        return ""
    if isinstance(value, str):
        return quoted(_without_passwords(value))
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 10**18):
        return repr(value)
    return ""  # a list or dict may hold anything, a pasted kubeconfig with its token included


def _without_passwords(text: str) -> str:
    """user:password@host, after :// or not, without who it is; an image's digest is no host."""
    parts = re.split(r"([/\s]+)", text)
    for index, part in enumerate(parts):
        who, at, host = part.rpartition("@")
        is_user = ":" in who or (index > 0 and parts[index - 1].startswith("//"))
        if at and is_user and not host.startswith("sha256:"):
            parts[index] = f"***@{host}"
    return "".join(parts)


def quoted(text: str) -> str:
    """The text in quotes, its beginning only when it is long; an escape such as \\u202e is six characters."""
    begin = text[:_LONGEST_SHOWN]
    while len(repr(begin)) > _LONGEST_SHOWN + 2:
        begin = begin[:-1]
    return repr(begin if begin == text else begin + "…")


def listed(names: Iterable[str]) -> str:
    """As many names as fit a message, and how many more there are."""
    known = [name if len(name) <= _LONGEST_SHOWN else quoted(name) for name in names]
    ends = accumulate(len(name) + len(", ") for name in known)
    fits = max(1, sum(end <= _LONGEST_LIST for end in ends))
    more = f" and {len(known) - fits} more" if len(known) > fits else ""
    return ", ".join(known[:fits]) + more


def path_of(parts: Sequence[str | int]) -> str:
    """Write ('exports', 0, 'path') as exports[0].path."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if part.isidentifier() and part.isascii() and len(part) <= 80 else shown("", part)
            text += f".{name}" if text else name
    return text


def did_you_mean(name: str, known: Iterable[str], also: Iterable[str] = ()) -> str:
    """The fix for a misspelt name: the nearest one, or all that are known when none is near.

    + also: names that may have been meant, too many to list
    """
    names = sorted(known)
    near = difflib.get_close_matches(name[:80], [*names, *sorted(also)], n=1)
    return f"did you mean {quoted(near[0])}?" if near else f"known are {listed(names)}"


def keys_of(model: type[Any]) -> list[str]:
    """The keys a person may set; a field without a reason written beside it is breakwater's own."""
    return [name for name, field in model.__pydantic_fields__.items() if field.description]


def model_of(annotation: Any) -> type[Any] | None:
    """The nested model inside an annotation such as tuple[Export, ...], or None for a plain value."""
    return next(iter(models_of(annotation)), None)


def models_of(annotation: Any) -> list[type[Any]]:
    """All of them: one of several, by its key `type`, is what a store such as S3 | Azure may be."""
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in models_of(argument)]


def kind_of(model: type[Any]) -> str:
    """By which `type` a model is chosen among several; empty when it is not."""
    field = model.__pydantic_fields__.get("type")
    values = typing.get_args(field.annotation) if field else ()
    return str(values[0]) if len(values) == 1 else ""


def right_values(defaults: Any, written: Any, at: str = "") -> dict[str, Any]:
    """{"volumes.registry.size": "5Gi"} of the values that are right by themselves, defaults included.

    + defaults: an instance of the model, with what a missing key means
    + written: what a person wrote in its place
    """
    found: dict[str, Any] = {}
    model: Any = type(defaults)
    limits = _limits_of(model)
    for key in keys_of(model) if isinstance(written, dict) else ():
        default = getattr(defaults, key)
        if dataclasses.is_dataclass(default):
            found |= right_values(default, written.get(key, {}), f"{at}{key}.")
            continue
        with contextlib.suppress(ValidationError):
            found[f"{at}{key}"] = limits[key].validate_python(written[key]) if key in written else default
    return found


def right_and_wrong(model: Any, items: object) -> tuple[dict[int, dict[str, Any]], dict[int, set[str]]]:
    """{place in the list: its keys whose values have no mistake of their own}, {place: its other keys}.

    + model: what each item of the list should be
    + items: what a person wrote
    """
    limits = _limits_of(model)
    right: dict[int, dict[str, Any]] = {}
    wrong: dict[int, set[str]] = {}
    for index, item in enumerate(items if isinstance(items, list | tuple) else ()):
        known = set(item) & set(keys_of(model)) if isinstance(item, dict) else set()
        right[index] = {}
        for key in known:
            with contextlib.suppress(ValidationError):
                right[index][key] = limits[key].validate_python(item[key])
        wrong[index] = known - set(right[index])
    return right, wrong


@functools.cache
def _limits_of(model: Any) -> dict[str, TypeAdapter[Any]]:
    hints = typing.get_type_hints(model, include_extras=True)
    return {key: TypeAdapter(hint) for key, hint in hints.items()}


def unknown_key(parts: Sequence[str | int], model: type[Any], also: Iterable[str] = ()) -> Problem:
    """Say which key was likely meant, or that this one is worked out and not typed.

    + also: keys that others know in the same place
    """
    name = str(parts[-1])
    if hasattr(model, name) or name in model.__pydantic_fields__:
        return Problem(
            path_of(parts), UNSHOWN, "is derived from other settings or the inventory", "remove it"
        )
    return Problem(path_of(parts), UNSHOWN, "unknown key", did_you_mean(name, keys_of(model), also))


def translate(error: ValidationError, model: type[Any]) -> list[Problem]:
    """pydantic's findings in plain words."""
    return [_translated(dict(found), model) for found in error.errors(include_url=False)]


_PLAIN = {
    "missing": ("is required", "add it; docs/settings.md says what it may be"),
    "string_type": ("must be text in quotes", ""),
    "string_unicode": ("must be text without broken characters", ""),
    "int_type": ("must be a whole number without quotes", ""),
    "bool_type": ("must be True or False, without quotes", ""),
    "dataclass_type": ("must be a group of keys", "write it in { }"),
    "model_attributes_type": ("must be a group of keys", "write it in { }"),
    "dict_type": ("must be a group of keys", "write it in { }"),
    "invalid_key": ("is not the name of a key", "names are text in quotes"),
}


def _translated(found: dict[str, Any], model: type[Any]) -> Problem:
    kind, value = found["type"], found["input"]
    parts, holder = _walked(model, found["loc"])
    if kind == "unexpected_keyword_argument":
        return unknown_key(parts, holder)
    if kind == "invalid_key":
        # The key is not text, so pydantic calls it a position: exports[0][1] would mislead.
        parts, value = parts[:-1], parts[-1]
    if kind == "missing":
        value = UNSHOWN
    raised = found.get("ctx", {}).get("error")
    if isinstance(raised, Fault):
        return Problem(path_of(parts), value, raised.fault, raised.fix)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        known = listed(kind_of(each) for each in models_of(holder.__pydantic_fields__[parts[-1]].annotation))
        key, tag = (
            path_of((*parts, "type")),
            value.get("type", UNSHOWN) if isinstance(value, dict) else UNSHOWN,
        )
        return Problem(
            key, tag, "is required" if kind.endswith("found") else "is no kind of store", f"known are {known}"
        )
    if kind == "literal_error":
        return Problem(path_of(parts), value, f"must be {found['ctx']['expected']}")
    # A kind that is not in the table still must not print pydantic's own sentence.
    fault, fix = _PLAIN.get(kind, ("is not allowed here", "docs/settings.md says what is"))
    return Problem(path_of(parts), value, fault, fix)


def _walked(model: type[Any], loc: Sequence[str | int]) -> tuple[list[str | int], type[Any]]:
    """The keys that a person wrote, and the model that the last one is in.

    + loc: pydantic's way there, which also names the model that was chosen of several
    """
    parts: list[str | int] = []
    several: list[type[Any]] = []
    for part in loc:
        chosen = [each for each in several if kind_of(each) == part]
        if several and isinstance(part, str):
            model = chosen[0] if chosen else several[0]
            several = []
            if chosen:
                continue
        parts.append(part)
        field = model.__pydantic_fields__.get(part) if isinstance(part, str) else None
        if field:
            several = models_of(field.annotation)
    return parts, model
