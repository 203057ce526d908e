"""What the proxies serve, as one run decides it: certificates in preflight, Envoy's files when due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from breakwater.commands import Refusal
from breakwater.harbor.run import HarborRun
from breakwater.proxy import certificate
from breakwater.proxy.certificate import Certificates, certificates, harbor_ca
from breakwater.proxy.config import files, resolved_nodes
from breakwater.proxy.wanted import Wanted
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
        domain, proxy = str(self._settings.domain), self._settings.proxy
        try:
            ca = harbor_ca(self._harbor.held_ca())
            self._decided = certificates(self._folder, ca, domain, proxy, datetime.now(UTC))
            resolved_nodes(self._settings.nodes)
        except Refusal as refusal:
            return str(refusal).splitlines()
        for line in self._decided.warnings:
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

    def _certificates(self) -> Certificates:
        if self._decided is None:
            raise Refusal(
                "proxy: its certificates were not looked at by this run; run again with the bastion"
            )
        return self._decided
