"""Harbor as one run sees it: looked at in preflight, and what was seen handed on to the parts that follow."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from breakwater import releases
from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal
from breakwater.harbor import secrets as harbor_secrets
from breakwater.harbor.admin import set_admin_password
from breakwater.harbor.api import ADMIN, Harbor
from breakwater.harbor.chart_values import known_values, unknown_values
from breakwater.harbor.claims import claim_name, unnamed_classes, volume_problems
from breakwater.harbor.copies import Wanted
from breakwater.harbor.health import Doors, not_healthy, wait_until_healthy
from breakwater.harbor.ports import ground_problems
from breakwater.harbor.upgrade import backup_problem, data_problems, dump_command, release_problems
from breakwater.harbor.values import Known, full_name, values, volumes
from breakwater.harbor.watch import wait_for_leftovers, wait_until_ready
from breakwater.helm import Chart
from breakwater.secrets import Store
from breakwater.settings import Settings
from breakwater.survey import Survey
from breakwater.volumes import volumes_below

# Seconds for pods of an uninstalled Harbor to end: 120 are theirs by the chart.
_LEFTOVERS = 300


@dataclass(frozen=True)
class Choices:
    """What a person may decide for one run.

    + secrets: the side that is right where they differ: `cluster`, `bastion`, empty for neither
    + new_ca: another CA is made
    + data_moved: Harbor's data was moved to where the settings look for it
    """

    secrets: str = ""
    new_ca: bool = False
    data_moved: bool = False


class HarborRun:
    """What a run knows of Harbor.

    + folder: STATE/harbor
    + survey: takes what is to be said at the run's end
    + down: nodes that may be missing, and are
    """

    def __init__(
        self,
        settings: Settings,
        access: ClusterAccess,
        chart: Chart,
        folder: Path,
        survey: Survey,
        down: Collection[str],
        choices: Choices,
    ) -> None:
        self.settings, self.access, self.chart, self.folder = settings, access, chart, folder
        self._survey, self._down, self._choices = survey, down, choices
        self._harbor = settings.harbor
        self._full = full_name(settings)
        self._plan: harbor_secrets.Plan | None = None
        self._unnamed: frozenset[str] | None = None

    @property
    def next_step(self) -> str:
        """Where a person finds it, and what lets them in."""
        return (
            f"{self._url()} as {ADMIN}, with the password in {self.password_at}; its CA is {self._doors().ca}"
        )

    @property
    def password_at(self) -> str:
        """Where the administrator's password is: a file, or env:NAME."""
        return str(self._harbor.admin_password or self.folder / "admin_password").removeprefix("file:")

    # What preflight asks

    def problems(self) -> list[str]:
        """All that keeps Harbor from becoming what the settings say, a line each, with the fix."""
        self._plan, self._unnamed, found = None, None, []
        for look in (self._of_the_release, self._of_the_values, self._of_the_volumes, self._of_the_ground):
            try:
                found += look()
            except Refusal as refusal:
                found += str(refusal).splitlines()
        return found

    def _of_the_release(self) -> list[str]:
        """What lives here already, and its secrets."""
        wanted = self._harbor
        revisions = releases.newest(self.access, wanted.namespace)
        made = {
            name: releases.stored(self.access, wanted.namespace, name, revision)
            for name, revision in revisions.items()
        }
        charts = {name: f"{found.chart}-{found.chart_version}" for name, found in made.items()}
        found = release_problems(
            wanted.release, wanted.namespace, charts, wanted.chart_version, self._no_dump
        )
        if found:
            return found
        live = made[wanted.release].values if wanted.release in made else None
        if live is None:
            # A new pod would wait for a volume that an old one still holds.
            wait_for_leftovers(self.access, wanted.namespace, wanted.release, _LEFTOVERS)
        self._plan = harbor_secrets.plan(
            self.access, self._secrets(), live, self._choices.secrets, self._choices.new_ca
        )
        for line in self._plan.warnings:
            self._survey.warn(line)
        return [] if live is None or self._choices.data_moved else data_problems(live, self.values())

    def _of_the_values(self) -> list[str]:
        extra = self._harbor.extra_values
        return unknown_values(extra, known_values(self.chart)) if extra else []

    def _of_the_volumes(self) -> list[str]:
        made = [str(export.storage_class) for export in self.settings.classes]
        return volume_problems(self.access, self._harbor.namespace, self._full, volumes(self.settings), made)

    def _of_the_ground(self) -> list[str]:
        ports = {"http": self._harbor.node_ports.http, "https": self._harbor.node_ports.https}
        return ground_problems(self.access, self._harbor.namespace, self._harbor.release, ports)

    def _no_dump(self) -> str:
        if self._harbor.backup == "mine":
            return ""
        now, folder = datetime.now(UTC), self.folder / "backups"
        command = dump_command(self._harbor.namespace, self._full, folder, now)
        return backup_problem(folder, now, command)

    def _secrets(self) -> Wanted:
        wanted = self._harbor
        return Wanted(
            folder=self.folder,
            namespace=wanted.namespace,
            release=wanted.release,
            full=self._full,
            domain=str(self.settings.domain),
            nodes=self.settings.nodes,
            internal_database=wanted.database.host is None,
            admin_password=wanted.admin_password or "",
            external=wanted.sources,
            plain=wanted.plain,
        )

    # What the parts ask

    @property
    def plan(self) -> harbor_secrets.Plan:
        """Every secret as it shall be. Raises Refusal before preflight decided it."""
        if self._plan is None:
            raise Refusal("harbor: its secrets were not looked at by this run; run again with the bastion")
        return self._plan

    def held_ca(self) -> dict[str, str]:
        """{ca.crt, ca.key: content} as this machine has them, or will have. Raises Refusal."""
        names = ("ca.crt", "ca.key")
        made = {name: self.plan.files[name] for name in names if name in self.plan.files}
        return {**Store(self.folder).read(*names), **made}

    def missing_secrets(self) -> list[str]:
        """What is not where it belongs, in words."""
        return list(self.plan.lines)

    def write_secrets(self) -> None:
        """Put it there."""
        harbor_secrets.write(self.plan, self.access)

    def values(self) -> dict[str, Any]:
        """The chart's values."""
        if self._unnamed is None:
            self._unnamed = unnamed_classes(self.access, self._harbor.namespace, self._full)
        known = Known(self.plan.database_password, self.plan.secrets_sha, self.plan.tls_sha, self._unnamed)
        return values(self.settings, known)

    def wait_until_ready(self) -> None:
        """Until its workloads are, on nodes that live."""
        wanted = self._harbor
        wait_until_ready(
            self.access,
            wanted.namespace,
            wanted.release,
            self._full,
            wanted.timeout,
            bundled=self.settings.bundle is not None,
        )

    def is_unhealthy(self) -> bool:
        """Whether Harbor is not healthy through some node."""
        return bool(not_healthy(self._doors()))

    def wait_until_healthy(self) -> None:
        """Until it is healthy through every node that is not down."""
        wait_until_healthy(self._doors(), self._harbor.timeout, self._harbor.namespace)

    def another_admin_password(self) -> bool:
        """Whether the administrator's password is not the wanted one."""
        with self._api() as harbor:
            return not harbor.logs_in(ADMIN, self.plan.admin.wanted)

    def set_admin_password(self) -> None:
        """Make it the wanted one, and say so."""
        with self._api() as harbor:
            lines = set_admin_password(
                harbor, self.plan.admin, self.plan.remember_admin, self._harbor.namespace, self._full
            )
        for line in lines:
            print(f"    {line}", flush=True)

    def administrator(self) -> Harbor:
        """Harbor's API as its administrator, past the proxies."""
        return Harbor(self._url(), self._doors().ca, ADMIN, self.plan.admin.wanted)

    def directories(self) -> list[str]:
        """Where Harbor's volumes are on the storage host. Raises Refusal when a claim has no volume there."""
        claims = {
            f"{self._harbor.namespace}/{claim_name(self._full, name)}"
            for name, volume in volumes(self.settings).items()
            if volume.storage_class in {export.storage_class for export in self.settings.classes}
        }
        paths = [export.path for export in self.settings.classes]
        servers = (self.settings.storage_address, self.settings.hosts["storage"][self.settings.storage_host])
        found = {v.claim: v.path for v in volumes_below(self.access, paths, servers) if v.claim in claims}
        if unbound := sorted(claims - found.keys()):
            raise Refusal(
                f"harbor: not bound to a volume on the storage host: {', '.join(unbound)};"
                f" see `kubectl --namespace {self._harbor.namespace} describe pvc`"
            )
        return sorted(found.values())

    def _doors(self) -> Doors:
        return Doors(
            nodes={name: at for name, at in self.settings.nodes.items() if name not in self._down},
            https=self._harbor.node_ports.https,
            http=self._harbor.node_ports.http,
            ca=str(self.folder / "ca.crt"),
            domain=str(self.settings.domain),
        )

    def _url(self) -> str:
        """Of the first node that is there."""
        address = next(iter(self._doors().nodes.values()))
        return f"https://{f'[{address}]' if ':' in address else address}:{self._harbor.node_ports.https}"

    def _api(self) -> Harbor:
        return Harbor(self._url(), self._doors().ca)
