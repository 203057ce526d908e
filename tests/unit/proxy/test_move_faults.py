"""What happens to a proxy in the middle of a change: killed runs that go on, a full disk, another machine."""

import fcntl
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from moving import Planned, answers
from proxy_host import ENVOY, ProxyHost

from breakwater.proxy.plan import LOCK
from breakwater.tls import Pair

if os.getuid() or not ENVOY.exists():
    pytest.skip("needs root, for files that only Envoy's user may read", allow_module_level=True)

ROUTES = "xds/rds.yaml"
# mv waits with the routes until it may go on.
HELD = """case $* in *rds.yaml) touch "$HOST/moving"; while [ -e "$HOST/hold" ]; do sleep 0.05; done;; esac
exec /usr/bin/mv "$@"
"""
OTHER_RUN = f"another run is still changing it after {{}} s; run again when `lslocks` does not list {LOCK}"


@pytest.fixture
def orphan(serving: ProxyHost, planned: Planned) -> Iterator[list[int]]:
    """A change whose run was killed, and which goes on when file `hold` is gone; its return code, then."""
    assert serving.deploy(planned(idle_timeout=600), stop_before="move")[-1] == "killed"
    serving.program("mv", HELD)
    (serving.root / "hold").touch()
    codes: list[int] = []
    going_on = threading.Thread(target=lambda: codes.append(serving.run(serving.reached).returncode))
    going_on.start()
    until_there(serving.root / "moving")
    yield codes
    (serving.root / "hold").unlink(missing_ok=True)
    going_on.join(30)
    assert codes == [0]


def until_there(path: Path) -> None:
    end = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_change_that_goes_on_after_its_run_is_waited_for(
    serving: ProxyHost, planned: Planned, orphan: list[int], ca: Pair
) -> None:
    threading.Timer(1.5, (serving.root / "hold").unlink).start()
    assert serving.deploy(planned(idle_timeout=700)) == ["private", "stage", "stage", "judge", "move"]
    assert orphan == [0]
    assert '"700s"' in (serving.directory / ROUTES).read_text()
    assert serving.deploy(planned(idle_timeout=700)) == []
    assert answers(serving, ca) == 200
    assert serving.starts == 1


def test_it_is_not_waited_for_without_end_and_nothing_of_it_is_touched(
    serving: ProxyHost, planned: Planned, orphan: list[int]
) -> None:
    before = serving.tree()
    [said] = serving.deploy(planned(idle_timeout=700), limit=1)
    assert OTHER_RUN.format(2) in as_on_a_host(serving, said)
    assert serving.tree() == before


def test_a_move_waits_for_another_and_says_so(serving: ProxyHost, planned: Planned) -> None:
    assert serving.deploy(planned(idle_timeout=600), stop_before="move", limit=1)[-1] == "killed"
    before = serving.tree()
    with Path(serving.mapped(LOCK)).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = serving.run(serving.reached)
    assert done.returncode == 1
    assert OTHER_RUN.format(1) in as_on_a_host(serving, done.stderr)
    assert serving.tree() == before


def as_on_a_host(host: ProxyHost, said: str) -> str:
    """With the places and the user's name that a real host has."""
    return said.replace(str(host.root), "").replace(host.mapped("breakwater-envoy"), "breakwater-envoy")


def test_what_was_staged_and_is_gone_changes_nothing(serving: ProxyHost, planned: Planned) -> None:
    assert serving.deploy(planned(idle_timeout=600), stop_before="move")[-1] == "killed"
    (serving.root / f"etc/breakwater/envoy.new/{ROUTES}").unlink()
    before = serving.tree()
    done = serving.run(serving.reached)
    assert "what was staged is gone, so nothing was changed" in done.stderr
    assert serving.tree() == before


@pytest.mark.parametrize(
    "harm",
    ["rm -rf $before", "cd $before/conf/sds; rm harbor.yaml; mkdir harbor.yaml"],
    ids=["gone", "broken"],
)
def test_nothing_live_is_removed_when_there_is_nothing_to_put_back(
    serving: ProxyHost, planned: Planned, pair: Pair, ca: Pair, harm: str
) -> None:
    before = f"before=$HOST/etc/breakwater/envoy.before; {harm}"
    serving.program("mv", f'case $* in *rds.yaml) {before}; exit 1;; esac; exec /usr/bin/mv "$@"\n')
    wanted = planned(idle_timeout=600, certificates={"registry.example.org": pair.certificate * 2 + pair.key})
    [said] = serving.deploy(wanted)
    assert "xds/rds.yaml could not be moved; what was there before could not be put back" in said
    (serving.programs / "mv").unlink()
    assert {f"envoy/{path}" for path in wanted.files} <= set(serving.tree())
    assert answers(serving, ca) == 200
    assert serving.deploy(wanted)[-1] == "move"
    assert serving.deploy(wanted) == []
    assert serving.starts == 1


@pytest.fixture
def small_disk(host: ProxyHost) -> Iterator[Path]:
    """Where the files are, and what is staged beside them."""
    place = host.root / "etc/breakwater"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", str(place)]
    if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no mounts here")
    yield place
    host.end()
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_changes_nothing(host: ProxyHost, small_disk: Path, planned: Planned, ca: Pair) -> None:
    assert host.deploy(planned())[-1] == "move"
    before, ballast = host.tree(), small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(bytes(2**21))
    [said] = host.deploy(planned(idle_timeout=600))
    assert "No space left on device" in said
    assert "xds/rds.yaml: not written whole; is the disk full?" in said
    ballast.unlink()
    assert host.tree() == before
    assert answers(host, ca) == 200
    assert host.deploy(planned(idle_timeout=600)) == ["private", "stage", "stage", "judge", "move"]
    assert host.deploy(planned(idle_timeout=600)) == []


def test_what_cannot_be_kept_is_not_changed(serving: ProxyHost, planned: Planned) -> None:
    before = serving.tree()
    serving.program("cp", "echo 'cp: No space left on device' >&2; exit 1")
    [said] = serving.deploy(planned(connections=300))
    assert "could not be kept, so nothing was changed" in said
    (serving.programs / "cp").unlink()
    assert serving.tree() == before
    assert serving.starts == 1
    assert serving.deploy(planned()) == []


def test_a_proxy_of_another_machine_is_told_so_before_anything_is_sent(
    host: ProxyHost, planned: Planned
) -> None:
    wanted = planned()
    other = {"x86_64": "aarch64", "aarch64": "x86_64"}[wanted.machine]
    host.program("uname", f"echo {other}\n")
    [said] = host.deploy(wanted)
    assert said == (
        f"failed: Envoy: this host is {other} and {ENVOY} is for {wanted.machine};"
        f" take proxies that are {wanted.machine}, or a bundle whose Envoy is for {other}"
    )
    assert list(host.tree()) == []
