"""What becomes of requests: the real Envoy, real TLS on both legs, small upstreams."""

import contextlib
import socket
import ssl
import time
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from asking import Ask, asker
from backend import Backend, Pool
from real_envoy import DOMAIN, Make, RealEnvoy, asked, connect, free_port

from breakwater import tls
from breakwater.proxy.config import files
from breakwater.proxy.settings import RateLimit, Upstream
from breakwater.tls import Pair


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
        # Browsers keep one connection for all names of a certificate: it is the Host that is served.
        assert ask("GET", "/other", host="wiki.example.org")[0] == 200
        assert [seen.path for seen in plain.asked("GET")][-1:] == ["/other"]
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
