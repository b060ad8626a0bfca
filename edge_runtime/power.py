"""What gives way when the board runs hot or short of power: first thinking, then looks, then naming."""

from __future__ import annotations

from typing import Literal

Power = Literal["full", "reduced", "low"]
"""How much the board has to give, as ``BoardChanged`` tells it."""

Work = Literal["thinking", "looks", "naming"]
"""What may give way: answers in free language (``Generate``), looks a second, and names for what is looked at."""

_LEFT: dict[Power, dict[Work, float]] = {
    "full": {},
    "reduced": {"thinking": 0.0, "looks": 0.5},
    "low": {"thinking": 0.0, "looks": 0.25, "naming": 0.0},
}
"""Share of each work that is left, in the order in which they give way; what is not named goes on whole."""


def left(power: Power, work: Work, *, watched: bool = False) -> float:
    """How much of a work may still be done, 0..1; with 0 it is given up.

    Args:
        power: How much the board has to give.
        work: What is to be done.
        watched: Whether a watch stands: it waits for a name, so naming goes on.
    """
    return 1.0 if work == "naming" and watched else _LEFT[power].get(work, 1.0)


def reduced(power: Power, *, watched: bool = False) -> tuple[Work, ...]:
    """What is done less or not at all, in the order in which it gives way."""
    return tuple(work for work in _LEFT[power] if left(power, work, watched=watched) < 1.0)
