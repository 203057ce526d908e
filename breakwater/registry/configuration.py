"""Harbor's configuration as it is: its values, and keys that nobody changes through its API."""

from __future__ import annotations

from collections.abc import Collection

from breakwater.registry.read import Seen

# Ours -> Harbor's, as src/common/const.go of 2.15.1 has them.
AUTH_MODES = {"database": "db_auth", "ldap": "ldap_auth", "oidc": "oidc_auth"}


def value(seen: Seen, key: str) -> object:
    """What a key has now; None for one that this Harbor does not have."""
    return seen.configuration.get(key, {}).get("value")


def auth_mode(seen: Seen) -> str:
    """Who checks logins, in our words; of what settings cannot say, in Harbor's."""
    live = str(value(seen, "auth_mode") or "")
    return next((ours for ours, theirs in AUTH_MODES.items() if theirs == live), live)


def read_only(seen: Seen, keys: Collection[str]) -> str:
    """Why Harbor would refuse to change these; empty when it takes a change."""
    fixed = [key for key in keys if seen.configuration.get(key, {}).get("editable") is False]
    if not fixed:
        return ""
    return (
        f"read-only in this Harbor: {', '.join(fixed)}; all of its configuration is in the variable"
        " CONFIG_OVERWRITE_JSON of its core: change it there, or take that away"
    )
