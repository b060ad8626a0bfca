"""What a wearer's eyes say: samples in, events out.

Coordinates are normalised to the scene camera's picture: ``x_norm`` and ``y_norm`` run from 0 to 1 with the
origin at the top left. A value outside 0..1 means that the gaze left the picture. Times are integer
nanoseconds on the clock of the frames they will be paired with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GazeSource = Literal["tracker", "pointer", "saliency", "prior"]
"""Where a gaze point comes from, best first: an eye tracker, a pointing device, a guess from the picture, the centre."""

EyeKind = Literal["fixation", "pursuit", "saccade", "blink", "lost", "dwell"]
"""Eye movements, and ``dwell``: gaze kept on one thing for seconds, bridging saccades inside it and single bad samples."""

Stage = Literal["provisional", "final"]


@dataclass(frozen=True, slots=True)
class GazeSample:
    """One gaze point.

    Attributes:
        t_ns: Capture time, nanoseconds.
        x_norm: Horizontal position, 0 left to 1 right; ``None`` while the eye is closed or untracked.
        y_norm: Vertical position, 0 top to 1 bottom; ``None`` together with ``x_norm``.
        confidence: 0 (a guess) to 1.
        worn: Whether the device sits on a head.
        source: Where the point comes from.

    Raises:
        ValueError: One coordinate without the other, a coordinate that is not finite, or a confidence outside 0..1.
    """

    t_ns: int
    x_norm: float | None
    y_norm: float | None
    confidence: float = 1.0
    worn: bool = True
    source: GazeSource = "tracker"

    def __post_init__(self) -> None:
        if (self.x_norm is None) != (self.y_norm is None):
            raise ValueError("a gaze point has both coordinates or none")
        for value in (self.x_norm, self.y_norm):
            if value is not None and not -1e6 < value < 1e6:
                raise ValueError(f"a gaze coordinate is finite, got {value}")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence lies in 0..1, got {self.confidence}")

    @property
    def valid(self) -> bool:
        """Whether there is a point at all, on a worn device."""
        return self.worn and self.x_norm is not None


@dataclass(frozen=True, slots=True)
class EyeEvent:
    """One eye movement, reported at its start, while it lasts, and at its end.

    The same ``id`` is reported several times: ``provisional`` as it grows, ``final`` once, after which nothing about it
    changes.

    Attributes:
        id: Counts up; one number for one movement.
        kind: What the eye does.
        t_start_ns: First sample, nanoseconds.
        t_end_ns: Last sample so far, nanoseconds.
        x_norm: Median horizontal place, ``None`` for a blink or a loss.
        y_norm: Median vertical place, ``None`` together with ``x_norm``.
        dispersion_deg: Spread of the samples, degrees of visual angle (root mean square distance to the median).
        stage: Whether it may still change.
        t_emit_ns: Stream time at which this report could first be made; never earlier than ``t_end_ns``.
        confidence: Mean confidence of the samples, 0..1.
        source: Where the samples come from.
    """

    id: int
    kind: EyeKind
    t_start_ns: int
    t_end_ns: int
    x_norm: float | None
    y_norm: float | None
    dispersion_deg: float
    stage: Stage
    t_emit_ns: int
    confidence: float = 1.0
    source: GazeSource = "tracker"

    @property
    def duration_ns(self) -> int:
        """Length so far, nanoseconds."""
        return self.t_end_ns - self.t_start_ns
