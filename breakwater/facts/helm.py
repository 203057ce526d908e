"""Helm's releases as the cluster has them."""

import json
from dataclasses import dataclass

from pyinfra.api import FactBase, FactProcessError, QuoteString, StringCommand


@dataclass(frozen=True)
class ReleaseState:
    """A release's newest revision: absent when its status is None."""

    status: str | None = None  # deployed, failed, pending-install …
    revision: int = 0
    description: str = ""


@dataclass(frozen=True)
class ListedRelease:
    """A release as it is listed."""

    name: str
    chart: str  # name and version: nfs-subdir-external-provisioner-4.0.18
    status: str
    revision: int


class HelmRelease(FactBase[ReleaseState | None]):
    """What Helm says of a release's newest revision, in one command on the bastion: nothing secret."""

    def command(self, release: str, namespace: str, helm: list[str]) -> StringCommand:
        # "not found" is an answer; every other failure is none, and keeps its own message.
        return StringCommand(
            "out=$(",
            *map(QuoteString, helm),
            "history",
            QuoteString(release),
            "--namespace",
            QuoteString(namespace),
            "--max 1 --output json 2>&1",
            ') && printf "%s\\n" "$out" || case "$out" in *"release: not found"*) echo absent;;',
            '*) printf "%s\\n" "$out" >&2; exit 1;; esac',
        )

    def process(self, output: list[str]) -> ReleaseState:
        text = "\n".join(output)
        if text.strip() == "absent":
            return ReleaseState()
        try:
            # A warning of Helm's may come before the answer.
            (newest,) = json.loads(text[text.index("[{") :])
            return ReleaseState(newest["status"], newest["revision"], newest.get("description", ""))
        except (ValueError, KeyError, TypeError) as error:
            raise FactProcessError(f"HelmRelease: Helm's answer was not understood: {error!r}") from error


class HelmReleases(FactBase[list[ListedRelease] | None]):
    """All releases of one namespace, whatever their state."""

    def command(self, namespace: str, helm: list[str]) -> StringCommand:
        return StringCommand(
            *map(QuoteString, helm), "list --namespace", QuoteString(namespace), "--all --max 0 --output json"
        )

    def process(self, output: list[str]) -> list[ListedRelease]:
        try:
            listed = json.loads("\n".join(output))
            return [
                ListedRelease(item["name"], item["chart"], item["status"], int(item["revision"]))
                for item in listed
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise FactProcessError(f"HelmReleases: Helm's answer was not understood: {error!r}") from error
