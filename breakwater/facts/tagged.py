"""The form all our facts answer in: lines of TAG=VALUE, and `end=` last.

One shell command reads a whole part of a host, so its answer has to carry many things;
the closing line tells a whole answer from one that was cut short.
"""

from collections import defaultdict

from pyinfra.api import FactProcessError

END = "echo end="


def tagged(fact: str, output: list[str]) -> dict[str, list[str]]:
    """The values of each tag, in the order they came.

    + fact: the fact's name, for the error
    + output: the lines of its command

    Raises FactProcessError when the last line is not `end=` (any other exception type
    would end the run of every host).
    """
    if not output or output[-1].strip() != "end=":
        raise FactProcessError(f"{fact}: the answer was cut short")
    values: dict[str, list[str]] = defaultdict(list)
    for line in output[:-1]:
        tag, separator, value = line.partition("=")
        if separator:
            values[tag].append(value)
    return values
