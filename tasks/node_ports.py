"""Harbor's node ports answer proxies and nodes only: whoever comes there is past the proxies' rules."""

from pyinfra import host
from pyinfra.api import deploy

from breakwater.operations import node_ports
from breakwater.run import Run


@deploy("Node ports")
def guard_node_ports(run: Run) -> None:
    """On every node, as the settings say; without a domain nothing of Harbor's is touched."""
    if "nodes" not in host.groups or not run.settings.domain:
        return
    ports = run.settings.harbor.node_ports
    if ports.allow == "any" or not run.settings.hosts["proxies"]:
        node_ports.open_to_all(name="Node ports open", survey=run.survey)
        return
    node_ports.guarded(
        name="Node ports answer proxies and nodes only",
        ports=[ports.http, ports.https],
        callers=run.callers,
        survey=run.survey,
    )
