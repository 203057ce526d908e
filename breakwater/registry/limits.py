"""What a single value of the registry's keys may be; otherwise as breakwater/limits.py."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Strict

from breakwater.addresses import checked_address
from breakwater.harbor.limits import between, checked_source
from breakwater.problems import Fault, did_you_mean
from breakwater.quantities import checked_size, quantity
from breakwater.registry.cron import checked_cron
from breakwater.registry.permissions import LEVELS, SHORT

# Harbor's own word for no limit.
UNLIMITED = -1
LONGEST_NAME = 255
# For a schedule that shall not be.
NEVER = "never"
# Of what Harbor keeps in columns of its database.
_LONGEST_TEXT, _LONGEST_WORDS = 255, 1000
# Bytes: src/controller/registry/controller.go; and characters: the column of its database.
_LONGEST_ENDPOINT, _LONGEST_LABEL = 64, 128
# Endings of files beside a secret's own: what it was, what it shall be, whose turn it is.
_BESIDE_PASSWORDS, _BESIDE_SECRETS = (".before",), (".before", ".next", ".turn")
# src/server/v2.0/handler/project.go and robot.go of Harbor 2.15.1.
_LOWER = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
# src/common/const.go: what names of people must not hold.
_NOT_IN_NAMES = ',"~#%$'
# src/server/v2.0/handler/user.go, without what is in quotes or brackets there.
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@"
    r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}"
)
_CVE = re.compile(r"[A-Z]{2,10}-[0-9A-Za-z-]{4,60}")
_COLOUR = re.compile(r"#[0-9A-F]{6}")


def _text(text: str) -> str:
    check_text_only(text)
    if len(text) > _LONGEST_TEXT:
        raise Fault(f"is longer than {_LONGEST_TEXT} characters")
    return text


def _name(text: str) -> str:
    """What people call something."""
    _text(text)
    if not text.strip():
        raise Fault("must not be empty", "write what it is called")
    return text


def _endpoint_name(text: str) -> str:
    if len(_name(text).encode()) > _LONGEST_ENDPOINT:
        raise Fault(f"is longer than {_LONGEST_ENDPOINT} bytes", "give it a shorter one")
    return text


def _label_name(text: str) -> str:
    if len(_name(text)) > _LONGEST_LABEL:
        raise Fault(f"is longer than {_LONGEST_LABEL} characters", "give it a shorter one")
    return text


def _real_name(text: str) -> str:
    _text(text)
    if len(text.encode()) > LONGEST_NAME or any(letter in text for letter in _NOT_IN_NAMES):
        raise Fault(f'must be at most {LONGEST_NAME} bytes, without , " ~ # % $', "write it without them")
    return text


def check_text_only(text: str) -> None:
    """Printable, on one line. Raises Fault."""
    if not text.isprintable():
        raise Fault("may hold only printable characters, on one line")


def _lower(what: str, name: str) -> str:
    if not _LOWER.fullmatch(name) or len(name) > LONGEST_NAME:
        raise Fault(
            f"is no {what}'s name to Harbor: at most {LONGEST_NAME} lower-case letters and digits, with one"
            " of . _ - between two of them"
        )
    return name


def _project(name: str) -> str:
    return _lower("project", name)


def _robot(name: str) -> str:
    if "$" in name or "+" in name:
        raise Fault("must be the part that you choose", "Harbor puts its prefix and the project before it")
    _check_ending(name, _BESIDE_SECRETS)
    return _lower("robot", name)


def _check_ending(name: str, taken: tuple[str, ...]) -> None:
    for ending in taken:
        if name.endswith(ending):
            fault = f"ends in {ending}, as a file does that is kept beside its secret"
            raise Fault(fault, "name it otherwise")


def _user(name: str) -> str:
    # Blanks are our own wish.
    unfit = any(letter in _NOT_IN_NAMES or letter.isspace() or not letter.isprintable() for letter in name)
    if not name or unfit or len(name.encode()) > LONGEST_NAME:
        raise Fault(f'must be 1 to {LONGEST_NAME} bytes, without blanks and , " ~ # % $')
    _check_ending(name, _BESIDE_PASSWORDS)
    if name in ("admin", "anonymous"):
        raise Fault("is Harbor's own", "the administrator's password is harbor.admin_password")
    return name


def _email(address: str) -> str:
    if not _EMAIL.fullmatch(address) or len(address) > LONGEST_NAME:
        raise Fault("must be an e-mail address, such as 'ann@example.org'")
    return address


def _quota(value: object) -> object:
    if value in ("none", UNLIMITED) and not isinstance(value, bool):
        return UNLIMITED
    if not isinstance(value, str):
        raise Fault("must be an amount of bytes, or none", "such as '50GiB', or 'none' for no limit")
    # People write GiB, Kubernetes Gi.
    return int(quantity(checked_size(value.removesuffix("B") if value.endswith("iB") else value)))


def _cron_or_never(line: str) -> str:
    return line if line == NEVER else checked_cron(line)


def _pattern(text: str) -> str:
    check_text_only(text)
    if not text or " " in text or "," in re.sub(r"\{[^{}]*\}", "", text):
        raise Fault("must be a pattern such as 'v*', or '**' for all", "several: '{v*,release-*}'")
    return text


def _http_url(url: str) -> str:
    check_text_only(url)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Fault("must be a URL") from None
    if parts.username is not None or parts.password is not None:
        raise Fault("must not hold a user or a password", "those have keys of their own")
    if parts.scheme not in ("https", "http") or not host:
        raise Fault("must be a URL that begins with https:// or http://")
    return url


def is_source(text: str) -> bool:
    """Whether it says where a value is, and not the value itself."""
    return text.startswith(("file:", "env:"))


def _url_or_source(text: str) -> str:
    return checked_source(text) if is_source(text) else _http_url(text)


def _cve(name: str) -> str:
    if not _CVE.fullmatch(name):
        raise Fault("must be a vulnerability's name", "such as 'CVE-2024-12345'")
    return name


def _colour(text: str) -> str:
    if not _COLOUR.fullmatch(text.upper()):
        raise Fault("must be a colour", "such as '#0065AB'")
    return text.upper()


def _project_or_all(name: str) -> str:
    return name if name == "*" else _project(name)


def _member(name: str) -> str:
    # Of LDAP or OIDC as well, whose names Harbor takes as they are.
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise Fault(f"must be 1 to {LONGEST_NAME} characters")
    return name


def _https_url(url: str) -> str:
    if not _http_url(url).startswith("https://"):
        raise Fault("must begin with https://", "logins pass there")
    return url.rstrip("/")


def _ldap_url(url: str) -> str:
    match = re.fullmatch(r"(ldaps?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", url)
    if not match:
        raise Fault("must be ldaps://HOST or ldap://HOST, with a port or not")
    return url


def _words(text: str) -> str:
    if len(text) > _LONGEST_WORDS or any(not c.isprintable() for c in text):
        raise Fault(f"must be at most {_LONGEST_WORDS} printable characters")
    return text


def _prefix(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.$-]{1,32}", text):
        raise Fault("must be 1 to 32 letters, digits and _ . $ -", "such as 'robot$'")
    return text


def _endpoint(text: str) -> str:
    host, _, port = text.rpartition(":")
    if text and not (host and port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise Fault("must be HOST:PORT", "such as 'syslog.example.org:514'")
    if text:
        checked_address(host.strip("[]"))
    return text


def permission(level: str) -> AfterValidator:
    """What a robot is allowed, a word: pull, push or RESOURCE:ACTION of this level."""
    known = {*(SHORT if level == "project" else ()), *(f"{name}:{action}" for name, action in LEVELS[level])}

    def check(word: str) -> str:
        if word not in known:
            raise Fault(f"is nothing that a robot can be allowed in a {level}", did_you_mean(word, known))
        return word

    return AfterValidator(check)


def _not_a_switch(value: Any) -> Any:
    if isinstance(value, bool):
        raise Fault("must be text")
    return value


Count = Annotated[int, Strict(), between(1, 10_000)]
Days = Annotated[int, Strict(), between(1, 36_500, " days")]
Minutes = Annotated[int, Strict(), between(1, 525_600, " minutes")]
# Of 0 hours Harbor deletes nothing.
Hours = Annotated[int, Strict(), between(1, 240_000, " hours")]
Text = Annotated[str, Strict(), AfterValidator(_text)]
Name = Annotated[str, Strict(), AfterValidator(_name)]
EndpointName = Annotated[str, Strict(), AfterValidator(_endpoint_name)]
LabelName = Annotated[str, Strict(), AfterValidator(_label_name)]
RealName = Annotated[str, Strict(), AfterValidator(_real_name)]
ProjectName = Annotated[str, Strict(), AfterValidator(_project)]
RobotName = Annotated[str, Strict(), AfterValidator(_robot)]
ProjectOrAll = Annotated[str, Strict(), AfterValidator(_project_or_all)]
MemberName = Annotated[str, Strict(), AfterValidator(_member)]
HttpsUrl = Annotated[str, Strict(), AfterValidator(_https_url)]
LdapUrl = Annotated[str, Strict(), AfterValidator(_ldap_url)]
Words = Annotated[str, Strict(), AfterValidator(_words)]
RobotPrefix = Annotated[str, Strict(), AfterValidator(_prefix)]
Endpoint = Annotated[str, Strict(), AfterValidator(_endpoint)]
UserName = Annotated[str, Strict(), AfterValidator(_user)]
Email = Annotated[str, Strict(), AfterValidator(_email)]
Quota = Annotated[int, BeforeValidator(_quota, json_schema_input_type=str)]
Cron = Annotated[str, Strict(), AfterValidator(checked_cron)]
CronOrNever = Annotated[str, Strict(), AfterValidator(_cron_or_never)]
Pattern = Annotated[str, Strict(), AfterValidator(_pattern)]
HttpUrl = Annotated[str, Strict(), AfterValidator(_http_url)]
UrlOrSource = Annotated[str, Strict(), AfterValidator(_url_or_source)]
Cve = Annotated[str, Strict(), AfterValidator(_cve)]
Colour = Annotated[str, Strict(), BeforeValidator(_not_a_switch), AfterValidator(_colour)]
InProject = Annotated[str, Strict(), permission("project")]
InSystem = Annotated[str, Strict(), permission("system")]
