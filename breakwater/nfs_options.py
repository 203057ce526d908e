"""The options of exports(5) and of nfs(5): which there are, which exclude each other, what counts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from breakwater.problems import Fault, did_you_mean

# What every export gets unless its settings say otherwise.
# sync: the server answers when the data is on its disk; no_root_squash: the provisioner and
# Harbor's containers make directories as root and give them to their own users;
# no_subtree_check: exports(5) advises it, since renamed files break open handles otherwise.
DEFAULTS = ("rw", "sync", "no_subtree_check", "no_root_squash")

# Words of which one export has exactly one; the first is nfs-utils' own default (exports(5), 2.6 to 2.8).
_CHOICES = (
    ("ro", "rw"),
    ("sync", "async"),
    ("no_subtree_check", "subtree_check"),
    ("root_squash", "no_root_squash"),
    ("no_all_squash", "all_squash"),
    ("secure", "insecure"),
    ("wdelay", "no_wdelay"),
    ("hide", "nohide"),
    ("nocrossmnt", "crossmnt"),
)
# Words with a value, and what counts when they are not written.
_VALUED = {"sec": "sys", "anonuid": "65534", "anongid": "65534", "fsid": "", "mountpoint": ""}
_WORDS = [word for choice in _CHOICES for word in choice]
_FLAVOURS = {"sys", "krb5", "krb5i", "krb5p"}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_VERSIONS = ("4", "4.0", "4.1", "4.2")
# What nfs(5) and mount(8) know and a volume can want, each with what follows its name.
_NUMBER = "=[0-9]{1,9}"
_MOUNT = {
    **dict.fromkeys(("nfsvers", "vers"), "=.*"),
    **dict.fromkeys(("hard", "noatime", "relatime", "nodiratime", "noexec", "nosuid", "nodev", "noac"), ""),
    **dict.fromkeys(("rsize", "wsize", "timeo", "retrans", "actimeo", "acregmin", "acregmax"), _NUMBER),
    **dict.fromkeys(("acdirmin", "acdirmax"), _NUMBER),
    "nconnect": "=([1-9]|1[0-6])",
    "proto": "=tcp6?",
    "sec": "=(sys|krb5|krb5i|krb5p)",
    "lookupcache": "=(all|none|pos|positive)",
    "local_lock": "=(all|none|flock|posix)",
}


def checked_option(word: str) -> str:
    """The option as it may stand in the settings. Raises Fault."""
    name, equals, value = word.partition("=")
    if name in ("mp", "mountpoint"):
        raise Fault("is found out by breakwater", "to say it yourself, use the export's key mountpoint")
    if word in _WORDS:
        return word
    if name not in _VALUED or not equals:
        known = [*_WORDS, *(f"{valued}=" for valued in _VALUED if valued != "mountpoint")]
        raise Fault("is no option of exports(5) that breakwater knows", did_you_mean(word, known))
    if name == "sec":
        _check_flavours(value.split(":"))
    if name in ("anonuid", "anongid") and not re.fullmatch(r"0|[1-9][0-9]{0,8}", value):
        raise Fault("must be a number", f"such as '{name}=65534'")
    if name == "fsid":
        _check_fsid(value)
    return word


def checked_options(words: Sequence[str]) -> Sequence[str]:
    """All options of one export: none twice, none against another. Raises Fault."""
    taken: dict[str, str] = {}
    for word in words:
        family = _family(word)
        if family in taken:
            raise Fault(f"has {taken[family]!r} and {word!r}", "keep one of them")
        taken[family] = word
    return words


def checked_mount_option(option: str) -> str:
    """An option of nfs(5) as it may stand in the settings; vers= becomes nfsvers=. Raises Fault."""
    name, _, value = option.partition("=")
    if name in ("soft", "softerr"):
        raise Fault("turns a server's reboot into broken files", "use 'hard', the default")
    if name in ("nfsvers", "vers"):
        if value not in _VERSIONS:
            raise Fault("is no version that breakwater serves", f"known are {', '.join(_VERSIONS)}")
        return f"nfsvers={value}"
    limit = _MOUNT.get(name)
    if limit is None:
        raise Fault("is no option of nfs(5) that breakwater knows", did_you_mean(name, _MOUNT))
    if not re.fullmatch(limit, option.removeprefix(name)):
        raise Fault("has a value that nfs(5) does not allow")
    return option


def checked_mount_options(options: Sequence[str]) -> Sequence[str]:
    """All options of one mount: none twice. Raises Fault."""
    names = [option.partition("=")[0] for option in options]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise Fault(f"has {twice!r} twice", "keep one of them")
    return options


def complete(words: Iterable[str], mountpoint: str = "") -> tuple[str, ...]:
    """The options as they stand in the exports file: those of the settings, then the defaults they leave.

    + mountpoint: the kernel exports only while something is mounted there; empty for none
    """
    chosen = {_family(word): word for word in (*DEFAULTS, *words)}
    return (*chosen.values(), *([f"mp={mountpoint}"] if mountpoint else []))


def meaning(words: Iterable[str]) -> dict[str, str]:
    """What a list of options comes to, so that two can be compared: the kernel's table spells all out.

    Words that are not known here, which newer nfs-utils may print, count for nothing.
    """
    found = {choice[0]: choice[0] for choice in _CHOICES} | _VALUED
    for word in words:
        name, _, value = word.partition("=")
        name = "mountpoint" if name == "mp" else name
        if name in _VALUED:
            found[name] = value
        elif word in _WORDS:
            found[_family(word)] = word
    return found


def shown_meaning(words: Collection[str]) -> dict[str, str]:
    """What a line of exportfs -s comes to: it says every word that counts but subtree_check."""
    return meaning(words if "no_subtree_check" in words else [*words, "subtree_check"])


def _family(word: str) -> str:
    name = word.partition("=")[0]
    return next((choice[0] for choice in _CHOICES if name in choice), name)


def _check_flavours(flavours: Sequence[str]) -> None:
    if not set(flavours) <= _FLAVOURS:
        raise Fault("names an unknown security", f"known are {', '.join(sorted(_FLAVOURS))}, joined by ':'")
    if len(set(flavours)) < len(flavours):
        raise Fault("names one security twice", f"write 'sec={':'.join(dict.fromkeys(flavours))}'")


def _check_fsid(value: str) -> None:
    if value in ("0", "root"):
        # It becomes the root of NFSv4's tree: clients would find every export under another path.
        raise Fault("would make this export the root of all others", "give a number from 1, or a UUID")
    number = re.fullmatch(r"[1-9][0-9]{0,9}", value)
    # The kernel takes larger ones, and exportfs -s shows them as negative: a difference for ever.
    if not (number and int(value) < 2**31) and not _UUID.fullmatch(value):
        raise Fault("must be a number from 1 to 2147483647, or a UUID in lower case")
