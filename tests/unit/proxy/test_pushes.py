"""What becomes of pushes and pulls when they are slow, when things change, and when nodes go away."""

import contextlib
import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from asking import LARGE, Ask, asker, pieces
from backend import Backend, Pool
from real_envoy import DOMAIN, Make, RealEnvoy, asked, connect, free_port

from breakwater import tls
from breakwater.proxy.config import files
from breakwater.proxy.settings import RateLimit
from breakwater.tls import Pair

# Seconds that are longer than Envoy's default for a whole request, 15.
LONG = 18


def test_an_upload_of_unknown_length_arrives_whole(ask: Ask, pool: Pool) -> None:
    assert ask("PATCH", "/v2/a/blobs/uploads/1", body=pieces(LARGE))[0] == 200
    (seen,) = pool.asked("PATCH")
    assert (seen.size, seen.digest) == (LARGE, hashlib.sha256(b"".join(pieces(LARGE))).hexdigest())


def test_nothing_slow_is_cut(envoy: RealEnvoy, ask: Ask, pool: Pool, ca: Pair) -> None:
    """A push and a pull of some kilobytes a second, and a late answer; at once, to be done soon."""

    def push() -> int:
        def body() -> Iterator[bytes]:
            for _ in range(LONG):
                yield bytes(4096)
                time.sleep(1)

        return ask("PATCH", "/push", body=body())[0]

    def pull() -> int:
        connection = connect(envoy.wanted.proxy.port, DOMAIN, ca.certificate)
        assert isinstance(connection.sock, ssl.SSLSocket)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**17)
        # More than all buffers on the way hold, so that Envoy is not done with it long before the client is.
        with asked(connection, "GET", f"/bytes/{2 * LARGE}") as answer:
            got = 0
            for _ in range(LONG):
                got += len(answer.read(4096))
                time.sleep(1)
            return got + len(answer.read())

    with ThreadPoolExecutor() as threads:
        pushed, pulled = threads.submit(push), threads.submit(pull)
        late = threads.submit(ask, "PUT", f"/slow/{LONG}")
        assert pushed.result() == 200
        assert pulled.result() == 2 * LARGE
        assert late.result()[0] == 200
    assert [seen.size for seen in pool.asked("PATCH")] == [LONG * 4096]


def shown(port: int, ca: Pair) -> bytes | None:
    """The certificate that a client sees."""
    connection = connect(port, DOMAIN, ca.certificate)
    assert isinstance(connection.sock, ssl.SSLSocket)
    with contextlib.closing(connection):
        return connection.sock.getpeercert(binary_form=True)


def test_an_upload_goes_on_while_all_but_the_listeners_change(
    envoy: RealEnvoy, make: Make, pool: Pool, ca: Pair, pair: Pair
) -> None:
    ports = {key: getattr(envoy.wanted.proxy, key) for key in ("port", "http_redirect_port")}
    new = tls.new_certificate(ca, [DOMAIN], datetime.now(UTC))
    other = make(
        node_port=pool.port,
        nodes={"node1": "127.0.0.1"},
        certificates={DOMAIN: new.certificate + new.key},
        idle_timeout=600,
        rate_limit=RateLimit(requests=1000),
        **ports,
    )(envoy.folder)
    before, after = files(envoy.wanted), files(other)
    assert before["xds/lds.yaml"] == after["xds/lds.yaml"]
    answers: list[int] = []
    half, whole = threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        yield from pieces(LARGE)
        half.set()
        whole.wait(30)
        yield from pieces(LARGE)

    ask = asker(envoy, ca)
    upload = threading.Thread(target=lambda: answers.append(ask("PATCH", "/a", body=body())[0]))
    upload.start()
    assert half.wait(30)
    envoy.write({name: after[name] for name in after if after[name] != before[name]})
    for name, stat in (
        ("xds/eds.yaml", "cluster.harbor"),
        ("xds/rds.yaml", "http.https.rds.https"),
        ("sds/harbor.yaml", "sds.harbor"),
    ):
        version = after[name].partition('"')[2].partition('"')[0]
        envoy.until(lambda: envoy.stat(f"{stat}.version_text") == version)  # noqa: B023
    assert shown(ports["port"], ca) == ssl.PEM_cert_to_DER_cert(tls.chain(new.certificate)[0])
    whole.set()
    upload.join(30)
    assert answers == [200]
    assert [seen.size for seen in pool.asked("PATCH")] == [2 * LARGE]


@pytest.mark.parametrize("fault", ["ca", "name"])
def test_a_node_that_is_not_ours_is_not_believed(make: Make, pool: Pool, ca: Pair, fault: str) -> None:
    other = tls.new_ca(DOMAIN, datetime.now(UTC)).certificate
    wrong = {"authorities": {DOMAIN: other}} if fault == "ca" else {"server_name": "other.example.org"}
    with RealEnvoy(make(node_port=pool.port, **wrong)) as envoy:
        assert asker(envoy, ca)("GET", "/a")[0] == 503
        reason = envoy.line(code=503)["upstream_failure"]
    assert "CERTIFICATE_VERIFY_FAILED" in reason
    assert pool.asked("GET") == []


@pytest.mark.parametrize("method", ["PATCH", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/reset", "/busy"])
def test_a_write_is_never_sent_twice(ask: Ask, pool: Pool, method: str, path: str) -> None:
    # A client cannot ask for it either.
    wish = {"X-Envoy-Retry-On": "5xx,reset,retriable-4xx", "X-Envoy-Max-Retries": "9"}
    assert ask(method, path, body=b"layer", headers=wish)[0] == 503
    assert len(pool.asked(method)) == 1


@pytest.mark.parametrize("path", ["/reset", "/busy"])
def test_a_read_is_tried_again(ask: Ask, pool: Pool, path: str) -> None:
    assert ask("GET", path)[0] == 503
    assert len(pool.asked("GET")) == 3


def test_no_request_fails_when_one_of_two_nodes_is_gone(ask: Ask, pool: Pool) -> None:
    gone = pool.running["127.0.0.2"]
    codes = []
    for number in range(40):
        if number == 5:
            gone.die()
        codes += [ask("GET", "/a")[0], ask("POST", "/b", body=b"x")[0], ask("PATCH", "/c", body=b"x")[0]]
    assert set(codes) == {200}
    assert len(pool.asked("POST")) == 40


def test_no_request_fails_when_two_of_three_nodes_are_gone(make: Make, pair: Pair, ca: Pair) -> None:
    """Less than half of them are well, at which Envoy by default asks the dead ones too."""
    addresses = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    nodes = {f"node{number}": address for number, address in enumerate(addresses, start=1)}
    with (
        Pool(free_port(), pair, addresses) as pool,
        RealEnvoy(make(node_port=pool.port, nodes=nodes)) as envoy,
    ):
        ask = asker(envoy, ca)
        assert envoy.stat("cluster.harbor.membership_healthy") == "3"
        for address in addresses[1:]:
            pool.running[address].die()
        envoy.until(lambda: envoy.stat("cluster.harbor.membership_healthy") == "1")
        codes = [ask("GET", "/a")[0] for _ in range(60)]
        codes += [ask("POST", "/b", body=b"x")[0] for _ in range(40)]
        assert codes == [200] * 100
        assert envoy.stat("cluster.harbor.lb_healthy_panic") == "0"


def test_a_node_that_is_gone_is_not_taken_for_the_idle_one(ask: Ask, pool: Pool) -> None:
    def pull() -> None:
        with contextlib.suppress(OSError):
            ask("GET", "/slow/5")

    gone, pulls = pool.running["127.0.0.2"], []
    # Two nodes are drawn by lot, and the one with less to do gets the request.
    while len(gone.asked("GET")) < 2:
        assert len(pulls) < 40
        pulls.append(threading.Thread(target=pull))
        pulls[-1].start()
        time.sleep(0.05)
    gone.die()
    assert {ask("POST", "/b", body=b"x")[0] for _ in range(30)} == {200}
    for each in pulls:
        each.join()


def test_a_node_that_comes_back_is_used_again(envoy: RealEnvoy, ask: Ask, pool: Pool, pair: Pair) -> None:
    for backend in pool.running.values():
        backend.die()
    assert ask("GET", "/a")[0] == 503
    envoy.until(lambda: envoy.stat("cluster.harbor.membership_healthy") == "0")
    pool.running["127.0.0.1"] = Backend("127.0.0.1", pool.port, pair)
    # Not at once healthy, but tried at once, since nobody else is left.
    assert {ask("GET", "/a")[0] for _ in range(5)} == {200}
    envoy.until(lambda: envoy.stat("cluster.harbor.membership_healthy") == "1")
