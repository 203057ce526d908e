"""The keys of people: local users, members of projects, and where logins are checked."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field
from pydantic.dataclasses import dataclass

from breakwater import limits as common
from breakwater.export import STRICT, allowed
from breakwater.harbor import limits as harbor_limits
from breakwater.harbor.image_storage import SOURCE
from breakwater.registry import limits

Role = Literal["projectAdmin", "maintainer", "developer", "guest", "limitedGuest"]
# Harbor's numbers, in the order of Role: src/common/const.go of 2.15.1.
ROLES: dict[str, int] = dict(zip(get_args(Role), (1, 4, 2, 3, 5), strict=True))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class User:
    """A user whose password Harbor itself keeps."""

    name: limits.UserName = Field(
        description="By which it logs in; another one is another user.",
        json_schema_extra=allowed('without blanks and , " ~ # % $'),
    )
    email: limits.Email = Field(
        description="Its address, nobody else's in this Harbor.",
        json_schema_extra=allowed("an e-mail address"),
    )
    real_name: limits.RealName = Field(
        default="",
        description="As people call it.",
        json_schema_extra=allowed('text without , " ~ # % $', "its name"),
    )
    admin: common.Switch = Field(
        default=False,
        description="Whether it may do everything, everywhere.",
        json_schema_extra=allowed("True or False"),
    )
    password: harbor_limits.Source | None = Field(
        default=None,
        description="Where its first password is. It is never set again, unless a run is asked to:"
        " --data reset_password=NAME.",
        json_schema_extra=allowed(
            f"{SOURCE}; the password has 8 to 128 characters, a capital, a small letter and a digit",
            "none: made once, and kept in the folder of state until its owner has changed it",
        ),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Member:
    """Who has which role in a project: a user, or a group of LDAP or OIDC."""

    user: limits.MemberName | None = Field(
        default=None, description="This user.", json_schema_extra=allowed("a user's name", "group instead")
    )
    group: limits.Name | None = Field(
        default=None,
        description="This group: of LDAP its DN, of OIDC its name.",
        json_schema_extra=allowed("a group's name", "user instead"),
    )
    role: Role = Field(
        description="What it may do: all of the project, or push and more, push, pull, pull without seeing"
        " who else is in it.",
        json_schema_extra=allowed(", ".join(f"`{role}`" for role in ROLES)),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Ldap:
    """A directory that checks logins."""

    url: limits.LdapUrl = Field(
        description="Where it is.",
        json_schema_extra=allowed("ldaps://HOST or ldap://HOST, with a port or not"),
    )
    base_dn: limits.Name = Field(
        description="Where people are in it.",
        json_schema_extra=allowed("such as ou=people,dc=example,dc=org"),
    )
    search_dn: limits.Text = Field(
        default="", description="As whom Harbor searches.", json_schema_extra=allowed("a DN", "nobody")
    )
    search_password: harbor_limits.Source | None = Field(
        default=None, description="Where that one's password is.", json_schema_extra=allowed(SOURCE, "none")
    )
    uid: limits.Name = Field(
        default="uid",
        description="By which attribute people log in.",
        json_schema_extra=allowed("an attribute"),
    )
    filter: limits.Text = Field(
        default="", description="Who of them may.", json_schema_extra=allowed("a filter of LDAP", "everyone")
    )
    scope: Literal["base", "one", "subtree"] = Field(
        default="subtree",
        description="How deep it looks.",
        json_schema_extra=allowed("`base`, `one`, `subtree`"),
    )
    group_base_dn: limits.Text = Field(
        default="", description="Where groups are.", json_schema_extra=allowed("a DN", "no groups")
    )
    group_filter: limits.Text = Field(
        default="",
        description="Which are groups.",
        json_schema_extra=allowed("a filter of LDAP", "every entry"),
    )
    group_name: limits.Text = Field(
        default="cn", description="A group's name.", json_schema_extra=allowed("an attribute")
    )
    group_membership: limits.Text = Field(
        default="memberof",
        description="How people name their groups.",
        json_schema_extra=allowed("an attribute"),
    )
    admin_group: limits.Text = Field(
        default="", description="Who is administrator.", json_schema_extra=allowed("a group's DN", "nobody")
    )
    verify_tls: common.Switch = Field(
        default=True,
        description="Whether its certificate must be right.",
        json_schema_extra=allowed("True or False"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Oidc:
    """An identity provider that checks logins."""

    name: limits.Name = Field(description="As its button is called.", json_schema_extra=allowed("text"))
    endpoint: limits.HttpsUrl = Field(
        description="Where it is, without /.well-known/…", json_schema_extra=allowed("a URL of https://")
    )
    client_id: limits.Name = Field(
        description="As whom Harbor is known to it.", json_schema_extra=allowed("text")
    )
    client_secret: harbor_limits.Source = Field(
        description="Where that one's secret is.", json_schema_extra=allowed(SOURCE)
    )
    scope: limits.Text = Field(
        default="openid,profile,email,offline_access",
        description="What it is asked for; offline_access lets docker's logins last.",
        json_schema_extra=allowed("a list with commas, openid in it"),
    )
    user_claim: limits.Text = Field(
        default="",
        description="What is taken for the name.",
        json_schema_extra=allowed("a claim", "the name claim"),
    )
    groups_claim: limits.Text = Field(
        default="", description="What is taken for groups.", json_schema_extra=allowed("a claim", "no groups")
    )
    admin_group: limits.Text = Field(
        default="", description="Who is administrator.", json_schema_extra=allowed("a group", "nobody")
    )
    auto_onboard: common.Switch = Field(
        default=False,
        description="Whether whoever logs in is a user at once, with the name of user_claim.",
        json_schema_extra=allowed("True or False"),
    )
    verify_tls: common.Switch = Field(
        default=True,
        description="Whether its certificate must be right.",
        json_schema_extra=allowed("True or False"),
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Auth:
    """Who checks logins. Harbor changes that only while it has no other users than admin."""

    mode: Literal["database", "ldap", "oidc"] = Field(
        default="database",
        description="Harbor itself, a directory, or an identity provider.",
        json_schema_extra=allowed("`database`, `ldap` or `oidc`"),
    )
    ldap: Ldap | None = Field(
        default=None,
        description="The directory.",
        json_schema_extra=allowed("the keys below, with mode ldap", "none"),
    )
    oidc: Oidc | None = Field(
        default=None,
        description="The identity provider.",
        json_schema_extra=allowed("the keys below, with mode oidc", "none"),
    )
