"""A dwell is gaze kept on one thing, however the eye and the head fidget on it."""

from __future__ import annotations

import pytest

from gaze import DwellTracker, EyeEvent, EyeEvents, GazeSample
from tests.gaze_paths import ASPECT, HFOV_DEG, MS, Part, finals, samples


def track(gaze: list[GazeSample]) -> list[EyeEvent]:
    eyes = EyeEvents(HFOV_DEG, ASPECT)
    return eyes.feed(gaze) + eyes.advance(gaze[-1].t_ns + 1000 * MS)


def dwells(gaze: list[GazeSample]) -> list[EyeEvent]:
    return [event for event in track(gaze) if event.kind == "dwell"]


def look_away(ms: float) -> list[Part]:
    """A jump elsewhere and back that takes this long in all."""
    return [Part("jump", 30, 20.0, 8.0), Part("to", ms - 60, 20.0, 8.0), Part("jump", 30)]


def test_two_seconds_on_one_place_are_a_dwell_reported_as_it_grows() -> None:
    events = dwells(samples([Part("to", 3700), Part("jump", 40, 20.0), Part("to", 1000, 20.0)]))
    assert len({e.id for e in events}) == 1
    lengths_s = [e.duration_ns / 1e9 for e in events]
    assert lengths_s == pytest.approx([2.0, 2.5, 3.0, 3.5, 3.7], abs=0.11)
    assert [e.stage for e in events] == ["provisional"] * 4 + ["final"]
    assert events[0].t_emit_ns <= 2150 * MS
    assert events[0].t_start_ns == 0


def test_less_than_two_seconds_are_none() -> None:
    assert dwells(samples([Part("to", 1900), Part("jump", 40, 20.0), Part("to", 1800, 20.0)])) == []


def test_the_place_of_a_dwell_is_where_gaze_is() -> None:
    last = dwells(samples([Part("to", 3000, 10.0, -5.0), Part("closed", 600)]))[-1]
    assert (last.x_norm, last.y_norm) == pytest.approx((0.5 + 0.1763 / 2, 0.5 - 0.0875 * 16 / 9 / 2), abs=0.002)
    assert last.dispersion_deg < 0.2


def test_a_dwell_survives_blinks() -> None:
    parts = [Part("to", 900), Part("closed", 200), Part("to", 700), Part("closed", 350), Part("to", 900)]
    (dwell,) = finals(dwells(samples(parts)))
    assert dwell.t_start_ns == 0 and dwell.duration_ns > 2900 * MS


def test_a_dwell_survives_single_wild_samples() -> None:
    gaze = samples([Part("to", 3000)], hz=30.0)
    for k in (20, 45, 70):
        gaze[k] = GazeSample(gaze[k].t_ns, 0.95, 0.05)
    (dwell,) = finals(dwells(gaze))
    assert dwell.duration_ns > 2900 * MS


def test_a_dwell_survives_small_saccades_on_the_thing() -> None:
    parts = [Part("to", 300)]
    for k in range(12):
        parts += [Part("jump", 25, 2.5 * (-1) ** k, 1.0), Part("to", 225, 2.5 * (-1) ** k, 1.0)]
    (dwell,) = finals(dwells(samples(parts)))
    assert dwell.duration_ns > 3000 * MS


def test_a_dwell_survives_a_short_look_elsewhere_but_not_a_long_one() -> None:
    brief = [Part("to", 1500), *look_away(350), Part("to", 1500)]
    (dwell,) = finals(dwells(samples(brief)))
    assert dwell.duration_ns > 3200 * MS
    assert finals(dwells(samples([Part("to", 1500), *look_away(700), Part("to", 1500)]))) == []


def test_a_loss_ends_a_dwell() -> None:
    parts = [Part("to", 1500), Part("closed", 600), Part("to", 1500)]
    assert dwells(samples(parts)) == []


def test_the_next_dwell_begins_when_gaze_arrived_there() -> None:
    first, second = finals(dwells(samples([Part("to", 2500), Part("jump", 40, 20.0), Part("to", 2500, 20.0)])))
    assert first.t_end_ns == pytest.approx(2500 * MS, abs=20 * MS)
    assert second.t_start_ns == pytest.approx(2540 * MS, abs=20 * MS)
    assert first.t_end_ns <= second.t_start_ns


@pytest.mark.parametrize("speed_dps", [1.0, 3.0, 6.0, 12.0])
def test_a_dwell_follows_a_thing_that_drifts_through_the_picture(speed_dps: float) -> None:
    """The head turns while the eyes hold the thing; blinks and small saccades fall in between."""
    parts: list[Part] = [Part("to", 300, -20.0)]
    at = -20.0
    for k in range(4):
        at += 0.7 * speed_dps
        parts += [Part("drift", 700, at), Part("closed", 150) if k % 2 else Part("jump", 20, at + 1.0)]
        at += 0.0 if k % 2 else 1.0
    (dwell,) = finals(dwells(samples(parts)))
    assert dwell.duration_ns > 3100 * MS


def test_looking_around_is_no_dwell() -> None:
    parts: list[Part] = [Part("to", 300, -20.0)]
    for k in range(1, 12):
        parts += [Part("jump", 30, -20.0 + 8.0 * (k % 6)), Part("to", 300, -20.0 + 8.0 * (k % 6))]
    assert dwells(samples(parts)) == []


def test_ids_are_unique_across_movements_and_dwells() -> None:
    events = track(samples([Part("to", 2500), Part("jump", 40, 20.0), Part("to", 2500, 20.0), Part("closed", 200), Part("to", 300)]))
    named = {(e.id, "dwell" if e.kind == "dwell" else "movement") for e in events}
    assert len({number for number, _ in named}) == len(named)


def test_dropped_samples_are_counted_through() -> None:
    eyes = EyeEvents(HFOV_DEG, ASPECT)
    gaze = samples([Part("to", 100)])
    eyes.feed([*gaze, gaze[-1], gaze[0]])
    assert eyes.dropped == {"clock": 1, "duplicate": 1}


def test_a_tracker_alone_works_from_reports() -> None:
    """Final fixations of half a second each, 2 degrees apart, are enough."""
    dwell = DwellTracker(HFOV_DEG, ASPECT)
    out: list[EyeEvent] = []
    for k in range(6):
        start = k * 550 * MS
        x = 0.5 + 0.0175 * (k % 2)
        out += dwell.feed(EyeEvent(k + 1, "fixation", start, start + 500 * MS, x, 0.5, 0.1, "final", start + 560 * MS, 0.8))
    assert [e.stage for e in out] == ["provisional", "provisional", "provisional"]
    assert out[-1].confidence == pytest.approx(0.8)
    assert out[-1].duration_ns == 3250 * MS
