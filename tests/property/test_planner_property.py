"""Whatever a question brings along: the budget holds, nothing is lost uncounted, time runs forward, and the question is whole."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.models.language import ContextFull
from edge_runtime.models.planner import NothingSeen, Plan, Room, plan
from edge_runtime.models.segments import RowsSegment, Segment, TextSegment
from edge_runtime.protocol import Generate
from edge_runtime.records import Note
from edge_runtime.types import RegionKind
from tests.questions import NOW_NS, SHAPE, looked, memory, question, tower

TOWER = tower()
KINDS: tuple[RegionKind, ...] = ("foveal", "overview", "text")
times = st.lists(st.floats(0, 1000), max_size=40).map(sorted)
notes = st.lists(st.builds(lambda at, text: Note(at, at, text), st.integers(0, NOW_NS), st.text(max_size=30)), max_size=4)
rooms = st.builds(Room, st.integers(0, 60), st.integers(0, 1500))


@st.composite
def questions(draw: st.DrawFn) -> Generate:
    slab = memory(draw(times), TOWER, sorted(draw(notes), key=lambda note: note.t_start_ns))
    for number in draw(st.sets(st.integers(0, max(0, len(slab.t_ns) - 1)), max_size=3)):
        slab.emb[number : number + 1] = np.nan
    kinds = draw(st.sets(st.sampled_from(KINDS)))
    asked_ns = draw(st.integers(NOW_NS, 2 * NOW_NS))
    return question(draw(st.text(max_size=40)), looks=[looked(kind, TOWER) for kind in sorted(kinds)], slab=slab, asked_ns=asked_ns)


def planned(command: Generate, room: Room) -> Plan | None:
    try:
        return plan(command, SHAPE, TOWER, room, lambda text: len(text.text))
    except (ContextFull, NothingSeen):
        return None


def rows_of(segment: Segment) -> int:
    return len(segment.rows) if isinstance(segment, RowsSegment) else len(segment.text)


def told(segments: tuple[Segment, ...]) -> list[object]:
    return [(s.shown, s.rows.tobytes()) if isinstance(s, RowsSegment) else s for s in segments]


@given(questions(), rooms)
def test_the_budget_holds(command: Generate, room: Room) -> None:
    made = planned(command, room)
    if made is not None:
        assert sum(map(rows_of, made.segments)) <= room.prompt_rows
        assert sum(shown.count for shown in made.shown) <= room.shown_rows


@given(questions(), rooms)
def test_everything_offered_is_shown_or_counted(command: Generate, room: Room) -> None:
    made = planned(command, room)
    if made is not None and command.slab is not None:
        offered = len(command.slab.t_ns) + TOWER.rows * TOWER.columns * len(command.looks)
        assert sum(shown.count for shown in made.shown) + sum(d.count for d in made.dropped if d.what == "token") == offered
        texts = [segment.text for segment in made.segments if isinstance(segment, TextSegment) and not segment.special]
        # a text for each note, for the time of each picture, and the question
        told_notes = len(texts) - len(made.shown) - 1
        assert told_notes + sum(d.count for d in made.dropped if d.what == "note") == len(command.slab.notes)


@given(questions(), rooms)
def test_memory_runs_forward_and_the_look_comes_last(command: Generate, room: Room) -> None:
    made = planned(command, room)
    if made is not None:
        seen = [shown for shown in made.shown if shown.kind == "memory"]
        assert [shown.t_ns for shown in seen] == sorted(shown.t_ns for shown in seen)
        assert [shown.kind for shown in made.shown[len(seen) :]] in ([], ["overview"], ["foveal"], ["overview", "foveal"])
        for segment in made.segments:
            if isinstance(segment, RowsSegment) and segment.cells is not None:
                assert (np.diff(segment.cells[:, 0]) >= 0).all()


@given(questions(), rooms)
def test_the_question_is_there_whole_and_without_special_tokens(command: Generate, room: Room) -> None:
    made = planned(command, room)
    if made is not None:
        assert made.segments[0] == TextSegment(SHAPE.before, special=True)
        assert made.segments[-2:] == (TextSegment(f"\n{command.prompt}"), TextSegment(SHAPE.after, special=True))


@given(questions(), rooms)
def test_the_same_again(command: Generate, room: Room) -> None:
    one, other = planned(command, room), planned(command, room)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert told(one.segments) == told(other.segments)
        assert one.dropped == other.dropped
