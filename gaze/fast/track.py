"""The compiled detector in the place of the readable one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from gaze.dwell import DwellTracker
from gaze.fast.detector import CompiledDetector, Table, Told
from gaze.fast.state import KINDS, STAGES
from gaze.head import HeadRotation
from gaze.labels import EyeLabel
from gaze.types import EyeEvent, GazeSample, GazeSource

_UNKNOWN = (math.nan, math.nan, math.nan)


class CompiledEyeEvents:
    """What :class:`gaze.track.EyeEvents` is, with the same results, for samples that all come from one source.

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        labels: Also keep a label for every sample, for :meth:`labels`.
        source: Where all the samples come from.

    Raises:
        ValueError: The camera is impossible.
    """

    def __init__(self, hfov_deg: float, aspect: float, *, labels: bool = False, source: GazeSource = "tracker") -> None:
        self._detector = CompiledDetector(hfov_deg, aspect, source=source)
        self._ids = itertools.count(1)
        self._dwells = DwellTracker(hfov_deg, aspect, ids=self._ids)
        self._source = source
        self._labels: list[EyeLabel] | None = [] if labels else None
        self._numbers: dict[int, int] = {}  # id of an event that is not final, by the detector's own number

    @property
    def dropped(self) -> dict[str, int]:
        """Samples left out so far, by reason."""
        return self._detector.dropped

    def feed(self, samples: Sequence[GazeSample], rotations: Sequence[HeadRotation | None] | None = None) -> list[EyeEvent]:
        """Take samples in order of time and return what they reveal, in order of ``t_emit_ns``.

        Args:
            samples: Any number; the more at once, the less each of them costs.
            rotations: How the head turned since the sample before, one for each sample, ``None`` where it is not known.

        Raises:
            ValueError: Not one rotation a sample, one that is not finite, or another source; nothing was taken then.
        """
        if rotations is not None and len(rotations) != len(samples):
            raise ValueError(f"each sample needs its rotation or None, got {len(rotations)} for {len(samples)} samples")
        if any(sample.source != self._source for sample in samples):
            raise ValueError(f"all samples come from the source {self._source!r}, as it was said")
        return self._pass_on(
            self._detector.feed(
                [sample.t_ns for sample in samples],
                [math.nan if sample.x_norm is None else sample.x_norm for sample in samples],
                [math.nan if sample.y_norm is None else sample.y_norm for sample in samples],
                [sample.confidence for sample in samples],
                [sample.worn for sample in samples],
                [rotation or _UNKNOWN for rotation in rotations] if rotations else None,
            )
        )

    def advance(self, t_ns: int) -> list[EyeEvent]:
        """Stream time is ``t_ns``: end what a tracker that fell silent leaves open."""
        return self._pass_on(self._detector.advance(t_ns))

    def labels(self) -> list[EyeLabel]:
        """The labels since the last call, as :meth:`gaze.track.EyeEvents.labels` gives them."""
        if self._labels is None:
            return []
        out, self._labels = self._labels, []
        return out

    def _pass_on(self, told: Told) -> list[EyeEvent]:
        if self._labels is not None:
            self._labels += _eye_labels(told.labels)
        out: list[EyeEvent] = []
        # both levels draw their ids from one count, sample by sample
        for _, rows in itertools.groupby(told.events, key=lambda row: int(row["fed"])):
            events = [self._event(row) for row in rows]
            for event in events:
                out.append(event)
                out.extend(self._dwells.feed(event))
        return out

    def _event(self, row: Table) -> EyeEvent:
        number, stage = int(row["id"]), STAGES[row["stage"]]
        eye_id = self._numbers.pop(number, 0) or next(self._ids)
        if stage != "final":
            self._numbers[number] = eye_id
        gone = math.isnan(row["x_norm"])
        return EyeEvent(
            id=eye_id,
            kind=KINDS[row["kind"]],
            t_start_ns=int(row["t_start_ns"]),
            t_end_ns=int(row["t_end_ns"]),
            x_norm=None if gone else float(row["x_norm"]),
            y_norm=None if gone else float(row["y_norm"]),
            dispersion_deg=float(row["dispersion_deg"]),
            stage=stage,
            t_emit_ns=int(row["t_emit_ns"]),
            confidence=float(row["confidence"]),
            source=self._source,
        )


def _eye_labels(labels: Table) -> list[EyeLabel]:
    kinds, stages = (KINDS[k] for k in labels["kind"].tolist()), (STAGES[k] for k in labels["stage"].tolist())
    return list(map(EyeLabel, labels["t_ns"].tolist(), kinds, stages, labels["t_emit_ns"].tolist()))
