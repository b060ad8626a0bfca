"""Meters of how new a frame is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from edge_runtime import codec
from edge_runtime.config import S
from edge_runtime.remember.policies.signals import Curvature, KSigma, PredictionError, TargetDrop, Valley, motion
from edge_runtime.types import Vector

DIM = 64


def unit(vector: np.typing.NDArray[np.floating]) -> Vector:
    found: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    return found


def draw(seed: int) -> Vector:
    return unit(np.random.default_rng(seed).normal(size=DIM))


def arc(angles_rad: Sequence[float]) -> list[Vector]:
    """Vectors along a great circle."""
    a = draw(0)
    b = unit(draw(1) - float(draw(1) @ a) * a)
    return [unit(math.cos(angle) * a + math.sin(angle) * b) for angle in angles_rad]


def test_motion_runs_from_0_to_2() -> None:
    a = draw(0)
    assert motion(a, a) == pytest.approx(0.0, abs=1e-6)
    assert motion(a, -a) == pytest.approx(2.0, abs=1e-6)
    assert motion(a, np.zeros(DIM, np.float32)) == 1.0


# --- Curvature --------------------------------------------------------------------------------------------------------------------


def test_a_path_that_goes_on_straight_does_not_bend_and_one_that_turns_back_does() -> None:
    on, back = Curvature(floor=0.0), Curvature(floor=0.0)
    straight, turned = arc([0.0, 0.01, 0.02]), arc([0.0, 0.01, 0.0])
    scores = [on.update(vector) for vector in straight], [back.update(vector) for vector in turned]
    assert scores[0][0] == scores[1][0] == 0.0
    assert scores[0][2] == pytest.approx(1 - math.cos(0.01), abs=1e-3)
    assert scores[1][2] == pytest.approx(1 - math.cos(0.01) + 0.2 * 2, abs=1e-3)


def test_noise_bends_more_than_a_cut_unless_there_is_a_floor() -> None:
    rng = np.random.default_rng(0)
    noisy = [unit(draw(2) + 0.01 * rng.normal(size=DIM)) for _ in range(200)]
    published, floored = Curvature(weight=1.0, floor=0.0), Curvature(weight=1.0, floor=0.3)
    bends = [published.update(vector) for vector in noisy][2:]
    assert np.mean(bends) == pytest.approx(1.5, abs=0.05), "each step undoes half of the last"
    assert max(floored.update(vector) for vector in noisy) == 0.0
    assert floored.update(draw(3)) > 1.0


def test_a_vector_of_another_model_starts_the_path_anew() -> None:
    meter = Curvature()
    for vector in arc([0.0, 0.5]):
        meter.update(vector)
    assert meter.update(np.ones(3, np.float32) / math.sqrt(3)) == 0.0
    assert meter.nbytes < 500


# --- K-sigma ----------------------------------------------------------------------------------------------------------------------


def test_a_value_far_above_the_running_mean_is_high() -> None:
    level = KSigma()
    for i in range(100):
        level.update(0.1 + 0.01 * (i % 2))
    assert level.update(1.0) == 2
    assert level.update(0.0) == 0


def test_without_a_least_distance_dull_values_are_high_now_and_then_and_with_one_never() -> None:
    values = (0.3 + 0.01 * np.random.default_rng(0).normal(size=400)).tolist()
    plain, least = KSigma(mean=0.3), KSigma(mean=0.3, least=0.1)
    assert 0.1 < np.mean([plain.update(value) == 2 for value in values]) < 0.25
    assert not any(least.update(value) == 2 for value in values)
    assert least.update(0.5) == 2


# --- Prediction -------------------------------------------------------------------------------------------------------------------


def test_a_straight_path_is_foretold_and_a_cut_is_not() -> None:
    meter = PredictionError()
    errors = [meter.update(vector) for vector in arc([0.0, 0.1, 0.2, 0.3, 0.4])]
    assert errors[0] == 0.0 and errors[1] == pytest.approx(1 - math.cos(0.1), abs=1e-4)
    assert max(errors[2:]) < 1e-3
    assert meter.update(draw(5)) > 0.5


def test_the_running_mean_foretells_a_noisy_scene_better_than_a_line() -> None:
    rng = np.random.default_rng(0)
    noisy = [unit(draw(2) + 0.1 * rng.normal(size=DIM)) for _ in range(60)]
    line, mean = PredictionError(), PredictionError(by="mean", gamma=0.9)
    assert np.mean([mean.update(vector) for vector in noisy]) < np.mean([line.update(vector) for vector in noisy])


# --- The share that is dropped ----------------------------------------------------------------------------------------------------


def test_a_valley_is_told_once_when_it_begins() -> None:
    meter = Valley()
    shares = [0.9] * 20 + [0.1] * 3 + [0.9] * 20 + [0.2]
    assert [at for at, share in enumerate(shares) if meter.update(share)] == [20, 43]


def test_a_share_that_is_always_low_is_no_valley() -> None:
    meter = Valley()
    assert not any(meter.update(0.1 + 0.05 * (at % 3)) for at in range(100))


def test_the_threshold_finds_the_share_to_drop_and_stays_after_a_minute() -> None:
    cosines = np.random.default_rng(0).beta(8, 2, size=(200, 64))
    target = TargetDrop(0.8)
    for at in range(60):
        target.update(float((cosines[at] > target.tau).mean()), at * S)
    settled = target.tau
    assert float((cosines > settled).mean()) == pytest.approx(0.8, abs=0.05)
    for at in range(60, 200):
        target.update(0.0, (at + 1) * S)
    assert target.tau == settled


def test_the_threshold_stays_within_its_bounds() -> None:
    low, high = TargetDrop(0.8), TargetDrop(0.8)
    for at in range(50):
        low.update(0.0, at)
        high.update(1.0, at)
    assert (low.tau, high.tau) == (0.5, 0.95)


def test_meters_are_plain_data() -> None:
    for meter in (Curvature(), PredictionError(), PredictionError(by="mean")):
        for seed in range(3):
            meter.update(draw(seed))
        other = codec.decode(codec.encode(meter), type(meter))
        assert other.update(draw(9)) == meter.update(draw(9))
        assert codec.encode(other) == codec.encode(meter) and other.nbytes == meter.nbytes
