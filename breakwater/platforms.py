"""What differs between operating systems, as data: package names and how they are installed."""

from dataclasses import dataclass

from pyinfra.api import QuoteString, StringCommand


@dataclass(frozen=True)
class Platform:
    """One family of systems."""

    name: str
    nfs_server: str  # package that brings exportfs
    nfs_client: str  # package that brings mount.nfs
    nft: str  # package that brings nft
    refresh: str  # reads the package lists anew
    install: str  # installs the packages named after it
    repair: str  # finishes what a killed run of the package manager left
    firewall_file: str  # where nftables rules outlive a reboot


# Lock::Timeout: another package run (an unattended upgrade) may be going on; wait for it, not for ever.
_APT = "DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300"

DEBIAN = Platform(
    name="Debian",
    nfs_server="nfs-kernel-server",
    nfs_client="nfs-common",
    nft="nftables",
    refresh=f"{_APT} update",
    install=f"{_APT} --no-install-recommends install",
    repair="DEBIAN_FRONTEND=noninteractive dpkg --force-confold --configure -a",
    firewall_file="/etc/nftables.conf",
)
REDHAT = Platform(
    name="Red Hat",
    nfs_server="nfs-utils",
    nfs_client="nfs-utils",
    nft="nftables",
    refresh="dnf -y -q makecache",
    install="dnf -y -q install",
    repair="true",
    firewall_file="/etc/sysconfig/nftables.conf",
)

# What package managers lock while they change a host: dpkg; rpm, on the RHEL family and on Fedora.
PACKAGE_LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/rpm/.rpm.lock",
    "/usr/lib/sysimage/rpm/.rpm.lock",
)

# The NFS client's package as dpkg names it, and as rpm does.
NFS_CLIENT = (DEBIAN.nfs_client, REDHAT.nfs_client)

# ID and ID_LIKE of os-release(5)
_FAMILIES = {
    "debian": DEBIAN,
    "ubuntu": DEBIAN,
    "rhel": REDHAT,
    "centos": REDHAT,
    "fedora": REDHAT,
    "rocky": REDHAT,
    "almalinux": REDHAT,
}
SUPPORTED = "Debian 12 and 13, Ubuntu 22.04 and 24.04, the RHEL 9 family"


def platform_of(system: tuple[str, ...]) -> Platform | None:
    """The family of a host, or None when it is none we know.

    + system: ID, then the words of ID_LIKE, of its /etc/os-release
    """
    return next((_FAMILIES[name] for name in system if name in _FAMILIES), None)


def install(platform: Platform, package: str) -> StringCommand:
    """Install one package; on failure, finish what a killed run left, or read fresh lists, and try again.

    The plain attempt comes first because it waits for another package run that still goes
    on, such as the one of a killed deploy; repairing under it would fail at its lock.

    + package: one of the platform's own names
    """
    attempt = [platform.install, QuoteString(package)]
    return StringCommand(
        *attempt, "||", "{", platform.repair, "&&", *attempt, "; }",
        "||", "{", platform.refresh, "&&", *attempt, "; }",
    )  # fmt: skip
