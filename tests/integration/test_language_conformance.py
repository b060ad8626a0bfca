"""What every language model keeps to: the scripted one, and llama.cpp with each kind of model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import BundleError, ModelError
from edge_runtime.models.language import ContextFull, LanguageModel, Refused, Sampling
from edge_runtime.models.language_picture import Picture
from edge_runtime.models.language_reply import reread
from edge_runtime.models.language_scripted import ScriptedModel
from tests.tiny_language import NAMES, needs_llama, tiny

TEXT = (10, 200, 31, 7, 7, 150, 90)


@pytest.fixture(params=["scripted", *(pytest.param(name, marks=needs_llama) for name in NAMES)])
def model(request: pytest.FixtureRequest) -> Iterator[LanguageModel]:
    with ScriptedModel(lambda text: f"so {len(text)} letters") if request.param == "scripted" else tiny(request.param) as opened:
        yield opened


def picture(model: LanguageModel) -> Picture:
    rows = np.random.default_rng(3).standard_normal((6, model.capabilities.embedding_width)).astype(np.float32)
    return Picture(rows, grid=(2, 3))


def picture_positions(model: LanguageModel) -> int:
    return 3 if model.capabilities.positions == "plane" else 6


def every_chance(model: LanguageModel, sequence: int = 0) -> list[float]:
    return [float(chance) for chance in model.probs(sequence, range(model.capabilities.vocabulary))]


def same(a: list[float], b: list[float]) -> bool:
    return bool(np.allclose(a, b, atol=1e-4))


def test_chances_add_up(model: LanguageModel) -> None:
    model.extend(0, TEXT)
    assert sum(every_chance(model)) == pytest.approx(1.0)


def test_an_empty_sequence_says_nothing(model: LanguageModel) -> None:
    assert model.end(1) == 0
    for ask in (lambda: model.probs(1, [0]), lambda: model.nll(1, [0]), lambda: next(model.generate(1, Sampling(1)))):
        with pytest.raises(Refused, match="is not known"):
            ask()


def test_sequences_do_not_hear_one_another(model: LanguageModel) -> None:
    model.extend(0, TEXT)
    alone = every_chance(model)
    model.clear(0)
    model.extend(1, TEXT[::-1])
    model.extend(0, TEXT[:3])
    model.extend(1, TEXT)
    model.extend(0, TEXT[3:])
    assert same(every_chance(model), alone)


def test_a_fork_goes_its_own_way(model: LanguageModel) -> None:
    model.extend(0, TEXT)
    before = every_chance(model)
    model.fork(0, 2)
    assert every_chance(model, 2) == before
    model.extend(2, [40, 41])
    assert (model.end(0), model.end(2)) == (7, 9)
    assert every_chance(model, 0) == before
    model.clear(0)
    model.extend(0, (*TEXT, 40, 41))
    assert same(every_chance(model, 0), every_chance(model, 2))


def test_a_fork_takes_the_place_of_what_was_there(model: LanguageModel) -> None:
    model.extend(0, TEXT)
    model.extend(1, TEXT[:2])
    model.fork(0, 1)
    model.fork(0, 0)
    assert model.end(1) == model.end(0) == 7


def test_the_way_back(model: LanguageModel) -> None:
    model.extend(0, TEXT)
    before = every_chance(model)
    model.extend(0, [40, 41, 42])
    model.rollback(0, 6)
    assert model.end(0) == 6
    model.extend(0, TEXT[6:])
    assert same(every_chance(model), before)


def test_the_way_back_to_where_it_is_keeps_what_is_known(model: LanguageModel) -> None:
    model.extend(0, TEXT)
    model.rollback(0, 7)
    assert len(model.probs(0, [1, 2])) == 2


def test_a_picture_has_its_place(model: LanguageModel) -> None:
    model.extend(0, TEXT[:4])
    model.extend(0, picture(model))
    behind = 4 + picture_positions(model)
    assert model.end(0) == behind
    model.extend(0, TEXT[4:])
    before = every_chance(model)
    with pytest.raises(Refused, match="inside the picture"):
        model.rollback(0, 5)
    model.rollback(0, 4)
    model.extend(0, picture(model))
    model.extend(0, TEXT[4:])
    assert same(every_chance(model), before)


def test_parts_given_together_are_read_one_after_the_other(model: LanguageModel) -> None:
    for part in (TEXT[:4], picture(model), TEXT[4:]):
        model.extend(0, part)
    model.extend(1, TEXT[:4], picture(model), (), TEXT[4:])
    assert model.end(1) == model.end(0) == 7 + picture_positions(model)
    assert same(every_chance(model, 1), every_chance(model))
    model.extend(1)
    assert model.end(1) == model.end(0)


def test_of_parts_given_together_all_are_read_or_none(model: LanguageModel) -> None:
    model.extend(0, TEXT)
    before = every_chance(model)
    wrong = Picture(np.zeros((2, model.capabilities.embedding_width + 1), np.float32), grid=(1, 2))
    for last in ((100_000,), wrong, TEXT * model.capabilities.context_rows):
        with pytest.raises(ModelError):
            model.extend(0, TEXT, picture(model), last)
        assert model.end(0) == 7
    assert every_chance(model) == before


def test_a_picture_that_does_not_fit_the_model(model: LanguageModel) -> None:
    width = model.capabilities.embedding_width
    for rows in (np.zeros((2, width + 1), np.float32), np.zeros((model.capabilities.block_rows + 1, width), np.float32)):
        with pytest.raises(ModelError, match="does not fit"):
            model.extend(0, Picture(rows, grid=(1, len(rows))))
    assert model.end(0) == 0


@pytest.mark.parametrize("token", [-1, 100_000])
def test_a_token_that_is_missing(token: int, model: LanguageModel) -> None:
    """-1 is what converters write for a special token that a tokenizer lacks."""
    model.extend(0, TEXT)
    for ask in (lambda: model.extend(0, [1, token]), lambda: model.probs(0, [token]), lambda: model.nll(0, [token])):
        with pytest.raises(ModelError, match=f"has no token {token}"):
            ask()
    assert model.end(0) == 7


def test_a_special_token_that_is_missing(model: LanguageModel) -> None:
    with pytest.raises(BundleError, match="has no token '<fake_token_around_image>'") as refused:
        model.special("<fake_token_around_image>")
    assert "tokenizer" in refused.value.hint or "bytes" in refused.value.hint


def test_a_sequence_that_is_missing(model: LanguageModel) -> None:
    one_more = model.capabilities.sequences
    for ask in (lambda: model.end(one_more), lambda: model.clear(-1), lambda: model.fork(0, one_more), lambda: model.extend(99, [1])):
        with pytest.raises(ModelError, match="there is no sequence"):
            ask()


def test_no_room_leaves_everything_as_it_was(model: LanguageModel) -> None:
    room = model.capabilities.context_rows
    model.extend(0, TEXT)
    model.extend(1, TEXT[:3])
    before = every_chance(model, 0), every_chance(model, 1)
    with pytest.raises(ContextFull, match="no room") as refused:
        model.extend(0, [5] * room)
    assert refused.value.hint
    assert (model.end(0), model.end(1)) == (7, 3)
    assert (every_chance(model, 0), every_chance(model, 1)) == before
    model.clear(1)
    model.extend(0, TEXT)
    assert model.end(0) == 14


def test_how_unlikely_a_text_is(model: LanguageModel) -> None:
    """The same as reading it token by token, and the sequence stays as it is."""
    model.extend(0, TEXT)
    asked = [3, 99, 250] * 14
    got = model.nll(0, asked)
    assert model.end(0) == 7
    want = []
    for token in asked:
        want.append(-np.log(model.probs(0, [token])[0]))
        model.extend(0, [token])
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3)
    assert model.nll(0, []).tolist() == []


def test_writing_is_deterministic_and_ends_in_time(model: LanguageModel) -> None:
    model.extend(0, TEXT)
    model.fork(0, 1)
    one, other = ("".join(model.generate(sequence, Sampling(9))) for sequence in (0, 1))
    assert one == other
    assert model.end(0) == 7 + 8


def test_nothing_is_written_where_nothing_may_be(model: LanguageModel) -> None:
    model.extend(0, TEXT)
    assert list(model.generate(0, Sampling(0))) == []
    assert model.end(0) == 7


def test_writing_that_is_not_wanted_any_more_stops(model: LanguageModel) -> None:
    model.extend(0, TEXT)
    pieces = model.generate(0, Sampling(50))
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert model.end(0) < 7 + 8
    model.extend(0, [1])


def test_a_stop_is_not_written(model: LanguageModel) -> None:
    model.extend(0, TEXT)
    model.fork(0, 1)
    whole = "".join(model.generate(0, Sampling(12)))
    stop = whole[4:6]
    assert "".join(model.generate(1, Sampling(12, stop=(stop,)))) == whole[: whole.index(stop)]


def test_only_what_is_new_of_a_prompt_is_read(model: LanguageModel) -> None:
    assert reread(model, 0, TEXT) == 0
    whole = every_chance(model)
    assert reread(model, 0, (*TEXT[:4], 9, 9)) == 4
    assert reread(model, 0, TEXT) == 4
    assert same(every_chance(model), whole)
    # the same again: the last token is read once more, for what follows it
    assert reread(model, 0, TEXT) == 6
    assert same(every_chance(model), whole)
    assert model.end(0) == len(TEXT)


def test_an_empty_prompt_is_refused(model: LanguageModel) -> None:
    with pytest.raises(ModelError, match="empty prompt"):
        reread(model, 0, ())


def test_saved_and_loaded_elsewhere(model: LanguageModel, tmp_path: Path) -> None:
    model.extend(0, TEXT[:5])
    model.extend(0, picture(model))
    model.extend(0, TEXT[5:])
    before = every_chance(model)
    model.save(0, tmp_path / "sequence")
    model.extend(3, TEXT[:2])
    model.load(3, tmp_path / "sequence")
    assert model.end(3) == model.end(0)
    assert every_chance(model, 3) == before
    for sequence in (0, 3):
        model.extend(sequence, [77])
    assert same(every_chance(model, 3), every_chance(model, 0))
    with pytest.raises(Refused, match="inside the picture"):
        model.rollback(3, 6)


def test_an_empty_sequence_is_saved_too(model: LanguageModel, tmp_path: Path) -> None:
    model.save(2, tmp_path / "empty")
    model.extend(1, TEXT)
    model.load(1, tmp_path / "empty")
    assert model.end(1) == 0


def test_what_was_never_saved(model: LanguageModel, tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(b"junk")
    for name in ("absent", "junk"):
        with pytest.raises(BundleError):
            model.load(0, tmp_path / name)
