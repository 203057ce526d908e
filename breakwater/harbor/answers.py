"""What Harbor says when it does not do what it was asked to: for people, and without a secret in it."""

import json
from collections.abc import Iterable, Iterator, Mapping

import httpx

from breakwater.words import plain

# A webhook's address may hold its password.
_SECRETS = ("password", "secret", "auth_header", "address")
# src/server/middleware/readonly of Harbor 2.15.1; its status is that of missing rights.
_READ_ONLY = "read only mode"
_FIXES = {
    400: "change what it does not take, or is it a Harbor of another version?",
    401: "check user and password",
    403: "it takes an administrator",
    404: "somebody removed it meanwhile: run again, or is it a Harbor of another version?",
    # A duplicate e-mail is answered in the same words as a duplicate name.
    409: "somebody made one of that name, or with that e-mail address: run again, or take another",
    412: "end what it names first, and run again",
    422: "change what it does not take, or is it a Harbor of another version?",
}


def what_to_do(status: int | None, said: str) -> str:
    """The next step after an error, by its status; None: there was no answer."""
    if _READ_ONLY in said:
        return "end that in its configuration (Repository Read Only), and run again"
    if status is None or status >= 500 or status == 429:
        return "see `kubectl get pods` in its namespace, and run again when they are ready"
    return _FIXES.get(status, "is it a Harbor of the version in the settings?")


def words_of(response: httpx.Response, secrets: Iterable[str]) -> str:
    """The first line of an error: Harbor's own JSON, nginx's HTML, or nothing at all."""
    try:
        text = response.json()["errors"][0]["message"]
    except (ValueError, LookupError, TypeError):
        text = response.text
    text = str(text)
    for secret in filter(None, secrets):
        # As it is, and as JSON has it.
        text = text.replace(secret, "…").replace(json.dumps(secret)[1:-1], "…")
    lines = [line for line in text.splitlines() if line.strip()]
    return plain(lines[0]) if lines and not lines[0].lstrip().startswith("<") else response.reason_phrase


def secrets_in(body: object, key: str = "") -> Iterator[str]:
    """All that is nobody's to read, however deep it is."""
    if isinstance(body, Mapping):
        for name, value in body.items():
            yield from secrets_in(value, str(name))
    elif isinstance(body, list | tuple):
        for value in body:
            yield from secrets_in(value, key)
    elif isinstance(body, str) and any(word in key for word in _SECRETS):
        yield body


def is_about_certificates(error: httpx.RequestError) -> bool:
    """Whether whoever answered is not to be trusted."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error)
