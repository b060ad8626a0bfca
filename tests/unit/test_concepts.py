"""Teaching and recognising: lessons, thresholds, questions to the wearer, and finding what was seen before it had a name."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.config import RememberConfig, S
from edge_runtime.records import Concept, Query, What
from edge_runtime.remember.concepts import MAX_VIEWS
from edge_runtime.types import Capabilities
from tests.wearer import MIDDLE, Wearer, direction, like, seen

MUG, KEYS, BOOK = direction(1), direction(2), direction(3)


def test_a_concept_with_its_own_views_is_known_at_once() -> None:
    wearer = Wearer()
    result = wearer.teach(1, "Mug", MUG, like(MUG, 0.9))
    assert [concept.name for concept in result.learned] == ["mug"]
    assert len(wearer.memory.concepts["mug"].views) == 2
    seen_again = wearer.look(2, seen(like(MUG, 0.6)))
    assert [s.what for s in seen_again.opened] == [What("concept", "mug")]
    assert seen_again.opened[0].gazed and seen_again.opened[0].vector is not None


def test_a_lesson_takes_three_looks_and_only_looks_made_for_it() -> None:
    wearer = Wearer()
    assert wearer.teach(1, "mug").learned == ()
    assert wearer.memory.concepts["mug"].views == ()
    assert wearer.look(1.5, seen(MUG), why="fixation").learned == ()
    assert wearer.look(2, seen(MUG), why="teach").learned == ()
    assert wearer.look(2.5, seen(like(MUG, 0.8, 1)), why="teach").learned == ()
    learned = wearer.look(3, seen(like(MUG, 0.8, 2)), why="teach").learned
    assert [(concept.name, len(concept.views)) for concept in learned] == [("mug", 3)]
    assert wearer.tick(30).unlearned == ()


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_a_view_of_something_else_is_not_taken_and_another_is_waited_for(odd: int) -> None:
    wearer = Wearer()
    wearer.teach(1, "mug")
    views = [like(MUG, 0.8, 1), like(MUG, 0.8, 2), like(MUG, 0.8, 3)]
    learned: list[Concept] = []
    for n, view in enumerate([*views[:odd], KEYS, *views[odd:]]):
        assert not learned
        learned = list(wearer.look(2 + n / 2, seen(view), why="teach").learned)
    (concept,) = learned
    assert [view.tolist() for view in concept.views] == [view.tolist() for view in views]
    assert wearer.count("view", "unlike") == 1
    assert not wearer.look(10, seen(KEYS)).matches, "what was left out is not taken for the mug"
    assert wearer.look(11, seen(MUG)).matches[0].accepted


def test_while_a_lesson_lasts_only_views_that_agree_are_counted() -> None:
    wearer = Wearer()
    wearer.teach(1, "mug")
    counts = []
    for n, view in enumerate([KEYS, MUG, BOOK, like(MUG, 0.9)]):
        wearer.look(2 + n / 2, seen(view), why="teach")
        counts.append(wearer.memory.lesson)
    assert counts == [("mug", 1), ("mug", 1), ("mug", 1), ("mug", 2)]


def test_a_lesson_in_which_nothing_agrees_ends_in_time_and_its_views_are_counted() -> None:
    wearer = Wearer()
    wearer.teach(1, "mug")
    for n in range(30):
        assert wearer.look(1.5 + n / 2, seen(np.eye(64, dtype=np.float32)[n]), why="teach").learned == ()
    assert wearer.tick(21).unlearned == ("mug",)
    assert wearer.count("view", "unlike") == 29, "one view agrees with itself"
    assert "mug" not in wearer.memory.concepts


def test_what_was_captured_before_the_wearer_named_it_is_no_view_of_it() -> None:
    wearer = Wearer()
    wearer.teach(1, "mug")
    wearer.teach(5, "keys")
    for t_s, view in ((4.9, MUG), (5.0, KEYS), (5.5, like(KEYS, 0.9))):
        assert wearer.look(t_s, seen(view), why="teach").learned == ()
    (keys,) = wearer.look(6, seen(KEYS), why="teach").learned
    assert len(keys.views) == 3
    assert wearer.count("view", "unlike") == 0
    assert not any(np.array_equal(view, MUG) for view in keys.views)


def test_a_lesson_without_enough_looks_ends_after_twenty_seconds() -> None:
    wearer = Wearer()
    wearer.teach(1, "mug")
    wearer.look(2, seen(MUG), why="teach")
    assert wearer.tick(20.9).unlearned == ()
    assert "mug" in wearer.memory.concepts
    assert wearer.tick(21).unlearned == ("mug",)
    assert wearer.tick(22).unlearned == ()
    assert "mug" not in wearer.memory.concepts


def test_a_new_lesson_ends_the_one_before() -> None:
    wearer = Wearer()
    wearer.teach(1, "mug")
    assert wearer.teach(2, "keys").unlearned == ("mug",)
    for t_s in (3, 4, 5):
        result = wearer.look(t_s, seen(KEYS), why="teach")
    assert [concept.name for concept in result.learned] == ["keys"]


def test_in_a_lesson_nothing_else_is_recognised_or_asked_about() -> None:
    wearer = Wearer()
    wearer.teach(0, "keys", KEYS)
    wearer.teach(1, "mug")
    result = wearer.look(2, seen(like(KEYS, 0.7)), why="teach")
    assert result.unsure == () and [s.what.kind for s in result.opened] == ["thing"]


@pytest.mark.parametrize(
    ("cosine", "accepted", "asked"), [(0.45, True, False), (0.40 + 1e-3, True, False), (0.35, False, True), (0.25, False, False)]
)
def test_sure_asks_or_says_nothing(cosine: float, accepted: bool, asked: bool) -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    result = wearer.look(1, seen(like(MUG, cosine)))
    (match,) = result.matches
    assert match.score == pytest.approx(cosine, abs=1e-3)
    assert match.accepted is accepted and bool(result.unsure) is asked
    assert (match.sighting is not None) is accepted


def test_without_a_lead_over_the_next_concept_it_asks() -> None:
    wearer = Wearer()
    between = (MUG + KEYS) / np.linalg.norm(MUG + KEYS)
    wearer.teach(0, "mug", MUG)
    wearer.teach(0, "keys", KEYS)
    result = wearer.look(1, seen(between.astype(np.float32)))
    assert [match.accepted for match in result.matches] == [False, False]
    assert [match.what.name for match in result.unsure] == [result.matches[0].what.name]


def test_it_does_not_ask_twice_in_thirty_seconds() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    asked = [bool(wearer.look(t_s, seen(like(MUG, 0.35, round(t_s)))).unsure) for t_s in (1, 2, 30, 31, 32, 61)]
    assert asked == [True, False, False, True, False, True]


def test_it_never_asks_about_what_nobody_looks_at() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    assert wearer.look(1, seen(like(MUG, 0.35), kind="watch")).unsure == ()


def test_yes_names_the_sighting_and_adds_the_view() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    doubtful = like(MUG, 0.35)
    wearer.look(1, seen(doubtful))
    result = wearer.says(3, "yes")
    assert [(s.what, s.t_start_ns) for s in result.opened] == [(What("concept", "mug"), S)]
    assert len(wearer.memory.concepts["mug"].views) == 2
    assert wearer.look(10, seen(doubtful)).matches[0].accepted


def test_no_is_remembered_for_what_looks_like_it() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", MUG)
    wearer.look(1, seen(like(MUG, 0.35)))
    wearer.says(2, "no")
    wearer.tick(40)
    again = wearer.look(41, seen(like(MUG, 0.36)))
    assert not again.unsure and not again.matches[0].accepted
    assert wearer.look(60, seen(MUG)).matches[0].accepted, "the mug itself is still the mug"


def test_an_answer_without_a_question_or_a_minute_late_changes_nothing() -> None:
    wearer = Wearer()
    assert wearer.says(1, "yes").opened == ()
    wearer.teach(1, "mug", MUG)
    wearer.look(2, seen(like(MUG, 0.35)))
    assert wearer.says(63, "yes").opened == ()
    assert len(wearer.memory.concepts["mug"].views) == 1


def test_where_was_it_before_the_lesson() -> None:
    wearer = Wearer()
    wearer.look(10, seen(like(MUG, 0.8, 1)))
    wearer.look(20, seen(KEYS))
    result = wearer.teach(60, "mug", MUG)
    (mug,) = wearer.memory.recall(Query(names=("mug",)))
    assert (mug.t_start_ns, mug.what.kind) == (10 * S, "concept")
    assert result.opened == () and [s.id for s in result.extended] == [mug.id], "teaching is not an appearance"
    assert [row.sighting.what.name for row in result.rows] == ["mug"], "the log learns the name too"
    assert [s.what.kind for s in wearer.memory.recall(Query(t_from_ns=15 * S))] == ["thing"]


def test_the_lesson_itself_is_one_appearance() -> None:
    wearer = Wearer()
    wearer.teach(1, "mug")
    for t_s in (2, 2.5, 3):
        wearer.look(t_s, seen(like(MUG, 0.9, round(t_s * 2))), why="teach")
    after = wearer.look(4, seen(MUG))
    (mug,) = wearer.memory.recall(Query(names=("mug",)))
    assert (mug.t_start_ns, mug.t_end_ns, mug.looks) == (2 * S, 4 * S, 4)
    assert after.opened == ()


def test_teaching_again_adds_views_and_keeps_twelve_that_differ() -> None:
    wearer = Wearer()
    wearer.teach(0, "mug", *(like(MUG, 0.6, seed) for seed in range(10)))
    wearer.teach(1, "mug", *([like(MUG, 0.6, 3)] * 5), like(MUG, 0.6, 99))
    views = wearer.memory.concepts["mug"].views
    assert len(views) == MAX_VIEWS
    assert any(np.array_equal(view, like(MUG, 0.6, 99)) for view in views)
    assert sum(bool(np.array_equal(view, like(MUG, 0.6, 3))) for view in views) < 6


def test_views_that_cannot_be_used_are_counted() -> None:
    wearer = Wearer()
    broken = np.full(64, np.nan, np.float32)
    assert wearer.teach(0, "mug", broken, np.zeros(64, np.float32), direction(1)[:8]).unlearned == ("mug",)
    assert wearer.count("view", "unusable") == 3
    assert len(wearer.teach(1, "mug", MUG, broken).learned) == 1


@pytest.mark.parametrize("name", ["", "   ", "m" * 81])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    wearer = Wearer()
    assert len(wearer.teach(0, name, MUG).unlearned) == 1
    assert wearer.count("concept", "unusable") == 1
    assert dict(wearer.memory.concepts) == {}


def test_without_a_model_that_sees_nothing_can_be_taught() -> None:
    wearer = Wearer(models=Capabilities(text=True))
    assert wearer.teach(0, "mug").unlearned == ("mug",)


def test_concepts_take_an_eighth_of_the_memory_and_no_more() -> None:
    wearer = Wearer(RememberConfig(ram_bytes=65536))
    results = [wearer.teach(n, f"thing of mine {n}", direction(n)) for n in range(20)]
    learned = sum(len(result.learned) for result in results)
    assert 0 < learned < 20
    assert sum(len(result.unlearned) for result in results) == wearer.count("concept", "budget") == 20 - learned
    assert sum(wearer.memory.tiers()[tier] for tier in ("facts", "vectors")) <= 65536 // 8


def test_the_score_is_the_same_to_the_last_digit_in_any_order_of_views() -> None:
    views = [like(MUG, 0.6, seed) for seed in range(8)]
    scores = set()
    for order in (views, views[::-1], views[3:] + views[:3]):
        wearer = Wearer()
        wearer.teach(0, "mug", *order)
        scores.add(wearer.look(1, seen(MUG, box=MIDDLE)).matches[0].score)
    assert len(scores) == 1
