"""Which system is which family, and what its packages are called."""

import pytest
from folder_host import FolderHost

from breakwater.facts.preflight import Preflight
from breakwater.platforms import DEBIAN, PACKAGE_LOCKS, REDHAT, Platform, install, platform_of

# What these systems have in /etc/os-release, as far as it names them.
SYSTEMS = {
    "Debian 12": ('ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm', DEBIAN),
    "Debian 13": ('ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie', DEBIAN),
    "Ubuntu 22.04": ('VERSION_ID="22.04"\nID=ubuntu\nID_LIKE=debian\nUBUNTU_CODENAME=jammy', DEBIAN),
    "Ubuntu 24.04": ('VERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\nUBUNTU_CODENAME=noble', DEBIAN),
    "Linux Mint": ('ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"', DEBIAN),
    "RHEL 9": ('ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\nPLATFORM_ID="platform:el9"', REDHAT),
    "CentOS Stream 9": ('ID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="9"', REDHAT),
    "Rocky 9": ('ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"', REDHAT),
    "AlmaLinux 9": ('ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"', REDHAT),
    "Oracle Linux 9": ('ID="ol"\nID_LIKE="fedora"\nVERSION_ID="9.4"', REDHAT),
    "Fedora": ("ID=fedora\nVERSION_ID=42", REDHAT),
    "Alpine": ("ID=alpine\nVERSION_ID=3.20.1", None),
    "Arch": ("ID=arch", None),
    "openSUSE": ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"', None),
    "nameless": ("", None),
}


@pytest.mark.parametrize(("release", "family"), SYSTEMS.values(), ids=SYSTEMS)
def test_family(folder_host: FolderHost, release: str, family: Platform | None) -> None:
    (folder_host.root / "etc/os-release").write_text(release)
    assert platform_of(folder_host.fact(Preflight, storage="127.0.0.1").system) == family


def test_packages() -> None:
    assert (DEBIAN.nfs_server, DEBIAN.nfs_client) == ("nfs-kernel-server", "nfs-common")
    assert (REDHAT.nfs_server, REDHAT.nfs_client) == ("nfs-utils", "nfs-utils")


def test_where_nftables_rules_outlive_a_reboot() -> None:
    assert (DEBIAN.firewall_file, REDHAT.firewall_file) == (
        "/etc/nftables.conf",
        "/etc/sysconfig/nftables.conf",
    )


def test_the_locks_of_both_package_managers() -> None:
    # dpkg's frontend lock is held from the first question to the last trigger; rpm's while it changes.
    assert "/var/lib/dpkg/lock-frontend" in PACKAGE_LOCKS
    assert "/var/lib/rpm/.rpm.lock" in PACKAGE_LOCKS


@pytest.mark.parametrize("platform", [DEBIAN, REDHAT], ids=lambda platform: platform.name)
def test_nothing_is_asked_of_a_person(platform: Platform) -> None:
    for command in (platform.install, platform.refresh):
        assert " -y " in command
    assert "DEBIAN_FRONTEND=noninteractive" in platform.install or platform is REDHAT


def test_a_package_name_is_one_word() -> None:
    assert "install 'a; b'" in install(DEBIAN, "a; b").get_raw_value()
