"""The nodes reach the storage host through its own firewall."""

from pyinfra import host
from pyinfra.api import deploy

from breakwater.operations import firewall
from breakwater.run import Run


@deploy("Firewall")
def let_nodes_in(run: Run) -> None:
    """Only where the settings say that the firewall is ours to manage."""
    if "storage" in host.groups and run.settings.firewall == "manage":
        firewall.opened(name="Clients let in", survey=run.survey, exports=list(run.settings.exports))
