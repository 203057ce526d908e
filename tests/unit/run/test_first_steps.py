"""The lines at the end of a deploy."""

from breakwater.first_steps import first_steps


def test_with_a_ca_of_ours() -> None:
    said = first_steps(
        "registry.example.org:8443",
        "admin",
        ".breakwater/harbor/admin_password",
        ".breakwater/harbor/ca.crt",
    )
    assert said.splitlines() == [
        "https://registry.example.org:8443 as admin, with the password in .breakwater/harbor/admin_password",
        "Its CA is .breakwater/harbor/ca.crt; machines outside the inventory need it as"
        " /etc/docker/certs.d/registry.example.org:8443/ca.crt",
        "    docker login registry.example.org:8443 -u admin",
        "    docker tag IMAGE registry.example.org:8443/library/IMAGE",
        "    docker push registry.example.org:8443/library/IMAGE",
    ]


def test_with_a_certificate_that_machines_trust() -> None:
    said = first_steps("registry.example.org", "admin", "file:/root/admin").splitlines()
    assert said[0] == "https://registry.example.org as admin, with the password in /root/admin"
    assert said[1].strip() == "docker login registry.example.org -u admin"


def test_with_a_password_in_the_environment() -> None:
    assert "with the password in env:ADMIN\n" in first_steps("registry.example.org", "admin", "env:ADMIN")
