"""Every command that a run with these settings would send to hosts that have nothing yet."""

from pathlib import Path
from typing import Any

from pyinfra.api import FactBase, StringCommand
from pyinfra.context import ctx_host, ctx_state
from pyinfra_testing.util import FakeHost, FakeState

from breakwater.bundle import Bundle, BundleChart
from breakwater.cluster import ClusterAccess
from breakwater.facts.firewall import Firewall
from breakwater.facts.preflight import Preflight
from breakwater.helm import chart
from breakwater.leaving import Leaving
from breakwater.mounts import MountProof
from breakwater.operations import firewall, helm, nfs
from breakwater.operations import proof as proofs
from breakwater.proof import Proof
from breakwater.settings import Settings
from breakwater.survey import Survey
from tasks.storage_class import CHART, _values

# What the hosts answer: they are fresh.
ANSWERS = {
    "NfsServer": ["system=debian", "end="],
    "HelmRelease": ["absent"],
    "HelmReleases": ["[]"],
}


class Fresh(FakeHost):  # type: ignore[misc]
    """A host that has nothing yet, and keeps the commands by which it was asked."""

    def __init__(self, name: str) -> None:
        super().__init__(FakeState(), name, {}, {})
        self.state.is_executing = True
        self.asked: list[StringCommand] = []

    def get_fact(self, fact: type[FactBase[Any]], **kwargs: Any) -> Any:
        """Its command goes on the list."""
        self.asked.append(fact().command(**kwargs))
        return fact().process(ANSWERS[fact.__name__])

    def runs(self, operation: Any, **arguments: Any) -> list[StringCommand]:
        """What it was asked, then what it is to run."""
        with ctx_state.use(self.state), ctx_host.use(self):
            commands = list(operation._inner(**arguments))
        return [*self.asked, *(command for command in commands if isinstance(command, StringCommand))]


def serving(settings: Settings) -> list[StringCommand]:
    """What the storage host runs to export."""
    leaving = Leaving(ClusterAccess("k"), (settings.storage_address,), settings.provisioner.namespace, ())
    survey = Survey(addresses=settings.addresses)
    return Fresh("storage").runs(nfs.server, exports=list(settings.exports), survey=survey, leaving=leaving)


def using(settings: Settings) -> list[StringCommand]:
    """What all others run: preflight, the bastion's Helm, nodes that mount, and what is looked at after."""
    survey = Survey(addresses=settings.addresses)
    access = ClusterAccess(settings.kubeconfig, settings.kube_context or "")
    namespace, exports = settings.provisioner.namespace, list(settings.exports)
    arguments: dict[str, Any] = {"namespace": namespace, "access": access}
    nodes = dict.fromkeys(settings.addresses, "0badcafe")
    mounted = MountProof(tokens=nodes, begun=True, written=[(n, e.path) for n in nodes for e in exports])
    found = [
        Preflight().command(settings.storage_address, mounts=True, exports=[e.path for e in exports]),
        *(nfs._directory(export) for export in exports),
        *Fresh("bastion").runs(
            helm.former_provisioners, kept=[], chart=CHART, server=settings.storage_address, **arguments
        ),
        *Fresh("storage").runs(proofs.seen_from_nodes, proof=mounted, exports=exports),
    ]
    for kind in ("firewalld", "ufw"):
        survey.firewall = Firewall(kind, zone="public")
        found += Fresh("storage").runs(firewall.opened, survey=survey, exports=exports)
    for node in nodes:
        found += Fresh(node).runs(
            proofs.mount_and_write, due=lambda: True, proof=mounted, exports=exports, survey=survey,
            server=settings.storage_address,
        )  # fmt: skip
    for export in settings.classes:
        chosen = chart(
            CHART, settings.provisioner.chart_version, settings.provisioner.repository, bundle(settings)
        )
        values = _values(export, settings.storage_address)
        found += Fresh("bastion").runs(
            helm.release, release=export.release, chart=chosen, values=values, **arguments
        )
        proof = Proof(str(export.storage_class), "0badcafe", written=True)
        for operation in (proofs.seen_on_storage, proofs.remove_directory):
            found += Fresh("storage").runs(operation, proof=proof, export=export.path)
    return found


def bundle(settings: Settings) -> Bundle | None:
    """The one of these settings, as if it had the chart."""
    packed = BundleChart(CHART, settings.provisioner.chart_version, f"charts/{CHART}.tgz", "sha256:0")
    return Bundle(Path(settings.bundle), (packed,), ()) if settings.bundle else None
