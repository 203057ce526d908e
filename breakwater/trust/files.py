"""The files by which container engines, and the system, trust a registry's CA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from breakwater.facts.trust import HUB, MARK, MIRRORS

# podman, buildah, skopeo and cri-o read one folder.
_FOLDERS = {
    "docker": "/etc/docker/certs.d",
    "podman": "/etc/containers/certs.d",
    "cri-o": "/etc/containers/certs.d",
}
# The system store's tool: where a CA is put, and the command that takes it.
STORES = {
    "update-ca-certificates": (
        "/usr/local/share/ca-certificates",
        "update-ca-certificates --fresh >/dev/null",
    ),
    "update-ca-trust": ("/etc/pki/ca-trust/source/anchors", "update-ca-trust extract"),
}


def head(owner: str) -> str:
    """The first line of a file of ours.

    + owner: which breakwater's: a client may know the registries of several
    """
    return f"{MARK} ({owner}) from group_data/all.py; the next run puts changes back.\n"


def anchor(pem: str) -> str:
    """A line that no other certificate has: of the signature, the last whole one."""
    lines = [line for line in pem.splitlines() if line and not line.startswith("-")]
    return lines[-2] if len(lines) > 1 else ""


def files_of(name: str, pem: str, owner: str, engines: set[str], root: str) -> dict[str, str]:
    """path -> text, the certificate before the file that names it.

    + name: HOST, or HOST:PORT
    + root: where containerd looks
    """
    text = head(owner) + pem
    files = {f"{_FOLDERS[engine]}/{name}/ca.crt": text for engine in sorted(engines & set(_FOLDERS))}
    if "containerd" in engines:
        files[f"{root}/{name}/ca.crt"] = text
        # For the server itself, and not as a [host] beside it: what that refuses would be asked of the
        # server once more, without the CA, and its x509 error would hide the first answer.
        files[f"{root}/{name}/hosts.toml"] = f'{head(owner)}server = "https://{name}"\nca = "ca.crt"\n'
    return files


def mirrors_of(name: str, cache: str, owner: str, engines: set[str], root: str, ca: bool) -> dict[str, str]:
    """path -> text, by which images of Docker Hub come through a cache, or from there when it is away.

    docker is not among them: its mirrors have no path, and a cache is a project.

    + name: the registry's, HOST or HOST:PORT
    + cache: the project
    + root: where containerd looks
    + ca: whether the registry has a CA of its own, in its own folder there
    """
    files = {}
    if engines & {"podman", "cri-o"}:
        files[f"{MIRRORS}/breakwater-{HUB}.conf"] = (
            f'{head(owner)}[[registry]]\nprefix = "{HUB}"\nlocation = "{HUB}"\n'
            f'[[registry.mirror]]\nlocation = "{name}/{cache}"\n'
        )
    if "containerd" in engines:
        trusted = f'ca = "../{name}/ca.crt"\n' if ca else ""
        files[f"{root}/{HUB}/hosts.toml"] = (
            f'{head(owner)}server = "https://registry-1.docker.io"\n'
            f'[host."https://{name}/v2/{cache}"]\ncapabilities = ["pull", "resolve"]\noverride_path = true\n'
            f"{trusted}"
        )
    return files


def in_store(path: str) -> bool:
    """Whether this is the system's, and not an engine's."""
    return path.startswith(tuple(f"{folder}/" for folder, _ in STORES.values()))


def as_set(path: str, wanted: str, found: str | None) -> bool:
    """A CA that somebody put there by hand is right too, when it is the same one."""
    if found is None or found.startswith(MARK) or not path.endswith(".crt"):
        return found == wanted
    return _bare(found) == _bare(wanted)


def foreign(name: str, files: Mapping[str, str], found: Mapping[str, str], root: str) -> Iterator[str]:
    """Others' files for this registry where ours shall be, or that would come before ours.

    + files: path -> text, as wanted
    + found: path -> text, as it is
    """
    for path, text in found.items():
        above, folder, file = path.rsplit("/", 2)
        if folder == HUB and path in files and not text.startswith(MARK):
            yield (
                f"{path}: is somebody's own mirror of Docker Hub; move it away, or take"
                " registry.docker_hub_cache out of the settings"
            )
        if text.startswith(MARK) or folder not in (name, alias(name)) or not files:
            continue
        if file == "hosts.toml":
            stands_in_the_way = f"{root}/{name}/hosts.toml" in files
        else:
            # Of the two names of its folder, containerd takes this one, and no other then.
            first = folder != name and above == root
            wanted = files.get(f"{root}/{name}/{file}" if first else path)
            stands_in_the_way = wanted is not None and not as_set(path, wanted, text)
        if stands_in_the_way:
            yield f"{path}: is for {name} and not breakwater's; move it away, or remove it"


def former(name: str, files: Mapping[str, str], found: Mapping[str, str], owner: str) -> Iterator[str]:
    """Ours for a registry that is no more, or that needs them no more; hosts.toml before what it names."""
    for path in sorted(found, reverse=True):
        folder = path.rsplit("/", 2)[1]
        ours = found[path].startswith(head(owner))
        here = folder in (name, alias(name)) and found[path].startswith(MARK)
        if path not in files and (ours or here):
            yield path


def alias(name: str) -> str:
    """The other name that containerd has for the folder of HOST:PORT."""
    domain, colon, port = name.partition(":")
    return f"{domain}_{port}_" if colon else name


def _bare(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
