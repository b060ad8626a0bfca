"""From samples to points that show gaze: which to believe, and in which direction they look."""

from __future__ import annotations

import math

from gaze.blink import LidRules, Lids
from gaze.geometry import tangent_scale
from gaze.head import HeadCompensator, HeadRotation
from gaze.hold import Point
from gaze.types import GazeSample


class Intake:
    """Sorts samples into gaze and none.

    No gaze is what has no place, what an eye tracker doubts, what comes while the eye is closed, and what a frozen tracker repeats.

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        lids: When the eye counts as closed.
        frozen_ns: An eye tracker that gives the same place to the last digit for this long has stopped looking.

    Raises:
        ValueError: The camera is impossible.
    """

    def __init__(self, hfov_deg: float, aspect: float, lids: LidRules, frozen_ns: int) -> None:
        self._width, self._height = tangent_scale(hfov_deg, aspect)
        self._camera = (hfov_deg, aspect)
        self._head: HeadCompensator | None = None
        self._lids = Lids(lids)
        self._frozen_ns = frozen_ns
        self._same: tuple[float | None, float | None] = (None, None)
        self._same_ns = 0
        self._spare: list[Point] = []  # good samples that may yet turn out to be the eye opening
        self.shut_ns: int | None = None
        """Since when the eye is closed or the tracker lost; ``None`` while it sees."""
        self.frozen = 0
        """Samples left out so far because the tracker repeats itself."""

    def compensate(self) -> None:
        """From now on samples come with the head's rotation."""
        self._head = self._head or HeadCompensator(*self._camera)

    def take(self, sample: GazeSample, rotation: HeadRotation | None) -> list[Point]:
        """Add a sample, later than the last one.

        Returns:
            The points that are now known to show gaze: none, this one, or also those since the eye opened.
        """
        point = self._point(sample, rotation)
        lids, t_ns = self._lids, sample.t_ns
        # other sources than an eye tracker are guesses, and believed as such
        confidence = 0.0 if point is None else sample.confidence if sample.source == "tracker" else 1.0
        shut_ns = lids.shut(t_ns, confidence)
        if point is None or confidence < lids.least:
            self._spare.clear()
            if shut_ns is not None and self.shut_ns is None:
                self.shut_ns = shut_ns
            return []
        if shut_ns is not None:
            self.shut_ns = shut_ns if self.shut_ns is None else self.shut_ns
            self._spare.append(point)
            return []
        self.shut_ns = None
        if not self._spare:
            return [point]
        points, self._spare = [*self._spare, point], []
        return points

    def _point(self, sample: GazeSample, rotation: HeadRotation | None) -> Point | None:
        x, y, t_ns = sample.x_norm, sample.y_norm, sample.t_ns
        world = self._head.feed(sample, rotation) if self._head is not None else None
        if x is None or y is None or not sample.worn:
            return None
        if x == self._same[0] and y == self._same[1]:
            if sample.source == "tracker" and t_ns - self._same_ns >= self._frozen_ns:
                self.frozen += 1
                return None
        else:
            self._same, self._same_ns = (x, y), t_ns
        if world is not None:
            return Point(t_ns, x, y, world.ray, sample.confidence, sample.source)
        px, py = (x - 0.5) * self._width, (y - 0.5) * self._height
        length = math.sqrt(px * px + py * py + 1.0)
        return Point(t_ns, x, y, (px / length, py / length, 1.0 / length), sample.confidence, sample.source)
