"""One run: its settings, its lock, its summary, and whether it owes a proof."""

import atexit
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from gevent import GreenletExit
from gevent.event import AsyncResult
from pyinfra.api import State

from breakwater import bundle as bundles
from breakwater import lease, lock
from breakwater.callers import Callers
from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal
from breakwater.contradictions import resolved
from breakwater.first_steps import first_steps
from breakwater.harbor.api import ADMIN
from breakwater.harbor.run import Choices, HarborRun
from breakwater.harbor.upgrade import CHART as HARBOR_CHART
from breakwater.helm import chart
from breakwater.inventory import settings_of
from breakwater.leaving import Leaving
from breakwater.mounts import MountProof
from breakwater.pod_networks import cluster_addresses
from breakwater.problems import did_you_mean
from breakwater.proof import Proof
from breakwater.proxy.config import flattened
from breakwater.proxy.doors import doors
from breakwater.proxy.front import Front
from breakwater.proxy.run import ProxyRun
from breakwater.registry.made import InCluster
from breakwater.registry.pull_secrets import ClusterSecrets
from breakwater.registry.run import Asked, RegistryRun
from breakwater.registry.settings import Registry
from breakwater.settings import Export, Settings, SettingsError
from breakwater.summary import Summary, excuse
from breakwater.survey import Survey
from breakwater.trust.way import proxy_addresses

# What may be given with --data, beside pyinfra's own.
_OPTIONS = {
    "report": (),  # a file for the summary as JSON
    "prove": ("always",),
    "force": ("unexport",),
    "adopt_secrets": ("cluster", "bastion"),
    "new_ca": ("yes",),
    "harbor_data": ("moved",),
    "rotate": (),  # robots, with commas between them; or all
    "reset_password": (),  # users, likewise
}
# In the state folder: {node: the addresses from which it was seen to reach the storage host}.
ADDRESSES = "addresses.json"
# pyinfra's ways of running that would let one host run ahead of the others.
_REFUSED = {
    "--no-wait": "it lets one host run ahead of others that have failed",
    "--serial": "it changes one host before the others were looked at",
}


class Run:
    """What all hosts of one run share: one, kept on pyinfra's state, since deploy.py is read once a host."""

    def __init__(self, state: State, settings: Settings) -> None:
        self.settings = settings
        self.access = ClusterAccess(str(Path(settings.kubeconfig).expanduser()), settings.kube_context or "")
        self.bundle = bundles.read(Path(settings.bundle).expanduser()) if settings.bundle else None
        self._folder = Path(settings.state).expanduser()
        self.survey = Survey(addresses={**settings.addresses, **self._addresses_seen()})
        self.leaving = self._leaving(state)
        self.summary = Summary(state, self.survey)
        self.summary.warnings += settings.warnings
        self._excuse(state)
        self.callers = Callers(
            settings.hosts,
            self.survey,
            lambda: cluster_addresses(self.access),
            self._folder / "callers.json",
        )
        self.harbor = self._harbor(state.inventory.get_override_data())
        # where the domain should lead
        self.proxies_at = proxy_addresses(
            settings.trust.addresses,
            doors(settings.proxy.listen, settings.hosts["proxies"]).values(),
            resolved,
        )
        self.front = self._front()
        self.proxy = self._proxy(self.front) if self.front else None
        self.registry = self._registry(state.inventory.get_override_data())
        self._begun = False
        self.mount_proof = MountProof()
        self._proofs: dict[str, Proof] = {}
        self._prove = state.inventory.get_override_data().get("prove") == "always"
        # Two files: the proof's mark is moved away while a run may be changing things and moved
        # back at its end; a run that did not come so far leaves it moved, and the next one proves.
        self._proved, self._moved = self._folder / "proved", self._folder / "proved.running"
        dry = "--dry" in sys.argv
        self._lock = None if dry else lock.hold(self._folder)
        self._lease = None if dry else lease.take(self.access, self._lose_lease)
        if self._lease:
            atexit.register(self._lease.release)

    def owes_proof(self) -> bool:
        """Whether this run changed something, or its settings were never proven, or a proof was asked for."""
        return self._prove or self.summary.changed or self._mark() != self._fingerprint()

    def proof_of(self, export: Export) -> Proof:
        """This run's proof of one storage class, the same for every step that takes part."""
        return self._proofs.setdefault(export.path, Proof(str(export.storage_class), export.release))

    def problems(self) -> list[str]:
        """What keeps Harbor and its proxies from becoming what the settings say, a line each."""
        found = self.harbor.problems() if self.harbor else []
        # Whoever has no CA yet has none to sign with.
        return found or (self.front.problems() if self.front else [])

    def has(self, name: str) -> bool:
        """Whether this run reaches a host: chosen, connected, and not failed."""
        return any(host.name == name for host in self.summary.state.active_hosts)

    def begin_changes(self) -> None:
        """From here on hosts may be changed. Each of them comes here; the first one counts."""
        if self._begun:
            return
        self._begun = True
        if self._lease:
            # Nobody renews it while pyinfra waits for an answer to its question.
            self._lease.confirm()
        self._remember_addresses()
        self.callers.remember()
        if self._proved.exists():
            self._proved.rename(self._moved)
        else:
            self._moved.unlink(missing_ok=True)

    def end_changes(self) -> None:
        """Everything is as set, and proven."""
        if self._mark() != self._fingerprint():
            self._moved.write_text(self._fingerprint())
        self._moved.rename(self._proved)

    def _harbor(self, given: Mapping[str, object]) -> HarborRun | None:
        """What this run knows of Harbor; none without a domain."""
        settings = self.settings.harbor
        if not self.settings.domain:
            return None
        return HarborRun(
            self.settings,
            self.access,
            chart(HARBOR_CHART, settings.chart_version, settings.repository, self.bundle),
            self._folder / "harbor",
            self.survey,
            self.summary.down,
            Choices(
                secrets=str(given.get("adopt_secrets", "")),
                new_ca="new_ca" in given,
                data_moved="harbor_data" in given,
            ),
        )

    def _front(self) -> Front | None:
        """What the proxies serve; none without Harbor or without proxies."""
        if self.harbor is None or not self.settings.hosts["proxies"]:
            return None
        return Front(self.settings, self.harbor, self._folder / "proxy", self.survey)

    def _registry(self, given: Mapping[str, object]) -> RegistryRun | None:
        """What is in Harbor; none when the settings say nothing of it."""
        wanted = self.settings.registry
        asked = Asked(*(_names(str(given.get(option, ""))) for option in ("rotate", "reset_password")))
        if problem := asked.problem(wanted):
            raise Refusal(problem)
        if self.harbor is None or wanted == Registry():
            return None
        return RegistryRun(
            wanted,
            self.harbor.administrator,
            self.settings.registry_host,
            self._folder / "registry",
            InCluster(self.access, self.settings.harbor.namespace),
            ClusterSecrets(self.access),
            self.survey.warn,
            asked,
        )

    def _proxy(self, front: Front) -> ProxyRun:
        wanted = self.settings.proxy
        ports = filter(None, (wanted.port, wanted.http_redirect_port))
        return ProxyRun(
            self.bundle,
            front.files,
            flattened,
            wanted.connections,
            tuple((address, port) for port in ports for address in wanted.listen),
        )

    def _excuse(self, state: State) -> None:
        """Nodes that may be missing: this run's failures are without them."""
        self.summary.down = excuse(state, self.settings.nodes_down)
        for name in self.settings.nodes_down:
            if name in self.summary.down:
                self.survey.warn(f"{name}: not reached, and in nodes_down: this run went on without it")
            elif self.has(name):
                self.survey.warn(f"{name}: in nodes_down, and it answers: take it out of the list")

    def _leaving(self, state: State) -> Leaving:
        """How one sees who still uses an export that left the settings."""
        address = self.settings.storage_address
        reached = self.settings.hosts["storage"][self.settings.storage_host]
        return Leaving(
            access=self.access,
            servers=(address, reached),
            namespace=self.settings.provisioner.namespace,
            nodes=tuple(self.settings.nodes),
            force=state.inventory.get_override_data().get("force") == "unexport",
        )

    def _addresses_seen(self) -> dict[str, tuple[str, ...]]:
        """{node: from where it was last seen to come}, of nodes that are still in the settings."""
        file = self._folder / ADDRESSES
        try:
            seen = json.loads(file.read_text()) if file.exists() else {}
            return {name: tuple(at) for name, at in seen.items() if name in self.settings.nodes}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise Refusal(
                f"state: {file} cannot be read: {error}; remove it, and a run writes it anew"
            ) from error

    def _remember_addresses(self) -> None:
        """From where each node was seen to come, for a run that cannot look at all of them."""
        file = self._folder / ADDRESSES
        before = self._addresses_seen()
        seen = {name: self.survey.addresses[name] for name in self.survey.machine_ids}
        known = {name: at for name, at in {**before, **seen}.items() if name in self.settings.nodes}
        if known != before:
            new = file.with_suffix(".new")
            new.touch(mode=0o600)
            new.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
            new.rename(file)

    def _lose_lease(self, reason: str) -> None:
        """Someone else may be changing things: end here, from whichever greenlet this is."""
        self.summary.ended_because = [f"Ended here: {reason}."]
        sys.exit(1)

    def _mark(self) -> str:
        return self._moved.read_text() if self._moved.exists() else ""

    def _fingerprint(self) -> str:
        charts = self.bundle.charts if self.bundle else ()
        text = repr((self.settings, self.settings.hosts, charts))
        return hashlib.sha256(text.encode()).hexdigest()


def this_run(state: State) -> Run:
    """The run that deploy.py belongs to, begun by the first host that reads it.

    Wrong settings, a wrong bundle, another run: printed, and the process ends with 2, before
    anything but the connections was made.
    """
    if not hasattr(state, "breakwater_run"):
        state.breakwater_run = begun = AsyncResult()  # type: ignore[attr-defined]
        first = None
        try:
            first = _or_exit(lambda: _begin(state))
        finally:
            begun.set(first)
    # The other hosts wait here: while the first one asks the network, as for the lease, they are read too.
    run: Run | None = state.breakwater_run.get()  # type: ignore[attr-defined]
    if run is None:
        # An earlier host's reading said why and is ending the process. pyinfra lets the others
        # go on meanwhile: they end here, or each would say it again.
        raise GreenletExit
    return run


def _begin(state: State) -> Run:
    options = state.inventory.get_override_data()
    for flag, reason in _REFUSED.items():
        if flag in sys.argv:
            raise Refusal(f"{flag} is refused: {reason}; leave it away")
    for option in options:
        if option not in _OPTIONS and not option.startswith(("_", "ssh_")):
            raise Refusal(f"--data {option}: unknown; {did_you_mean(option, _OPTIONS)}")
    for option, known in _OPTIONS.items():
        if known and option in options and options[option] not in known:
            raise Refusal(f"--data {option}: {options[option]!r} is not {' or '.join(map(repr, known))}")
    asks = state.check_for_changes and not {"--dry", "--json"} & set(sys.argv)
    if asks and not sys.stdin.isatty():
        raise Refusal("no terminal to ask at: add -y to go on without a question, or --dry to only look")
    run = Run(state, settings_of(state.inventory))
    if options.get("report"):
        run.summary.report = Path(options["report"])
    classes = " ".join(str(export.storage_class) for export in run.settings.classes)
    run.summary.next_step = f"kubectl get storageclass {classes}".strip() if classes else "pytest tests/hosts"
    if run.harbor:
        run.summary.next_step = run.harbor.next_step
    if run.harbor and run.front:
        run.summary.next_step = first_steps(
            run.settings.registry_host, ADMIN, run.harbor.password_at, run.front.ca_file
        )
    state.add_callback_handler(run.summary)
    atexit.register(run.summary.write)
    return run


def _names(text: str) -> frozenset[str]:
    """Of a list with commas."""
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _or_exit(begin: Callable[[], Run]) -> Run:
    try:
        return begin()
    except (SettingsError, Refusal) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
