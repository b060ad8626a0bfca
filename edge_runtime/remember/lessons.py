"""A lesson: the wearer has named a thing and looks at it. Which of the views taken of it show one thing?

Attention looks until enough views agree, memory keeps those; both go by the rule that stands here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from edge_runtime.config import S
from edge_runtime.remember.likeness import exact
from edge_runtime.types import Vector

LESSON_NS = 20 * S
"""How long the wearer has to look at it."""
MOST_SEEN = 16
"""Views kept while it is not yet clear which of them agree."""


class Lesson(msgspec.Struct):
    """A thing being looked at.

    Attributes:
        name: What the wearer calls it.
        t_ns: When it was named; what was seen before may be something else.
        views: Unit vectors float32 [G], oldest first, whether they agree or not.
        view_ns: When the frame of each was taken.
        agree: Which of them show one thing: their indices, in order.
    """

    name: str
    t_ns: int
    views: tuple[Vector, ...] = ()
    view_ns: tuple[int, ...] = ()
    agree: tuple[int, ...] = ()

    def take(self, view: Vector, t_ns: int, wanted: int, floor: float) -> int:
        """Take in one more view, captured at ``t_ns``; returns how many had to make room for it."""
        kept = list(range(len(self.views)))
        if len(kept) >= MOST_SEEN:
            kept.remove(next(index for index in kept if index not in self.agree))
        gone = len(self.views) - len(kept)
        self.views = (*(self.views[index] for index in kept), view)
        self.view_ns = (*(self.view_ns[index] for index in kept), t_ns)
        self.agree = agreeing(self.views, wanted, floor)
        return gone


def agreeing(views: Sequence[Vector], wanted: int, floor: float) -> tuple[int, ...]:
    """Find views that agree: the cosine of each with the mean of the others is at least ``floor``.

    From every view, the newest first, a set grows by what is most like it; so a first view that shows something else is left out
    as soon as the others are more. Whole numbers throughout, so that a journal replays on any machine.

    Args:
        views: Unit vectors float32 [G].
        wanted: How many views are enough.
        floor: Cosine, -1..1.

    Returns:
        Indices of the largest set found, in order, at most ``wanted``; one view alone agrees with itself.
    """
    looks = [exact(view) for view in views]
    dots = [[int(a @ b) if a.size == b.size else 0 for b in looks] for a in looks]
    best: list[int] = []
    for seed in reversed(range(len(looks))):
        grown = [seed]
        while True:
            if len(grown) > len(best) and _agree(grown, dots, floor):
                best = list(grown)
            others = [index for index in range(len(looks)) if index not in grown]
            if len(grown) >= wanted or not others:
                break
            grown.append(max(others, key=lambda index: (sum(dots[index][other] for other in grown), index)))
        if len(best) >= wanted:
            break
    return tuple(sorted(best))


def _agree(chosen: Sequence[int], dots: Sequence[Sequence[int]], floor: float) -> bool:
    for one in chosen:
        others = [other for other in chosen if other != one]
        length = math.sqrt(dots[one][one] * sum(dots[a][b] for a in others for b in others))
        if others and (not length or sum(dots[one][other] for other in others) / length < floor):
            return False
    return True
