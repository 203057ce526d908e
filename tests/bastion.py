"""A bastion whose runs make what is in a Harbor so; what the cluster would keep is in memory."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor
from breakwater.registry.run import Asked, RegistryRun
from breakwater.registry.settings import Registry


class Memory:
    """What was made, for as long as a test."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def all(self) -> frozenset[str]:
        return frozenset(self.names)

    def add(self, new: Collection[str]) -> None:
        self.names |= {*new}

    def remove(self, gone: Collection[str]) -> None:
        self.names -= {*gone}


class Cluster:
    """Robots' logins as a cluster would keep them."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}

    def all(self) -> dict[tuple[str, str], str]:
        return dict(self.held)

    def write(self, place: tuple[str, str], content: str) -> None:
        self.held[place] = content

    def remove(self, place: tuple[str, str]) -> None:
        self.held.pop(place, None)


@dataclass
class Bastion:
    """Where runs begin: its folder, what Harbor's cluster keeps, and what was warned of."""

    administrator: Callable[[], Harbor]
    host: str
    folder: Path
    memory: Memory = field(default_factory=Memory)
    cluster: Cluster = field(default_factory=Cluster)
    warned: list[str] = field(default_factory=list)

    def run(self, registry: Registry, **asked: frozenset[str]) -> RegistryRun:
        self.warned.clear()
        return RegistryRun(
            registry,
            self.administrator,
            self.host,
            self.folder,
            self.memory,
            self.cluster,
            self.warned.append,
            Asked(**asked),
        )

    def run_of(self, registry: Mapping[str, Any]) -> RegistryRun:
        """A run of settings as they are written."""
        return self.run(TypeAdapter(Registry).validate_python(registry))

    def planned(self, registry: Mapping[str, Any]) -> list[str]:
        """What is planned."""
        return self.run_of(registry).plan().lines()

    def make(self, registry: Mapping[str, Any], **asked: Collection[str]) -> list[str]:
        """Make it so; what was planned."""
        settings = TypeAdapter(Registry).validate_python(registry)
        wanted = {option: frozenset(names) for option, names in asked.items()}
        if problem := Asked(**wanted).problem(settings):
            raise Refusal(problem)
        run = self.run(settings, **wanted)
        found = run.plan()
        if found.changes:
            run.make_so(found)
        return found.lines()
