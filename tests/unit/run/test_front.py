"""What the proxies serve, before and after preflight has looked: a plan and `--limit nodes` know it too."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from breakwater import tls
from breakwater.commands import Refusal
from breakwater.harbor.run import HarborRun
from breakwater.proxy.front import Front
from breakwater.proxy.wanted import name_of
from breakwater.secrets import Store
from breakwater.settings import Settings, load
from breakwater.survey import Survey
from breakwater.tls import Pair

DOMAIN = "registry.example.org"
HOSTS = {
    "storage": {"storage": "10.0.0.20"},
    "nodes": {"node1": "10.0.0.21"},
    "proxies": {"proxy": "10.0.0.31"},
    "bastion": {"@local": "@local"},
}
LOOKED = "proxy: its certificates were not looked at by this run; run again with the bastion"


@dataclass
class Bastion:
    """What a Front asks of Harbor: its CA as preflight decided it, and the folder where it is kept."""

    folder: Path
    decided: Mapping[str, str]

    def held_ca(self) -> Mapping[str, str]:
        return self.decided


def ca() -> Pair:
    return tls.new_ca("of the test", datetime.now(UTC))


def settings(**proxy: Any) -> Settings:
    exports = [{"path": "/srv/nfs", "storage_class": "nfs-client"}]
    harbor = {"domain": DOMAIN, "proxy": proxy} if proxy else {"domain": DOMAIN}
    return load({"exports": exports, "kubeconfig": "k", **harbor}, HOSTS)


def front(folder: Path, pair: Pair, wanted: Settings | None = None, survey: Survey | None = None) -> Front:
    held = {"ca.crt": pair.certificate, "ca.key": pair.key}
    bastion = cast(HarborRun, Bastion(folder / "harbor", held))
    return Front(wanted or settings(), bastion, folder / "proxy", survey or Survey())


def keep(folder: Path, pair: Pair) -> None:
    """As a run has left it."""
    for name, text in (("ca.crt", pair.certificate), ("ca.key", pair.key)):
        Store(folder / "harbor").write(name, text)
    made = front(folder, pair)
    assert made.problems() == []
    made.write()


def test_without_the_bastion_it_is_as_kept(tmp_path: Path) -> None:
    pair = ca()
    keep(tmp_path, pair)
    decided, later = front(tmp_path, pair), front(tmp_path, pair)
    assert decided.problems() == []
    assert later.ca() == decided.ca() == pair.certificate
    assert later.files() == decided.files()


def test_what_is_not_kept_yet_is_not_known_without_the_bastion(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as nothing:
        front(tmp_path, ca()).ca()
    assert str(nothing.value) == LOOKED
    pair = ca()
    keep(tmp_path, pair)
    (tmp_path / "proxy" / f"{name_of(DOMAIN)}.pem").unlink()
    with pytest.raises(Refusal) as one_due:
        front(tmp_path, pair).files()
    assert str(one_due.value) == LOOKED


def test_what_preflight_decides_counts_from_then_on(tmp_path: Path) -> None:
    keep(tmp_path, ca())
    another = ca()
    found = front(tmp_path, another)
    assert found.ca() != another.certificate
    assert found.problems() == []
    assert found.ca() == another.certificate


def own(folder: Path, certificate: str, key: str, authority: str = "") -> dict[str, Any]:
    """proxy.certificate, of files of the user's."""
    texts = {"certificate": certificate, "key": key, **({"ca": authority} if authority else {})}
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    return {name: str(folder / name) for name in texts}


def test_a_certificate_of_the_user_s_that_has_ended_is_a_problem(tmp_path: Path) -> None:
    now, signer = datetime.now(UTC), ca()
    old = tls.new_certificate(signer, [DOMAIN], now - timedelta(days=400))
    found = front(tmp_path, ca(), settings(certificate=own(tmp_path, old.certificate, old.key)))
    assert found.problems() == [
        f"{tmp_path}/certificate: its certificate 1 ended on {now - timedelta(days=3):%Y-%m-%d}; renew it"
    ]
    with pytest.raises(Refusal):
        found.ca()


def test_a_certificate_and_a_key_of_two_pairs_are_a_problem(tmp_path: Path) -> None:
    one, other = (tls.new_certificate(ca(), [DOMAIN], datetime.now(UTC)) for _ in range(2))
    given = own(tmp_path, one.certificate, other.key)
    assert front(tmp_path, ca(), settings(certificate=given)).problems() == [
        f"{given['key']}: is not the key of {given['certificate']}; name the two files that were made"
        " together"
    ]


def test_one_for_another_domain_is_a_problem(tmp_path: Path) -> None:
    signer = ca()
    other = tls.new_certificate(signer, ["other.example.org"], datetime.now(UTC))
    given = own(tmp_path, other.certificate, other.key, signer.certificate)
    assert front(tmp_path, ca(), settings(certificate=given)).problems() == [
        f"{given['certificate']}: it is not for {DOMAIN}: it is for other.example.org; get one that names"
        " them"
    ]


def test_one_of_a_ca_that_nobody_knows_is_a_problem(tmp_path: Path) -> None:
    pair = tls.new_certificate(ca(), [DOMAIN], datetime.now(UTC))
    [said] = front(tmp_path, ca(), settings(certificate=own(tmp_path, pair.certificate, pair.key))).problems()
    assert said.startswith(
        f"{tmp_path}/certificate: a client that was told of no CA refuses it: the CA that it"
    )
    assert said.endswith("name the file of its own CA in proxy.certificate.ca")


def test_the_user_s_ca_is_what_hosts_are_told_of(tmp_path: Path) -> None:
    signer = ca()
    pair = tls.new_certificate(signer, [DOMAIN], datetime.now(UTC))
    given = own(tmp_path, pair.certificate, pair.key, signer.certificate)
    found = front(tmp_path, ca(), settings(certificate=given))
    assert found.problems() == []
    assert (found.ca(), found.ca_file) == (signer.certificate, str(tmp_path / "ca"))


@pytest.mark.parametrize(
    ("allowed", "shut_out"),
    [(["127.0.0.1"], False), (["10.0.0.0/8", "127.0.0.0/8"], False), (["10.0.0.0/8"], True)],
)
def test_a_bastion_that_the_proxies_cut_off_is_a_warning(
    tmp_path: Path, allowed: list[str], shut_out: bool
) -> None:
    # the way to it is known on every machine
    wanted, survey = settings(allow_clients=allowed, listen=["127.0.0.1"]), Survey()
    assert front(tmp_path, ca(), wanted, survey).problems() == []
    assert survey.warnings == shut_out * [
        "proxy.allow_clients: leaves out this machine (127.0.0.1): the proof, which pushes from here, waits"
        " in vain; add it"
    ]
