"""Secrets on the bastion: who may read them, how they are written, where settings say they are."""

import contextlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from breakwater import secrets
from breakwater.commands import Refusal
from breakwater.secrets import Store, fingerprint, letters, password, read_source, remember


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state" / "harbor")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_kept_for_the_owner_alone_whatever_the_umask(store: Store) -> None:
    before = os.umask(0)
    try:
        store.write("csrf_key", "one")
        store.write("csrf_key", "two")
    finally:
        os.umask(before)
    assert mode(store.folder) == 0o700
    found = {path.name: oct(mode(path)) for path in store.folder.iterdir()}
    assert found == dict.fromkeys([".gitignore", "csrf_key", "csrf_key.before"], "0o600")
    assert store.read("csrf_key", "csrf_key.before", "absent") == {
        "csrf_key": "two",
        "csrf_key.before": "one",
    }


def test_a_repository_around_it_does_not_take_it_in(store: Store) -> None:
    store.write("csrf_key", "one")
    assert (store.folder / ".gitignore").read_text() == "*\n"


def test_the_same_again_leaves_no_former_one(store: Store) -> None:
    for _ in range(2):
        store.write("ca.crt", "-----BEGIN\n-----END\n")
    assert store.read("ca.crt", "ca.crt.before") == {"ca.crt": "-----BEGIN\n-----END"}


def test_nothing_there(store: Store) -> None:
    assert store.read("csrf_key") == {}
    assert not store.folder.exists()


def _folder_instead(store: Store) -> None:
    store.path("key").unlink()
    store.path("key").mkdir(0o600)


WIDE: dict[str, tuple[Callable[[Store], object], str]] = {
    "file": (lambda s: s.path("key").chmod(0o640), r"key: others may read it \(mode 640\); `chmod 600 "),
    "folder": (lambda s: s.folder.chmod(0o750), r"harbor: others may read it \(mode 750\); `chmod 700 "),
    "parent": (lambda s: s.folder.parent.chmod(0o770), r"state: others may write to it .*`chmod go-w "),
    "kind": (_folder_instead, "is no file"),
    "binary": (lambda s: s.path("key").write_bytes(b"\xff\xfe"), "no UTF-8"),
    "large": (lambda s: s.path("key").write_bytes(b"x" * 65537), "larger than"),
}


@pytest.mark.parametrize("case", WIDE)
def test_refused(store: Store, case: str) -> None:
    spoil, words = WIDE[case]
    store.write("key", "value")
    spoil(store)
    with pytest.raises(Refusal, match=words):
        store.read("key")


def test_another_users_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write("key", "value")
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(Refusal, match=f"belongs to user {me}, not to you; `chown {me + 1} "):
        store.read("key")


def test_a_folder_that_is_wide_is_not_written_to(store: Store) -> None:
    store.folder.mkdir(parents=True, mode=0o755)
    store.folder.chmod(0o755)
    with pytest.raises(Refusal, match="chmod 700"):
        store.write("key", "value")
    assert list(store.folder.iterdir()) == []


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(Refusal, match=r"state: .* cannot be used"):
        Store(tmp_path / "state" / "harbor").write("key", "value")


def test_killed_before_the_rename(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write("key", "old")

    def killed(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            store.write("key", "new")
    assert store.read("key") == {"key": "old"}
    store.write("key", "new")
    assert store.read("key", "key.before") == {"key": "new", "key.before": "old"}
    assert not list(store.folder.glob("*.new"))


@pytest.mark.parametrize("writes", range(5))
def test_both_are_remembered_wherever_it_is_killed(
    store: Store, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    store.write("admin_password", "old")
    replaced = []
    real = Path.replace

    def until_killed(self: Path, target: Path) -> Path:
        if len(replaced) == writes:
            raise KeyboardInterrupt
        replaced.append(target)
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", until_killed)
        with contextlib.suppress(KeyboardInterrupt):
            remember(store, "admin_password", "new", "old")
        assert "old" in store.read("admin_password", "admin_password.before").values()
    remember(store, "admin_password", "new", "old")
    expected = {"admin_password": "new", "admin_password.before": "old"}
    assert store.read("admin_password", "admin_password.before") == expected


def test_remembered_already(store: Store) -> None:
    remember(store, "admin_password", "new", "old")
    before = store.path("admin_password").stat().st_mtime_ns
    remember(store, "admin_password", "new", "old")
    assert store.path("admin_password").stat().st_mtime_ns == before


def test_sources(tmp_path: Path) -> None:
    file = tmp_path / "word"
    file.touch(0o600)
    file.write_text("s3cret\r\n")
    assert read_source(f"file:{file}") == "s3cret"
    assert read_source("env:WORD", {"WORD": "s3cret\n"}) == "s3cret"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("env:WORD", "env:WORD: not set, or empty; `export WORD="),
        ("file:/nowhere/word", "file:/nowhere/word: No such file or directory; write"),
        ("s3cret", "neither file:PATH nor env:NAME"),
        ("file:", "neither"),
        ("env:", "neither"),
    ],
)
def test_source_refused(source: str, words: str) -> None:
    with pytest.raises(Refusal, match=words) as refused:
        read_source(source, {})
    assert "s3cret" not in str(refused.value)


def test_a_source_that_others_read(tmp_path: Path) -> None:
    file = tmp_path / "word"
    file.write_text("s3cret")
    file.chmod(0o644)
    with pytest.raises(Refusal, match="chmod 600") as refused:
        read_source(f"file:{file}")
    assert "s3cret" not in str(refused.value)
    file.chmod(0o600)
    file.write_text("\n")
    with pytest.raises(Refusal, match="empty"):
        read_source(f"file:{file}")


def test_a_source_that_would_never_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "word", 0o600)
    with pytest.raises(Refusal, match="is no file"):
        read_source(f"file:{tmp_path / 'word'}")


def test_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {password() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch("[A-Za-z0-9]{24}", word) for word in made)
    tries = iter(["a" * 24, "A1" + "b" * 22])
    monkeypatch.setattr(secrets, "letters", lambda length: next(tries))
    assert password() == "A1" + "b" * 22


def test_fingerprints() -> None:
    word = letters(16)
    assert re.fullmatch("[0-9a-f]{12}", fingerprint(word))
    assert fingerprint(word) == fingerprint(word) != fingerprint(word + "x")
