"""Both levels of eye events from one stream: movements, and the dwells they add up to."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from gaze.detect import FixationDetector
from gaze.dwell import DwellTracker
from gaze.types import EyeEvent, GazeSample


class EyeEvents:
    """Gaze samples in; fixations, pursuits, saccades, blinks, losses and dwells out, with ids unique across all of them.

    The result does not depend on how the samples are cut into blocks.

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.

    Raises:
        ValueError: The camera is impossible.
    """

    def __init__(self, hfov_deg: float, aspect: float) -> None:
        ids = itertools.count(1)
        self._detector = FixationDetector(hfov_deg, aspect, ids=ids)
        self._dwells = DwellTracker(hfov_deg, aspect, ids=ids)

    @property
    def dropped(self) -> dict[str, int]:
        """Samples left out so far, by reason: ``clock`` (went back in time), ``duplicate`` (time seen before)."""
        return dict(self._detector.dropped)

    def feed(self, samples: Sequence[GazeSample]) -> list[EyeEvent]:
        """Take samples in order of time and return what they reveal, in order of ``t_emit_ns``."""
        out: list[EyeEvent] = []
        for sample in samples:
            self._pass_on(self._detector.feed((sample,)), out)
        return out

    def advance(self, t_ns: int) -> list[EyeEvent]:
        """Stream time is ``t_ns``: end what a tracker that fell silent leaves open."""
        out: list[EyeEvent] = []
        self._pass_on(self._detector.advance(t_ns), out)
        return out

    def _pass_on(self, events: list[EyeEvent], out: list[EyeEvent]) -> None:
        for event in events:
            out.append(event)
            out.extend(self._dwells.feed(event))
