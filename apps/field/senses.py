"""What the capture side costs without a model: labelling gaze, measuring frames, making JPEGs; and what memory can carry."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import numpy as np

from apps.field.looks import CROP_PX, photograph
from apps.field.report import COPIED_BYTES
from apps.field.timing import Job, Jobs
from edge_runtime.config import S
from edge_runtime.pixels import jpeg_encode, signals
from gaze import EyeEvents
from gaze.types import GazeSample

HFOV_DEG, ASPECT = 90.0, 16 / 9
GAZE_HZ, BATCH = 200, 4
"""Samples come as from a fast tracker and are handed on every 20 ms."""
_HOLD = GAZE_HZ // 3
"""Samples of one fixation: the eyes move three times a second."""
_JPEG_QUALITY = 90


def memory_jobs() -> Jobs:
    """Copying more than any cache holds."""
    source, target = np.ones(COPIED_BYTES, np.uint8), np.zeros(COPIED_BYTES, np.uint8)
    yield Job("memcpy", itertools.repeat(functools.partial(np.copyto, target, source)), most=40)


def picture_jobs() -> Jobs:
    """Signals of a frame in two sizes, and the JPEG of a crop."""
    for name, width_px, height_px in (("signals_720", 1280, 720), ("signals_1080", 1920, 1080)):
        frame = photograph(width_px, height_px)
        _, luma = signals(frame, None)
        yield Job(name, itertools.repeat(functools.partial(signals, frame, luma)))
    crop = photograph(CROP_PX, CROP_PX)
    yield Job("jpeg", itertools.repeat(functools.partial(jpeg_encode, crop, _JPEG_QUALITY, CROP_PX)))


def gaze_jobs() -> Jobs:
    """The detector of eye movements and dwells, on a minute of gaze."""
    eyes = EyeEvents(HFOV_DEG, ASPECT)
    blocks = batches(gaze_path(60))
    yield Job("gaze", (functools.partial(eyes.feed, block) for block in blocks), units=BATCH, most=len(blocks))


def compiled_gaze_jobs() -> Jobs:
    """The same detector compiled, if its extra is installed; the warm-up compiles it, which takes a while once on a machine."""
    try:
        from gaze.fast import CompiledEyeEvents
    except ImportError:
        return
    eyes = CompiledEyeEvents(HFOV_DEG, ASPECT)
    blocks = batches(gaze_path(60))
    yield Job("gaze_compiled", (functools.partial(eyes.feed, block) for block in blocks), units=BATCH, most=len(blocks))


def gaze_path(seconds: int) -> list[GazeSample]:
    """Gaze that rests on one place after another, with the noise of a good tracker."""
    dice = np.random.default_rng(7)
    count = seconds * GAZE_HZ
    places = dice.uniform(0.2, 0.8, (count // _HOLD + 1, 2))
    at = np.repeat(places, _HOLD, axis=0)[:count] + dice.normal(0.0, 0.0003, (count, 2))
    return [GazeSample(n * S // GAZE_HZ, x, y) for n, (x, y) in enumerate(at.tolist())]


def batches(samples: Sequence[GazeSample]) -> list[tuple[GazeSample, ...]]:
    """Samples as they are handed on."""
    return [tuple(samples[begin : begin + BATCH]) for begin in range(0, len(samples), BATCH)]
