"""Harbor's secrets, made once: a plan from the bastion's copy and the cluster's, and writing it.

docs/secrets.md says what there is. A plan is made once a run and writes nothing; what it holds of secrets
is kept out of its repr.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from kubernetes import client

from breakwater.cluster import LIMIT, ClusterAccess, api
from breakwater.commands import Refusal
from breakwater.harbor.admin import AdminPassword
from breakwater.harbor.adoption import Place, Values
from breakwater.harbor.certificates import FILES as CERTIFICATES
from breakwater.harbor.certificates import Certificates, certificates
from breakwater.harbor.choices import TLS, items
from breakwater.harbor.copies import OUR_LABEL, Cluster, Wanted, is_ours, look, texts
from breakwater.harbor.draft import ADMIN_FILE, DRAFTED, INITIAL, Draft, draft
from breakwater.secrets import Store, remember


@dataclass(frozen=True)
class Plan:
    """What every secret shall be, and what of that is missing where.

    + lines: what will change, to be said; empty when nothing will
    + warnings: what may be regretted, to be said by every run
    + admin: the administrator's password, as set_admin_password() takes it
    + database_password: of the internal database, for the chart's values; empty for an external one
    + secrets_sha, tls_sha: change when what the pods read from Secrets of ours changes
    + files: {name: content} to be written on the bastion
    + secrets: {name: {key: value}} to be written in the cluster
    """

    wanted: Wanted
    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    admin: AdminPassword
    database_password: str = field(repr=False)
    secrets_sha: str
    tls_sha: str
    files: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, Mapping[str, str]] = field(repr=False)
    seen: Mapping[str, client.V1Secret] = field(repr=False)

    def remember_admin(self, new: str, old: str) -> None:
        """Keep the administrator's new password and the old one on the bastion, before it is changed."""
        remember(Store(self.wanted.folder), ADMIN_FILE, new, old)


def plan(
    access: ClusterAccess,
    wanted: Wanted,
    live: Values | None,
    adopt: str = "",
    new_ca: bool = False,
    now: datetime | None = None,
) -> Plan:
    """Compare both sides, each read once, and decide every secret. Writes nothing.

    + live: the values of the live release, those that are not the chart's own; None without a release
    + adopt: which side is right where they differ: `cluster`, `bastion` or empty for neither
    + new_ca: make another CA and certificate, whatever there is
    + now: with a time zone; this machine's clock by default

    Raises Refusal with every problem, a line each: sides that differ, secrets that are lost while data hangs
    on them, files that others can read, sources that are not there.
    """
    now = now or datetime.now(UTC)
    every = items(Place(f"{wanted.full}-database", "POSTGRES_PASSWORD") if wanted.internal_database else None)
    held = Store(wanted.folder).read(*(item.name for item in every), *DRAFTED, *CERTIFICATES)
    cluster = look(access, wanted, live)
    signed = certificates(wanted, held, cluster, adopt, new_ca, now)
    return _finished(draft(every, wanted, held, cluster, signed, adopt, now), signed, held, cluster, adopt)


def write(plan: Plan, access: ClusterAccess) -> None:
    """Write what is missing: this machine's files first, then the cluster's Secrets.

    Killed anywhere, the next plan goes on from there. Raises Refusal when something cannot be written, or
    somebody changed a Secret since the plan was made.
    """
    store = Store(plan.wanted.folder)
    for name, text in plan.files.items():
        store.write(name, text)
    if not plan.secrets:
        return
    with api(access) as opened:
        core = client.CoreV1Api(opened)
        _make_namespace(core, plan.wanted.namespace)
        for name, keys in plan.secrets.items():
            whole = name in plan.wanted.outside
            _write_secret(core, plan.wanted.namespace, name, keys, plan.seen.get(name), whole)


def _finished(
    draft: Draft, signed: Certificates, held: Mapping[str, str], cluster: Cluster, adopt: str
) -> Plan:
    """What differs from what is there, and the digests. Raises Refusal with every problem."""
    wanted = draft.wanted
    # The administrator's is read at the first start only: another one must restart nothing.
    read = {
        name: {key: value for key, value in keys.items() if Place(name, key) != INITIAL}
        for name, keys in draft.secrets.items()
    }
    server = signed.secrets()
    everything = {**server, **draft.secrets}  # the CA before its certificate: a killed run goes on
    files = {
        name: text
        for name, text in {**signed.files(), **draft.files}.items()
        if held.get(name) != text.rstrip("\r\n")
    }
    secrets = {
        name: keys
        for name, keys in everything.items()
        if _differs(cluster.secrets.get(name), keys, whole=name in wanted.outside)
    }
    if not draft.problems and adopt != "bastion":
        draft.problems += [p for name in secrets for p in _foreign(name, secrets[name], wanted, cluster)]
    if draft.problems:
        raise Refusal("\n".join(draft.problems))
    for name in sorted(set(secrets) & wanted.outside):
        draft.lines.append(f"Secret {name}: as the settings' sources say")
    if (files or secrets) and not draft.lines:
        draft.lines.append(f"secrets: {', '.join([*files, *secrets])} put right")
    return Plan(
        wanted=wanted,
        lines=tuple(draft.lines),
        warnings=tuple(draft.warnings),
        admin=draft.admin,
        database_password=draft.database_password,
        secrets_sha=_digest(read),
        tls_sha=_digest({"tls": server[TLS]}),
        files=files,
        secrets=secrets,
        seen={name: cluster.secrets[name] for name in secrets if name in cluster.secrets},
    )


def _differs(live: client.V1Secret | None, keys: Mapping[str, str], whole: bool) -> bool:
    """Whether a Secret has to be written.

    + whole: keys that the settings no longer have go, since the chart reads them when they are there
    """
    there = texts(live)
    if live is None or not is_ours(live) or (whole and there.keys() != keys.keys()):
        return True
    return any(there.get(key) != value for key, value in keys.items())


def _foreign(name: str, keys: Mapping[str, str], wanted: Wanted, cluster: Cluster) -> list[str]:
    """A Secret of our name that somebody else made is not overwritten; keys that it lacks are added."""
    live = cluster.secrets.get(name)
    there = texts(live)
    changed = [key for key, value in keys.items() if there.get(key, value) != value]
    if live is None or is_ours(live) or not changed:
        return []
    label = " ".join(f"{key}={value}" for key, value in OUR_LABEL.items())
    return [
        f"Secret {wanted.namespace}/{name}: not made by breakwater, and its {', '.join(changed)} would be"
        " overwritten; save them if they are needed elsewhere, then"
        f" `kubectl --namespace {wanted.namespace} label secret {name} {label}` and run again"
    ]


def _digest(secrets: Mapping[str, Mapping[str, str]]) -> str:
    return sha256(b"breakwater digest\n" + json.dumps(secrets, sort_keys=True).encode()).hexdigest()


def _make_namespace(core: client.CoreV1Api, name: str) -> None:
    try:
        core.read_namespace(name, _request_timeout=LIMIT)
    except client.ApiException as error:
        if error.status != 404:
            raise
        core.create_namespace(
            client.V1Namespace(metadata=client.V1ObjectMeta(name=name, labels=OUR_LABEL)),
            _request_timeout=LIMIT,
        )


def _write_secret(
    core: client.CoreV1Api,
    namespace: str,
    name: str,
    keys: Mapping[str, str],
    live: client.V1Secret | None,
    whole: bool,
) -> None:
    """Make a Secret, or change these keys of the one that was seen. Raises Refusal when that is another."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in keys.items()}
    try:
        if live is None:
            made = client.V1Secret(
                metadata=client.V1ObjectMeta(name=name, labels=OUR_LABEL), type="Opaque", data=data
            )
            core.create_namespaced_secret(namespace, made, _request_timeout=LIMIT)
        else:
            live.data = data if whole else {**(live.data or {}), **data}
            live.metadata.labels = {**(live.metadata.labels or {}), **OUR_LABEL}
            # With the version that was seen: the API refuses when it is not the newest.
            core.replace_namespaced_secret(name, namespace, live, _request_timeout=LIMIT)
    except client.ApiException as error:
        if error.status != 409:
            raise
        raise Refusal(
            f"Secret {namespace}/{name}: somebody changed it since this run looked; run again"
        ) from error
