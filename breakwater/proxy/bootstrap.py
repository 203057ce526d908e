"""What Envoy reads once, at its start: a change of it restarts Envoy."""

from breakwater.proxy.wanted import Wanted
from breakwater.proxy.xds import Tree, extension, source
from breakwater.quantities import quantity

# Reads only. Everything else (quitquitquit, drain_listeners, runtime_modify …) answers 403 even to root.
_ASKED = (
    {"exact": "/ready"},
    {"prefix": "/stats"},
    {"prefix": "/config_dump"},
    {"prefix": "/clusters"},
    {"prefix": "/listeners"},
    {"exact": "/certs"},
    {"exact": "/server_info"},
)


def bootstrap(wanted: Wanted) -> Tree:
    """The whole file."""
    return {
        # Both are required as soon as anything is read from xDS.
        "node": {"id": "breakwater", "cluster": "breakwater"},
        "admin": {
            # A socket that only root and Envoy's own user open: admin has no passwords.
            "address": {"pipe": {"path": wanted.admin_socket, "mode": 0o600}},
            "allow_paths": list(_ASKED),
            # A proxy that is full of clients must still answer the deploy.
            "ignore_global_conn_limit": True,
        },
        "dynamic_resources": {
            "lds_config": source(wanted, "xds/lds.yaml"),
            "cds_config": source(wanted, "xds/cds.yaml"),
        },
        "overload_manager": _overload(wanted),
    }


def _overload(wanted: Wanted) -> Tree:
    """Turn clients away before the kernel ends Envoy, and with it every push and pull."""
    heap = "resource_monitors.fixed_heap"
    connections = "resource_monitors.global_downstream_max_connections"

    def above(name: str, share: float) -> Tree:
        reason = {"name": f"envoy.{heap}", "threshold": {"value": share}}
        return {"name": f"envoy.{name}", "triggers": [reason]}

    return {
        # At the default, a second, thousands of clients fill what is left before anybody looks again.
        "refresh_interval": "0.25s",
        "resource_monitors": [
            extension(
                heap,
                "extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                max_heap_size_bytes=int(quantity(wanted.proxy.memory)),
            ),
            extension(
                connections,
                "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                # Each may have one upstream of its own, so twice this must be below the unit's LimitNOFILE.
                max_active_downstream_connections=wanted.proxy.connections,
            ),
        ],
        # From the mildest to the hardest; running transfers are cut by none of them.
        "actions": [
            above("overload_actions.shrink_heap", 0.90),
            above("overload_actions.disable_http_keepalive", 0.92),
            above("overload_actions.stop_accepting_requests", 0.97),
        ],
        "loadshed_points": [above("load_shed_points.tcp_listener_accept", 0.95)],
    }
