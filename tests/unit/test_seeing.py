"""Answers by what was seen: planned at once, read and written piece by piece, given up from outside, refused where nothing was seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.errors import ModelError
from edge_runtime.models.generation import Generation, Language
from edge_runtime.models.language import ContextFull, Interrupted, LanguageCapabilities
from edge_runtime.models.language_picture import Picture
from edge_runtime.models.language_reply import Replies
from edge_runtime.models.language_scripted import CAPABILITIES, ScriptedModel
from edge_runtime.models.planner import NothingSeen
from edge_runtime.models.seeing import SeeingModel
from edge_runtime.records import Dropped
from tests.questions import language, looked, memory, question, tower

TOWER = tower()
BOTH = (looked("foveal", TOWER, 1), looked("overview", TOWER, 2))


class Listening(ScriptedModel):
    """Tells when it has read something."""

    def __init__(self, heard: Callable[[], None]) -> None:
        super().__init__(lambda text: "a cup<e> and more", CAPABILITIES)
        self._heard = heard

    def extend(self, sequence: int, *what: Sequence[int] | Picture) -> None:
        super().extend(sequence, *what)
        self._heard()


def seeing(capabilities: LanguageCapabilities = CAPABILITIES, shown_rows: int = 64) -> tuple[SeeingModel, ScriptedModel]:
    model = ScriptedModel(lambda text: f"{text.count(chr(0xFFFC))} pictures<e> and more", capabilities)
    return SeeingModel(model, language(), TOWER, shown_rows=shown_rows), model


def said(generation: Generation) -> str:
    return "".join(generation)


def test_an_answer_is_given_by_the_pictures_and_ends_at_its_stop() -> None:
    model, _ = seeing()
    generation = model.generate(question(looks=BOTH, slab=memory([10], TOWER), max_tokens=40))
    assert [shown.kind for shown in generation.shown] == ["memory", "overview", "foveal"]
    assert said(generation) == "3 pictures"


def test_what_is_shown_is_known_before_anything_is_read() -> None:
    model, inner = seeing(shown_rows=4)
    generation = model.generate(question(looks=BOTH))
    assert inner.rows_read == 0
    assert [shown.kind for shown in generation.shown] == ["foveal"]
    assert generation.dropped == (Dropped("token", "context", 4),)


def test_there_is_a_chance_to_look_between_the_pieces_that_are_read() -> None:
    """Words and pictures in turn: an empty piece after each, and then the answer."""
    model, _ = seeing()
    pieces = list(model.generate(question(looks=BOTH, max_tokens=40)))
    assert pieces[:5] == [""] * 5
    assert all(pieces[5:])


def test_the_second_question_reads_only_itself() -> None:
    model, inner = seeing()
    slab = memory([10, 20, 30], TOWER)
    said(model.generate(question("what is this?", looks=BOTH, slab=slab)))
    before = inner.rows_read
    generation = model.generate(question("and this?", looks=BOTH, slab=slab, max_tokens=1))
    assert said(generation) == "3"
    assert inner.rows_read - before == len("\nand this?<e>A:")


def test_nothing_seen_is_told_at_once() -> None:
    model, inner = seeing()
    with pytest.raises(NothingSeen):
        model.generate(question())
    assert inner.rows_read == 0


def test_a_question_beyond_the_context_is_told_at_once() -> None:
    model, _ = seeing(replace(CAPABILITIES, context_rows=100))
    with pytest.raises(ContextFull, match="the question takes"):
        model.generate(question("a" * 100, looks=BOTH))
    assert said(model.generate(question(looks=BOTH[:1], max_tokens=1)))


def test_the_answer_has_room_behind_the_prompt() -> None:
    model, inner = seeing(replace(CAPABILITIES, context_rows=150))
    said(model.generate(question(looks=BOTH, slab=memory(range(0, 990, 10), TOWER), max_tokens=30)))
    assert inner.end(0) <= 150


def test_an_answer_that_is_given_up_while_it_is_read() -> None:
    model, inner = seeing()
    generation = model.generate(question(looks=BOTH))
    assert next(generation) == ""
    model.interrupt()
    with pytest.raises(Interrupted, match="given up"):
        next(generation)
    assert 0 < inner.end(0) < 100
    assert said(model.generate(question(looks=BOTH, max_tokens=40))) == "2 pictures"


def test_an_answer_that_is_given_up_from_another_thread_in_the_middle_of_a_piece() -> None:
    def interrupt() -> None:
        caller = threading.Thread(target=model.interrupt)
        caller.start()
        caller.join()

    model = SeeingModel(Listening(interrupt), language(), TOWER, shown_rows=64)
    generation = model.generate(question(looks=BOTH))
    with pytest.raises(Interrupted):
        next(generation)


def test_an_answer_that_is_given_up_while_it_is_written() -> None:
    model, _ = seeing()
    generation = model.generate(question(looks=BOTH))
    while not next(generation):
        pass
    model.interrupt()
    with pytest.raises(Interrupted):
        next(generation)


def test_to_interrupt_nothing_does_nothing() -> None:
    model, _ = seeing()
    model.interrupt()
    assert said(model.generate(question(looks=BOTH, max_tokens=40))) == "2 pictures"


def test_closing_ends_an_answer() -> None:
    model, inner = seeing()
    generation = model.generate(question(looks=BOTH))
    next(generation)
    generation.close()
    read = inner.rows_read
    assert list(generation) == []
    assert inner.rows_read == read


def test_what_is_forgotten_leaves_the_model() -> None:
    model, inner = seeing()
    said(model.generate(question(looks=BOTH)))
    model.forget()
    assert inner.end(0) == 0


def test_tokens_of_another_width_are_refused_by_the_model() -> None:
    """A bundle whose parts do not fit is refused when it is opened; this is the last line of defence."""
    wide = tower(dim=6)
    model = SeeingModel(ScriptedModel(lambda text: "so"), language(), wide, shown_rows=64)
    with pytest.raises(ModelError, match="does not fit"):
        said(model.generate(question(looks=[looked("foveal", wide)])))


def test_a_model_without_eyes_keeps_the_same_promise() -> None:
    model = ScriptedModel(lambda text: "so")
    without: Language = Replies(model)
    generation = without.generate(question("say it"))
    assert (generation.shown, generation.dropped) == ((), ())
    assert said(generation) == "so"
    without.interrupt()
    without.forget()
    assert model.end(0) == 0


def test_numbers_that_are_none_cost_their_tokens_not_the_answer() -> None:
    model, _ = seeing()
    slab = memory([10, 20], TOWER)
    slab.emb[0] = np.inf
    generation = model.generate(question(looks=BOTH, slab=slab))
    assert Dropped("token", "not_finite", 1) in generation.dropped
    assert said(generation)
