"""Harbor's secrets that differ, that a person gives, that are somebody else's; and nothing shows them."""

import re

import pytest
from harbor_house import IN_HARBOR, NOW, OURS, House

from breakwater import tls
from breakwater.commands import Refusal
from breakwater.harbor.secrets import write

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
