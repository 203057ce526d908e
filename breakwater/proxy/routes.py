"""Which request goes where, and how often it is tried."""

from breakwater.proxy.wanted import Site, Wanted, sites
from breakwater.proxy.xds import Tree, extension, resources, typed

# The name of the one RouteConfiguration, by which listeners find it.
ROUTES = "https"
_READS = "GET|HEAD|OPTIONS"
# Nothing has reached the upstream, so it may be sent again, whatever it was.
_UNSENT = "connect-failure,refused-stream,reset-before-request"


def routes(wanted: Wanted) -> str:
    """xds/rds.yaml."""
    return resources(
        "config.route.v3.RouteConfiguration",
        {
            "name": ROUTES,
            # The default takes a cluster that is not there, and answers 503.
            "validate_clusters": True,
            # Clients send Host: registry.example.org:443, or the port that the proxy has.
            "ignore_port_in_host_matching": True,
            # Envoy's own word for the client; X-Forwarded-For has it.
            "request_headers_to_remove": ["x-envoy-external-address"],
            # A Host that none of them has is answered 404.
            "virtual_hosts": [_virtual_host(wanted, site) for site in sites(wanted)],
            **_rate_limit(wanted),
        },
    )


def _virtual_host(wanted: Wanted, site: Site) -> Tree:
    reads = {"headers": [{"name": ":method", "string_match": {"safe_regex": {"regex": _READS}}}]}
    host: Tree = {
        "name": site.name,
        "domains": list(site.domains),
        "routes": [
            {
                "name": "read",
                "match": {"prefix": "/", **reads},
                "route": _route(
                    wanted,
                    site,
                    # Reading twice harms nothing: an upstream that goes away is not the client's matter.
                    retry_on=f"{_UNSENT},reset,retriable-status-codes",
                    retriable_status_codes=[502, 503],
                ),
            },
            # POST, PATCH, PUT, DELETE: 5xx or reset here would append a blob's bytes twice.
            {
                "name": "write",
                "match": {"prefix": "/"},
                "route": _route(wanted, site, retry_on=_UNSENT),
            },
        ],
    }
    if site.upstream is None:
        # Harbor's own speaks for every host below the domain, which are not ours.
        header = {"key": "strict-transport-security", "value": "max-age=31536000"}
        host["response_headers_to_add"] = [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]
    return host


def _route(wanted: Wanted, site: Site, **retry: object) -> Tree:
    another = extension(
        "retry_host_predicates.previous_hosts",
        "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
    )
    route: Tree = {
        "cluster": site.name,
        # The default, 15 s, cuts a pull short and calls it 200.
        "timeout": "0s",
        # Idle, not in all: a layer of 10 GB, or the silence in which it is put together, goes on. A
        # client has this long for each 2 MiB or so: Envoy sees no less of it move.
        "idle_timeout": f"{wanted.proxy.idle_timeout}s",
        "retry_policy": {
            **retry,
            # Three nodes in all. More would only make an outage of all of them take longer to be told.
            "num_retries": 2,
            # Long enough for a pod's successor to listen, short enough for a person to wait. Envoy draws each
            # pause by lot, so that clients which were cut together do not come back together.
            "retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"},
            # At another node than before. A draw costs nothing, and one that is dead looks idle, so that it
            # is drawn more often than the others.
            "retry_host_predicate": [another],
            "host_selection_retry_max_attempts": 30,
        },
    }
    if site.upstream is not None:
        # Harbor has none; other sites' pages do.
        route["upgrade_configs"] = [{"upgrade_type": "websocket"}]
    return route


def _rate_limit(wanted: Wanted) -> Tree:
    """Here and not in the listener: one bucket for all names, and a change cuts nothing."""
    limit = wanted.proxy.rate_limit
    if limit is None:
        return {}
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    bucket = {
        "max_tokens": limit.burst or limit.requests,
        "tokens_per_fill": limit.requests,
        "fill_interval": "1s",
    }
    config = typed(
        "extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="requests",
        token_bucket=bucket,
        # Both are 0 % by default: a limit that counts, and lets everything through.
        filter_enabled=always,
        filter_enforced=always,
    )
    return {"typed_per_filter_config": {"envoy.filters.http.local_ratelimit": config}}
