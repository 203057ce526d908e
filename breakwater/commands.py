"""The few commands that operations share, each of them quoted."""

from collections.abc import Callable, Generator

from pyinfra.api import FileUploadCommand, FunctionCommand, QuoteString, StringCommand

Commands = Generator[StringCommand | FileUploadCommand | FunctionCommand, None, None]


class Refusal(Exception):
    """What was asked cannot be done; the text says what, why and what to do. Nothing is half-done."""


def refuse(reason: str) -> StringCommand:
    """A command that changes nothing, prints why and fails, so that this host's run ends here.

    + reason: subject, what is wrong, what to do
    """
    return StringCommand("printf '%s\\n'", QuoteString(reason), ">&2; exit 1")


def write_file(path: str, text: str, mode: str = "644") -> StringCommand:
    """Write a small file whole or not at all: a new file beside it is moved over it.

    + path: absolute; its directory exists
    + text: shows in the host's process list, so no secrets; under 100 KB (one argument's limit is 128)
    + mode: octal
    """
    new = QuoteString(f"{path}.new")
    return StringCommand(
        "printf %s", QuoteString(text), ">", new,
        "&& chmod", QuoteString(mode), new,
        "&& mv -T", new, QuoteString(path),
    )  # fmt: skip


def attempt(function: Callable[..., None], *args: object) -> Commands:
    """Call a function of the bastion's; a Refusal of its ends the host's run with the reason, no traceback.

    + function: does its work, or raises Refusal
    """
    reasons: list[str] = []

    def call() -> None:
        try:
            function(*args)
        except Refusal as refusal:
            reasons.append(str(refusal))

    yield FunctionCommand(call, (), {})
    # pyinfra runs a command before it asks for the next, so by now the call is over.
    if reasons:
        yield refuse(reasons[0])
