"""Sampling, data loss, precision, accuracy and drift of gaze whose noise is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaze.geometry import deg_to_norm
from gaze.quality import Look, Precision, TooLittleGaze, accuracy, loss, precision, sampling
from gaze.types import GazeSample
from tests.gaze_paths import ASPECT, HFOV_DEG, MS, Part, samples

CAMERA = {"hfov_deg": HFOV_DEG, "aspect": ASPECT}


def at(t_ms: float, x_deg: float, y_deg: float) -> GazeSample:
    x_norm, y_norm = deg_to_norm(x_deg, y_deg, **CAMERA)
    return GazeSample(round(t_ms * MS), float(x_norm), float(y_norm))


def held(target: tuple[float, float], off: tuple[float, float], start_ms: float = 0.0, noise_deg: float = 0.0) -> Look:
    """Half a second of gaze beside a target."""
    rng = np.random.default_rng(7)
    places = [np.add(np.add(target, off), rng.normal(0.0, noise_deg, 2)) for _ in range(100)]
    x_norm, y_norm = deg_to_norm(*target, **CAMERA)
    return Look([at(start_ms + 5 * k, *place) for k, place in enumerate(places)], float(x_norm), float(y_norm))


def noise(gaze: Sequence[GazeSample], window_ns: int = 200 * MS) -> Precision:
    return precision(gaze, hfov_deg=HFOV_DEG, aspect=ASPECT, window_ns=window_ns)


# ------------------------------------------------------------ sampling


def test_an_even_clock() -> None:
    even = sampling([k * 5 * MS for k in range(200)])
    assert even.rate_hz == pytest.approx(200.0)
    assert (even.median_step_ms, even.gaps, even.gap_s, even.duplicates, even.backward) == (5.0, 0, 0.0, 0, 0)


def test_the_rate_is_not_taken_from_the_median_step() -> None:
    """Two steps of 4 ms to one of 7: the median says 250 Hz, and 200 come."""
    uneven = sampling(np.cumsum([4 * MS, 4 * MS, 7 * MS] * 300).tolist())
    assert uneven.median_step_ms == 4.0
    assert uneven.rate_hz == pytest.approx(200.0, rel=1e-3)
    assert uneven.p95_step_ms == 7.0


def test_a_gap_is_counted_and_does_not_slow_the_rate() -> None:
    times = [k * 10 * MS for k in range(100)] + [2_000 * MS + k * 10 * MS for k in range(100)]
    broken = sampling(times)
    assert broken.rate_hz == pytest.approx(100.0)
    assert broken.gaps == 1 and broken.gap_s == pytest.approx(1.0)


def test_times_seen_before_are_counted() -> None:
    odd = sampling([0, 5 * MS, 5 * MS, 10 * MS, 7 * MS, 12 * MS])
    assert (odd.duplicates, odd.backward) == (1, 1)


@pytest.mark.parametrize("times", [[], [0], [5, 5, 5], [9, 5, 1]])
def test_a_rate_needs_time_that_goes_forward(times: list[int]) -> None:
    with pytest.raises(TooLittleGaze, match="two samples"):
        sampling(times)


# ------------------------------------------------------------ loss


def test_nothing_missing() -> None:
    whole = loss(samples([Part("to", 1000)]))
    assert (whole.invalid, whole.lost) == (0.0, 0.0)
    assert whole.longest_s == pytest.approx(0.005)


@pytest.mark.parametrize(("how", "invalid"), [("closed", 0.25), ("silent", 0.0)])
def test_gaze_that_is_empty_or_does_not_come_is_lost_alike(how: Literal["closed", "silent"], invalid: float) -> None:
    gone = loss(samples([Part("to", 1500), Part(how, 1000), Part("to", 1500)]))
    assert gone.invalid == pytest.approx(invalid, abs=0.01)
    assert gone.lost == pytest.approx(0.25, abs=0.01)
    assert gone.longest_s == pytest.approx(1.0, abs=0.02)


def test_all_lost_is_all_lost() -> None:
    nothing = loss([GazeSample(k * 5 * MS, None, None) for k in range(101)])
    assert (nothing.invalid, nothing.lost, nothing.longest_s) == (1.0, 1.0, 0.5)


@given(st.lists(st.booleans(), min_size=2, max_size=80), st.integers(0, 9))
def test_loss_is_a_share(there: list[bool], seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.integers(1, 12, len(there))) * MS
    gaze = [GazeSample(int(t), 0.5, 0.5) if ok else GazeSample(int(t), None, None) for t, ok in zip(times, there, strict=True)]
    measured = loss(gaze)
    assert 0.0 <= measured.invalid <= measured.lost <= 1.0


# ------------------------------------------------------------ precision


@given(st.floats(0.005, 0.5), st.sampled_from([30.0, 120.0, 500.0]), st.floats(-25, 25), st.floats(-15, 15))
def test_white_noise_has_the_precision_that_theory_gives_it(noise_deg: float, hz: float, x_deg: float, y_deg: float) -> None:
    """Steps between independent samples are sqrt 2 larger than the samples' own spread, which is sqrt 2 of that along each axis.

    Field angles shrink by the cosine away from the axis, hence the wide tolerance; the ratio of the two does not.
    """
    gaze = samples([Part("to", 4000, x_deg, y_deg)], hz=hz, noise_deg=noise_deg, seed=4)
    measured = noise(gaze, window_ns=500 * MS)
    assert measured.rms_s2s_deg == pytest.approx(2.0 * noise_deg, rel=0.3)
    assert measured.std_deg == pytest.approx(math.sqrt(2.0) * noise_deg, rel=0.3)
    assert measured.rms_s2s_deg / measured.std_deg == pytest.approx(math.sqrt(2.0), rel=0.15)


def test_slow_wander_is_spread_and_not_noise() -> None:
    wandering = noise(samples([Part("to", 10), Part("drift", 2000, 10)], noise_deg=0.0))
    assert wandering.std_deg > 5 * wandering.rms_s2s_deg


def test_saccades_and_losses_hardly_count() -> None:
    quiet = samples([Part("to", 3000)], noise_deg=0.05)
    looks = [part for k in range(6) for part in (Part("to", 400, 6.0 * k), Part("jump", 40, 6.0 * k + 6), Part("closed", 100))]
    busy = samples(looks, noise_deg=0.05)
    assert noise(busy).rms_s2s_deg == pytest.approx(noise(quiet).rms_s2s_deg, rel=0.4)


def test_a_step_over_a_loss_is_no_step() -> None:
    gaze = [at(5 * k, 0.0 if k < 20 else 3.0, 0.0) for k in range(40) if not 18 <= k < 22]
    assert noise(gaze).rms_s2s_deg == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    "gaze",
    [
        [GazeSample(k * 5 * MS, None, None) for k in range(200)],
        [GazeSample(k * 5 * MS, 0.5 if k % 3 == 0 else None, 0.5 if k % 3 == 0 else None) for k in range(200)],
    ],
)
def test_noise_needs_gaze(gaze: Sequence[GazeSample]) -> None:
    with pytest.raises(TooLittleGaze, match="200 ms in a row"):
        noise(gaze)


# ------------------------------------------------------------ accuracy


def test_an_offset_is_measured_with_its_direction() -> None:
    found = accuracy([held((0.0, 0.0), (1.0, -0.5))], **CAMERA)
    assert (found.x_deg, found.y_deg) == pytest.approx((1.0, -0.5), abs=1e-6)
    assert found.mean_deg == found.worst_deg == pytest.approx(math.hypot(1.0, 0.5), rel=1e-3)
    assert math.isnan(found.drift_x_deg_per_min)


def test_accuracy_is_not_troubled_by_noise_and_names_the_worst() -> None:
    looks = [held((-20.0, 0.0), (0.2, 0.0), 0, 0.3), held((0.0, 10.0), (0.2, 0.0), 2000, 0.3), held((20.0, 0.0), (3.2, 0.0), 4000, 0.3)]
    found = accuracy(looks, **CAMERA)
    assert found.targets == 3
    assert found.x_deg == pytest.approx(1.2, abs=0.1)
    assert found.worst_deg == pytest.approx(3.2, abs=0.15)


def test_drift_is_the_trend_of_the_offset() -> None:
    looks = [held((0.0, 0.0), (0.5 * minute, -0.1 * minute), 60_000.0 * minute) for minute in range(4)]
    found = accuracy(looks, **CAMERA)
    assert found.drift_x_deg_per_min == pytest.approx(0.5, abs=1e-4)
    assert found.drift_y_deg_per_min == pytest.approx(-0.1, abs=1e-4)


def test_accuracy_needs_gaze_on_every_target() -> None:
    with pytest.raises(TooLittleGaze, match="at least one look"):
        accuracy([], **CAMERA)
    with pytest.raises(TooLittleGaze, match="no gaze in any of its 1"):
        accuracy([Look([GazeSample(0, None, None)], 0.5, 0.5)], **CAMERA)


# ------------------------------------------------------------ a recording


def test_a_real_clock_is_uneven_and_its_rate_is_still_found(shared_data: Path) -> None:
    """Pupil Invisible: 200 samples a second, though the median step says 250."""
    rows = (shared_data / "ego" / "pupil_invisible" / "gaze.csv").read_text(encoding="utf-8").splitlines()[1:]
    measured = sampling([int(row.split(",")[2]) for row in rows])
    assert measured.rate_hz == pytest.approx(200.0, rel=0.02)
    assert measured.median_step_ms == pytest.approx(4.0, abs=0.1)
    assert measured.p95_step_ms > 7.0
