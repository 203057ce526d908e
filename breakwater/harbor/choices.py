"""Which of two copies of a secret is right: the one on the bastion or the one in the cluster.

Nothing here reads or writes: it is told what is where.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from breakwater import secrets, tls
from breakwater.harbor.adoption import Place

SECRETS, TOKEN, TLS, CA = "harbor-secrets", "harbor-token", "harbor-tls", "harbor-ca"
USER = "harbor_registry_user"
# bcrypt reads no further, and Go's refuses more.
_LONGEST_PASSWORD = 72


@dataclass(frozen=True)
class Item:
    """A secret that is made once and kept on both sides.

    + name: of its file on the bastion
    + place: where it is in the cluster
    + bound: what the database holds hangs on it, so that it cannot be made anew
    + tidy: its one form, in which two copies can be compared
    """

    name: str
    place: Place
    make: Callable[[], str]
    fault: Callable[[str], str]
    bound: bool = False
    tidy: Callable[[str], str] = str


def items(database: Place | None) -> tuple[Item, ...]:
    """Every such secret, certificates and what follows from another one aside.

    + database: where the internal database's password is in the cluster; None for an external one
    """

    def of(key: str) -> Place:
        return Place(SECRETS, key)

    def sixteen() -> str:
        return secrets.letters(16)

    # AES takes no other key; the chart asks for 16.
    found = [
        Item("secret_key", of("secretKey"), sixteen, _length(16, 24, 32), bound=True),
        Item("core_secret", of("secret"), sixteen, _any),
        Item("jobservice_secret", of("JOBSERVICE_SECRET"), sixteen, _any),
        Item("registry_http_secret", of("REGISTRY_HTTP_SECRET"), sixteen, _any),
        Item("csrf_key", of("CSRF_KEY"), lambda: secrets.letters(32), _length(32)),
        Item("registry_password", of("REGISTRY_PASSWD"), lambda: secrets.letters(24), _short),
        Item("token.key", Place(TOKEN, "tls.key"), tls.new_token_key, _token_key, tidy=_one_form),
    ]
    if database:
        found.append(Item("database_password", database, lambda: secrets.letters(24), _any, bound=True))
    return tuple(found)


@dataclass(frozen=True)
class Choice:
    """What a secret shall be, and how that came.

    + how: a heading for what is said of it; empty when both sides have it
    + problem: why there is none
    """

    value: str = field(default="", repr=False)
    how: str = ""
    problem: str = ""


MADE = "made anew, since neither side has it"
TO_BASTION = "restored on this machine from the cluster"
TO_CLUSTER = "restored in the cluster from this machine"
TAKEN_CLUSTER = "the cluster's taken, as adopt_secrets says"
TAKEN_BASTION = "this machine's taken, as adopt_secrets says"
DIFFERS, BOUND, LOST = "differs", "differs and is bound", "lost"


def choose(item: Item, bastion: str, cluster: str, database: str, adopt: str) -> Choice:
    """Decide one secret.

    + bastion, cluster: its two copies, empty when missing
    + database: where the data is that hangs on bound secrets; empty when there is none
    + adopt: which side is right when they differ: `cluster`, `bastion` or empty for neither
    """
    bound = item.bound and bool(database)
    bastion, cluster = item.tidy(bastion), item.tidy(cluster)
    here, there = f"the file {item.name} on this machine", f"Secret {item.place.secret}"
    for at, other, value in ((here, "the cluster's", bastion), (there, "this machine's", cluster)):
        fault = item.fault(value) if value else ""
        if fault and bound:
            fix = f"put the right one there, or remove it to take {other}"
            return Choice(problem=f"{item.place.key} in {at} {fault}; {fix}")
    bastion, cluster = _usable(item, bastion), _usable(item, cluster)
    if not bastion and not cluster:
        return Choice(problem=LOST) if bound else Choice(item.make(), MADE)
    if not bastion:
        return Choice(cluster, TO_BASTION)
    if not cluster:
        return Choice(bastion, TO_CLUSTER)
    if bastion == cluster:
        return Choice(bastion)
    if adopt == "cluster":
        return Choice(cluster, TAKEN_CLUSTER)
    if bound:
        return Choice(problem=BOUND)
    return Choice(bastion, TAKEN_BASTION) if adopt == "bastion" else Choice(problem=DIFFERS)


def _usable(item: Item, value: str) -> str:
    return value if value and not item.fault(value) else ""


def _any(value: str) -> str:
    return ""


def _length(*allowed: int) -> Callable[[str], str]:
    def fault(value: str) -> str:
        if len(value.encode()) in allowed:
            return ""
        return f"has {len(value.encode())} bytes, not {' or '.join(map(str, allowed))}"

    return fault


def _short(value: str) -> str:
    too_long = len(value.encode()) > _LONGEST_PASSWORD
    return f"is longer than {_LONGEST_PASSWORD} bytes, which bcrypt does not take" if too_long else ""


def _one_form(value: str) -> str:
    return tls.token_key(value) or value


def _token_key(value: str) -> str:
    return "" if tls.token_key(value) else "is no RSA key"
