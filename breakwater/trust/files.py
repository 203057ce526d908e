"""The files by which container engines, and the system, trust a registry's CA."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from breakwater.facts.trust import HUB, MARK, MIRRORS
from breakwater.trust.wanted import Wanted

# podman, buildah, skopeo and cri-o read one folder.
FOLDERS = {
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
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def head(owner: str) -> str:
    """The first line of a file of ours.

    + owner: which breakwater's: a client may know the registries of several
    """
    return f"{MARK} ({owner}) from group_data/all.py; the next run puts changes back.\n"


def certificates(pem: str) -> list[str]:
    """Each certificate of a PEM text once, in its order."""
    return list(dict.fromkeys(_CERTIFICATE.findall(pem)))


def anchor(cas: Sequence[str]) -> str:
    """A line that no other certificate has: of the last one's signature, the last whole one."""
    return cas[-1].splitlines()[-3] if cas else ""


def held(wanted: Wanted, found: Mapping[str, str]) -> list[str]:
    """The CAs that files of ours hold for this registry.

    + found: path -> text, as it is
    """
    ours = (text for path, text in sorted(found.items()) if _is_ours(wanted, path, text))
    return certificates("\n".join(ours))


def with_former(signer: Sequence[str], held: Sequence[str]) -> list[str]:
    """Whom a host believes while the proxies may show either: what is there, then what is wanted.

    + signer: of the certificate that the proxies shall show
    + held: what files of ours hold
    """
    return list(signer) if set(held) <= set(signer) else list(dict.fromkeys([*held, *signer]))


def files_of(wanted: Wanted, cas: Sequence[str], engines: set[str], root: str, store: str) -> dict[str, str]:
    """path -> text, the certificate before the file that names it.

    + cas: who signed, and who did before; none: a CA that every host knows
    + engines: that are to know the registry
    + root: where containerd looks
    + store: the system store's tool; empty: not that
    """
    name, first = wanted.name, head(wanted.owner)
    text, files = "\n".join([*cas, ""]), {}
    if cas:
        files = {f"{FOLDERS[each]}/{name}/ca.crt": first + text for each in sorted(engines & set(FOLDERS))}
    if cas and "containerd" in engines:
        files[f"{root}/{name}/ca.crt"] = first + text
        # For the server itself, and not as a [host] beside it: what that refuses would be asked of the
        # server once more, without the CA, and its x509 error would hide the first answer.
        files[f"{root}/{name}/hosts.toml"] = f'{first}server = "https://{name}"\nca = "ca.crt"\n'
    if wanted.cache:
        files.update(_mirrors(wanted, engines, root, ca=bool(cas)))
    for number, ca in enumerate(cas if store else (), start=1):
        # One a file: of a file with two, OpenSSL on Debian knows neither.
        more = "" if number == 1 else f"_{number}"
        files[f"{STORES[store][0]}/breakwater-{wanted.domain}{more}.crt"] = f"{first}{ca}\n"
    return files


def in_store(path: str) -> bool:
    """Whether this is the system's, and not an engine's."""
    return path.startswith(tuple(f"{folder}/" for folder, _ in STORES.values()))


def foreign(name: str, files: Mapping[str, str], found: Mapping[str, str], root: str) -> Iterator[str]:
    """Others' files for this registry where ours shall be, or that would come before ours.

    A CA that somebody put there by hand is right too, when it is the same one.

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
        if text.startswith(MARK) or not _is_of(name, path) or not files:
            continue
        if file == "hosts.toml":
            stands_in_the_way = f"{root}/{name}/hosts.toml" in files
        else:
            # Of the two names of its folder, containerd takes this one, and no other then.
            first = folder != name and above == root
            ours = files.get(f"{root}/{name}/{file}" if first else path)
            stands_in_the_way = ours is not None and _bare(text) != _bare(ours)
        if stands_in_the_way:
            yield f"{path}: is for {name} and not breakwater's; move it away, or remove it"


def former(wanted: Wanted, files: Iterable[str], found: Mapping[str, str]) -> Iterator[str]:
    """Ours for a registry that is no more, or that needs them no more; hosts.toml before what it names."""
    for path in sorted(found, reverse=True):
        ours = found[path].startswith(head(wanted.owner)) or _is_ours(wanted, path, found[path])
        if ours and path not in files:
            yield path


def _mirrors(wanted: Wanted, engines: set[str], root: str, ca: bool) -> dict[str, str]:
    """path -> text, by which images of Docker Hub come through a cache, or from there when it is away.

    docker is not among them: its mirrors have no path, and a cache is a project.

    + ca: whether the registry has a CA of its own, in its own folder there
    """
    files, first, name = {}, head(wanted.owner), wanted.name
    if engines & {"podman", "cri-o"}:
        files[f"{MIRRORS}/breakwater-{HUB}.conf"] = (
            f'{first}[[registry]]\nprefix = "{HUB}"\nlocation = "{HUB}"\n'
            f'[[registry.mirror]]\nlocation = "{name}/{wanted.cache}"\n'
        )
    if "containerd" in engines:
        trusted = f'ca = "../{name}/ca.crt"\n' if ca else ""
        files[f"{root}/{HUB}/hosts.toml"] = (
            f'{first}server = "https://registry-1.docker.io"\n[host."https://{name}/v2/{wanted.cache}"]\n'
            f'capabilities = ["pull", "resolve"]\noverride_path = true\n{trusted}'
        )
    return files


def _is_of(name: str, path: str) -> bool:
    """Whether a file is in this registry's folder, under either name that containerd has for HOST:PORT."""
    domain, colon, port = name.partition(":")
    return path.rsplit("/", 2)[1] in (name, f"{domain}_{port}_" if colon else name)


def _is_ours(wanted: Wanted, path: str, text: str) -> bool:
    """Whether a file of this registry's is ours; in the store, where all are neighbours, by its owner."""
    if in_store(path):
        return text.startswith(head(wanted.owner))
    return _is_of(wanted.name, path) and text.startswith(MARK)


def _bare(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
