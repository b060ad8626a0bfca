"""Minutes on a command line, as nanoseconds."""

from __future__ import annotations

import argparse

from edge_runtime.config import S

_MOST = 525_600.0
"""A year."""


def minutes(text: str) -> int:
    """Read a number of minutes; a type for argparse.

    Args:
        text: As typed: ``10``, ``0.5``.

    Returns:
        Nanoseconds.

    Raises:
        argparse.ArgumentTypeError: It is no number above 0, or more than a year.
    """
    try:
        count = float(text)
    except ValueError:
        count = 0.0
    if not 0.0 < count <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes above 0")
    return max(1, round(count * 60 * S))
