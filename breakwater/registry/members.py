"""Who may do what in a project."""

from __future__ import annotations

from collections.abc import Iterator

from breakwater.registry.people_settings import ROLES, Auth, Member
from breakwater.registry.plan import ADD, CHANGE, Change, call, differs
from breakwater.registry.project_settings import Project
from breakwater.registry.read import Seen, Thing

# src/pkg/usergroup/model of Harbor 2.15.1.
_GROUP_TYPES = {"ldap": 1, "oidc": 3}
_NAMES = {number: name for name, number in ROLES.items()}


def member_changes(wanted: Project, seen: Seen, auth: Auth | None) -> Iterator[Change]:
    """What gives everyone of the settings the role that they shall have."""
    there = seen.projects.get(wanted.name)
    live = {key(member): member for member in there.members} if there else {}
    path = f"/projects/{there.id if there else wanted.name}/members"
    for member in wanted.members:
        kind, name = ("u", str(member.user)) if member.group is None else ("g", member.group)
        what = f"member {name} of {wanted.name}"
        found = live.get((kind, name))
        if found is None:
            body = {"role_id": ROLES[member.role], **_entity(member, auth)}
            needs = (f"project {wanted.name}", *((f"user {name}",) if kind == "u" else ("auth",)))
            yield Change(ADD, what, call("POST", path, body, named=not there), (member.role,), needs)
        elif int(found["role_id"]) != ROLES[member.role]:
            said = differs("role", role_of(found), member.role)
            body = {"role_id": ROLES[member.role]}
            yield Change(CHANGE, what, call("PUT", f"{path}/{found['id']}", body), (said,))


def key(member: Thing) -> tuple[str, str]:
    """u or g, and the name."""
    return str(member["entity_type"]), str(member["entity_name"])


def role_of(member: Thing) -> str:
    """By Harbor's number, since its name for it is another one."""
    return _NAMES.get(int(member["role_id"]), str(member.get("role_name")))


def _entity(member: Member, auth: Auth | None) -> dict[str, object]:
    if member.group is None:
        return {"member_user": {"username": member.user}}
    kind = _GROUP_TYPES[auth.mode if auth and auth.mode in _GROUP_TYPES else "oidc"]
    name = {"ldap_group_dn": member.group} if kind == _GROUP_TYPES["ldap"] else {"group_name": member.group}
    return {"member_group": {**name, "group_type": kind}}
