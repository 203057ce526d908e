"""What a robot may be allowed, as Harbor 2.15.1 names it: the resources of each level and their actions."""

# src/common/rbac/const.go, NolimitProvider, of Harbor 2.15.1.
_PROJECT = {
    "accessory": "list",
    "artifact": "read create list delete",
    "artifact-addition": "read",
    "artifact-label": "create delete",
    "export-cve": "create read",
    "immutable-tag": "create delete list update",
    "label": "read create delete list update",
    "log": "list",
    "member": "create read update list delete",
    "metadata": "read create delete list update",
    "notification-policy": "read create delete list update",
    "preheat-policy": "read create delete list update",
    "project": "read delete update",
    "quota": "read",
    "repository": "read update delete list pull push",
    "robot": "create read list delete",
    "sbom": "create stop read",
    "scan": "create read stop",
    "scanner": "create read",
    "tag": "create list delete",
    "tag-retention": "read create delete list update",
}
_SYSTEM = {
    "audit-log": "list",
    "catalog": "read",
    "garbage-collection": "read create list update stop",
    "jobservice-monitor": "list stop",
    "label": "read create delete update",
    "ldap-user": "create list",
    "preheat-instance": "read create delete list update",
    "project": "list create",
    "purge-audit": "read create list update stop",
    "quota": "update read list",
    "registry": "read create delete list update",
    "replication": "read create list",
    "replication-adapter": "list",
    "replication-policy": "read create delete list update",
    "robot": "create read list delete",
    "scan-all": "read update stop create",
    "scanner": "read create delete list update",
    "security-hub": "read list",
    "system-volumes": "read",
    "user": "create read update list delete",
    "user-group": "create read update list delete",
}
LEVELS: dict[str, frozenset[tuple[str, str]]] = {
    level: frozenset((name, action) for name, actions in resources.items() for action in actions.split())
    for level, resources in (("project", _PROJECT), ("system", _SYSTEM))
}
# What people mean most often. docker asks for both when it pushes.
SHORT = {
    "pull": (("repository", "pull"),),
    "push": (("repository", "pull"), ("repository", "push")),
}


def access(words: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    """(resource, action) of words such as push, or artifact:list."""
    found: set[tuple[str, str]] = set()
    for word in words:
        resource, _, action = word.partition(":")
        found.update(SHORT.get(word, ((resource, action),)))
    return frozenset(found)
