"""The commands that operations make, really run: what they leave, what they put back, what they never do."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from folder_host import FolderHost
from pyinfra.api import FunctionCommand, StringCommand
from pyinfra.api.command import PyinfraCommand
from pyinfra.context import ctx_host, ctx_state
from pyinfra_testing.util import FakeHost, FakeState

from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal, attempt, refuse, write_file
from breakwater.leaving import Leaving
from breakwater.operations import nfs, proof
from breakwater.platforms import DEBIAN, install
from breakwater.proof import FILE, Proof
from breakwater.settings import Export
from breakwater.survey import Survey

ME = f"{os.getuid()}:{os.getgid()}"
OURS = "etc/exports.d/breakwater.exports"
AWKWARD = [
    "a b",
    "it's",
    '"quoted"',
    "$(touch executed)",
    "`touch executed`",
    "; touch executed",
    "-n %s \\n",
]


def sh(command: StringCommand, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command as pyinfra does."""
    text = command.get_raw_value()
    return subprocess.run(["dash", "-c", text], cwd=folder, capture_output=True, text=True, check=False)


def deploy(on: FolderHost, exports: list[Export], clients: list[list[str]]) -> list[str]:
    """nfs.server, then nfs.unexport, as pyinfra runs them: until a command fails. Errors, or what was run."""

    class Host(FakeHost):  # type: ignore[misc]
        def get_fact(self, fact: Any, **kwargs: Any) -> Any:
            return on.fact(fact, **kwargs)

    state, run = FakeState(), []
    state.active_hosts = []
    whole = [replace(export, networks=tuple(at)) for export, at in zip(exports, clients, strict=False)]
    leaving = Leaving(ClusterAccess("kubeconfig"), (), "nfs-provisioner", ())
    arguments: dict[str, Any] = {"exports": whole, "survey": Survey(), "leaving": leaving}
    with ctx_state.use(state), ctx_host.use(Host(state, "host", {}, {})):
        for operation in (nfs.server, nfs.unexport):
            for command in operation._inner(**arguments):
                done = on.run(command)
                run.append(command.get_raw_value().split()[0])
                if done.returncode:
                    return [f"failed: {done.stderr.strip() or done.returncode}"]
    return run


def kernel(on: FolderHost) -> list[str]:
    """What the host exports: PATH CLIENT, one a row."""
    table = on.root / "table"
    rows = table.read_text().splitlines() if table.exists() else []
    return [row.replace("  ", " ").partition("(")[0] for row in rows]


@pytest.fixture(autouse=True)
def no_volumes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster has none, so that what left the settings may go."""
    monkeypatch.setattr(nfs, "volumes_below", lambda *args: [])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where exported directories are."""
    return tmp_path / "data"


@pytest.fixture
def exports(data: Path) -> list[Export]:
    """Two directories, of the user who runs the tests."""
    return [Export(path=f"{data}/{name}", owner=ME, mode="0750") for name in ("volumes", "shared")]


@pytest.fixture
def clients() -> list[list[str]]:
    """Two nodes for the one, a network for the other."""
    return [["10.0.0.21", "10.0.0.22"], ["10.1.0.0/24"]]


@pytest.fixture
def serving(folder_host: FolderHost, exports: list[Export], clients: list[list[str]]) -> Iterator[FolderHost]:
    """A host that exports both."""
    assert deploy(folder_host, exports, clients) == ["mkdir", "mkdir", "systemctl", "mkdir"]
    yield folder_host
    left = {file.name for file in (folder_host.root / "etc/exports.d").iterdir()}
    assert left <= {"breakwater.exports", "breakwater.exports.before", "other.exports"}


def test_a_fresh_host_exports_and_then_has_nothing_to_do(
    serving: FolderHost, exports: list[Export], clients: list[list[str]], data: Path
) -> None:
    assert kernel(serving) == [
        f"{data}/volumes 10.0.0.21", f"{data}/volumes 10.0.0.22", f"{data}/shared 10.1.0.0/24"
    ]  # fmt: skip
    assert oct((data / "volumes").stat().st_mode) == "0o40750"
    assert not (serving.root / f"{OURS}.before").exists()
    before = (serving.root / OURS).stat()
    assert deploy(serving, exports, clients) == []
    assert (serving.root / OURS).stat() == before


def test_the_former_file_is_back_when_the_kernel_does_not_take_the_exports(
    serving: FolderHost, exports: list[Export], clients: list[list[str]]
) -> None:
    before, table = (serving.root / OURS).read_text(), kernel(serving)
    (serving.root / "deaf").touch()
    message = "failed: the kernel did not take these exports; the former file is back"
    assert deploy(serving, exports, [["10.0.0.29"], clients[1]]) == [message]
    assert (serving.root / OURS).read_text() == before
    assert not (serving.root / f"{OURS}.before").exists()
    (serving.root / "deaf").unlink()
    assert deploy(serving, exports, clients) == []
    assert kernel(serving) == table


def test_the_former_file_is_back_when_exportfs_fails_and_its_words_are_said(
    serving: FolderHost, exports: list[Export]
) -> None:
    before = (serving.root / OURS).read_text()
    (serving.root / "broken").touch()
    [said] = deploy(serving, exports, [["10.0.0.29"], ["10.0.0.29"]])
    assert said.startswith("failed: exportfs: Failed to stat")
    assert (serving.root / OURS).read_text() == before


def test_a_host_that_had_no_file_has_none_again_when_the_kernel_does_not_take_it(
    folder_host: FolderHost, exports: list[Export], clients: list[list[str]]
) -> None:
    (folder_host.root / "deaf").touch()
    [said] = deploy(folder_host, exports, clients)
    assert "the kernel did not take these exports" in said
    assert list((folder_host.root / "etc/exports.d").iterdir()) == []


def test_killed_between_file_and_kernel_the_next_run_ends_the_work(
    serving: FolderHost, exports: list[Export], clients: list[list[str]], data: Path
) -> None:
    (serving.root / "deadly").touch()
    assert deploy(serving, exports, [["10.0.0.29"], clients[1]]) == ["failed: -9"]
    assert f"{data}/volumes 10.0.0.21" in kernel(serving)
    assert deploy(serving, exports, [["10.0.0.29"], clients[1]]) == ["mkdir"]
    assert kernel(serving) == [f"{data}/volumes 10.0.0.29", f"{data}/shared 10.1.0.0/24"]
    assert deploy(serving, exports, [["10.0.0.29"], clients[1]]) == []


def test_killed_after_a_removal_the_next_run_unexports(
    serving: FolderHost, exports: list[Export], clients: list[list[str]], data: Path
) -> None:
    (serving.root / "deadly").touch()
    deploy(serving, exports[:1], clients[:1])
    assert f"{data}/shared 10.1.0.0/24" in kernel(serving)
    assert deploy(serving, exports[:1], clients[:1]) == ["mkdir"]
    assert kernel(serving) == [f"{data}/volumes 10.0.0.21", f"{data}/volumes 10.0.0.22"]
    assert (data / "shared").is_dir()
    assert deploy(serving, exports[:1], clients[:1]) == []


def test_killed_and_then_refused_the_file_that_had_worked_is_back(
    serving: FolderHost, exports: list[Export], clients: list[list[str]]
) -> None:
    before = (serving.root / OURS).read_text()
    (serving.root / "deadly").touch()
    deploy(serving, exports, [["10.0.0.28"], clients[1]])
    (serving.root / "deaf").touch()
    deploy(serving, exports, [["10.0.0.29"], clients[1]])
    assert (serving.root / OURS).read_text() == before


def test_what_others_export_stays(serving: FolderHost, exports: list[Export], data: Path) -> None:
    # without a newline at its end, as a person may leave it
    (serving.root / "etc/exports").write_text("/home *(ro)\n/opt *(ro)")
    (serving.root / "etc/exports.d/other.exports").write_text(f"{data}/volumes 10.9.9.9(ro)")
    assert deploy(serving, exports, [["10.0.0.29"], ["10.0.0.29"]]) == ["mkdir"]
    assert {"/home *", "/opt *", f"{data}/volumes 10.9.9.9"} <= set(kernel(serving))
    assert deploy(serving, exports, [["10.0.0.29"], ["10.0.0.29"]]) == []


def test_an_unreadable_file_of_ours_is_not_overwritten(
    serving: FolderHost, exports: list[Export], clients: list[list[str]]
) -> None:
    ours = serving.root / OURS
    ours.unlink()
    ours.mkdir()  # root reads everything but this
    [said] = deploy(serving, exports, [["10.0.0.29"], clients[1]])
    assert said == f"failed: {ours}: its present state could not be read, so nothing was changed"
    ours.rmdir()


@pytest.mark.parametrize("value", AWKWARD)
def test_write_file_writes_what_it_is_given(tmp_path: Path, value: str) -> None:
    target = tmp_path / f"{value.replace('/', '')}.conf"
    for text in (value, f"{value}\nsecond line\n"):
        assert sh(write_file(str(target), text, "600"), tmp_path).returncode == 0
        assert target.read_text() == text
        assert oct(target.stat().st_mode) == "0o100600"
    assert [file.name for file in tmp_path.iterdir()] == [target.name]


def test_write_file_leaves_the_old_file_when_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "file.new").mkdir()
    assert sh(write_file(f"{tmp_path}/file", "new"), tmp_path).returncode != 0
    assert (tmp_path / "file").read_text() == "old"


def test_write_file_is_not_led_into_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    assert sh(write_file(f"{tmp_path}/file", "new"), tmp_path).returncode != 0
    assert list((tmp_path / "file").iterdir()) == []


@pytest.mark.parametrize("value", AWKWARD)
def test_refuse_says_its_reason_and_fails(tmp_path: Path, value: str) -> None:
    done = sh(refuse(value), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{value}\n")
    assert list(tmp_path.iterdir()) == []


def test_attempt_ends_with_the_reason_of_a_refusal_and_runs_nothing_for_success() -> None:
    def work(reason: str) -> None:
        if reason:
            raise Refusal(reason)

    done: list[PyinfraCommand] = []
    failed: list[PyinfraCommand] = []
    for commands, reason in ((done, ""), (failed, "it's not there")):
        for command in attempt(work, reason):
            commands.append(command)
            if isinstance(command, FunctionCommand):
                command.function(*command.args, **command.kwargs)
    assert len(done) == 1
    assert failed[1:] == [refuse("it's not there")]


def test_attempt_hides_no_mistake_of_ours() -> None:
    def work() -> None:
        raise KeyError("a bug")

    command = next(iter(attempt(work)))
    with pytest.raises(KeyError):
        command.function()  # type: ignore[union-attr]


class TestProofOnTheStorageHost:
    """What a pod wrote is looked for, and removed, among other people's directories."""

    def commands(self, operation: Any, used: Proof, export: Path) -> list[StringCommand]:
        state = FakeState()
        state.is_executing = True
        with ctx_state.use(state), ctx_host.use(FakeHost(state, "host", {}, {})):
            return list(operation._inner(proof=used, export=str(export)))

    @pytest.fixture
    def used(self) -> Proof:
        return Proof("nfs-client", token="0badcafe", written=True)

    @pytest.fixture
    def export(self, tmp_path: Path, used: Proof) -> Path:
        for name in (f"ns-{used.claim}-pvc-1", "ns-other-pvc-2", "ns-breakwater-proof-ffff-pvc-3"):
            folder = tmp_path / "an export" / name
            folder.mkdir(parents=True)
            (folder / FILE).write_text(f"{used.token}\n")
        return tmp_path / "an export"

    def test_the_file_is_seen(self, used: Proof, export: Path) -> None:
        [command] = self.commands(proof.seen_on_storage, used, export)
        done = sh(command, export)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    @pytest.mark.parametrize("harm", ["missing", "other content", "no export"])
    def test_the_file_is_not_seen(self, used: Proof, export: Path, harm: str) -> None:
        file = export / f"ns-{used.claim}-pvc-1" / FILE
        if harm == "missing":
            file.unlink()
        if harm == "other content":
            file.write_text("somebody else's\n")
        [command] = self.commands(
            proof.seen_on_storage, used, export / "x" if harm == "no export" else export
        )
        done = sh(command, file.parent)
        assert done.returncode == 1
        assert "the file that a pod wrote is not here" in done.stderr

    @pytest.mark.parametrize("archived", ["", "archived-"])
    def test_only_its_own_directory_is_removed(self, used: Proof, export: Path, archived: str) -> None:
        folder = export / f"ns-{used.claim}-pvc-1"
        folder.rename(export / f"{archived}{folder.name}")
        note = f"a-{used.claim}-note"
        (export / note).write_text("a file is nobody's volume")
        (export / "archived-ns-breakwater-proof-deadbeef-pvc-4").mkdir()  # of a proof that was killed
        [command] = self.commands(proof.remove_directory, used, export)
        assert sh(command, export).returncode == 0
        left = {file.name for file in export.iterdir()}
        assert left == {"ns-breakwater-proof-ffff-pvc-3", "ns-other-pvc-2", note}
        assert sh(command, export).returncode == 0

    def test_nothing_is_done_where_nothing_was_written(self, export: Path) -> None:
        unwritten = Proof("nfs-client", token="0badcafe")
        for operation in (proof.seen_on_storage, proof.remove_directory):
            assert self.commands(operation, unwritten, export) == []


APT_GET = """
echo "$*" >> "$HOST/log"
case $* in
*update*) touch "$HOST/fresh" ;;
*) {fails} || touch "$HOST/installed" ;;
esac
[ -e "$HOST/installed" ] || case $* in *update*) ;; *) exit 100 ;; esac
"""


@pytest.mark.parametrize(
    ("fails", "repaired", "verbs"),
    [
        ("false", True, ["install"]),
        ('[ ! -e "$HOST/repaired" ]', True, ["install", "install"]),
        ('[ ! -e "$HOST/fresh" ]', True, ["install", "install", "update", "install"]),
        ('[ ! -e "$HOST/fresh" ]', False, ["install", "update", "install"]),
    ],
    ids=["at once", "after a repair", "after fresh lists", "when the repair fails too"],
)
def test_install_tries_repairs_and_refreshes(
    folder_host: FolderHost, fails: str, repaired: bool, verbs: list[str]
) -> None:
    folder_host.program("apt-get", APT_GET.replace("{fails}", fails))
    folder_host.program("dpkg", 'touch "$HOST/repaired"' if repaired else "exit 1")
    assert folder_host.run(install(DEBIAN, "nfs-common")).returncode == 0
    log = (folder_host.root / "log").read_text().splitlines()
    assert ["update" if "update" in line else "install" for line in log] == verbs
    assert shlex.split(log[0])[-1] == "nfs-common"


def test_install_fails_when_nothing_helps(folder_host: FolderHost) -> None:
    folder_host.program("apt-get", "exit 100")
    folder_host.program("dpkg", "")
    assert folder_host.run(install(DEBIAN, "nfs-common")).returncode != 0
