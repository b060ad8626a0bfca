"""Sightings: opened, extended, credited with gaze, named, written to the log, and counted when they go."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from edge_runtime.config import RememberConfig, S
from edge_runtime.errors import InputError
from edge_runtime.protocol import Append, Failed
from edge_runtime.records import Query, What
from edge_runtime.types import Box, Capabilities
from tests.wearer import LEFT, MIDDLE, RIGHT, Wearer, direction, like, place, seen

MUG, KEYS, BOOK = direction(1), direction(2), direction(3)


def test_a_thing_seen_again_within_the_gap_is_one_sighting_and_after_it_another() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    first = wearer.look(1, seen(MUG))
    again = wearer.look(3.5, seen(MUG))
    later = wearer.look(10, seen(MUG))
    assert [s.id for s in first.opened] == [s.id for s in again.extended]
    assert len(later.opened) == 1 and not later.extended
    appearances = wearer.memory.recall(Query(names=("mug",), newest_first=False))
    assert [(s.t_start_ns // S, s.t_end_ns, s.looks) for s in appearances] == [(1, 3_500_000_000, 2), (10, 10 * S, 1)]


def test_regions_of_one_frame_are_one_look() -> None:
    wearer = Wearer()
    wearer.look(1, seen(kind="watch", box=LEFT, labels=[("bus", 0.8)]), seen(kind="watch", box=RIGHT, labels=[("bus", 0.9)]))
    (bus,) = wearer.memory.recall(Query(names=("bus",)))
    assert (bus.looks, bus.confidence, bus.box) == (1, 0.9, RIGHT)
    assert not bus.gazed


def test_evidence_is_at_most_four_looks_best_first_with_the_first_and_the_last() -> None:
    wearer = Wearer()
    for second, confidence in enumerate([0.75, 0.8, 0.99, 0.85, 0.72, 0.9, 0.71]):
        wearer.look(second, seen(labels=[("vase", confidence)], jpeg=b"jpeg"))
    (vase,) = wearer.memory.recall(Query(names=("vase",)))
    assert vase.looks == 7
    assert [look.t_ns // S for look in vase.evidence] == [2, 5, 0, 6]
    assert vase.confidence == 0.99
    thumbs = [wearer.memory.thumb(look.thumb_id or "") for look in vase.evidence]
    assert all(thumb is not None for thumb in thumbs)
    assert wearer.memory.thumb("4-0") is None, "nothing cites it any more"


def test_labels_below_the_threshold_are_matches_but_no_facts() -> None:
    wearer = Wearer()
    result = wearer.look(1, seen(labels=[("cup", 0.3), ("pug", 0.4)]))
    assert [(m.what.name, m.score, m.accepted, m.sighting) for m in result.matches] == [
        ("cup", 0.3, False, None),
        ("pug", 0.4, False, None),
    ]
    assert wearer.memory.recall(Query(kinds=("label",))) == ()


def test_the_classes_of_one_word_make_a_fact_together() -> None:
    wearer = Wearer()
    result = wearer.look(1, seen(labels=[("tabby", 0.4), ("egyptian cat", 0.3), ("pug", 0.1)]))
    (cat,) = wearer.memory.recall(Query(kinds=("label",)))
    assert (cat.what.name, round(cat.confidence, 6)) == ("cat", 0.7)
    assert [(m.what.name, m.sighting) for m in result.matches] == [("tabby", cat.id), ("egyptian cat", cat.id), ("pug", None)]


def test_a_thing_without_a_name_is_recognised_as_the_same_thing() -> None:
    wearer = Wearer()
    wearer.look(1, seen(MUG))
    wearer.look(2, seen(KEYS))
    wearer.look(20, seen(like(MUG, 0.8)))
    assert [s.what.name for s in wearer.memory.recall(Query(newest_first=False))] == ["thing 1", "thing 2", "thing 1"]


def test_gaze_counts_when_the_eye_movement_ends_whenever_the_look_comes_back() -> None:
    wearer = Wearer()
    wearer.look(1.2, seen(MUG), eye=7)
    wearer.eye(7, 1.0, 2.5)
    wearer.eye(8, 2.6, 3.0)
    wearer.look(2.8, seen(MUG), eye=8)
    (thing,) = wearer.memory.recall(Query())
    assert thing.gaze_ns == 1_900_000_000


def test_a_dwell_that_spans_fixations_counts_their_time_once() -> None:
    wearer = Wearer()
    wearer.look(1.2, seen(MUG), eye=7)
    wearer.look(1.4, seen(MUG), eye=9)
    wearer.eye(7, 1.0, 2.0)
    wearer.eye(9, 1.0, 2.2, "dwell")
    (thing,) = wearer.memory.recall(Query())
    assert thing.gaze_ns == 1_200_000_000


def test_what_is_merely_in_view_gets_no_gaze() -> None:
    wearer = Wearer()
    wearer.look(1, seen(kind="watch", labels=[("bus", 0.9)]), eye=7)
    wearer.eye(7, 1.0, 2.0)
    (bus,) = wearer.memory.recall(Query())
    assert (bus.gazed, bus.gaze_ns) == (False, 0)


def test_text_is_voted_over_looks_and_stays_one_sighting() -> None:
    wearer = Wearer()
    first = wearer.look(1, seen(kind="text", text=["EXlT"], sure=0.81), why="text", eye=1)
    second = wearer.look(1.5, seen(kind="text", text=["EXIT", "Level 2"]), why="text", eye=1)
    assert [line.text for line in second.reading] == ["EXIT", "Level 2"]
    assert second.reading_evidence is not None and second.reading_evidence.t_ns == 1_500_000_000
    (sign,) = wearer.memory.recall(Query(kinds=("text",)))
    assert sign.id == first.opened[0].id
    assert sign.what == What("text", "EXIT\nLevel 2")
    assert second.matches[-1].what.name == "EXIT\nLevel 2" and second.matches[-1].score == 1.0


def test_text_below_the_threshold_is_not_kept() -> None:
    wearer = Wearer()
    result = wearer.look(1, seen(kind="text", text=["blurred"], sure=0.5), why="text", eye=1)
    assert result.reading == () and wearer.memory.recall(Query()) == ()


def test_a_sign_read_again_by_another_fixation_is_the_same_appearance() -> None:
    wearer = Wearer()
    wearer.look(1, seen(kind="text", box=LEFT, text=["GARDEN CAFE"]), why="text", eye=1)
    wearer.look(2, seen(kind="text", box=RIGHT, text=["GARDEN CAF"], sure=0.85), why="text", eye=2)
    (sign,) = wearer.memory.recall(Query(kinds=("text",)))
    assert (sign.what.name, sign.looks) == ("GARDEN CAFE", 2)


def test_another_sign_in_the_middle_of_the_picture_is_another_block() -> None:
    wearer = Wearer()
    wearer.look(1, seen(kind="text", text=["COFFEE", "2.50"]), why="text", eye=1)
    other = wearer.look(3, seen(kind="text", text=["cero", "emisiones"]), why="text", eye=2)
    assert [line.text for line in other.reading] == ["cero", "emisiones"]
    assert [s.what.name for s in wearer.memory.recall(Query(newest_first=False))] == ["COFFEE\n2.50", "cero\nemisiones"]


def test_reading_ends_when_the_gaze_leaves_and_when_time_passes() -> None:
    wearer = Wearer()
    wearer.look(1, seen(kind="text", box=LEFT, text=["EXIT"]), why="text", eye=1)
    assert wearer.tick(1.2).reading
    assert wearer.look(1.5, seen(MUG, box=RIGHT), eye=2).reading == ()
    wearer.look(2, seen(kind="text", box=LEFT, text=["EXIT"]), why="text", eye=3)
    assert wearer.tick(4).reading
    assert wearer.tick(5.1).reading == ()


def test_a_new_scene_ends_a_block_for_every_eye_movement_but_its_own() -> None:
    wearer = Wearer()
    wearer.look(1, seen(kind="text", text=["EXIT"]), why="text", eye=1)
    same = wearer.look(1.5, seen(kind="text", text=["EXIT"]), why="text", eye=1, new_scene=True)
    other = wearer.look(2, seen(kind="text", text=["PLATFORM"]), why="text", eye=2, new_scene=True)
    assert [line.text for line in same.reading] == ["EXIT"]
    assert [line.text for line in other.reading] == ["PLATFORM"]


def test_a_place_is_called_after_the_most_telling_thing_in_it() -> None:
    wearer = Wearer()
    kitchen, hall = direction(50), direction(51)
    wearer.look(1, place(kitchen))
    assert wearer.memory.place_name(1) == "at place 1"
    wearer.look(2, seen(labels=[("espresso maker", 0.9)]))
    assert wearer.memory.place_name(1) == "at place 1", "a label is a guess: no place is called after one"
    wearer.teach(3, "mug", MUG)
    wearer.look(4, seen(MUG))
    assert wearer.memory.place_name(1) == "by the mug"
    assert wearer.memory.place_name(1, apart_from="mug") == "at place 1"
    wearer.look(5, seen(kind="text", text=["EXIT"]), why="text", eye=1)
    assert wearer.memory.place_name(1) == 'by the sign "EXIT"'
    wearer.look(6, place(hall), new_scene=True)
    assert wearer.memory.place_name(2) == "at place 2"
    wearer.look(7, place(like(kitchen, 0.7)), new_scene=True)
    wearer.look(8, seen(KEYS))
    (keys,) = wearer.memory.recall(Query(t_from_ns=8 * S))
    assert keys.place_id == 1
    assert wearer.memory.place_name(None) == "" and wearer.memory.place_name(99) == ""


def test_a_place_that_becomes_known_later_is_filled_in() -> None:
    wearer = Wearer()
    wearer.look(1, place(direction(50)), new_scene=True)
    wearer.look(2, seen(MUG), new_scene=True)
    assert wearer.memory.recall(Query())[0].place_id is None
    wearer.look(3, place(direction(51)))
    assert wearer.memory.recall(Query())[0].place_id == 2


def test_neighbours_say_what_was_beside_it_and_not_what_it_is_itself() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    wearer.look(1, seen(kind="text", box=LEFT, text=["EXIT"]), why="text", eye=1)
    wearer.look(2, seen(MUG, labels=[("coffee mug", 0.9)]), seen(kind="watch", box=RIGHT, labels=[("laptop", 0.8)]))
    wearer.look(60, seen(kind="watch", labels=[("bus", 0.9)]))
    (mug,) = wearer.memory.recall(Query(names=("mug",)))
    assert wearer.memory.neighbours(mug) == ('the sign "EXIT"',), "a label is a guess, often at the thing itself"


# ---------------------------------------------------------------- the log


def test_rows_go_to_the_log_when_a_sighting_opens_while_it_lasts_and_when_it_ends() -> None:
    wearer = Wearer()
    for tenth in range(0, 121, 5):
        wearer.look(tenth / 10, seen(labels=[("vase", 0.9)]))
        wearer.tick(tenth / 10 + 0.2)
    for second in range(13, 20):
        wearer.tick(second)
    sent = [command.rows[0].sighting.t_end_ns for command in wearer.commands if isinstance(command, Append)]
    assert sent == [0, 5 * S, 10 * S, 12 * S]


def test_a_thumbnail_rides_along_once() -> None:
    wearer = Wearer()
    wearer.look(1, seen(labels=[("vase", 0.9)], jpeg=b"first"))
    wearer.look(2, seen(labels=[("vase", 0.8)], jpeg=b"second"))
    wearer.tick(10)
    assert [[thumb.data for thumb in row.thumbs] for row in wearer.rows()] == [[b"first"], [b"second"]]


def test_rows_the_log_refused_are_sent_again_after_a_wait_that_doubles() -> None:
    wearer = Wearer(log="fails")
    wearer.look(1, seen(labels=[("vase", 0.9)], jpeg=b"first"))
    for tenth in range(10, 200):
        wearer.tick(tenth / 10)
    times = [command.deadline_ns // S - 2 for command in wearer.commands if isinstance(command, Append)]
    assert times == [1, 2, 4, 8, 16]
    assert all(row.thumbs[0].data == b"first" for row in wearer.rows())
    wearer.log = "stores"
    wearer.tick(40)
    before = len(wearer.commands)
    wearer.tick(80)
    assert len(wearer.commands) == before, "once it is stored nothing is owed"
    assert wearer.count("row", "store") == 0


def test_a_row_that_never_reached_the_log_is_counted_when_it_leaves_memory() -> None:
    wearer = Wearer(RememberConfig(ram_bytes=65536), log="silent")
    for second in range(0, 400, 4):
        wearer.look(second, seen(direction(second), labels=[(f"vase {second}", 0.9)]))
    sent = [command for command in wearer.commands if isinstance(command, Append)]
    assert len(sent) == 4, "no more than four batches are under way"
    for command in sent:
        wearer.log = "stores"
        wearer.feed(Failed(t_ns=500 * S, answers=command.id, reason="deadline"))
    assert wearer.count("sighting", "budget") == 200 - len(wearer.memory.recall(Query(limit=1000)))
    assert wearer.count("row", "store") == wearer.count("sighting", "budget")


# ---------------------------------------------------------------- size


def test_thumbnails_go_before_facts_and_both_oldest_first() -> None:
    wearer = Wearer(RememberConfig(ram_bytes=100_000, token_share=0.0))
    for second in range(0, 120, 4):
        wearer.look(second, seen(labels=[(f"vase {second}", 0.9)], jpeg=bytes(4000)))
    facts = wearer.memory.recall(Query(limit=1000, newest_first=False))
    pictured = [s.id for s in facts if wearer.memory.thumb(s.evidence[0].thumb_id or "") is not None]
    assert [s.id for s in facts] == list(range(1, 31)), "no fact had to go"
    assert pictured == list(range(31 - len(pictured), 31)) and 2 <= len(pictured) < 30
    assert wearer.count("thumb", "budget") == 30 - len(pictured)
    assert wearer.memory.complete_since_ns == 0


def test_what_memory_no_longer_holds_it_says() -> None:
    wearer = Wearer(RememberConfig(ram_bytes=65536, token_share=0.0))
    for second in range(0, 400, 4):
        wearer.look(second, seen(labels=[(f"vase {second}", 0.9)], jpeg=bytes(3000)))
    facts = wearer.memory.recall(Query(limit=1000, newest_first=False))
    assert facts[0].t_start_ns == wearer.memory.complete_since_ns + 4 * S - 1
    assert wearer.memory.tiers()["thumbs"] >= 65536 // 8 - 4000, "the newest pictures keep their share"
    assert wearer.memory.thumb(facts[-1].evidence[0].thumb_id or "") is not None


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["label", "thing", "text"])
def test_bytes_are_honest(kind: str) -> None:
    wearer = Wearer()
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for n in range(500):
        for look in range(3):
            # Everything anew, as it comes from a decoder: numbers and pictures shared between looks would weigh nothing.
            box, jpeg = Box(n / 2000, look / 10, n / 2000 + 0.1, look / 10 + 0.3), bytes([look]) * 1000
            region = {
                "label": lambda n=n, box=box, jpeg=jpeg: seen(box=box, labels=[(f"vase {n}", 0.9)], jpeg=jpeg),
                "thing": lambda n=n, box=box, jpeg=jpeg: seen(direction(n), box=box, jpeg=jpeg),
                "text": lambda n=n, box=box, jpeg=jpeg: seen(kind="text", box=box, text=[f"Sign number {n * n * 7919}"], jpeg=jpeg),
            }[kind]()
            wearer.look(1000 + n * 4.1 + look * 0.5, region, eye=n)
        wearer.commands.clear()
    gc.collect()
    real = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert 1.0 <= (wearer.memory.nbytes() - wearer.memory.tiers()["search"]) / real < 1.2


# ---------------------------------------------------------------- snapshot and bad input


def test_a_snapshot_keeps_everything_but_pixels() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    wearer.look(1, place(direction(50)), seen(MUG, jpeg=b"picture bytes"))
    data = wearer.memory.snapshot()
    assert b"picture bytes" not in data
    size = wearer.memory.nbytes()
    wearer.memory.restore(data)
    assert wearer.memory.nbytes() == size
    assert wearer.memory.concepts["mug"].views[0].tolist() == MUG.tolist()
    thumb = wearer.memory.thumb("1-1")
    assert thumb is not None and (thumb.nbytes, thumb.data) == (13, None)


def test_a_broken_snapshot_is_refused_and_changes_nothing() -> None:
    wearer = Wearer()
    wearer.look(1, seen(MUG))
    with pytest.raises(InputError, match="snapshot cannot be read") as caught:
        wearer.memory.restore(wearer.memory.snapshot()[:-3])
    assert "log" in caught.value.hint
    assert len(wearer.memory.recall(Query())) == 1


def test_a_vector_of_another_size_is_counted_and_ignored() -> None:
    wearer = Wearer(models=Capabilities(vector=True, vector_dim=8))
    wearer.look(1, seen(MUG), seen(kind="overview", vector=BOOK, box=MIDDLE))
    assert wearer.count("vector", "unusable") == 2
    assert wearer.memory.recall(Query()) == ()
