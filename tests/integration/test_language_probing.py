"""Questions beside the stream: both are asked on a fork, and the stream is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.errors import ModelError
from edge_runtime.models.language import ContextFull, LanguageModel, Refused
from edge_runtime.models.language_picture import Picture
from edge_runtime.models.language_scripted import CAPABILITIES, ScriptedModel
from edge_runtime.models.probing import Inclination, inclination, is_stale, perplexity
from tests.tiny_language import NAMES, needs_llama, tiny

STREAM = "a red cup, then a door. "


@pytest.fixture(params=["scripted", *(pytest.param(name, marks=needs_llama) for name in NAMES)])
def model(request: pytest.FixtureRequest) -> Iterator[LanguageModel]:
    with ScriptedModel(lambda text: "no") if request.param == "scripted" else tiny(request.param) as opened:
        opened.extend(0, opened.tokenize(STREAM))
        rows = np.random.default_rng(1).standard_normal((4, opened.capabilities.embedding_width)).astype(np.float32)
        opened.extend(0, Picture(rows, grid=(2, 2)))
        opened.extend(0, opened.tokenize("then"))
        yield opened


def every_chance(model: LanguageModel) -> bytes:
    return model.probs(0, range(model.capabilities.vocabulary)).tobytes()


def test_the_stream_is_untouched(model: LanguageModel) -> None:
    """Bit for bit: where it ends, and what comes next."""
    end, before = model.end(0), every_chance(model)
    inclination(model, 0, "should I speak? ", fork=2)
    perplexity(model, 0, "so: ", "a cup", fork=2)
    assert (model.end(0), model.end(2)) == (end, 0)
    assert every_chance(model) == before


def test_the_stream_is_untouched_where_the_question_has_no_room(model: LanguageModel) -> None:
    end, before = model.end(0), every_chance(model)
    with pytest.raises(ContextFull):
        inclination(model, 0, "a" * 3000, fork=2)
    assert (model.end(0), model.end(2)) == (end, 0)
    assert every_chance(model) == before


def test_chances_of_yes_and_no_are_those_behind_the_question(model: LanguageModel) -> None:
    leaning = inclination(model, 0, "speak? ", fork=1, yes=("yes", "Yes"), no=("no", "No"))
    model.extend(0, model.tokenize("speak? "))
    for chance, forms in ((leaning.yes, ("yes", "Yes")), (leaning.no, ("no", "No"))):
        assert chance == pytest.approx(model.probs(0, [model.tokenize(form)[0] for form in forms]).sum(), abs=1e-6)


def test_what_the_script_would_say() -> None:
    with ScriptedModel(lambda text: "yes" if "cup" in text else "no") as model:
        model.extend(0, model.tokenize("a cup"))
        assert inclination(model, 0, "? ", fork=1).share > 0.9
        model.clear(0)
        model.extend(0, model.tokenize("a door"))
        assert inclination(model, 0, "? ", fork=1).share < 0.1


def test_neither_yes_nor_no() -> None:
    assert Inclination(0.0, 0.0).share == 0.5


@pytest.mark.parametrize("forms", [(("yes",), ("yes", "yea")), (("",), ("no",))])
def test_forms_that_begin_alike(forms: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    model = ScriptedModel(lambda text: "yes")
    model.extend(0, [1])
    with pytest.raises(ModelError, match="begin with the same tokens"):
        inclination(model, 0, "?", fork=1, yes=forms[0], no=forms[1])


def test_what_was_said_surprises_once_the_scene_has_changed() -> None:
    with ScriptedModel(lambda text: "door" if "door" in text else "cup") as model:
        model.extend(0, model.tokenize("a cup "))
        at_first = perplexity(model, 0, "", "c", fork=1)
        model.extend(0, model.tokenize("and still "))
        assert not is_stale(perplexity(model, 0, "", "c", fork=1), at_first)
        model.extend(0, model.tokenize("a door "))
        assert is_stale(perplexity(model, 0, "", "c", fork=1), at_first)


def test_an_empty_utterance() -> None:
    with pytest.raises(ModelError, match="empty utterance"):
        perplexity(ScriptedModel(lambda text: ""), 0, "", "", fork=1)


def test_a_sequence_is_not_its_own_fork() -> None:
    with pytest.raises(ModelError, match="its own fork"):
        inclination(ScriptedModel(lambda text: ""), 0, "?", fork=0)


def test_a_model_that_cannot_be_forked() -> None:
    model = ScriptedModel(lambda text: "", replace(CAPABILITIES, can_fork=False))
    model.extend(0, [1])
    with pytest.raises(Refused, match="cannot be forked"):
        inclination(model, 0, "?", fork=1)
