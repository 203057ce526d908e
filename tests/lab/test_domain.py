"""The domain on the lab: people push and pull through it, and what fails on the way says why."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from breakwater import tls
from breakwater.first_steps import first_steps
from lab import bundle, bundle_index, network, paths
from lab.guests import guest
from tests.lab.clients import Docker, Skopeo
from tests.lab.conftest import DOMAIN, REPOSITORY, Lab, Result, varied
from tests.lab.pushes import AT_A_TIME
from tests.lab.unchanged import a_further_run_changes_nothing

PROXY, NODE = guest("proxy").address, guest("node2").address
# What Envoy is, and since when.
ENVOY = "systemctl show breakwater-envoy -p MainPID -p ActiveEnterTimestampMonotonic"
ROUTES = "/etc/breakwater/envoy/xds/rds.yaml"
IMAGE = "library/small:1"
# Images that go there and back while a node goes away: as many pushes, and as many pulls.
PUSHES = 20
# Seconds in which an emulated guest's Envoy has started and has found its nodes well.
STARTED = 120


@pytest.fixture(scope="module")
def equipped(whole_once: Lab) -> Iterator[Lab]:
    """A whole lab; what is done here to its clients and proxy is not undone."""
    yield whole_once.go_to("whole")
    whole_once.spoil()


@pytest.fixture
def password() -> str:
    return (paths.state() / "bastion/harbor/admin_password").read_text().rstrip("\n")


def test_docker_pushes_and_pulls_as_the_run_said(equipped: Lab, password: str) -> None:
    docker = Docker(equipped, DOMAIN)
    docker.make(IMAGE)
    here = f"{DOMAIN}/{IMAGE}"
    said = first_steps(DOMAIN, "admin", str(paths.state() / "bastion/harbor/admin_password"))
    login, tag, push = (line.strip() for line in said.splitlines() if line.startswith(" "))
    docker.run(f"docker tag {here} small:1")
    # A person types the password; here nobody does.
    entered = docker.run(f"printf %s {shlex.quote(password)} | {login} --password-stdin 2>&1")
    assert "Login Succeeded" in entered.output
    docker.run(tag.replace("IMAGE", "small:1"))
    pushed = docker.run(push.replace("IMAGE", "small:1"))
    digest = docker.digest(IMAGE)
    assert digest.startswith("sha256:")
    assert digest in pushed.output
    docker.pull(IMAGE)
    assert docker.digest(IMAGE) == digest
    docker.logout()


def test_skopeo_pushes_and_pulls(equipped: Lab, password: str) -> None:
    skopeo, bundled = Skopeo(equipped, DOMAIN), paths.state() / "bundle"
    [image] = [i for i in bundle_index.load(bundled)["images"] if i["name"] == bundle.busybox_image(bundled)]
    skopeo.login("admin", password)
    skopeo.put(bundled / image["file"], "library/busybox:1")
    assert skopeo.digest("library/busybox:1") == image["digest"]
    skopeo.get("library/busybox:1")


def test_what_people_meet_is_what_the_docs_explain(equipped: Lab, password: str) -> None:
    docker = Docker(equipped, DOMAIN)
    said = {"a wrong password": docker.login("admin", "not-it", check=False).output}
    docker.distrusts(docker.CERTIFICATES)
    said["an unknown CA"] = docker.login("admin", password, check=False).output
    said["plain HTTP"] = docker.run(f"curl -sS http://{DOMAIN}:443/v2/ 2>&1", check=False).output
    stranger = tls.new_ca("stranger.test", datetime.now(UTC))
    file = paths.state() / "stranger.crt"
    file.write_text(stranger.certificate)
    try:
        docker.trusts(file, docker.CERTIFICATES)
        said["another CA"] = docker.login("admin", password, check=False).output
    finally:
        file.unlink()
        docker.distrusts(docker.CERTIFICATES)
    explained = (REPOSITORY / "docs/troubleshooting.md").read_text()
    for case, message in {
        "a wrong password": "unauthorized",
        "an unknown CA": "x509: certificate signed by unknown authority",
        "another CA": "x509: certificate signed by unknown authority",
        "plain HTTP": "connection reset by peer",
    }.items():
        assert message in said[case].lower(), f"{case}: {said[case]}"
        assert message in explained
    docker.trusts(paths.state() / "bastion/harbor/ca.crt", docker.CERTIFICATES)
    assert "Login Succeeded" in docker.login("admin", password).output
    docker.logout()


def test_hosts_tests_pass(equipped: Lab) -> None:
    passed = equipped.host_tests("-k", "proxy or trust or node_ports")
    assert " passed" in passed.output
    assert "skipped" not in passed.output


def test_this_machine_s_browser_finds_it(equipped: Lab) -> None:
    url = network.url()
    ca = paths.state() / "bastion/harbor/ca.crt"
    asked = ["curl", "-sS", "--max-time", "30", "--cacert", str(ca), f"{url}/api/v2.0/ping"]
    assert "Pong" in subprocess.run(asked, capture_output=True, text=True, timeout=40).stdout


def test_a_run_that_changes_nothing_cuts_no_connection(equipped: Lab) -> None:
    before = equipped.on("proxy", ENVOY)
    with held(equipped) as connection:
        a_further_run_changes_nothing(equipped)
        assert asks_again(connection) == "HTTP/1.1 200 OK"
    assert equipped.on("proxy", ENVOY) == before


def test_envoy_that_is_killed_comes_back_by_itself(equipped: Lab) -> None:
    before = equipped.on("proxy", ENVOY)
    equipped.on("proxy", "systemctl kill -s KILL breakwater-envoy")
    end = time.monotonic() + STARTED
    while not pings(equipped, paths.state() / "bastion/harbor/ca.crt"):
        assert time.monotonic() < end, equipped.on("proxy", "systemctl status breakwater-envoy", check=False)
        time.sleep(2)
    assert equipped.on("proxy", ENVOY) != before


def test_no_push_fails_but_what_is_cut_when_a_node_goes_away(equipped: Lab) -> None:
    lost = f"table inet away {{ chain out {{ type filter hook output priority 0; ip daddr {NODE} drop; }}; }}"
    with pushing(equipped, PUSHES) as process:
        wait_for_lines(process, 5)
        # Its packets get lost, as when it lost its power: nobody says that a connection is over.
        equipped.on("proxy", f"nft '{lost}'")
        try:
            said, _ = process.communicate(timeout=600)
        finally:
            equipped.on("proxy", "nft delete table inet away")
    at_once, after_all = map(int, re.findall(r"(\d+) at once, (\d+) of", said)[0])
    assert after_all == PUSHES, said
    # A write that was under way may not be sent twice; docker begins it anew. Reads are sent again by Envoy.
    assert at_once >= PUSHES - AT_A_TIME, said
    assert set(re.findall(r"(\w+) cut after", said)) <= {"push"}, said


def test_another_certificate_and_files_changed_by_hand_cost_no_connection(
    equipped: Lab, tmp_path: Path
) -> None:
    before, ca = equipped.on("proxy", ENVOY), tls.new_ca("company.test", datetime.now(UTC))
    own = tls.new_certificate(ca, [DOMAIN, network.NAME], datetime.now(UTC))
    for name, text in (("certificate", own.certificate), ("key", own.key), ("ca", ca.certificate)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "inventory").mkdir()
    certificate = {name: str(tmp_path / name) for name in ("certificate", "key", "ca")}
    settings = {"certificate": certificate, "aliases": [network.NAME], "idle_timeout": 1200}
    inventory = varied(tmp_path / "inventory", proxy=settings)
    equipped.on("proxy", f"echo >> {ROUTES}")
    Docker(equipped, DOMAIN).distrusts(Docker.CERTIFICATES)
    try:
        with held(equipped) as connection:
            changed = equipped.deploy(inventory=inventory)
            assert asks_again(connection) == "HTTP/1.1 200 OK"
    finally:
        equipped.spoil()
    assert changed.report["hosts"]["proxy"]["Proxy"]["status"] == "done"
    assert changed.report["hosts"]["storage"]["Trust"]["status"] == "done"
    trusted = equipped.on("storage", f"cat {Docker.CERTIFICATES}/{DOMAIN}/ca.crt")
    assert ca.certificate.strip() in trusted
    assert "1200s" in equipped.on("proxy", f"cat {ROUTES}")
    assert equipped.on("proxy", f"tail -n 1 {ROUTES}").strip()
    assert pings(equipped, tmp_path / "ca")
    assert not pings(equipped, paths.state() / "bastion/harbor/ca.crt")
    assert equipped.on("proxy", ENVOY) == before


def wait_for_lines(process: subprocess.Popen[str], count: int) -> None:
    """So many images have gone there and back."""
    assert process.stdout
    for _ in range(count):
        line = process.stdout.readline()
        assert "there and back" in line, line + process.stdout.read()


@contextlib.contextmanager
def pushing(lab: Lab, count: int) -> Iterator[subprocess.Popen[str]]:
    """Pushes and pulls that go on beside."""
    folder = paths.state() / "bastion/harbor"
    command = [
        *(sys.executable, "-m", "lab", "exec", "--", sys.executable, "-m", "tests.lab.pushes"),
        *(str(folder / "ca.crt"), str(folder / "admin_password"), PROXY, str(count)),
    ]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def held(lab: Lab) -> Iterator[subprocess.Popen[str]]:
    """A connection through the proxy that stays open, and has been used."""
    ca = paths.state() / "bastion/harbor/ca.crt"
    command = [
        *(sys.executable, "-m", "lab", "exec", "--", "openssl", "s_client", "-quiet", "-no_ign_eof"),
        *("-connect", f"{PROXY}:443", "-servername", DOMAIN, "-CAfile", str(ca), "-verify_return_error"),
    ]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert asks_again(process) == "HTTP/1.1 200 OK"
            yield process
        finally:
            process.kill()


def asks_again(connection: subprocess.Popen[str]) -> str:
    """The first line of the answer to one more request on it; empty when it is closed."""
    assert connection.stdin
    assert connection.stdout
    try:
        connection.stdin.write(f"GET /api/v2.0/ping HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n")
        connection.stdin.flush()
    except BrokenPipeError:
        return ""
    first, length = connection.stdout.readline().strip(), 0
    while line := connection.stdout.readline().strip().lower():
        if line.startswith("content-length: "):
            length = int(line.partition(" ")[2])
    connection.stdout.read(length)
    return first


def pings(lab: Lab, ca: Path) -> bool:
    """Whether Harbor answers through the proxy, believing this authority alone."""
    asked = ("curl", "-sS", "--max-time", "30", "--cacert", str(ca), "--resolve", f"{DOMAIN}:443:{PROXY}")
    found: Result = lab.inside(*asked, f"https://{DOMAIN}/api/v2.0/ping", check=False)
    return "Pong" in found.output
