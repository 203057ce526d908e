"""No value of any setting, however hostile, changes the shape of a command, an exports line or a document.

Two walls, each looked at without the other: what the limits let through harms nothing, and whatever a command
is given is one word of it, even a value that the limits would never let through.
"""

import contextlib
import copy
import dataclasses
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml
from commands_of import serving, using
from envoy_files import assert_nothing_else, wanted
from hostile import FRAGMENTS, HOSTS, good_texts, hostile, models_below, resolve, written
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as budget
from pydantic import TypeAdapter, ValidationError
from pyinfra.api import QuoteString, StringCommand

from breakwater.addresses import canonical
from breakwater.commands import refuse
from breakwater.exports_file import line_of, lines_of, text_of
from breakwater.harbor import values as harbor_values
from breakwater.operations import proof as proofs
from breakwater.problems import SettingsError, keys_of, path_of
from breakwater.proof import Proof, _claim, _pod
from breakwater.registry.settings import Registry
from breakwater.settings import Export, Settings, load
from tasks.storage_class import _values

# Every key that is a word of some command.
WHOLE = {
    "exports": [
        {"path": "/srv/nfs/volumes", "storage_class": "nfs-client", "mount_options": ["hard", "noatime"]},
        {"path": "/srv/nfs/shared", "clients": ["10.0.0.0/24"]},
    ],
    "kube_context": "production",
    "storage_address": "storage.example.org",
}
# What stands for a value in the command that another one is compared with.
PLAIN = "plain"
# Keys whose values become words of commands by themselves, and not first of an exports line.
WORDS = {
    *("path", "owner", "mode", "mount_options", "members", "storage_address", "kubeconfig", "kube_context"),
    *("storage_class", "namespace", "chart_version", "repository"),
}  # fmt: skip
# Keys that hosts and documents never see, or only in quotes.
OF_THIS_MACHINE = {
    *("kubeconfig", "kube_context", "bundle", "state", "nodes_down"),
    *("certificate", "ca", "admin_password", "password", "access_key", "secret_key", "account_key", "key"),
}
# What is in Harbor is told to it as JSON: no shell, file or YAML of ours has it.
IN_HARBOR = {*models_below(Registry)} - {Registry}
# Every other key that is text, and its model.
TEXTS = [
    (model, key)
    for model in models_below(Settings)
    if model not in IN_HARBOR
    for key in keys_of(model)
    if good_texts(model, key) and key not in {*OF_THIS_MACHINE, "extra_values"}
]
# What a shell, an exports line or YAML might take for more than itself.
ACTIVE = set(" '\"`$;&|<>\\*?#(){}!")
# What the kernel may be told of one client.
CLIENT = re.compile(
    r"(\*|[0-9a-f.:]+(/[0-9]+)?)\(("
    r"r[ow]|a?sync|(no_)?(subtree_check|root_squash|all_squash|wdelay)|(in)?secure|(no)?(hide|crossmnt)"
    r"|(anon[ug]id|fsid)=[0-9a-f-]+|sec=[a-z0-9:]+|mp=/[A-Za-z0-9._/-]+|,)+\)"
)
FLAGS = {
    *("--kubeconfig", "--kube-context", "--install", "--create-namespace", "--namespace", "--description"),
    *("--timeout", "--values", "--version", "--repo", "--show-resources", "--output", "--all", "--max"),
}  # fmt: skip
# What explains a failure takes minutes.
few = budget(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=120,
    phases=[Phase.generate, Phase.shrink],
    # a busy machine is no finding
    suppress_health_check=[HealthCheck.too_slow],
)
# A template that says of each name what it is where it stands without quotes.
KINDS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: kinds}
data:
{{- range .Values.names }}
  {{ . | quote }}: {{ index (fromYaml (printf "name: %s" .)) "name" | kindOf }}
{{- end }}
"""


def bits(command: StringCommand) -> Iterator[str | QuoteString]:
    """What a command was put together from."""
    for bit in command.bits:
        yield from bits(bit) if isinstance(bit, StringCommand) else [bit]


@cache
def words(text: str) -> list[str]:
    """A command as a shell takes it apart: words without their quotes, and operators."""
    # The scripts are constants, and their comments have apostrophes.
    text = text.replace(proofs._PROVE, "").replace(proofs._SEEN, "")
    reader = shlex.shlex(text, posix=True, punctuation_chars=True)
    reader.commenters, reader.whitespace_split = "", True
    return list(reader)


def assert_same_shape(command: StringCommand, plain: StringCommand) -> None:
    """Nothing but words differs, one for one, and the shell reads none of what they are made of."""
    ours, theirs = list(bits(command)), list(bits(plain))
    assert [bit for bit in ours if isinstance(bit, str)] == [bit for bit in theirs if isinstance(bit, str)]
    assert len(ours) == len(theirs)
    given, wanted = words(command.get_raw_value()), words(plain.get_raw_value())
    assert len(given) == len(wanted)
    quoted = {str(bit.obj) for bit in ours if isinstance(bit, QuoteString)}
    assert all(word == other or word in quoted for word, other in zip(given, wanted, strict=True))


def mapped(value: Any, change: Callable[[str, str], str], key: str = "") -> Any:
    """A copy with every text changed by its key, past all limits; the inventory itself stays."""
    if isinstance(value, str):
        return change(key, value)
    if isinstance(value, tuple):
        return tuple(mapped(item, change, key) for item in value)
    if key == "addresses":
        return {change("members", host): found for host, found in value.items()}
    if not dataclasses.is_dataclass(value):
        return value
    new = copy.copy(value)
    for field in dataclasses.fields(value):
        object.__setattr__(new, field.name, mapped(getattr(value, field.name), change, field.name))
    return new


def texts(document: Any) -> Iterator[str]:
    """Every text in it."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict | list):
        for item in document.values() if isinstance(document, dict) else document:
            yield from texts(item)


def assert_lines(settings: Settings) -> None:
    """Each exports line is a path, and clients with options that exports(5) knows."""
    lines = [line_of(e, e.clients_at(settings.addresses), e.mountpoint or "") for e in settings.exports]
    for export, line in zip(settings.exports, lines, strict=True):
        path, *clients = line.split(" ")
        assert path == export.path
        assert re.fullmatch(r"/[A-Za-z0-9._/-]+", path)
        assert clients
        assert all(CLIENT.fullmatch(client) for client in clients), line
    assert list(lines_of(text_of(lines)).values()) == lines


def assert_documents(settings: Settings) -> None:
    """They are read as they were written; the chart's values even where it puts them without quotes."""
    for export in settings.classes:
        values, proof = (
            _values(export, settings.storage_address),
            Proof(str(export.storage_class), "0badcafe"),
        )
        for document in (values, _claim(proof), _pod(proof, "node1", settings.proof.image, "true")):
            assert yaml.safe_load(json.dumps(document)) == document
        for text in texts(values):
            assert yaml.safe_load(f"name: {text}\nlist: [{text}]\n") == {"name": text, "list": [text]}
    if settings.domain:
        assert_nothing_else(wanted(settings))
    told = harbor_values.values(settings, harbor_values.Known("pw", "aa", "bb"))
    assert yaml.safe_load(json.dumps(told)) == told
    # What the user adds to the chart's values is the user's, quotes included.
    ours = dataclasses.replace(settings, harbor=dataclasses.replace(settings.harbor, extra_values={}))
    for text in texts(harbor_values.values(ours, harbor_values.Known("pw", "aa", "bb"))):
        # An amount is a number to YAML at worst, and Kubernetes takes both; ports and indexes are numbers.
        assert text == "" or str(yaml.safe_load(f"name: {text}\n")["name"]) == text


def assert_commands(settings: Settings) -> None:
    """Commands have the shape that plain settings would give them, and Helm gets no option from a value."""
    plain = mapped(
        settings, lambda key, text: text if key == "networks" or shlex.quote(text) == text else PLAIN
    )
    commands, others = [*serving(settings), *using(settings)], [*serving(plain), *using(plain)]
    for command, other in zip(commands, others, strict=True):
        assert_same_shape(command, other)
    for command in commands:
        if "helm" in command.get_raw_value().split()[0]:
            assert {word for word in words(command.get_raw_value()) if word.startswith("--")} <= FLAGS
    # A shell finds nothing unfinished in them.
    script = "\n".join(command.get_raw_value() for command in commands)
    run = subprocess.run(
        ["dash", "-n"], input=script.encode(errors="surrogatepass"), capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr.decode()


def assert_said_well(error: SettingsError, data: dict[str, Any]) -> None:
    """Each message is one short line that begins with a key of the settings, or a place in the inventory."""
    for problem in error.problems:
        line = str(problem)
        assert line.isprintable()
        assert len(line) < 400
        assert line.startswith((*keys_of(Settings), *(path_of([key]) for key in data), "group ", "host: ")), (
            line
        )
        assert ": " in line


@few
@given(data=written(), stranger=hostile)
def test_settings_are_refused_in_good_words_or_harm_nothing(data: dict[str, Any], stranger: str) -> None:
    hosts = {**HOSTS, "nodes": {**HOSTS["nodes"], stranger: "10.0.0.23"}}
    try:
        settings = load(data, hosts, resolve)
    except SettingsError as error:
        assert_said_well(error, data)
    else:
        assert_lines(settings)
        assert_documents(settings)
        assert_commands(settings)


@pytest.mark.parametrize(("model", "key"), TEXTS, ids=lambda part: getattr(part, "__name__", part))
def test_what_a_limit_lets_through_needs_no_quotes_and_is_no_option(model: type[Any], key: str) -> None:
    limit: TypeAdapter[Any] = TypeAdapter(get_type_hints(model, include_extras=True)[key])
    for value, fragment, part in product(good_texts(model, key), FRAGMENTS, (0, 0.3, 0.6, 1)):
        at = int(part * len(value))
        text = value[:at] + fragment + value[at:]
        for entry in (text, [text]):
            with contextlib.suppress(ValidationError):
                limit.validate_python(entry)
                assert text == "*" or (text.isascii() and text.isprintable() and not ACTIVE & set(text)), text
                assert not text.startswith("-"), text


@pytest.fixture(scope="module")
def whole() -> Settings:
    """Good ones."""
    return load(WHOLE, HOSTS, resolve)


@budget(few, max_examples=50)
@given(text=hostile.filter(lambda text: text and not canonical(text)))  # an address is not looked up
def test_a_value_is_one_word_even_past_the_limits(whole: Settings, text: str) -> None:
    ours = using(mapped(whole, lambda key, old: text if key in WORDS else old))
    plain = using(mapped(whole, lambda key, old: PLAIN if key in WORDS else old))
    for command, other in zip([refuse(text), *ours], [refuse(PLAIN), *plain], strict=True):
        assert_same_shape(command, other)


@pytest.mark.parametrize("key", sorted(WORDS))
def test_a_value_comes_into_commands(whole: Settings, key: str) -> None:
    plain = using(mapped(whole, lambda name, old: PLAIN if name == key else old))
    assert any(PLAIN in word for command in plain for word in words(command.get_raw_value()))


@pytest.mark.parametrize("text", ["a b", "$(id)", "'", '"', "`id`", ";", "x\ny", "\\", "#", "*"])
@pytest.mark.parametrize(
    "unsafe",
    [
        lambda value: StringCommand("echo", value),
        lambda value: StringCommand(f"echo '{value}'"),
        lambda value: StringCommand('echo "', QuoteString(value), '"', _separator=""),
        lambda value: StringCommand("echo '", QuoteString(f"{value} "), "'", _separator=""),
    ],
)
def test_a_command_that_does_not_quote_is_found_out(
    unsafe: Callable[[str], StringCommand], text: str
) -> None:
    with pytest.raises((AssertionError, ValueError)):
        assert_same_shape(unsafe(text), unsafe(PLAIN))


def test_names_are_text_to_the_yaml_that_helm_reads(tmp_path: Path) -> None:
    short = ("".join(name) for size in (1, 2, 3) for name in product("01789abefnoxy-", repeat=size))
    names = list(filter(is_text, (*short, "true", "false", "null", "0b101", "0o17", "1e-5", "2001-01-01")))
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: x, version: 1.0.0}")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/kinds.yaml").write_text(KINDS)
    command = [Path(sys.executable).with_name("helm"), "template", "x", tmp_path, "--values", "-"]
    run = subprocess.run(
        command, input=json.dumps({"names": names}), capture_output=True, check=True, text=True
    )
    assert yaml.safe_load(run.stdout)["data"] == dict.fromkeys(names, "string")
    assert len(names) > 1000


def is_text(name: str) -> bool:
    """Whether our limit lets it through."""
    try:
        Export(path="/srv", storage_class=name)
    except ValidationError:
        return False
    return True
