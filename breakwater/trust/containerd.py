"""containerd's configuration: whether it looks for our files, and the commands that make it do so."""

from __future__ import annotations

from pyinfra.api import QuoteString, StringCommand

from breakwater.facts.trust import CERTS, PLACES, REGISTRY, Containerd

# The file may hold passwords of registries: it is changed where it is, and never shown. A file of our own
# among its imports would not do: up to 2.2 it replaces the whole table of the plugin, and what stands there
# already (sandbox_image, SystemdCgroup) is lost without a word.
_SHELL = rf"""export LC_ALL=C PATH=$PATH:{PLACES}
give_up() {{
    echo "$1" >&2
    rm -f "$c.new"
    exit 1
}}
asked() {{ containerd -c "$1" config dump 2>/dev/null; }}
path_in() {{ asked "$1" | awk '{REGISTRY}'; }}
others_in() {{ asked "$1" | grep -v '^ *\(imports\|config_path\) *='; }}
restart() {{ # a plugin that refuses its table keeps containerd from nothing: it is just not there
    systemctl restart containerd || return
    for i in 1 2 3 4 5 6 7 8 9 10; do
        ctr plugins ls | awk '$2 == "cri" {{ s = $NF }} END {{ exit s != "ok" }}' && return
        sleep 1
    done
    return 1
}}
take() {{
    if restart; then
        rm -f "$c.breakwater"
        return
    fi
    if [ -s "$c.breakwater" ]; then mv -T "$c.breakwater" "$c"; else rm -f "$c" "$c.breakwater"; fi
    systemctl restart containerd
    give_up "containerd did not take its new configuration; the former one is back: journalctl -u containerd"
}}
change() {{
    mkdir -p "${{c%/*}}"
    from=/dev/null first="version = $v"
    # with its mode, owner and label
    [ ! -e "$c" ] || {{ cp -aLT "$c" "$c.new" && from=$c; }} || give_up "$c.new cannot be written"
    ! grep -qs '^[ 	]*[^# 	]' "$c" || first=
    awk -v first="$first" -v table="$t" -v path="$d" '
        function line() {{ print "  config_path = \"" path "\" # breakwater" }}
        BEGIN {{ if (first != "") print first }}
        /^[ \t]*\[/ {{
            here = $0; sub(/#.*/, "", here); gsub(/[][ \t"\047]/, "", here)
            ours = here == "plugins." table ".registry"
        }}
        ours && /^[ \t]*config_path[ \t]*=/ {{ next }}
        {{ print }}
        ours && /^[ \t]*\[/ {{ line(); done = 1 }}
        END {{ if (!done) {{ print "[plugins.\"" table "\".registry] # breakwater"; line() }} }}
    ' "$from" >"$c.new" || give_up "$c.new cannot be written"
    [ "$(path_in "$c.new")" = "config_path=$d" ] &&
        {{ [ "$from" != "$c" ] || [ -n "$first" ] || [ "$(others_in "$c")" = "$(others_in "$c.new")" ]; }} ||
        give_up "$c: containerd does not read config_path from there, or something else differently then \
(a file among its imports replaces the whole table, or the table has a form that breakwater does not \
know); write it yourself, in [plugins.\"$t\".registry]: config_path = \"$d\", and restart containerd"
    if [ ! -e "$c.breakwater" ]; then
        if [ -e "$c" ]; then cp -aLT "$c" "$c.breakwater"; else : >"$c.breakwater"; fi
    fi && mv -T "$c.new" "$c" || give_up "$c cannot be written"
    take
}}"""


def root_of(config: Containerd | None) -> str:
    """The folder in which it looks for hosts.toml, or shall look: the first of several.

    + config: None: no kubelet's, or not known
    """
    return CERTS if config is None or _missing(config) else config.config_path.split(":")[0] or CERTS


def why_not(config: Containerd) -> str:
    """Why it cannot be made to look anywhere, and what to do; empty when it can."""
    if not config.cri:
        return ""
    paths = config.config_path.split(":")
    if config.old and not config.config_path:
        return (
            f"{config.file}: has {', '.join(config.old)} in the old form, which excludes config_path; move"
            f" each to {CERTS}/NAME/hosts.toml as docs/trust.md shows, and remove it there"
        )
    if _is_lost(config) and config.list_written:
        release = ".".join(map(str, config.release))
        return (
            f"{config.file}: config_path names several folders, and containerd {release} looks in none of"
            " them when it pulls by its transfer service (its issue 12415); write"
            f' config_path = "{paths[0]}", or use_local_image_pull = true'
        )
    if config.config_path and not all(path.startswith("/") and path.isprintable() for path in paths):
        return f"{config.file}: config_path {config.config_path!r} is no list of absolute folders"
    if set(config.config_path) & set(" \t*?["):
        return (
            f"{config.file}: config_path {config.config_path!r} has characters that breakwater does not write"
        )
    return ""


def commands(config: Containerd) -> list[StringCommand]:
    """config_path, only where there is none; containerd restarts only then, and running pods go on."""
    if not config.cri or not (_missing(config) or config.interrupted):
        return []
    # A table is named as the file's own version has it.
    version = config.file_version or config.version
    table = "io.containerd.cri.v1.images" if version >= 3 else "io.containerd.grpc.v1.cri"
    return [
        StringCommand(
            _SHELL,
            StringCommand("c=", QuoteString(config.file), _separator=""),
            StringCommand("d=", QuoteString(root_of(config)), _separator=""),
            f"v={version} t={table}",
            "change" if _missing(config) else "take",
            _separator="\n",
        )
    ]


def _missing(config: Containerd) -> bool:
    return config.cri and (not config.config_path or _is_lost(config))


def _is_lost(config: Containerd) -> bool:
    """Since 2.1 the transfer service takes a list for the name of one folder; 2.2's own default is a list."""
    return ":" in config.config_path and config.release >= (2, 1) and not config.local_pull
