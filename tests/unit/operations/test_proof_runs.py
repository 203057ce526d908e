"""The proof from a node, really run, with a mount(8) that leads to a folder: what it does, says, leaves."""

import subprocess
from pathlib import Path

import pytest
from folder_host import FolderHost
from pyinfra.api import StringCommand
from pyinfra.context import ctx_host, ctx_state
from pyinfra_testing.util import FakeHost, FakeState

from breakwater.mounts import MountProof
from breakwater.operations import proof
from breakwater.settings import Export
from breakwater.survey import Survey

FILE = ".breakwater-proof-0badcafe"
# A file named for a program is the reason why it fails: on its own for all, or for one export.
FAILS = """
for f in "$HOST/fails/$(basename "$0")" "$HOST/fails/$(basename "$0")-$(basename "$5")"; do
    [ ! -e "$f" ] || { cat "$f" >&2; exit 32; }
done
"""
PROGRAMS = {
    "bash": FAILS,
    # a mount is a link in the place of the folder
    "mount": FAILS + 'echo "$*" >>"$HOST/log"; rmdir "$6" && ln -s "$HOST/server${5#*:}" "$6"',
    "umount": 'for d; do :; done; [ -L "$d" ] && rm "$d" && mkdir "$d"',
    "sync": FAILS + 'echo "$(basename "$0") $(cat "$1")" >>"$HOST/log"',
    "chown": FAILS + 'echo "$*" >>"$HOST/log"; [ -e "$HOST/squashed" ] || echo "$2" >"$HOST/owner"',
    "stat": """case $1 in -f) echo look >>"$HOST/log" ;; *) cat "$HOST/owner" ;; esac""",
}
EXPORTS = [
    Export(path="/srv/volumes", members=("node1", "node2")),
    Export(path="/srv/reports", members=("node1",), options=("ro",), mount_options=("nfsvers=4.2", "nosuid")),
    Export(path="/srv/secrets", networks=("10.0.0.0/24",), options=("sec=krb5p:sys",)),
    Export(path="/srv/not-mine", networks=("10.9.0.0/24",), members=("node2",)),
]


@pytest.fixture
def node(folder_host: FolderHost) -> FolderHost:
    """A node, and the server that it knows."""
    for name, script in PROGRAMS.items():
        folder_host.program(name, script)
    for folder in ("run", "fails", *(f"server{export.path}" for export in EXPORTS)):
        (folder_host.root / folder).mkdir(parents=True)
    (folder_host.root / "owner").write_text("0:0\n")
    return folder_host


def prove(
    node: FolderHost, used: MountProof, exports: list[Export], *, storage_looks: bool = True
) -> "subprocess.CompletedProcess[str]":
    """mount_and_write on that node, as pyinfra runs it; everything ended with nothing left in /run."""
    state = FakeState()
    state.is_executing = True
    with ctx_state.use(state), ctx_host.use(FakeHost(state, "node1", {}, {})):
        running = proof.mount_and_write._inner(
            due=lambda: True,
            proof=used,
            exports=exports,
            survey=Survey(addresses={"node1": ("10.0.0.21",)}),
            server="10.0.0.20",
            storage_looks=storage_looks,
        )
        done = node.run(StringCommand(next(running).get_raw_value().replace("/run/", f"{node.root}/run/")))
        if done.returncode == 0:
            list(running)
    assert list((node.root / "run").iterdir()) == []
    assert done.stdout == ""
    return done


@pytest.fixture
def used() -> MountProof:
    return MountProof(tokens={"node1": "0badcafe"})


def log(node: FolderHost) -> list[str]:
    """What was done, without the names of private folders."""
    file = node.root / "log"
    return [line.split(f" {node.root}")[0] for line in file.read_text().splitlines()] if file.exists() else []


SOFT = "soft,timeo=100,retrans=2,retry=0"
WRITTEN = [
    f"-t nfs -o nfsvers=4.1,noatime,{SOFT} 10.0.0.20:/srv/volumes",
    "sync node1 on /srv/volumes",
    "-h 999:999",
    "-h 10000:10000",
]


def test_each_export_is_used_as_it_may_be(node: FolderHost, used: MountProof) -> None:
    done = prove(node, used, EXPORTS)
    assert (done.returncode, done.stderr) == (0, "")
    assert log(node) == [
        *WRITTEN,
        f"-t nfs -o nfsvers=4.2,nosuid,{SOFT} 10.0.0.20:/srv/reports",
        f"-t nfs -o nfsvers=4.1,noatime,sec=krb5p,{SOFT} 10.0.0.20:/srv/secrets",
        "look",
    ]
    assert used.written == [("node1", "/srv/volumes")]
    assert (node.root / "server/srv/volumes" / FILE).read_text() == "node1 on /srv/volumes\n"


def test_a_link_that_others_put_there_is_not_followed(node: FolderHost, used: MountProof) -> None:
    precious = node.root / "precious"
    precious.write_text("of this node")
    (node.root / "server/srv/volumes" / FILE).symlink_to(precious)
    done = prove(node, used, EXPORTS[:1])
    assert done.stderr.startswith("10.0.0.20:/srv/volumes: write: File exists; on the storage host")
    assert precious.read_text() == "of this node"


def test_without_the_storage_host_it_removes_its_file_itself(node: FolderHost, used: MountProof) -> None:
    assert prove(node, used, EXPORTS[:1], storage_looks=False).returncode == 0
    assert log(node) == WRITTEN
    assert used.written == []
    assert list((node.root / "server/srv/volumes").iterdir()) == []


def test_a_server_that_is_gone_is_named_and_nothing_is_mounted(node: FolderHost, used: MountProof) -> None:
    (node.root / "fails/bash").write_text("0: line 1: /dev/tcp/10.0.0.20/2049: Connection refused")
    done = prove(node, used, EXPORTS)
    assert done.returncode == 1
    assert done.stderr == (
        "10.0.0.20: port 2049: Connection refused;"
        " on the storage host, see: systemctl status nfs-server\n"
    )  # fmt: skip
    assert log(node) == []


NODE = "node1 (10.0.0.21)"


@pytest.mark.parametrize(
    ("program", "said", "reason"),
    [
        (
            "mount-10.0.0.20:/srv/volumes",
            "mount.nfs: access denied by server",
            f"mount: access denied by server; on the storage host, exportfs -s must show it for {NODE}",
        ),
        (
            "sync",
            "sync: error syncing: No space left on device",
            f"write: No space left on device; on the storage host, exportfs -s must say rw for {NODE},"
            " and df some room",
        ),
        (
            "chown",
            "chown: changing ownership: Operation not permitted",
            "chown to 999: Operation not permitted; on the storage host, exportfs -s must say"
            f" no_root_squash,no_all_squash for {NODE}",
        ),
    ],
)
def test_a_step_that_fails_is_named_and_the_others_are_tried(
    node: FolderHost, used: MountProof, program: str, said: str, reason: str
) -> None:
    (node.root / "fails" / program.replace("10.0.0.20:/srv/", "")).write_text(said)
    done = prove(node, used, EXPORTS)
    assert done.returncode == 1
    assert done.stderr == f"10.0.0.20:/srv/volumes: {reason}\n"
    assert log(node)[-1] == "look"
    assert used.begun
    assert used.written == []
    # neither what it wrote, nor a mount
    assert list((node.root / "server/srv/volumes").iterdir()) == []


def test_a_chown_without_effect_is_seen(node: FolderHost, used: MountProof) -> None:
    (node.root / "squashed").touch()
    done = prove(node, used, EXPORTS[:1])
    assert done.stderr.startswith("10.0.0.20:/srv/volumes: chown to 999: it belongs to 0:0; on the storage")


def test_what_a_killed_proof_left_is_unmounted_and_nothing_else(node: FolderHost, used: MountProof) -> None:
    killed = node.root / "run/breakwater-proof.aBcD1234"
    killed.symlink_to(node.root / "server/srv/volumes")
    precious = node.root / "server/srv/volumes/precious"
    precious.touch()
    assert prove(node, used, EXPORTS[:1]).returncode == 0  # which looks at what is left in run
    assert precious.exists()


class TestOnTheStorageHost:
    @pytest.fixture
    def export(self, tmp_path: Path) -> Path:
        folder = tmp_path / "export"
        folder.mkdir()
        (folder / FILE).write_text(f"node1 on {folder}\n")
        (folder / ".breakwater-proof-deadbeef").touch()  # of a proof that was killed
        (folder / "volume").mkdir()
        (folder / ".breakwater-proof-of-mine").touch()
        return folder

    def seen(self, node: FolderHost, export: Path) -> "subprocess.CompletedProcess[str]":
        used = MountProof({"node1": "0badcafe"}, begun=True, written=[("node1", str(export))])
        state = FakeState()
        state.is_executing = True
        with ctx_state.use(state):
            [command] = proof.seen_from_nodes._inner(proof=used, exports=[Export(path=str(export))])
        done = node.run(command)
        assert {file.name for file in export.iterdir()} == {"volume", ".breakwater-proof-of-mine"}
        return done

    def test_the_file_is_seen_and_removed(self, node: FolderHost, export: Path) -> None:
        (node.root / "owner").write_text("10000:10000\n")
        done = self.seen(node, export)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_another_owner_is_named(self, node: FolderHost, export: Path) -> None:
        (node.root / "owner").write_text("65534:65534\n")
        done = self.seen(node, export)
        assert done.returncode == 1
        assert "node1 gave it to 10000:10000, and here it is 65534:65534's; exportfs -s must" in done.stderr

    def test_what_another_export_got_is_not_taken_for_it(self, node: FolderHost, export: Path) -> None:
        (node.root / "owner").write_text("10000:10000\n")
        (export / FILE).write_text("node1 on /srv/another\n")
        done = self.seen(node, export)
        assert done.returncode == 1
        assert f"{export / FILE}: what node1 wrote is not here; is this the host" in done.stderr
