"""What a host must bring before anything on it is changed."""

from dataclasses import dataclass

from pyinfra.api import FactBase, QuoteString, StringCommand

from breakwater.facts.tagged import END, tagged


@dataclass(frozen=True)
class HostState:
    """A host as preflight saw it."""

    system: tuple[str, ...]  # ID, then ID_LIKE, of /etc/os-release
    version: str
    user: int
    modules: frozenset[str]  # kernel modules of ours that it has
    containerd: bool
    route: bool  # whether it knows a way to the storage address


class Preflight(FactBase[HostState | None]):
    """System, user, kernel modules, containerd and route to the storage host, in one command."""

    def command(self, storage: str) -> StringCommand:
        return StringCommand(
            ". /etc/os-release; echo system=$ID $ID_LIKE; echo version=$VERSION_ID; echo user=$(id -u);",
            # -n: only look; a module that is built in counts as well
            "for m in nfs nfsd; do PATH=$PATH:/usr/sbin:/sbin modprobe -n -q $m && echo module=$m; done;",
            "command -v ctr >/dev/null && [ -S /run/containerd/containerd.sock ] && echo containerd=yes;",
            "PATH=$PATH:/usr/sbin:/sbin ip route get",
            QuoteString(storage),
            ">/dev/null 2>&1 && echo route=yes;",
            END,
        )

    def process(self, output: list[str]) -> HostState:
        values = tagged("Preflight", output)
        return HostState(
            system=tuple(" ".join(values["system"]).split()),
            version="".join(values["version"]),
            user=int("".join(values["user"]) or -1),
            modules=frozenset(values["module"]),
            containerd="containerd" in values,
            route="route" in values,
        )
