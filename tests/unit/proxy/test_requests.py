"""What becomes of requests: the real Envoy, real TLS on both legs, small upstreams."""

import contextlib
import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest
from backend import Backend, Pool
from real_envoy import DOMAIN, Make, RealEnvoy, asked, connect, free_port

from breakwater import tls
from breakwater.proxy.config import files
from breakwater.proxy.settings import RateLimit, Upstream
from breakwater.tls import Pair

LARGE = 8 * 2**20
Ask = Callable[..., tuple[int, bytes, dict[str, str]]]


def asker(envoy: RealEnvoy, ca: Pair) -> Ask:
    """ask("GET", "/path", …): code, body and headers of the answer, by TLS that is verified."""

    def ask(method: str, path: str, **more: Any) -> tuple[int, bytes, dict[str, str]]:
        name, source = more.pop("name", DOMAIN), more.pop("source", "127.0.0.1")
        connection = connect(envoy.wanted.proxy.port, name, ca.certificate, source)
        with asked(connection, method, path, **more) as answer:
            return answer.status, answer.read(), dict(answer.getheaders())

    return ask


@pytest.fixture
def ask(envoy: RealEnvoy, ca: Pair) -> Ask:
    return asker(envoy, ca)


def pieces(size: int) -> Iterator[bytes]:
    for at in range(0, size, 2**16):
        yield at.to_bytes(8, "big") * (2**13)


def test_an_upload_of_unknown_length_arrives_whole(ask: Ask, pool: Pool) -> None:
    assert ask("PATCH", "/v2/a/blobs/uploads/1", body=pieces(LARGE))[0] == 200
    (seen,) = pool.asked("PATCH")
    assert (seen.size, seen.digest) == (LARGE, hashlib.sha256(b"".join(pieces(LARGE))).hexdigest())


def test_a_slow_download_arrives_whole(envoy: RealEnvoy, ca: Pair) -> None:
    connection = connect(envoy.wanted.proxy.port, DOMAIN, ca.certificate)
    assert isinstance(connection.sock, ssl.SSLSocket)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**17)
    with asked(connection, "GET", f"/bytes/{2 * LARGE}") as answer:
        got = 0
        while piece := answer.read(2**18):
            got += len(piece)
            time.sleep(0.02)
    assert got == 2 * LARGE


def test_an_answer_later_than_the_default_timeout_is_waited_for(ask: Ask) -> None:
    assert ask("PUT", "/slow/16")[0] == 200


def test_an_unknown_host_is_not_found(ask: Ask, pool: Pool) -> None:
    assert ask("GET", "/a", host="evil.example.org")[0] == 404
    assert pool.asked("GET") == []


@pytest.mark.parametrize("host", [f"{DOMAIN}:443", DOMAIN.upper(), f"{DOMAIN}:8443"])
def test_the_domain_is_found_however_it_is_written(ask: Ask, host: str) -> None:
    assert ask("GET", "/a", host=host)[0] == 200


@pytest.mark.parametrize("name", ["evil.example.org", None, f"x.{DOMAIN}"])
def test_another_name_is_reset_before_a_certificate_is_shown(envoy: RealEnvoy, name: str | None) -> None:
    with pytest.raises(ConnectionResetError):
        connect(envoy.wanted.proxy.port, name, None)
    assert envoy.line(details="filter_chain_not_found")["sni"] == name


def test_plain_http_at_the_tls_port_is_reset(envoy: RealEnvoy) -> None:
    with socket.create_connection(("127.0.0.1", envoy.wanted.proxy.port), timeout=10) as client:
        client.sendall(f"GET /v2/ HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert "HTTP_REQUEST" in envoy.line(details="filter_chain_not_found")["client_failure"]


def test_a_client_that_does_not_trust_the_certificate_is_in_the_log(envoy: RealEnvoy) -> None:
    other = tls.new_ca(DOMAIN, datetime.now(UTC))
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(envoy.wanted.proxy.port, DOMAIN, other.certificate)
    line = envoy.line(sni=DOMAIN, code=0)
    assert line["client"] == "127.0.0.1"
    assert line["client_failure"]


def test_where_a_client_says_it_comes_from_is_not_believed(ask: Ask, pool: Pool) -> None:
    spoofed = {
        "X-Forwarded-For": "10.9.9.9",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example.org",
        "X-Forwarded-Port": "1",
        "X-FORWARDED-Prefix": "/evil",
        "X-Forwarded-Client-Cert": "Subject=admin",
        "X-Real-IP": "10.9.9.9",
        "x_real_ip": "10.9.9.9",
        "Forwarded": "for=10.9.9.9",
        "X-Envoy-External-Address": "10.9.9.9",
        "X-Envoy-Original-Path": "/evil",
    }
    assert ask("GET", "/a", headers=spoofed)[0] == 200
    (seen,) = pool.asked("GET")
    # A client on loopback is the proxy itself, whose own address is said then.
    (client,) = seen.header("x-forwarded-for")
    assert ip_address(client)
    assert seen.header("x-forwarded-proto") == ["https"]
    left = {key.lower() for key, _ in seen.headers}
    assert left == {"host", "x-forwarded-for", "x-forwarded-proto", "x-request-id"}
    assert not [value for _, value in seen.headers if "evil" in value or "10.9.9.9" in value]


@pytest.mark.parametrize(
    "path", ["/api/v2.0/projects/a/repositories/b%252Fc/artifacts", "/a%2Fb//c", "/a?x=%2F&y=a%20b", "/a%5Cb"]
)
def test_a_path_travels_as_it_is(ask: Ask, pool: Pool, path: str) -> None:
    assert ask("GET", path)[0] == 200
    assert [seen.path for seen in pool.asked("GET")] == [path]


@pytest.mark.parametrize(("path", "arrives"), [("/a/../b", "/b"), ("/a/%2e%2e/b", "/b"), ("/./a", "/a")])
def test_a_way_up_is_gone_before_the_upstream_sees_it(ask: Ask, pool: Pool, path: str, arrives: str) -> None:
    assert ask("GET", path)[0] == 200
    assert [seen.path for seen in pool.asked("GET")] == [arrives]


def test_nothing_in_the_log_is_a_token(envoy: RealEnvoy, ask: Ask) -> None:
    ask("GET", "/service/token?account=admin&secret=hunter2", headers={"Authorization": "Basic hunter2"})
    assert envoy.line(path="/service/token")["code"] == 200
    assert "hunter2" not in str(envoy.lines())


def test_harbors_word_for_all_hosts_below_the_domain_is_replaced(ask: Ask) -> None:
    assert ask("GET", "/a")[2]["strict-transport-security"] == "max-age=31536000"


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


def plain(port: int, path: str, host: str, method: str = "GET") -> tuple[int, str]:
    """Code and Location, by plain HTTP."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        head = b"".join(iter(lambda: client.recv(65536), b"")).decode().lower().splitlines()
    location = next((line.partition(": ")[2] for line in head if line.startswith("location: ")), "")
    return (int(head[0].split()[1]) if head else 0), location


def test_plain_http_is_sent_on_for_our_names_only(make: Make, pool: Pool) -> None:
    aliases = ("registry.localhost",)
    with RealEnvoy(make(node_port=pool.port, port=(port := free_port()), aliases=aliases)) as envoy:
        redirect = envoy.wanted.proxy.http_redirect_port
        assert redirect
        wanted = (301, f"https://{DOMAIN}:{port}/v2/a%252fb?x=1")
        assert plain(redirect, "/v2/a%252Fb?x=1", DOMAIN) == wanted
        assert plain(redirect, "/v2/a%252Fb?x=1", f"{DOMAIN}:{redirect}") == wanted
        assert plain(redirect, "/", aliases[0]) == (301, f"https://{aliases[0]}:{port}/")
        assert plain(redirect, "/", "evil.example.org") == (404, "")
        assert plain(redirect, "//evil.example.org/", DOMAIN)[1].startswith(f"https://{DOMAIN}:{port}/")


def test_without_a_redirect_nobody_listens_there(make: Make, pool: Pool) -> None:
    with RealEnvoy(make(node_port=pool.port, http_redirect_port=None)) as envoy:
        assert b"http::" not in envoy.admin("/listeners")
        assert b"https::" in envoy.admin("/listeners")


def test_only_allowed_clients_are_let_in(make: Make, pool: Pool, ca: Pair) -> None:
    allowed = ("127.0.0.7", "127.1.0.0/16", "fd00::/8")
    with RealEnvoy(make(node_port=pool.port, allow_clients=allowed)) as envoy:
        ask, redirect = asker(envoy, ca), envoy.wanted.proxy.http_redirect_port
        for source in ("127.0.0.7", "127.1.2.3"):
            assert ask("GET", "/a", source=source)[0] == 200
        for source in ("127.0.0.8", "127.0.0.1"):
            with pytest.raises(ConnectionResetError):
                ask("GET", "/a", source=source)
        assert redirect
        with contextlib.suppress(ConnectionResetError):
            assert plain(redirect, "/", DOMAIN) == (0, "")
        assert envoy.line(client="127.0.0.8")["details"] == "filter_chain_not_found"


def test_more_requests_than_allowed_are_told_so(make: Make, pool: Pool, ca: Pair) -> None:
    limit = RateLimit(requests=1, burst=5)
    with RealEnvoy(make(node_port=pool.port, aliases=("registry.localhost",), rate_limit=limit)) as envoy:
        ask = asker(envoy, ca)
        # All names together.
        codes = [ask("GET", "/a", name=name)[0] for name in [DOMAIN, "registry.localhost"] * 6]
        assert codes[:5] == [200] * 5
        assert codes.count(429) >= 4
        time.sleep(1.5)
        assert ask("GET", "/a")[0] == 200


def test_other_sites_have_their_own_upstreams(make: Make, pool: Pool, pair: Pair, ca: Pair) -> None:
    plain, secure = Backend("127.0.0.1", free_port(), None), Backend("127.0.0.1", free_port(), pair)
    upstreams = (
        Upstream(domain="wiki.example.org", endpoints=(f"127.0.0.1:{plain.server_port}",), tls=False),
        Upstream(
            domain="registry.localhost",
            # A name, which Envoy looks up.
            endpoints=(f"localhost:{secure.server_port}",),
            ca="ca.pem",
            server_name="wiki.internal",
            health="/ok",
        ),
    )
    with RealEnvoy(make(node_port=pool.port, upstreams=upstreams)) as envoy:
        ask = asker(envoy, ca)
        for name, backend in (("wiki.example.org", plain), ("registry.localhost", secure)):
            assert ask("GET", f"/{name}", name=name)[0] == 200
            assert [seen.path for seen in backend.asked("GET") if seen.path != "/ok"] == [f"/{name}"]
        assert ask("GET", "/harbor")[0] == 200
        assert [seen.path for seen in pool.asked("GET")] == ["/harbor"]
    plain.die()
    secure.die()


def test_other_ends_of_ipv6(make: Make, pair: Pair, ca: Pair) -> None:
    node = Backend6("::1", free_port(), pair)
    every = make(node_port=node.server_port, nodes={"node1": "::1"}, listen=("0.0.0.0", "::"))  # noqa: S104
    with RealEnvoy(every) as envoy:
        port = envoy.wanted.proxy.port
        for to in ("127.0.0.1", "::1"):
            with asked(connect(port, DOMAIN, ca.certificate, to, to), "GET", "/a") as answer:
                assert answer.status == 200
        assert len(node.asked("GET")) == 2
    node.die()


class Backend6(Backend):
    address_family = socket.AF_INET6


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
    connection = connect(ports["port"], DOMAIN, ca.certificate)
    assert isinstance(connection.sock, ssl.SSLSocket)
    shown = connection.sock.getpeercert(binary_form=True)
    connection.close()
    assert shown == ssl.PEM_cert_to_DER_cert(tls.chain(new.certificate)[0])
    whole.set()
    upload.join(30)
    assert answers == [200]
    assert [seen.size for seen in pool.asked("PATCH")] == [2 * LARGE]


def test_a_certificate_that_envoy_cannot_read_is_counted_and_changes_nothing(
    envoy: RealEnvoy, ask: Ask
) -> None:
    envoy.write({"sds/harbor.yaml": files(envoy.wanted)["sds/harbor.yaml"].replace("MII", "XXX")})
    envoy.until(lambda: envoy.stat("sds.harbor.update_rejected") == "1")
    assert ask("GET", "/a")[0] == 200


def test_the_admin_socket_only_tells(envoy: RealEnvoy) -> None:
    assert envoy.admin("/quitquitquit", "POST").strip() == b"request to path /quitquitquit not allowed"
    assert b"PRIVATE" not in envoy.admin("/config_dump?include_eds")
    assert (envoy.folder / "admin.sock").stat().st_mode & 0o777 == 0o600
