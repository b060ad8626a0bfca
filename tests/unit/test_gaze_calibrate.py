"""A correction from looks at targets: as much as the looks support, checked on targets left out, and said with numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaze.calibrate import BELIEVED_DEG, GOOD_DEG, Calibration, calibrate
from gaze.geometry import angle_deg, deg_to_norm
from gaze.quality import Look
from gaze.types import GazeSample

MS = 1_000_000
CAMERA = {"hfov_deg": 90.0, "aspect": 16 / 9}
NINE = [(x, y) for x in (-20.0, 0.0, 20.0) for y in (-10.0, 0.0, 10.0)]

Bend = Callable[[float, float], tuple[float, float]]


def norm(x_deg: float, y_deg: float) -> tuple[float, float]:
    x, y = deg_to_norm(x_deg, y_deg, **CAMERA)
    return float(x), float(y)


def looks(targets: Sequence[tuple[float, float]], bend: Bend, noise_deg: float = 0.0, seed: int = 0) -> list[Look]:
    """Gaze on targets, as a tracker that bends it reports it."""
    rng = np.random.default_rng(seed)
    out = []
    for target in targets:
        x_deg, y_deg = bend(*target)
        # one error per look, which no averaging within the look removes
        ex, ey = rng.normal(0.0, noise_deg, 2)
        samples = [GazeSample(k * 5 * MS, *norm(x_deg + ex, y_deg + ey)) for k in range(20)]
        out.append(Look(samples, *norm(*target)))
    return out


def shifted(x: float, y: float) -> tuple[float, float]:
    return x + 3.0, y - 2.0


def stretched(x: float, y: float) -> tuple[float, float]:
    return 1.15 * x + 0.1 * y + 2.0, 0.9 * y - 0.05 * x - 1.0


def error_deg(found: Calibration, bend: Bend, target: tuple[float, float]) -> float:
    place = found.apply(*norm(*bend(*target)))
    assert place is not None
    return float(angle_deg(*place, *norm(*target), **CAMERA))


def test_a_shift_is_taken_back_by_an_offset() -> None:
    found = calibrate(looks(NINE, shifted), **CAMERA)
    assert found.kind == "offset" and found.confidence == 1.0
    assert found.raw_deg == pytest.approx(3.5, abs=0.3) and found.checked_deg < 1e-6
    assert error_deg(found, shifted, (13.0, -7.0)) < 1e-6


def test_a_stretch_is_taken_back_by_an_affine_map() -> None:
    found = calibrate(looks(NINE, stretched), **CAMERA)
    assert found.kind == "affine" and found.confidence == 1.0
    assert error_deg(found, stretched, (13.0, -7.0)) < 1e-6
    assert found.errors_deg["affine"] < found.errors_deg["offset"] < found.errors_deg["none"]


def test_good_gaze_is_left_alone() -> None:
    found = calibrate(looks(NINE, lambda x, y: (x, y), noise_deg=0.3), **CAMERA)
    assert found.kind == "none" and found.confidence == 1.0
    assert found.apply(0.123456789, 0.9) == (0.123456789, 0.9)


def test_scattered_gaze_is_not_corrected_and_says_so_with_numbers() -> None:
    """Errors without a pattern: nothing does better on a target that it has not seen."""
    found = calibrate(looks(NINE, lambda x, y: (x, y), noise_deg=6.0, seed=5), **CAMERA)
    assert found.kind == "none"
    assert found.checked_deg == found.raw_deg > 3 * GOOD_DEG
    assert found.confidence == pytest.approx(GOOD_DEG / found.raw_deg)
    for part in ("9 targets", f"{found.errors_deg['none']:.2f} degrees with none", "with affine", "left as it is", "exceeds 2 degrees"):
        assert part in found.note


def test_a_correction_that_helps_but_is_not_good_is_kept_with_lower_confidence() -> None:
    found = calibrate(looks(NINE, lambda x, y: (x + 8.0, y), noise_deg=3.0, seed=2), **CAMERA)
    assert found.kind == "offset"
    assert GOOD_DEG < found.checked_deg < found.raw_deg
    assert found.confidence == pytest.approx(GOOD_DEG / found.checked_deg) and "exceeds" in found.note


@pytest.mark.parametrize(
    "targets",
    [[(0.0, -10.0), (0.0, 0.0), (0.0, 10.0), (10.0, 0.0)], [(-20.0, 0.0), (-10.0, 0.0), (0.0, 0.0), (10.0, 0.0), (20.0, 0.1), (5.0, 0.0)]],
)
def test_too_few_targets_or_targets_on_a_line_fall_back_to_an_offset(targets: list[tuple[float, float]]) -> None:
    found = calibrate(looks(targets, stretched), **CAMERA)
    assert found.kind == "offset" and "affine" not in found.errors_deg
    assert "on a line" in found.note


def test_one_target_is_an_offset_on_trust() -> None:
    found = calibrate(looks([(5.0, 5.0)], shifted), **CAMERA)
    assert (found.kind, found.confidence) == ("offset", 0.5)
    assert math.isnan(found.checked_deg) and "on trust" in found.note
    assert error_deg(found, shifted, (-10.0, 0.0)) < 1e-6


def test_one_target_that_gaze_was_nowhere_near_is_not_believed() -> None:
    found = calibrate(looks([(0.0, 0.0)], lambda x, y: (x + BELIEVED_DEG + 5.0, y)), **CAMERA)
    assert found.kind == "none" and found.confidence < 0.2
    assert "not believed" in found.note


def test_no_targets_is_no_correction_and_no_knowledge() -> None:
    found = calibrate([], **CAMERA)
    assert (found.kind, found.confidence) == ("none", 0.5)
    assert math.isnan(found.raw_deg) and "not known" in found.note


def test_looks_that_were_none_are_left_out_and_counted() -> None:
    good = looks(NINE, shifted)
    closed = Look([GazeSample(k, None, None) for k in range(20)], 0.5, 0.5)
    roaming = Look([GazeSample(k, *norm(-20.0 + 2.0 * k, 0.0)) for k in range(20)], 0.5, 0.5)
    found = calibrate([*good, closed, roaming], **CAMERA)
    assert found.left_out == {"no_gaze": 1, "restless": 1}
    assert found.matrix == calibrate(good, **CAMERA).matrix
    assert "1 looks left out (restless)" in found.note


def test_one_bad_sample_in_a_look_does_no_harm() -> None:
    spoilt = looks(NINE, shifted)
    spoilt[0] = Look([*spoilt[0].samples, GazeSample(10**9, 0.0, 0.0)], spoilt[0].x_norm, spoilt[0].y_norm)
    assert calibrate(spoilt, **CAMERA).matrix == calibrate(looks(NINE, shifted), **CAMERA).matrix


def test_a_corrected_sample_keeps_all_but_its_place() -> None:
    found = calibrate(looks(NINE, shifted), **CAMERA)
    sample = GazeSample(7, *norm(13.0, 8.0), confidence=0.7, source="pointer")
    corrected = found.correct(sample)
    assert (corrected.x_norm, corrected.y_norm) == pytest.approx(norm(10.0, 10.0))
    assert (corrected.t_ns, corrected.confidence, corrected.source) == (7, 0.7, "pointer")
    closed = GazeSample(8, None, None)
    assert found.correct(closed) is closed


def test_a_place_corrected_out_of_sight_is_no_place() -> None:
    found = calibrate(looks(NINE, shifted), **CAMERA)
    far = norm(-89.0, 0.0)
    assert found.apply(*far) is None
    assert found.correct(GazeSample(0, *far)).x_norm is None


def test_a_target_that_is_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="finite place"):
        calibrate([Look([GazeSample(0, 0.5, 0.5)], math.nan, 0.5)], **CAMERA)


@given(
    st.lists(st.tuples(st.floats(-25, 25), st.floats(-15, 15)), min_size=0, max_size=9),
    st.floats(-5, 5), st.floats(-5, 5), st.floats(0.0, 4.0), st.integers(0, 50),
)  # fmt: skip
@settings(max_examples=60)
def test_the_correction_taken_is_never_worse_on_targets_left_out(
    targets: list[tuple[float, float]], dx: float, dy: float, noise_deg: float, seed: int
) -> None:
    found = calibrate(looks(targets, lambda x, y: (x + dx, y + dy), noise_deg, seed), **CAMERA)
    assert 0.0 < found.confidence <= 1.0 and np.isfinite(found.matrix).all()
    if len(targets) > 1:
        assert found.checked_deg == found.errors_deg[found.kind] <= found.raw_deg
        assert found.kind == "none" or found.checked_deg < 0.9 * found.raw_deg
