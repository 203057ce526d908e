"""What preflight reads of a host: its own programs and files where it may run here, raw answers where not."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from folder_host import FolderHost
from pyinfra.api import FactProcessError

from breakwater.facts.firewall import Firewall
from breakwater.facts.preflight import Disk, HostState, PackageRun, PackageRuns, Preflight

LOCKER = """
import fcntl, sys
with open(sys.argv[1], "w") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("locked", flush=True)
    sys.stdin.read()
"""


def state_of(*lines: str) -> HostState:
    """What an answer comes to."""
    return Preflight().process([*lines, "end="])


def test_a_node(folder_host: FolderHost) -> None:
    folder_host.program("modprobe", '[ "$3" = nfs ]')
    folder_host.program("id", "echo 0")
    folder_host.program("ip", "echo '10.0.0.20 via 10.0.0.1 dev eth0 src 10.0.0.21 uid 0 \\    cache'")
    (folder_host.root / "etc/machine-id").write_text("abc\n")
    state = folder_host.fact(Preflight, storage="10.0.0.20")
    assert (state.system, state.version, state.user) == (("debian",), "13", 0)
    assert (state.machine_id, state.address, state.source) == ("abc", "10.0.0.20", "10.0.0.21")
    assert "nfs" in state.modules
    assert state.clock > 1.7e9
    # What was not asked for is not there.
    assert (state.port, state.disks, state.listeners, state.firewall) == ("", {}, None, None)


def test_a_host_that_says_little(folder_host: FolderHost) -> None:
    (folder_host.root / "etc/os-release").unlink()
    folder_host.program("ip", "exit 2")
    folder_host.program("modprobe", "exit 1")
    state = folder_host.fact(Preflight, storage="10.0.0.20", locks=["/nowhere/lock"], mounts=False)
    assert (state.system, state.machine_id, state.source) == ((), "", "")
    assert state.package_run is None


@pytest.mark.parametrize("name", ["localhost", "no.such.host.invalid"])
def test_a_name_is_looked_up_on_the_host(folder_host: FolderHost, name: str) -> None:
    folder_host.program("ip", 'echo "to $4 src 127.0.0.9"')
    state = folder_host.fact(Preflight, storage=name)
    if name == "localhost":
        assert state.address in ("127.0.0.1", "::1")
        assert state.source == "127.0.0.9"
    else:
        assert (state.address, state.source) == ("", "")


def test_a_port_that_refuses(folder_host: FolderHost) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 2049)) == 0:
            pytest.skip("something listens at this machine's port 2049")
    assert folder_host.fact(Preflight, storage="127.0.0.1", mounts=True).port == "refused"


@pytest.mark.parametrize(
    ("answer", "port"),
    [
        ("0", "open"),
        (
            "1 bash: connect: Connection refused bash: line 1: /dev/tcp/1::1/2049: Connection refused",
            "refused",
        ),
        ("124", "blocked"),
        # icmp admin-prohibited, as firewalld answers
        (
            "1 bash: connect: No route to host bash: line 1: /dev/tcp/1::1/2049: No route to host",
            "blocked",
        ),
    ],
)
def test_what_became_of_a_connection(answer: str, port: str) -> None:
    assert state_of(f"port={answer}").port == port


def test_who_holds_a_lock(folder_host: FolderHost, tmp_path: Path) -> None:
    free, held = tmp_path / "free", tmp_path / "held"
    free.touch()
    asked = [str(tmp_path / "missing"), str(free), str(held)]
    command = [sys.executable, "-c", LOCKER, str(held)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "locked\n"
        name = Path(f"/proc/{process.pid}/comm").read_text().strip()
        assert folder_host.fact(PackageRuns, locks=asked) == PackageRun(process.pid, name)
        found = folder_host.fact(Preflight, storage="127.0.0.1", locks=asked)
        assert found.package_run == PackageRun(process.pid, name)
        process.stdin.close()
    assert folder_host.fact(PackageRuns, locks=asked) is None


def test_room_under_directories_that_are_there_or_not(folder_host: FolderHost, tmp_path: Path) -> None:
    here = os.statvfs(tmp_path)
    exports = [f"{tmp_path}/a/b", str(tmp_path), "/no/such/place"]
    state = folder_host.fact(Preflight, storage="127.0.0.1", exports=exports)
    assert list(state.disks) == exports
    assert state.disks[exports[0]].size == here.f_blocks * here.f_frsize
    assert state.disks[exports[0]].mount == state.disks[exports[1]].mount
    assert state.disks["/no/such/place"].mount == "/"


def test_what_was_mounted_last_at_a_place_is_what_is_there() -> None:
    state = state_of("mount=/ rw", "mount=/a ro", "mount=/b rw", "mount=/b ro", "mount=/c ro", "mount=/c rw")
    assert state.read_only == {"/a", "/b"}


def test_disks() -> None:
    state = state_of(
        "disk=/srv/a 1K-blocks Avail Mounted on", "disk=/srv/a 100 10 /srv/with space", "disk=/p - - /p"
    )
    assert state.disks == {"/srv/a": Disk(102400, 10240, "/srv/with space")}


def test_listeners() -> None:
    assert state_of().listeners is None
    assert state_of("listeners=read").listeners == ()
    kernel = "LISTEN 0      4096   0.0.0.0:2049 0.0.0.0:*"
    ganesha = 'LISTEN 0 5 *:2049 *:* users:(("ganesha.nfsd",pid=812,fd=10),("ganesha.nfsd",pid=812,fd=11))'
    state = state_of("listeners=read", f"listener={kernel}", f"listener={ganesha}")
    assert state.listeners == ("", "ganesha.nfsd (process 812)")


def test_selinux() -> None:
    state = state_of("enforcing=1", "boolean=virt_use_nfs 0", "boolean=nfs_export_all_rw 1")
    assert (state.enforcing, state.booleans) == (True, {"virt_use_nfs": False, "nfs_export_all_rw": True})
    assert not state_of("enforcing=0").enforcing
    assert not state_of().enforcing


def test_whoever_does_not_say_who_he_is_is_not_root() -> None:
    assert state_of("user=").user == -1


@pytest.mark.parametrize(
    "line", ["user=me", "clock=now", "disk=/srv", "package_run=x y", "mount=/", "boolean=b"]
)
def test_an_answer_of_another_kind_ends_no_run(line: str) -> None:
    with pytest.raises(FactProcessError):
        state_of(line)


class TestFirewall:
    def read(self, host: FolderHost) -> Firewall | None:
        state = host.fact(Preflight, storage="10.0.0.20", firewall="10.0.0.21")
        assert isinstance(state, HostState)
        return state.firewall

    def test_firewalld(self, folder_host: FolderHost) -> None:
        folder_host.program("systemctl", '[ "$1 $3" = "is-active firewalld" ]')
        folder_host.program("ip", "echo '10.0.0.21 dev enp1s0 src 10.0.0.20 uid 0'")
        script = """
case "$*" in
"--get-zone-of-interface=enp1s0") echo internal ;;
"--zone=internal --list-rich-rules") echo 'rule a'; echo 'rule b' ;;
"--permanent --zone=internal --list-rich-rules") echo 'rule a' ;;
*) exit 1 ;;
esac
"""
        folder_host.program("firewall-cmd", script)
        assert self.read(folder_host) == Firewall("firewalld", "internal", ("rule a", "rule b"), ("rule a",))
        folder_host.program("firewall-cmd", '[ "$1" = --get-default-zone ] && echo public || [ $# = 2 ]')
        assert self.read(folder_host) == Firewall("unknown")
        folder_host.program("firewall-cmd", "case $1 in *default*) echo public;; *interface*) exit 2;; esac")
        assert self.read(folder_host) == Firewall("firewalld", "public")

    def test_ufw(self, folder_host: FolderHost) -> None:
        script = "[ \"$1\" = status ] && echo 'Status: active' || echo 'ufw allow 22/tcp'"
        folder_host.program("ufw", script)
        assert self.read(folder_host) == Firewall("ufw", rules=("ufw allow 22/tcp",))
        folder_host.program("ufw", "echo 'Status: inactive'")
        folder_host.program("nft", "true")
        assert self.read(folder_host) == Firewall("nftables")

    def test_nftables(self, folder_host: FolderHost) -> None:
        folder_host.program("nft", "echo 'table inet filter {'; echo '}'")
        assert self.read(folder_host) == Firewall("nftables", rules=("table inet filter {", "}"))
        # Not permitted is not open.
        folder_host.program("nft", "echo 'Operation not permitted' >&2; exit 1")
        assert self.read(folder_host) == Firewall("unknown")
