"""Every case file: arguments and the host's raw answers in; the exact commands, refusal or noop out.

A case stands in a folder named MODULE.OPERATION and is named for the behaviour it shows:

    args       the operation's arguments, as YAML; of a function: what it says, or {refused: the reason}
    plan       true where pyinfra only plans (optional)
    facts      the lines that each fact's command prints, null when it failed
    asked      arguments that a fact must have been asked with (optional)
    stored     Helm's record of a release, as the bastion finds it; a text: why it cannot (optional)
    waiting    workloads of a release that are not ready, as the bastion finds them (optional)
    drift      objects of a release that were changed, as the bastion finds them (optional)
    class_problems  of live storage classes, as the bastion finds them (optional)
    bastion    functions of the bastion's that are refused, with the reason (optional)
    nodes      of the cluster, and `promised`, the bytes by class, as the bastion finds them (optional)
    volumes    of the cluster that lie below what leaves, as the bastion finds them; a text: why it cannot
    others     {host: {fact: lines}} of other hosts that are asked (optional)
    leaves     what the operation finds to have left the settings (optional)
    commands   what is run, in order: a shell command (HELM is this environment's; MOVE are the words that
               test_proxy_runs.py runs), {run, stdin},
               {upload, to}, {call, with}, or {exports: TEXT}, {proves: TEXT} and {sees: TEXT}, which are
               the commands that nfs.server/fresh_host.yaml, proof.mount_and_write/written.yaml and
               proof.seen_from_nodes/seen.yaml have in full, or {configures: TEXT}: the end of the one
               by which breakwater/trust/containerd.py changes containerd's configuration
    refusal    the reason with which it ends; nothing is run after it
    noop       what is said when there is nothing to do
    warnings   for the end of the run, that the operation leaves in its survey (optional)
    shown      lines that are printed while pyinfra plans (optional)
"""

import functools
import importlib
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyinfra.api import FactBase, FactProcessError, FileUploadCommand, FunctionCommand
from pyinfra.api.command import PyinfraCommand
from pyinfra.context import ctx_host, ctx_state
from pyinfra_testing.util import FakeHost, FakeState, coerce_operation_arguments, get_command_string

from breakwater import classes, cluster, drift, nodes, releases, room
from breakwater.commands import Refusal, refuse
from breakwater.nodes import Node
from breakwater.operations import nfs as nfs_operations
from breakwater.operations import preflight
from breakwater.operations.nfs import EXPORTS_FILE, _export
from breakwater.operations.proof import _PROVE, _SEEN
from breakwater.operations.proxy_move import _MOVE
from breakwater.proxy.plan import Plan
from breakwater.registry.plan import Change
from breakwater.registry.plan import Plan as RegistryPlan
from breakwater.releases import Stored
from breakwater.trust.containerd import _SHELL
from breakwater.volumes import Volume

# Arguments that are functions: those that look, and those that do.
LOOKS = ("due", "missing", "directories", "callers", "ca")
DOES = ("write", "settle", "prove", "make_so")

CASES = sorted(Path(__file__).parent.glob("*.*/*.yaml"))
REFUSAL = re.compile(r"printf '%s\\n' .* >&2; exit 1", re.DOTALL)
HELM = str(Path(sys.executable).with_name("helm"))
# What stands in a case for a command that another case has in full.
SHORT: dict[str, Callable[[dict[str, str]], str]] = {
    "exports": lambda item: get_command_string(_export(EXPORTS_FILE, item["exports"])),
    "proves": lambda item: f"{_PROVE}\n{item['proves']}",
    "sees": lambda item: f"{_SEEN}\n{item['sees']}",
    "configures": lambda item: f"{_SHELL}\n{item['configures']}",
}


class CaseHost(FakeHost):  # type: ignore[misc]
    """pyinfra's fake host, with raw answers that go through each fact's own command and process."""

    def __init__(self, state: Any, answers: dict[str, str | None], name: str = "host") -> None:
        super().__init__(state, name, {}, {})
        self.answers = answers
        self.asked: dict[str, dict[str, Any]] = {}

    def get_fact(self, fact: type[FactBase[Any]], *args: Any, **kwargs: Any) -> Any:
        """What pyinfra's host does: a failed command and an answer cut short give the fact's default."""
        assert not args, "name a fact's arguments"
        fact().command(**kwargs)
        self.asked[fact.__name__] = kwargs
        answer = self.answers[fact.__name__]
        if answer is None:
            return fact.default()
        try:
            return fact().process(answer.splitlines())
        except FactProcessError:
            return fact.default()


def played(commands: Iterable[PyinfraCommand], calls: list[Any]) -> list[Any]:
    """The commands in the form of a case; functions are called when reached, as pyinfra does."""
    shown: list[Any] = []
    for command in commands:
        if isinstance(command, FunctionCommand):
            command.function(*command.args, **command.kwargs)
            shown.append(calls.pop())
        elif isinstance(command, FileUploadCommand):
            shown.append({"upload": str(command.src), "to": command.dest})
        else:
            text = get_command_string(command).replace(HELM, "HELM").replace(_MOVE, "MOVE")
            stdin = command.connector_arguments.get("_stdin")
            shown.append({"run": text, "stdin": stdin} if stdin else text)
            if REFUSAL.fullmatch(text):
                break  # it fails, and pyinfra asks for no further command
    return shown


def wanted(case: dict[str, Any]) -> list[Any]:
    """The commands of a case, written out."""
    commands = [
        SHORT[next(iter(item))](item) if isinstance(item, dict) and set(item) <= set(SHORT) else item
        for item in case.get("commands", [])
    ]
    return [*commands, get_command_string(refuse(case["refusal"]))] if "refusal" in case else commands


def looking(said: Any) -> Callable[[], Any]:
    """A function that looks, and says this; or refuses."""

    def look() -> Any:
        if isinstance(said, dict):
            raise Refusal(said["refused"])
        return said

    return look


def planned(module: str, said: dict[str, Any]) -> Plan | RegistryPlan:
    """What a proxy shall have; of the registry each change as it is shown."""
    if module == "proxy":
        return Plan(**said)
    return RegistryPlan([Change(line[0], line[2:], lambda harbor: None) for line in said["changes"]])


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    case = yaml.safe_load(path.read_text())
    assert {"commands", "refusal", "noop"} & set(case), "a case says what comes out"
    module, _, name = path.parent.name.partition(".")
    operation = getattr(importlib.import_module(f"breakwater.operations.{module}"), name)
    calls: list[Any] = []
    refused = case.get("bastion", {})

    def recorder(name: str) -> Callable[..., None]:
        def call(access: object, *args: object) -> None:
            given = [arg.lines() if isinstance(arg, RegistryPlan) else arg for arg in args]
            calls.append({"call": name, "with": [arg for arg in given if arg is not None]})
            if name in refused:
                raise Refusal(refused[name])

        return call

    monkeypatch.setattr(cluster, "wait", lambda what, left, timeout: left())  # and time is over
    monkeypatch.setattr(preflight, "time", lambda: 1000.0)
    monkeypatch.setattr(nodes, "listed", lambda access: [Node(**node) for node in case.get("nodes", [])])
    monkeypatch.setattr(room, "promised", lambda access: case.get("promised", {}))
    for function in ("wait_for_release", "remove_pending_revision", "check"):
        monkeypatch.setattr(cluster, function, recorder(function))
    monkeypatch.setattr(classes, "class_problems", lambda *args: case.get("class_problems", []))
    monkeypatch.setattr(classes, "refuse_used", recorder("refuse_used"))
    monkeypatch.setattr(drift, "wait_until_gone", recorder("wait_until_gone"))

    def drifted(access: object, *args: object) -> list[str]:
        if "drifted" in refused:
            raise Refusal(refused["drifted"])
        found: list[str] = case.get("drift", [])
        return found

    monkeypatch.setattr(drift, "drifted", drifted)

    def stored(access: object, *args: object) -> Stored:
        if isinstance(case["stored"], str):
            raise Refusal(case["stored"])
        return Stored(**case["stored"])

    monkeypatch.setattr(releases, "stored", stored)
    monkeypatch.setattr(cluster, "not_ready", lambda *args: case.get("waiting", []))

    def volumes(access: object, *args: object) -> list[Volume]:
        if isinstance(case["volumes"], str):
            raise Refusal(case["volumes"])
        return [Volume(**volume) for volume in case["volumes"]]

    monkeypatch.setattr(nfs_operations, "volumes_below", volumes)
    monkeypatch.setattr(nfs_operations, "wait", lambda what, left, timeout: left())
    state = FakeState()
    state.active_hosts = [CaseHost(state, facts, name) for name, facts in case.get("others", {}).items()]
    state.is_executing = not case.get("plan")
    host = CaseHost(state, case.get("facts", {}))
    _, kwargs = coerce_operation_arguments(operation, [], case.get("args", {}))
    for name in {*LOOKS, *DOES} & kwargs.keys():
        said = kwargs[name]
        if isinstance(said, dict):
            refused[name] = said["refused"]
        kwargs[name] = functools.partial(recorder(name), None) if name in DOES else looking(said)
    if isinstance(said := kwargs.get("plan"), dict):
        kwargs["plan"] = looking(said if "refused" in said else planned(module, said))
    with ctx_state.use(state), ctx_host.use(host):
        shown = played(operation._inner(**kwargs), calls)

    assert shown == wanted(case)
    assert host.noop_description == case.get("noop")
    if "leaves" in case:
        assert list(kwargs["leaving"].paths) == case["leaves"]
    if "shown" in case:
        assert capsys.readouterr().out.splitlines() == case["shown"]
    if "warnings" in case:
        assert kwargs["survey"].warnings == case["warnings"]
    for fact, arguments in case.get("asked", {}).items():
        assert host.asked[fact] == yaml.safe_load(yaml.safe_dump(arguments).replace("HELM", HELM))


def test_there_are_cases() -> None:
    assert len(CASES) > 40
