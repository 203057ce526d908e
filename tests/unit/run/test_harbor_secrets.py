"""Harbor's secrets: made once, kept on two sides, brought back from either, refused where they differ."""

import contextlib
import re
from typing import Any

import bcrypt
import pytest
from harbor_house import IN_HARBOR, NOW, OURS, House

from breakwater import tls
from breakwater.commands import Refusal
from breakwater.harbor import draft as harbor_draft
from breakwater.harbor import secrets as harbor_secrets
from breakwater.harbor.secrets import write
from breakwater.secrets import Store

# Those that both sides keep: file -> Secret and key.
PLACES = {
    "secret_key": ("harbor-secrets", "secretKey"),
    "core_secret": ("harbor-secrets", "secret"),
    "jobservice_secret": ("harbor-secrets", "JOBSERVICE_SECRET"),
    "registry_http_secret": ("harbor-secrets", "REGISTRY_HTTP_SECRET"),
    "csrf_key": ("harbor-secrets", "CSRF_KEY"),
    "registry_password": ("harbor-secrets", "REGISTRY_PASSWD"),
    "registry_htpasswd": ("harbor-secrets", "REGISTRY_HTPASSWD"),
    "token.key": ("harbor-token", "tls.key"),
    "token.crt": ("harbor-token", "tls.crt"),
    "tls.key": ("harbor-tls", "tls.key"),
    "tls.crt": ("harbor-tls", "tls.crt"),
    "ca.crt": ("harbor-ca", "ca.crt"),
    "database_password": ("harbor-database", "POSTGRES_PASSWORD"),
}
BOUND = ("secret_key", "database_password")
CERTIFICATES = ("ca.crt", "tls.key", "tls.crt")


# The first time


def test_a_first_start(empty: House, rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harbor_draft, "_ROUNDS", rounds)
    made = empty.run()
    found = empty.secrets()
    assert found.keys() == {"harbor-secrets", "harbor-token", "harbor-tls", "harbor-ca"}
    ours = found["harbor-secrets"]
    lengths = {"secretKey": 16, "secret": 16, "JOBSERVICE_SECRET": 16, "REGISTRY_HTTP_SECRET": 16}
    assert {key: len(ours[key]) for key in lengths} == lengths
    assert len(ours["CSRF_KEY"]) == 32
    user, _, hashed = ours["REGISTRY_HTPASSWD"].partition(":")
    assert (user, hashed[:7]) == ("harbor_registry_user", "$2a$10$")
    assert bcrypt.checkpw(ours["REGISTRY_PASSWD"].encode(), hashed.encode())
    assert ours["HARBOR_ADMIN_PASSWORD"] == empty.file("admin_password") == made.admin.wanted
    assert found["harbor-token"]["tls.key"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert tls.belongs(found["harbor-token"]["tls.crt"], found["harbor-token"]["tls.key"])
    assert made.database_password == empty.file("database_password")
    folder = empty.folder
    assert made.lines == (
        f"secrets: made for the first start; back {folder} up",
        f"CA: made; whoever uses the registry must trust {folder / 'ca.crt'}",
    )
    assert made.warnings == ()
    assert {oct(p.stat().st_mode & 0o777) for p in folder.iterdir()} == {"0o600"}


def test_both_sides_hold_the_same(empty: House) -> None:
    empty.run()
    found = empty.secrets()
    for name, (secret, key) in PLACES.items():
        if name != "database_password":
            assert found[secret][key].rstrip("\n") == empty.file(name), name
    assert "PRIVATE KEY" in empty.file("ca.key")
    assert not [s for s in found.values() for v in s.values() if v in empty.file("ca.key") and "PRIVATE" in v]


def test_a_plan_writes_nothing(empty: House) -> None:
    before = empty.everything()
    empty.plan()
    assert empty.everything() == before


def test_again_writes_nothing_and_says_nothing(house: House) -> None:
    before = house.everything()
    house.fake.asked.clear()
    write(house.plan(), house.access)
    assert house.everything() == before
    assert {line.split()[0] for line in house.fake.asked} == {"GET"}


def test_the_namespace_is_made(empty: House) -> None:
    empty.fake.refused = {f"GET {IN_HARBOR}": (404, "not found")}
    write(empty.plan(), empty.access)
    [made] = empty.fake.objects["/api/v1/namespaces"]
    assert (made["metadata"]["name"], made["metadata"]["labels"]) == ("harbor", OURS)


@pytest.mark.parametrize("after", range(24))
def test_killed_anywhere(empty: House, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """After each single thing that is written, by SIGKILL as far as the two sides can tell."""
    made, writes = empty.plan(), []
    real_file, real_secret = Store.write, harbor_secrets._write_secret

    def count(*_: object) -> None:
        if len(writes) == after:
            raise KeyboardInterrupt
        writes.append(1)

    def file(self: Store, name: str, value: str) -> None:
        count()
        real_file(self, name, value)

    def secret(*args: Any) -> None:
        count()
        real_secret(*args)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", file)
        patch.setattr(harbor_secrets, "_write_secret", secret)
        with contextlib.suppress(KeyboardInterrupt):
            write(made, empty.access)
    kept = empty.files()
    if "tls.crt" not in kept:
        kept.pop("tls.key", None)  # half of a pair that nobody has seen
    empty.run()
    assert {name: text for name, text in empty.files().items() if name in kept} == kept


# Lost


@pytest.mark.parametrize("name", PLACES)
def test_lost_here(house: House, name: str) -> None:
    before = house.everything()
    house.lose(name)
    said = house.run().lines
    assert house.everything() == before
    assert len(said) == 1


@pytest.mark.parametrize("name", [name for name in PLACES if name != "database_password"])
def test_lost_there(house: House, name: str) -> None:
    files, secrets = house.files(), house.secrets()
    house.lose_key(*PLACES[name])
    said = house.run().lines
    assert (house.files(), house.secrets()) == (files, secrets)
    assert len(said) == 1


def test_the_bastion_lost(house: House) -> None:
    files, sha = house.files(), house.plan().secrets_sha
    house.lose()
    house.folder.rmdir()
    made = house.run()
    assert made.secrets_sha == sha
    assert {name: text for name, text in files.items() if name != "ca.key"} == house.files()
    assert "secretKey, secret, " in made.lines[0]
    assert "restored on this machine from the cluster" in made.lines[0]
    [warning] = made.warnings
    assert "the certificate of the node ports cannot be renewed; put ca.key back" in warning


def test_the_namespaces_secrets_lost(house: House) -> None:
    secrets = house.secrets()
    ours = [name for name in secrets if name != "harbor-database"]
    house.lose_secrets(*ours)
    made = house.run()
    assert house.secrets() == secrets
    assert "restored in the cluster from this machine" in made.lines[0]


def test_everything_but_the_bastion_lost(house: House) -> None:
    """A new cluster: the secrets of the old one serve."""
    files = house.files()
    house.fake.objects.clear()
    house.live = None
    house.run()
    assert house.files() == files


@pytest.mark.parametrize("name", [name for name in PLACES if name not in (*BOUND, *CERTIFICATES)])
def test_lost_on_both_sides_and_made_anew(house: House, name: str) -> None:
    sha, held = house.plan().secrets_sha, house.file(name)
    house.lose(name)
    house.lose_key(*PLACES[name])
    made = house.run()
    assert house.file(name) != held
    assert made.secrets_sha != sha
    assert len(made.lines) == 1


def test_a_registry_password_brings_its_line(house: House) -> None:
    house.put("registry_password", "another-password")
    house.run(adopt="bastion")
    hashed = house.secrets()["harbor-secrets"]["REGISTRY_HTPASSWD"].partition(":")[2]
    assert bcrypt.checkpw(b"another-password", hashed.encode())
    assert house.file("registry_htpasswd").endswith(hashed)


@pytest.mark.parametrize("release", [True, False])
def test_the_secret_key_lost_on_both_sides(house: House, release: bool) -> None:
    house.lose("secret_key")
    house.lose_key("harbor-secrets", "secretKey")
    if not release:
        house.live = None
    said = house.refused()
    assert said.startswith("secretKey: LOST: neither ")
    for words in (
        "(claim harbor/database-data-harbor-database-0)",
        "cannot be read without it",
        f"write it into {house.folder / 'secret_key'} (mode 600) from a backup",
        "not-a-secure-key",
        "`kubectl --namespace harbor delete pvc database-data-harbor-database-0`",
    ):
        assert words in said
    house.put("secret_key", "k" * 16 + "\n")
    assert house.run().lines == ("secretKey: restored in the cluster from this machine",)


def test_the_database_password_lost_on_both_sides(house: House) -> None:
    held = house.file("database_password")
    house.lose("database_password")
    house.lose_secrets("harbor-database")
    assert house.run().database_password == held  # Helm's own record has it
    house.lose("database_password")
    house.live = None
    assert "POSTGRES_PASSWORD: LOST" in house.refused()


def test_lost_with_an_external_database(house: House) -> None:
    house.change(internal_database=False)
    house.lose("secret_key")
    house.lose_key("harbor-secrets", "secretKey")
    said = house.refused()
    assert "(the external database)" in said
    assert "delete pvc" not in said


def test_lost_where_no_database_is(house: House) -> None:
    house.live = None
    house.fake.objects[f"{IN_HARBOR}/persistentvolumeclaims"] = []
    house.lose("secret_key")
    house.lose_key("harbor-secrets", "secretKey")
    assert "secretKey: made anew, since neither side has it" in house.run().lines


# Different


@pytest.mark.parametrize("adopt", ["cluster", "bastion"])
def test_different(house: House, adopt: str) -> None:
    here, there = "h" * 32, house.file("csrf_key")
    house.put("csrf_key", here)
    house.put("core_secret", "o" * 16)
    said = house.refused()
    assert re.search(
        r"CSRF_KEY \(this machine [0-9a-f]{12}, cluster [0-9a-f]{12}\) differ; run again with"
        r" `--data adopt_secrets=cluster` .*`=bastion`",
        said,
    )
    assert "secret (this machine" in said
    made = house.run(adopt=adopt)
    expected = there if adopt == "cluster" else here
    assert (house.file("csrf_key"), house.secrets()["harbor-secrets"]["CSRF_KEY"]) == (expected, expected)
    assert len(made.lines) == 1
    if adopt == "cluster":
        assert house.file("csrf_key.before") == here


@pytest.mark.parametrize(("name", "value"), [("secret_key", "k" * 16), ("database_password", "another")])
def test_bound_to_a_database_and_different(house: House, name: str, value: str) -> None:
    there = house.file(name)
    house.put(name, value)
    for adopt in ("", "bastion"):
        said = house.refused(adopt)
        assert "with a database there (claim harbor/database-data-harbor-database-0) the cluster's" in said
        assert "=bastion" not in said
    house.run(adopt="cluster")
    assert house.file(name) == there
    assert house.file(f"{name}.before") == value


def test_without_a_database_either_side_may_be_right(house: House) -> None:
    house.live = None
    house.fake.objects[f"{IN_HARBOR}/persistentvolumeclaims"] = []
    house.put("secret_key", "k" * 16)
    house.run(adopt="bastion")
    assert house.secrets()["harbor-secrets"]["secretKey"] == "k" * 16


def test_what_cannot_be_right(house: House) -> None:
    house.put("secret_key", "short")
    assert re.search(
        "secretKey in the file secret_key on this machine has 5 bytes, not 16 .*; put", house.refused()
    )
    house.lose("secret_key")
    house.set_secret("harbor-secrets", secretKey="short")
    assert "secretKey in Secret harbor-secrets has 5 bytes" in house.refused()


def test_what_cannot_be_right_and_nothing_hangs_on(house: House) -> None:
    there = house.file("csrf_key")
    house.put("csrf_key", "short")
    house.run()
    assert house.file("csrf_key") == there


def test_all_that_is_wrong_is_said_at_once(house: House) -> None:
    house.put("csrf_key", "h" * 32)
    house.put("secret_key", "k" * 16)
    house.put("ca.crt", tls.new_ca("other", NOW).certificate)
    house.lose("ca.key", "admin_password")
    house.change(admin_password="env:NOT_SET", external={"harbor-storage": {"K": "env:NOT_EITHER"}})
    lines = house.refused().splitlines()
    for words in ("CSRF_KEY (", "secretKey (", "CA: this machine has", "env:NOT_SET:", "env:NOT_EITHER:"):
        assert [line for line in lines if words in line], words


# The administrator's password


def test_the_settings_password(empty: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN", "First-word-1")
    empty.change(admin_password="env:ADMIN")
    made = empty.run()
    assert (made.admin.wanted, made.admin.earlier, made.admin.home) == ("First-word-1", (), "env:ADMIN")
    assert empty.secrets()["harbor-secrets"]["HARBOR_ADMIN_PASSWORD"] == "First-word-1"
    empty.deploy(made.database_password)

    monkeypatch.setenv("ADMIN", "Second-word-2")
    later = empty.run()
    assert (later.admin.wanted, later.admin.earlier) == ("Second-word-2", ("First-word-1",))
    # Of no use to a Harbor that was started, so that nothing is restarted for it.
    assert later.secrets_sha == made.secrets_sha
    empty.set_secret("harbor-secrets", HARBOR_ADMIN_PASSWORD="Second-word-2")
    assert empty.plan().secrets_sha == made.secrets_sha
    later.remember_admin("Second-word-2", "First-word-1")
    empty.change(admin_password="")
    assert empty.run().admin.wanted == "Second-word-2"


@pytest.mark.parametrize("weak", ["Harbor12345", "short", "nouppercase1"])
def test_a_password_that_harbor_would_not_take(
    empty: House, monkeypatch: pytest.MonkeyPatch, weak: str
) -> None:
    monkeypatch.setenv("ADMIN", weak)
    empty.change(admin_password="env:ADMIN")
    said = empty.refused()
    assert said.startswith("env:ADMIN: the administrator's password ")
    assert weak not in said


def test_the_charts_password_in_a_secret_of_ones_own(empty: House) -> None:
    """Harbor must not start with it."""
    empty.set_secret("harbor-secrets", HARBOR_ADMIN_PASSWORD="Harbor12345")
    made = empty.run()
    assert empty.secrets()["harbor-secrets"]["HARBOR_ADMIN_PASSWORD"] == made.admin.wanted
    assert made.admin.earlier == ("Harbor12345",)


def test_the_admins_file_lost(house: House) -> None:
    first = house.file("admin_password")
    house.lose("admin_password")
    assert house.run().admin.wanted == first


# What others' services want


def test_sources_are_right_whatever_the_cluster_has(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sha = house.plan().secrets_sha
    monkeypatch.setenv("REDIS", "first")
    house.change(
        external={"harbor-external-redis": {"REDIS_PASSWORD": "env:REDIS"}},
        plain={"harbor-external-redis": {"REDIS_USERNAME": "harbor"}},
    )
    made = house.run()
    expected = {"REDIS_PASSWORD": "first", "REDIS_USERNAME": "harbor"}
    assert house.secrets()["harbor-external-redis"] == expected
    assert made.lines == ("Secret harbor-external-redis: as the settings' sources say",)
    assert made.secrets_sha != sha

    house.change(plain={})
    assert house.run().lines == made.lines
    assert house.secrets()["harbor-external-redis"] == {"REDIS_PASSWORD": "first"}
    monkeypatch.setenv("REDIS", "second")
    later = house.run()
    assert house.secrets()["harbor-external-redis"] == {"REDIS_PASSWORD": "second"}
    assert later.secrets_sha != made.secrets_sha


def test_an_external_database_has_no_password_in_the_values(
    empty: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB", "s3cret")
    sources = {"harbor-external-database": {"password": "env:DB"}}
    empty.change(internal_database=False, external=sources)
    assert empty.run().database_password == ""
    assert not (empty.folder / "database_password").exists()


# Others' Secrets


def test_a_secret_that_somebody_else_made_is_not_overwritten(house: House) -> None:
    house.set_secret("harbor-tls", {}, tls_key="mine", tls_crt="mine")
    said = house.refused()
    assert said.startswith("Secret harbor/harbor-tls: not made by breakwater, and its tls.crt, tls.key would")
    assert (
        "kubectl --namespace harbor label secret harbor-tls app.kubernetes.io/managed-by=breakwater" in said
    )
    house.set_secret("harbor-tls", OURS)
    house.run()


def test_other_keys_of_a_secret_stay(house: House) -> None:
    house.set_secret("harbor-secrets", {"mine": "too"}, extra="mine")
    house.lose_key("harbor-secrets", "CSRF_KEY")
    house.run()
    assert house.secrets()["harbor-secrets"]["extra"] == "mine"
    [item] = [
        i for i in house.fake.objects[f"{IN_HARBOR}/secrets"] if i["metadata"]["name"] == "harbor-secrets"
    ]
    assert item["metadata"]["labels"] == {"mine": "too", **OURS}


def test_somebody_was_quicker(house: House) -> None:
    house.lose_key("harbor-secrets", "CSRF_KEY")
    made = house.plan()
    house.set_secret("harbor-secrets", extra="mine")
    with pytest.raises(Refusal, match=r"harbor/harbor-secrets: somebody changed it .*; run again"):
        write(made, house.access)
    house.run()


# Nothing is seen


def values(house: House) -> set[str]:
    """Every secret there is, of keys a line."""
    public = {"ca.crt", "tls.crt", "token.crt"}
    texts = [text for name, text in house.files().items() if name not in public]
    return {text.splitlines()[1 if text.startswith("-----") else 0] for text in texts}


def test_no_secret_is_in_a_repr_or_in_words(empty: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB", "External-s3cret")
    empty.change(external={"harbor-storage": {"K": "env:DB"}})
    made = empty.run()
    secrets = values(empty) | {"External-s3cret"}
    assert len(secrets) >= 11
    shown = [repr(made), str(made), *made.lines, *made.warnings]
    empty.deploy(made.database_password)
    for name in ("secret_key", "csrf_key", "core_secret"):
        empty.put(name, empty.file(name)[::-1])
    secrets |= values(empty)
    empty.refused()
    empty.lose("secret_key")
    empty.lose_key("harbor-secrets", "secretKey")
    empty.refused()
    for text in [*shown, *empty.said]:
        assert not [secret for secret in secrets if secret in text]


def test_the_cluster_does_not_answer(house: House) -> None:
    house.fake.refused = {"GET": (500, "broken")}
    assert "500" in house.refused()


def test_each_secret_is_asked_for_once(house: House) -> None:
    house.fake.asked.clear()
    house.plan()
    assert len(house.fake.asked) == len(set(house.fake.asked))
