"""Both levels of eye events from one stream: movements, and the dwells they add up to."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from gaze.detect import FixationDetector
from gaze.dwell import DwellTracker
from gaze.head import HeadRotation
from gaze.labels import EyeLabel
from gaze.types import EyeEvent, GazeSample


class EyeEvents:
    """Gaze samples in; fixations, pursuits, saccades, blinks, losses and dwells out, with ids unique across all of them.

    The result does not depend on how the samples are cut into blocks.

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        labels: Also keep a label for every sample, for :meth:`labels`.
        first_id: Of the first thing found; a detector that takes over from another begins beyond its ids.

    Raises:
        ValueError: The camera is impossible.
    """

    def __init__(self, hfov_deg: float, aspect: float, *, labels: bool = False, first_id: int = 1) -> None:
        ids = itertools.count(first_id)
        self._detector = FixationDetector(hfov_deg, aspect, ids=ids, labels=labels)
        self._dwells = DwellTracker(hfov_deg, aspect, ids=ids)

    @property
    def dropped(self) -> dict[str, int]:
        """Samples left out so far, by reason.

        ``clock`` went back in time, ``duplicate`` repeats a time; ``frozen``, named once there are any, repeats a place to the last
        digit for seconds on end: a tracker that stopped looking.
        """
        return dict(self._detector.dropped)

    def feed(self, samples: Sequence[GazeSample], rotations: Sequence[HeadRotation | None] | None = None) -> list[EyeEvent]:
        """Take samples in order of time and return what they reveal, in order of ``t_emit_ns``.

        Args:
            samples: Any number.
            rotations: How the head turned since the sample before, one for each sample, ``None`` where it is not known. Movements are
                then judged in the world instead of the picture; places are still given in the picture.

        Raises:
            ValueError: Not one rotation a sample, or one that is not finite.
        """
        if rotations is not None and len(rotations) != len(samples):
            raise ValueError(f"each sample needs its rotation or None, got {len(rotations)} for {len(samples)} samples")
        out: list[EyeEvent] = []
        # one by one: both levels draw their ids from one count, in the order in which things are found
        for k, sample in enumerate(samples):
            self._pass_on(self._detector.feed((sample,), None if rotations is None else (rotations[k],)), out)
        return out

    def advance(self, t_ns: int) -> list[EyeEvent]:
        """Stream time is ``t_ns``: end what a tracker that fell silent leaves open."""
        out: list[EyeEvent] = []
        self._pass_on(self._detector.advance(t_ns), out)
        return out

    def labels(self) -> list[EyeLabel]:
        """The labels since the last call: each sample once ``provisional`` and once ``final``, each stage in order of time.

        Empty unless made with ``labels``.
        """
        return self._detector.labels()

    def _pass_on(self, events: list[EyeEvent], out: list[EyeEvent]) -> None:
        for event in events:
            out.append(event)
            out.extend(self._dwells.feed(event))
