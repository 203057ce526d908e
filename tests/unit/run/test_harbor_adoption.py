"""A Harbor that somebody installed by hand: its secrets are found where its values say, and kept."""

from datetime import UTC, datetime
from typing import Any

import pytest
from harbor_house import OUR_VALUES, OURS, House

from breakwater import tls
from breakwater.harbor.adoption import Place, fullname, places

# What the chart's defaults make, but for the keys, which it makes up.
TOKEN_KEY = tls.new_token_key()
HASH = "$2a$04$1J0aaHN8Gb/edfmLSYATtO.EnVuP8rfugAgp8iSbbAwyKt1C68NmK"  # of harbor_registry_password
BY_CHART = {
    "core": {
        "secretKey": "not-a-secure-key",
        "secret": "c" * 16,
        "tls.key": TOKEN_KEY,
        "tls.crt": tls.token_certificate(TOKEN_KEY, datetime(2020, 1, 1, tzinfo=UTC)),
        "CSRF_KEY": "x" * 32,
        "HARBOR_ADMIN_PASSWORD": "Harbor12345",
        "REGISTRY_CREDENTIAL_PASSWORD": "harbor_registry_password",
        "POSTGRESQL_PASSWORD": "changeit",
    },
    "jobservice": {
        "JOBSERVICE_SECRET": "j" * 16,
        "REGISTRY_CREDENTIAL_PASSWORD": "harbor_registry_password",
    },
    "registry": {"REGISTRY_HTTP_SECRET": "r" * 16, "REGISTRY_REDIS_PASSWORD": ""},
    "registry-htpasswd": {"REGISTRY_HTPASSWD": f"harbor_registry_user:{HASH}"},
    "database": {"POSTGRES_PASSWORD": "changeit"},
}


def by_hand(house: House, full: str = "harbor", **values: Any) -> None:
    """What `helm install` leaves behind."""
    house.live = values
    for part, keys in BY_CHART.items():
        dotted = {key.replace("tls.", "tls_"): value for key, value in keys.items()}
        house.set_secret(f"{full}-{part}", {"heritage": "Helm"}, **dotted)
    house.add_claim(full)


def test_the_charts_defaults(empty: House) -> None:
    by_hand(empty)
    before = empty.secrets()
    made = empty.run()
    after = empty.secrets()
    ours, core = after["harbor-secrets"], BY_CHART["core"]
    for key in ("secretKey", "secret", "CSRF_KEY"):
        assert ours[key] == core[key]
    assert ours["JOBSERVICE_SECRET"] == "j" * 16
    assert ours["REGISTRY_HTTP_SECRET"] == "r" * 16
    assert ours["REGISTRY_PASSWD"] == "harbor_registry_password"
    assert ours["REGISTRY_HTPASSWD"] == f"harbor_registry_user:{HASH}"
    assert after["harbor-token"] == {"tls.key": core["tls.key"], "tls.crt": core["tls.crt"]}
    assert made.database_password == empty.file("database_password") == "changeit"
    # The chart's own Secrets are Helm's.
    assert {name: after[name] for name in before} == before
    # Its public password is no first password of anybody's.
    assert ours["HARBOR_ADMIN_PASSWORD"] == empty.file("admin_password") == made.admin.wanted != "Harbor12345"
    assert made.admin.earlier == ("Harbor12345",)


def test_what_is_said(empty: House) -> None:
    by_hand(empty)
    made = empty.run()
    names = "secretKey, secret, JOBSERVICE_SECRET, REGISTRY_HTTP_SECRET, CSRF_KEY, REGISTRY_PASSWD, tls.key"
    assert f"{names}: adopted from the running Harbor" in made.lines
    assert f"CA: made; whoever uses the registry must trust {empty.folder / 'ca.crt'}" in made.lines
    assert [line.partition(":")[0] for line in made.warnings] == [
        *("secretKey", "REGISTRY_PASSWD", "POSTGRES_PASSWORD")
    ]
    assert empty.plan().warnings == made.warnings
    for word in ("not-a-secure-key", "changeit", "harbor_registry_password"):
        assert word not in "".join([*made.lines, *made.warnings, repr(made)])


def test_a_password_of_ones_own_stays(empty: House) -> None:
    by_hand(empty)
    empty.set_secret("harbor-core", {}, HARBOR_ADMIN_PASSWORD="My-own-word-1")
    made = empty.run()
    assert (made.admin.wanted, made.admin.earlier) == ("My-own-word-1", ())


def test_another_ones_line_for_the_registry_is_made_anew(empty: House) -> None:
    by_hand(empty)
    empty.set_secret("harbor-registry-htpasswd", {}, REGISTRY_HTPASSWD=f"somebody:{HASH}")
    empty.run()
    assert empty.secrets()["harbor-secrets"]["REGISTRY_HTPASSWD"].startswith("harbor_registry_user:$2a$")


def test_from_a_token_key_in_another_form(empty: House) -> None:
    by_hand(empty)
    empty.set_secret("harbor-core", {}, tls_key=TOKEN_KEY.strip())
    empty.run()
    assert empty.secrets()["harbor-token"]["tls.key"] == TOKEN_KEY


# The forms of existingSecret: values, the Secret and key that they mean, our key.
FORMS: list[tuple[dict[str, Any], Place, str]] = [
    ({"existingSecretSecretKey": "mine"}, Place("mine", "secretKey"), "secretKey"),
    ({"core": {"existingSecret": "mine"}}, Place("mine", "secret"), "secret"),
    ({"core": {"existingXsrfSecret": "mine"}}, Place("mine", "CSRF_KEY"), "CSRF_KEY"),
    (
        {"core": {"existingXsrfSecret": "mine", "existingXsrfSecretKey": "k"}},
        Place("mine", "k"),
        "CSRF_KEY",
    ),
    (
        {"jobservice": {"existingSecret": "mine"}},
        Place("mine", "JOBSERVICE_SECRET"),
        "JOBSERVICE_SECRET",
    ),
    (
        {"jobservice": {"existingSecret": "mine", "existingSecretKey": "k"}},
        Place("mine", "k"),
        "JOBSERVICE_SECRET",
    ),
    (
        {"registry": {"existingSecret": "mine", "existingSecretKey": "k"}},
        Place("mine", "k"),
        "REGISTRY_HTTP_SECRET",
    ),
    (
        {"registry": {"credentials": {"existingSecret": "mine"}}},
        Place("mine", "REGISTRY_PASSWD"),
        "REGISTRY_PASSWD",
    ),
    (
        {"existingSecretAdminPassword": "mine", "existingSecretAdminPasswordKey": "k"},
        Place("mine", "k"),
        "HARBOR_ADMIN_PASSWORD",
    ),
]
VALUES = {"secretKey": "K" * 16, "CSRF_KEY": "K" * 32, "HARBOR_ADMIN_PASSWORD": "Known-word-1"}


@pytest.mark.parametrize(("values", "place", "key"), FORMS)
def test_existing_secrets(empty: House, values: dict[str, Any], place: Place, key: str) -> None:
    by_hand(empty, **values)
    value = VALUES.get(key, "my-own-value")
    empty.set_secret(place.secret, {}, **{place.key: value})
    empty.run()
    assert empty.secrets()["harbor-secrets"][key] == value


def test_an_existing_token_secret(empty: House) -> None:
    by_hand(empty, core={"secretName": "mine"})
    key = tls.new_token_key()
    certificate = tls.token_certificate(key, empty.now)
    empty.set_secret("mine", {}, tls_key=key, tls_crt=certificate)
    empty.run()
    assert empty.secrets()["harbor-token"] == {"tls.key": key, "tls.crt": certificate}


def test_what_lives_comes_before_what_was_left_behind(empty: House) -> None:
    """harbor-secrets of an earlier Harbor, and one installed by hand since."""
    by_hand(empty)
    empty.set_secret("harbor-secrets", OURS, secretKey="left-behind-16ch", CSRF_KEY="l" * 32)
    empty.run()
    assert empty.secrets()["harbor-secrets"]["secretKey"] == "not-a-secure-key"
    assert empty.secrets()["harbor-secrets"]["CSRF_KEY"] == "x" * 32


def test_the_bastion_knows_another_harbor(empty: House) -> None:
    by_hand(empty)
    empty.put("secret_key", "k" * 16)
    assert "secretKey (this machine" in empty.refused()
    empty.run(adopt="cluster")
    assert empty.file("secret_key") == "not-a-secure-key"


def test_uninstalled_by_hand_with_its_data_left(empty: House) -> None:
    by_hand(empty)
    empty.live = None
    empty.lose_secrets()
    said = empty.refused()
    assert "secretKey: LOST" in said
    assert "POSTGRES_PASSWORD: LOST" in said
    assert "had changeit" in said
    empty.put("secret_key", "not-a-secure-key")
    empty.put("database_password", "changeit")
    assert empty.run().database_password == "changeit"


@pytest.mark.parametrize(
    ("release", "values", "full"),
    [
        ("harbor", {}, "harbor"),
        ("my-harbor", {}, "my-harbor"),
        ("registry", {}, "registry-harbor"),
        ("registry", {"nameOverride": "reg"}, "registry"),
        ("harbor", {"nameOverride": "images"}, "harbor-images"),
        ("harbor", {"fullnameOverride": "images"}, "images"),
        ("r" * 53, {"nameOverride": "abcdefghi-x"}, "r" * 53 + "-abcdefghi"),
        ("r", {"fullnameOverride": "f" * 62 + "-x"}, "f" * 62),
    ],
)
def test_names(release: str, values: dict[str, Any], full: str) -> None:
    """As `helm template` of chart 1.19.1 names them."""
    assert fullname(release, values) == full


def test_a_release_under_another_name(empty: House) -> None:
    by_hand(empty, "registry-harbor")
    empty.change(release="registry", full="registry-harbor")
    empty.run()
    assert empty.secrets()["harbor-secrets"]["secretKey"] == "not-a-secure-key"
    assert empty.file("database_password") == "changeit"


def test_names_that_the_settings_would_change(empty: House) -> None:
    by_hand(empty, "images", fullnameOverride="images")
    said = empty.refused()
    assert (
        "harbor: the release that lives names its objects images-…, these settings name them harbor-…" in said
    )
    empty.change(full="images")
    empty.run()
    assert empty.secrets()["harbor-secrets"]["CSRF_KEY"] == "x" * 32


def test_our_own_values_lead_to_our_own_secrets() -> None:
    found = places("harbor", OUR_VALUES)
    assert {ours: there for ours, there in found.items() if ours != there} == {}
    assert len(found) == 10
