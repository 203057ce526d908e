"""SSH keys made by the lab before a guest boots, so that no host key is ever accepted unseen."""

import os
from pathlib import Path

from lab import paths
from lab.processes import run

USER = "debian"


def folder() -> Path:
    """Where they are, mode 0700."""
    made = paths.state() / "ssh"
    made.mkdir(mode=0o700, exist_ok=True)
    return made


def config() -> Path:
    """The ssh_config that serves OpenSSH, and pyinfra, inside the lab's network."""
    return folder() / "config"


def known_hosts() -> Path:
    """The guests' host keys."""
    return folder() / "known_hosts"


def identity() -> Path:
    """The private key that root and the login user of every guest accept."""
    return folder() / "id_ed25519"


def host_key(name: str) -> Path:
    """The private host key of a guest."""
    return folder() / f"host-{name}"


def make(hosts: dict[str, str]) -> None:
    """Make what is missing: keys, known_hosts and config for these names and their addresses."""
    for file, comment in [(identity(), "breakwater-lab"), *((host_key(name), name) for name in hosts)]:
        if not file.with_name(file.name + ".pub").exists():
            file.unlink(missing_ok=True)
            temporary = file.with_name(f".{file.name}")
            temporary.unlink(missing_ok=True)
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", temporary], timeout=20)
            temporary.rename(file)
            temporary.with_name(temporary.name + ".pub").rename(file.with_name(file.name + ".pub"))
    lines = [f"{name},{address} {public(host_key(name))}\n" for name, address in hosts.items()]
    _write(known_hosts(), "".join(lines))
    _write(config(), _config(hosts))


def public(key: Path) -> str:
    """The public half, type and key only."""
    return " ".join(key.with_name(key.name + ".pub").read_text().split()[:2])


def close_connections() -> None:
    """End the shared connections: after a guest went back in time they would only hang."""
    for socket in folder().glob("to-*"):
        run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "any"], timeout=10, check=False)
        socket.unlink(missing_ok=True)


def _config(hosts: dict[str, str]) -> str:
    names = "".join(f"Host {name}\n  HostName {address}\n" for name, address in hosts.items())
    return f"""# Made by `python -m lab up`, for inside its network: `python -m lab exec -- ssh -F FILE`
{names}
Host {" ".join(hosts)}
  User {USER}
  IdentityFile {identity()}
  IdentitiesOnly yes
  UserKnownHostsFile {known_hosts()}
  StrictHostKeyChecking yes
  BatchMode yes
  LogLevel ERROR
  # Emulated guests answer late; dead ones must not hold anybody for ever.
  ConnectTimeout 20
  ServerAliveInterval 10
  ServerAliveCountMax 6
  # One connection for many commands: a new one costs half a second of an emulated processor.
  ControlMaster auto
  ControlPath {folder()}/to-%n-%r
  ControlPersist 60
"""


def _write(file: Path, text: str) -> None:
    if not file.exists() or file.read_text() != text:
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        temporary.write_text(text)
        temporary.rename(file)
