"""Who checks logins: Harbor's configuration of it, and secrets in there that Harbor never shows again."""

from __future__ import annotations

from collections.abc import Iterator

from breakwater.commands import Refusal
from breakwater.harbor.api import Harbor
from breakwater.registry.configuration import AUTH_MODES, read_only, value
from breakwater.registry.people_settings import Auth, Ldap, Oidc
from breakwater.registry.plan import CHANGE, Change, differs, never
from breakwater.registry.read import Seen
from breakwater.registry.told import Told

# LdapScopeType of Harbor 2.15.1: how deep a search goes.
_SCOPES = {"base": 0, "one": 1, "subtree": 2}
# How many users are named.
_MOST_NAMED = 10


def auth_changes(wanted: Auth | None, seen: Seen, secrets: Told) -> Iterator[Change]:
    """One call for all of it, since Harbor checks that it fits together."""
    if wanted is None:
        return
    keys = {"auth_mode": AUTH_MODES[wanted.mode], **_keys(wanted)}
    live = {key: value(seen, key) for key in keys}
    said = [differs(key, live[key], shall) for key, shall in keys.items() if live[key] != shall]
    try:
        new = secrets.news(_sources(wanted))
    except Refusal as refusal:
        yield Change(CHANGE, "auth", never(str(refusal)), tuple(said))
        return
    said += [f"{key}: another one, or first told from here" for key in new]
    if not said:
        return
    changed = {key: shall for key, shall in keys.items() if live[key] != shall}
    if "auth_mode" in changed and seen.users:
        yield Change(CHANGE, "auth", never(_users_in_the_way(wanted, seen)), tuple(said))
        return
    # Secrets themselves are in no answer; what is beside them is.
    if why := read_only(seen, changed or [key for key in keys if key != "auth_mode"]):
        yield Change(CHANGE, "auth", never(why), tuple(said))
        return

    def act(harbor: Harbor) -> None:
        harbor.call("PUT", "/configurations", body={**changed, **new})
        secrets.remember(new)

    yield Change(CHANGE, "auth", act, tuple(said))


def _keys(wanted: Auth) -> dict[str, object]:
    if wanted.mode == "ldap" and wanted.ldap is not None:
        return _ldap(wanted.ldap)
    if wanted.mode == "oidc" and wanted.oidc is not None:
        return _oidc(wanted.oidc)
    return {}


def _ldap(wanted: Ldap) -> dict[str, object]:
    return {
        "ldap_url": wanted.url,
        "ldap_base_dn": wanted.base_dn,
        "ldap_search_dn": wanted.search_dn,
        "ldap_uid": wanted.uid,
        "ldap_filter": wanted.filter,
        "ldap_scope": _SCOPES[wanted.scope],
        "ldap_group_base_dn": wanted.group_base_dn,
        "ldap_group_search_filter": wanted.group_filter,
        "ldap_group_attribute_name": wanted.group_name,
        "ldap_group_membership_attribute": wanted.group_membership,
        "ldap_group_admin_dn": wanted.admin_group,
        "ldap_verify_cert": wanted.verify_tls,
    }


def _oidc(wanted: Oidc) -> dict[str, object]:
    return {
        "oidc_name": wanted.name,
        "oidc_endpoint": wanted.endpoint,
        "oidc_client_id": wanted.client_id,
        "oidc_scope": wanted.scope,
        "oidc_user_claim": wanted.user_claim,
        "oidc_groups_claim": wanted.groups_claim,
        "oidc_admin_group": wanted.admin_group,
        "oidc_auto_onboard": wanted.auto_onboard,
        "oidc_verify_cert": wanted.verify_tls,
    }


def _sources(wanted: Auth) -> dict[str, str]:
    """{Harbor's key: where the secret is}."""
    if wanted.mode == "ldap" and wanted.ldap is not None and wanted.ldap.search_password:
        return {"ldap_search_password": wanted.ldap.search_password}
    if wanted.mode == "oidc" and wanted.oidc is not None:
        return {"oidc_client_secret": wanted.oidc.client_secret}
    return {}


def _users_in_the_way(wanted: Auth, seen: Seen) -> str:
    names = sorted(seen.users)
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (
        f"Harbor goes over to {wanted.mode} only while admin is its only user, and there are"
        f" {', '.join(names[:_MOST_NAMED])}{more}; remove them there, or write registry.auth.mode as it is"
    )
