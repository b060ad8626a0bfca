"""What holds for eye events whatever the gaze does."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.gaze_csv import read_gaze_csv
from gaze import EyeEvent, EyeEvents, FixationDetector, GazeSample
from tests.gaze_paths import ASPECT, HFOV_DEG, MS, Part, samples

LABELLED_NS = 100 * MS
SEEN_NS = 12 * MS
# gaze may be back within 300 ms, and it takes another 100 to be sure that it is held, or one look-ahead that it is not
ENDED_NS = 450 * MS
HELD = ("fixation", "pursuit")


@st.composite
def gaze_paths(draw: st.DrawFn) -> list[GazeSample]:
    """Looks, saccades, drifts, blinks, losses and silences at any rate, noise and unevenness."""
    place = st.integers(-25, 25)
    part = st.one_of(
        st.builds(Part, st.just("to"), st.integers(20, 900), place, place),
        st.builds(Part, st.just("jump"), st.integers(15, 60), place, place),
        st.builds(Part, st.just("drift"), st.integers(200, 900), place, place),
        st.builds(Part, st.sampled_from(["closed", "silent"]), st.integers(5, 700), st.just(0), st.just(0)),
    )
    parts = draw(st.lists(part, min_size=1, max_size=12))
    return samples(
        parts,
        hz=draw(st.sampled_from([10.0, 30.0, 60.0, 200.0, 333.0])),
        noise_deg=draw(st.sampled_from([0.0, 0.05, 0.4, 3.0])),
        uneven=draw(st.sampled_from([0.0, 0.4, 0.9])),
        seed=draw(st.integers(0, 99)),
    )


def track(gaze: Sequence[GazeSample]) -> list[EyeEvent]:
    eyes = EyeEvents(HFOV_DEG, ASPECT)
    events = eyes.feed(gaze)
    return events + (eyes.advance(gaze[-1].t_ns + 2000 * MS) if gaze else [])


def resting(events: Sequence[EyeEvent], t_ns: int) -> bool:
    """Whether the eye rests at a time, by what is known: finals, and movements that have not ended yet."""
    ended = {e.id for e in events if e.stage == "final"}
    return any(e.t_start_ns <= t_ns and (t_ns <= e.t_end_ns if e.stage == "final" else e.id not in ended) for e in events if e.kind in HELD)


def undecided(gaze: Sequence[GazeSample], decided_ns: int) -> list[int]:
    """Times whose label, ``decided_ns`` later in the stream, was not yet the one it ended up with."""
    whole = FixationDetector(HFOV_DEG, ASPECT)
    later = [e for e in whole.feed(gaze) + whole.advance(gaze[-1].t_ns + 2000 * MS) if e.stage == "final"]
    detector, known, wrong, old = FixationDetector(HFOV_DEG, ASPECT), [], [], 0
    for sample in gaze:
        known += detector.feed([sample])
        while old < len(gaze) and gaze[old].t_ns <= sample.t_ns - decided_ns:
            # the last few reports are enough: what is older ended long ago
            if resting(known[-30:], gaze[old].t_ns) != resting(later, gaze[old].t_ns):
                wrong.append(gaze[old].t_ns)
            old += 1
    return wrong


@given(gaze_paths())
def test_reports_come_in_order_and_never_before_what_they_tell(gaze: list[GazeSample]) -> None:
    events = track(gaze)
    for event in events:
        assert event.t_start_ns <= event.t_end_ns <= event.t_emit_ns
    assert all(a.t_emit_ns <= b.t_emit_ns for a, b in itertools.pairwise(events))


@given(gaze_paths())
def test_movements_do_not_overlap_and_neither_do_dwells(gaze: list[GazeSample]) -> None:
    ended = [event for event in track(gaze) if event.stage == "final"]
    for level in ([e for e in ended if e.kind != "dwell"], [e for e in ended if e.kind == "dwell"]):
        assert all(a.t_end_ns <= b.t_start_ns for a, b in itertools.pairwise(level))


@given(gaze_paths())
def test_an_id_is_one_movement_and_nothing_comes_after_its_final(gaze: list[GazeSample]) -> None:
    by_id: dict[int, list[EyeEvent]] = {}
    for event in track(gaze):
        by_id.setdefault(event.id, []).append(event)
    for reports in by_id.values():
        assert len({r.t_start_ns for r in reports}) == 1
        assert "final" not in [r.stage for r in reports[:-1]]
        kinds = {r.kind for r in reports}
        assert kinds <= {"fixation", "pursuit"} or kinds <= {"blink", "lost"} or kinds in ({"saccade"}, {"dwell"})
        if kinds <= {"fixation", "pursuit", "dwell"}:
            assert reports[-1].stage == "final"


@given(gaze_paths(), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_the_size_of_the_blocks_changes_nothing(gaze: list[GazeSample], sizes: list[int]) -> None:
    eyes, events, at = EyeEvents(HFOV_DEG, ASPECT), [], 0
    for size in itertools.cycle(sizes):
        if at >= len(gaze):
            break
        events += eyes.feed(gaze[at : at + size])
        at += size
    whole = EyeEvents(HFOV_DEG, ASPECT)
    assert events == whole.feed(gaze)


@given(gaze_paths(), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_labels_do_not_depend_on_blocks_and_asking_for_them_changes_no_event(gaze: list[GazeSample], sizes: list[int]) -> None:
    eyes, plain, whole = EyeEvents(HFOV_DEG, ASPECT, labels=True), EyeEvents(HFOV_DEG, ASPECT), EyeEvents(HFOV_DEG, ASPECT, labels=True)
    labels, at = [], 0
    for size in itertools.cycle(sizes):
        if at >= len(gaze):
            break
        eyes.feed(gaze[at : at + size])
        labels += eyes.labels()
        at += size
    assert whole.feed(gaze) == plain.feed(gaze)
    assert labels == whole.labels()


@given(gaze_paths())
def test_every_sample_is_labelled_once_in_each_stage_in_order_and_in_time(gaze: list[GazeSample]) -> None:
    eyes = EyeEvents(HFOV_DEG, ASPECT, labels=True)
    eyes.feed(gaze)
    eyes.advance(gaze[-1].t_ns + 2000 * MS if gaze else 0)
    labels = eyes.labels()
    after_ns = {a.t_ns: b.t_ns - a.t_ns for a, b in itertools.pairwise(gaze)}
    for stage in ("provisional", "final"):
        of_stage = [label for label in labels if label.stage == stage]
        assert [label.t_ns for label in of_stage] == [sample.t_ns for sample in gaze]
        for label in of_stage:
            most_ns = LABELLED_NS if stage == "final" else max(SEEN_NS, after_ns.get(label.t_ns, 200 * MS))
            assert 0 <= label.t_emit_ns - label.t_ns <= most_ns


@given(gaze_paths(), st.integers(0, 99))
def test_a_final_label_stays_when_the_stream_is_cut(gaze: list[GazeSample], percent: int) -> None:
    cut = len(gaze) * percent // 100
    whole, part = EyeEvents(HFOV_DEG, ASPECT, labels=True), EyeEvents(HFOV_DEG, ASPECT, labels=True)
    whole.feed(gaze)
    part.feed(gaze[:cut])
    kinds = {(label.t_ns, label.stage): label for label in whole.labels()}
    assert all(kinds[label.t_ns, label.stage] == label for label in part.labels())


@given(st.integers(0, 999), st.sampled_from([60.0, 120.0, 200.0, 500.0]))
@settings(max_examples=30)
def test_losing_one_sample_in_twenty_loses_no_look(seed: int, hz: float) -> None:
    parts: list[Part] = []
    for k in range(6):
        parts += [Part("jump", 40, 12.0 * (k % 2), 3.0 * k), Part("to", 360, 12.0 * (k % 2), 3.0 * k)]
    gaze = samples(parts, hz=hz)
    rng = np.random.default_rng(seed)
    kept = [sample for sample in gaze if rng.random() > 0.05]
    assert len([e for e in track(kept) if e.stage == "final" and e.kind in HELD]) == 6


@given(gaze_paths())
def test_what_is_old_enough_has_ended(gaze: list[GazeSample]) -> None:
    """Wherever the stream is cut off, no movement changes that is older than a way out and back, and one sampling step."""
    step_ns = max((b.t_ns - a.t_ns for a, b in itertools.pairwise(gaze)), default=0)
    assert not gaze or undecided(gaze, ENDED_NS + step_ns) == []


def test_on_a_recording_everything_has_ended_in_time(shared_data: Path) -> None:
    gaze = read_gaze_csv(shared_data / "gaze" / "lund2013" / "img_UL43_img_Rome.csv")
    assert gaze.without_gaze > 0
    assert undecided(gaze.samples[:3000], ENDED_NS + 2 * MS) == []


def test_the_causality_test_can_fail() -> None:
    """A fixation is not known the moment it begins."""
    assert undecided(samples([Part("to", 300), Part("jump", 40, 10), Part("to", 300, 10)]), 20 * MS) != []


@given(gaze_paths(), st.data())
@settings(max_examples=50)
def test_every_sample_is_used_or_counted(gaze: list[GazeSample], data: st.DataObject) -> None:
    """Shuffled in, repeated or sent back in time: the events are those of the samples that moved time forward."""
    order = data.draw(st.lists(st.sampled_from(range(len(gaze))), max_size=60)) if gaze else []
    stream = [gaze[k] for k in order]
    forward: list[GazeSample] = []
    for sample in stream:
        if not forward or sample.t_ns > forward[-1].t_ns:
            forward.append(sample)
    eyes = EyeEvents(HFOV_DEG, ASPECT)
    events = eyes.feed(stream)
    assert sum(eyes.dropped.values()) == len(stream) - len(forward)
    assert events == EyeEvents(HFOV_DEG, ASPECT).feed(forward)


def test_dwells_and_movements_are_numbered_the_same_in_blocks() -> None:
    parts = [Part("to", 2600), Part("jump", 40, 20.0), Part("to", 2600, 20.0), Part("jump", 40, 0.0), Part("to", 300)]
    gaze = samples(parts)
    whole, halves = EyeEvents(HFOV_DEG, ASPECT), EyeEvents(HFOV_DEG, ASPECT)
    events = whole.feed(gaze)
    assert "dwell" in {event.kind for event in events}
    assert halves.feed(gaze[:700]) + halves.feed(gaze[700:]) == events
