"""What of the lab can be tested without a guest."""

import io
import json
import time
from pathlib import Path

import pytest
from rich.console import Console

from lab import __main__ as command
from lab import console, guests, image, keys, machine, network, paths, qemu, snapshots
from lab.processes import Failure
from lab.progress import Progress


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


class TestCached:
    def test_an_interrupted_build_leaves_nothing(self) -> None:
        def fails(work: Path) -> None:
            (work / "half").touch()
            raise RuntimeError

        with pytest.raises(RuntimeError):
            paths.cached("thing", "0" * 16, fails)
        assert [p.name for p in paths.cache().iterdir()] == ["thing.lock"]

    def test_a_leftover_of_a_killed_build_is_removed_and_not_trusted(self) -> None:
        (paths.cache() / ".thing.killed").mkdir()
        built = paths.cached("thing", "0" * 16, lambda work: (work / "whole").touch())
        assert [p.name for p in built.iterdir()] == ["whole"]
        assert not (paths.cache() / ".thing.killed").exists()

    def test_an_older_key_goes_when_the_newer_is_whole(self) -> None:
        old = paths.cached("thing", "0" * 16, lambda work: None)
        paths.cached("thing", "1" * 16, lambda work: None)
        assert not old.exists()


class TestConsole:
    def test_a_panic_is_found_and_quoted(self) -> None:
        text = "all well\r\n[   91.2] Kernel panic - not syncing: Fatal exception\r\n[   91.3] CPU: 0\n"
        console.log("node1").write_text(text)
        assert "Kernel panic - not syncing: Fatal exception" in (console.panic("node1") or "")

    def test_a_healthy_one_is_not(self) -> None:
        console.log("node1").write_text("Debian GNU/Linux 13 node1 ttyS0\n")
        assert console.panic("node1") is None

    def test_a_lockup_after_a_pause_is_no_panic(self) -> None:
        console.log("node1").write_text("watchdog: BUG: soft lockup - CPU#0 stuck for 26s!\n")
        assert console.panic("node1") is None
        assert not console.gave_up("node1")

    def test_emergency_mode_needs_a_new_start(self) -> None:
        console.log("node1").write_text("You are in emergency mode. After logging in, type ...\n")
        assert console.gave_up("node1")

    def test_escape_sequences_are_left_out(self) -> None:
        console.log("node1").write_bytes(b"\x1b[0;32mOK\x1b[0m reached\r\n")
        assert console.end("node1") == "\n    OK reached"


class TestKeys:
    @pytest.fixture(autouse=True)
    def made(self) -> None:
        keys.make({"storage": "10.77.0.11"})

    def test_are_made_once(self) -> None:
        before = keys.identity().read_text()
        keys.make({"storage": "10.77.0.11"})
        assert keys.identity().read_text() == before

    def test_known_hosts_knows_name_and_address(self) -> None:
        assert keys.known_hosts().read_text().startswith("storage,10.77.0.11 ssh-ed25519 ")

    def test_a_half_made_pair_is_made_again(self) -> None:
        public = keys.host_key("storage").with_name("host-storage.pub")
        public.unlink()
        keys.make({"storage": "10.77.0.11"})
        assert public.read_text().split()[1] in keys.known_hosts().read_text()

    def test_config_never_accepts_an_unseen_key(self) -> None:
        assert "StrictHostKeyChecking yes" in keys.config().read_text()

    def test_private_keys_are_private(self) -> None:
        assert keys.identity().stat().st_mode & 0o077 == 0

    def test_a_guest_gets_its_own_host_key(self) -> None:
        storage = guests.guest("storage")
        lines = qemu._credentials(storage)["tmpfiles.extra"]
        private = qemu._base64(keys.host_key("storage").read_text())
        assert f"f~ /etc/ssh/ssh_host_ed25519_key 0600 root root - {private}\n" in lines


class TestImage:
    def test_the_mirror_is_the_machines_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(image, "mirror", lambda: ("http://mirror.example/debian", None))
        assert image.sources().splitlines() == [
            "deb http://mirror.example/debian trixie main",
            "deb http://mirror.example/debian trixie-updates main",
        ]

    def test_a_node_has_no_nfs_before_breakwater(self) -> None:
        assert not [p for p in image.PACKAGES if "nfs" in p]


class TestQemu:
    def test_emulation_avoids_five_level_paging(self) -> None:
        keys.make({g.name: g.address for g in guests.GUESTS})
        golden = image.of(Path("/golden"))
        argv = qemu.command(guests.guest("storage"), golden, "tcg")
        assert "max,-la57" in argv
        assert "host" in qemu.command(guests.guest("storage"), golden, "kvm")
        assert any("systemd.mount-extra=LABEL=lab-data:/srv" in word for word in argv)
        assert not any(" ip=" in word for word in argv)

    def test_guests_have_different_addresses(self) -> None:
        assert len({qemu._mac(guest) for guest in guests.GUESTS}) == len(guests.GUESTS)

    def test_an_unknown_guest_is_answered_with_the_known(self) -> None:
        with pytest.raises(Failure, match="storage, node1, node2, proxy"):
            guests.guest("node3")


class TestSnapshots:
    def test_one_without_its_mark_does_not_exist(self) -> None:
        (snapshots.folder() / "half" / "cluster").mkdir(parents=True)
        assert snapshots.saved() == []
        with pytest.raises(Failure, match="no snapshot is called 'half'; there are: none yet"):
            snapshots.find("half")

    def test_one_of_another_bundle_says_which_comes_first(self) -> None:
        for name in ("one", "two"):
            (paths.state() / name).mkdir()
        link = paths.state() / "bundle"
        link.symlink_to(paths.state() / "one")
        whole = snapshots.folder() / "deployed" / "whole.json"
        whole.parent.mkdir()
        mark = {"name": "deployed", "key": "k", "accelerator": "tcg", "taken": 1.0}
        whole.write_text(json.dumps({**mark, "bundle": str(paths.state() / "one")}))
        snapshots.require_bundle("deployed")
        link.unlink()
        link.symlink_to(paths.state() / "two")
        with pytest.raises(
            Failure, match=r"was made with the bundle .*/one, and .*/two is in use; .python -m lab up"
        ):
            snapshots.require_bundle("deployed")

    @pytest.mark.parametrize("name", ["../etc", "a b", "", "-x", "q'"])
    def test_a_name_is_a_plain_word(self, name: str) -> None:
        with pytest.raises(Failure, match="letters, digits"):
            snapshots.check_name(name)


class TestProgress:
    def lines(self, progress: Progress) -> list[str]:
        assert isinstance(progress.console.file, io.StringIO)
        return progress.console.file.getvalue().splitlines()

    @pytest.fixture
    def progress(self) -> Progress:
        return Progress(Console(file=io.StringIO(), width=200))

    def test_a_log_has_a_time_on_each_line(self, progress: Progress) -> None:
        with progress:
            progress.step("boot", lambda say: say("1 s of 9 s"))
        assert [line[8:] for line in self.lines(progress)] == [
            " boot: begins",
            " boot: 1 s of 9 s",
            " boot: done in 0 s",
        ]

    def test_counting_seconds_is_not_news(self, progress: Progress) -> None:
        def work(say: object) -> None:
            for second in range(5):
                say(f"{second} s of 9 s")  # type: ignore[operator]

        with progress:
            progress.step("boot", work)
        assert len(self.lines(progress)) == 3

    def test_steps_beside_each_other_and_one_that_fails(self, progress: Progress) -> None:
        def fails(say: object) -> None:
            raise Failure("no mirror")

        ended = []

        def works(say: object) -> None:
            time.sleep(0.1)
            ended.append("works")

        with progress, pytest.raises(Failure, match="no mirror"):
            progress.together({"image": fails, "build": works})
        assert ended == ["works"]
        assert any("image: FAILED" in line for line in self.lines(progress))


class TestCommands:
    def test_without_root_it_says_so(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(machine.os, "geteuid", lambda: 1000)
        assert command.main(["status"]) == 1
        assert "needs root" in capsys.readouterr().err

    @pytest.mark.parametrize("name", ["up", "down", "status", "ssh", "exec", "save", "reset"])
    def test_help(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            command.main([name, "--help"])
        assert ended.value.code == 0
        assert name in capsys.readouterr().out

    def test_one_at_a_time_and_it_says_who(self) -> None:
        by_whom = pytest.raises(Failure, match=r"`python -m lab up`, process \d+")
        with command._alone("up"), by_whom, command._alone("down"):
            pass


def test_a_lab_of_another_cache_folder_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "OWNER", tmp_path / "owner")
    monkeypatch.setattr(network, "exists", lambda: True)
    network.OWNER.write_text("/other/cache/breakwater-lab/lab")
    for act in (network.up, network.down):
        with pytest.raises(Failure, match="XDG_CACHE_HOME=/other/cache python -m lab down"):
            act()


def test_the_hosts_file_has_every_guest() -> None:
    assert [line.split()[1] for line in network.hosts().splitlines()[2:]] == [g.name for g in guests.GUESTS]
