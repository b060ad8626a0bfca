"""The fixation rule that StreamGaze (2025) released, as it was released, defects included: for data parity, not for use.

Its "fixations" last 2 s and more; they are what :mod:`gaze.dwell` calls dwells, found another way. What the released code does:

- A fixation holds while gaze stays within a radius of its *first* sample, in normalised units whose x and y are not the same angle.
  One noisy frame ends it, and the rest must last 2 s again. Slow drift becomes a chain of fixations.
- The "gap tolerance" compares the step between two *frames* with its threshold: with 0.01 s at 24 to 30 frames a second it never
  applies; with 0.2 s, the default of the function, it always does and a fixation never ends.
- Whether gaze was tracked is not asked: a frame without gaze has the position (0, 0) and is taken as a look at the upper left corner.
- Neighbouring fixations are merged if their centres are less than 50 apart, a number of pixels; the centres are normalised, so only
  the time between them decides.
- Samples that share a frame are averaged one after the other, which weighs the last one most.

What compares pictures (scene consistency, look-alike episodes) is left out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SHORTEST_S = 2.0
GAP_S = 0.01
KEPT_S = 2.5
MERGE_APART = 50.0
MERGE_S = 2.0
EGTEA_WIDTH_PX, EGTEA_HEIGHT_PX = 1280.0, 960.0

UNTRACKED, FIXATION, SACCADE, UNKNOWN, TRUNCATED = range(5)
"""Types of a frame's gaze. The fixation rule does not look at them; the drawing does."""


class Frame(NamedTuple):
    """The gaze of one video frame.

    Attributes:
        t_s: Time of the frame, seconds.
        x_norm: 0 left to 1 right, 0 where there was no gaze.
        y_norm: 0 top to 1 bottom, 0 where there was no gaze.
    """

    t_s: float
    x_norm: float
    y_norm: float


class Segment(NamedTuple):
    """A stretch of gaze: a fixation, or with :func:`confusions` a stretch of motion.

    Attributes:
        start_s: First frame, seconds.
        end_s: Last frame, seconds.
        x_norm: Mean of its frames.
        y_norm: Mean of its frames.
    """

    start_s: float
    end_s: float
    x_norm: float
    y_norm: float

    @property
    def duration_s(self) -> float:
        """From the first frame to the last, seconds: one frame shorter than it was seen."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Source:
    """How the released pipeline treats a data set.

    Attributes:
        fps: Frames a second.
        radius_norm: Of a fixation, where it is fixed.
        radius_px: Of a fixation in pixels, to be divided by the width of the video, where that is how it is given.
        fov_px: Radius of the circle drawn around gaze, where it is fixed.
        fov_share: The same as a share of the width.
    """

    fps: float
    radius_norm: float | None = None
    radius_px: float | None = None
    fov_px: int | None = None
    fov_share: float | None = None

    def radius(self, width_px: int) -> float:
        """Radius of a fixation for a video this wide, normalised."""
        if self.radius_norm is not None:
            return self.radius_norm
        if self.radius_px is None or width_px < 1:
            raise ValueError(f"a source has a radius and its video a width, got {self} and {width_px}")
        return self.radius_px / width_px

    def fov_radius_px(self, width_px: int) -> int:
        """Radius of the circle drawn for a video this wide, pixels."""
        if self.fov_px is not None:
            return self.fov_px
        if self.fov_share is None:
            raise ValueError(f"a source has a field of view, got {self}")
        return int(self.fov_share * width_px)


SOURCES = {
    "egtea": Source(24.0, radius_norm=0.15, fov_px=100),
    "ego4d": Source(30.0, radius_norm=0.088, fov_px=170),
    "egoexo": Source(30.0, radius_px=96.0, fov_share=0.156),
    "holoassist": Source(24.46, radius_px=96.0, fov_share=0.156),
}


def fixations(frames: Sequence[Frame], radius_norm: float, *, shortest_s: float = SHORTEST_S, gap_s: float = GAP_S) -> list[Segment]:
    """Fixations by the released rule.

    Args:
        frames: One a video frame, in order of time, those without gaze included.
        radius_norm: Farthest from the first sample.
        shortest_s: Shortest fixation.
        gap_s: A sample too far away is passed over, and counted in, if the step to it is no longer than this.

    Raises:
        ValueError: Times that do not increase, positions that are not finite, or thresholds that are not positive.
    """
    _check(frames)
    if not (radius_norm > 0.0 and shortest_s > 0.0):
        raise ValueError(f"radius and shortest duration are positive, got {radius_norm} and {shortest_s}")
    found: list[Segment] = []
    first = 0
    for k in range(1, len(frames) + 1):
        if k < len(frames):
            away = math.sqrt((frames[k].x_norm - frames[first].x_norm) ** 2 + (frames[k].y_norm - frames[first].y_norm) ** 2)
            if away <= radius_norm or frames[k].t_s - frames[k - 1].t_s <= gap_s:
                continue
        if frames[k - 1].t_s - frames[first].t_s >= shortest_s:
            found.append(_segment(frames[first:k]))
        first = k
    return found


def kept(segments: Iterable[Segment], shortest_s: float = KEPT_S) -> list[Segment]:
    """Those long enough for the second step of the pipeline."""
    return [segment for segment in segments if segment.duration_s >= shortest_s]


def merged(segments: Sequence[Segment], *, apart: float = MERGE_APART, within_s: float = MERGE_S) -> list[Segment]:
    """Episodes: neighbours joined as released, that is, by time alone unless ``apart`` is set to something a normalised place can reach.

    The released code gives an episode no centre; here it is the mean of the centres.
    """
    episodes: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda s: s.start_s):
        if episodes:
            last = episodes[-1][-1]
            near = math.dist((last.x_norm, last.y_norm), (segment.x_norm, segment.y_norm)) < apart
            if near and segment.start_s - last.end_s < within_s:
                episodes[-1].append(segment)
                continue
        episodes.append([segment])
    return [
        Segment(e[0].start_s, max(s.end_s for s in e), float(np.mean([s.x_norm for s in e])), float(np.mean([s.y_norm for s in e])))
        for e in episodes
    ]


def confusions(frames: Sequence[Frame], *, faster_than: float = 0.01, shortest_s: float = 2.5, farther_than: float = 0.1) -> list[Segment]:
    """What the released code calls confusion and only plots: gaze in motion for 2.5 s and over more than a tenth of the picture.

    Args:
        frames: As for :func:`fixations`.
        faster_than: Speed from frame to frame, picture widths a second; slower than the drift of a steady eye.
        shortest_s: Shortest stretch.
        farther_than: Range in x or in y, normalised.

    Raises:
        ValueError: Times that do not increase or positions that are not finite.
    """
    _check(frames)
    moving = [False]
    for a, b in itertools.pairwise(frames):
        moving.append(math.hypot(b.x_norm - a.x_norm, b.y_norm - a.y_norm) / (b.t_s - a.t_s) > faster_than)
    found: list[Segment] = []
    for fast, group in itertools.groupby(zip(moving, frames, strict=False), key=lambda pair: pair[0]):
        stretch = [frame for _, frame in group]
        if fast and stretch[-1].t_s - stretch[0].t_s >= shortest_s:
            xs, ys = [f.x_norm for f in stretch], [f.y_norm for f in stretch]
            if max(max(xs) - min(xs), max(ys) - min(ys)) > farther_than:
                found.append(_segment(stretch))
    return found


def fold(samples: Iterable[tuple[int, float, float]]) -> dict[int, tuple[float, float]]:
    """Samples that share a frame as one, by the released running pairwise average.

    Args:
        samples: ``(frame, x, y)`` in order of time.

    Returns:
        Place by frame. Three samples a, b, c become (a + b) / 4 + c / 2, not their mean.
    """
    places: dict[int, tuple[float, float]] = {}
    for frame, x, y in samples:
        x0, y0 = places.get(frame, (x, y))
        places[frame] = ((x0 + x) / 2.0, (y0 + y) / 2.0) if frame in places else (x, y)
    return places


def egtea_place(x_px: float, y_px: float) -> tuple[float, float]:
    """A BeGaze position as normalised: moved into the picture, 0..1279 and 0..959, then divided by its size.

    In the released code the type that marks such a frame as out of the picture is overwritten right after it is set, so EGTEA frames
    are never marked.
    """
    x, y = min(max(0.0, x_px), EGTEA_WIDTH_PX - 1.0), min(max(0.0, y_px), EGTEA_HEIGHT_PX - 1.0)
    return x / EGTEA_WIDTH_PX, y / EGTEA_HEIGHT_PX


def ego4d_type(confidence: float) -> int:
    """Type of an Ego4D sample: high confidence is called a fixation, middling a saccade."""
    return FIXATION if confidence >= 0.9 else SACCADE if confidence >= 0.5 else UNKNOWN


def frames_of(places: npt.ArrayLike, fps: float) -> list[Frame]:
    """Frames from places in order.

    Args:
        places: float [n, 2], normalised.
        fps: Frames a second.

    Raises:
        ValueError: Not such an array, or a rate that is not positive.
    """
    table = np.asarray(places, np.float64)
    if table.ndim != 2 or table.shape[1] != 2 or not fps > 0.0:
        raise ValueError(f"places are [n, 2] at a positive rate, got {list(table.shape)} at {fps}")
    return [Frame(k / fps, x, y) for k, (x, y) in enumerate(table.tolist())]


def _segment(frames: Sequence[Frame]) -> Segment:
    x_norm, y_norm = (float(np.mean([frame[axis] for frame in frames])) for axis in (1, 2))
    return Segment(frames[0].t_s, frames[-1].t_s, x_norm, y_norm)


def _check(frames: Sequence[Frame]) -> None:
    if not all(math.isfinite(value) for frame in frames for value in frame):
        raise ValueError("every frame has a time and a place; the released code writes (0, 0) for a frame without gaze")
    if any(b.t_s <= a.t_s for a, b in itertools.pairwise(frames)):
        raise ValueError("frames come in order of time, no time twice")
