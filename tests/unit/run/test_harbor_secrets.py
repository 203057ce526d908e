"""Harbor's secrets: made once, kept on two sides, brought back from either."""

import contextlib
from typing import Any

import bcrypt
import pytest
from harbor_house import IN_HARBOR, OURS, House

from breakwater import tls
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
