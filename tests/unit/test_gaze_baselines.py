"""The textbook detectors: what they find, what they miss, and that their thresholds are theirs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaze.baselines import TEXTBOOK_IVT, TOBII_IVT, IdtDetector, IdtRules, IvtDetector, IvtRules
from gaze.types import EyeEvent, GazeSample
from tests.gaze_paths import ASPECT, HFOV_DEG, MS, Part, samples

LOOKS = [Part("to", 400), Part("jump", 40, 10), Part("to", 400, 10), Part("jump", 40, 10, 8), Part("to", 400, 10, 8)]


def ivt(gaze: list[GazeSample], rules: IvtRules = TOBII_IVT) -> list[EyeEvent]:
    detector = IvtDetector(HFOV_DEG, ASPECT, rules)
    return detector.feed(gaze) + detector.finish()


def idt(gaze: list[GazeSample], rules: IdtRules | None = None) -> list[EyeEvent]:
    detector = IdtDetector(HFOV_DEG, ASPECT, rules)
    return detector.feed(gaze) + detector.finish()


def of(events: list[EyeEvent], kind: str) -> list[EyeEvent]:
    return [event for event in events if event.kind == kind]


def test_the_named_parameters_are_those_of_their_papers() -> None:
    assert IvtRules(threshold_dps=20.0, window_ns=0, merge_deg=0.0, shortest_ns=0) == TEXTBOOK_IVT
    assert (TOBII_IVT.threshold_dps, TOBII_IVT.window_ns, TOBII_IVT.shortest_ns) == (30.0, 20 * MS, 60 * MS)
    assert (TOBII_IVT.merge_ns, TOBII_IVT.merge_deg, TOBII_IVT.bridge_ns) == (75 * MS, 0.5, 75 * MS)
    assert (IdtRules().dispersion_deg, IdtRules().shortest_ns) == (1.0, 100 * MS)


@pytest.mark.parametrize("detect", [ivt, idt])
def test_three_looks_are_three_fixations_and_two_saccades(detect: object) -> None:
    assert callable(detect)
    events = detect(samples(LOOKS))
    fixations, saccades = of(events, "fixation"), of(events, "saccade")
    assert (len(fixations), len(saccades)) == (3, 2)
    for event, start_ms in zip(fixations, (0, 440, 880), strict=True):
        assert abs(event.t_start_ns - start_ms * MS) <= 25 * MS
        assert abs(event.t_end_ns - (start_ms + 400) * MS) <= 25 * MS
    for fixation, saccade, later in zip(fixations, saccades, fixations[1:], strict=False):
        assert (saccade.t_start_ns, saccade.t_end_ns) == (fixation.t_end_ns, later.t_start_ns)


def test_a_threshold_is_what_it_says() -> None:
    """A drift of 25 degrees a second is slower than Tobii's threshold and faster than the textbook's."""
    drift = samples([Part("to", 20, -10), Part("drift", 800, 10)], noise_deg=0.0)
    assert len(of(ivt(drift), "fixation")) == 1
    textbook = of(ivt(drift, TEXTBOOK_IVT), "fixation")
    assert [event.t_end_ns for event in textbook] == [20 * MS]


def test_the_textbook_velocity_detector_drowns_in_noise() -> None:
    """Why it is a baseline: a tenth of a degree of noise at 500 Hz is 70 degrees a second."""
    quiet, noisy = (samples([Part("to", 1000)], hz=500, noise_deg=noise) for noise in (0.002, 0.1))
    assert len(of(ivt(quiet, TEXTBOOK_IVT), "fixation")) == 1
    assert len(of(ivt(noisy, TEXTBOOK_IVT), "fixation")) > 10


def test_fixations_split_by_a_flicker_are_merged_only_if_near_in_time_and_place() -> None:
    there_and_back = [Part("to", 300), Part("to", 20, 3), Part("to", 300)]
    assert len(of(ivt(samples(there_and_back)), "fixation")) == 1
    apart = IvtRules(threshold_dps=30.0, window_ns=20 * MS)
    assert len(of(ivt(samples(there_and_back), apart), "fixation")) >= 2
    elsewhere = [Part("to", 300), Part("to", 300, 3)]
    assert len(of(ivt(samples(elsewhere)), "fixation")) == 2


def test_a_short_fixation_is_dropped_after_merging() -> None:
    brief = [Part("to", 300), Part("jump", 30, 10), Part("to", 50, 10), Part("jump", 30, 20), Part("to", 300, 20)]
    assert len(of(ivt(samples(brief, noise_deg=0.0)), "fixation")) == 2


def test_dispersion_is_the_sum_of_both_ranges() -> None:
    """Half a degree each way is one degree of dispersion."""
    square = [(0.0, 0.0), (0.4, 0.0), (0.4, 0.4), (0.0, 0.4)] * 10
    parts = [Part("to", 10, x, y) for x, y in square]
    gaze = samples(parts, hz=100, noise_deg=0.0)
    assert len(of(idt(gaze, IdtRules(dispersion_deg=0.81)), "fixation")) == 1
    assert of(idt(gaze, IdtRules(dispersion_deg=0.79)), "fixation") == []


def test_no_fixation_by_dispersion_is_shorter_than_the_shortest() -> None:
    gaze = samples([Part("to", 80), Part("jump", 40, 10), Part("to", 300, 10)], noise_deg=0.0)
    found = of(idt(gaze), "fixation")
    assert len(found) == 1 and found[0].duration_ns >= 100 * MS


@pytest.mark.parametrize("detect", [ivt, idt])
def test_a_long_loss_is_said_and_a_short_one_is_passed_over(detect: object) -> None:
    assert callable(detect)
    short = detect(samples([Part("to", 300), Part("closed", 50), Part("to", 300)]))
    assert [event.kind for event in short] == ["fixation"]
    long = detect(samples([Part("to", 300), Part("closed", 200), Part("to", 300)]))
    assert [event.kind for event in long] == ["fixation", "lost", "fixation"]
    gap = long[1]
    assert gap.x_norm is None and abs(gap.duration_ns - 200 * MS) <= 10 * MS


@pytest.mark.parametrize("detect", [ivt, idt])
def test_nothing_seen_is_nothing_found(detect: object) -> None:
    assert callable(detect)
    assert detect([]) == []
    assert detect([GazeSample(k * 5 * MS, None, None) for k in range(100)]) == []
    assert of(detect([GazeSample(0, 0.5, 0.5)]), "saccade") == []


@pytest.mark.parametrize("make", [IvtDetector, IdtDetector])
def test_time_that_does_not_go_forward_is_counted(make: type[IvtDetector] | type[IdtDetector]) -> None:
    detector = make(HFOV_DEG, ASPECT)
    detector.feed([GazeSample(t * MS, 0.5, 0.5) for t in (0, 5, 5, 3, 10)])
    assert detector.dropped == {"clock": 1, "duplicate": 1}


def test_ten_samples_a_second_still_have_a_speed() -> None:
    slow = samples([Part("to", 1000), Part("to", 1000, 10)], hz=10, noise_deg=0.0)
    assert len(of(ivt(slow), "fixation")) == 2


@given(st.lists(st.integers(1, 7), min_size=1, max_size=60), st.sampled_from([30.0, 120.0, 250.0]), st.integers(0, 5))
def test_blocks_do_not_matter_and_nothing_is_told_before_it_happened(sizes: list[int], hz: float, seed: int) -> None:
    gaze = samples([*LOOKS, Part("closed", 150), Part("to", 200)], hz=hz, noise_deg=0.2, uneven=0.5, seed=seed)
    for make in (IvtDetector, IdtDetector):
        whole = make(HFOV_DEG, ASPECT)
        want = whole.feed(gaze) + whole.finish()
        parts = make(HFOV_DEG, ASPECT)
        got: list[EyeEvent] = []
        at = 0
        for size in itertools.chain(sizes, itertools.repeat(50)):
            if at >= len(gaze):
                break
            block = gaze[at : at + size]
            told = parts.feed(block)
            assert all(event.t_end_ns <= event.t_emit_ns <= block[-1].t_ns for event in told)
            got += told
            at += size
        assert got + parts.finish() == want
        starts = [event.t_start_ns for event in want]
        assert starts == sorted(starts) and len({event.id for event in want}) == len(want)


def test_places_are_means() -> None:
    (event,) = of(idt(samples([Part("to", 500, 5, -3)], noise_deg=0.05)), "fixation")
    assert event.x_norm == pytest.approx(0.5 + np.tan(np.radians(5)) / 2, abs=1e-3)
    assert event.y_norm == pytest.approx(0.5 - np.tan(np.radians(3)) / 2 * ASPECT, abs=1e-3)
    assert event.dispersion_deg == pytest.approx(0.05 * np.sqrt(2), rel=0.25)
