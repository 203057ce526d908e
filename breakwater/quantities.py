"""Amounts as Kubernetes writes them: 200Gi of disk, 512Mi of memory, 500m of a processor."""

from __future__ import annotations

import re
from fractions import Fraction

from breakwater.problems import Fault

_POWERS = {"": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_UNITS = {
    **{unit: Fraction(1000) ** power for unit, power in _POWERS.items()},
    **{unit.upper() + "i": Fraction(1024) ** power for unit, power in _POWERS.items() if unit},
    "m": Fraction(1, 1000),
}
# Fewer digits than float or int64 would be unsure of; Kubernetes takes signs and exponents, people do not.
_FORM = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([A-Za-z]*)")
# Below these somebody forgot the unit.
_LEAST_SIZE, _LEAST_MEMORY = 1024**2, 4 * 1024**2
_MOST = Fraction(2**63 - 1)  # what Kubernetes counts with


def quantity(text: str) -> Fraction:
    """What an amount comes to: bytes, or processors. Raises ValueError when it is none.

    + text: such as 10Gi, 500m or 0.5
    """
    parts = _FORM.fullmatch(text)
    if not parts or parts[2] not in _UNITS:
        raise ValueError(text)
    return Fraction(parts[1]) * _UNITS[parts[2]]


def checked_size(text: str) -> str:
    """A volume's size. Raises Fault."""
    return _bytes(text, _LEAST_SIZE, "10Gi")


def checked_memory(text: str) -> str:
    """A container's memory. Raises Fault."""
    return _bytes(text, _LEAST_MEMORY, "512Mi")


def checked_cpu(text: str) -> str:
    """A container's share of processors. Raises Fault."""
    parts = _FORM.fullmatch(text)
    if not parts or parts[2] not in ("", "m"):
        raise Fault("must be processors", "such as '500m', which is half of one, or '2'")
    amount = quantity(text)
    if not 0 < amount <= 1000 or (amount * 1000).denominator != 1:
        raise Fault("must be from 1m to 1000 processors, in steps of 1m")
    return text


def _bytes(text: str, least: int, example: str) -> str:
    parts = _FORM.fullmatch(text.replace(" ", ""))
    number, unit = (parts[1], parts[2]) if parts else ("", "")
    if not parts or unit not in _UNITS or unit == "m" or parts[0] != text:
        raise Fault("must be bytes as Kubernetes writes them", _meant(number, unit, example))
    amount = quantity(text)
    if amount < least:
        fix = f"did you mean '{number}{example[-2:]}'?" if unit == "" else f"such as {example!r}"
        raise Fault(f"is less than {least // 1024**2}Mi", fix)
    if amount > _MOST or amount.denominator != 1:
        raise Fault("must be whole bytes, and less than 8Ei", f"such as {example!r}")
    return text


def _meant(number: str, unit: str, example: str) -> str:
    """What somebody likely meant by 200GB, 200gb or 200 Gi."""
    short = unit[:1].upper() + "i"
    if number and short in _UNITS and unit[1:].lower() in ("", "b", "i", "ib"):
        return f"did you mean '{number}{short}'?"
    return f"such as {example!r}"
