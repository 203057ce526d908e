"""What a run refuses before it begins, and when it owes a proof."""

import sys
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import Config, Inventory, State

from breakwater.run import Run, this_run
from breakwater.settings import Settings, load
from breakwater.summary import PartResult

GROUPS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "storage": (["@fake/storage"], {}),
    "nodes": (["@fake/node1"], {}),
    "proxies": ([], {}),
    "bastion": (["@local"], {}),
}
HOSTS = {
    "storage": {"@fake/storage": "10.0.0.20"},
    "nodes": {"@fake/node1": "10.0.0.21"},
    "proxies": {},
    "bastion": {"@local": "127.0.0.1"},
}
GOOD: dict[str, Any] = {"exports": [{"path": "/srv/nfs", "storage_class": "nfs-client"}]}


def state_with(
    settings: dict[str, Any] | None = None, options: dict[str, Any] | None = None, yes: bool = True
) -> State:
    """pyinfra's state as deploy.py finds it."""
    addresses = {name: address for hosts in HOSTS.values() for name, address in hosts.items()}
    every = [(name, {"ssh_hostname": address}) for name, address in addresses.items()]
    inventory = Inventory(
        (every, settings if settings is not None else GOOD), override_data=options or {}, **GROUPS
    )
    return State(inventory, Config(), check_for_changes=not yes)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default state folder is relative; nothing is registered for the tests' own end."""
    monkeypatch.chdir(tmp_path)
    # No kubeconfig of whoever runs the tests: the runs would take its cluster's lease.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("atexit.register", lambda function: function)
    monkeypatch.setattr(sys, "argv", ["pyinfra", "-y", "inventory.py", "deploy.py"])


def refused(state: State, capsys: pytest.CaptureFixture[str]) -> str:
    """What is printed when the run is refused."""
    with pytest.raises(SystemExit) as ended:
        this_run(state)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert not Path(".breakwater/proved").exists()
    return said.err.strip()


class TestRefusals:
    def test_wrong_settings_are_all_said(self, capsys: pytest.CaptureFixture[str]) -> None:
        wrong = {"exports": [{"path": "srv", "storage_class": "A_B"}], "kubeconfg": "x"}
        keys = [line.partition(":")[0] for line in refused(state_with(wrong), capsys).splitlines()]
        assert keys == ["kubeconfg", "exports[0].path", "exports[0].storage_class"]

    @pytest.mark.parametrize(
        ("flag", "said"),
        [
            (
                "--no-wait",
                "--no-wait is refused: it lets one host run ahead of others that have failed; leave it away",
            ),
            (
                "--serial",
                "--serial is refused: it changes one host before the others were looked at; leave it away",
            ),
        ],
    )
    def test_ways_of_running(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flag: str, said: str
    ) -> None:
        monkeypatch.setattr(sys, "argv", [*sys.argv, flag])
        assert refused(state_with(), capsys) == said

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"reprot": "x"}, "--data reprot: unknown; did you mean 'report'?"),
            (
                {"zzz": "x"},
                "--data zzz: unknown; known are"
                " adopt_secrets, force, harbor_data, new_ca, prove, report, reset_password, rotate",
            ),
            ({"adopt_secrets": "mine"}, "--data adopt_secrets: 'mine' is not 'cluster' or 'bastion'"),
            ({"prove": "yes"}, "--data prove: 'yes' is not 'always'"),
        ],
    )
    def test_unknown_data(
        self, capsys: pytest.CaptureFixture[str], options: dict[str, Any], said: str
    ) -> None:
        assert refused(state_with(options=options), capsys) == said

    def test_nobody_to_ask(self, capsys: pytest.CaptureFixture[str]) -> None:
        # pytest's own stdin is no terminal either
        said = "no terminal to ask at: add -y to go on without a question, or --dry to only look"
        assert refused(state_with(yes=False), capsys) == said

    @pytest.mark.parametrize("flag", ["--dry", "--json"])
    def test_who_only_looks_is_not_asked(self, monkeypatch: pytest.MonkeyPatch, flag: str) -> None:
        monkeypatch.setattr(sys, "argv", [*sys.argv, flag])
        assert this_run(state_with(yes=False)).settings.classes

    def test_bundle_that_is_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        said = refused(state_with({**GOOD, "bundle": "nowhere"}), capsys)
        assert said == "bundle nowhere: bundle.json cannot be read: No such file or directory"

    def test_bundle_without_harbor_when_there_is_a_domain(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("bundle").mkdir()
        Path("bundle/bundle.json").write_text('{"format": 1, "charts": [], "images": [], "binaries": []}')
        said = refused(state_with({**GOOD, "bundle": "bundle", "domain": "r.example.org"}), capsys)
        assert "harbor 1.19.1" in said

    def test_without_a_domain_there_is_no_harbor(self) -> None:
        assert this_run(state_with()).harbor is None

    def test_with_a_domain_a_person_is_told_where_it_is(self) -> None:
        run = this_run(state_with({**GOOD, "domain": "r.example.org"}))
        assert run.harbor
        assert run.summary.next_step == run.harbor.next_step

    def test_state_folder_that_cannot_be_made(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("file").touch()
        said = refused(state_with({**GOOD, "state": "file/folder"}), capsys)
        assert (
            said == "state: file/folder cannot be used: Not a directory; name a folder that you can write to"
        )

    def test_another_run(self, capsys: pytest.CaptureFixture[str]) -> None:
        first = this_run(state_with())
        assert refused(state_with(), capsys).startswith("another run is going on: ")
        del first

    def test_a_dry_run_needs_no_lock_and_leaves_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "argv", ["pyinfra", "--dry", "inventory.py", "deploy.py"])
        this_run(state_with(yes=False))
        assert list(Path().iterdir()) == []


def test_hosts_share_one_run() -> None:
    state = state_with()
    assert this_run(state) is this_run(state)


def test_the_next_step_is_a_command_that_shows_what_was_made() -> None:
    assert this_run(state_with()).summary.next_step == "kubectl get storageclass nfs-client"


def test_without_classes_the_next_step_is_the_users_own_tests() -> None:
    plain = {"exports": [{"path": "/srv/nfs"}]}
    assert this_run(state_with(plain)).summary.next_step == "pytest tests/hosts"


def test_every_step_of_a_proof_has_the_same_one() -> None:
    run = this_run(state_with())
    [export] = run.settings.classes
    assert run.proof_of(export) is run.proof_of(export)
    assert run.proof_of(export).storage_class == "nfs-client"


class TestOwesProof:
    """Runs one after the other on one folder, some of which do not come to their end."""

    def begun(self, settings: Settings | None = None, options: dict[str, Any] | None = None) -> Run:
        run = Run(state_with(options=options), settings or self.settings())
        run.begin_changes()
        return run

    def ended(self, run: Run) -> None:
        run.end_changes()
        self.killed(run)

    def killed(self, run: Run) -> None:
        assert run._lock
        run._lock.close()

    def settings(self, **over: Any) -> Settings:
        return load({**GOOD, **over}, HOSTS)

    def test_the_first_run_does(self) -> None:
        run = self.begun()
        assert run.owes_proof()
        self.ended(run)

    def test_a_run_that_changed_nothing_does_not_and_writes_nothing(self) -> None:
        self.ended(self.begun())
        before = {
            file: (file.stat().st_mtime_ns, file.read_bytes()) for file in Path(".breakwater").iterdir()
        }
        run = self.begun()
        assert not run.owes_proof()
        self.ended(run)
        after = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in Path(".breakwater").iterdir()}
        lock = Path(".breakwater/lock")
        assert before.keys() == after.keys() == {lock, Path(".breakwater/proved")}
        assert {**after, lock: before[lock]} == before

    def test_every_host_begins_and_the_mark_moves_once(self) -> None:
        self.ended(self.begun())
        run = self.begun()
        run.begin_changes()
        assert not run.owes_proof()
        self.ended(run)

    def test_the_run_after_a_killed_one_does(self) -> None:
        self.ended(self.begun())
        self.killed(self.begun())
        run = self.begun()
        assert run.owes_proof()
        self.killed(run)
        run = self.begun()
        assert run.owes_proof()
        self.ended(run)
        assert not self.begun().owes_proof()

    def test_a_run_that_ended_before_any_change_owes_the_next_one_nothing(self) -> None:
        self.ended(self.begun())
        self.killed(Run(state_with(), self.settings()))
        assert not self.begun().owes_proof()

    @pytest.mark.parametrize(
        "over",
        [
            {"exports": [{"path": "/srv/other", "storage_class": "nfs-client"}]},
            {"kubeconfig": "~/other"},
            {"storage_address": "10.1.0.20"},
        ],
    )
    def test_other_settings_do(self, over: dict[str, Any]) -> None:
        self.ended(self.begun())
        assert self.begun(self.settings(**over)).owes_proof()

    def test_another_node_does(self) -> None:
        self.ended(self.begun())
        hosts = {**HOSTS, "nodes": {**HOSTS["nodes"], "@fake/node2": "10.0.0.22"}}
        # with the clients named, only the group itself differs
        given = {"exports": [{"path": "/srv/nfs", "storage_class": "nfs-client", "clients": ["10.0.0.21"]}]}
        assert self.begun(load(given, hosts)).owes_proof()

    def test_when_asked_for(self) -> None:
        self.ended(self.begun())
        assert self.begun(options={"prove": "always"}).owes_proof()

    def test_a_run_that_changed_something_does(self) -> None:
        self.ended(self.begun())
        run = self.begun()
        run.summary._results = {"host": {}}
        run.summary._results["host"]["NFS server"] = part = PartResult()
        part.add("unchanged", 0.0)
        assert not run.owes_proof()
        part.add("done", 0.0)
        assert run.owes_proof()
