"""A gaze sample is checked when it is made."""

from __future__ import annotations

import math

import pytest

from gaze import EyeEvent, GazeSample


def test_a_sample_without_a_point_is_not_valid() -> None:
    assert GazeSample(0, 0.5, 0.5).valid
    assert not GazeSample(0, None, None).valid


def test_a_sample_of_a_device_on_the_table_is_not_valid() -> None:
    assert not GazeSample(0, 0.5, 0.5, worn=False).valid


def test_gaze_may_leave_the_picture() -> None:
    assert GazeSample(0, -0.2, 1.7).valid


@pytest.mark.parametrize(("x", "y"), [(0.5, None), (None, 0.5)])
def test_one_coordinate_without_the_other_is_refused(x: float | None, y: float | None) -> None:
    with pytest.raises(ValueError, match="both coordinates or none"):
        GazeSample(0, x, y)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2e6])
def test_a_coordinate_that_is_no_place_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        GazeSample(0, value, 0.5)


@pytest.mark.parametrize("confidence", [-0.1, 1.1, math.nan])
def test_a_confidence_outside_its_range_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match=r"0\.\.1"):
        GazeSample(0, 0.5, 0.5, confidence)


def test_an_event_lasts_from_its_first_to_its_last_sample() -> None:
    event = EyeEvent(1, "fixation", 100, 350, 0.5, 0.5, 0.1, "final", 400)
    assert event.duration_ns == 250
