"""What is done to a proxy, really done: on files, by the real Envoy, which listens on a port of loopback."""

import os
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from proxy_files import certificate, version
from proxy_host import ENVOY, ProxyHost

from breakwater.proxy.plan import Turn

if os.getuid() or not ENVOY.exists():
    pytest.skip("needs root, for files that only Envoy's user may read", allow_module_level=True)

FRESH = ["directories", "private", "upload", "arrived", "private", *["stage"] * 8, "judge", "move"]


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> str:
    return certificate(tmp_path_factory.mktemp("tls"), "registry.example.org")


@pytest.fixture(scope="module")
def other_pem(tmp_path_factory: pytest.TempPathFactory) -> str:
    return certificate(tmp_path_factory.mktemp("tls"), "registry.example.org")


@pytest.fixture
def proxy() -> Iterator[ProxyHost]:
    """A host without Envoy; its folder is no test's own, since those only root may enter."""
    with tempfile.TemporaryDirectory(prefix="proxy") as folder:
        host = ProxyHost(Path(folder))
        yield host
        host.end()


@pytest.fixture
def serving(proxy: ProxyHost, pem: str) -> ProxyHost:
    assert proxy.deploy(proxy.plan(pem)) == FRESH
    return proxy


def served(host: ProxyHost) -> bytes:
    """The certificate that a client sees."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", host.port), 5) as plain,
        context.wrap_socket(plain, server_hostname="registry.example.org") as opened,
    ):
        return opened.getpeercert(binary_form=True) or b""


def test_a_fresh_host_serves_and_then_has_nothing_to_do(serving: ProxyHost, pem: str) -> None:
    assert served(serving) == ssl.PEM_cert_to_DER_cert(pem.partition("-----BEGIN PRIVATE")[0])
    assert set(serving.tree()) == {
        "breakwater/envoy",
        *(f"envoy/{path}" for path in serving.plan(pem).files),
    }
    secret = (serving.directory / "sds/registry.yaml").stat()
    assert oct(secret.st_mode) == "0o100640"
    assert oct((serving.directory / "sds").stat().st_mode) == "0o40750"
    before, pid = serving.tree(), serving.pid
    assert serving.deploy(serving.plan(pem)) == []
    assert (serving.tree(), serving.pid, serving.starts) == (before, pid, 1)


def test_routes_endpoints_and_certificate_change_without_a_restart(
    serving: ProxyHost, pem: str, other_pem: str
) -> None:
    with socket.create_connection(("127.0.0.1", serving.port), 5) as kept:
        wanted = serving.plan(other_pem, upstream=serving.upstream + 1, route_timeout="7s")
        assert serving.deploy(wanted) == ["private", *["stage"] * 4, "judge", "move"]
        kept.settimeout(0.2)
        with pytest.raises(TimeoutError):
            kept.recv(1)  # an end would be read as b""
    assert served(serving) == ssl.PEM_cert_to_DER_cert(other_pem.partition("-----BEGIN PRIVATE")[0])
    assert {v.strip('"') for v in serving.stats("version_text").values()} == {
        version(text) for path, text in wanted.files.items() if path != "bootstrap.yaml"
    }
    assert serving.starts == 1
    assert serving.deploy(wanted) == []


def test_another_bootstrap_restarts_it(serving: ProxyHost, pem: str) -> None:
    wanted = serving.plan(pem, connections=300)
    assert serving.deploy(wanted) == ["private", "stage", "stage", "judge", "move"]
    assert serving.starts == 2
    assert serving.deploy(wanted) == []


def test_another_binary_restarts_it(serving: ProxyHost, pem: str, tmp_path: Path) -> None:
    newer = tmp_path / "envoy"
    newer.write_bytes(ENVOY.read_bytes() + b"newer")
    wanted = serving.plan(pem, binary=newer)
    assert serving.deploy(wanted) == ["private", "upload", "arrived", "private", "stage", "judge", "move"]
    assert serving.starts == 2
    assert serving.deploy(wanted) == []


def test_a_binary_that_is_no_envoy_is_found_before_anything_moves(
    serving: ProxyHost, pem: str, tmp_path: Path
) -> None:
    wrong, before = tmp_path / "envoy", serving.tree()
    wrong.write_text("#!/bin/sh\necho 'GLIBC_2.99 not found' >&2; exit 1\n")
    [said] = serving.deploy(serving.plan(pem, binary=wrong))
    assert said.startswith("failed: Envoy refuses these files, so none was changed: GLIBC_2.99 not found")
    assert serving.starts == 1
    assert serving.deploy(serving.plan(pem)) == ["remove"]
    assert serving.tree() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"route_timeout": "banana"}, "banana"),
        ({"cluster": "nowhere"}, "unknown cluster 'nowhere'"),
    ],
)
def test_what_envoy_refuses_changes_nothing_and_shows_no_secret(
    serving: ProxyHost, pem: str, change: dict[str, Any], words: str
) -> None:
    before = serving.tree()
    [said] = serving.deploy(serving.plan(pem, **change))
    assert "Envoy refuses these files, so none was changed" in said
    assert words in said or "duration" in said.lower()
    assert "BEGIN" not in said
    assert not any(line in said for line in pem.splitlines() if len(line) > 20)
    assert serving.tree() == before
    assert serving.starts == 1


def test_files_that_only_a_running_envoy_refuses_are_put_back(serving: ProxyHost, pem: str) -> None:
    """The flattened text is what the judge reads; here it says something else than the files."""
    good, before = serving.plan(pem), serving.tree()
    wanted = serving.plan(pem, cluster="nowhere", flat=lambda texts: good.flattened)
    [said] = serving.deploy(wanted)
    assert "it refused: http.https.rds.harbor.update_rejected; what was there before is back" in said
    assert "route: unknown cluster 'nowhere'" in said
    assert serving.tree() == before
    assert serving.starts == 1
    assert serving.deploy(good) == []


def test_a_listener_whose_port_is_taken_is_put_back(serving: ProxyHost, pem: str) -> None:
    before = serving.tree()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        [said] = serving.deploy(serving.plan(pem, port=other.getsockname()[1]))
    assert "Address already in use" in said
    assert serving.tree() == before
    assert serving.deploy(serving.plan(pem)) == []
    assert served(serving)


def test_a_first_start_without_its_listener_leaves_nothing(proxy: ProxyHost, pem: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", proxy.port))
        other.listen()
        [said] = proxy.deploy(proxy.plan(pem))
    assert "Address already in use" in said
    assert "listener_create_failure" in said or "update_rejected" in said
    assert not (proxy.root / "enabled").exists()
    assert not list((proxy.root / "etc/systemd/system").iterdir())
    again = proxy.deploy(proxy.plan(pem))
    assert again[-1] == "move"
    assert proxy.deploy(proxy.plan(pem)) == []


def test_a_bootstrap_with_which_it_does_not_start_is_put_back(serving: ProxyHost, pem: str) -> None:
    before, good = serving.tree(), serving.plan(pem)
    wanted = serving.plan(pem, also={"bootstrap.yaml": "admin: 3\n"})
    [said] = serving.deploy(wanted, limit=3)
    assert "not served after 3 s" in said
    assert "what was there before is back" in said
    assert serving.tree() == before
    for _ in range(50):
        if serving.socket.exists():
            break
        time.sleep(0.1)
    assert serving.deploy(good) == []


def test_files_edited_by_hand_are_put_back(serving: ProxyHost, pem: str) -> None:
    before = serving.tree()
    for path in ("xds/rds.yaml", "sds/registry.yaml"):
        (serving.directory / path).write_text("half a fi")
    (serving.directory / "xds/lds.yaml").chmod(0o600)
    (serving.directory / "sds/left.yaml").write_text("of a domain that left\n")
    (serving.directory / "notes.txt").write_text("mine")
    assert serving.deploy(serving.plan(pem)) == ["private", *["stage"] * 4, "judge", "move", "remove"]
    assert {**before, "envoy/notes.txt": serving.tree()["envoy/notes.txt"]} == serving.tree()
    assert serving.starts == 1


def test_envoy_that_was_ended_is_started(serving: ProxyHost, pem: str) -> None:
    serving.end()
    time.sleep(0.2)
    assert serving.deploy(serving.plan(pem)) == ["move"]
    assert serving.starts == 2
    assert served(serving)


def test_envoy_that_is_not_enabled_is_and_goes_on(serving: ProxyHost, pem: str) -> None:
    (serving.root / "enabled").unlink()
    assert serving.deploy(serving.plan(pem)) == ["move"]
    assert serving.starts == 1


@pytest.mark.parametrize("stop_before", ["arrived", "judge", "move"])
def test_a_run_that_was_killed_while_it_staged_is_run_again(
    proxy: ProxyHost, pem: str, stop_before: str
) -> None:
    assert proxy.deploy(proxy.plan(pem), stop_before=stop_before)[-1] == "killed"
    assert proxy.deploy(proxy.plan(pem))[-1] == "move"
    assert served(proxy)
    assert not [name for name in proxy.tree() if "new" in name]
    assert proxy.deploy(proxy.plan(pem)) == []


MOVES = ["sds/registry.yaml", "xds/eds.yaml", "xds/rds.yaml"]


@pytest.mark.parametrize("file", MOVES)
def test_killed_between_two_renames_it_converges(
    serving: ProxyHost, pem: str, other_pem: str, file: str
) -> None:
    # mv ends what called it, when it is asked for this file
    serving.program("mv", f'case $* in *{file}) kill -9 $PPID; exit 1;; esac; exec /usr/bin/mv "$@"\n')
    wanted = serving.plan(other_pem, upstream=serving.upstream + 1, route_timeout="7s")
    assert serving.deploy(wanted) == ["failed: -9"]
    (serving.programs / "mv").unlink()
    assert serving.deploy(wanted)[-1] == "move"
    assert serving.deploy(wanted) == []
    assert serving.starts == 1
    assert not [name for name in serving.tree() if "before" in name or "new" in name]


def test_killed_and_then_refused_what_had_worked_is_back(
    serving: ProxyHost, pem: str, other_pem: str
) -> None:
    good, before = serving.plan(pem), serving.tree()
    serving.program("mv", 'case $* in *rds.yaml) kill -9 $PPID; exit 1;; esac; exec /usr/bin/mv "$@"\n')
    assert serving.deploy(serving.plan(other_pem, route_timeout="7s")) == ["failed: -9"]
    (serving.programs / "mv").unlink()
    wanted = serving.plan(other_pem, cluster="nowhere", flat=lambda texts: good.flattened)
    assert "unknown cluster" in serving.deploy(wanted)[0]
    assert serving.tree() == before
    assert serving.deploy(good) == []


def test_killed_before_the_restart_it_is_restarted(serving: ProxyHost, pem: str) -> None:
    wanted = serving.plan(pem, connections=300)
    systemctl = (serving.programs / "systemctl").read_text()
    serving.program("systemctl", f'[ "$1" != restart ] || {{ kill -9 $PPID; exit 1; }}\n{systemctl[10:]}')
    assert serving.deploy(wanted) == ["failed: -9"]
    serving.program("systemctl", systemctl[10:])
    assert serving.starts == 1
    assert serving.deploy(wanted) == ["remove", "private", "stage", "stage", "judge", "move"]
    assert serving.starts == 2
    assert serving.deploy(wanted) == []


def test_a_binary_that_arrives_cut_is_not_used(proxy: ProxyHost, pem: str, tmp_path: Path) -> None:
    whole, cut = proxy.plan(pem), tmp_path / "envoy"
    cut.write_bytes(ENVOY.read_bytes()[:5000])
    [said] = proxy.deploy(type(whole)(str(cut), whole.digest, whole.unit, whole.files, whole.flattened))
    assert said == "failed: Envoy: its binary did not arrive whole; is the disk full?"
    assert list(proxy.tree()) == []
    assert proxy.deploy(whole)[-1] == "move"


def test_the_next_proxy_is_left_when_one_did_not_come_through(proxy: ProxyHost, pem: str) -> None:
    turn = Turn()
    with tempfile.TemporaryDirectory(prefix="proxy") as folder:
        second = ProxyHost(Path(folder))
        try:
            assert second.deploy(second.plan(pem), turn)[-1] == "move"
            with socket.socket() as other:
                other.bind(("127.0.0.1", proxy.port))
                other.listen()
                assert "Address already in use" in proxy.deploy(proxy.plan(pem), turn)[0]
            [said] = second.deploy(second.plan(pem, connections=300), turn)
            first = proxy.root.name
            assert said == f"failed: Envoy: left as it is, because {first} did not come through; see there"
            assert second.starts == 1
        finally:
            second.end()
