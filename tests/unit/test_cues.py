"""What a row of looks amounts to: each cue by its rule, with its evidence, and without flicker."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaze import EyeEvent, EyeEvents
from gaze.cues import Cue, CueRules, CueTracker
from gaze.geometry import deg_to_norm
from gaze.patterns import KEPT
from gaze.reading import ReadingRules
from gaze.visits import VisitRules, Visits
from tests.gaze_paths import ASPECT, HFOV_DEG, MS, Part, samples

Place = tuple[float, float]
LINES = [(x, y) for y in (0.0, 1.5, 3.0) for x in (-8.0, -6.0, -4.2, -2.0, 0.0, 2.0, 4.0)]
SHELVES = [(x, y) for y in (-10.0, 0.0, 10.0) for x in (-30.0, -18.0, -6.0, 6.0, 18.0, 30.0)]
TO_AND_FRO = [(-10.0, 0.0), (10.0, 0.5)] * 3


def looks(places: Sequence[Place], *, ms: int = 220, start_ms: int = 0, first: int = 1) -> list[EyeEvent]:
    """Fixations of this length on these places (degrees right and down), 30 ms apart."""
    events = []
    for k, (x_deg, y_deg) in enumerate(places):
        x, y = deg_to_norm(x_deg, y_deg, hfov_deg=HFOV_DEG, aspect=ASPECT)
        t_ns = (start_ms + k * (ms + 30)) * MS
        end_ns = t_ns + ms * MS
        events.append(EyeEvent(first + k, "fixation", t_ns, end_ns, float(x), float(y), 0.1, "final", end_ns + 60 * MS))
    return events


def after(events: Sequence[EyeEvent], places: Sequence[Place], *, ms: int = 220) -> list[EyeEvent]:
    """These looks and then some more."""
    last = events[-1]
    return [*events, *looks(places, ms=ms, start_ms=last.t_end_ns // MS + 30, first=last.id + 1)]


def lost(events: Sequence[EyeEvent]) -> EyeEvent:
    """Gaze is gone for half a second after these."""
    end = events[-1].t_end_ns
    return EyeEvent(events[-1].id + 1, "lost", end, end + 500 * MS, None, None, 0.0, "final", end + 500 * MS)


def cues(events: Sequence[EyeEvent], *kinds: str, rules: CueRules | None = None) -> list[Cue]:
    """Every report of these kinds (of all) once gaze has been silent for long."""
    tracker = CueTracker(HFOV_DEG, ASPECT, rules=rules)
    found = tracker.feed(events) + tracker.advance(events[-1].t_emit_ns + 10_000 * MS)
    return [cue for cue in found if not kinds or cue.kind in kinds]


def lasting(events: Sequence[EyeEvent]) -> list[tuple[str, str]]:
    return [(cue.kind, cue.stage) for cue in cues(events, "reading", "comparing", "searching")]


def begun_and_over(kind: str) -> list[tuple[str, str]]:
    return [(kind, "provisional"), (kind, "final")]


# ------------------------------------------------------------ reading


def test_lines_of_small_steps_to_the_right_are_reading() -> None:
    begun, over = cues(looks(LINES), "reading", "comparing", "searching")
    assert (begun.kind, begun.stage, over.kind, over.stage) == ("reading", "provisional", "reading", "final")
    assert begun.id == over.id
    assert begun.found == "6 steps forward, 1 line returns" and over.found == "18 steps forward, 2 line returns"
    assert [evidence.id for evidence in over.evidence] == list(range(1, 22))
    assert over.t_start_ns == 0 and over.t_end_ns == looks(LINES)[-1].t_end_ns
    assert "5 deg" in over.rule


def test_one_line_is_not_enough() -> None:
    assert lasting(looks(LINES[:7])) == []


def test_narrow_columns_are_read_not_compared() -> None:
    assert lasting(looks([(x, y) for y in (0.0, 1.5, 3.0, 4.5) for x in (-4.0, -2.0, 0.0)])) == begun_and_over("reading")


def test_a_step_back_now_and_then_belongs_to_reading() -> None:
    places = [(x, y) for y in (0.0, 1.5, 3.0) for x in (-8.0, -6.0, -7.0, -4.0, -2.0, 0.0, -0.8, 2.0)]
    assert lasting(looks(places)) == begun_and_over("reading")


def test_one_look_up_does_not_end_reading_and_looking_around_does() -> None:
    away = [*LINES, (20.0, -20.0), *LINES]
    assert lasting(looks(away)) == begun_and_over("reading")
    tracker = CueTracker(HFOV_DEG, ASPECT)
    events = looks([*LINES, (20.0, -20.0), (-25.0, 15.0), (10.0, 20.0)])
    told = [cue for cue in tracker.feed(events) if cue.kind == "reading"]
    assert [cue.stage for cue in told] == ["provisional", "final"]
    assert told[-1].t_emit_ns == events[-1].t_emit_ns and told[-1].t_end_ns == events[len(LINES) - 1].t_end_ns


def test_lines_from_right_to_left_need_the_rule_for_them() -> None:
    mirrored = looks([(-x, y) for x, y in LINES])
    assert cues(mirrored, "reading") == []
    arabic = CueRules(reading=ReadingRules(rightward=False))
    assert [cue.stage for cue in cues(mirrored, "reading", rules=arabic)] == ["provisional", "final"]


def test_long_looks_along_a_line_are_not_reading() -> None:
    assert cues(looks(LINES, ms=900), "reading") == []


def test_a_column_of_looks_is_not_reading() -> None:
    assert cues(looks([(y, x) for x, y in LINES]), "reading") == []


# ------------------------------------------------------------ comparing


def test_to_and_fro_between_two_places_is_comparing() -> None:
    begun, over = cues(looks(TO_AND_FRO), "reading", "comparing", "searching")
    assert (begun.kind, begun.stage, over.stage) == ("comparing", "provisional", "final")
    assert begun.found == "3 moves between two regions" and over.found == "5 moves between two regions"
    assert len(set(begun.regions)) == 2 and over.regions == begun.regions
    assert [evidence.id for evidence in over.evidence] == [1, 2, 3, 4, 5, 6]


def test_there_and_back_once_is_not_comparing() -> None:
    assert lasting(looks(TO_AND_FRO[:3])) == []


def test_three_in_a_round_is_not_comparing() -> None:
    assert lasting(looks([(-15.0, 0.0), (0.0, 10.0), (15.0, 0.0)] * 5)) == []


def test_slow_alternation_is_not_comparing() -> None:
    assert cues(looks(TO_AND_FRO[:4], ms=4000), "comparing") == []


def test_a_glance_at_a_third_thing_does_not_end_comparing() -> None:
    assert lasting(looks([*TO_AND_FRO, (0.0, 15.0), *TO_AND_FRO])) == begun_and_over("comparing")


def test_moving_on_to_a_third_thing_ends_comparing() -> None:
    events = after(looks(TO_AND_FRO), [(0.0, 15.0)], ms=800)
    over = [cue for cue in CueTracker(HFOV_DEG, ASPECT).feed(events) if cue.kind == "comparing"][-1]
    assert over.stage == "final" and over.t_emit_ns == events[-1].t_emit_ns
    assert over.t_end_ns == events[-2].t_end_ns


def test_staying_with_one_of_the_two_ends_comparing() -> None:
    events = after(looks(TO_AND_FRO), [(-10.0, 0.0)], ms=3200)
    assert [cue.stage for cue in CueTracker(HFOV_DEG, ASPECT).feed(events) if cue.kind == "comparing"] == ["provisional", "final"]


def test_several_looks_at_each_thing_are_still_comparing() -> None:
    places = [(-10.0, 0.0), (-9.0, 1.0), (10.0, 0.0), (10.5, 1.0), (-10.0, 0.0), (-9.0, -1.0), (10.0, 0.0)]
    assert lasting(looks(places))[:1] == [("comparing", "provisional")]


# ------------------------------------------------------------ searching


def test_sweeps_over_new_places_are_searching() -> None:
    begun, over = cues(looks(SHELVES), "reading", "comparing", "searching")
    assert (begun.kind, begun.stage, over.stage) == ("searching", "provisional", "final")
    assert begun.found == "5 sweeps to new places" and over.found == "17 sweeps to new places"


def test_long_looks_are_not_searching() -> None:
    assert lasting(looks(SHELVES, ms=600)) == []


def test_going_over_the_same_places_is_not_searching() -> None:
    ring = [(-20.0, 0.0), (0.0, 10.0), (20.0, 0.0), (0.0, -10.0)]
    assert lasting(looks(ring * 4)) == []


def test_one_longer_look_does_not_end_a_search_and_finding_does() -> None:
    events = after(after(looks(SHELVES[:9]), [SHELVES[9]], ms=600), SHELVES[10:])
    found = after(events, [(30.0, 10.0), (29.5, 10.4), (30.2, 9.8), (30.0, 10.1), (30.0, 9.9)], ms=500)
    told = [cue for cue in CueTracker(HFOV_DEG, ASPECT).feed(found) if cue.kind == "searching"]
    assert [cue.stage for cue in told] == ["provisional", "final"]
    assert told[-1].t_end_ns == events[-1].t_end_ns


# ------------------------------------------------------------ visits


def test_a_transition_names_both_ends() -> None:
    (cue,) = cues(looks([(-10.0, 0.0), (-9.0, 0.5), (10.0, 0.0)]), "transition")
    assert cue.stage == "final" and len(set(cue.regions)) == 2
    assert [evidence.id for evidence in cue.evidence] == [2, 3]
    assert cue.found == "19.0 deg"


def test_coming_back_is_a_return_with_the_time_elsewhere() -> None:
    first, _, back = looks([(-10.0, 0.0), (10.0, 0.0), (-10.0, 0.0)])
    (cue,) = cues([first, _, back], "return")
    assert [evidence.id for evidence in cue.evidence] == [3]
    assert cue.found == "0.28 s elsewhere"


def test_the_edge_of_a_region_does_not_flicker() -> None:
    """Looks that wander between the angle of entering and the angle of leaving stay one visit."""
    places = [(0.0, 0.0), (5.5, 0.0), (0.5, 0.0), (5.8, 0.0), (0.0, 0.0), (5.6, 0.0)]
    assert cues(looks(places), "transition", "return") == []
    tight = CueRules(visits=VisitRules(enter_deg=5.0, leave_deg=5.0))
    assert cues(looks(places), "transition", rules=tight) != []


def test_after_a_loss_or_a_long_pause_it_is_not_known_where_gaze_came_from() -> None:
    before = looks([(-10.0, 0.0)])
    gone = lost(before)
    (later,) = looks([(10.0, 0.0)], start_ms=gone.t_end_ns // MS, first=5)
    assert cues([*before, gone, later], "transition") == []
    (much_later,) = looks([(10.0, 0.0)], start_ms=3000, first=5)
    assert cues([*before, much_later], "transition") == []


def test_known_things_make_the_regions() -> None:
    """Two things close together, and one that moves through the picture."""
    events = looks([(0.0, 0.0), (3.0, 0.0), (12.0, 0.0), (20.0, 0.0)])
    names = {1: "cup", 2: "spoon", 3: "cup", 4: "cup"}
    found = CueTracker(HFOV_DEG, ASPECT).feed(events, names)
    assert [(cue.kind, cue.things) for cue in found] == [
        ("transition", ("cup", "spoon")),
        ("transition", ("spoon", "cup")),
        ("return", ("cup",)),
    ]


def test_comparing_names_the_two_things() -> None:
    events = looks(TO_AND_FRO)
    found = CueTracker(HFOV_DEG, ASPECT).feed(events, {event.id: "tea" if event.id % 2 else "coffee" for event in events})
    assert [cue.things for cue in found if cue.kind == "comparing"] == [("tea", "coffee")]


def test_regions_are_bounded_and_the_one_left_alone_longest_is_forgotten() -> None:
    visits = Visits(HFOV_DEG, ASPECT, rules=VisitRules(max_regions=3))
    placed = [visits.place(event) for event in looks([*SHELVES[:5], SHELVES[0]])]
    assert [look.region for look in placed if look] == [1, 2, 3, 4, 5, 6]
    assert visits.dropped == {"short": 0, "clock": 0, "region": 3}


def test_what_is_no_look_is_counted() -> None:
    visits = Visits(HFOV_DEG, ASPECT)
    event, later = looks([(0.0, 0.0), (9.0, 0.0)])
    assert visits.place(looks([(0.0, 0.0)], ms=40)[0]) is None
    assert visits.place(later) is not None and visits.place(event) is None
    assert visits.dropped == {"short": 1, "clock": 1, "region": 0}


def test_regions_easier_to_leave_than_to_enter_are_refused() -> None:
    with pytest.raises(ValueError, match="enter_deg <= leave_deg"):
        Visits(HFOV_DEG, ASPECT, rules=VisitRules(enter_deg=5.0, leave_deg=4.0))


# ------------------------------------------------------------ dwells, ends, bounds


def test_a_dwell_is_told_from_two_seconds_on_and_when_it_is_over() -> None:
    gaze = samples([Part("to", 3200), Part("jump", 40, 20.0), Part("to", 1000, 20.0)])
    eyes, tracker = EyeEvents(HFOV_DEG, ASPECT), CueTracker(HFOV_DEG, ASPECT)
    told = [cue for cue in tracker.feed(eyes.feed(gaze) + eyes.advance(gaze[-1].t_ns + 1000 * MS)) if cue.kind == "dwell"]
    assert [cue.stage for cue in told] == ["provisional"] * 3 + ["final"]
    assert len({cue.id for cue in told}) == 1
    assert told[0].t_emit_ns < 2200 * MS and told[-1].found.startswith("3.2")
    assert told[0].evidence[0].id == told[-1].evidence[0].id


@pytest.mark.parametrize("places", [LINES, TO_AND_FRO, SHELVES])
def test_a_loss_ends_every_lasting_cue(places: list[Place]) -> None:
    tracker = CueTracker(HFOV_DEG, ASPECT)
    events = looks(places)
    tracker.feed(events)
    assert len(tracker.active) == 1
    (over,) = tracker.feed([lost(events)])
    assert over.stage == "final" and tracker.active == frozenset()


def test_silence_ends_a_cue_as_of_the_moment_it_was_over() -> None:
    reports = []
    for asked_ms in (5000, 9000, 60_000):
        tracker = CueTracker(HFOV_DEG, ASPECT)
        events = looks(TO_AND_FRO)
        tracker.feed(events)
        end_ns = events[-1].t_end_ns
        assert tracker.advance(end_ns + 3900 * MS) == []
        reports.append(tracker.advance(end_ns + asked_ms * MS))
    assert reports[0] == reports[1] == reports[2]
    assert [(cue.kind, cue.stage) for cue in reports[0]] == [("comparing", "final")]


def test_a_long_look_after_a_transition_is_still_a_transition() -> None:
    events = after(looks([(-10.0, 0.0)]), [(10.0, 0.0)], ms=6000)
    assert len(cues(events, "transition")) == 1


def test_evidence_of_a_long_cue_is_bounded() -> None:
    page = [(x, 1.5 * line) for line in range(14) for x in (-8.0, -6.0, -4.2, -2.0, 0.0, 2.0, 4.0)]
    over = cues(looks(page), "reading")[-1]
    assert len(over.evidence) == KEPT and over.evidence[-1].id == len(page)
    assert over.t_start_ns == 0


def test_two_halves_of_one_thing_are_not_compared_unless_they_are_known_things() -> None:
    events = looks([(-2.8, 0.0), (2.8, 0.0)] * 4)
    apart = CueRules(visits=VisitRules(enter_deg=2.0, leave_deg=3.0))
    assert cues(events, "comparing", rules=apart) == []
    found = CueTracker(HFOV_DEG, ASPECT).feed(events, {event.id: "tea" if event.id % 2 else "coffee" for event in events})
    assert [cue.kind for cue in found if cue.kind == "comparing"] == ["comparing"]


@pytest.mark.parametrize("seed", range(5))
def test_exploring_one_thing_closely_is_none_of_the_three(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    assert lasting(looks([(chance.uniform(-3, 3), chance.uniform(-3, 3)) for _ in range(100)], ms=300)) == []


places_deg = st.tuples(st.floats(-35.0, 35.0), st.floats(-20.0, 20.0))


@given(st.lists(st.tuples(places_deg, st.integers(60, 1500), st.booleans()), min_size=1, max_size=60), st.integers(1, 9))
def test_every_cue_begins_before_it_ends_once_each_and_blocks_make_no_difference(script: list[tuple[Place, int, bool]], block: int) -> None:
    events = looks([script[0][0]], ms=script[0][1])
    for place, ms, gone in script[1:]:
        events = [*events, lost(events)] if gone and ms > 1200 else after(events, [place], ms=ms)
    whole = CueTracker(HFOV_DEG, ASPECT)
    told = whole.feed(events)
    parts = CueTracker(HFOV_DEG, ASPECT)
    assert [cue for k in range(0, len(events), block) for cue in parts.feed(events[k : k + block])] == told
    told += whole.advance(events[-1].t_emit_ns + 60_000 * MS)
    assert whole.active == frozenset()
    by_id: dict[int, list[Cue]] = {}
    for cue in told:
        by_id.setdefault(cue.id, []).append(cue)
        assert cue.evidence and cue.rule and cue.found
        assert cue.t_start_ns <= cue.evidence[0].t_start_ns and cue.t_end_ns >= cue.evidence[-1].t_end_ns
        assert cue.t_emit_ns >= cue.t_end_ns
    for reports in by_id.values():
        stages = [cue.stage for cue in reports]
        assert stages in (["final"], ["provisional", "final"])
        assert (len(stages) == 1) == (reports[0].kind in ("transition", "return"))
