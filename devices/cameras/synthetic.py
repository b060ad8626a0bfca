"""A camera without a camera: its pictures say themselves which they are and when they were taken, and a computed eye looks at them.

For trying out a whole run where there is no camera, and for measuring it: latency, order and torn pictures are read from pixels
(:func:`devices.cameras.stamp.read_stamp`), whatever headers claim.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Generator, Iterator

import cv2
import numpy as np

from devices.cameras.camera import Shot, Wait
from devices.cameras.stamp import LEAST_HEIGHT_PX, LEAST_WIDTH_PX, Stamp, paint_stamp
from edge_runtime.config import MS, S
from edge_runtime.pixels import Picture
from edge_runtime.records import Dropped
from gaze.types import GazeSample

WIDTH_PX, HEIGHT_PX = 1280, 720
HFOV_DEG = 90.0
GAZE_HZ = 200
_SAMPLE_NS = S // GAZE_HZ
_FIXATION_MS = (250, 900)
_PLACES_NORM = (0.15, 0.85)
_SACCADE_MS, _SACCADE_MS_PER_DEG = 21.0, 2.2
_TILE_PX, _DIMMEST, _BRIGHTEST = 80, 60, 200


class Synthetic:
    """Stamped pictures before a wall of coloured tiles, and gaze that rests and jumps.

    Pictures are due at equal steps from the first; one whose time has passed when the next is due is left out and counted as
    ``frame:behind``, so that a stamp's counter goes up by one a picture given. The gaze is the same every time: rests of 250 to 900 ms,
    and between them saccades with durations after Bahill, Clark and Stark (1975, The main sequence), 21 ms and 2.2 ms a degree.

    Args:
        rate_hz: Pictures a second.
        width_px: Of the pictures.
        height_px: Of the pictures.
        hfov_deg: Horizontal field of view that the eye's movements are computed for.
        seed: Of the wall and of the gaze.
        now_ns: The monotonic clock: the one that is painted.
        wait: How to wait on it.

    Raises:
        ValueError: The pictures are too small for a stamp, or the rate is not positive.
    """

    name = "synthetic"
    live = True
    own_gaze = True

    def __init__(
        self,
        *,
        rate_hz: float,
        width_px: int = WIDTH_PX,
        height_px: int = HEIGHT_PX,
        hfov_deg: float = HFOV_DEG,
        seed: int = 7,
        now_ns: Callable[[], int] = time.monotonic_ns,
        wait: Wait = threading.Event.wait,
    ) -> None:
        if not rate_hz > 0.0:
            raise ValueError(f"pictures come at a positive rate, got {rate_hz}")
        if width_px < LEAST_WIDTH_PX or height_px < LEAST_HEIGHT_PX:
            raise ValueError(f"pictures are at least {LEAST_WIDTH_PX} x {LEAST_HEIGHT_PX}, got {width_px} x {height_px}")
        self.width_px, self.height_px, self.hfov_deg = width_px, height_px, hfov_deg
        self.note = (
            f"Made up, no camera: {width_px} x {height_px}, {rate_hz:g} pictures a second that carry their number and their time, "
            f"and a computed gaze, {GAZE_HZ} samples a second. Its field of view of {hfov_deg:g} degrees is as made up as the rest."
        )
        self._period_ns = round(S / rate_hz)
        self._seed = seed
        self._now_ns = now_ns
        self._wait = wait
        self._wall = _wall(width_px, height_px, seed)
        self._behind = 0

    def dropped(self) -> tuple[Dropped, ...]:
        """Pictures left out because nobody was ready for them."""
        return (Dropped("frame", "behind", self._behind),) if self._behind else ()

    def shots(self, stopping: threading.Event) -> Generator[Shot, None, None]:
        """Make pictures until ``stopping`` is set; the counter and the gaze begin anew."""
        begun_ns = due_ns = self._now_ns()
        gaze = walk(self._seed, self.hfov_deg)
        sample = next(gaze)
        for count in itertools.count():
            left_ns = due_ns - self._now_ns()
            if self._wait(stopping, left_ns / S) if left_ns > 0 else stopping.is_set():
                return
            image, t_ns = self._wall.copy(), self._now_ns()
            paint_stamp(image, Stamp(count % (1 << 32), t_ns))
            handed_ns = self._now_ns()
            looked = []
            while begun_ns + sample.t_ns <= handed_ns:
                looked.append(GazeSample(begun_ns + sample.t_ns - handed_ns, sample.x_norm, sample.y_norm))
                sample = next(gaze)
            yield Shot(image, handed_ns - t_ns, tuple(looked), handed_ns)
            due_ns += self._period_ns
            missed = max(0, (self._now_ns() - due_ns) // self._period_ns)
            self._behind += missed
            due_ns += missed * self._period_ns


def walk(seed: int, hfov_deg: float) -> Iterator[GazeSample]:
    """The computed gaze, without end: 200 samples a second, times from 0.

    Args:
        seed: Fixes everything that varies.
        hfov_deg: Horizontal field of view: what a jump is in degrees. The small-angle error is accepted.
    """
    rng = np.random.default_rng(seed)
    t_ns, at = 0, np.array([0.5, 0.5])
    while True:
        for _ in range(int(rng.integers(*_FIXATION_MS)) * MS // _SAMPLE_NS):
            yield GazeSample(t_ns, float(at[0]), float(at[1]))
            t_ns += _SAMPLE_NS
        to = rng.uniform(*_PLACES_NORM, size=2)
        jump_deg = float(np.hypot(*(to - at))) * hfov_deg
        steps = max(1, round((_SACCADE_MS + _SACCADE_MS_PER_DEG * jump_deg) * MS / _SAMPLE_NS))
        for step in range(1, steps):
            s = step / steps
            x, y = at + (to - at) * (10 * s**3 - 15 * s**4 + 6 * s**5)  # the smoothest way from rest to rest (minimum jerk)
            yield GazeSample(t_ns, float(x), float(y))
            t_ns += _SAMPLE_NS
        at = to


def _wall(width_px: int, height_px: int, seed: int) -> Picture:
    shape = (max(2, height_px // _TILE_PX), max(2, width_px // _TILE_PX), 3)
    tiles = np.random.default_rng(seed).integers(_DIMMEST, _BRIGHTEST, shape, dtype=np.uint8)
    return np.asarray(cv2.resize(tiles, (width_px, height_px), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
