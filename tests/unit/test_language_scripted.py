"""The language model without weights, where it differs from others: what it can be told that it cannot do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.errors import ModelError
from edge_runtime.models.language import LanguageCapabilities, Refused, Sampling
from edge_runtime.models.language_picture import Picture
from edge_runtime.models.language_reply import reread
from edge_runtime.models.language_scripted import CAPABILITIES, ScriptedModel


def shout(text: str) -> str:
    return text.upper()


def test_it_says_what_the_script_says() -> None:
    model = ScriptedModel(shout)
    model.extend(0, model.tokenize("é cup"))
    assert "".join(model.generate(0, Sampling(99))) == "É CUP"
    assert model.probs(0, [ord("x")])[0] < 0.01


def test_the_script_sees_where_pictures_were() -> None:
    model = ScriptedModel(lambda text: str(text.index("\ufffc")))
    model.extend(0, b"ab")
    model.extend(0, Picture(np.zeros((5, 4), np.float32)))
    model.extend(0, b"c")
    assert "".join(model.generate(0, Sampling(9))) == "2"
    assert model.rows_read == 8


def test_the_first_byte_is_likely() -> None:
    model = ScriptedModel(shout)
    model.extend(0, b"ab")
    assert model.probs(0, b"A")[0] == pytest.approx(0.9)
    assert model.nll(0, b"AZ") == pytest.approx(-np.log([0.9, 0.1 / 255]))


def test_a_script_with_nothing_to_say_leaves_everything_open() -> None:
    model = ScriptedModel(lambda text: "")
    model.extend(0, b"a")
    assert list(model.generate(0, Sampling(5))) == []
    assert model.probs(0, [7])[0] == pytest.approx(1 / 256)


@pytest.mark.parametrize(
    ("lacking", "ask"),
    [
        (replace(CAPABILITIES, can_fork=False), lambda model: model.fork(0, 1)),
        (replace(CAPABILITIES, can_roll_back=False), lambda model: model.rollback(0, 2)),
        (replace(CAPABILITIES, can_evict=False), lambda model: model.evict(0, 1, 2)),
    ],
    ids=("fork", "rollback", "evict"),
)
def test_what_it_cannot_do_is_refused(lacking: LanguageCapabilities, ask: Callable[[ScriptedModel], None]) -> None:
    model = ScriptedModel(shout, lacking)
    model.extend(0, b"abcd")
    with pytest.raises(Refused, match="cannot"):
        ask(model)
    assert (model.end(0), model.end(1)) == (4, 0)


def test_a_window_has_no_way_back_and_a_prompt_is_read_again() -> None:
    model = ScriptedModel(shout, replace(CAPABILITIES, window_rows=8, keeps_window=True))
    model.extend(0, b"a" * 40)
    with pytest.raises(Refused, match="go back to position 20"):
        model.rollback(0, 20)
    assert reread(model, 0, b"a" * 20 + b"b") == 0
    assert model.rows_read == 40 + 21


def test_a_stretch_is_taken_out() -> None:
    model = ScriptedModel(shout)
    model.extend(0, b"a red cup")
    model.evict(0, 2, 6)
    assert "".join(model.generate(0, Sampling(9))) == "A CUP"


def test_it_keeps_to_no_grammar() -> None:
    model = ScriptedModel(shout)
    model.extend(0, b"a")
    with pytest.raises(Refused, match="grammar"):
        list(model.generate(0, Sampling(5, grammar='root ::= "a"')))


def test_in_the_plane_a_picture_needs_its_grid() -> None:
    model = ScriptedModel(shout, replace(CAPABILITIES, positions="plane"))
    with pytest.raises(ModelError, match="where in the plane"):
        model.extend(0, Picture(np.zeros((6, 4), np.float32)))
    model.extend(0, Picture(np.zeros((6, 4), np.float32), grid=(2, 3)))
    assert model.end(0) == 3
