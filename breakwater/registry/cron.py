"""Lines of cron as Harbor reads them: six fields, seconds first."""

from __future__ import annotations

from breakwater.problems import Fault

# Seconds, minutes, hours, days of the month, months, days of the week: robfig/cron, as Harbor has it.
_FIELDS = ("second", "minute", "hour", "day of the month", "month", "day of the week")
_BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_WORDS: tuple[tuple[str, ...], ...] = (
    (), (), (), (),
    ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
    ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
)  # fmt: skip


def checked_cron(line: str) -> str:
    """The line, with single blanks. Raises Fault."""
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
