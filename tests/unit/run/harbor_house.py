"""A bastion and a cluster for tests of Harbor's secrets: what is there, what a run makes of it."""

import base64
import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster, serving

from breakwater.cluster import ClusterAccess
from breakwater.commands import Refusal
from breakwater.harbor.copies import Wanted
from breakwater.harbor.secrets import Plan, plan, write

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
IN_HARBOR = "/api/v1/namespaces/harbor"
OURS = {"app.kubernetes.io/managed-by": "breakwater"}
# What a release of ours was told, as far as it is about secrets.
OUR_VALUES: dict[str, Any] = {
    "expose": {"tls": {"certSource": "secret", "secret": {"secretName": "harbor-tls"}}},
    "existingSecretAdminPassword": "harbor-secrets",
    "existingSecretSecretKey": "harbor-secrets",
    "core": {
        "existingSecret": "harbor-secrets",
        "existingXsrfSecret": "harbor-secrets",
        "secretName": "harbor-token",
    },
    "jobservice": {"existingSecret": "harbor-secrets"},
    "registry": {
        "existingSecret": "harbor-secrets",
        "credentials": {"existingSecret": "harbor-secrets"},
    },
}


@dataclass
class House:
    """A bastion's folder and a fake cluster.

    + live: the live release's values, None without one
    """

    fake: FakeCluster
    access: ClusterAccess
    wanted: Wanted
    live: dict[str, Any] | None = None
    now: datetime = NOW
    said: list[str] = field(default_factory=list)

    def plan(self, adopt: str = "", new_ca: bool = False) -> Plan:
        return plan(self.access, self.wanted, self.live, adopt, new_ca, self.now)

    def run(self, adopt: str = "", new_ca: bool = False) -> Plan:
        """Plan and write; the next plan must find nothing to do, and come to the same."""
        made = self.plan(adopt, new_ca)
        write(made, self.access)
        again = self.plan()
        assert (again.lines, dict(again.files), dict(again.secrets)) == ((), {}, {})
        assert (again.secrets_sha, again.tls_sha) == (made.secrets_sha, made.tls_sha)
        return made

    def refused(self, adopt: str = "", new_ca: bool = False) -> str:
        """The words of a refusal, in which no secret stands and after which nothing is changed."""
        before = self.everything()
        with pytest.raises(Refusal) as refused:
            self.plan(adopt, new_ca)
        assert self.everything() == before
        words = str(refused.value)
        self.said.append(words)
        return words

    @property
    def folder(self) -> Path:
        return self.wanted.folder

    def files(self) -> dict[str, str]:
        if not self.folder.exists():
            return {}
        return {p.name: p.read_text() for p in self.folder.iterdir() if p.name != ".gitignore"}

    def file(self, name: str) -> str:
        return (self.folder / name).read_text().rstrip("\n")

    def put(self, name: str, text: str) -> None:
        """As a person does."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / name).touch(0o600)
        (self.folder / name).write_text(text)

    def lose(self, *names: str) -> None:
        for name in names or self.files():
            (self.folder / name).unlink()

    def secrets(self) -> dict[str, dict[str, str]]:
        return {
            item["metadata"]["name"]: {k: base64.b64decode(v).decode() for k, v in item["data"].items()}
            for item in self.fake.objects.get(f"{IN_HARBOR}/secrets", [])
        }

    def set_secret(self, name: str, labels: dict[str, str] | None = None, **keys: str) -> None:
        """A Secret with these keys, beside those that it has; `tls_key` stands for tls.key."""
        data = self.secrets().get(name, {}) | {k.replace("tls_", "tls."): v for k, v in keys.items()}
        self.lose_secrets(name)
        metadata = {"name": name, "labels": OURS if labels is None else labels}
        encoded = {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}
        self.fake.add(f"{IN_HARBOR}/secrets", {"metadata": metadata, "data": encoded})

    def lose_secrets(self, *names: str) -> None:
        items = self.fake.objects.get(f"{IN_HARBOR}/secrets", [])
        left = [i for i in items if names and i["metadata"]["name"] not in names]
        self.fake.objects[f"{IN_HARBOR}/secrets"] = left

    def lose_key(self, name: str, key: str) -> None:
        for item in self.fake.objects[f"{IN_HARBOR}/secrets"]:
            if item["metadata"]["name"] == name:
                del item["data"][key]

    def deploy(self, password: str) -> None:
        """What Helm does with our values: the release, its database, the database's Secret."""
        self.live = OUR_VALUES | {"database": {"internal": {"password": password}}}
        self.add_claim("harbor")
        self.set_secret("harbor-database", {"heritage": "Helm"}, POSTGRES_PASSWORD=password)

    def add_claim(self, full: str) -> None:
        claims = f"{IN_HARBOR}/persistentvolumeclaims"
        self.fake.add(claims, {"metadata": {"name": f"database-data-{full}-database-0"}})

    def everything(self) -> object:
        return copy.deepcopy((self.files(), self.fake.objects))

    def change(self, **wanted: Any) -> None:
        self.wanted = replace(self.wanted, **wanted)


def empty_house(fake: FakeCluster, folder: Path) -> House:
    """Nothing anywhere."""
    access = ClusterAccess(str(fake.kubeconfig(folder / "kubeconfig")))
    nodes = {"node1": "10.0.0.21", "node2": "fd00::22"}
    wanted = Wanted(
        folder=folder / "state" / "harbor",
        namespace="harbor",
        release="harbor",
        full="harbor",
        domain="registry.example.org",
        nodes=nodes,
    )
    return House(fake, access, wanted)


@contextmanager
def deployed(folder: Path) -> Iterator[tuple[dict[str, str], dict[str, Any], dict[str, Any]]]:
    """The files, the cluster's objects and the live values of a Harbor of ours: made once, for many tests."""
    with serving() as fake:
        house = empty_house(fake, folder)
        house.deploy(house.run().database_password)
        yield house.files(), fake.objects, house.live or {}
