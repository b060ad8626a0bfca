"""llama.cpp against transformers written in numpy, and what it would do wrong in silence if it were let."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.errors import BundleError, ModelError
from edge_runtime.models.language import ContextFull, Interrupted, Refused, Sampling
from edge_runtime.models.language_llama import OUTPUTS, LlamaModel
from edge_runtime.models.language_picture import Picture
from scripts.language_fixtures import EVICTED, GRID, WINDOW
from tests.tiny_language import NAMES, chances, needs_llama, reference, tiny

pytestmark = needs_llama
REFERENCE = reference()
TEXT: list[int] = REFERENCE["text"].tolist()
ATOL = {"llama": 2e-5, "qwen2vl": 2e-5, "gemma3": 2e-4}
"""Of chances. The engine looks the GELU of Gemma up in a table of half precision."""


@pytest.fixture
def llama() -> Iterator[LlamaModel]:
    with tiny("llama") as model:
        yield model


@pytest.fixture
def windowed() -> Iterator[LlamaModel]:
    """Gemma with little more in its window's cache than the window, as it would run for hours."""
    with tiny("gemma3", context_rows=1024, keeps_window=True, block_rows=32) as model:
        yield model


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - float(logits.max()))
    return np.asarray(powers / powers.sum())


def read(model: LlamaModel, sequence: int, tokens: Sequence[int]) -> None:
    model.clear(sequence)
    model.extend(sequence, tokens)


@pytest.mark.parametrize("name", NAMES)
def test_text_read_at_once(name: str) -> None:
    with tiny(name) as model:
        for row, logits in enumerate(REFERENCE[f"{name}.text"]):
            read(model, 0, TEXT[: row * WINDOW // 4 + 1])
            np.testing.assert_allclose(chances(model), softmax(logits), atol=ATOL[name])


@pytest.mark.parametrize("name", NAMES)
def test_text_read_token_by_token(name: str) -> None:
    with tiny(name) as model:
        for token in TEXT:
            model.extend(0, [token])
        one_by_one = chances(model)
        read(model, 0, TEXT)
        np.testing.assert_allclose(chances(model), one_by_one, atol=ATOL[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_between_texts(name: str) -> None:
    """In a line, in the plane, and whole (every row of it sees every other)."""
    with tiny(name) as model:
        model.extend(0, REFERENCE["before"].tolist())
        model.extend(0, Picture(REFERENCE["picture"], grid=GRID, causal=not model.capabilities.block_attention))
        for token, logits in zip(REFERENCE["after"].tolist(), REFERENCE[f"{name}.picture"], strict=True):
            model.extend(0, [token])
            np.testing.assert_allclose(chances(model), softmax(logits), atol=ATOL[name])


def test_whether_a_picture_sees_itself_whole_makes_a_difference() -> None:
    with tiny("gemma3") as model:
        for sequence, causal in enumerate((True, False, True)):
            model.extend(sequence, Picture(REFERENCE["picture"], causal=causal))
        assert np.abs(chances(model, 0) - chances(model, 1)).max() > 0.01
        np.testing.assert_array_equal(chances(model, 0), chances(model, 2))


def test_in_the_plane_a_picture_needs_its_grid() -> None:
    """Positions in a line would not fail there, only mislead."""
    with tiny("qwen2vl") as model, pytest.raises(ModelError, match="where in the plane"):
        model.extend(0, Picture(REFERENCE["picture"]))


def test_half_precision_is_near(llama: LlamaModel) -> None:
    with tiny("llama", cache="f16") as half:
        for model in (half, llama):
            model.extend(0, TEXT)
        np.testing.assert_allclose(chances(half), chances(llama), atol=2e-3)


def test_what_models_say_of_themselves() -> None:
    said = {}
    for name in NAMES:
        with tiny(name) as model:
            said[name] = model.capabilities
    assert [said[name].positions for name in NAMES] == ["line", "plane", "line"]
    assert [said[name].window_rows for name in NAMES] == [0, 0, WINDOW]
    assert [said[name].block_attention for name in NAMES] == [False, False, True]
    assert [said[name].can_evict for name in NAMES] == [True, False, True]
    assert {(own.vocabulary, own.embedding_width, own.context_rows, own.sequences) for own in said.values()} == {(320, 32, 256, 4)}


def test_names_of_special_tokens_are_letters_unless_they_are_meant(llama: LlamaModel) -> None:
    assert llama.tokenize("<turn>", special=True) == (llama.special("<turn>"),)
    assert llama.special("<turn>") not in llama.tokenize("a sign that says <turn>")
    assert len(llama.tokenize(" the cup")) < len(b" the cup")
    assert llama.tokenize("") == ()


def test_a_stretch_is_taken_out(llama: LlamaModel) -> None:
    """What comes behind it is near its new neighbours, and has seen what is gone."""
    count, after = EVICTED
    llama.extend(0, TEXT[:after])
    llama.evict(0, 0, count)
    assert llama.end(0) == after - count
    for token, logits in zip(TEXT[after:], REFERENCE["llama.evicted"], strict=True):
        llama.extend(0, [token])
        np.testing.assert_allclose(chances(llama), softmax(logits), atol=ATOL["llama"])
    assert llama.common(0, TEXT[count:]) == 0


def test_nothing_is_taken_out_of_what_a_fork_shares(llama: LlamaModel) -> None:
    """A row has one position: moving it for one sequence would move it for the other."""
    llama.extend(0, TEXT)
    llama.fork(0, 1)
    llama.fork(1, 2)
    before = chances(llama, 2)
    for sequence in (0, 1):
        with pytest.raises(Refused, match="rows in common"):
            llama.evict(sequence, 4, 8)
    llama.clear(0)
    llama.clear(1)
    llama.evict(2, 4, 8)
    assert llama.end(2) == len(TEXT) - 4
    np.testing.assert_array_equal(chances(llama, 2), before)


def test_in_the_plane_nothing_is_moved() -> None:
    with tiny("qwen2vl") as model:
        model.extend(0, TEXT)
        with pytest.raises(Refused, match="cannot move"):
            model.evict(0, 4, 8)
        assert model.end(0) == len(TEXT)


def long_text(count: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(1).integers(0, 256, count)]


def first_way_back(model: LlamaModel, sequence: int) -> int:
    """The lowest position, but the beginning, that a sequence goes back to."""
    for position in range(1, model.end(sequence)):
        model.fork(sequence, 3)
        try:
            model.rollback(3, position)
        except Refused:
            continue
        finally:
            model.clear(3)
        return position
    return model.end(sequence)


def test_no_way_back_beyond_a_window(windowed: LlamaModel) -> None:
    """The engine would go there and answer from a context with holes in it."""
    text = long_text(700)
    windowed.extend(0, text)
    first = first_way_back(windowed, 0)
    assert WINDOW < first < 700 - WINDOW
    with pytest.raises(Refused, match="left the window") as refused:
        windowed.rollback(0, first - 1)
    assert "read the sequence again" in refused.value.hint
    assert windowed.end(0) == 700
    windowed.rollback(0, first)
    windowed.extend(0, [5, 6])
    got = chances(windowed)
    read(windowed, 1, (*text[:first], 5, 6))
    np.testing.assert_allclose(got, chances(windowed, 1), atol=ATOL["gemma3"])


def test_what_was_saved_of_a_window_is_no_more_than_that(windowed: LlamaModel, tmp_path: Path) -> None:
    windowed.extend(0, long_text(400))
    windowed.save(0, tmp_path / "sequence")
    windowed.load(1, tmp_path / "sequence")
    np.testing.assert_array_equal(chances(windowed, 0), chances(windowed, 1))
    assert WINDOW < first_way_back(windowed, 1) < 400
    for sequence in (0, 1):
        windowed.extend(sequence, [5])
    np.testing.assert_allclose(chances(windowed, 0), chances(windowed, 1), atol=1e-6)


def test_with_the_whole_window_kept_every_way_back_is_open() -> None:
    with tiny("gemma3", context_rows=1024, block_rows=32) as model:
        model.extend(0, long_text(700))
        assert first_way_back(model, 0) == 1


def test_a_window_cannot_be_moved(windowed: LlamaModel) -> None:
    windowed.extend(0, TEXT)
    with pytest.raises(Refused, match="cannot move"):
        windowed.evict(0, 2, 4)


def test_a_failure_that_cannot_be_undone_empties_the_sequence(windowed: LlamaModel) -> None:
    """Rows that were read push others out of the window before there is no room: what was there is gone, and said to be."""
    windowed.extend(0, long_text(700))
    with pytest.raises(ModelError, match="no room"):
        windowed.extend(0, long_text(600))
    assert windowed.end(0) == 0
    windowed.extend(0, TEXT)


class InterruptedText(Sequence[int]):
    """Text whose second part is fetched just when another thread wants the reading to stop."""

    def __init__(self, model: LlamaModel, count: int) -> None:
        self._model = model
        self._tokens = long_text(count)

    def __len__(self) -> int:
        return len(self._tokens)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        if isinstance(index, slice) and index.start:
            other = threading.Thread(target=self._model.interrupt)
            other.start()
            other.join()
        return self._tokens[index]


def test_reading_is_stopped_from_another_thread() -> None:
    with tiny("llama", block_rows=OUTPUTS) as model:
        model.interrupt()  # nothing is under way
        model.extend(0, TEXT)
        before = chances(model)
        with pytest.raises(Interrupted) as stopped:
            model.extend(0, InterruptedText(model, 100))
        assert stopped.value.hint
        assert model.end(0) == len(TEXT)
        np.testing.assert_array_equal(chances(model), before)
        model.extend(0, [1])
        read(model, 1, [*TEXT, 1])
        np.testing.assert_allclose(chances(model, 0), chances(model, 1), atol=ATOL["llama"])


def test_a_stop_that_was_heeded_stops_nothing_else() -> None:
    with tiny("llama", block_rows=OUTPUTS) as model:
        model.extend(0, TEXT)
        with pytest.raises(Interrupted):
            model.extend(0, InterruptedText(model, 100))
        assert len(model.nll(0, TEXT)) == len(TEXT)
        assert "".join(model.generate(0, Sampling(3)))


def test_a_block_is_no_longer_than_the_context() -> None:
    """The engine ends the process over a batch that is longer than its own."""
    with tiny("llama", context_rows=256, block_rows=1024) as model:
        assert model.capabilities.block_rows == 256
        with pytest.raises(ContextFull):
            model.extend(0, long_text(300))


def test_a_model_that_is_closed_between_two_tokens() -> None:
    model = tiny("llama")
    model.extend(0, TEXT)
    pieces = model.generate(0, Sampling(50))
    next(pieces)
    model.close()
    model.close()
    with pytest.raises(ModelError, match="is closed"):
        list(pieces)
    for ask in (lambda: model.end(0), lambda: model.tokenize("a"), lambda: model.extend(0, [1])):
        with pytest.raises(ModelError, match="is closed"):
            ask()


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_grammar_is_kept_to(temperature: float, llama: LlamaModel) -> None:
    """A model that has learned nothing would say anything."""
    llama.extend(0, TEXT)
    llama.fork(0, 1)
    grammar = 'root ::= ("yes" | "no") " " [0-9]+ "."'
    answers = ["".join(llama.generate(sequence, Sampling(40, temperature=temperature, seed=3, grammar=grammar))) for sequence in (0, 1)]
    assert answers[0] == answers[1]
    word, number = answers[0].split(" ")
    assert word in ("yes", "no")
    assert number.rstrip(".").isdigit()


def test_a_grammar_ends_the_text_when_it_is_fulfilled(llama: LlamaModel) -> None:
    llama.extend(0, TEXT)
    assert "".join(llama.generate(0, Sampling(100, grammar='root ::= "the cup"'))) == "the cup"


@pytest.mark.parametrize("grammar", ["root ::= (", 'other ::= "a"', "nonsense"])
def test_a_grammar_that_cannot_be_read(grammar: str, llama: LlamaModel) -> None:
    llama.extend(0, TEXT)
    with pytest.raises(ModelError, match="grammar cannot be read") as refused:
        list(llama.generate(0, Sampling(5, grammar=grammar)))
    assert "root" in refused.value.hint


def test_the_draw_follows_its_seed_and_its_temperature(llama: LlamaModel) -> None:
    def drawn(seed: int, temperature: float, top_p: float = 1.0) -> str:
        read(llama, 0, TEXT)
        return "".join(llama.generate(0, Sampling(12, temperature=temperature, top_p=top_p, seed=seed)))

    assert drawn(1, 1.5) == drawn(1, 1.5)
    assert len({drawn(seed, 1.5) for seed in range(4)}) > 1
    # the likeliest alone, by either way
    assert drawn(1, 0.0) == drawn(2, 1.5, top_p=1e-6) == drawn(3, 0.001)


def test_what_was_saved_belongs_to_its_model_and_its_layout(llama: LlamaModel, tmp_path: Path) -> None:
    llama.extend(0, TEXT)
    llama.save(0, tmp_path / "sequence")
    for name, settings, other in (("gemma3", {}, "model"), ("llama", {"cache": "f16"}, "layout")):
        with tiny(name, **settings) as elsewhere, pytest.raises(BundleError, match=f"saved with another {other}"):
            elsewhere.load(0, tmp_path / "sequence")
    with tiny("llama", context_rows=512, sequences=1) as elsewhere:
        elsewhere.load(0, tmp_path / "sequence")
        np.testing.assert_array_equal(chances(elsewhere), chances(llama))


def test_what_was_saved_needs_room(llama: LlamaModel, tmp_path: Path) -> None:
    llama.extend(0, long_text(200))
    llama.save(0, tmp_path / "sequence")
    with pytest.raises(ModelError, match="does not fit beside"):
        llama.load(1, tmp_path / "sequence")
    assert (llama.end(0), llama.end(1)) == (200, 0)
    llama.clear(0)
    llama.load(1, tmp_path / "sequence")
    assert llama.end(1) == 200
