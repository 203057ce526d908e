"""Which system is which family, and what its packages are called."""

import pytest

from breakwater.platforms import DEBIAN, REDHAT, Platform, install, platform_of


# The first words are ID and ID_LIKE as these systems have them in /etc/os-release.
@pytest.mark.parametrize(
    ("system", "family"),
    [
        ("debian", DEBIAN),
        ("ubuntu debian", DEBIAN),
        ("linuxmint ubuntu debian", DEBIAN),
        ("raspbian debian", DEBIAN),
        ("rhel fedora", REDHAT),
        ("rocky rhel centos fedora", REDHAT),
        ("almalinux rhel centos fedora", REDHAT),
        ("centos rhel fedora", REDHAT),
        ("ol fedora", REDHAT),
        ("fedora", REDHAT),
        ("alpine", None),
        ("arch", None),
        ("opensuse-leap suse opensuse", None),
        ("", None),
    ],
)
def test_family(system: str, family: Platform | None) -> None:
    assert platform_of(tuple(system.split())) == family


def test_packages() -> None:
    assert (DEBIAN.nfs_server, DEBIAN.nfs_client) == ("nfs-kernel-server", "nfs-common")
    assert (REDHAT.nfs_server, REDHAT.nfs_client) == ("nfs-utils", "nfs-utils")


@pytest.mark.parametrize("platform", [DEBIAN, REDHAT], ids=lambda platform: platform.name)
def test_nothing_is_asked_of_a_person(platform: Platform) -> None:
    for command in (platform.install, platform.refresh):
        assert " -y " in command
    assert "DEBIAN_FRONTEND=noninteractive" in platform.install or platform is REDHAT


def test_a_package_name_is_one_word() -> None:
    assert "install 'a; b'" in install(DEBIAN, "a; b").get_raw_value()
