"""What a single value of the registry's keys may be; otherwise as breakwater/limits.py."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Strict

from breakwater.addresses import checked_address
from breakwater.harbor.limits import between
from breakwater.problems import Fault, did_you_mean
from breakwater.quantities import checked_size, quantity
from breakwater.registry.permissions import LEVELS, SHORT

# Harbor's own word for no limit.
UNLIMITED = -1
LONGEST_NAME = 255
# For a schedule that shall not be.
NEVER = "never"
# Of what Harbor keeps in columns of its database.
_LONGEST_TEXT, _LONGEST_WORDS = 255, 1000
# src/server/v2.0/handler/project.go and robot.go of Harbor 2.15.1.
_LOWER = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
# src/common/utils/utils.go: what a user's name must not hold; white space is our own wish.
_NOT_IN_USER = re.compile(r"[,\"~#%$\s]")
# W3C's own for <input type=email>, without addresses that have no dot behind the @.
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_CVE = re.compile(r"[A-Z]{2,10}-[0-9A-Za-z-]{4,60}")
_COLOUR = re.compile(r"#[0-9A-F]{6}")
# Seconds, minutes, hours, days of the month, months, days of the week: robfig/cron, as Harbor has it.
_FIELDS = ("second", "minute", "hour", "day of the month", "month", "day of the week")
_BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_WORDS: tuple[tuple[str, ...], ...] = (
    (), (), (), (),
    ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
    ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
)  # fmt: skip


def _text(text: str) -> str:
    check_text_only(text)
    if len(text) > _LONGEST_TEXT:
        raise Fault(f"is longer than {_LONGEST_TEXT} characters")
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
    return _lower("robot", name)


def _user(name: str) -> str:
    if not name or len(name) > LONGEST_NAME or _NOT_IN_USER.search(name) or not name.isprintable():
        raise Fault(f'must be 1 to {LONGEST_NAME} characters, without blanks and , " ~ # % $')
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


def _cron(line: str) -> str:
    words = line.split()
    if len(words) != len(_FIELDS):
        fix = f"write '0 {line}'" if len(words) == len(_FIELDS) - 1 else "such as '0 0 3 * * *', daily at 3"
        raise Fault(f"must have 6 fields, {', '.join(_FIELDS)}", fix)
    if words[0] != "0":
        # src/controller/scheduler of Harbor 2.15.1: no job begins at another second.
        raise Fault(
            "must begin with 0, the only second at which Harbor begins anything",
            f"write '0 {' '.join(words[1:])}'",
        )
    for word, what, bounds, names in zip(words, _FIELDS, _BOUNDS, _WORDS, strict=True):
        for part in word.split(","):
            if not _is_part(part, bounds, names):
                low, high = bounds
                raise Fault(
                    f"has {part!r} for the {what}, which is {low} to {high}, *, A-B, A/STEP or a list"
                )
    return " ".join(words)


def _cron_or_never(line: str) -> str:
    return line if line == NEVER else _cron(line)


def _is_part(part: str, bounds: tuple[int, int], names: tuple[str, ...]) -> bool:
    span, _, step = part.partition("/")
    if "/" in part and not (step.isascii() and step.isdecimal() and int(step) > 0):
        return False
    if span in ("*", "?"):
        return True
    ends = [
        names.index(end.upper()) + bounds[0] if end.upper() in names else int(end)
        for end in span.split("-")
        if end.upper() in names or (end.isascii() and end.isdecimal())
    ]
    return (
        len(ends) == span.count("-") + 1 <= 2
        and ends == sorted(ends)
        and all(bounds[0] <= end <= bounds[1] for end in ends)
    )


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
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
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
Hours = Annotated[int, Strict(), between(0, 240_000, " hours")]
Text = Annotated[str, Strict(), AfterValidator(_text)]
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
Quota = Annotated[int, BeforeValidator(_quota)]
Cron = Annotated[str, Strict(), AfterValidator(_cron)]
CronOrNever = Annotated[str, Strict(), AfterValidator(_cron_or_never)]
Pattern = Annotated[str, Strict(), AfterValidator(_pattern)]
HttpUrl = Annotated[str, Strict(), AfterValidator(_http_url)]
Cve = Annotated[str, Strict(), AfterValidator(_cve)]
Colour = Annotated[str, Strict(), BeforeValidator(_not_a_switch), AfterValidator(_colour)]
InProject = Annotated[str, Strict(), permission("project")]
InSystem = Annotated[str, Strict(), permission("system")]
