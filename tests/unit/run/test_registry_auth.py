"""Who checks logins, on the stand-in: told once, again when it differs, and not when Harbor would refuse."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standin import running

from breakwater.commands import Refusal
from tests.bastion import Bastion

OIDC: dict[str, Any] = {
    "name": "company",
    "endpoint": "https://login.example.org/realms/main",
    "client_id": "harbor",
    "groups_claim": "groups",
}


@pytest.fixture
def bastion(tmp_path: Path) -> Iterator[Bastion]:
    with running(tmp_path / "standin") as standin:
        yield Bastion(standin.administrator, standin.host, tmp_path / "registry")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "client-secret"
    file.write_text("first-one\n")
    file.chmod(0o600)
    return file


def oidc(secret: Path, **changes: Any) -> dict[str, Any]:
    provider = {**OIDC, "client_secret": f"file:{secret}", **changes}
    member = {"group": "builders", "role": "developer"}
    return {
        "auth": {"mode": "oidc", "oidc": provider},
        "projects": [{"name": "kaps", "members": [member]}],
    }


def test_told_once_and_again_when_it_or_its_secret_differs(bastion: Bastion, secret: Path) -> None:
    first = bastion.make(oidc(secret))
    assert first[0].startswith("~ auth: auth_mode: db_auth, and shall be oidc_auth; oidc_name: nothing,")
    assert "+ member builders of kaps: developer" in first
    assert "first-one" not in str(first)
    assert bastion.make(oidc(secret)) == []
    secret.write_text("second-one\n")
    said = "~ auth: oidc_client_secret: another one, or first told from here"
    assert bastion.make(oidc(secret)) == [said]
    assert bastion.make(oidc(secret)) == []
    with bastion.administrator() as harbor:
        harbor.call("PUT", "/configurations", body={"oidc_verify_cert": False})
    assert bastion.make(oidc(secret)) == ["~ auth: oidc_verify_cert: off, and shall be on"]


def test_another_mode_is_not_tried_while_there_are_users(bastion: Bastion, secret: Path) -> None:
    bastion.make({"users": [{"name": "ann", "email": "ann@example.org"}]})
    with pytest.raises(Refusal) as refusal:
        bastion.make(oidc(secret))
    said = str(refusal.value).splitlines()
    assert said[0].startswith(
        "auth: Harbor goes over to oidc only while admin is its only user, and there are ann;"
    )
    assert said[1] == "member builders of kaps: not tried, because auth failed"
    # What does not hang on it is there.
    assert [line for line in bastion.planned(oidc(secret)) if "project" in line] == []


def test_a_secret_that_cannot_be_read_is_named(bastion: Bastion, secret: Path) -> None:
    secret.chmod(0o644)
    with pytest.raises(Refusal, match=r"auth: .*client-secret"):
        bastion.make(oidc(secret))


DN = "CN=Devs,ou=Groups,dc=example,dc=org"
LDAP: dict[str, Any] = {"url": "ldaps://ldap.example.org", "base_dn": "dc=example,dc=org"}


def of_groups(*members: dict[str, str], **auth: Any) -> dict[str, Any]:
    return {**auth, "projects": [{"name": "kaps", "members": list(members)}]}


def test_groups_of_a_directory_are_known_by_their_dn(bastion: Bastion) -> None:
    auth = {"auth": {"mode": "ldap", "ldap": LDAP}}
    member = {"group": DN, "role": "developer"}
    first = bastion.make(of_groups(member, **auth))
    assert f"+ member {DN.lower()} of kaps: developer" in first
    with bastion.administrator() as harbor:
        [found] = harbor.call("GET", "/usergroups").json()
        names = {each["entity_name"] for each in harbor.call("GET", "/projects/kaps/members").json()}
    # Harbor calls it otherwise than it was asked for.
    assert (found["ldap_group_dn"], found["group_name"]) == (DN.lower(), "devs")
    assert names == {"admin", "devs"}
    assert bastion.make(of_groups(member, **auth)) == []
    # Another spelling is the same group, and without registry.auth the mode is the one that Harbor has.
    guest = {"group": DN.upper(), "role": "guest"}
    assert bastion.make(of_groups(guest)) == [
        f"~ member {DN.lower()} of kaps: role: developer, and shall be guest"
    ]
    assert bastion.make(of_groups(guest)) == []
    assert bastion.make({**of_groups(), "prune": {"members": True}}) == [
        f"- member {DN.lower()} of kaps: guest"
    ]


def test_groups_of_a_provider_are_known_by_their_name(bastion: Bastion, secret: Path) -> None:
    bastion.make(oidc(secret))
    # Two that differ in capitals are two.
    both = [{"group": name, "role": "guest"} for name in ("builders", "Builders")]
    assert bastion.make(of_groups(*both)) == [
        "~ member builders of kaps: role: developer, and shall be guest",
        "+ member Builders of kaps: guest",
    ]
    assert bastion.make(of_groups(*both)) == []


def test_without_groups_none_is_tried(bastion: Bastion) -> None:
    with pytest.raises(
        Refusal, match=r"member x of kaps: this Harbor has no groups: it checks logins by datab"
    ):
        bastion.make(of_groups({"group": "x", "role": "guest"}))
