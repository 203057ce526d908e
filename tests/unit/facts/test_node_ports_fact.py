"""What a node says of the guard of its node ports, and from where this machine comes to it."""

import subprocess
from typing import Any

import pytest
from folder_host import FolderHost
from pyinfra.api import FactProcessError, StringCommand

from breakwater.facts.node_ports import NodePorts, NodePortsState, own_addresses
from breakwater.facts.tagged import tagged

AWKWARD = """/it's "a" $(touch executed) `touch executed`; touch executed"""
FILE, UNIT = "/etc/breakwater/node-ports.nft", "/etc/systemd/system/breakwater-node-ports.service"
WHERE = {"file": FILE, "unit": UNIT, "table": "inet breakwater"}


def test_its_command_is_plain_sh_and_executes_no_value(folder_host: FolderHost) -> None:
    command = NodePorts().command(file=AWKWARD, unit=AWKWARD, table="inet breakwater")
    syntax = subprocess.run(["dash", "-n", "-c", command.get_raw_value()], capture_output=True, check=False)
    assert (syntax.returncode, syntax.stderr) == (0, b"")
    folder_host.run(command)
    assert not list(folder_host.root.rglob("executed"))


def test_an_answer_that_was_cut_short_is_none() -> None:
    assert NodePorts().default() is None
    with pytest.raises(FactProcessError):
        NodePorts().process(["system=debian", "nft=yes"])


def test_a_node_without_anything(folder_host: FolderHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "")
    folder_host.program("nft", "exit 1")
    seen = folder_host.fact(NodePorts, **WHERE)
    assert (seen.system, seen.text, seen.unit, seen.running, seen.errors) == (
        ("debian",),
        None,
        None,
        False,
        (),
    )
    assert (seen.nft, seen.table, seen.live) == (True, False, False)


def test_files_state_and_a_file_that_cannot_be_read(folder_host: FolderHost) -> None:
    folder = folder_host.root / "etc"
    (folder / "breakwater/node-ports.nft").mkdir(parents=True)  # a directory: sed cannot read it
    (folder / "systemd/system").mkdir(parents=True)
    (folder / "systemd/system/breakwater-node-ports.service").write_text("[Unit]\nAfter=x\n\n[Service]")
    folder_host.program(
        "systemctl", "printf 'ActiveState=active\\nUnitFileState=enabled\\nNeedDaemonReload=no\\n'"
    )
    seen = folder_host.fact(NodePorts, **WHERE)
    assert seen.unit == "[Unit]\nAfter=x\n\n[Service]\n"
    assert seen.running
    assert [error.rpartition("/")[2] for error in seen.errors] == ["node-ports.nft"]


@pytest.mark.parametrize("off", ["ActiveState=failed", "UnitFileState=disabled", "NeedDaemonReload=yes"])
def test_a_unit_that_is_not_all_it_should_be_does_not_run(off: str) -> None:
    good = {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}
    key, _, value = off.partition("=")
    lines = [f"state={name}={said}" for name, said in {**good, key: value}.items()]
    seen = NodePorts().process([*lines, "end="])
    assert isinstance(seen, NodePortsState)
    assert not seen.running


@pytest.mark.parametrize("hidden", [False, True], ids=["plain", "behind sudo, which clears it"])
def test_this_machine_s_address_is_that_of_the_ssh_connection(folder_host: FolderHost, hidden: bool) -> None:
    text = NodePorts().command(**WHERE).get_raw_value()
    # As sshd starts a user's shell, and that shell sudo.
    argv = ["env", "-u", "SSH_CONNECTION", "dash", "-c", '"$@"; exit $?', "sh", "dash", "-c", text]
    inner = argv if hidden else argv[3:]
    connection = "SSH_CONNECTION=203.0.113.7 50022 10.0.0.21 22"
    outer = ["env", connection, "dash", "-c", '"$@"; exit $?', "sh", *inner]
    done = subprocess.run(outer, capture_output=True, text=True, timeout=20, check=True)
    assert NodePorts().process(done.stdout.splitlines()).bastion == "203.0.113.7"


def test_a_host_s_own_addresses_are_those_that_stay(folder_host: FolderHost) -> None:
    folder_host.program(
        "ip",
        r"""
[ "$*" = "-o addr show scope global -temporary -tentative -deprecated" ] || exit 1
printf '2: eth0    inet 10.0.0.30/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever\n'
printf '2: eth0    inet6 fd00::30/64 scope global nodad \\       valid_lft forever\n'
""",
    )
    answer: Any = folder_host.run(StringCommand(*own_addresses(), "echo end="))
    assert tagged("x", answer.stdout.splitlines())["own"] == ["10.0.0.30", "fd00::30"]
