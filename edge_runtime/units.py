"""Durations and sizes as people write them (``3s``, ``128 MiB``) and as the settings keep them (ns, bytes)."""

from __future__ import annotations

import re
from decimal import Decimal

TIME_NS = {"ns": 1, "ms": 10**6, "s": 10**9, "min": 60 * 10**9}
SIZE_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

_QUANTITY = re.compile(r"\s*([+-]?[0-9][0-9_]*(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


def units_of(name: str) -> dict[str, int] | None:
    """The units a setting of that name may be written in, by its suffix; ``None`` for a plain number."""
    if name.endswith("_ns"):
        return TIME_NS
    if name.endswith("_bytes"):
        return SIZE_BYTES
    return None


def parse_quantity(text: str, units: dict[str, int]) -> int:
    """Read a quantity; without a unit it is in the smallest one.

    Example:
        >>> parse_quantity("1.5 s", TIME_NS)
        1500000000

    Raises:
        ValueError: Not a number, an unknown unit, or a fraction of the smallest unit.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a number with a unit")
    number, unit = match.groups()
    if unit and unit not in units:
        raise ValueError(f"unknown unit {unit!r}")
    # Decimal, because 0.1 s is 100,000,000 ns and not one less.
    value = Decimal(number.replace("_", "")) * units.get(unit, 1)
    if value != value.to_integral_value():
        raise ValueError(f"{text!r} is not a whole number of {next(iter(units))}")
    return int(value)


def say_quantity(value: int, units: dict[str, int]) -> str:
    """Write a quantity in the largest unit that keeps it whole.

    Example:
        >>> say_quantity(134217728, SIZE_BYTES)
        '128 MiB'
    """
    unit = next((name for name in reversed(units) if value and value % units[name] == 0), next(iter(units)))
    return f"{value // units[unit]} {unit}"
