"""What the proxies serve, as one run decides it: certificates in preflight, Envoy's files when due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from breakwater.addresses import source_addresses
from breakwater.commands import Refusal
from breakwater.harbor.run import HarborRun
from breakwater.proxy import certificate
from breakwater.proxy.certificate import Certificates, certificates, harbor_ca
from breakwater.proxy.config import files, resolved_nodes
from breakwater.proxy.contradictions import shut_out
from breakwater.proxy.doors import doors
from breakwater.proxy.wanted import Wanted
from breakwater.secrets import Store
from breakwater.settings import Settings
from breakwater.survey import Survey


class Front:
    """Harbor as clients see it, through the proxies.

    + harbor: whose CA signs what the settings give no certificate for
    + folder: the bastion's, for the certificates that we make
    """

    def __init__(self, settings: Settings, harbor: HarborRun, folder: Path, survey: Survey) -> None:
        self._settings, self._harbor, self._folder, self._survey = settings, harbor, folder, survey
        self._decided: Certificates | None = None

    def problems(self) -> list[str]:
        """All that is wrong with the certificates, a line each, with the fix; decides them."""
        self._decided = None
        try:
            self._decided = self._decide(self._harbor.held_ca())
            resolved_nodes(self._settings.nodes)
        except Refusal as refusal:
            return str(refusal).splitlines()
        for line in (*self._decided.warnings, *self._shut_out()):
            self._survey.warn(line)
        return []

    def missing(self) -> list[str]:
        """What certificates are to be made, in words."""
        return list(self._certificates().lines)

    def write(self) -> None:
        """Keep them."""
        certificate.write(self._certificates(), self._folder)

    def files(self) -> Mapping[str, str]:
        """Envoy's, {path: text}. Raises Refusal."""
        settings, found = self._settings, self._certificates()
        return files(
            Wanted(
                domain=str(settings.domain),
                nodes=resolved_nodes(settings.nodes),
                node_port=settings.harbor.node_ports.https,
                server_name=str(settings.domain),
                certificates=found.certificates,
                authorities=found.authorities,
                proxy=settings.proxy,
            )
        )

    def ca(self) -> str:
        """Who signed what clients see, as PEM; empty: a CA that every host knows. Raises Refusal."""
        return self._certificates().trusted

    @property
    def ca_file(self) -> str:
        """The same as a file on this machine; empty: a CA that this machine knows."""
        given = self._settings.proxy.certificate
        if given is None:
            return str(self._harbor.folder / "ca.crt")
        return str(Path(given.ca).expanduser()) if given.ca else ""

    @property
    def doors(self) -> Mapping[str, str]:
        """{name: address} at which the proxies answer."""
        return doors(self._settings.proxy.listen, self._settings.hosts["proxies"])

    def _shut_out(self) -> Iterator[str]:
        """Whether the proxies cut off this machine, which the inventory does not know by an address."""
        allow = self._settings.proxy.allow_clients
        for address in sorted(shut_out(allow, source_addresses(self.doors.values()) if allow else ())):
            yield (
                f"proxy.allow_clients: leaves out this machine ({address}): the proof, which pushes from"
                " here, waits in vain; add it"
            )

    def _certificates(self) -> Certificates:
        """As preflight decided; as kept where the bastion was not asked, or not yet, as in a plan."""
        if self._decided is not None:
            return self._decided
        kept = Store(self._harbor.folder).read("ca.crt", "ca.key")
        found = self._decide(kept) if kept else None
        if found is None or found.files:
            raise Refusal(
                "proxy: its certificates were not looked at by this run; run again with the bastion"
            )
        self._decided = found
        return found

    def _decide(self, ca: Mapping[str, str]) -> Certificates:
        """All of them. Raises Refusal.

        + ca: Harbor's, {ca.crt, ca.key: content}
        """
        settings = self._settings
        return certificates(
            self._folder, harbor_ca(ca), str(settings.domain), settings.proxy, datetime.now(UTC)
        )
