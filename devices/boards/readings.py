"""One look at a board: everything that changes, and when each part of it was read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from devices.boards.heat import Fan, Throttling, Zone, read_fans, read_throttling, read_zones
from devices.boards.power import PowerMode, Rail, read_power_mode, read_rails
from devices.boards.tree import Tree

T = TypeVar("T")
Value = TypeVar("Value", covariant=True)


@dataclass(frozen=True, slots=True)
class Reading(Generic[Value]):
    """A value and when it was read."""

    value: Value
    t_ns: int

    def age_ns(self, now_ns: int) -> int:
        """How old it is, on the clock by which it was read."""
        return now_ns - self.t_ns


@dataclass(frozen=True, slots=True)
class Readings:
    """What a board says of its state; empty or ``None`` where it says nothing."""

    power_mode: Reading[PowerMode | None]
    zones: Reading[tuple[Zone, ...]]
    rails: Reading[tuple[Rail, ...]]
    fans: Reading[tuple[Fan, ...]]
    throttling: Reading[Throttling | None]


def read_board(tree: Tree, now_ns: Callable[[], int]) -> Readings:
    """Read everything that changes. A sensor on a slow bus takes a while, so every part has its own time.

    Args:
        tree: The machine's files.
        now_ns: A monotonic clock.
    """

    def timed(read: Callable[[Tree], T]) -> Reading[T]:
        t_ns = now_ns()
        return Reading(read(tree), t_ns)

    return Readings(timed(read_power_mode), timed(read_zones), timed(read_rails), timed(read_fans), timed(read_throttling))
