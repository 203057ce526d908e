"""Where requests go: Harbor at every node, and the other upstreams."""

import socket

from breakwater.addresses import canonical
from breakwater.proxy.limits import endpoint
from breakwater.proxy.wanted import HARBOR, Site, Wanted, sites
from breakwater.proxy.xds import TLS_VERSIONS, Tree, extension, resources, socket_address, source, typed

# What a stream may have in flight inside Envoy, each way.
BUFFER = 256 * 1024
# tcp(7): TCP_USER_TIMEOUT, in milliseconds. What is under way to a node that lost its power hangs this long:
# below the minute after which many clients give up, so that reads are tried at another node before. But no
# shorter: Harbor stops reading while its storage stalls, and the kernel counts that silence as well. A push
# through a longer stall ends with Harbor's own error (docs/troubleshooting.md).
_UNCONFIRMED = {
    "description": "TCP_USER_TIMEOUT",
    "level": socket.IPPROTO_TCP,
    "name": socket.TCP_USER_TIMEOUT,
    "int_value": 45_000,
    "state": "STATE_PREBIND",
}


def clusters(wanted: Wanted) -> str:
    """xds/cds.yaml."""
    return resources("config.cluster.v3.Cluster", *(_cluster(wanted, site) for site in sites(wanted)))


def endpoints(wanted: Wanted) -> str:
    """xds/eds.yaml: Harbor's only, since such a file holds exactly one of these."""
    places = [(wanted.nodes[name], wanted.node_port) for name in sorted(wanted.nodes)]
    return resources("config.endpoint.v3.ClusterLoadAssignment", _assignment(HARBOR, places))


def _cluster(wanted: Wanted, site: Site) -> Tree:
    return {
        "name": site.name,
        **_places(wanted, site),
        # A dead node's packets vanish: the next one is tried after this.
        "connect_timeout": "1s",
        # A push of a gigabyte weighs more than a ping, which round robin does not know.
        "lb_policy": "LEAST_REQUEST",
        "per_connection_buffer_limit_bytes": BUFFER,
        # A node that left the settings leaves at once, not when its checks have failed.
        "ignore_health_on_host_removal": True,
        # At the default, 50 %, two dead nodes of three mean requests to dead ones; only with none left
        # that is well is everyone tried.
        "common_lb_config": {
            "healthy_panic_threshold": {"value": 1},
            # By default what checks find is kept back for a second, to spare proxies with hundreds of hosts.
            "update_merge_window": "0s",
        },
        "circuit_breakers": {"thresholds": [_most()]},
        # A node that lost its power closes nothing. It is asked when it was silent for a minute, and given up
        # after another (see above), not after the kernel's quarter of an hour.
        "upstream_connection_options": {
            "tcp_keepalive": {"keepalive_time": 60, "keepalive_interval": 10, "keepalive_probes": 3}
        },
        "upstream_bind_config": {"socket_options": [_UNCONFIRMED]},
        **_health(wanted, site),
        "outlier_detection": _ejection(),
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "extensions.upstreams.http.v3.HttpProtocolOptions",
                # Below the 75 s after which nginx closes, so that no request meets a closing connection.
                common_http_protocol_options={"idle_timeout": "55s"},
                explicit_http_config={"http_protocol_options": {}},
            )
        },
        **_tls(wanted, site),
    }


def _most() -> Tree:
    """The defaults are 1024 each, which one team's build farm reaches, and 3 retries."""
    return {
        "max_connections": 10000,
        "max_pending_requests": 10000,
        "max_requests": 10000,
        "max_retries": 50,
        "track_remaining": True,
    }


def _places(wanted: Wanted, site: Site) -> Tree:
    if site.upstream is None:
        # In a file of their own: a node that comes or goes does not rebuild the cluster.
        return {"type": "EDS", "eds_cluster_config": {"eds_config": source(wanted, "xds/eds.yaml")}}
    places = [endpoint(text) for text in site.upstream.endpoints]
    assignment = {"load_assignment": _assignment(site.name, places)}
    if all(canonical(host) is not None for host, _ in places):
        return {"type": "STATIC", **assignment}
    return {
        "type": "STRICT_DNS",
        # By default a name with both kinds of address is IPv6 only, which not every proxy reaches.
        "dns_lookup_family": "V4_PREFERRED",
        # By default a start waits for the answer, and with a DNS that says nothing, Harbor's clients do too.
        "wait_for_warm_on_init": False,
        **assignment,
    }


def _assignment(cluster: str, places: list[tuple[str, int]]) -> Tree:
    each = [{"endpoint": {"address": socket_address(host, port)}} for host, port in places]
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": each}]}


def _health(wanted: Wanted, site: Site) -> Tree:
    if site.upstream is None:
        # /api/v2.0/health is 200 whatever it says; ping is answered by Harbor's core itself.
        check: Tree = {
            "host": wanted.domain,
            "path": "/api/v2.0/ping",
            "receive": [{"text": b"Pong".hex()}],
            "response_buffer_size": 1024,
        }
    elif site.upstream.health:
        check = {"host": site.upstream.domain, "path": site.upstream.health}
    else:
        return {}
    how = {
        # One that is well takes milliseconds. Below the interval: one answer is known before the next is due.
        "timeout": "2s",
        "interval": "3s",
        # Each on a connection of its own, as most requests are: one that is kept stays with one pod, and
        # believes a CA that was replaced.
        "reuse_connection": False,
        # Several proxies must not ask in step.
        "interval_jitter_percent": 10,
        # At the default, 60 s, a registry that nobody used this minute would notice nothing.
        "no_traffic_interval": "3s",
        # One answer that got lost is no death, and one that came is no health: Harbor may just be starting.
        "unhealthy_threshold": 2,
        "healthy_threshold": 2,
        "http_health_check": check,
    }
    return {"health_checks": [how]}


def _ejection() -> Tree:
    """Only what happens between here and there counts: connections refused, cut or timed out.

    All nodes lead to the same pods, so Harbor's own 5xx say nothing of a node, and would eject every one.
    """
    return {
        "split_external_local_origin_errors": True,
        # Some fail whenever a pod is replaced. The default, 5, is two clients more that wait.
        "consecutive_local_origin_failure": 3,
        # Always; the rest never: shares of success mean nothing for a handful of nodes.
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        # As often as the checks.
        "interval": "3s",
        # Then it is tried anew. Who goes on failing stays out as long once more, each time.
        "base_ejection_time": "15s",
        # All but one. With none left, everyone is tried (see the panic threshold), so that is not lost.
        "max_ejection_percent": 90,
    }


def _tls(wanted: Wanted, site: Site) -> Tree:
    if site.upstream is not None and not site.upstream.tls:
        return {}
    name = wanted.server_name
    if site.upstream is not None:
        name = site.upstream.server_name or site.upstream.domain
    secret = {"name": site.authority, "sds_config": source(wanted, f"sds/{site.authority}.yaml")}
    # Without a CA and a name to match, Envoy believes any certificate.
    verified = {
        "default_validation_context": {
            "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": name}}]
        },
        "validation_context_sds_secret_config": secret,
    }
    context = extension(
        "transport_sockets.tls",
        "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        # Fixed, not auto_sni: health checks have no request to take it from.
        sni=name,
        common_tls_context={
            # What the codec above speaks; an upstream that chose h2 would not be understood.
            "alpn_protocols": ["http/1.1"],
            "tls_params": dict(TLS_VERSIONS),
            "combined_validation_context": verified,
        },
    )
    return {"transport_socket": context}
