"""Proves the domain by using it: an image pushed through every proxy, and pulled and run by every node."""

import re
import secrets
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from breakwater import image_pods
from breakwater.cluster import ClusterAccess, wait
from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor
from breakwater.harbor.projects import Robot, make_project, make_robot, projects_named, remove_project
from breakwater.image_pods import Target
from breakwater.registry_client import Registry
from breakwater.registry_errors import RegistryError
from breakwater.small_image import ARCHITECTURES, unique
from breakwater.survey import Survey

PREFIX = "breakwater-proof-"
# Any proof's project, whatever its token.
ANY_PROJECT = PREFIX + "[0-9a-f]" * 8
_REPOSITORY = "image"


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """Where clients find the registry.

    + host: as it stands in images' names: DOMAIN, or DOMAIN:PORT
    + proxies: {name: address}, each of which is asked
    + ca: PEM file of the authority of the domain's certificate; empty: this machine's own ones
    """

    host: str
    proxies: Mapping[str, str]
    ca: str


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Whose nodes pull.

    + namespace: of the pods that do
    + survey: knows the nodes that this run looked at
    + down: hosts that may be missing: left out when they are not Ready
    """

    access: ClusterAccess
    namespace: str
    survey: Survey
    down: Collection[str]


@dataclass(frozen=True)
class _Proof:
    """One run's proof. The random token names everything it makes: nothing else is ever taken for it."""

    entrance: Entrance
    cluster: Cluster
    timeout: int
    token: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def project(self) -> str:
        return PREFIX + self.token

    @property
    def repository(self) -> str:
        return f"{self.project}/{_REPOSITORY}"


def push_and_pull(
    entrance: Entrance, cluster: Cluster, administrator: Callable[[], Harbor], timeout: int
) -> None:
    """Push through each proxy as a robot of a project of our own, compare, pull on each node, remove it all.

    + administrator: Harbor's API, asked as an administrator, past the proxies
    + timeout: seconds for each of: a proxy that answers, all pods, all pods gone

    Raises Refusal with what keeps clients or nodes away, tidied up.
    """
    proof = _Proof(entrance, cluster, timeout)
    with administrator() as harbor:
        _tidy(proof, harbor)  # what a killed run left
        try:
            _prove(proof, harbor)
        except Refusal as refusal:
            try:
                _tidy(proof, harbor)
            except Refusal as left:
                raise Refusal(f"{refusal}; and what it made is left to the next proof: {left}") from left
            raise
        _tidy(proof, harbor)


def _prove(proof: _Proof, harbor: Harbor) -> None:
    cluster = proof.cluster
    nodes = image_pods.targets(cluster.access, cluster.survey.machine_ids, cluster.down)
    known = [node for node in nodes if node.architecture in ARCHITECTURES]
    for node in nodes:
        if node not in known:
            _say(f"{node.name}: left out: there is no small image for {node.architecture}")
    _say_where(proof.entrance)
    make_project(harbor, proof.project)
    robot = make_robot(harbor, proof.project, "proof", ["pull", "push"])
    architectures = sorted({node.architecture for node in known}) or [ARCHITECTURES[0]]
    host, ca = proof.entrance.host, proof.entrance.ca
    for number, (name, address) in enumerate(proof.entrance.proxies.items()):
        with Registry(host, ca, robot.name, robot.secret, address=address) as door:
            _reach(proof, name, door)
            for architecture in architectures:
                _there_and_back(proof.repository, f"{architecture}-{number}", architecture, door)
    _pull_on_nodes(proof, robot, known)


def _reach(proof: _Proof, name: str, door: Registry) -> None:
    """Log in, as soon as the proxy has seen that the nodes answer."""

    def missing() -> list[str]:
        try:
            door.login()
        except RegistryError as error:
            if not error.passing:
                raise
            last.append(error)
            return [error.said]
        return []

    last: list[RegistryError] = []
    if wait(f"{proof.entrance.host} through {name}", missing, proof.timeout):
        raise last[-1]


def _there_and_back(repository: str, tag: str, architecture: str, door: Registry) -> None:
    image = unique(architecture)
    door.push(repository, tag, image)
    named = f"{door.host}/{repository}:{tag}"
    if (found := door.digest(repository, tag)) != image.digest:
        raise Refusal(f"{named}: pushed as {image.digest}, and there it is {found or 'without a digest'}")
    if door.pull(repository, tag) != image:
        raise Refusal(f"{named}: what comes back is not what was pushed")


def _pull_on_nodes(proof: _Proof, robot: Robot, nodes: list[Target]) -> None:
    host = proof.entrance.host
    if not nodes:
        _say(f"no node is in this run: nobody but this machine pulled from {host}")
        return
    images = {node.name: f"{host}/{proof.repository}:{node.architecture}-0" for node in nodes}
    image_pods.run_on_nodes(
        proof.cluster.access,
        proof.cluster.namespace,
        proof.token,
        (host, robot.name, robot.secret),
        images,
        proof.timeout,
    )


def _tidy(proof: _Proof, harbor: Harbor) -> None:
    """Remove what this proof and any killed one made: one run at a time, so it is nobody's any more."""
    cluster = proof.cluster
    steps: list[Callable[[], None]] = [
        partial(image_pods.remove, cluster.access, cluster.namespace, proof.timeout),
        partial(_remove_projects, harbor),
    ]
    left = []
    for step in steps:
        try:
            step()
        except Refusal as refusal:
            left.append(str(refusal))
    if left:
        raise Refusal("; ".join(left))


def _remove_projects(harbor: Harbor) -> None:
    for project in projects_named(harbor, PREFIX):
        if re.fullmatch(ANY_PROJECT, project.name):
            remove_project(harbor, project)


def _say_where(entrance: Entrance) -> None:
    """Whether people on this machine would come to the proxies, too: the proof itself does without DNS."""
    name = entrance.host.partition(":")[0]
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        _say(f"{name}: this machine does not know the name; each proxy is asked at its address instead")


def _say(line: str) -> None:
    print(f"    {line}", flush=True)
