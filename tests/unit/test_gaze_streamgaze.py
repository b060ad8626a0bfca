"""The released StreamGaze rule, with its defects: what it finds in gaze that was made up at 24 frames a second."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaze.streamgaze import (
    FIXATION,
    SACCADE,
    SOURCES,
    UNKNOWN,
    Frame,
    Segment,
    confusions,
    ego4d_type,
    egtea_place,
    fixations,
    fold,
    frames_of,
    kept,
    merged,
)

FPS = 24.0
TO_1_MS = 5e-4


def two_looks() -> npt.NDArray[np.float64]:
    """3 s at (.30, .30), six frames on the way, 3 s at (.70, .70)."""
    way = np.linspace(0.3, 0.7, 8)[1:-1]
    return np.repeat(np.concatenate([np.full(72, 0.3), way, np.full(72, 0.7)])[:, None], 2, axis=1)


def noisy_looks() -> npt.NDArray[np.float64]:
    """The same with one frame at the left edge."""
    places = two_looks()
    places[110, 0] = 0.0
    return places


def test_two_looks_are_two_fixations() -> None:
    first, second = fixations(frames_of(two_looks(), FPS), 0.15)
    assert (first.start_s, first.end_s) == pytest.approx((0.0, 3.0), abs=TO_1_MS)
    assert (second.start_s, second.end_s) == pytest.approx((3.208, 6.208), abs=TO_1_MS)
    assert (first.x_norm, first.y_norm) == pytest.approx((0.3008, 0.3008), abs=5e-5)
    assert (second.x_norm, second.y_norm) == pytest.approx((0.6992, 0.6992), abs=5e-5)


def test_one_noisy_frame_kills_a_fixation_of_three_seconds() -> None:
    (only,) = fixations(frames_of(noisy_looks(), FPS), 0.15)
    assert (only.start_s, only.end_s) == pytest.approx((0.0, 3.0), abs=TO_1_MS)


@pytest.mark.parametrize(("places", "centre"), [(two_looks(), (0.5, 0.5)), (noisy_looks(), (0.4953, 0.5))])
def test_a_gap_longer_than_a_frame_makes_everything_one_fixation(places: npt.NDArray[np.float64], centre: tuple[float, float]) -> None:
    (only,) = fixations(frames_of(places, FPS), 0.15, gap_s=0.2)
    assert (only.start_s, only.end_s) == pytest.approx((0.0, 6.208), abs=TO_1_MS)
    assert (only.x_norm, only.y_norm) == pytest.approx(centre, abs=5e-5)


def test_slow_drift_is_a_chain_of_false_fixations() -> None:
    drift = np.stack([0.1 + 0.06 * np.arange(240) / FPS, np.full(240, 0.5)], axis=1)
    found = fixations(frames_of(drift, FPS), 0.15)
    assert len(found) == 4
    assert [segment.duration_s for segment in found] == pytest.approx([2.5] * 4, abs=0.15)


def test_a_fixation_may_not_be_a_frame_too_short() -> None:
    assert fixations(frames_of(np.full((48, 2), 0.5), FPS), 0.15) == []
    assert len(fixations(frames_of(np.full((49, 2), 0.5), FPS), 0.15)) == 1


def test_frames_without_gaze_are_a_look_at_the_corner() -> None:
    lost = np.zeros((60, 2))
    (only,) = fixations(frames_of(lost, FPS), 0.15)
    assert (only.x_norm, only.y_norm) == (0.0, 0.0)


def test_an_empty_recording_has_no_fixations() -> None:
    assert fixations([], 0.15) == confusions([]) == merged([]) == []


@pytest.mark.parametrize(
    ("frames", "radius", "said"),
    [
        ([Frame(0.0, 0.5, 0.5), Frame(0.0, 0.5, 0.5)], 0.15, "order of time"),
        ([Frame(0.0, float("nan"), 0.5)], 0.15, "time and a place"),
        ([Frame(0.0, 0.5, 0.5)], 0.0, "positive"),
    ],
)
def test_frames_that_make_no_sense_are_refused(frames: list[Frame], radius: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fixations(frames, radius)


def test_the_second_step_keeps_two_and_a_half_seconds() -> None:
    segments = [Segment(0.0, 2.49, 0.5, 0.5), Segment(5.0, 7.5, 0.5, 0.5)]
    assert kept(segments) == segments[1:]


def test_the_merge_looks_at_time_alone() -> None:
    corner, other, late = Segment(0.0, 3.0, 0.0, 0.0), Segment(4.9, 8.0, 1.0, 1.0), Segment(10.0, 13.0, 1.0, 1.0)
    assert merged([late, corner, other]) == [Segment(0.0, 8.0, 0.5, 0.5), late]
    assert merged([corner, other], apart=0.5) == [corner, other]


def test_confusion_is_motion_that_goes_on_and_gets_somewhere() -> None:
    moving = np.stack([0.1 + 0.06 * np.arange(96) / FPS, np.full(96, 0.5)], axis=1)
    (only,) = confusions(frames_of(moving, FPS))
    assert (only.start_s, only.end_s) == pytest.approx((1 / FPS, 95 / FPS))
    jitter = np.stack([0.5 + 0.01 * (np.arange(96) % 2), np.full(96, 0.5)], axis=1)
    assert confusions(frames_of(jitter, FPS)) == []
    assert confusions(frames_of(np.full((96, 2), 0.5), FPS)) == []


def test_samples_of_one_frame_are_averaged_pair_by_pair() -> None:
    places = fold([(7, 0.0, 0.2), (7, 0.4, 0.2), (7, 0.8, 0.6), (8, 0.1, 0.1)])
    assert places[7] == pytest.approx((0.5, 0.4)) and places[8] == (0.1, 0.1)


def test_the_sources_have_their_radii() -> None:
    assert SOURCES["egtea"].radius(640) == 0.15 and SOURCES["egtea"].fov_radius_px(640) == 100
    assert SOURCES["ego4d"].radius(1440) == 0.088 and SOURCES["ego4d"].fov_radius_px(1440) == 170
    assert SOURCES["holoassist"].radius(896) == pytest.approx(96 / 896)
    assert SOURCES["holoassist"].fov_radius_px(896) == SOURCES["egoexo"].fov_radius_px(896) == 139


def test_vendor_places_and_types() -> None:
    assert egtea_place(-5.0, 2000.0) == (0.0, 959 / 960)
    assert egtea_place(640.0, 480.0) == (0.5, 0.5)
    assert [ego4d_type(c) for c in (0.9, 0.89, 0.5, 0.49)] == [FIXATION, SACCADE, SACCADE, UNKNOWN]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=200), st.floats(0.02, 0.5))
def test_fixations_follow_each_other_and_stay_within_the_radius(places: list[tuple[float, float]], radius: float) -> None:
    frames = frames_of(np.array(places), 8.0)
    found = fixations(frames, radius)
    assert all(a.end_s < b.start_s for a, b in itertools.pairwise(found))
    for segment in found:
        assert segment.duration_s >= 2.0
        inside = [f for f in frames if segment.start_s <= f.t_s <= segment.end_s]
        away = [np.hypot(f.x_norm - inside[0].x_norm, f.y_norm - inside[0].y_norm) for f in inside]
        assert max(away) <= radius + 1e-12
