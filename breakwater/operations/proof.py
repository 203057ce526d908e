"""Proves each export by mounting it and each storage class by using it, on the nodes and the storage host."""

from collections.abc import Callable

from pyinfra import host, state
from pyinfra.api import QuoteString, StringCommand, operation

from breakwater import mounts
from breakwater import proof as proofs
from breakwater.cluster import ClusterAccess
from breakwater.commands import Commands, attempt
from breakwater.mounts import ANY_FILE, MountProof
from breakwater.proof import ANY_CLAIM, FILE, Proof
from breakwater.settings import Export
from breakwater.survey import Survey

# What a node runs, before a line for each export. Every step has its limit, since whoever waits for a
# server that went away may wait for ever. A folder in /run is root's own, and gone with the next boot.
_PROVE = r"""export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
limited() { # SECONDS STEP HINT COMMAND...
    seconds=$1 step=$2 hint=$3
    shift 3
    said=$(timeout -k 5 "$seconds" "$@" 2>&1 >/dev/null) && return
    case $? in 124|137) said="not done after $seconds s" ;; esac
    echo "$source: $step: ${said##*: }; $hint" >&2
    bad=1
    return 1
}
reach() { # SERVER NODE
    source=$1 who=$2
    limited 5 'port 2049' 'on the storage host, see: systemctl status nfs-server' \
        bash -c '</dev/tcp/"$0"/2049' "$1"
}
prove() { # SOURCE OPTIONS list|look|write|leave FILE TEXT
    source=$1 file=$d/$4
    # A server that knew the disk as not mounted (mp=) asks again only after 120 s.
    limited 150 mount "on the storage host, exportfs -s must show it for $who" \
        mount -t nfs -o "$2" "$1" "$d" || return
    case $3 in
    list) limited 30 list 'see its mode and owner on the storage host' ls -A "$d" ;;
    look) limited 30 look 'see dmesg, and that of the storage host' stat -f "$d" ;;
    *)
        # Longer than the 90 s for which a server that has just started lets nobody make a file.
        # -C here, -h below: where others may write too, nothing is led to a file of this node's.
        limited 120 write "on the storage host, exportfs -s must say rw for $who, and df some room" \
            sh -C -c 'echo "$2" >"$1" && sync "$1"' - "$file" "$5" &&
            owned 999 && owned 10000 && [ "$3" = leave ] ||
            timeout -k 5 30 rm -f "$file"
        ;;
    esac
    timeout -k 5 30 umount "$d" 2>/dev/null || umount -l "$d"
}
owned() { # ID: Harbor's database runs as 999, the rest of it as 10000
    limited 30 "chown to $1" \
        "on the storage host, exportfs -s must say no_root_squash,no_all_squash for $who" \
        sh -c 'chown -h "$2" "$1" && is=$(stat -c %u:%g "$1") || exit
            [ "$is" = "$2" ] || { echo "it belongs to $is" >&2; exit 1; }' - "$file" "$1:$1"
}
gone() {
    for d in /run/breakwater-proof.*; do
        [ ! -d "$d" ] || { umount -l "$d"; rmdir "$d"; } 2>/dev/null
    done
}
bad=0
gone # what a proof that was killed left
trap gone EXIT
trap 'exit 1' HUP INT TERM
d=$(mktemp -d /run/breakwater-proof.XXXXXXXX) || exit 1"""
# What the storage host runs, before a line for each file that waits there.
_SEEN = r"""seen() { # FILE TEXT NODE
    is=$(stat -c %u:%g "$1" 2>/dev/null) && [ "$(cat "$1")" = "$2" ] || is=
    case $is in
    10000:10000) return ;;
    '') said="what $3 wrote is not here; is this the host behind storage_address, and this directory on \
the exported disk?" ;;
    *) said="$3 gave it to 10000:10000, and here it is $is's; exportfs -s must say no_root_squash and \
no_all_squash for $3" ;;
    esac
    echo "$1: $said" >&2
    bad=1
}
bad=0"""


@operation()
def mount_and_write(
    due: Callable[[], bool],
    proof: MountProof,
    exports: list[Export],
    survey: Survey,
    server: str,
    storage_looks: bool = True,
) -> Commands:
    """This node mounts every export that it may, writes as root, gives the file to Harbor's users, unmounts.

    + due: whether this run owes a proof, asked when it has come here
    + exports: all of them
    + survey: from where this node reaches the storage host
    + server: the storage host's address, as nodes know it
    + storage_looks: the storage host is in this run: it looks for the files, and removes them
    """
    addresses = survey.addresses.get(host.name, ())
    mine = [export for export in exports if mounts.may_mount(export, host.name, addresses)]
    if not (mine and due()):
        host.noop("nothing changed since the last proof" if mine else "no export is for this node")
        return
    written = [export.path for export in mine if mounts.tries(export) == "write"]
    if state.is_executing:
        proof.begun = True
    who = f"{host.name} ({', '.join(addresses)})"
    lines = [_prove(export, server, proof.file(host.name), storage_looks) for export in mine]
    reach = StringCommand("reach", QuoteString(server), QuoteString(who), "|| exit 1")
    yield StringCommand(_PROVE, reach, *lines, "exit $bad", _separator="\n")
    # pyinfra asks for what follows only when the command has succeeded.
    if state.is_executing and storage_looks:
        proof.written += [(host.name, path) for path in written]


@operation()
def seen_from_nodes(proof: MountProof, exports: list[Export]) -> Commands:
    """What the nodes wrote is here, Harbor's now, and removed; so is what killed proofs left.

    + exports: all of them
    """
    if not (state.is_executing and proof.begun):
        return
    seen = [
        StringCommand(
            "seen", *map(QuoteString, (f"{path}/{proof.file(node)}", mounts.text(node, path), node))
        )
        for node, path in proof.written
    ]
    gone = StringCommand(
        "find", *(QuoteString(export.path) for export in exports),
        "-mindepth 1 -maxdepth 1 -type f -name", QuoteString(ANY_FILE), "-delete || bad=1",
    )  # fmt: skip
    yield StringCommand(_SEEN, *seen, gone, "exit $bad", _separator="\n")


@operation()
def write_and_read(
    due: Callable[[], bool], proof: Proof, access: ClusterAccess, namespace: str, image: str, timeout: int
) -> Commands:
    """A claim of the class is Bound, a pod writes to it, pods on the other nodes read it.

    + due: whether this run owes a proof, asked when it has come here
    + namespace: of the claim and the pods
    + image: has /bin/sh
    + timeout: seconds for each step
    """
    if not due():
        host.noop("nothing changed since the last proof")
        return
    yield from attempt(proofs.write_and_read, proof, access, namespace, image, timeout)


@operation()
def seen_on_storage(proof: Proof, export: str) -> Commands:
    """The file that a pod wrote is in the export's directory on the storage host.

    + export: the directory
    """
    if not (state.is_executing and proof.written):
        return
    yield StringCommand(
        "find", QuoteString(export), "-mindepth 2 -maxdepth 2 -path", QuoteString(f"*{proof.claim}*/{FILE}"),
        "-exec grep -q -x -F", QuoteString(proof.token), "{} ';' -print | grep -q . ||",
        "{ echo", QuoteString(f"{export}: the file that a pod wrote is not here; is this the host behind"
                              " storage_address, and this directory on the exported disk?"), ">&2; exit 1; }",
    )  # fmt: skip


@operation()
def remove(proof: Proof, access: ClusterAccess, namespace: str, timeout: int) -> Commands:
    """The proof's claim, volume and pods are gone. Runs even when the storage host did not see the file."""
    if state.is_executing and proof.written:
        yield from attempt(proofs.remove, proof, access, namespace, timeout)


@operation()
def remove_directory(proof: Proof, export: str) -> Commands:
    """The proof's directory is gone too: the provisioner keeps an archive of what a claim leaves.

    So are those of proofs that were killed: one run at a time, so they are nobody's any more.

    + export: the directory that holds it
    """
    if not (state.is_executing and proof.written):
        return
    yield StringCommand(
        "find", QuoteString(export), "-mindepth 1 -maxdepth 1 -type d",
        "-name", QuoteString(f"*-{ANY_CLAIM}-*"),
        "-exec rm -rf -- {} +",
    )  # fmt: skip


def _prove(export: Export, server: str, file: str, storage_looks: bool) -> StringCommand:
    """The line for one export.

    + file: its name
    + storage_looks: what was written is left for the storage host
    """
    tries = mounts.tries(export)
    words = [
        mounts.source(server, export.path),
        mounts.mount_options(export),
        "leave" if storage_looks and tries == "write" else tries,
        file,
        mounts.text(host.name, export.path),
    ]
    return StringCommand("prove", *map(QuoteString, words))
