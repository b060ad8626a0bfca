"""Gaze is paired with frames by capture time; the order of arrival changes nothing."""

from __future__ import annotations

import pytest

from edge_runtime.attend.pairing import Pair, PairingState, add_frame, add_gaze, ready
from edge_runtime.config import MS
from edge_runtime.protocol import FrameSeen
from edge_runtime.types import Signals
from gaze.types import GazeSample

WAIT, TOLERANCE = 400 * MS, 50 * MS


def frame(t_ms: int) -> FrameSeen:
    signals = Signals(motion=0.0, blur=0.0, light=0.5)
    return FrameSeen(t_ns=t_ms * MS, seq=t_ms, t_capture_ns=t_ms * MS, width_px=640, height_px=480, signals=signals)


def sample(t_ms: float, x: float | None = 0.5) -> GazeSample:
    return GazeSample(round(t_ms * MS), x, None if x is None else 0.5)


def play(frames: list[int], gaze: list[GazeSample], delay_ms: int = 0) -> list[Pair]:
    state, pairs = PairingState(), list[Pair]()
    arrivals = [(t * MS, 0, frame(t)) for t in frames] + [(g.t_ns + delay_ms * MS, 1, g) for g in gaze]
    now = 0
    for now, _, item in sorted(arrivals, key=lambda arrival: arrival[:2]):
        if isinstance(item, GazeSample):
            add_gaze(state, (item,))
        else:
            add_frame(state, item)
        pairs += ready(state, now, WAIT, TOLERANCE)
    return pairs + list(ready(state, now + WAIT, WAIT, TOLERANCE))


def test_the_nearest_sample_wins_and_its_residual_is_signed() -> None:
    (pair,) = play([100], [sample(90), sample(104), sample(160)])
    assert pair.gaze == sample(104)
    assert pair.residual_ns == 4 * MS
    (pair,) = play([100], [sample(97), sample(104), sample(160)])
    assert pair.residual_ns == -3 * MS


def test_a_tie_goes_to_the_earlier_sample() -> None:
    (pair,) = play([100], [sample(95), sample(105), sample(160)])
    assert pair.residual_ns == -5 * MS


def test_no_sample_within_the_tolerance_is_no_gaze_rather_than_a_stale_one() -> None:
    (pair,) = play([100], [sample(40), sample(160)])
    assert pair.gaze is None
    assert pair.residual_ns is None


def test_an_invalid_sample_is_never_paired() -> None:
    (pair,) = play([100], [sample(100, None), sample(120), sample(160)])
    assert pair.gaze == sample(120)


def test_a_frame_waits_for_its_gaze_and_no_longer_than_it_may() -> None:
    state = PairingState()
    add_frame(state, frame(100))
    assert ready(state, 499 * MS, WAIT, TOLERANCE) == ()
    (pair,) = ready(state, 500 * MS, WAIT, TOLERANCE)
    assert pair.gaze is None


def test_without_a_gaze_source_no_frame_waits() -> None:
    state = PairingState()
    add_frame(state, frame(100))
    assert len(ready(state, 100 * MS, 0, 0)) == 1


@pytest.mark.parametrize("delay_ms", [1, 17, 100, 300, 349])
def test_late_gaze_changes_no_pair(delay_ms: int) -> None:
    frames = list(range(0, 3000, 100))
    gaze = [sample(t * 8.3, None if 60 < t < 75 else 0.4) for t in range(360) if not 180 < t < 240]
    assert play(frames, gaze, delay_ms) == play(frames, gaze)


def test_pairs_leave_in_frame_order() -> None:
    pairs = play([0, 33, 66, 100], [sample(t) for t in range(0, 200, 4)])
    assert [pair.frame.seq for pair in pairs] == [0, 33, 66, 100]


def test_a_sample_that_is_not_newer_is_counted_and_let_go() -> None:
    state = PairingState()
    assert add_gaze(state, (sample(10), sample(20))) == ()
    (dropped,) = add_gaze(state, (sample(20), sample(5), sample(30)))
    assert (dropped.what, dropped.reason, dropped.count) == ("gaze", "clock", 2)


def test_waiting_frames_and_samples_are_bounded() -> None:
    state, dropped = PairingState(), 0
    for t in range(1000):
        dropped += sum(d.count for d in add_frame(state, frame(t)))
    assert len(state.waiting) == 256
    assert dropped == 744
    state = PairingState()
    for t in range(20_000):
        add_gaze(state, (sample(t),))
        ready(state, t * MS, WAIT, TOLERANCE)
    assert len(state.samples) <= 501
