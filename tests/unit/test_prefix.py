"""What two prompts have in common is read once; what fell out of the front is evicted where the engine can, else the rest is read again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.models.language import ContextFull, LanguageCapabilities, Sampling
from edge_runtime.models.language_scripted import CAPABILITIES, ScriptedModel
from edge_runtime.models.prefix import Prefix
from edge_runtime.models.segments import RowsSegment, Segment, TextSegment
from edge_runtime.records import ShownTokens

SHOWN = ShownTokens("memory", 0, 0, 4, 4.0)
PLANE = replace(CAPABILITIES, positions="plane")


def rows(seed: int, cells: list[list[int]] | None = None) -> RowsSegment:
    values = np.random.default_rng(seed).standard_normal((4 if cells is None else len(cells), 4)).astype(np.float32)
    return RowsSegment(values, (2, 2), SHOWN, None if cells is None else np.array(cells, np.int32))


def prompt(*pictures: int, question: str = "what?", head: str = "head ") -> list[Segment]:
    """A head, pictures that are told apart by their number, and a question of two parts."""
    parts = [
        part for number in pictures for part in (TextSegment(f"{number} ago: "), TextSegment("<i>"), rows(number), TextSegment("</i>"))
    ]
    return [TextSegment(head), *parts, TextSegment(question), TextSegment("A:")]


def prefix(capabilities: LanguageCapabilities = CAPABILITIES) -> tuple[Prefix, ScriptedModel]:
    model = ScriptedModel(lambda text: text, capabilities)
    return Prefix(model), model


def read(of: Prefix, segments: list[Segment]) -> int:
    """Rows that had to be read."""
    before = of.rows_read
    for _ in of.read(segments):
        pass
    return of.rows_read - before


def held(model: ScriptedModel) -> str:
    """What the sequence holds, as the script repeats it; a picture is U+FFFC."""
    return "".join(model.generate(0, Sampling(500)))


def test_a_prompt_is_read_in_as_few_pieces_as_can_be() -> None:
    """A run of words at once: a short text costs the engine nearly as much as a long one."""
    of, model = prefix()
    assert len(list(of.read(prompt(1, 2)))) == 5
    assert model.end(0) == model.rows_read == of.rows_read == len("head 1 ago: <i></i>2 ago: <i></i>what?A:") + 8


def test_where_the_engine_reads_words_and_pictures_in_one_call_pieces_are_long_but_not_too_long() -> None:
    of, model = prefix(replace(CAPABILITIES, can_mix=True))
    assert len(list(of.read(prompt(1, 2)))) == 1
    of.clear()
    # 36 stretches of 19 rows each, and no piece has more than 128.
    assert len(list(of.read(prompt(*range(10, 46))))) == 6
    assert model.end(0) == of.rows_read - len("head 1 ago: <i></i>2 ago: <i></i>what?A:") - 8


def test_only_the_question_is_read_the_second_time() -> None:
    of, model = prefix()
    read(of, prompt(1, 2))
    "".join(model.generate(0, Sampling(8)))
    assert read(of, prompt(1, 2, question="and who?")) == len("and who?A:")
    assert held(model) == "head 1 ago: <i>\ufffc</i>2 ago: <i>\ufffc</i>and who?A:"


def test_the_same_prompt_reads_its_last_part_again() -> None:
    of, model = prefix()
    read(of, prompt(1))
    assert read(of, prompt(1)) == len("A:")
    assert model.end(0) == of.rows_kept + 2


def test_pictures_that_lie_elsewhere_are_other_pictures() -> None:
    of, _ = prefix(PLANE)
    first, second = [[0, 0, 0], [0, 0, 1]], [[0, 0, 0], [0, 1, 0]]
    read(of, [TextSegment("head"), rows(1, first), TextSegment("A:")])
    assert read(of, [TextSegment("head"), rows(1, second), TextSegment("A:")]) == 2 + 2
    assert read(of, [TextSegment("head"), rows(1, second), TextSegment("A:")]) == 2


def test_what_fell_out_of_the_front_is_evicted() -> None:
    of, model = prefix()
    read(of, prompt(1, 2, 3))
    assert read(of, prompt(2, 3, 4)) == len("4 ago: <i></i>what?A:") + 4
    assert of.rows_evicted == len("1 ago: <i></i>") + 4
    assert of.anchored_anew == 0
    assert held(model) == "head 2 ago: <i>\ufffc</i>3 ago: <i>\ufffc</i>4 ago: <i>\ufffc</i>what?A:"


def test_where_the_engine_cannot_move_rows_the_prompt_is_anchored_anew() -> None:
    of, model = prefix(replace(CAPABILITIES, can_evict=False))
    read(of, prompt(1, 2, 3))
    assert read(of, prompt(2, 3, 4)) == of.rows_read - len("head 1 ago: <i></i>2 ago: <i></i>3 ago: <i></i>what?A:") - 12
    assert (of.rows_evicted, of.anchored_anew) == (0, 1)
    assert model.end(0) == len("head 2 ago: <i></i>3 ago: <i></i>4 ago: <i></i>what?A:") + 12


def film(*numbers: int) -> list[Segment]:
    """One stretch of rows, told apart by their numbers, and a question."""
    values = np.array([[number, 1, 2, 3] for number in numbers], np.float32)
    shown = ShownTokens("memory", 0, 0, len(numbers), float(len(numbers)))
    cells = np.array([[step, 0, 0] for step in range(len(numbers))], np.int32)
    return [TextSegment("head"), RowsSegment(values, (2, 2), shown, cells), TextSegment("then what?"), TextSegment("A:")]


def test_tokens_that_memory_let_go_of_are_evicted_one_by_one() -> None:
    of, model = prefix()
    read(of, film(1, 2, 3, 4, 5, 6, 7, 8))
    assert read(of, film(1, 3, 4, 6, 7, 8)) == len("A:")
    assert of.rows_evicted == 2
    assert model.end(0) == len("headthen what?A:") + 6


def test_tokens_that_came_later_are_read_behind_those_before_them() -> None:
    of, model = prefix()
    read(of, film(1, 2, 3))
    assert read(of, film(1, 2, 3, 4, 5)) == 2 + len("then what?A:")
    assert held(model) == "head\ufffc\ufffcthen what?A:"


def test_there_is_no_way_back_into_a_picture() -> None:
    of, model = prefix()
    read(of, film(1, 2, 3, 4))
    assert read(of, film(1, 2, 9, 8)) == 4 + len("then what?A:")
    assert model.end(0) == len("headthen what?A:") + 4


def test_in_the_plane_a_picture_is_kept_whole_or_not_at_all() -> None:
    of, _ = prefix(PLANE)
    read(of, film(1, 2, 3, 4))
    assert read(of, film(1, 3, 4)) == 3 + len("then what?A:")
    assert of.rows_evicted == 0


def test_rows_that_have_seen_one_another_are_kept_whole_or_not_at_all() -> None:
    model = ScriptedModel(lambda text: text)
    of = Prefix(model, causal=False)
    read(of, film(1, 2, 3, 4))
    assert read(of, film(1, 3, 4)) == 3 + len("then what?A:")


def test_once_more_has_gone_than_is_left_everything_behind_is_read_again() -> None:
    """What is left has seen too much that is gone."""
    of, _ = prefix()
    numbers = list(range(40))
    read(of, film(*numbers))
    before = of.rows_evicted
    while of.anchored_anew == 0:
        numbers = numbers[5:]
        assert numbers, "never anchored anew"
        fresh = read(of, film(*numbers))
    assert fresh == len(numbers) + len("then what?A:")
    assert 15 <= of.rows_evicted - before <= 30
    # and then it goes on as at first
    assert read(of, film(*numbers[1:])) == len("A:")


def test_nothing_is_evicted_for_a_few_words_in_common() -> None:
    """What is left has seen what went: that is not worth it without a picture."""
    of, _ = prefix()
    read(of, [TextSegment("head"), rows(1), TextSegment("the same words"), rows(2), TextSegment("A:")])
    read(of, [TextSegment("head"), TextSegment("the same words"), rows(3), TextSegment("A:")])
    assert of.rows_evicted == 0


def test_a_model_that_cannot_go_back_reads_everything_again() -> None:
    of, model = prefix(replace(CAPABILITIES, can_roll_back=False, can_evict=False))
    whole = read(of, prompt(1))
    assert read(of, prompt(1, question="and who?")) == whole + 3
    assert of.anchored_anew == 1
    assert model.end(0) == whole + 3


def test_a_window_that_has_moved_on_is_read_again() -> None:
    of, model = prefix(replace(CAPABILITIES, window_rows=8, keeps_window=True))
    whole = read(of, prompt(1, 2))
    assert read(of, prompt(1, 2, question="and who else was there?")) == whole + len("and who else was there?") - len("what?")
    assert of.anchored_anew == 1
    assert model.end(0) == len("head 1 ago: <i></i>2 ago: <i></i>and who else was there?A:") + 8


def test_a_prompt_that_is_given_up_is_gone_on_with() -> None:
    of, model = prefix()
    reading = of.read(prompt(1, 2))
    next(reading)
    next(reading)
    assert model.end(0) == len("head 1 ago: <i>") + 4
    assert read(of, prompt(1, 2)) == len("</i>2 ago: <i></i>what?A:") + 4


def test_a_sequence_that_was_emptied_meanwhile_is_read_from_its_beginning() -> None:
    of, model = prefix()
    whole = read(of, prompt(1))
    model.clear(0)
    assert read(of, prompt(1)) == whole


def test_no_room_leaves_what_was_read_before() -> None:
    of, model = prefix(replace(CAPABILITIES, context_rows=30))
    with pytest.raises(ContextFull):
        read(of, prompt(1, 2))
    assert 0 < model.end(0) <= 30
    assert read(of, prompt(question="?", head="h ")) == len("h ?A:")


def test_what_is_forgotten_is_not_in_the_sequence_any_more() -> None:
    of, model = prefix()
    whole = read(of, prompt(1))
    of.clear()
    assert model.end(0) == 0
    assert read(of, prompt(1)) == whole
