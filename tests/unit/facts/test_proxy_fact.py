"""What Envoy's fact makes of an answer; test_proxy_runs.py asks a real one."""

# ruff: noqa: S104
import fcntl
import os
import platform
import socket
from pathlib import Path

import pytest
from folder_host import FolderHost
from pyinfra.api import FactProcessError

from breakwater.facts.listeners import Listener
from breakwater.facts.preflight import Preflight
from breakwater.facts.proxy import Entry, Envoy, EnvoyState

SHA = "a" * 64
ARGUMENTS = {
    "binary": "/etc/b/envoy",
    "unit": "/etc/u.service",
    "directory": "/etc/breakwater/envoy",
    "service": "breakwater-envoy.service",
    "user": "nobody-of-this-name",
    "socket": "/etc/no.sock",
    "lock": "/etc/no.lock",
    "wait": 1,
}


def state_of(*lines: str) -> EnvoyState:
    return Envoy().process([*lines, "end="])


def test_a_host_that_has_nothing(folder_host: FolderHost) -> None:
    folder_host.program("systemctl", "case $* in *--value*) echo 0;; *) echo ActiveState=inactive;; esac")
    state = folder_host.fact(Envoy, **ARGUMENTS)
    assert (state.binary, state.unit, state.group, state.entries) == ("", "", "", {})
    assert (state.active, state.enabled, state.statistics, state.former) == ("inactive", False, None, None)
    assert (state.leftovers, state.errors) == ((), ())
    assert (state.machine, state.busy) == (platform.machine(), False)
    assert not (folder_host.root / "etc/no.lock").exists()


def test_a_change_that_goes_on_is_waited_for_and_told(folder_host: FolderHost) -> None:
    folder_host.program("systemctl", "echo 0")
    with (folder_host.root / "etc/no.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert folder_host.fact(Envoy, **ARGUMENTS).busy
    assert not folder_host.fact(Envoy, **ARGUMENTS).busy


def test_secrets_do_not_come_back(folder_host: FolderHost) -> None:
    folder_host.program("systemctl", "echo 0")
    directory = folder_host.root / "etc/breakwater/envoy"
    (directory / "sds").mkdir(parents=True)
    (directory / "sds/harbor.yaml").write_text("PRIVATE KEY")
    (directory.parent / "envoy.new").mkdir()
    (directory.parent / "envoy.before/conf/sds").mkdir(parents=True)
    (directory.parent / "envoy.before/conf/sds/harbor.yaml").write_text("PRIVATE KEY")
    done = folder_host.run(Envoy().command(**ARGUMENTS))
    assert "PRIVATE KEY" not in done.stdout + done.stderr
    state = Envoy().process(done.stdout.splitlines())
    assert set(state.entries) == {"", "sds", "sds/harbor.yaml"}
    digest = state.entries["sds/harbor.yaml"].digest
    assert state.former == {"conf/sds/harbor.yaml": digest}
    assert state.leftovers == (f"{directory}.new",)


@pytest.mark.parametrize("harm", ["binary", "unit"])
def test_what_is_there_and_cannot_be_read_is_an_error(folder_host: FolderHost, harm: str) -> None:
    folder_host.program("systemctl", "echo 0")
    place = folder_host.root / {"binary": "etc/b/envoy", "unit": "etc/u.service"}[harm]
    place.mkdir(parents=True)  # root reads everything but this
    assert folder_host.fact(Envoy, **ARGUMENTS).errors == (str(place),)


def test_an_answer() -> None:
    state = state_of(
        "show=UnitFileState=enabled",
        "show=ActiveState=active",
        "entry=root:root 755 ./",
        "entry=root:root 644 ./xds/a b.yaml",
        f"digest={SHA}  ./xds/a b.yaml",
        "former=",
        f"former={SHA}  ./unit",
        "answers=",
        'statistic=cluster.a: b.version_text: "1"',
        "statistic=server.state: 0",
        "statistic=",
    )
    assert state.enabled
    assert state.entries == {
        "": Entry("root:root", "755"),
        "xds/a b.yaml": Entry("root:root", "644", SHA),
    }
    assert state.former == {"unit": SHA}
    assert state.statistics is not None
    assert state.statistics["server.state"] == "0"


@pytest.mark.parametrize("line", ["digest=abc  ./x", "former=x", "entry=root", "entry=root 644"])
def test_an_answer_of_another_kind_ends_no_run(line: str) -> None:
    with pytest.raises(FactProcessError):
        state_of(line)


def test_cut_short() -> None:
    with pytest.raises(FactProcessError):
        Envoy().process(["system=debian"])


def test_who_listens(folder_host: FolderHost) -> None:
    with socket.socket() as one, socket.socket() as free:
        for each in (one, free):
            each.bind(("127.0.0.1", 0))
        one.listen()
        port, other = one.getsockname()[1], free.getsockname()[1]
        command = Preflight().command(storage="127.0.0.1", ports=[port, other])
        done = folder_host.run(command, path="/usr/sbin:/usr/bin:/sbin:/bin")
        state = Preflight().process(done.stdout.splitlines())
    assert state.taken is not None
    [found] = state.taken
    assert (found.address, found.port, found.pid) == ("127.0.0.1", port, os.getpid())
    group = Path("/proc/self/cgroup").read_text().splitlines()[-1].split(":", 2)[2]
    assert found.group == group


def test_nobody_listens_is_not_unknown(folder_host: FolderHost) -> None:
    folder_host.program("ss", "true")
    assert folder_host.fact(Preflight, storage="127.0.0.1", ports=[443]).taken == ()
    folder_host.program("ss", "exit 1")
    assert folder_host.fact(Preflight, storage="127.0.0.1", ports=[443]).taken is None


def test_a_listener_of_the_kernel_and_one_of_an_interface() -> None:
    state = Preflight().process(
        [
            "taken_read=",
            "taken= LISTEN 0      64     0.0.0.0:443 0.0.0.0:*",
            'taken=/a.service LISTEN 0 5 10.0.0.1%eth0:80 0.0.0.0:* users:(("x",pid=3,fd=1))',
            "end=",
        ]
    )
    assert state.taken == (
        Listener("0.0.0.0", 443),
        Listener("10.0.0.1", 80, "x", 3, "/a.service"),
    )
    with pytest.raises(FactProcessError):
        Preflight().process(["taken_read=", "taken=what", "end="])
