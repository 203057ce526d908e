"""Harbor's certificates on two sides: renewed in time, never by a CA that clients do not know."""

import re
from datetime import timedelta

import pytest
from harbor_house import NOW, House

from breakwater import tls
from breakwater.secrets import Store


def test_renewed_ahead_of_its_end(house: House) -> None:
    before = house.plan()
    house.now = NOW + timedelta(days=366)
    assert house.plan().lines == ()
    house.now = NOW + timedelta(days=368)
    made = house.run()
    assert made.lines == (
        "certificate of the node ports: renewed, since it ends on 2027-12-25;"
        " a push in flight may have to be repeated",
    )
    assert made.tls_sha != before.tls_sha
    assert made.secrets_sha == before.secrets_sha


def test_renewed_for_a_new_node_and_not_for_one_that_left(house: House) -> None:
    nodes = dict(house.wanted.nodes)
    house.change(nodes={**nodes, "node3": "10.0.0.23"})
    assert "since it is not for 10.0.0.23, node3;" in house.run().lines[0]
    house.change(nodes=nodes)
    assert house.plan().lines == ()


def test_renewed_and_killed_between_the_sides(house: House) -> None:
    house.now = NOW + timedelta(days=368)
    made = house.plan()
    for name, text in made.files.items():
        Store(house.folder).write(name, text)
    expected = house.file("tls.crt")
    house.run()
    assert house.secrets()["harbor-tls"]["tls.crt"].rstrip("\n") == expected


def test_of_two_that_serve_the_newer_one(house: House) -> None:
    old, key = house.files()["tls.crt"], house.files()["tls.key"]
    house.now = NOW + timedelta(days=100)
    house.change(nodes={**house.wanted.nodes, "node3": "10.0.0.23"})
    house.run()
    newer = house.file("tls.crt")
    house.change(nodes={"node1": "10.0.0.21"})
    house.set_secret("harbor-tls", tls_crt=old, tls_key=key)
    house.run()
    assert house.secrets()["harbor-tls"]["tls.crt"].rstrip("\n") == newer


@pytest.mark.parametrize("how", ["lost", "another"])
def test_the_cas_key_gone(house: House, how: str) -> None:
    kept, other = house.files()["ca.key"], tls.new_ca("other", NOW)
    house.lose("ca.key")
    if how == "another":
        house.put("ca.key", other.key + other.certificate)
    made = house.run()
    assert "cannot be renewed; put ca.key back" in made.warnings[0]
    house.now = NOW + timedelta(days=368)
    said = house.refused()
    assert "a new one is due, since it ends on 2027-12-25, but the CA cannot sign" in said
    assert "`--data new_ca=yes`, after which every client must trust the new ca.crt" in said
    house.put("ca.key", kept)
    assert "renewed" in house.run().lines[0]
    assert not house.plan().warnings


def test_another_ca_on_request(house: House) -> None:
    old = house.file("ca.crt")
    made = house.run(new_ca=True)
    new = house.file("ca.crt")
    assert new != old
    assert house.secrets()["harbor-ca"]["ca.crt"].rstrip("\n") == new
    assert house.secrets()["harbor-tls"]["tls.crt"].rstrip("\n").endswith(new)
    assert f"every client must now trust {house.folder / 'ca.crt'}" in made.lines[0]
    assert old in house.file("ca.key.before")


@pytest.mark.parametrize("files", range(5))
def test_another_ca_killed_between_the_sides(house: House, files: int) -> None:
    made = house.plan(new_ca=True)
    for name in ("ca.key", "ca.crt", "tls.key", "tls.crt")[:files]:
        Store(house.folder).write(name, made.files[name])
    house.run(new_ca=True)


@pytest.mark.parametrize("adopt", ["cluster", "bastion"])
def test_two_cas(house: House, adopt: str) -> None:
    other = tls.new_ca("other", NOW)
    there, key = house.file("ca.crt"), house.files()["ca.key"]
    house.put("ca.crt", other.certificate)
    house.put("ca.key", other.key + other.certificate)
    assert re.search("CA: this machine has [0-9a-f]{12}, the cluster [0-9a-f]{12}; run", house.refused())
    house.run(adopt=adopt)
    assert house.file("ca.crt") == (there if adopt == "cluster" else other.certificate.rstrip("\n"))
    if adopt == "cluster":
        house.put("ca.key", key)
        assert house.plan().warnings == ()


def test_the_ca_lost_on_both_sides(house: House) -> None:
    house.lose("ca.key", "ca.crt")
    house.lose_secrets("harbor-ca")
    assert house.run()  # the certificate brings it
    house.lose("ca.crt", "tls.crt")
    house.lose_secrets("harbor-ca", "harbor-tls")
    assert "CA: neither this machine nor the cluster has its certificate" in house.refused()
    assert house.run(new_ca=True).lines


def test_the_end_of_the_ca_is_announced(house: House) -> None:
    house.now = NOW + timedelta(days=3300)
    [warning] = house.run().warnings
    assert warning.startswith("CA: it ends on 2036-11-20; before that, run once with `--data new_ca=yes`")


def test_a_clock_before_the_cas_time(house: House) -> None:
    house.now = NOW - timedelta(days=1)
    assert "is the clock right?" in house.refused()


def test_a_certificate_that_somebody_else_put_there(empty: House) -> None:
    """A company's certificate, as its CA's people hand it out: their CA has no key here."""
    foreign = tls.new_certificate(tls.new_ca("company", NOW), ["other.example.org"], NOW)
    leaf = tls.chain(foreign.certificate)[0]
    empty.set_secret("harbor-tls", {}, tls_key=foreign.key, tls_crt=leaf)
    assert "Secret harbor/harbor-tls: not made by breakwater, and its tls.crt, tls.key" in empty.refused()
    empty.set_secret("harbor-tls", {}, tls_crt=foreign.certificate)
    assert "since it is not for registry.example.org, " in (said := empty.refused())
    assert "the CA cannot sign: its key is not on this machine" in said
