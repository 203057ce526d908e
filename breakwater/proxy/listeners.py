"""How clients come in: TLS for the names we have, and plain HTTP sent on to it.

Nothing of endpoints, routes or certificates stands here, so that a change of those leaves listeners, and with
them every push that runs, alone. Each site has a chain of its own: when one comes or goes, the others stay.
"""

from breakwater.proxy.clusters import BUFFER
from breakwater.proxy.routes import ROUTES
from breakwater.proxy.wanted import Site, Wanted, sites
from breakwater.proxy.xds import TLS_VERSIONS, Tree, extension, resources, socket_address, source

# What a client says of where it comes from dies before Envoy writes its own; x-envoy-* would also set
# retries and timeouts, and so have a PATCH sent twice.
_SPOOFED = (
    {"remove_on_match": {"key_matcher": {"prefix": "x-forwarded-", "ignore_case": True}}},
    {"remove_on_match": {"key_matcher": {"prefix": "x-envoy-", "ignore_case": True}}},
    {"remove": "x-real-ip"},
    {"remove": "forwarded"},
)
_LOG = {
    "time": "%START_TIME%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "sni": "%REQUESTED_SERVER_NAME%",
    "tls": "%DOWNSTREAM_TLS_VERSION%",
    "protocol": "%PROTOCOL%",
    "host": "%REQ(:AUTHORITY)%",
    "method": "%REQ(:METHOD)%",
    # Without the query, in which tokens travel.
    "path": "%PATH(NQ)%",
    "code": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "received": "%BYTES_RECEIVED%",
    "sent": "%BYTES_SENT%",
    "ms": "%DURATION%",
    "ms_upstream": "%RESPONSE_DURATION%",
    "upstream": "%UPSTREAM_HOST%",
    "tries": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    # A certificate that was not believed shows in these two and nowhere else.
    "upstream_failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "client_failure": "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%",
    "agent": "%REQ(USER-AGENT)%",
    "request": "%REQ(X-REQUEST-ID)%",
}


# Connections that came to no request: the one place where a client that does not trust our certificate, or
# has no right to be here, is seen. With TLS 1.3 that is said in a packet Envoy cannot read, and calls broken.
_UNANSWERED = "connection.transport_failure_reason != '' || response.code_details == 'filter_chain_not_found'"


def listeners(wanted: Wanted) -> str:
    """xds/lds.yaml."""
    found = [_https(wanted)]
    if wanted.proxy.http_redirect_port is not None:
        found.append(_redirect(wanted, wanted.proxy.http_redirect_port))
    return resources("config.listener.v3.Listener", *found)


def _https(wanted: Wanted) -> Tree:
    inspector = extension(
        "filters.listener.tls_inspector",
        "extensions.filters.listener.tls_inspector.v3.TlsInspector",
    )
    return {
        "name": "https",
        **_addresses(wanted, wanted.proxy.port),
        "per_connection_buffer_limit_bytes": BUFFER,
        # Without it no chain is found by name. A client that says no word is cut off.
        "listener_filters": [inspector],
        "listener_filters_timeout": "10s",
        # None is the default: another name, none at all, plain HTTP or a client that is not allowed is reset.
        "filter_chains": [_chain(wanted, site) for site in sites(wanted)],
        "access_log": [_connection_log()],
    }


def _chain(wanted: Wanted, site: Site) -> Tree:
    certificate = {"name": site.name, "sds_config": source(wanted, f"sds/{site.name}.yaml")}
    context = extension(
        "transport_sockets.tls",
        "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context={
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": dict(TLS_VERSIONS),
            "tls_certificate_sds_secret_configs": [certificate],
        },
    )
    manager = extension(
        "filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        **_http(wanted),
    )
    return {
        "name": site.name,
        "filter_chain_match": {"server_names": list(site.domains), **_clients(wanted)},
        # A handshake that does not end holds a connection.
        "transport_socket_connect_timeout": "10s",
        "transport_socket": context,
        "filters": [manager],
    }


def _http(wanted: Wanted) -> Tree:
    """The same for every site: they share their routes, and so the count of requests."""
    cleaned = extension(
        "http.early_header_mutation.header_mutation",
        "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=list(_SPOOFED),
    )
    # Lets everything through until the routes say otherwise.
    limit = extension(
        "filters.http.local_ratelimit",
        "extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="requests",
    )
    return {
        "stat_prefix": "https",
        # The address of the connection is the client's; X-Forwarded-Proto is what the connection is.
        "use_remote_address": True,
        "normalize_path": True,
        # Names of repositories travel as %252F: nothing is taken apart, nothing is joined.
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "server_name": "breakwater",
        # Until a route is found, whose own takes its place: idle_timeout may change, and no listener.
        "stream_idle_timeout": "60s",
        # Only the headers: request_timeout would end uploads.
        "request_headers_timeout": "15s",
        # What a client far away sent before it read that the connection is to end is still served.
        "drain_timeout": "30s",
        "common_http_protocol_options": {
            # Without a request. Docker and containerd close theirs after 90 s, and so before we do, which
            # spares them a request that meets a closed connection. The default is an hour, of `connections`.
            "idle_timeout": "300s",
            # nginx, behind us, may take x_real_ip for x-real-ip.
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "http2_protocol_options": _http2(),
        "early_header_mutation_extensions": [cleaned],
        "rds": {"route_config_name": ROUTES, "config_source": source(wanted, "xds/rds.yaml")},
        # No buffer filter: it would hold whole layers in memory.
        "http_filters": [limit, _router()],
        "access_log": [_log()],
    }


def _http2() -> Tree:
    return {
        # The least that RFC 9113 advises. Each has a window of its own, which is memory.
        "max_concurrent_streams": 100,
        # With the 64 KiB that are usually advised, an upload at 20 ms has 3 MB/s.
        "initial_stream_window_size": 4 * 2**20,
        "initial_connection_window_size": 16 * 2**20,
        # A client that vanished is not kept until the timeouts of its requests.
        "connection_keepalive": {"interval": "60s", "timeout": "20s"},
    }


def _redirect(wanted: Wanted, port: int) -> Tree:
    target: Tree = {"https_redirect": True, "response_code": "MOVED_PERMANENTLY"}
    if wanted.proxy.port != 443:
        target["port_redirect"] = wanted.proxy.port
    known = {
        "name": "redirect",
        # Names of ours only: one that sends on any Host leads people from our name to anybody's.
        "domains": [domain for site in sites(wanted) for domain in site.domains],
        "routes": [{"match": {"prefix": "/"}, "redirect": target}],
    }
    manager = extension(
        "filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="http",
        use_remote_address=True,
        server_name="breakwater",
        # One small request and its answer, then the client is elsewhere.
        request_headers_timeout="10s",
        stream_idle_timeout="30s",
        common_http_protocol_options={"idle_timeout": "30s"},
        http2_protocol_options={"max_concurrent_streams": 100},
        # Here and not in a file: one holds exactly one RouteConfiguration, and names change listeners anyway.
        route_config={
            "name": "http",
            "ignore_port_in_host_matching": True,
            "virtual_hosts": [known],
        },
        http_filters=[_router()],
        access_log=[_log()],
    )
    return {
        "name": "http",
        **_addresses(wanted, port),
        # Nobody sends much here.
        "per_connection_buffer_limit_bytes": 32 * 1024,
        "filter_chains": [{"name": "http", "filter_chain_match": _clients(wanted), "filters": [manager]}],
        "access_log": [_connection_log()],
    }


def _router() -> Tree:
    return extension(
        "filters.http.router",
        "extensions.filters.http.router.v3.Router",
        # Neither clients nor Harbor need to know of retries and times.
        suppress_envoy_headers=True,
    )


def _addresses(wanted: Wanted, port: int) -> Tree:
    # "::" does not take IPv4 too, so that both may stand in the list.
    first, *others = (socket_address(host, port) for host in wanted.proxy.listen)
    more = {"additional_addresses": [{"address": other} for other in others]} if others else {}
    return {"address": first, **more}


def _clients(wanted: Wanted) -> Tree:
    """Who finds a chain at all; nothing when everyone does."""
    ranges = []
    for text in wanted.proxy.allow_clients or ():
        address, _, bits = text.partition("/")
        length = int(bits) if bits else (128 if ":" in address else 32)
        ranges.append({"address_prefix": address, "prefix_len": length})
    return {"source_prefix_ranges": ranges} if ranges else {}


def _log() -> Tree:
    """One line of JSON on standard output, for the journal.

    Not the path /dev/stdout: an Envoy that is not root may not open the journal's socket anew.
    """
    stream = "extensions.access_loggers.stream.v3.StdoutAccessLog"
    return extension("access_loggers.stdout", stream, log_format={"json_format": _LOG})


def _connection_log() -> Tree:
    cel = "extensions.access_loggers.filters.cel.v3.ExpressionFilter"
    only = extension("access_loggers.extension_filters.cel", cel, expression=_UNANSWERED)
    return {**_log(), "filter": {"extension_filter": only}}
