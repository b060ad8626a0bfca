"""The scanpath keeps what the eyes did in a fixed number of bytes, and measures saccades."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaze import EyeEvent, EyeEvents, GazeSample
from gaze.scanpath import ENTRY_BYTES, Entry, Scanpath
from tests.gaze_paths import ASPECT, HFOV_DEG, MS, Part, samples


def fixation(number: int, *, stage: str = "final", kind: str = "fixation") -> EyeEvent:
    start = number * 300 * MS
    return EyeEvent(number, kind, start, start + 200 * MS, 0.5, 0.25, 0.3, stage, start + 260 * MS, 0.9)  # type: ignore[arg-type]


def walked(gaze: list[GazeSample], block: int = 7) -> tuple[Scanpath, list[Entry]]:
    """A scanpath fed with a recording in blocks."""
    eyes, path = EyeEvents(HFOV_DEG, ASPECT), Scanpath(HFOV_DEG, ASPECT)
    entries: list[Entry] = []
    for k in range(0, len(gaze), block):
        part = gaze[k : k + block]
        entries += path.feed(eyes.feed(part), part)
    return path, entries + path.feed(eyes.advance(gaze[-1].t_ns + 1000 * MS))


def test_what_goes_in_comes_out_to_the_last_digit() -> None:
    path = Scanpath(HFOV_DEG, ASPECT)
    blink = EyeEvent(8, "blink", 10, 20, None, None, 0.0, "final", 30, source="pointer")
    path.feed([fixation(7), blink])
    assert [entry.event for entry in path.entries()] == [fixation(7), blink]


def test_only_finished_movements_are_logged() -> None:
    path = Scanpath(HFOV_DEG, ASPECT)
    assert path.feed([fixation(1, stage="provisional")]) == []
    assert len(path) == 0 and sum(path.dropped.values()) == 0


def test_the_same_movement_twice_is_counted_not_kept() -> None:
    path = Scanpath(HFOV_DEG, ASPECT)
    path.feed([fixation(1), fixation(1)])
    assert len(path) == 1 and path.dropped["duplicate"] == 1


@pytest.mark.parametrize(
    ("most", "nbytes", "reason", "kept"),
    [(3, 10**6, "count", 3), (100, 2 * ENTRY_BYTES, "bytes", 2), (100, 2 * ENTRY_BYTES + 1, "bytes", 2)],
)
def test_the_oldest_goes_first_and_the_tighter_bound_is_named(most: int, nbytes: int, reason: str, kept: int) -> None:
    path = Scanpath(HFOV_DEG, ASPECT, max_entries=most, max_bytes=nbytes)
    path.feed([fixation(k) for k in range(1, 6)])
    assert [entry.event.id for entry in path.entries()] == list(range(6 - kept, 6))
    assert path.dropped == {"count": 0, "bytes": 0, "duplicate": 0, reason: 5 - kept}


@given(st.integers(1, 9), st.integers(ENTRY_BYTES, 12 * ENTRY_BYTES), st.integers(0, 60))
def test_both_bounds_always_hold_and_every_entry_is_accounted_for(most: int, nbytes: int, fed: int) -> None:
    path = Scanpath(HFOV_DEG, ASPECT, max_entries=most, max_bytes=nbytes)
    for k in range(fed):
        path.feed([fixation(k)])
        assert len(path) <= most and path.nbytes <= nbytes
    assert len(path) + sum(path.dropped.values()) == fed
    assert [entry.event.id for entry in path.entries()] == list(range(fed - len(path), fed))


def test_a_number_may_come_again_once_it_has_been_let_go() -> None:
    path = Scanpath(HFOV_DEG, ASPECT, max_entries=1)
    path.feed([fixation(1), fixation(2), fixation(1)])
    assert [entry.event.id for entry in path.entries()] == [1] and path.dropped["duplicate"] == 0


@pytest.mark.parametrize("bounds", [{"max_entries": 0}, {"max_bytes": ENTRY_BYTES - 1}])
def test_a_log_that_can_hold_nothing_is_refused(bounds: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least one entry"):
        Scanpath(HFOV_DEG, ASPECT, **bounds)


def test_entries_are_found_by_kind_and_time() -> None:
    path = Scanpath(HFOV_DEG, ASPECT)
    path.feed([fixation(1), fixation(2, kind="dwell"), fixation(3)])
    assert [e.event.id for e in path.entries("fixation")] == [1, 3]
    assert [e.event.id for e in path.entries("dwell", "fixation", since_ns=700 * MS)] == [2, 3]


@pytest.mark.parametrize("amplitude_deg", [2.0, 8.0, 20.0])
def test_a_saccade_has_its_amplitude_peak_speed_and_direction(amplitude_deg: float) -> None:
    ms = 20.0 + 2.0 * amplitude_deg
    gaze = samples([Part("to", 400), Part("jump", ms, 0.0, amplitude_deg), Part("to", 400, 0.0, amplitude_deg)], hz=500.0, noise_deg=0.005)
    path, _ = walked(gaze)
    (saccade,) = path.entries("saccade")
    assert saccade.amplitude_deg == pytest.approx(amplitude_deg, rel=0.05)
    # the fifth-order path of least jerk peaks at 15/8 of its mean speed
    assert saccade.peak_dps == pytest.approx(1.875 * amplitude_deg / ms * 1000.0, rel=0.1)
    assert saccade.direction_deg == pytest.approx(90.0, abs=3.0)
    amplitudes, peaks = path.main_sequence()
    assert (amplitudes.tolist(), peaks.tolist()) == ([saccade.amplitude_deg], [saccade.peak_dps])


def test_noise_of_a_fast_tracker_does_not_make_the_peak() -> None:
    gaze = samples([Part("to", 400), Part("jump", 40, 10.0), Part("to", 400, 10.0)], hz=1000.0, noise_deg=0.05)
    (saccade,) = walked(gaze)[0].entries("saccade")
    assert saccade.peak_dps == pytest.approx(1.875 * 10.0 / 0.040, rel=0.1)


def test_how_the_stream_is_cut_makes_no_difference() -> None:
    parts = [Part("to", 300), Part("jump", 30, 8.0), Part("to", 250, 8.0), Part("closed", 150), Part("to", 400, 8.0)]
    parts += [Part("jump", 40, -9.0, 4.0), Part("to", 1500, -9.0, 4.0)]
    gaze = samples(parts)
    _, whole = walked(gaze, len(gaze))
    assert any(entry.peak_dps for entry in whole)
    for block in (1, 13, 200):
        assert walked(gaze, block)[1] == whole


def test_without_samples_the_amplitude_is_what_the_detector_says() -> None:
    saccade = EyeEvent(1, "saccade", 0, 40 * MS, 0.5, 0.5, 5.0, "final", 100 * MS)
    (entry,) = Scanpath(HFOV_DEG, ASPECT).feed([saccade])
    assert entry.amplitude_deg == pytest.approx(2.0 * math.degrees(math.asin(math.radians(5.0))))
    assert entry.peak_dps is None and entry.direction_deg is None


def test_samples_held_for_measuring_are_bounded_and_skip_lost_and_late_ones() -> None:
    path = Scanpath(HFOV_DEG, ASPECT, recent_samples=8)
    gaze = [GazeSample(k * MS, 0.5 + 0.01 * k, 0.5) for k in range(100)]
    path.feed([], [*gaze[:99], GazeSample(50 * MS, 0.1, 0.1), GazeSample(99 * MS, None, None)])
    saccade = EyeEvent(1, "saccade", 0, 99 * MS, 0.5, 0.5, 5.0, "final", 120 * MS)
    (entry,) = path.feed([saccade], [gaze[99]])
    # the last eight samples move right by seven hundredths of the picture
    assert entry.direction_deg == pytest.approx(0.0)
    assert entry.amplitude_deg is not None and 0.5 < entry.amplitude_deg < 5.0
