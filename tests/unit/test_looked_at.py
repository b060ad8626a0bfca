"""What the wearer looked at up to a moment: by the looks that gaze led to, not by what was merely in view."""

from __future__ import annotations

from edge_runtime.config import S
from edge_runtime.records import Scope
from tests.wearer import LEFT, RIGHT, Wearer, direction, like, seen

MUG, BOOK = direction(1), direction(3)


def names(wearer: Wearer, t_s: float) -> list[list[str]]:
    return [[sighting.what.name for sighting in regard.sightings] for regard in wearer.memory.looked_at(round(t_s * S))]


def test_each_eye_movement_is_one_thing_the_newest_first() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    wearer.look(1, seen(MUG), eye=1)
    wearer.look(2, seen(BOOK, labels=[("vase", 0.9)]), eye=2)
    wearer.look(2.7, seen(kind="text", text=["ROOM 204"]), why="text", eye=2)
    assert names(wearer, 3) == [["ROOM 204", "thing 1", "vase"], ["mug"]]
    assert names(wearer, 2.5) == [["thing 1", "vase"], ["mug"]]
    assert names(wearer, 1) == [["mug"]]
    assert names(wearer, 0.5) == []
    assert [regard.t_ns for regard in wearer.memory.looked_at(3 * S)] == [2_700_000_000, S]


def test_what_is_merely_in_view_is_not_looked_at_though_it_once_was() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    wearer.look(1, seen(MUG, box=LEFT), eye=1)
    wearer.look(2, seen(BOOK, box=RIGHT), seen(MUG, "watch", LEFT), eye=2)
    assert names(wearer, 2) == [["thing 1"], ["mug"]]


def test_without_eye_movements_each_look_is_a_thing() -> None:
    wearer = Wearer()
    wearer.look(1, seen(MUG))
    wearer.look(1.5, seen(MUG))
    assert names(wearer, 2) == [["thing 1"], ["thing 1"]]


def test_what_is_forgotten_was_not_looked_at_and_a_restart_changes_nothing() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    wearer.look(1, seen(MUG), eye=1)
    wearer.look(5, seen(BOOK), eye=2)
    wearer.look(9, seen(BOOK), eye=3)
    wearer.memory.restore(wearer.memory.snapshot())
    assert names(wearer, 10) == [["thing 1"], ["thing 1"], ["mug"]]
    wearer.forget(10, Scope("since", t_from_ns=8 * S))
    assert [regard.t_ns // S for regard in wearer.memory.looked_at(10 * S)] == [5, 1]
    wearer.forget(11, Scope("thing", name="mug"))
    assert names(wearer, 12) == [["thing 1"]]


def test_only_so_many_looks_are_kept() -> None:
    wearer = Wearer()
    for second in range(100):
        wearer.look(second, seen(direction(second % 5)), eye=second)
    assert len(wearer.memory.looked_at(100 * S)) == 32


def test_a_likeness_is_judged_as_a_lesson_would() -> None:
    wearer = Wearer()
    wearer.look(1, seen(MUG))
    (regard,) = wearer.memory.looked_at(S)
    (thing,) = regard.sightings
    judged = [wearer.memory.likeness(thing, like(MUG, cosine)) for cosine in (0.9, 0.41, 0.35, 0.2)]
    assert judged == ["same", "same", "similar", "other"]
    assert wearer.memory.likeness(thing, MUG[:8]) == "other", "vectors of different models cannot be compared"
