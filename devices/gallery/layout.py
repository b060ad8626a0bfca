"""What hangs on the wall of the sample, where, and when: things keep their places, the mug does not.

Wall coordinates are metres: x to the right along the wall, y up from the floor, z out of the wall into the room.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_runtime.config import MS

WALL_LEFT_M, WALL_RIGHT_M, WALL_TOP_M = -3.2, 27.0, 3.2
HANG_M = 1.55
"""Height at which pictures are hung, their middle."""
DADO_M, SKIRTING_M, PICTURE_RAIL_M = 0.86, 0.17, 2.72

Mount = Literal["black", "oak", "gilt", "print", "card", "pinned"]
"""How it is put up: three frames, a print standing on a ledge, a card on the wall, a sheet on pins."""


@dataclass(frozen=True)
class Thing:
    """Something on the wall.

    Attributes:
        name: What it is, as the known answers call it.
        image: Which picture or card it shows.
        x_m: Middle, along the wall.
        y_m: Middle, above the floor.
        width_m: Of the picture itself, without its frame.
        height_m: Of the picture itself, without its frame.
        mount: How it is put up.
        from_ns: There from this time on.
        to_ns: Gone from this time on.
    """

    name: str
    image: str
    x_m: float
    y_m: float
    width_m: float
    height_m: float
    mount: Mount
    from_ns: int = 0
    to_ns: int = 2**62

    def there(self, t_ns: int) -> bool:
        """Whether it is on the wall at that time, in view or not."""
        return self.from_ns <= t_ns < self.to_ns


MUG_GONE_NS = 22_800 * MS
"""Somebody takes the mug while the wearer looks at the motorcycle, four metres on."""
MUG_BACK_NS = 30_000 * MS
"""It is put down again, ten metres away, while the wearer looks at the empty ledge."""
LEDGE_A_M, LEDGE_B_M = 3.85, 12.95
LEDGE_Y_M = 1.18
"""Upper side of both ledges."""
_MUG_M = 0.74
_MUG_Y_M = LEDGE_Y_M + _MUG_M * 0.433 + 0.018
"""It stands on the ledge with its white edge."""

THINGS: tuple[Thing, ...] = (
    Thing("room", "room", 1.20, HANG_M, 0.74, 0.50, "card"),
    Thing("cat", "cat", 2.55, HANG_M, 0.80, 0.76, "black"),
    Thing("mug", "mug", LEDGE_A_M, _MUG_Y_M, _MUG_M, _MUG_M * 0.866, "print", to_ns=MUG_GONE_NS),
    Thing("dahlia", "dahlia", 5.15, HANG_M, 0.74, 0.70, "oak"),
    Thing("exit", "exit", 6.45, HANG_M + 0.02, 0.70, 0.36, "card"),
    Thing("motorcycle", "motorcycle", 7.75, HANG_M, 0.92, 0.63, "black"),
    Thing("pagoda", "pagoda", 9.10, HANG_M, 0.86, 0.64, "gilt"),
    Thing("menu", "menu", 10.40, HANG_M, 0.70, 0.48, "card"),
    Thing("bus", "bus", 11.65, HANG_M, 0.88, 0.62, "oak"),
    Thing("mug", "mug", LEDGE_B_M, _MUG_Y_M, _MUG_M, _MUG_M * 0.866, "print", from_ns=MUG_BACK_NS),
    Thing("coins", "coins", 14.30, HANG_M, 0.76, 0.60, "gilt"),
    Thing("astronaut", "astronaut", 15.65, HANG_M, 0.70, 0.70, "oak"),
    Thing("letter", "letter", 17.00, HANG_M - 0.02, 0.66, 0.48, "pinned"),
    Thing("rocket", "rocket", 18.35, HANG_M, 0.92, 0.66, "black"),
    Thing("galaxies", "galaxies", 19.75, HANG_M, 0.76, 0.66, "gilt"),
    Thing("photographer", "photographer", 21.15, HANG_M, 0.66, 0.66, "black"),
)
LEDGES_M: tuple[float, ...] = (LEDGE_A_M, LEDGE_B_M)
"""Where a ledge is, middle along the wall, whether something stands on it or not."""


def things_at(t_ns: int) -> tuple[Thing, ...]:
    """What is on the wall at that time."""
    return tuple(thing for thing in THINGS if thing.there(t_ns))


def thing_at(name: str, t_ns: int) -> Thing:
    """The one thing of that name on the wall at that time.

    Raises:
        KeyError: There is none then.
    """
    for thing in things_at(t_ns):
        if thing.name == name:
            return thing
    raise KeyError(f"no {name} on the wall at {t_ns} ns")
