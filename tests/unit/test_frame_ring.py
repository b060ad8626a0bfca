"""The frame ring is bounded in bytes and answers with crops."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.errors import Evicted
from edge_runtime.hosts.capture import Frame, FrameRing
from edge_runtime.types import WHOLE, Box


def frame(seq: int, side: int = 10) -> Frame:
    return Frame(seq, seq * 100, np.full((side, side, 3), seq % 256, np.uint8))


def test_the_oldest_frame_leaves_first_and_is_counted() -> None:
    ring = FrameRing(3 * 300)
    for seq in range(5):
        assert ring.push(frame(seq)) == ()
        assert ring.nbytes <= 900
    assert ring.overwritten == 2
    assert ring.frame(2).seq == 2
    with pytest.raises(Evicted, match="frame 1 has left the ring") as caught:
        ring.crop(1, WHOLE)
    assert "ring_bytes" in caught.value.hint


def test_a_frame_larger_than_the_ring_is_refused_and_counted() -> None:
    ring = FrameRing(900)
    ring.push(frame(0))
    (dropped,) = ring.push(frame(1, side=100))
    assert (dropped.what, dropped.reason) == ("frame", "ring_bytes")
    assert ring.refused == 1
    ring.push(frame(2))
    assert ring.frame(0).seq == 0
    assert ring.frame(2).seq == 2


def test_a_crop_is_a_copy_of_that_part() -> None:
    ring = FrameRing(10_000)
    image = np.arange(300, dtype=np.uint16).astype(np.uint8).reshape(10, 10, 3)
    ring.push(Frame(0, 0, image.copy()))
    crop = ring.crop(0, Box(0.2, 0.5, 0.6, 0.9))
    assert np.array_equal(crop, image[5:9, 2:6])
    crop[:] = 0
    assert np.array_equal(ring.frame(0).image, image)


def test_the_resolution_may_change_in_mid_stream() -> None:
    ring = FrameRing(10_000)
    ring.push(frame(0, side=10))
    ring.push(frame(1, side=20))
    assert ring.crop(1, WHOLE).shape == (20, 20, 3)
    assert ring.crop(0, WHOLE).shape == (10, 10, 3)


def test_forgotten_frames_are_gone() -> None:
    ring = FrameRing(10_000)
    for seq in range(4):
        ring.push(frame(seq))
    ring.forget(200)
    assert ring.frame(1).seq == 1
    assert ring.nbytes == 600
    with pytest.raises(Evicted):
        ring.frame(2)
