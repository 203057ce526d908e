"""What a host's container engines know of the registry, and whether it finds it."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyinfra.api import FactBase, FactProcessError, QuoteString, StringCommand

from breakwater.facts.tagged import END, tagged

# Where containerd's own examples have it, and where we put it when nobody has chosen.
CERTS = "/etc/containerd/certs.d"
# Where podman and cri-o look for mirrors.
MIRRORS = "/etc/containers/registries.conf.d"
# Where programs are that sudo may not look for: on RHEL its path has no /usr/local/bin, in which upstream's
# own archive of containerd is unpacked.
PLACES = "/usr/sbin:/sbin:/usr/local/sbin:/usr/local/bin"
# Docker Hub, as it stands in images' names.
HUB = "docker.io"
Bits = list[str | QuoteString | StringCommand]

# The first line of every file of ours, up to whose it is.
MARK = "# Managed by breakwater"
# The end of every line of ours in /etc/hosts, up to whose it is.
HOSTS_MARK = "# breakwater"

# What `containerd config dump` says that matters here; passwords that stand in it are not for us.
# Versions 2 (containerd 1.x) and 3 (2.x) name their tables and quote their values differently; other
# plugins have a config_path too.
REGISTRY = r"""
/^[ \t]*\[/ { table = $0; gsub(/[][ \t"\047]/, "", table) }
table ~ /\.cri(\.v1\.images)?\.registry$/ && $1 == "config_path" {
    sub(/^[^=]*=[ \t]*["\047]/, ""); sub(/["\047][ \t]*$/, ""); print "config_path=" $0; next
}
"""
# What else makes 2.x pull as 1.x did is CheckLocalImagePullConfigs of its source.
_DUMP = (
    REGISTRY
    + r"""
/^[ \t]*\[/ && table ~ /\.cri(\.v1\.images)?\.registry\.mirrors\./ {
    sub(/.*\.registry\.mirrors\./, "", table); print "old=mirrors " table
}
/^[ \t]*\[/ && table ~ /\.cri(\.v1\.images)?\.registry\.configs\..*\.tls$/ {
    sub(/.*\.registry\.configs\./, "", table); sub(/\.tls$/, "", table); print "old=tls " table
}
table == "" && $1 == "version" { print "dump=" $3 }
table == "" && $1 == "disabled_plugins" && /["\047](io\.containerd\.grpc\.v1\.)?cri["\047]/ {
    print "cri=off"
}
table ~ /\.cri\.v1\.images$/ && (/(use_local_image_pull|discard_unpacked_layers|pull_with_sync_fs) = true/ ||
    /disable_snapshot_annotations = false/ || ($1 == "max_concurrent_downloads" && $3 != 3)) { local = 1 }
END { if (local) print "local_pull=yes" }
"""
)


@dataclass(frozen=True)
class HostsLine:
    """A line of /etc/hosts that names the domain, or that is ours."""

    number: int
    text: str
    ours: bool

    @property
    def address(self) -> str:
        """The first word."""
        return self.text.split()[0]


@dataclass(frozen=True)
class Way:
    """What the domain is to this host."""

    addresses: tuple[str, ...]  # as every program of the host finds them
    lines: tuple[HostsLine, ...]


@dataclass(frozen=True)
class Containerd:
    """containerd's configuration as containerd itself reads it."""

    file: str
    version: int  # of the configuration that it speaks: 2 is containerd 1.x, 3 and more are 2.x
    file_version: int  # of the file; 0: it says none
    there: bool  # the file
    cri: bool  # the plugin that the kubelet talks to is not switched off
    config_path: str
    list_written: bool  # the file itself names several; 2.2 has two of its own
    local_pull: bool  # it pulls as 1.x does
    release: tuple[int, ...]  # (2, 1); asked only when config_path is a list
    old: tuple[str, ...]  # `mirrors NAME`, `tls NAME`: the form that excludes config_path
    interrupted: bool  # a run was killed before it saw containerd take the file it had written


@dataclass(frozen=True)
class TrustState:
    """One host."""

    engines: frozenset[str]
    # path -> text: those of ours, and whoever's for this registry; of others' mirrors of Docker Hub the path
    files: dict[str, str]
    containerd: Containerd | None  # None: not there, not asked, or its configuration cannot be read
    store: str  # the system store's tool; empty: none
    stored: bool  # the store has the CA
    way: Way
    errors: tuple[str, ...]  # what exists but could not be read


class Trust(FactBase[TrustState | None]):
    """Engines, their files for a registry, containerd's configuration, the store, the way: in one command."""

    def command(self, domain: str, registry: str, cri: bool, anchor: str = "") -> StringCommand:
        """The command.

        + domain: the registry's name
        + registry: HOST, or HOST:PORT
        + cri: also read containerd's configuration: a kubelet uses it
        + anchor: a line of the CA's PEM by which the system store is known to have it; empty: do not look
        """
        return StringCommand(
            f"PATH=$PATH:{PLACES};",
            "for e in docker=dockerd containerd=containerd podman=podman podman=buildah podman=skopeo",
            'cri-o=crio; do command -v "${e#*=}" >/dev/null && echo "engine=${e%=*}"; done;',
            f"p={CERTS};",
            *(_containerd() if cri else []),
            *_files(registry),
            "for t in update-ca-certificates update-ca-trust; do",
            'command -v $t >/dev/null && echo "store=$t" && break; done;',
            *_stored(anchor),
            *look(domain),
            END,
        )

    def process(self, output: list[str]) -> TrustState:
        values = tagged("Trust", output)
        try:
            return TrustState(
                engines=frozenset(values["engine"]),
                files=_texts(values["file"], values["text"]),
                containerd=_config(values),
                store="".join(values["store"]),
                stored="stored" in values,
                way=read(values),
                errors=tuple(values["error"]),
            )
        except (ValueError, KeyError) as error:
            raise FactProcessError(f"Trust: {error}") from error


def look(domain: str) -> Bits:
    """Shell words that print what the domain is to a host; preflight's fact may have them too.

    + domain: the registry's name
    """
    name = QuoteString(domain)
    return [
        "getent ahosts", name, '| while read -r a k _; do [ "$k" != STREAM ] || echo "resolved=$a"; done;',
        "awk -v", QuoteString(f"name={domain}"), "-v", QuoteString(f"mark={HOSTS_MARK} "),
        """'{ found = ours = index($0, mark) > 1; split($0, said, "#"); n = split(said[1], word, " ");""",
        "for (i = 2; i <= n; i++) if (tolower(word[i]) == name) found = 1;",
        """if (found) print (ours ? "ours=" : "hosts=") NR " " $0 }' /etc/hosts;""",
    ]  # fmt: skip


def read(values: Mapping[str, list[str]]) -> Way:
    """What the answer says of it.

    + values: of each tag
    """
    lines = [
        HostsLine(int(number), text, ours)
        for tag, ours in (("ours", True), ("hosts", False))
        for number, text in (line.split(" ", 1) for line in values.get(tag, []))
        if text.strip()
    ]
    return Way(tuple(dict.fromkeys(values.get("resolved", []))), tuple(sorted(lines, key=lambda x: x.number)))


def _containerd() -> Bits:
    """containerd's own reading of its file, with what it imports; 1.x has no dump without a file."""
    return [
        "if command -v containerd >/dev/null; then",
        # `argv[]=/usr/bin/containerd --config FILE ;` of a unit that names another file
        "c=$(systemctl show -p ExecStart containerd 2>/dev/null |",
        r"sed -n 's/.*argv\[\]=[^;]* \(-c\|--config\)[ =]\([^ ;]*\).*/\2/p');",
        'c=${c:-/etc/containerd/config.toml}; echo "config=$c"; how=default;',
        '[ ! -e "$c.breakwater" ] || echo interrupted=yes;',
        '[ ! -e "$c" ] || { how=dump; echo there=yes;',
        r"""sed -n 's/^version *= */file_version=/p; /^ *config_path *=[^#]*:/s/.*/list=yes/p' "$c"; };""",
        f'd=$(containerd -c "$c" config $how 2>/dev/null | awk \'{_DUMP}\'); echo "$d";',
        r"""p=$(echo "$d" | sed -n 's/^config_path=//p');""",
        'case $p in *:*) echo "release=$(containerd --version)";; esac;',
        f'p=$(echo "${{p:-{CERTS}}}" | tr : " "); fi;',
    ]  # fmt: skip


def _files(registry: str) -> Bits:
    """Every file of ours there may be, each one's for this registry, and whether Docker Hub has a mirror.

    containerd takes HOST_PORT_ for HOST:PORT, and before it.
    """
    name, _, port = registry.partition(":")
    alias = f"{name}_{port}_" if port else registry
    return [
        StringCommand("r=", QuoteString(registry), " a=", QuoteString(alias), " n=0;", _separator=""),
        "for f in /etc/docker/certs.d/*/ca.crt /etc/containers/certs.d/*/ca.crt",
        '$(for d in $p; do echo "$d/*/ca.crt $d/*/hosts.toml"; done)',
        f"{MIRRORS}/*.conf",
        "/usr/local/share/ca-certificates/breakwater-*.crt",
        "/etc/pki/ca-trust/source/anchors/breakwater-*.crt;",
        'do [ -e "$f" ] || continue;',
        'case $f in */"$r"/*|*/"$a"/*) ;; *) l=; { read -r l <"$f"; } 2>/dev/null;',
        f"case $l in '{MARK} '*) ;;",
        # Somebody's own mirror: that it is there is enough, for it may hold a login.
        f'*) case $f in */{HUB}/hosts.toml) n=$((n+1)); echo "file=$n $f";; esac; continue;; esac;; esac;',
        'n=$((n+1)); echo "file=$n $f";',
        # The bare echo ends a last line that has no newline: it would swallow the next answer.
        'sed "s/^/text=$n /" "$f" 2>/dev/null && echo || echo "error=$f"; done;',
    ]  # fmt: skip


def _stored(anchor: str) -> Bits:
    if not anchor:
        return []
    return [
        "grep -qxsF -e", QuoteString(anchor),
        "/etc/ssl/certs/ca-certificates.crt /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "&& echo stored=yes;",
    ]  # fmt: skip


def _texts(files: list[str], lines: list[str]) -> dict[str, str]:
    """path -> text, of numbered files and lines; a path named twice (a list that repeats one) counts once."""
    paths = dict(line.split(" ", 1) for line in files)
    texts = dict.fromkeys(paths, "")
    for line in lines:
        number, _, text = line.partition(" ")
        texts[number] += f"{text}\n"
    return {path: texts[number] for number, path in paths.items()}


def _config(values: Mapping[str, list[str]]) -> Containerd | None:
    if not values.get("dump"):
        return None
    release = "".join(values.get("release", [])).split()
    number = next((word.lstrip("v") for word in release if word.lstrip("v")[:1].isdigit()), "")
    return Containerd(
        file=values["config"][0],
        version=int(values["dump"][0]),
        file_version=int((values.get("file_version") or ["0"])[0].split()[0]),
        there="there" in values,
        cri="cri" not in values,
        config_path="".join(values.get("config_path", [])[:1]),
        list_written="list" in values,
        local_pull="local_pull" in values,
        release=tuple(int(part) for part in number.split(".")[:2] if part.isdigit()),
        old=tuple(values.get("old", [])),
        interrupted="interrupted" in values,
    )
