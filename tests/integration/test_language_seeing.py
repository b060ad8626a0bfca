"""Answers by what was seen, from llama.cpp: prompts read once, rows evicted or read anew, and whatever goes wrong said."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.errors import ModelError
from edge_runtime.models.bundle import PromptShape
from edge_runtime.models.language import ContextFull, Interrupted
from edge_runtime.models.language_llama import LlamaModel
from edge_runtime.models.seeing import SeeingModel
from edge_runtime.models.tower import ScriptedTower
from edge_runtime.protocol import Generate
from edge_runtime.types import WHOLE, LookedRegion
from tests.questions import language, looked, memory, question, tower
from tests.tiny_language import NAMES, chances, needs_llama, tiny

pytestmark = needs_llama

TOWER = tower(dim=32)
SHAPE = PromptShape(before="<s><turn>", after="<turn>", stop=(), picture_before="<image>", picture_after="<image>")
BOTH = (looked("foveal", TOWER, 1), looked("overview", TOWER, 2))
# far apart, so that each is told on its own
TIMES = (100, 400, 700, 900)


def seeing(model: LlamaModel) -> SeeingModel:
    return SeeingModel(model, language(SHAPE), TOWER, shown_rows=64)


def said(model: SeeingModel, command: Generate) -> str:
    return "".join(model.generate(command))


def asked(words: str = "where is the cup?", times: Sequence[int] = TIMES, **settings: Any) -> Generate:
    return question(words, looks=BOTH, slab=memory(times, TOWER), **settings)


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest) -> Iterator[LlamaModel]:
    with tiny(request.param) as opened:
        yield opened


@pytest.fixture
def llama() -> Iterator[LlamaModel]:
    with tiny("llama") as opened:
        yield opened


def first_chances(of: SeeingModel, model: LlamaModel, command: Generate) -> npt.NDArray[np.float64]:
    """The chance of every token to be the first of the answer."""
    for _ in of.generate(command):
        pass
    return chances(model)


def test_an_answer_from_picture_to_words(model: LlamaModel) -> None:
    """Dark or bright makes a difference to what is said."""
    dark, bright = ScriptedTower(TOWER).encode([np.full((9, 9, 3), level, np.uint8) for level in (20, 200)])
    of, found = seeing(model), []
    for tokens in (dark, bright):
        command = question(looks=[LookedRegion("foveal", WHOLE, tokens=tokens)], max_tokens=0)
        assert [shown.count for shown in of.generate(command).shown] == [4]
        found.append(first_chances(of, model, command))
        assert found[-1].sum() == pytest.approx(1.0)
    assert np.abs(found[0] - found[1]).sum() > 1e-3


def test_only_the_second_question_itself_is_read(model: LlamaModel) -> None:
    """And it is answered as if everything had been read."""
    warm = seeing(model)
    said(warm, asked("where is the cup?"))
    read = warm.prefix.rows_read
    got = first_chances(warm, model, asked("where is the door?", max_tokens=0))
    assert warm.prefix.rows_read - read == len(model.tokenize("\nwhere is the door?")) + 1
    model.clear(0)
    np.testing.assert_allclose(got, first_chances(seeing(model), model, asked("where is the door?", max_tokens=0)), atol=1e-5)


def test_what_fell_out_of_memory_is_evicted_where_the_engine_can(llama: LlamaModel) -> None:
    of = seeing(llama)
    said(of, asked())
    read = of.prefix.rows_read
    got = first_chances(of, llama, asked(times=TIMES[1:], max_tokens=0))
    assert of.prefix.rows_evicted > 0
    assert of.prefix.rows_read - read == 1
    # an approximation: what is left has seen what went
    llama.clear(0)
    fresh = first_chances(seeing(llama), llama, asked(times=TIMES[1:], max_tokens=0))
    assert np.abs(got - fresh).sum() < 1.0
    assert not np.array_equal(got, fresh)


def test_a_token_that_memory_let_go_of_is_evicted_alone(llama: LlamaModel) -> None:
    of = seeing(llama)
    said(of, asked(times=(991, 993, 996, 997)))
    read = of.prefix.rows_read
    got = first_chances(of, llama, asked(times=(991, 996, 997), max_tokens=0))
    assert (of.prefix.rows_evicted, of.prefix.rows_read - read) == (1, 1)
    end = llama.end(0)
    llama.clear(0)
    fresh = first_chances(seeing(llama), llama, asked(times=(991, 996, 997), max_tokens=0))
    assert llama.end(0) == end
    assert 0 < np.abs(got - fresh).sum() < 1.0


def test_where_positions_lie_in_the_plane_the_prompt_is_read_again_from_there() -> None:
    with tiny("qwen2vl") as model:
        of = seeing(model)
        said(of, asked())
        got = first_chances(of, model, asked(times=TIMES[1:], max_tokens=0))
        assert (of.prefix.rows_evicted, of.prefix.anchored_anew) == (0, 1)
        model.clear(0)
        np.testing.assert_allclose(got, first_chances(seeing(model), model, asked(times=TIMES[1:], max_tokens=0)), atol=1e-5)


def test_where_the_window_has_moved_on_the_prompt_is_read_again_whole() -> None:
    with tiny("gemma3", context_rows=1024, keeps_window=True, block_rows=32) as model:
        of, times = seeing(model), range(0, 960, 12)
        said(of, asked(times=times))
        # long enough to leave the window behind
        said(of, asked("and the door, " * 40, times=times, max_tokens=0))
        got = first_chances(of, model, asked("and the door?", times=times, max_tokens=0))
        assert of.prefix.anchored_anew == 1
        model.clear(0)
        np.testing.assert_allclose(got, first_chances(seeing(model), model, asked("and the door?", times=times, max_tokens=0)), atol=1e-5)


def test_places_matter_where_positions_lie_in_the_plane() -> None:
    """Memory that lay elsewhere in the picture is another memory; on a line it is the same."""
    one, other = memory([100, 101], TOWER), memory([100, 101], TOWER)
    other.pos[:, 1:] = [[1, 0], [1, 1]]
    for name, alike in (("qwen2vl", False), ("llama", True)):
        with tiny(name) as model:
            got = []
            for slab in (one, other):
                model.clear(0)
                got.append(first_chances(seeing(model), model, question(slab=slab, max_tokens=0)))
            assert np.allclose(got[0], got[1], atol=1e-4) == alike


def test_reading_is_given_up_from_another_thread() -> None:
    """In the middle of a picture or of words, wherever it is; the next question is answered."""
    times = range(0, 990, 3)
    with tiny("llama", context_rows=1024) as model:
        of = SeeingModel(model, language(SHAPE), TOWER, shown_rows=400)
        begun, given_up = threading.Event(), threading.Event()

        def give_up() -> None:
            begun.wait(30)
            of.interrupt()
            given_up.set()

        caller = threading.Thread(target=give_up)
        caller.start()
        try:
            with pytest.raises(Interrupted):
                for number, _ in enumerate(of.generate(asked(times=times))):
                    if number == 3:
                        begun.set()
                        given_up.wait(30)
        finally:
            caller.join()
        assert 0 < model.end(0) < 700
        assert said(of, asked(times=times))


def test_a_context_that_is_full_costs_one_answer(llama: LlamaModel) -> None:
    """Another sequence takes the room; the plan knows the whole of it only."""
    of = seeing(llama)
    llama.extend(1, [5] * 200)
    with pytest.raises(ContextFull, match="no room"):
        said(of, asked())
    llama.clear(1)
    assert said(of, asked())


def test_a_model_that_is_closed_in_mid_token_says_so_and_is_opened_again() -> None:
    model = tiny("llama")
    of = seeing(model)
    generation = of.generate(asked(max_tokens=40))
    while not next(generation):
        pass
    model.close()
    with pytest.raises(ModelError, match="closed") as refused:
        list(generation)
    assert "open it again" in refused.value.hint
    with pytest.raises(ModelError, match="closed"):
        of.generate(asked())
    with tiny("llama") as again:
        assert said(seeing(again), asked())
