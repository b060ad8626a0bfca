"""The head's rotation by the scene camera's pictures, for wearers without a gyroscope.

Corners (Shi and Tomasi 1994) are followed from each picture to the next (Lucas and Kanade 1981, on a pyramid as in Bouguet 2000), there
and back; what does not come back to where it began is left out. The camera model turns places into directions, and
:mod:`devices.ray_motion` explains how these changed. An answer is given only where it can be stood by; every other frame is counted,
with the reason.

What no picture can tell: a wearer in a moving room (a bus, a lift) turns with it unseen, and where most of what is in view moves as one
thing, that thing is taken for the world. A rolling shutter is not undone.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.ray_motion import fit_motion
from edge_runtime.config import MS
from gaze.camera import Camera
from gaze.head import HeadRotation

Grey = npt.NDArray[np.uint8]
Places = npt.NDArray[np.float32]

LONGEST_PX = 320
"""Longer side of the pictures that are worked on."""
_MOST_CORNERS, _APART_PX, _CORNER_PX = 300, 6, 5
_QUALITY = 0.002
_CELLS, _IN_CELL = (8, 5), 3
"""The picture is divided so, across and down, and so many corners taken of each part, for what has most corners may be what moves."""
_WINDOW_PX, _LEVELS = 15, 3
_ENOUGH = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 10, 0.03)
_RETURN_PX = 0.3
_NOISE_PX = 0.1
_DARK = 12.0
"""Mean luma, of 255, under which noise is followed instead of things."""
_FEWEST = 20
_LEAST_FOLLOWED = 0.3
_LEAST_EXPLAINED = 0.6
_WORST_ERROR_DEG = 0.5
_REASONS = ("first", "clock", "gap", "dark", "featureless", "lost", "inconsistent", "uncertain")
_HELD = 1.5
"""A rate is held for so many times the span over which it was measured."""


class HeadTurn(NamedTuple):
    """How the head turned between two pictures.

    Attributes:
        start_ns: When the earlier picture was taken.
        end_ns: When the later one was taken; known from then on, and the time that measuring takes.
        rotation: In the camera frame of the earlier one, degrees; signs as in :mod:`gaze.head`.
        explained: Share of the corners followed that the motion explains, 0..1.
        error_deg: Standard error about the worst axis.
        travelled: Whether the head is also seen to have moved from its place.
    """

    start_ns: int
    end_ns: int
    rotation: HeadRotation
    explained: float
    error_deg: float
    travelled: bool


class _Seen(NamedTuple):
    """A picture at working size, ready to be followed."""

    t_ns: int
    small: Grey


class HeadFlow:
    """Pictures in, head turns out: each frame is answered at once, against the one before.

    Args:
        camera: Of the pictures, or of larger or smaller ones of the same shape.
        gap_ns: Pictures further apart are not compared.

    Attributes:
        unknown: Frames without an answer, by reason: ``first``, ``clock`` (not later than the one before, and left out), ``gap``, ``dark``,
            ``featureless`` (too few corners: blank or blurred), ``lost`` (too few of them found again: a cut, a blur, a turn too fast),
            ``inconsistent`` (no one motion explains them), ``uncertain`` (they leave the turn open).
    """

    def __init__(self, camera: Camera, *, gap_ns: int = 250 * MS) -> None:
        self._camera, self._gap_ns = camera, gap_ns
        scale = LONGEST_PX / max(camera.width_px, camera.height_px)
        self._size_px = (max(1, round(camera.width_px * scale)), max(1, round(camera.height_px * scale)))
        self._noise_rad = _NOISE_PX / (camera.fx_px * self._size_px[0] / camera.width_px)
        self._before: _Seen | None = None
        self.unknown = dict.fromkeys(_REASONS, 0)

    def feed(self, image: Grey, t_capture_ns: int) -> HeadTurn | None:
        """Take the next picture.

        Args:
            image: uint8 [H, W, 3] BGR, or [H, W] luma.
            t_capture_ns: When it was taken.

        Returns:
            How the head turned since the last picture, or ``None`` where that is not known.

        Raises:
            ValueError: The picture is of another shape than the camera's.
        """
        found = self._answer(image, t_capture_ns)
        if isinstance(found, str):
            self.unknown[found] += 1
            return None
        return found

    def _answer(self, image: Grey, t_ns: int) -> HeadTurn | str:
        """The turn, or why there is none."""
        before = self._before
        if before is not None and t_ns <= before.t_ns:
            return "clock"
        now = self._before = self._see(image, t_ns)
        if before is None:
            return "first"
        if now.t_ns - before.t_ns > self._gap_ns:
            return "gap"
        if min(cv2.mean(before.small)[0], cv2.mean(now.small)[0]) < _DARK:
            return "dark"
        corners = _corners(before.small)
        if len(corners) < _FEWEST:
            return "featureless"
        old, new = self._rays(np.stack(_follow(before.small, now.small, corners)))
        known = np.isfinite(old).all(axis=1) & np.isfinite(new).all(axis=1)
        if known.sum() < max(_FEWEST, _LEAST_FOLLOWED * len(corners)):
            return "lost"
        motion = fit_motion(old[known], new[known], self._noise_rad)
        if motion.explained < _LEAST_EXPLAINED:
            return "inconsistent"
        error_deg = math.degrees(motion.error_rad)
        if error_deg > _WORST_ERROR_DEG:
            return "uncertain"
        pitch, yaw, roll = np.degrees(motion.turn).tolist()
        return HeadTurn(before.t_ns, now.t_ns, HeadRotation(yaw, pitch, roll), motion.explained, error_deg, motion.travelled)

    def _see(self, image: Grey, t_ns: int) -> _Seen:
        height, width = image.shape[:2]
        if abs(width * self._camera.height_px - height * self._camera.width_px) > 0.01 * width * self._camera.height_px:
            camera = f"{self._camera.width_px} x {self._camera.height_px}"
            raise ValueError(f"a picture of {width} x {height} is not of the shape of the camera's, {camera}")
        grey = (cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image).astype(np.uint8, copy=False)
        if (width, height) != self._size_px:
            grey = cv2.resize(grey, self._size_px, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        return _Seen(t_ns, grey)

    def _rays(self, places: Places) -> npt.NDArray[np.float64]:
        """Directions float64 [..., 3] of places in the small picture; NaN beyond the lens model."""
        # a pixel of OpenCV's is named by its middle, a place of the camera's is counted from the picture's edge
        whole = (places + 0.5) * (self._camera.width_px / self._size_px[0], self._camera.height_px / self._size_px[1])
        return self._camera.px_to_ray(whole[..., 0], whole[..., 1], strict=False)


def spread(turns: Sequence[HeadTurn], times_ns: Sequence[int]) -> list[HeadRotation | None]:
    """How the head turned from gaze sample to gaze sample, by what was known at each.

    Between frames the rate of the newest turn that had ended is held; nothing waits, and nothing is put right afterwards. So what a
    sample is given is, on average, as old as one frame's span: half of it for the rate's own age, and half for the wait for the next.

    Args:
        turns: In order of time.
        times_ns: Of the samples, going up.

    Returns:
        One for each sample, as :meth:`gaze.EyeEvents.feed` takes it: ``None`` for the first and where no turn is known that ended, or was
        held, closely enough before.
    """
    ends_ns = [turn.end_ns for turn in turns]
    out: list[HeadRotation | None] = []
    for k, t_ns in enumerate(times_ns):
        newest = bisect_right(ends_ns, t_ns) - 1
        turn = turns[newest] if newest >= 0 else None
        if k == 0 or turn is None or t_ns - turn.end_ns > _HELD * (turn.end_ns - turn.start_ns):
            out.append(None)
        else:
            share = (t_ns - times_ns[k - 1]) / (turn.end_ns - turn.start_ns)
            out.append(HeadRotation(*(share * angle for angle in turn.rotation)))
    return out


def _corners(grey: Grey) -> Places:
    """The best corners of every part of a picture, float32 [n, 1, 2]."""
    found = cv2.goodFeaturesToTrack(grey, _MOST_CORNERS, _QUALITY, _APART_PX, blockSize=_CORNER_PX)
    if found is None:
        return np.empty((0, 1, 2), np.float32)
    height, width = grey.shape
    column, row = (found[:, 0] * (_CELLS[0] / width, _CELLS[1] / height)).astype(np.int64).T
    cell = row * _CELLS[0] + column
    # best first; sorted by cell without changing that, a corner's place among its cell's is its distance from the cell's first
    order = np.argsort(cell, kind="stable")
    place = np.arange(len(order)) - np.searchsorted(cell[order], cell[order])
    return np.asarray(found[order[place < _IN_CELL]], np.float32)


def _follow(before: Grey, now: Grey, corners: Places) -> tuple[Places, Places]:
    """Places of the corners in both pictures, float32 [n, 2]; those that do not come back to where they were are left out."""
    there, found = _track(before, now, corners)
    back, found_again = _track(now, before, there)
    height, width = now.shape
    inside = ((there > 0.0) & (there < (width - 1, height - 1))).all(axis=(1, 2))
    kept = inside & found & found_again & (np.abs(back - corners).max(axis=(1, 2)) < _RETURN_PX)
    return corners[kept, 0], there[kept, 0]


def _track(start: Grey, end: Grey, places: Places) -> tuple[Places, npt.NDArray[np.bool_]]:
    """Where places float32 [n, 1, 2] of one picture lie in another, and which were found."""
    size = (_WINDOW_PX, _WINDOW_PX)
    there, found, _ = cv2.calcOpticalFlowPyrLK(start, end, places, places.copy(), winSize=size, maxLevel=_LEVELS, criteria=_ENOUGH)
    return np.asarray(there, np.float32), np.asarray(found, np.uint8)[:, 0] > 0
