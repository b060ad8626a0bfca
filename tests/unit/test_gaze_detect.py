"""What the detector makes of gaze whose movements are known."""

from __future__ import annotations

import tracemalloc

import pytest

from gaze import EyeEvent, FixationDetector, GazeSample, angle_deg
from tests.gaze_paths import ASPECT, HFOV_DEG, MS, Part, finals, samples

SURE_NS = 100 * MS
"""How late a fixation may be told to have begun."""

GONE_NS = 300 * MS
"""How long gaze may be away and yet come back to the same fixation."""


def detect(gaze: list[GazeSample]) -> list[EyeEvent]:
    detector = FixationDetector(HFOV_DEG, ASPECT)
    return detector.feed(gaze) + detector.advance(gaze[-1].t_ns + 1000 * MS)


def two_looks(hz: float = 200.0, noise_deg: float = 0.03, apart_deg: float = 10.0) -> list[GazeSample]:
    """Half a second here, a saccade of 40 ms, half a second there."""
    parts = [Part("to", 500, -5.0), Part("jump", 40, apart_deg - 5.0), Part("to", 460, apart_deg - 5.0)]
    return samples(parts, hz=hz, noise_deg=noise_deg)


def test_still_gaze_is_one_fixation_where_the_gaze_is() -> None:
    events = detect(samples([Part("to", 3000, 4.0, -3.0)], noise_deg=0.3))
    (fixation,) = finals(events, "fixation", "pursuit")
    assert fixation.kind == "fixation"
    # how noisy this tracker is must be found out first
    assert fixation.t_start_ns <= 50 * MS and fixation.t_end_ns == 2995 * MS
    assert fixation.x_norm is not None and fixation.y_norm is not None
    place = samples([Part("to", 10, 4.0, -3.0)], noise_deg=0.0)[0]
    assert place.x_norm is not None and place.y_norm is not None
    away = angle_deg(fixation.x_norm, fixation.y_norm, place.x_norm, place.y_norm, hfov_deg=HFOV_DEG, aspect=ASPECT)
    assert float(away) < 0.2
    assert fixation.dispersion_deg == pytest.approx(0.3 * 2**0.5, rel=0.25)


def test_a_fixation_is_reported_early_then_as_it_grows_then_once_at_its_end() -> None:
    events = detect(samples([Part("to", 450), Part("jump", 40, 10.0), Part("to", 300, 10.0)]))
    events = [e for e in events if e.id == events[0].id]
    assert [e.stage for e in events] == ["provisional"] * (len(events) - 1) + ["final"]
    assert {e.kind for e in events} == {"fixation"}
    assert events[0].t_emit_ns <= events[0].t_start_ns + SURE_NS
    lengths_ms = [e.duration_ns // MS for e in events[:-1]]
    assert [ms // 100 for ms in lengths_ms] == [0, 1, 2, 3, 4]


def test_a_fixation_of_300_ms_is_known_within_400_ms() -> None:
    events = detect(two_looks())
    long_enough = next(e for e in events if e.kind == "fixation" and e.duration_ns >= 300 * MS)
    assert long_enough.stage == "provisional"
    assert long_enough.t_emit_ns - long_enough.t_start_ns <= 400 * MS


def test_a_jump_is_a_saccade_between_two_fixations() -> None:
    before, saccade, after = finals(detect(two_looks()), "fixation", "saccade")
    assert [e.kind for e in (before, saccade, after)] == ["fixation", "saccade", "fixation"]
    assert abs(before.t_end_ns - 500 * MS) <= 15 * MS
    assert abs(after.t_start_ns - 540 * MS) <= 20 * MS
    assert (saccade.t_start_ns, saccade.t_end_ns) == (before.t_end_ns, after.t_start_ns)
    assert 2 * saccade.dispersion_deg == pytest.approx(10.0, abs=1.0)


def test_the_end_of_a_fixation_is_told_when_gaze_rests_elsewhere_or_is_gone() -> None:
    gaze = two_looks() + [GazeSample(s.t_ns + 1000 * MS, None, None) for s in samples([Part("to", 200)])]
    events = detect(gaze)
    (first, second), (saccade,) = finals(events, "fixation"), finals(events, "saccade")
    sure_ns = next(e.t_emit_ns for e in events if e.id == second.id)
    assert first.t_emit_ns == saccade.t_emit_ns == sure_ns <= second.t_start_ns + SURE_NS
    # a step and 50 ms: then it is a gap
    assert second.t_emit_ns <= second.t_end_ns + 60 * MS


def test_the_end_of_a_fixation_is_told_when_gaze_has_been_away_too_long_to_come_back() -> None:
    events = detect(samples([Part("to", 500, -20.0), Part("jump", 900, 25.0), Part("to", 500, 25.0)]))
    first = finals(events, "fixation")[0]
    assert GONE_NS <= first.t_emit_ns - first.t_end_ns <= GONE_NS + 40 * MS


@pytest.mark.parametrize("hz", [25, 60, 200, 1000])
def test_gaze_that_darts_away_and_back_has_not_left(hz: float) -> None:
    """So an unmarked blink looks: the pupil goes under the lid and comes back."""
    parts = [Part("to", 1000), Part("jump", 60, -2.0, 10.0), Part("jump", 90, 0.3, 0.2), Part("to", 1000, 0.3, 0.2)]
    (fixation,) = finals(detect(samples(parts, hz=hz)), "fixation", "saccade")
    assert fixation.kind == "fixation"
    assert fixation.duration_ns >= 2000 * MS


@pytest.mark.parametrize("hz", [60, 200, 1000])
def test_a_short_look_elsewhere_and_back_is_three_fixations(hz: float) -> None:
    parts = [Part("to", 700), Part("jump", 40, 8.0), Part("to", 150, 8.0), Part("jump", 40), Part("to", 700)]
    kinds = [e.kind for e in finals(detect(samples(parts, hz=hz)), "fixation", "saccade")]
    assert kinds == ["fixation", "saccade", "fixation", "saccade", "fixation"]


@pytest.mark.parametrize("apart_deg", [1.5, 4.0, 15.0])
def test_a_saccade_that_overshoots_does_not_come_back(apart_deg: float) -> None:
    parts = [Part("to", 500), Part("jump", 40, 1.3 * apart_deg), Part("jump", 30, apart_deg), Part("to", 500, apart_deg)]
    assert len(finals(detect(samples(parts)), "fixation")) == 2


@pytest.mark.parametrize("hz", [10, 25, 30, 60, 120, 200, 500, 1000])
def test_two_looks_are_two_fixations_at_any_rate(hz: float) -> None:
    first, second = finals(detect(two_looks(hz=hz)), "fixation")
    assert first.t_end_ns <= 500 * MS + 1.1e9 / hz and second.t_start_ns >= 500 * MS
    assert second.t_start_ns <= 540 * MS + 20 * MS + 1.1e9 / hz


@pytest.mark.parametrize("noise_deg", [0.01, 0.1, 0.3])
def test_a_noisy_tracker_does_not_split_a_fixation_nor_hide_a_saccade(noise_deg: float) -> None:
    assert len(finals(detect(two_looks(noise_deg=noise_deg)), "fixation", "pursuit")) == 2


def test_a_single_wild_sample_does_not_split_a_fixation() -> None:
    gaze = samples([Part("to", 1000)])
    gaze[100] = GazeSample(gaze[100].t_ns, 0.9, 0.1)
    (fixation,) = finals(detect(gaze), "fixation", "pursuit")
    assert fixation.duration_ns == 995 * MS


def test_a_glance_too_short_to_see_is_part_of_the_movement() -> None:
    parts = [Part("to", 400), Part("jump", 30, 8), Part("to", 20, 8), Part("jump", 30, 16), Part("to", 400, 16)]
    assert [e.kind for e in finals(detect(samples(parts)), "fixation", "pursuit", "saccade")] == ["fixation", "saccade", "fixation"]


def test_slow_smooth_movement_is_a_pursuit() -> None:
    parts = [Part("to", 500, -8.0), Part("drift", 1500, 8.0)]
    last = finals(detect(samples(parts)), "fixation", "pursuit")[-1]
    assert last.kind == "pursuit"
    assert last.duration_ns >= 1300 * MS


@pytest.mark.parametrize(("closed_ms", "kind"), [(60, "blink"), (150, "blink"), (380, "blink"), (450, "lost"), (2000, "lost")])
def test_a_short_gap_is_a_blink_and_a_long_one_a_loss(closed_ms: int, kind: str) -> None:
    events = detect(samples([Part("to", 500), Part("closed", closed_ms), Part("to", 500)]))
    before, gap, after = finals(events)
    assert (before.kind, gap.kind, after.kind) == ("fixation", kind, "fixation")
    assert abs(gap.duration_ns - closed_ms * MS) <= 10 * MS
    assert gap.x_norm is None and gap.y_norm is None


def test_a_gap_shorter_than_a_blink_is_skipped_over() -> None:
    (fixation,) = finals(detect(samples([Part("to", 500), Part("closed", 30), Part("to", 500)])))
    assert fixation.kind == "fixation" and fixation.duration_ns > 1000 * MS


def test_a_glimpse_inside_a_blink_does_not_split_it() -> None:
    parts = [Part("to", 500), Part("closed", 100), Part("to", 20), Part("closed", 100), Part("to", 500)]
    (blink,) = finals(detect(samples(parts)), "blink", "lost")
    assert abs(blink.duration_ns - 220 * MS) <= 10 * MS


def test_missing_samples_are_a_gap_like_invalid_ones() -> None:
    events = detect(samples([Part("to", 500), Part("silent", 150), Part("to", 500)]))
    assert [e.kind for e in finals(events)] == ["fixation", "blink", "fixation"]


def test_a_blink_that_lasts_is_said_to_be_a_loss_while_it_lasts() -> None:
    detector = FixationDetector(HFOV_DEG, ASPECT)
    events = detector.feed(samples([Part("to", 500), Part("closed", 800)]))
    gap = [e for e in events if e.kind in ("blink", "lost")]
    assert [(e.kind, e.stage) for e in gap] == [("blink", "provisional"), ("lost", "provisional")]
    assert gap[0].id == gap[1].id


def test_a_doubtful_tracker_sample_is_no_gaze_but_a_doubtful_guess_is_still_the_guess() -> None:
    def gaze(source: str) -> list[GazeSample]:
        return [
            GazeSample(s.t_ns, s.x_norm, s.y_norm, 0.2 if 500 * MS <= s.t_ns < 700 * MS else 1.0, source=source)  # type: ignore[arg-type]
            for s in samples([Part("to", 1200)])
        ]

    assert [e.kind for e in finals(detect(gaze("tracker")))] == ["fixation", "blink", "fixation"]
    (kept,) = finals(detect(gaze("saliency")))
    assert (kept.kind, kept.source) == ("fixation", "saliency")
    assert kept.confidence == pytest.approx((1000 * 1.0 + 200 * 0.2) / 1200)


def test_glasses_taken_off_see_nothing() -> None:
    gaze = [GazeSample(s.t_ns, s.x_norm, s.y_norm, worn=s.t_ns < 500 * MS) for s in samples([Part("to", 1500)])]
    detector = FixationDetector(HFOV_DEG, ASPECT)
    assert [e.kind for e in detector.feed(gaze) if e.stage == "final"] == ["fixation"]


def test_a_tracker_that_repeats_itself_has_stopped_looking() -> None:
    stuck = [GazeSample(k * 20 * MS, 0.3, 0.6) for k in range(2000)]
    detector = FixationDetector(HFOV_DEG, ASPECT)
    events = detector.feed(stuck)
    assert [e.kind for e in events if e.stage == "final"] == ["fixation"]
    assert finals(events)[0].t_end_ns == 29_980 * MS
    assert events[-1].kind == "lost"
    assert detector.dropped["frozen"] == 500


def test_a_pointer_that_rests_is_not_stuck() -> None:
    resting = [GazeSample(k * 20 * MS, 0.3, 0.6, source="pointer") for k in range(2000)]
    assert finals(detect(resting), "fixation")[0].duration_ns == 39_980 * MS


def test_nothing_but_loss_is_a_loss() -> None:
    events = detect([GazeSample(k * 5 * MS, None, None) for k in range(400)])
    assert {e.kind for e in events} == {"blink", "lost"}
    assert len({e.id for e in events}) == 1


def test_one_sample_is_nothing_yet() -> None:
    detector = FixationDetector(HFOV_DEG, ASPECT)
    assert detector.feed([GazeSample(0, 0.5, 0.5)]) == []
    assert [e.kind for e in detector.advance(1000 * MS)] == ["blink", "lost"]


def test_ten_minutes_of_loss_are_one_loss() -> None:
    gaze = samples([Part("to", 500), Part("closed", 600_000), Part("to", 500)], hz=100.0)
    assert [e.kind for e in finals(detect(gaze))] == ["fixation", "lost", "fixation"]


def test_a_saccade_does_not_end_while_the_tracker_flickers() -> None:
    """A feature the tracker hops to and from, faster than an eye can, is noise and no string of saccades."""
    gaze = samples([Part("to", 3000)], hz=300.0, noise_deg=0.05)
    hopping = [
        GazeSample(s.t_ns, s.x_norm + 0.008, s.y_norm) if s.x_norm is not None and s.t_ns > 1000 * MS and k % 5 in (0, 3) else s
        for k, s in enumerate(gaze)
    ]
    held = finals(detect(hopping), "fixation", "pursuit")
    assert len(held) <= 2
    assert sum(e.duration_ns for e in held) > 2800 * MS


def test_samples_that_go_back_or_repeat_are_left_out_and_counted() -> None:
    gaze = two_looks()
    clean = FixationDetector(HFOV_DEG, ASPECT)
    dirty = FixationDetector(HFOV_DEG, ASPECT)
    spoilt: list[GazeSample] = []
    for k, sample in enumerate(gaze):
        spoilt.append(sample)
        if k % 50 == 20:
            spoilt.append(GazeSample(sample.t_ns, 0.1, 0.1))
        if k % 50 == 40:
            spoilt.append(GazeSample(sample.t_ns - 12 * MS, 0.9, 0.9))
    assert dirty.feed(spoilt) == clean.feed(gaze)
    assert dirty.dropped == {"clock": 4, "duplicate": 4}
    assert clean.dropped == {"clock": 0, "duplicate": 0}


def test_a_tracker_that_falls_silent_ends_the_fixation() -> None:
    detector = FixationDetector(HFOV_DEG, ASPECT)
    detector.feed(samples([Part("to", 1000)]))
    events = detector.advance(2000 * MS)
    assert [(e.kind, e.stage) for e in events] == [("fixation", "final"), ("blink", "provisional"), ("lost", "provisional")]
    # that gaze was gone could be known one step and 50 ms after the last sample, at 995 ms
    assert events[0].t_emit_ns == 1050 * MS


def test_samples_that_are_merely_late_change_nothing() -> None:
    """The clock may run up to 400 ms ahead of gaze that is still on its way."""
    gaze = two_looks()
    punctual, late = FixationDetector(HFOV_DEG, ASPECT), FixationDetector(HFOV_DEG, ASPECT)
    events: list[EyeEvent] = []
    for sample in gaze:
        events += late.feed([sample])
        events += late.advance(sample.t_ns + 400 * MS)
    assert events == punctual.feed(gaze)


def test_time_may_pass_before_the_first_sample() -> None:
    assert FixationDetector(HFOV_DEG, ASPECT).advance(10_000 * MS) == []


def test_memory_does_not_grow_with_a_fixation() -> None:
    gaze = samples([Part("to", 60_000)])
    detector = FixationDetector(HFOV_DEG, ASPECT)
    detector.feed(gaze[:4000])
    tracemalloc.start()
    try:
        detector.feed(gaze[4000:5000])
        early = tracemalloc.get_traced_memory()[0]
        for k in range(5000, len(gaze), 500):
            detector.feed(gaze[k : k + 500])
        assert tracemalloc.get_traced_memory()[0] - early < 64_000
    finally:
        tracemalloc.stop()
