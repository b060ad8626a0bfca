"""Forgetting in memory: at once, everywhere, and no more than was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.config import S
from edge_runtime.protocol import Erased, Failed
from edge_runtime.records import Query, Receipt, Scope, What
from edge_runtime.types import Tokens, Vector
from tests.wearer import LEFT, RIGHT, Wearer, direction, like, place, seen

MUG, KEYS = direction(1), direction(2)
KITCHEN, HALL = direction(50), direction(51)


def trace(wearer: Wearer, *, words: tuple[str, ...] = (), vectors: tuple[Vector, ...] = ()) -> list[str]:
    """What of these is still in the memory's bytes."""
    data = wearer.memory.snapshot()
    found = [word for word in words if word.encode() in data or word.upper().encode() in data]
    return found + [f"vector {i}" for i, vector in enumerate(vectors) if vector.tobytes() in data]


def test_a_forgotten_concept_leaves_no_trace() -> None:
    wearer = Wearer()
    views = tuple(like(MUG, 0.9, seed) for seed in range(3))
    looks = tuple(like(MUG, 0.8, seed) for seed in range(10, 14))
    wearer.look(1, place(KITCHEN))
    wearer.look(2, seen(looks[0], jpeg=b"mug"))  # a nameless thing, before the lesson
    wearer.teach(60, "mug", *views)
    wearer.look(61, seen(looks[1], jpeg=b"mug"))
    wearer.look(80, seen(like(MUG, 0.35), jpeg=b"mug"))  # a question
    wearer.look(100, seen(KEYS, jpeg=b"keys"))
    assert wearer.memory.place_name(1) == "by the mug"

    wearer.forget(120, Scope("thing", name="mug"))

    assert trace(wearer, words=("mug",), vectors=(*views, *looks, like(MUG, 0.35))) == []
    assert wearer.memory.recall(Query(names=("mug",))) == () and dict(wearer.memory.concepts) == {}
    assert wearer.memory.place_name(1) == "at place 1"
    (keys,) = wearer.memory.recall(Query())
    assert wearer.memory.thumb(keys.evidence[0].thumb_id or "") is not None
    assert [s.what.kind for s in wearer.look(130, seen(looks[1])).opened] == ["thing"]


def test_forgetting_a_thing_takes_its_other_names_and_every_picture_taken_meanwhile() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    wearer.look(1, seen(MUG, labels=[("coffee mug", 0.9)], jpeg=b"mug"), seen(kind="watch", box=RIGHT, labels=[("laptop", 0.8)], jpeg=b"x"))
    wearer.look(2, seen(MUG, labels=[("coffee mug", 0.9)], jpeg=b"mug"))
    wearer.look(20, seen(kind="watch", box=RIGHT, labels=[("laptop", 0.8)], jpeg=b"laptop"))
    command = wearer.forget(30, Scope("thing", name="mug"))
    left = wearer.memory.recall(Query(newest_first=False))
    assert [s.what.name for s in left] == ["laptop", "laptop"]
    assert [look.thumb_id is None for s in left for look in s.evidence] == [True, False]
    assert command.t_first_ns == 0, "it was taught at 0"
    assert len(command.sightings) == 3, "the row that lost its picture is erased too, and written again"
    assert [row.sighting.id for row in wearer.rows()[-1:]] == [left[0].id]


def test_what_lives_on_in_part_is_written_by_the_very_command_that_erases() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    wearer.look(1, seen(MUG, jpeg=b"mug"), seen(kind="watch", box=RIGHT, labels=[("laptop", 0.8)], jpeg=b"x"))
    command = wearer.forget(30, Scope("thing", name="mug"))
    (laptop,) = wearer.memory.recall(Query())
    assert [row.sighting for row in command.rows] == [laptop] and laptop.id in command.sightings
    wearer.feed(Failed(t_ns=31 * S, answers=command.id, reason="storeerror"))
    wearer.tick(40)
    assert wearer.rows()[-1].sighting == laptop, "a log that could not erase is told again"


def test_what_the_log_loses_with_it_is_written_again() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    wearer.look(1, place(KITCHEN), seen(MUG), seen(kind="watch", box=RIGHT, labels=[("laptop", 0.8)], jpeg=b"beside the mug"))
    wearer.look(3, seen(kind="watch", box=RIGHT, labels=[("laptop", 0.7)], jpeg=b"alone"))
    wearer.look(10, seen(KEYS, jpeg=b"keys"))
    wearer.tick(20)
    command = wearer.forget(30, Scope("thing", name="mug"))
    (keys,) = wearer.memory.recall(Query(t_from_ns=10 * S))
    (laptop,) = wearer.memory.recall(Query(names=("laptop",)))
    assert laptop.id in command.sightings and keys.id not in command.sightings
    again = {row.sighting.id: row for row in wearer.rows()[-2:]}
    assert [thumb.data for thumb in again[laptop.id].thumbs] == [b"alone"]
    assert again[keys.id].place == "at place 1", "the place was called after the mug"


def test_a_text_is_forgotten_by_its_words_with_what_is_being_read() -> None:
    wearer = Wearer()
    wearer.look(1, place(HALL))
    wearer.look(2, seen(kind="text", text=["DR. MILLER", "Room 12"]), why="text", eye=1)
    assert wearer.memory.place_name(1) == 'by the sign "DR. MILLER"'
    wearer.forget(3, Scope("thing", name="miller"))
    assert trace(wearer, words=("miller",)) == []
    assert wearer.tick(3.1).reading == ()


def test_since_cuts_back_what_had_begun_before() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    early, late = like(MUG, 0.8, 1), like(MUG, 0.9, 2)
    wearer.look(10, seen(early, jpeg=b"early"), eye=1)
    wearer.look(12, seen(late, jpeg=b"late"), eye=1)
    wearer.eye(1, 10, 12.5)
    wearer.look(20, seen(KEYS))
    command = wearer.forget(30, Scope("since", t_from_ns=11 * S))
    (mug,) = wearer.memory.recall(Query(names=("mug",)))
    assert (mug.t_start_ns, mug.t_end_ns, mug.looks, mug.gaze_ns) == (10 * S, 10 * S, 1, 0)
    assert trace(wearer, vectors=(late, KEYS)) == []
    assert wearer.memory.recall(Query()) == (mug,)
    assert command.t_first_ns == 11 * S and set(command.sightings) >= {mug.id}
    assert wearer.rows()[-1].sighting == mug, "what is left of it is written again"


def test_since_forgets_what_was_taught_meanwhile_and_keeps_what_was_seen_before() -> None:
    wearer = Wearer()
    wearer.look(5, place(KITCHEN), seen(like(MUG, 0.9)))
    wearer.teach(20, "mug", MUG)
    wearer.teach(1, "keys", KEYS)
    assert wearer.memory.place_name(1) == "by the mug"
    wearer.forget(30, Scope("since", t_from_ns=10 * S))
    (thing,) = wearer.memory.recall(Query())
    assert thing.what.kind == "thing", "it was seen, but nobody has said what it is"
    assert trace(wearer, words=("mug",), vectors=(MUG,)) == []
    assert wearer.memory.place_name(1) == "at place 1"


def test_since_takes_single_views_out_of_a_concept() -> None:
    wearer = Wearer()
    wearer.teach(1, "mug", MUG)
    later = like(MUG, 0.5, 4)
    wearer.teach(20, "mug", later)
    wearer.forget(30, Scope("since", t_from_ns=10 * S))
    assert [view.tobytes() for view in wearer.memory.concepts["mug"].views] == [MUG.tobytes()]
    assert wearer.look(40, seen(later)).matches[0].score < 0.6


def test_a_place_is_forgotten_with_everything_seen_there() -> None:
    wearer = Wearer()
    wearer.look(1, place(KITCHEN), new_scene=True)
    wearer.look(2, seen(MUG))
    wearer.look(10, place(HALL), new_scene=True)
    wearer.look(11, seen(KEYS))
    wearer.forget(20, Scope("place", place_id=1))
    assert [s.place_id for s in wearer.memory.recall(Query())] == [2]
    assert wearer.memory.place_name(1) == "" and wearer.memory.place_name(2) == "at place 2"
    wearer.look(30, place(KITCHEN), new_scene=True)
    assert wearer.memory.place_name(3) == "at place 3", "the kitchen is a place never seen before"


def test_all_leaves_nothing_but_counters() -> None:
    wearer = Wearer()
    tokens = Tokens((2, 2), 4, np.ones((4, 4), np.float16))
    wearer.teach(1, "mug", MUG)
    wearer.teach(2, "keys")
    wearer.look(3, place(KITCHEN), seen(MUG, tokens=tokens, jpeg=b"mug"), new_scene=True)
    wearer.look(4, seen(kind="text", text=["EXIT"]), why="text", eye=1)
    command = wearer.forget(5, Scope("all"))
    assert wearer.memory.nbytes() == wearer.memory.tiers()["search"], "what is set aside for the log's search is not kept here"
    assert trace(wearer, words=("mug", "keys", "exit"), vectors=(MUG, KITCHEN)) == []
    assert command.t_first_ns == 0 and wearer.memory.slab(10).emb.size == 0
    assert wearer.look(10, seen(MUG)).opened[0].id > 2, "numbers are not used twice"
    assert (wearer.count("sighting", "forgotten"), wearer.count("thumb", "forgotten"), wearer.count("token", "forgotten")) == (2, 1, 4)


def test_tokens_of_looks_that_showed_it_go_and_others_stay() -> None:
    wearer = Wearer()
    tokens = Tokens((1, 2), 4, np.ones((2, 4), np.float16))
    wearer.teach(0, "mug", MUG)
    for t_s, vector in ((1, KEYS), (10, MUG), (20, KEYS)):
        wearer.look(t_s, seen(vector, tokens=tokens))
    wearer.forget(30, Scope("thing", name="mug"))
    assert wearer.memory.slab(10).t_ns.tolist() == [S, S, 20 * S, 20 * S]


def test_nothing_to_forget_is_still_asked_of_the_log() -> None:
    wearer = Wearer()
    wearer.look(1, seen(KEYS))
    command = wearer.forget(30, Scope("thing", name="passport"))
    assert (command.sightings, command.t_first_ns) == ((), 30 * S)
    assert len(wearer.memory.recall(Query())) == 1


@pytest.mark.parametrize("name", ["", "?!"])
def test_a_name_without_words_names_nothing(name: str) -> None:
    wearer = Wearer()
    wearer.look(1, seen(kind="text", box=LEFT, text=["???"]), why="text")
    assert wearer.forget(2, Scope("thing", name=name)).sightings == ()


def test_an_erasure_that_failed_is_counted() -> None:
    wearer = Wearer()
    first = wearer.forget(1, Scope("all"))
    wearer.feed(Failed(t_ns=2 * S, answers=first.id, reason="storeerror"))
    second = wearer.forget(3, Scope("all"))
    wearer.feed(Erased(t_ns=4 * S, answers=second.id, receipt=Receipt(0)))
    wearer.feed(Failed(t_ns=5 * S, answers=second.id, reason="late"))
    assert [drop for drop in wearer.dropped if drop[0] == "erasure"] == [("erasure", "storeerror", 1)]


def test_a_thing_keeps_its_number_out_of_the_name_of_another() -> None:
    wearer = Wearer()
    wearer.look(1, seen(MUG))
    wearer.look(10, seen(KEYS))
    wearer.forget(20, Scope("thing", name="thing 1"))
    assert [s.what for s in wearer.memory.recall(Query())] == [What("thing", "thing 2")]
    assert wearer.look(30, seen(MUG)).opened[0].what.name == "thing 3"
