"""Harbor's secrets as they shall be, whatever is there already, and what is said of them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import bcrypt

from breakwater import tls
from breakwater.commands import Refusal
from breakwater.harbor import adoption
from breakwater.harbor.admin import AdminPassword
from breakwater.harbor.adoption import Place, Values
from breakwater.harbor.api import CHARTS_PASSWORD, password_fault
from breakwater.harbor.certificates import Certificates
from breakwater.harbor.choices import (
    BOUND,
    DIFFERS,
    LOST,
    MADE,
    SECRETS,
    TAKEN_CLUSTER,
    TO_BASTION,
    TO_CLUSTER,
    TOKEN,
    USER,
    Choice,
    Item,
    choose,
)
from breakwater.harbor.copies import Cluster, Wanted, database_password
from breakwater.secrets import BEFORE, fingerprint, password, read_source

ADMIN_FILE, HTPASSWD_FILE, TOKEN_FILE = "admin_password", "registry_htpasswd", "token.crt"
DRAFTED = (ADMIN_FILE, ADMIN_FILE + BEFORE, HTPASSWD_FILE, TOKEN_FILE)
INITIAL = Place(SECRETS, "HARBOR_ADMIN_PASSWORD")
_HTPASSWD = Place(SECRETS, "REGISTRY_HTPASSWD")
# 2^10 rounds, what Harbor's own tools take; each pull's first call costs the registry that much.
_ROUNDS = 10


@dataclass
class Draft:
    """A plan in the making.

    + files: {name: content} on the bastion
    + secrets: {name: {key: value}} in the cluster
    + said: {how it came: names of secrets}
    """

    wanted: Wanted
    admin: AdminPassword
    files: dict[str, str] = field(default_factory=dict, repr=False)
    secrets: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict), repr=False)
    said: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    database_password: str = field(default="", repr=False)


def draft(
    every: tuple[Item, ...],
    wanted: Wanted,
    held: Mapping[str, str],
    cluster: Cluster,
    signed: Certificates,
    adopt: str,
    now: datetime,
) -> Draft:
    """Decide every secret that is no certificate of the node ports.

    + every: those that both sides keep
    + held: {name: content} of the bastion's files
    + signed: the certificates, as they were decided
    + adopt: which side is right where they differ: `cluster`, `bastion` or empty for neither
    """
    found = Draft(wanted, AdminPassword("", (), ""))
    _other_name(found, cluster.live)
    _shared(found, every, held, cluster, adopt)
    _admin(found, held, cluster)
    if not found.problems:
        _derived(found, held, cluster, now)
    _external(found)
    _say(found, signed, cluster.live)
    return found


def _other_name(draft: Draft, live: Values | None) -> None:
    wanted = draft.wanted
    full = wanted.full if live is None else adoption.fullname(wanted.release, live)
    if full != wanted.full:
        draft.problems.append(
            f"{wanted.release}: the release that lives names its objects {full}-…, these settings name them"
            f" {wanted.full}-…, and its data would be left behind; keep its nameOverride and fullnameOverride"
            " in harbor.extra_values"
        )


def _shared(
    draft: Draft, every: tuple[Item, ...], held: Mapping[str, str], cluster: Cluster, adopt: str
) -> None:
    """The secrets that both sides keep."""
    wanted = draft.wanted
    unclear: dict[str, list[str]] = defaultdict(list)
    for item in every:
        ours, key, here = item.place.secret in (SECRETS, TOKEN), item.place.key, held.get(item.name, "")
        there = cluster.used(item.place) if ours else database_password(cluster, wanted.full)
        choice = choose(item, here, there, cluster.database, adopt)
        if choice.problem in (BOUND, DIFFERS):
            prints = f"this machine {fingerprint(item.tidy(here))}, cluster {fingerprint(item.tidy(there))}"
            unclear[choice.problem].append(f"{key} ({prints})")
        elif choice.problem:
            lost = _lost(item, wanted, cluster.database) if choice.problem == LOST else choice.problem
            draft.problems.append(lost)
        draft.files[item.name] = choice.value
        if ours:
            draft.secrets[item.place.secret][key] = choice.value
        else:
            draft.database_password = choice.value
        _note(draft, item, choice, ours, cluster)
    if unclear[DIFFERS]:
        draft.problems.append(
            f"the two copies of {', '.join(unclear[DIFFERS])} differ; run again with"
            " `--data adopt_secrets=cluster` when the running Harbor is right, or `=bastion`"
        )
    if unclear[BOUND]:
        draft.problems.append(
            f"the two copies of {', '.join(unclear[BOUND])} differ, and with a database there"
            f" ({cluster.database}) the cluster's are right; run again with `--data adopt_secrets=cluster`"
        )


def _note(draft: Draft, item: Item, choice: Choice, ours: bool, cluster: Cluster) -> None:
    """What is said of a choice."""
    key = item.place.key
    if ours and cluster.adopted(item.place) and choice.how in ("", TO_BASTION, TAKEN_CLUSTER):
        draft.said["adopted from the running Harbor"].append(key)
    elif choice.how and not (choice.how == TO_CLUSTER and not ours):  # the database's own is Helm's to write
        draft.said[choice.how].append(key)
    if choice.value and choice.value == adoption.DEFAULTS.get(key):
        draft.warnings.append(
            f"{key}: kept, and it is the chart's own, which everybody knows; see docs/secrets.md"
        )


def _lost(item: Item, wanted: Wanted, database: str) -> str:
    """Why a run cannot go on without a secret, and every way to have it back."""
    path, kubectl = wanted.folder / item.name, f"kubectl --namespace {wanted.namespace}"
    hangs = (
        "what Harbor stored encrypted with it (passwords of other registries, LDAP and OIDC, users' CLI"
        " secrets) cannot be read without it"
        if item.place.key == "secretKey"
        else "Harbor cannot open the database without it"
    )
    claim = database.rpartition("/")[2]
    given_up = f", or, when all of Harbor's data may go, `{kubectl} delete pvc {claim}`"
    return (
        f"{item.place.key}: LOST: neither {wanted.folder} nor the cluster has it, and a database is there"
        f" ({database}): {hangs}, so that nothing was changed; write it into {path} (mode 600) from a backup"
        " of that folder, of etcd, or of the namespace's Secrets (velero); a Harbor installed by hand with"
        f" the chart's defaults had {adoption.DEFAULTS[item.place.key]}"
        f"{given_up if claim.startswith('database-data-') else ''}"
    )


def _admin(draft: Draft, held: Mapping[str, str], cluster: Cluster) -> None:
    """The administrator's password: Harbor reads our Secret at its first start, later ones go by its API."""
    wanted = draft.wanted
    initial, kept = cluster.at(INITIAL), held.get(ADMIN_FILE, "")
    given = _source(draft, wanted.admin_password) if wanted.admin_password else ""
    known = [kept, held.get(ADMIN_FILE + BEFORE, ""), initial, cluster.used(INITIAL)]
    best = (
        given or kept or next((old for old in known[2:] if old and not password_fault(old)), "") or password()
    )
    home = wanted.admin_password or str(wanted.folder / ADMIN_FILE)
    if fault := password_fault(best):
        draft.problems.append(f"{home}: the administrator's password {fault}; put another one there")
    if not kept:
        draft.files[ADMIN_FILE] = best
    draft.secrets[INITIAL.secret][INITIAL.key] = initial if initial not in ("", CHARTS_PASSWORD) else best
    earlier = tuple(dict.fromkeys(old for old in known if old and old != best))
    draft.admin = AdminPassword(best, earlier, home)


def _derived(draft: Draft, held: Mapping[str, str], cluster: Cluster, now: datetime) -> None:
    """What follows from a secret: the copy that fits it, the cluster's first, else a new one."""
    word, key = draft.secrets[SECRETS]["REGISTRY_PASSWD"], draft.secrets[TOKEN]["tls.key"]
    lines = (cluster.used(_HTPASSWD), cluster.at(_HTPASSWD), held.get(HTPASSWD_FILE, ""))
    line = next((text for text in lines if _fits(text, word)), "")
    if not line:
        salt = bcrypt.gensalt(_ROUNDS, prefix=b"2a")
        line = f"{USER}:{bcrypt.hashpw(word.encode(), salt).decode()}"
    place = Place(TOKEN, "tls.crt")
    copies = (cluster.used(place), cluster.at(place), held.get(TOKEN_FILE, ""))
    certificate = next((text for text in copies if tls.belongs(text, key)), "")
    certificate = tls.tidy(certificate or tls.token_certificate(key, now))
    draft.secrets[_HTPASSWD.secret][_HTPASSWD.key] = draft.files[HTPASSWD_FILE] = line
    draft.secrets[place.secret][place.key] = draft.files[TOKEN_FILE] = certificate


def _fits(htpasswd: str, word: str) -> bool:
    """Whether a line for Harbor's own user has this password, by bcrypt: the registry knows nothing else."""
    for line in htpasswd.splitlines():
        user, _, hashed = line.strip().partition(":")
        if user == USER and hashed.startswith(("$2a$", "$2b$", "$2y$")):
            try:
                return bcrypt.checkpw(word.encode(), hashed.encode())
            except ValueError:
                return False
    return False


def _external(draft: Draft) -> None:
    """What others' services want: the settings' sources are right, whatever the cluster has."""
    for secret, keys in draft.wanted.plain.items():
        draft.secrets[secret].update(keys)
    for secret, sources in draft.wanted.external.items():
        for key, source in sources.items():
            draft.secrets[secret][key] = _source(draft, source)


def _source(draft: Draft, source: str) -> str:
    try:
        return read_source(source)
    except Refusal as refusal:
        draft.problems.append(str(refusal))
        return ""


def _say(draft: Draft, signed: Certificates, live: Values | None) -> None:
    """Lines and warnings: one for a first start, else one for each thing that happened."""
    folder = draft.wanted.folder
    if live is None and set(draft.said) == {MADE} and signed.made:
        draft.lines.append(f"secrets: made for the first start; back {folder} up")
    else:
        draft.lines += [f"{', '.join(keys)}: {how}" for how, keys in draft.said.items()]
    if signed.made and not signed.lines:
        draft.lines.append(f"CA: made; whoever uses the registry must trust {folder / 'ca.crt'}")
    draft.lines += signed.lines
    draft.warnings += signed.warnings
    draft.problems += signed.problems
