"""Gaze speed on one sampling step: from the mean place of the window before it to the mean place of the window after it."""

from __future__ import annotations

from math import dist
from typing import TypeAlias

from gaze.roughness import DEG, Ray

Sums: TypeAlias = tuple[float, float, float, float]
"""Sums of x, y, z and seconds over the samples so far; the difference of two gives a mean."""


class Window:
    """The samples before a step and those after it, as far as the window reaches; slides along the run.

    Args:
        width_ns: How far it reaches on either side.
    """

    __slots__ = ("first", "last", "scale", "width_ns")

    def __init__(self, width_ns: int) -> None:
        self.first = self.last = 0
        self.widen(width_ns)

    def widen(self, width_ns: int) -> None:
        """From now on it reaches this far; ``scale`` is the width in seconds to the power -1.5."""
        self.width_ns, self.scale = width_ns, (width_ns * 1e-9) ** -1.5

    def measure(self, at: int, times: list[int], sums: list[Sums]) -> tuple[float, Ray, Ray]:
        """Gaze speed on the step from sample ``at`` to the next, degrees a second, and the mean directions before and after it.

        Steps come in order. ``sums[k]`` holds the sums over samples 0 to k-1, so that a mean is one subtraction.
        """
        start_ns, end_ns = times[at + 1] - self.width_ns, times[at] + self.width_ns
        first, last = self.first, self.last
        if last <= at:
            last = at + 1
        while first < at and times[first] < start_ns:
            first += 1
        newest = len(times) - 1
        while last < newest and times[last + 1] <= end_ns:
            last += 1
        self.first, self.last = first, last
        x0, y0, z0, s0 = sums[first]
        x1, y1, z1, s1 = sums[at + 1]
        x2, y2, z2, s2 = sums[last + 1]
        n, m = at + 1 - first, last - at
        before, after = ((x1 - x0) / n, (y1 - y0) / n, (z1 - z0) / n), ((x2 - x1) / m, (y2 - y1) / m, (z2 - z1) / m)
        return DEG * dist(before, after) / ((s2 - s1) / m - (s1 - s0) / n), before, after
