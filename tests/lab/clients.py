"""What people push and pull with, on a guest of the lab: Debian's docker daemon, and skopeo."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab import guests

if TYPE_CHECKING:
    from tests.lab.conftest import Lab

# Neither a node nor a proxy, so that a client there comes from outside.
OUTSIDE = "storage"
# Seconds: download and unpacking on an emulated guest; a push or pull of some megabytes.
INSTALL, TRANSFER = 600, 300
# It runs nothing: without a bridge it starts sooner, and leaves the guest's firewall alone.
_DAEMON = {"bridge": "none", "iptables": False, "ip6tables": False}
_PACKAGES = {"docker": "docker.io docker-cli", "skopeo": "skopeo"}


@dataclass(frozen=True)
class Said:
    """What a client ended with."""

    code: int
    output: str


@dataclass(frozen=True)
class Client:
    """A program on a guest that talks to one registry.

    + host: as it stands in images' names: DOMAIN, or DOMAIN:PORT
    """

    lab: Lab
    host: str
    guest: str = OUTSIDE

    def run(self, command: str, *, check: bool = True, timeout: float = TRANSFER) -> Said:
        """A command of the guest's shell."""
        result = self.lab("ssh", self.guest, command, timeout=timeout, check=check)
        return Said(result.code, result.output)

    def knows(self, address: str) -> None:
        """The domain leads to this address, in the guest's /etc/hosts."""
        name = shlex.quote(self.host.partition(":")[0])
        self.run(f"sed -i '/ '{name}'$/d' /etc/hosts && echo {shlex.quote(address)} {name} >>/etc/hosts")

    def trusts(self, ca: Path, folder: str) -> None:
        """This authority alone is the domain's.

        + folder: certs.d of docker, or of containers
        """
        guests.upload(guests.guest(self.guest), ca, f"{folder}/{self.host}/ca.crt")

    def distrusts(self, folder: str) -> None:
        """No authority is."""
        self.run(f"rm -rf {shlex.quote(f'{folder}/{self.host}')}")


@dataclass(frozen=True)
class Docker(Client):
    """The docker daemon, by its own command line."""

    CERTIFICATES = "/etc/docker/certs.d"

    def install(self) -> None:
        """Install and start it; nothing when it is there."""
        daemon = shlex.quote(json.dumps(_DAEMON))
        self.run(
            "command -v dockerd >/dev/null || {"
            f" mkdir -p /etc/docker && echo {daemon} >/etc/docker/daemon.json &&"
            f" {_apt('docker')}; }}; systemctl start docker && docker info >/dev/null",
            timeout=INSTALL,
        )

    def login(self, user: str, password: str, *, check: bool = True) -> Said:
        """`docker login`."""
        command = f"docker login {self.host} -u {shlex.quote(user)} --password-stdin"
        return self.run(f"printf %s {shlex.quote(password)} | {command} 2>&1", check=check)

    def logout(self) -> None:
        """`docker logout`."""
        self.run(f"docker logout {self.host}")

    def make(self, image: str, size: int = 1 << 20) -> None:
        """An image that nobody has: a layer of so many random bytes, tagged for the registry.

        + image: PROJECT/NAME:TAG
        """
        self.run(
            "d=$(mktemp -d) && trap 'rm -r $d' EXIT &&"
            f" head -c {size} /dev/urandom >$d/bulk && tar -C $d -c bulk |"
            f" docker import - {shlex.quote(f'{self.host}/{image}')}"
        )

    def push(self, image: str, *, check: bool = True) -> Said:
        """`docker push`; its last line has the digest."""
        return self.run(f"docker push {shlex.quote(f'{self.host}/{image}')} 2>&1", check=check)

    def pull(self, image: str, *, check: bool = True) -> Said:
        """Forget the image, then `docker pull`: every layer moves."""
        name = shlex.quote(f"{self.host}/{image}")
        return self.run(f"docker image rm -f {name} >/dev/null 2>&1; docker pull {name} 2>&1", check=check)

    def digest(self, image: str) -> str:
        """By which the registry knows what is here."""
        name = shlex.quote(f"{self.host}/{image}")
        template = shlex.quote("{{index .RepoDigests 0}}")
        return self.run(f"docker image inspect -f {template} {name}").output.strip().rpartition("@")[2]


@dataclass(frozen=True)
class Skopeo(Client):
    """skopeo, which keeps nothing but a login."""

    CERTIFICATES = "/etc/containers/certs.d"

    def install(self) -> None:
        """Install it; nothing when it is there."""
        self.run(f"command -v skopeo >/dev/null || {_apt('skopeo')}", timeout=INSTALL)

    def login(self, user: str, password: str, *, check: bool = True) -> Said:
        """`skopeo login`."""
        command = f"skopeo login {self.host} -u {shlex.quote(user)} --password-stdin"
        return self.run(f"printf %s {shlex.quote(password)} | {command} 2>&1", check=check)

    def put(self, archive: Path, image: str, *, check: bool = True) -> Said:
        """Push an OCI archive of this machine, such as one of the bundle."""
        there = f"/var/tmp/{archive.name}"
        guests.upload(guests.guest(self.guest), archive, there)
        target = shlex.quote(f"docker://{self.host}/{image}")
        # Without the second option it packs the layers, and the image gets another digest.
        options = "--retry-times 0 --preserve-digests"
        copy = f"skopeo copy {options} {shlex.quote(f'oci-archive:{there}')} {target}"
        return self.run(f"{copy} 2>&1; code=$?; rm -f {shlex.quote(there)}; exit $code", check=check)

    def get(self, image: str, *, check: bool = True) -> Said:
        """Pull it into a folder that goes at once."""
        source = shlex.quote(f"docker://{self.host}/{image}")
        return self.run(
            f"d=$(mktemp -d) && skopeo copy {source} dir:$d 2>&1; code=$?; rm -r $d; exit $code", check=check
        )

    def digest(self, image: str) -> str:
        """What the registry says of a tag."""
        template = shlex.quote("{{.Digest}}")
        source = shlex.quote(f"docker://{self.host}/{image}")
        return self.run(f"skopeo inspect --format {template} {source}").output.strip()


def equip(lab: Lab, host: str) -> None:
    """The host of group clients has what people push with, before the deploy looks for it."""
    Docker(lab, host).install()
    Skopeo(lab, host).install()


def _apt(program: str) -> str:
    """Its installation, from the mirror that the guests' other packages come from."""
    options = "-y -q --no-install-recommends -o DPkg::Lock::Timeout=120"
    return f"DEBIAN_FRONTEND=noninteractive apt-get install {options} {_PACKAGES[program]}"
