"""Proves each storage class by using it, from the nodes and on the storage host."""

from collections.abc import Callable

from pyinfra import host, state
from pyinfra.api import QuoteString, StringCommand, operation

from breakwater import proof as proofs
from breakwater.cluster import ClusterAccess
from breakwater.commands import Commands, attempt
from breakwater.proof import ANY_CLAIM, FILE, Proof


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
