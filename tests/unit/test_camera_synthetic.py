"""Pictures that say themselves which they are and when they were taken, and the eye that looks at them."""

from __future__ import annotations

import dataclasses
import itertools
import threading

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.cameras import Shot, Stamp, Synthetic, read_stamp
from devices.cameras.stamp import LEAST_HEIGHT_PX, LEAST_WIDTH_PX, paint_stamp
from devices.cameras.synthetic import GAZE_HZ, walk
from edge_runtime.config import MS, S
from edge_runtime.pixels import Picture
from edge_runtime.records import Dropped
from gaze import EyeEvents

STAMP = Stamp(123_456, 9_876_543_210_123)


def stamped(width_px: int = 640, height_px: int = 360, stamp: Stamp = STAMP, seed: int = 0) -> Picture:
    image = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
    paint_stamp(image, stamp)
    return image


def jpeg(image: Picture, quality: int) -> Picture:
    whole, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert whole
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)


def scaled(image: Picture, by: float) -> Picture:
    return np.asarray(cv2.resize(image, None, fx=by, fy=by, interpolation=cv2.INTER_AREA), dtype=np.uint8)


# ------------------------------------------------------------ the stamp


@settings(max_examples=25)
@given(
    count=st.integers(0, 2**32 - 1),
    t_ns=st.integers(0, 2**63 - 1),
    width_px=st.integers(160, 1920),
    height_px=st.integers(240, 1080),
)
def test_every_stamp_comes_back_through_jpeg_and_half_the_size(count: int, t_ns: int, width_px: int, height_px: int) -> None:
    stamp = Stamp(count, t_ns)
    image = stamped(width_px, height_px, stamp)
    assert read_stamp(image) == stamp
    assert read_stamp(jpeg(scaled(image, 0.5), 75)) == stamp


@pytest.mark.parametrize("size", [(640, 360), (640, 480), (854, 480), (1280, 720), (1920, 1080), (LEAST_WIDTH_PX, LEAST_HEIGHT_PX)])
def test_usual_sizes_and_the_smallest(size: tuple[int, int]) -> None:
    assert read_stamp(jpeg(stamped(*size), 75)) == STAMP
    assert read_stamp(scaled(stamped(*size), 0.5)) == STAMP


def test_a_picture_put_together_from_two_is_none() -> None:
    older, newer = stamped(stamp=STAMP), stamped(stamp=dataclasses.replace(STAMP, count=STAMP.count + 1))
    # Torn inside the first row of blocks or the last, where both pictures paint the same, nothing is to be seen.
    for row in range(45, 330, 5):
        assert read_stamp(np.concatenate([newer[:row], older[row:]])) is None
    assert read_stamp(newer) == dataclasses.replace(STAMP, count=STAMP.count + 1)


def test_a_picture_without_a_stamp_has_none() -> None:
    rng = np.random.default_rng(0)
    pictures = [
        np.zeros((360, 640, 3), np.uint8),
        np.full((360, 640, 3), 255, np.uint8),
        np.zeros((10, 10, 3), np.uint8),
        *(rng.integers(0, 256, (360, 640, 3), dtype=np.uint8) for _ in range(20)),
    ]
    assert [read_stamp(picture) for picture in pictures] == [None] * len(pictures)


def test_a_damaged_stamp_is_none_and_not_another() -> None:
    for column in range(16):
        image = stamped()
        image[:, column * 40 : (column + 1) * 40] = 255 - image[:, column * 40 : (column + 1) * 40]
        assert read_stamp(image) is None


def test_a_picture_too_small_for_a_stamp_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 64 x 112"):
        paint_stamp(np.zeros((100, 64, 3), np.uint8), STAMP)
    with pytest.raises(ValueError, match="at least 64 x 112"):
        Synthetic(rate_hz=10.0, width_px=32)
    with pytest.raises(ValueError, match="positive rate"):
        Synthetic(rate_hz=0.0)


# ------------------------------------------------------------ the camera


class Clock:
    """Time that passes only when somebody waits, or works."""

    def __init__(self) -> None:
        self.t_ns = 1000 * S

    def now_ns(self) -> int:
        return self.t_ns

    def wait(self, stopping: threading.Event, seconds: float) -> bool:
        self.t_ns += round(seconds * S)
        return stopping.is_set()


def shots(count: int, *, slow: dict[int, int] | None = None) -> tuple[list[Shot], Synthetic]:
    """The first shots at ten a second; the ``n``-th takes ``slow[n]`` nanoseconds to be taken in."""
    clock, stopping = Clock(), threading.Event()
    camera = Synthetic(rate_hz=10.0, width_px=320, height_px=180, now_ns=clock.now_ns, wait=clock.wait)
    found = []
    for shot in camera.shots(stopping):
        found.append(shot)
        clock.t_ns += (slow or {}).get(len(found) - 1, 0)
        if len(found) == count:
            stopping.set()
    return found, camera


def stamps(found: list[Shot]) -> list[tuple[int, int]]:
    """What their pixels say: the number, and milliseconds since the start."""
    said = [read_stamp(shot.image) for shot in found]
    return [(stamp.count, (stamp.t_ns - 1000 * S) // MS) for stamp in said if stamp is not None]


def test_pictures_come_on_time_and_their_pixels_say_so() -> None:
    found, camera = shots(5)
    assert stamps(found) == [(n, n * 100) for n in range(5)]
    assert camera.dropped() == ()
    assert camera.live and camera.own_gaze
    assert "320 x 180" in camera.note and "Made up" in camera.note


def test_who_is_slow_is_left_out_pictures_that_are_counted() -> None:
    found, camera = shots(5, slow={1: 350 * MS})
    assert stamps(found) == [(0, 0), (1, 100), (2, 450), (3, 500), (4, 600)]
    assert camera.dropped() == (Dropped("frame", "behind", 2),)


def test_gaze_comes_along_200_times_a_second_none_missing_none_from_the_future() -> None:
    found, _ = shots(11, slow={3: 250 * MS})
    times_ms = [(shot.t_handed_ns - 1000 * S + sample.t_ns) // MS for shot in found if shot.t_handed_ns for sample in shot.gaze]
    assert times_ms == [n * 5 for n in range(len(times_ms))]
    assert times_ms[-1] == 1100
    assert all(sample.t_ns <= 0 for shot in found for sample in shot.gaze)


def test_the_gaze_is_the_same_every_time_and_another_with_another_seed() -> None:
    first, second, other = (list(itertools.islice(walk(seed, 90.0), 1000)) for seed in (7, 7, 8))
    assert first == second != other


def test_the_eye_rests_and_jumps_as_the_detector_sees_it() -> None:
    eyes = EyeEvents(90.0, 16 / 9)
    events = [event for event in eyes.feed(list(itertools.islice(walk(7, 90.0), 20 * GAZE_HZ))) if event.stage == "final"]
    rests = [event for event in events if event.kind == "fixation"]
    jumps = [event for event in events if event.kind == "saccade"]
    assert 20 <= len(rests) <= 45
    assert abs(len(rests) - len(jumps)) <= 2
    assert all(200 * MS <= event.duration_ns <= 950 * MS for event in rests)
