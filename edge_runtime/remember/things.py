"""Things without a name: looks that match nothing taught are kept apart from one another, so that a later lesson finds them."""

from __future__ import annotations

import msgspec

from edge_runtime.records import Dropped
from edge_runtime.remember import sizes
from edge_runtime.remember.likeness import Exact, Mean, cosine, exact, exact_sum, mean_of, to_members
from edge_runtime.types import Vector

MAX_THINGS = 64
SAME = 0.5
"""Cosine from which two looks show one thing. Different things lie near 0.07, the same in other surroundings near 0.44, the same a
moment later far above: half-way errs on the side of a new thing, which a lesson can still join."""


class Thing(msgspec.Struct):
    """A nameless thing: the mean direction of its looks, and when they were."""

    mean: Mean
    first_ns: int
    last_ns: int


class ThingsState(msgspec.Struct):
    """Things by number, the one not seen for longest first."""

    things: dict[int, Thing] = {}
    next_id: int = 1


class Things:
    """Tells nameless things apart.

    Args:
        state: Fresh, or taken from a snapshot.
    """

    def __init__(self, state: ThingsState) -> None:
        self.state = state

    def meet(self, vector: Vector, t_ns: int) -> tuple[str, float]:
        """Take in one look, unit vector float32 [G]; returns the thing's name and how alike they are, 0..1."""
        look = exact(vector)
        best, found = SAME, 0
        for number, thing in self.state.things.items():
            score = to_members(thing.mean, look)
            if score >= best:
                best, found = score, number
        if not found:
            found = self.state.next_id
            self.state.next_id += 1
            self.state.things[found] = Thing(mean_of((vector,)), t_ns, t_ns)
            if len(self.state.things) > MAX_THINGS:
                self.shed()
            return f"thing {found}", best
        thing = self.state.things.pop(found)
        thing.mean.add(vector)
        thing.last_ns = max(thing.last_ns, t_ns)
        self.state.things[found] = thing
        return f"thing {found}", best

    def forget(self, name: str) -> None:
        """Forget a thing by its name."""
        number = name.removeprefix("thing ")
        if number.isdecimal():
            self.state.things.pop(int(number), None)

    def forget_like(self, mean: Exact, least: float) -> None:
        """Forget every thing at least so much like a direction: it has a name now, or must not be remembered."""
        self.state.things = {number: thing for number, thing in self.state.things.items() if cosine(exact_sum(thing.mean), mean) < least}

    def name_one(self) -> str:
        """A name for a thing that has lost its own."""
        self.state.next_id += 1
        return f"thing {self.state.next_id - 1}"

    def forget_since(self, t_ns: int) -> None:
        """Forget every thing seen from a time on: its mean holds what was seen."""
        self.state.things = {number: thing for number, thing in self.state.things.items() if thing.last_ns < t_ns}

    @property
    def nbytes(self) -> int:
        """What the things weigh."""
        return sum(thing.mean.total.nbytes + sizes.PLACE_BYTES for thing in self.state.things.values())

    def shed(self) -> tuple[Dropped, ...]:
        """Let the thing go that was not seen for longest."""
        del self.state.things[next(iter(self.state.things))]
        return (Dropped("thing", "budget"),)
