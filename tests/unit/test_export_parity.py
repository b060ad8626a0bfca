"""What is held against the original, as data: what passes, what does not, and in what words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from export.parity import MAX_ABS, Parity, misspelling
from export.parity_original import left_out
from export.parity_quantised import QuantisedParity

EXACT: dict[str, Any] = {"positions": "rope1d", "text": 3e-6, "picture": 4e-6}
PLANE: dict[str, Any] = {"positions": "mrope", "text": 2e-4, "picture": 4e-4, "misplaced": 0.9}
NOT_A_NUMBER = float("nan")


def quantised(**changed: Any) -> QuantisedParity:
    whole: dict[str, Any] = {"kind": "q8_0", "tokens": 300, "top1": 0.97, "exact_perplexity": 32.0, "perplexity": 32.2}
    return QuantisedParity(**{**whole, **changed})


@pytest.mark.parametrize("found", [EXACT, PLANE], ids=["one position a row", "positions in the plane"])
def test_a_model_that_is_the_original_passes(found: dict[str, Any]) -> None:
    assert (Parity(**found).failures, Parity(**found).passed) == ((), True)


@pytest.mark.parametrize(
    ("found", "what"),
    [
        ({**EXACT, "text": 2e-4}, "on text differ by 2.0e-04, at most 1.0e-04"),
        ({**EXACT, "picture": 2e-4}, "behind a picture differ by 2.0e-04, at most 1.0e-04"),
        ({**EXACT, "text": NOT_A_NUMBER}, "on text differ by nan"),
        ({**EXACT, "picture": NOT_A_NUMBER}, "behind a picture differ by nan"),
        ({**PLANE, "text": 0.4, "picture": 0.5}, "on text differ by 4.0e-01"),
        ({**PLANE, "picture": 5e-4}, "behind a picture differ by 5.0e-04, at most 4.0e-04"),
        ({**PLANE, "misplaced": 3e-4}, "misplaced rows of a picture change logits by 3.0e-04 only"),
        ({**PLANE, "misplaced": NOT_A_NUMBER}, "misplaced rows of a picture change logits by nan only"),
        ({**EXACT, "absent": ("<image>",)}, "'<image>' is not one token"),
        ({**EXACT, "miscut": ("22/7",)}, "'22/7' is cut into other tokens"),
        ({**EXACT, "misspelt": "the prompt has [1] at token 0"}, r"the prompt has \[1\] at token 0"),
    ],
)
def test_each_thing_that_is_not_as_in_the_original_is_said(found: dict[str, Any], what: str) -> None:
    (failure,) = Parity(**found).failures
    assert failure.startswith("language")
    assert re.search(what, failure)
    assert not Parity(**found).passed


def test_what_is_kept_of_it() -> None:
    assert Parity(**EXACT).figures() == {"language_f32_text_max_abs": 3e-6, "language_f32_picture_max_abs": 4e-6}
    assert Parity(**PLANE).figures()["language_f32_misplaced_max_abs"] == 0.9


def test_a_picture_may_be_twice_as_far_off_as_text_in_the_plane_alone() -> None:
    assert Parity(**{**PLANE, "text": 1e-6}).picture_limit == MAX_ABS
    assert Parity(**PLANE).picture_limit == 4e-4
    assert Parity(**{**EXACT, "text": 9e-5}).picture_limit == MAX_ABS


def test_fewer_bits_have_levels_of_their_own() -> None:
    assert quantised().failures == ()
    (failure,) = quantised(top1=0.89).failures
    assert failure == "language q8_0: 0.890 of likeliest tokens are kept, at least 0.9 is needed"
    (failure,) = quantised(perplexity=33.0).failures
    assert failure == "language q8_0: perplexity 1.031 times that of float32, at most 1.02 is allowed"
    assert quantised(kind="q4_0", top1=0.6, perplexity=37.0).passed
    assert len(quantised(top1=NOT_A_NUMBER, perplexity=NOT_A_NUMBER).failures) == 2


def test_where_a_prompt_differs() -> None:
    assert misspelling([1, 2, 3], (1, 2, 3)) == ""
    assert misspelling([1, 2, 3], [1, 5, 3]) == "the prompt has [2, 3] at token 1, where the chat template has [5, 3]"
    assert misspelling([1, 2], [1, 2, 3]) == "the prompt has [] at token 2, where the chat template has [3]"


@pytest.mark.parametrize(
    ("frame", "rest", "left"),
    [
        ("<img>", "user\n", "<img>"),
        ("<fake><global>", "User:", "<fake><global>"),
        ("<fake><global>", "User:<fake><global>", ""),
        ("<img>", "user\nPicture: <img>", ""),
        ("<img>\n", "user", ""),
        ("Picture: <img>", "user\n", ""),
    ],
    ids=["left out", "both left out", "both written", "written", "more than special tokens", "words that stand nowhere"],
)
def test_what_a_template_leaves_to_others(frame: str, rest: str, left: str) -> None:
    """Special tokens in front, if all the rest of the frame stands there."""
    assert left_out(frame, ("<img>", "<fake>", "<global>"), rest.endswith) == left
