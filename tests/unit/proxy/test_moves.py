"""Our real files, moved into place on a proxy: what Envoy takes and refuses, and what becomes of Harbor."""

import os
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from backend import Pool
from moving import Planned, answers
from proxy_host import ENVOY, ProxyHost
from real_envoy import DOMAIN

from breakwater import tls
from breakwater.proxy.settings import Upstream
from breakwater.proxy.wanted import name_of
from breakwater.tls import Pair

if os.getuid() or not ENVOY.exists():
    pytest.skip("needs root, for files that only Envoy's user may read", allow_module_level=True)

WIKI = Upstream(domain="wiki.example.org", endpoints=("nothing.invalid:80",), tls=False)


def test_they_are_served_changed_while_it_runs_and_then_left_alone(
    serving: ProxyHost, planned: Planned, ca: Pair
) -> None:
    assert answers(serving, ca) == 200
    assert serving.deploy(planned()) == []
    new = tls.new_certificate(ca, [DOMAIN], datetime.now(UTC))
    other = planned(idle_timeout=600, certificates={DOMAIN: new.certificate + new.key})
    assert serving.deploy(other) == ["private", *["stage"] * 3, "judge", "move"]
    assert answers(serving, ca) == 200
    assert serving.starts == 1
    assert serving.deploy(other) == []


def test_a_key_of_another_certificate_is_refused_and_changes_nothing(
    serving: ProxyHost, planned: Planned, ca: Pair, pair: Pair
) -> None:
    before, other = serving.tree(), tls.new_certificate(ca, [DOMAIN], datetime.now(UTC))
    [said] = serving.deploy(planned(certificates={DOMAIN: pair.certificate + other.key}))
    assert "Envoy refuses these files, so none was changed" in said
    assert "BEGIN" not in said
    assert not any(line in said for line in other.key.splitlines() if len(line) > 20)
    assert serving.tree() == before
    assert answers(serving, ca) == 200


@pytest.fixture(params=["refuses", "is silent"])
def dns(request: pytest.FixtureRequest, host: ProxyHost) -> Iterator[str]:
    """Envoy's DNS server does not tell names: it is not there, or says nothing."""
    (host.root / "resolv.conf").write_text("nameserver 127.0.0.9\n")
    words = 'mount --bind "$HOST/resolv.conf" /etc/resolv.conf && exec "$@"'
    alone = ["unshare", "-m", "sh", "-c"]
    if subprocess.run([*alone, words, "-", "true"], env={**os.environ, "HOST": str(host.root)}).returncode:
        pytest.skip("no mounts of one's own here")
    host.program("setsid", f"exec /usr/bin/setsid {' '.join(alone)} '{words}' - \"$@\"\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        if request.param == "is silent":
            silent.bind(("127.0.0.9", 53))
        yield request.param


def test_an_upstream_whose_name_is_not_told_is_not_harbors_matter(
    host: ProxyHost, planned: Planned, ca: Pair, dns: str
) -> None:
    assert host.deploy(planned(upstreams=(WIKI,)))[-1] == "move"
    assert answers(host, ca) == 200
    failures = host.stats(f"cluster.{name_of(WIKI.domain)}.update_failure")
    assert [count != "0" for count in failures.values()] == [dns == "refuses"]
    other = planned(upstreams=(WIKI,), idle_timeout=600)
    assert host.deploy(other)[-1] == "move"
    assert host.deploy(other) == []
    assert host.starts == 1


STRANGER = tls.new_ca("stranger.example.org", datetime.now(UTC)).certificate
GONE = "and at none in the 5 s since; what was there before is back"


@pytest.mark.parametrize("how", ["running", "restarted"])
@pytest.mark.parametrize(
    "change", [{"authorities": {DOMAIN: STRANGER}}, {"server_name": "other.example.org"}], ids=["ca", "name"]
)
def test_what_parts_the_proxy_from_harbor_is_put_back(
    serving: ProxyHost, planned: Planned, ca: Pair, how: str, change: dict[str, object]
) -> None:
    before = serving.tree()
    also = {"connections": 300} if how == "restarted" else {}
    [said] = serving.deploy(planned(**change, **also), limit=5)
    assert f"failed: Envoy: Harbor answered it at 2 nodes before, {GONE}" in said
    assert serving.tree() == before
    assert serving.deploy(planned()) == []
    assert answers(serving, ca) == 200
    assert serving.starts == (3 if also else 1)


def test_a_harbor_that_did_not_answer_before_is_not_waited_for(
    host: ProxyHost, planned: Planned, pool: Pool
) -> None:
    for node in pool.running.values():
        node.die()
    assert host.deploy(planned())[-1] == "move"
    assert host.deploy(planned(connections=300))[-1] == "move"
    assert host.deploy(planned(connections=300, authorities={DOMAIN: STRANGER}))[-1] == "move"
