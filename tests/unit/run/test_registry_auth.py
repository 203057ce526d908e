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
