"""The shell words that make a proxy ready for a change: its ground, and what is new, staged and judged."""

from collections.abc import Iterable

from pyinfra.api import QuoteString, StringCommand

from breakwater.proxy.plan import DIRECTORY, LIBRARY, LOCK, SECRETS, USER, mode, sha256

NEW = f"{DIRECTORY}.new"
NEW_BINARY = f"{LIBRARY}/new/envoy"
# All files as one, that Envoy judges.
FLAT = "flat.yaml"
# How people see that whoever held the lock is gone.
UNTIL_FREE = f"run again when `lslocks` does not list {LOCK} any more"
# Seconds that Envoy may take to judge its files.
_JUDGING = 120
# What Envoy could not read it prints whole, private keys too, and at any length.
WITHOUT_SECRETS = (
    r"sed -e 's/): {.*/)/' -e 's/-----BEGIN .*/(left out)/' -e '/^[A-Za-z0-9+\/=]\{48,\}$/d' | cut -c1-900"
)


def alone(limit: int) -> StringCommand:
    """Words after which no other run changes Envoy until the command ends, which may be after its own run.

    + limit: seconds to wait for another one
    """
    lock = QuoteString(LOCK)
    why = f"Envoy: another run is still changing it after {limit} s; {UNTIL_FREE}"
    return StringCommand(
        "exec 9>", lock, "&& flock -w", str(limit), "9 || { echo", QuoteString(why), ">&2; exit 1; }",
    )  # fmt: skip


def user() -> StringCommand:
    """Envoy's own user and group."""
    name = QuoteString(USER)
    return StringCommand(
        "export PATH=$PATH:/usr/sbin:/sbin;",
        "{ getent group", name, ">/dev/null || groupadd --system", name, "; }",
        "&& useradd --system --gid", name, "--no-create-home --home-dir /nonexistent",
        "--shell /usr/sbin/nologin", name,
    )  # fmt: skip


def directories() -> StringCommand:
    """What is below sds/ only root and Envoy read."""
    return StringCommand(
        "install -d -m 755 -o root -g root /etc/breakwater",
        *map(QuoteString, (DIRECTORY, f"{DIRECTORY}/xds", LIBRARY)),
        "&& install -d -m 750 -o root -g", QuoteString(USER), QuoteString(f"{DIRECTORY}/sds"),
    )  # fmt: skip


def private(*folders: str) -> StringCommand:
    """Empty ones, that only root writes and Envoy reads."""
    return StringCommand(
        "rm -rf --", *map(QuoteString, folders),
        "&& install -d -m 750 -o root -g", QuoteString(USER), *map(QuoteString, folders),
    )  # fmt: skip


def arrived(digest: str) -> StringCommand:
    """The uploaded binary is the one that was sent.

    + digest: its sha256
    """
    file = QuoteString(NEW_BINARY)
    return StringCommand(
        "chown root:root", file, "&& chmod 755", file, "&&", *_is(digest, file),
        "|| { rm -f", file,
        "; echo 'Envoy: its binary did not arrive whole; is the disk full?' >&2; exit 1; }",
    )  # fmt: skip


def stage(path: str, text: str) -> StringCommand:
    """A file that is not in place yet. On stdin: arguments show in the process list.

    + path: below NEW
    """
    file, owner_mode = QuoteString(f"{NEW}/{path}"), mode(SECRETS if path == FLAT else path)
    said = QuoteString(f"{path}: not written whole; is the disk full?")
    return StringCommand(
        "umask 077; cat >", file, "&& chown", owner_mode[0], file, "&& chmod", owner_mode[1], file,
        "&&", *_is(sha256(text), file),
        "|| { rm -rf --", QuoteString(NEW), "; echo", said, ">&2; exit 1; }",
        _stdin=text,
    )  # fmt: skip


def judge(binary: str) -> StringCommand:
    """Envoy reads all of it as it would at a start, with no more rights; it opens no port.

    + binary: the one that will serve it
    """
    name, flat, new = QuoteString(USER), QuoteString(f"{NEW}/{FLAT}"), QuoteString(NEW)
    return StringCommand(
        alone(_JUDGING), "; said=$(cd / && timeout", str(_JUDGING),
        "setpriv --reuid", name, "--regid", name, "--clear-groups --no-new-privs", QuoteString(binary),
        "--mode validate --disable-hot-restart --log-level error -c", flat, "2>&1) && rm -f", flat,
        "|| { printf 'Envoy refuses these files, so none was changed: %s\\n' \"$said\" |",
        WITHOUT_SECRETS, ">&2; rm -rf --", new, "; exit 1; }",
    )  # fmt: skip


def remove(paths: Iterable[str]) -> StringCommand:
    """What a killed run left, or the settings do not name any more."""
    return StringCommand("rm -rf --", *map(QuoteString, paths))


def _is(digest: str, file: QuoteString) -> list[str | QuoteString]:
    return ['[ "$(sha256sum <', file, ')" = ', QuoteString(f"{digest}  -"), "]"]
