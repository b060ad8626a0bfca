"""The tiny models of the tests are what the script makes."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.language_fixtures import SHAPES, gguf, metadata, references, tokenizer
from tests.tiny_language import NAMES, reference, tiny_path


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_made_again_byte_for_byte(name: str) -> None:
    pieces, merges = tokenizer()
    weights, _ = references(len(pieces))
    assert gguf(metadata(SHAPES[name], pieces, merges), weights[name]) == tiny_path(name).read_bytes()
    assert tiny_path(name).stat().st_size < 300_000


def test_the_references_are_worked_out_again() -> None:
    """To rounding: sums of products are added in another order elsewhere."""
    _, saved = references(len(tokenizer()[0]))
    assert saved.keys() == reference().keys()
    for name, array in reference().items():
        np.testing.assert_allclose(saved[name], array, rtol=1e-5, atol=1e-5, err_msg=name)
