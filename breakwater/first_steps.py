"""What a person needs after a deploy: where the registry is, who gets in, how an image is pushed."""

# For docker; containerd and podman have theirs by the trust task, where they are in the inventory.
_TRUSTED = "/etc/docker/certs.d/{}/ca.crt"


def first_steps(host: str, user: str, password: str, ca: str = "") -> str:
    """Lines for the end of a run; the commands work as they stand, IMAGE being any that docker has.

    + host: as it stands in images' names: DOMAIN, or DOMAIN:PORT
    + user: who may push
    + password: where it is: a file, or env:NAME; never the password itself
    + ca: PEM file of the domain's own authority; empty: machines trust its certificate anyhow
    """
    lines = [f"https://{host} as {user}, with the password in {password.removeprefix('file:')}"]
    if ca:
        lines.append(f"Its CA is {ca}; machines outside the inventory need it as {_TRUSTED.format(host)}")
    # Without --password: it would stand in the process list, and in the shell's history.
    commands = (
        f"docker login {host} -u {user}",
        f"docker tag IMAGE {host}/library/IMAGE",
        f"docker push {host}/library/IMAGE",
    )
    return "\n".join([*lines, *(f"    {command}" for command in commands)])
