"""Who may do what in a project."""

from __future__ import annotations

from collections.abc import Iterator

from breakwater.registry.configuration import auth_mode
from breakwater.registry.people_settings import ROLES, Auth, Member
from breakwater.registry.plan import ADD, CHANGE, Change, call, differs, never
from breakwater.registry.project_settings import Project
from breakwater.registry.read import Seen, Thing

# src/pkg/usergroup/model of Harbor 2.15.1.
_GROUP_TYPES = {"ldap": 1, "oidc": 3}
_NAMES = {number: name for name, number in ROLES.items()}


def member_changes(wanted: Project, seen: Seen, auth: Auth | None) -> Iterator[Change]:
    """What gives everyone of the settings the role that they shall have."""
    there = seen.projects.get(wanted.name)
    live = {key(member): member for member in there.members} if there else {}
    mode = groups_of(auth, seen)
    path = f"/projects/{there.id if there else wanted.name}/members"
    for member in wanted.members:
        kind, name = who(member, mode)
        what = f"member {name} of {wanted.name}"
        found = live.get((kind, name))
        if found is None:
            body = {"role_id": ROLES[member.role], **_entity(kind, name, mode)}
            needs = (f"project {wanted.name}", *((f"user {name}",) if kind == "u" else ("auth",)))
            act = call("POST", path, body, named=not there)
            if kind == "g" and mode not in _GROUP_TYPES:
                act = never(f"this Harbor has no groups: it checks logins by {mode}; name users, or set auth")
            yield Change(ADD, what, act, (member.role,), needs)
        elif int(found["role_id"]) != ROLES[member.role]:
            said = differs("role", role_of(found), member.role)
            body = {"role_id": ROLES[member.role]}
            yield Change(CHANGE, what, call("PUT", f"{path}/{found['id']}", body), (said,))


def groups_of(auth: Auth | None, seen: Seen) -> str:
    """Whose groups are meant: ldap or oidc; anything else has none."""
    return auth.mode if auth else auth_mode(seen)


def who(member: Member, mode: str) -> tuple[str, str]:
    """As key() has it.

    + mode: of groups_of()
    """
    if member.group is None:
        return "u", str(member.user)
    # Harbor makes every DN so, and looks for none that is not.
    return "g", member.group.strip().lower() if mode == "ldap" else member.group


def key(member: Thing) -> tuple[str, str]:
    """u or g, and the name; of a group of LDAP its DN."""
    return str(member["entity_type"]), str(member["entity_name"])


def role_of(member: Thing) -> str:
    """By Harbor's number, since its name for it is another one."""
    return _NAMES.get(int(member["role_id"]), str(member.get("role_name")))


def _entity(kind: str, name: str, mode: str) -> dict[str, object]:
    if kind == "u":
        return {"member_user": {"username": name}}
    called = "ldap_group_dn" if mode == "ldap" else "group_name"
    return {"member_group": {called: name, "group_type": _GROUP_TYPES.get(mode)}}
