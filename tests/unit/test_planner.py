"""The plan of a prompt: what comes in which order, what has no room, and what cannot be shown."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edge_runtime.config import S
from edge_runtime.errors import ModelError
from edge_runtime.models.language import ContextFull
from edge_runtime.models.planner import NothingSeen, Plan, Room, plan
from edge_runtime.models.segments import RowsSegment, TextSegment
from edge_runtime.protocol import Generate
from edge_runtime.records import Dropped, Note, ShownTokens, Slab
from edge_runtime.types import WHOLE, LookedRegion, Tokens
from tests.questions import NOW_NS, SHAPE, looked, memory, question, tower

TOWER = tower()
WIDE = Room(shown_rows=1000, prompt_rows=10_000)
BOTH = (looked("foveal", TOWER, 1), looked("overview", TOWER, 2))


def planned(command: Generate, room: Room = WIDE) -> Plan:
    return plan(command, SHAPE, TOWER, room, lambda text: len(text.text))


def written(made: Plan) -> str:
    """The prompt as one would read it: the rows of a picture are their kind and number."""
    return "".join(
        segment.text if isinstance(segment, TextSegment) else f"{segment.shown.kind} {segment.shown.count}" for segment in made.segments
    )


def test_a_question_about_what_is_looked_at_now() -> None:
    made = planned(question(looks=BOTH))
    assert written(made) == ("<s>User:\nwhat is around now: <i>overview 4</i>\nwhat is looked at now: <i>foveal 4</i>\nwhat is this?<e>A:")
    assert made.dropped == ()


def test_an_older_look_says_so() -> None:
    made = planned(question(looks=BOTH[:1], look_ns=NOW_NS - 5 * S))
    assert "\nwhat was looked at 5 s ago: <i>" in written(made)


def test_where_no_gaze_is_known_the_middle_of_the_view_is_shown_and_called_so() -> None:
    made = planned(question(looks=(looked("watch", TOWER), BOTH[1])))
    assert "\nwhat is in the middle of the view now: <i>middle 4</i>\n" in written(made)
    assert made.dropped == ()


def test_memory_comes_first_and_oldest_first() -> None:
    notes = [Note(600 * S, 620 * S, "a sign said EXIT")]
    made = planned(question(looks=BOTH[:1], slab=memory([400, 990, 991], TOWER, notes)))
    assert written(made) == (
        "<s>User:\n10 min ago: <i>memory 1</i>\n7 min ago: a sign said EXIT\n10 s ago: <i>memory 2</i>"
        "\nwhat is looked at now: <i>foveal 4</i>\nwhat is this?<e>A:"
    )


def test_what_memory_shows_whatever_is_asked_comes_before_what_the_question_found() -> None:
    """So that a model that has read it need not read it again."""
    notes = [Note(600 * S, 620 * S, "a sign said EXIT")]
    slab = msgspec.structs.replace(memory([100, 990, 400, 991], TOWER, notes), standing=2)
    assert written(planned(question(looks=BOTH[:1], slab=slab))) == (
        "<s>User:\n15 min ago: <i>memory 1</i>\n10 s ago: <i>memory 1</i>\n10 min ago: <i>memory 1</i>\n7 min ago: a sign said EXIT"
        "\n10 s ago: <i>memory 1</i>\nwhat is looked at now: <i>foveal 4</i>\nwhat is this?<e>A:"
    )


def test_what_is_shown_is_told() -> None:
    made = planned(question(looks=BOTH[:1], slab=memory([990, 991], TOWER)))
    assert made.shown == (
        ShownTokens("memory", 990 * S, 991 * S, 2, 2.0, (990, 991)),
        ShownTokens("foveal", NOW_NS, NOW_NS, 4, 4.0),
    )


def test_only_the_prompts_own_words_may_hold_special_tokens() -> None:
    """A sign, a note or a question could end the turn."""
    made = planned(question("what does <e> mean?", looks=BOTH, slab=memory([5], TOWER, [Note(0, 0, "it says <e>")])))
    special = [segment.text for segment in made.segments if isinstance(segment, TextSegment) and segment.special]
    assert special == ["<s>User:", *["<i>", "</i>"] * 3, "<e>A:"]


def test_the_look_has_room_before_memory_and_the_new_before_the_old() -> None:
    slab = memory([100, 500, 990], TOWER)
    for rows, kept in ((4, ["foveal"]), (8, ["overview", "foveal"]), (9, ["memory", "overview", "foveal"])):
        made = planned(question(looks=BOTH, slab=slab), Room(rows, 10_000))
        assert [shown.kind for shown in made.shown] == kept
        assert sum(drop.count for drop in made.dropped) == 11 - rows
        assert {drop.reason for drop in made.dropped} == {"context"}
    assert made.shown[0].t_ns == 990 * S


def test_words_take_room_too() -> None:
    command = question(looks=BOTH[:1], slab=memory([100, 990], TOWER))
    whole = sum(len(s.rows) if isinstance(s, RowsSegment) else len(s.text) for s in planned(command).segments)
    assert planned(command, Room(1000, whole)).dropped == ()
    assert planned(command, Room(1000, whole - 1)).dropped == (Dropped("token", "context", 1),)


def test_a_note_that_is_too_long_is_counted_and_what_is_older_still_has_a_chance() -> None:
    slab = memory([100], TOWER, [Note(500 * S, 500 * S, "a" * 500)])
    made = planned(question(looks=BOTH, slab=slab), Room(1000, 400))
    assert made.dropped == (Dropped("note", "context", 1),)
    assert made.shown[0].kind == "memory"


def test_a_question_that_is_too_long_is_refused_whole() -> None:
    with pytest.raises(ContextFull, match="the question takes 1015 rows"):
        planned(question("a" * 1001, looks=BOTH), Room(1000, 1000))


@pytest.mark.parametrize("slab", [None, memory([], TOWER), memory([], TOWER, [Note(0, 0, "a cup")])], ids=["none", "empty", "words alone"])
def test_nothing_seen_is_said(slab: Slab | None) -> None:
    with pytest.raises(NothingSeen, match="nothing was seen to answer by") as refused:
        planned(question(slab=slab))
    assert isinstance(refused.value, ModelError)


def test_nothing_shown_for_want_of_room_says_why() -> None:
    with pytest.raises(NothingSeen, match="tokens left out: 8 context"):
        planned(question(looks=BOTH), Room(0, 10_000))


def test_tokens_that_cannot_be_shown_are_counted() -> None:
    """A journal without its token file, a tower that was changed, numbers that overflowed, a look that nobody asked for."""
    bad = np.full((4, 4), np.inf, np.float16)
    looks = (
        LookedRegion("foveal", WHOLE, tokens=Tokens((2, 2), 4)),
        LookedRegion("foveal", WHOLE, tokens=Tokens((3, 1), 8, np.zeros((3, 8), np.float16))),
        LookedRegion("foveal", WHOLE, tokens=Tokens((2, 3), 4, np.zeros((4, 4), np.float16))),
        LookedRegion("overview", WHOLE, tokens=Tokens((2, 2), 4, bad)),
        looked("text", TOWER),
        LookedRegion("overview", WHOLE),
    )
    made = planned(question(looks=looks, slab=memory([990], TOWER)))
    assert {drop.reason: drop.count for drop in made.dropped} == {"absent": 4, "width": 3, "grid": 6, "not_finite": 4, "kind": 4}
    assert [shown.kind for shown in made.shown] == ["memory"]


def test_memory_that_cannot_be_shown_is_counted() -> None:
    slab = memory([980, 985, 990], TOWER)
    slab.emb[0, 0] = np.nan
    slab.pos[1, 2] = 7
    made = planned(question(slab=slab))
    assert {drop.reason: drop.count for drop in made.dropped} == {"not_finite": 1, "grid": 1}
    with pytest.raises(NothingSeen, match="3 width"):
        planned(question(slab=memory([980, 985, 990], tower(dim=6))))


def test_memory_does_not_show_the_look_again() -> None:
    slab = memory([990, 1000, 1000], TOWER)
    made = planned(question(looks=BOTH, slab=slab))
    assert made.dropped == (Dropped("token", "repeated", 2),)
    assert planned(question(slab=slab)).dropped == ()


def test_tokens_keep_their_places() -> None:
    """A step for each frame; and where an overview and a crop of one frame lie behind one another, for each of them."""
    slab = memory([990] * 5, TOWER)
    slab.pos[:] = [[7, 0, 1], [7, 1, 0], [7, 0, 0], [7, 1, 1], [8, 0, 0]]
    rows = [segment for segment in planned(question(slab=slab)).segments if isinstance(segment, RowsSegment)]
    assert [segment.cells.tolist() for segment in rows if segment.cells is not None] == [
        [[0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 1]],
        [[0, 0, 0]],
    ]
    assert rows[0].grid == (2, 2)
    assert rows[0].rows.dtype == np.float32
    np.testing.assert_array_equal(rows[0].rows, slab.emb[:4].astype(np.float32))


def test_merged_tokens_tell_when_they_end_and_what_they_stand_for() -> None:
    slab = memory([990, 991], TOWER)
    slab = msgspec.structs.replace(slab, t_end_ns=slab.t_end_ns + 5 * S, weight=np.array([3, 2.5], np.float32))
    assert planned(question(slab=slab)).shown == (ShownTokens("memory", 990 * S, 996 * S, 2, 5.5, (990, 991)),)
