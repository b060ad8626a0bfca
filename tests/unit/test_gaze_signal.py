"""The parts that tell the eye from the tracker: roughness, lids, first sight, and the head."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gaze import EyeEvents, FixationDetector, GazeSample
from gaze.blink import Lids
from gaze.first_sight import FirstSight
from gaze.head import HeadRotation
from gaze.roughness import Roughness
from tests.gaze_paths import ASPECT, HFOV_DEG, MS, Part, finals, samples

# ------------------------------------------------------------ roughness


def rough(angles_deg: list[float], hz: float = 300.0) -> float:
    roughness = Roughness()
    for k, angle in enumerate(angles_deg):
        roughness.push(round(k * 1e9 / hz), (math.sin(math.radians(angle)), 0.0, math.cos(math.radians(angle))))
    return roughness.deg


@pytest.mark.parametrize("noise_deg", [0.02, 0.2, 1.0])
def test_roughness_is_the_noise_of_the_tracker(noise_deg: float) -> None:
    rng = np.random.default_rng(1)
    roughness = Roughness()
    for k in range(400):
        x, y = np.radians(rng.normal(0.0, noise_deg, 2)).tolist()
        roughness.push(k * 3 * MS, (x, y, 1.0))
    assert roughness.deg == pytest.approx(noise_deg, rel=0.5)


def test_a_moving_eye_is_not_rough() -> None:
    assert rough([0.1 * k for k in range(200)]) < 0.001
    saccade = [0.0] * 100 + [10.0 * (1.0 - math.cos(math.pi * k / 12)) / 2.0 for k in range(12)] + [10.0] * 20
    assert rough(saccade) < 0.001


def test_roughness_is_forgotten_when_the_tracker_calms_down() -> None:
    rng = np.random.default_rng(2)
    assert rough([*rng.normal(0.0, 1.0, 200).tolist(), *[0.0] * 60]) < 0.001


# ------------------------------------------------------------ lids


def closed(confidences: list[float], step_ms: int = 5) -> list[int]:
    """Numbers of the samples at which the eye is said to be closed."""
    lids = Lids()
    return [k for k, confidence in enumerate(confidences) if lids.shut(k * step_ms * MS, confidence) is not None]


def test_low_confidence_is_a_closed_eye_half_a_window_later() -> None:
    assert closed([1.0] * 50 + [0.2] * 30 + [1.0] * 50) == list(range(53, 83))


def test_single_flickers_change_nothing() -> None:
    flicker = [1.0] * 50
    flicker[20] = flicker[30] = 0.0
    assert closed(flicker) == []
    blink = [1.0] * 50 + [0.2] * 30
    blink[60] = blink[70] = 1.0
    assert closed(blink) == list(range(53, 80))


def test_when_it_closed_is_told_from_the_middle_of_the_window() -> None:
    lids = Lids()
    told = [lids.shut(k * 5 * MS, 1.0 if k < 50 else 0.2) for k in range(54)]
    assert told[52] is None
    assert told[53] == 50 * 5 * MS


def test_a_tracker_that_is_never_sure_is_not_always_closed() -> None:
    assert closed([0.5] * 4000) == []
    assert closed([0.5] * 4000 + [0.1] * 40)[0] == 4003


# ------------------------------------------------------------ first sight


def see(speeds_dps: list[float], step_ms: int = 5) -> list[bool]:
    sight = FirstSight()
    for k, speed_dps in enumerate(speeds_dps):
        sight.take(k * step_ms * MS, k * step_ms * MS, speed_dps, 2.0, 0.0)
    return [moving for _, moving, _ in sight.said]


def test_fast_is_moving_at_once_and_lasts_25_ms() -> None:
    assert see([2.0] * 3 + [100.0] + [2.0] * 8) == [False] * 3 + [True] * 5 + [False] * 4


def test_right_after_a_movement_only_twice_the_speed_is_the_next() -> None:
    swing = [2.0] * 30 + [100.0] * 6 + [2.0] * 4 + [15.0] * 2 + [2.0] * 30 + [15.0] + [2.0] * 10
    moving = see(swing)
    assert not any(moving[36:70])
    assert moving[72]


# ------------------------------------------------------------ head


def turning(gaze_in_world: list[GazeSample], yaw_dps: float) -> tuple[list[GazeSample], list[HeadRotation | None]]:
    """What the camera sees of gaze when the head turns to the right meanwhile."""
    half = math.tan(math.radians(HFOV_DEG / 2.0))
    seen: list[GazeSample] = []
    turns: list[HeadRotation | None] = [None]
    for before, sample in zip([gaze_in_world[0], *gaze_in_world], gaze_in_world, strict=False):
        assert sample.x_norm is not None
        angle = math.atan((2.0 * sample.x_norm - 1.0) * half) - math.radians(yaw_dps * sample.t_ns * 1e-9)
        seen.append(GazeSample(sample.t_ns, (math.tan(angle) / half + 1.0) / 2.0, 0.5))
        if before is not sample:
            turns.append(HeadRotation(yaw_dps * (sample.t_ns - before.t_ns) * 1e-9, 0.0))
    return seen, turns


def held(gaze: list[GazeSample], turns: list[HeadRotation | None] | None) -> list[str]:
    detector = FixationDetector(HFOV_DEG, ASPECT)
    events = detector.feed(gaze, turns) + detector.advance(gaze[-1].t_ns + 1000 * MS)
    return [event.kind for event in finals(events, "fixation", "pursuit")]


def test_eyes_that_hold_a_thing_while_the_head_turns_rest_in_the_world() -> None:
    seen, turns = turning(samples([Part("to", 1000, 15.0)]), yaw_dps=30.0)
    assert held(seen, turns) == ["fixation"]
    assert "pursuit" in held(seen, None)


def test_a_saccade_is_one_whether_the_head_turns_or_not() -> None:
    world = samples([Part("to", 500, 5.0), Part("jump", 40, 20.0), Part("to", 500, 20.0)])
    seen, turns = turning(world, yaw_dps=30.0)
    assert held(seen, turns) == ["fixation", "fixation"]
    assert held(world, [HeadRotation(0.0, 0.0)] * len(world)) == ["fixation", "fixation"]


@pytest.mark.parametrize("slip", [-0.15, 0.15])
@pytest.mark.parametrize("hz", [30.0, 200.0])
def test_a_walker_keeps_the_target_and_a_shift_of_5_degrees_is_still_seen(hz: float, slip: float) -> None:
    """The head swings at 30 degrees a second at most, and a share of that is left in the gaze: the camera slips."""

    def swinging(world: list[GazeSample]) -> tuple[list[GazeSample], list[HeadRotation | None]]:
        turns: list[HeadRotation | None] = [None]
        seen: list[GazeSample] = []
        last_deg = 0.0
        for k, sample in enumerate(world):
            yaw_deg = 2.4 * math.sin(4.0 * math.pi * sample.t_ns * 1e-9)
            if k:
                turns.append(HeadRotation(yaw_deg - last_deg, 0.0))
            last_deg = yaw_deg
            assert sample.x_norm is not None
            angle = math.atan(2.0 * sample.x_norm - 1.0) - math.radians((1.0 + slip) * yaw_deg)
            seen.append(GazeSample(sample.t_ns, (math.tan(angle) + 1.0) / 2.0, 0.5))
        return seen, turns

    assert held(*swinging(samples([Part("to", 4000)], hz=hz))) == ["fixation"]
    shifted = samples([Part("to", 2000), Part("jump", 32, 5.0), Part("to", 2000, 5.0)], hz=hz)
    assert held(*swinging(shifted)) == ["fixation", "fixation"]


def test_every_sample_needs_its_rotation() -> None:
    gaze = samples([Part("to", 100)])
    with pytest.raises(ValueError, match="got 1 for 20 samples"):
        EyeEvents(HFOV_DEG, ASPECT).feed(gaze, [None])


def test_rotations_in_blocks_change_nothing() -> None:
    seen, turns = turning(samples([Part("to", 500, 5.0), Part("jump", 40, 20.0), Part("to", 500, 20.0)]), yaw_dps=30.0)
    whole, blocks = EyeEvents(HFOV_DEG, ASPECT), EyeEvents(HFOV_DEG, ASPECT)
    found = [event for k in range(0, len(seen), 7) for event in blocks.feed(seen[k : k + 7], turns[k : k + 7])]
    assert found == whole.feed(seen, turns)
