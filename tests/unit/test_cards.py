"""Printed cards look like print: the right size, legible lettering, the same every time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from devices.gallery.cards import CARDS, Card, Line, draw

PPM = 360.0


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_card_has_the_size_it_is_ordered_in(card: Card) -> None:
    image = draw(card, PPM)

    assert image.shape == (round(card.height_m * PPM), round(card.width_m * PPM), 3)
    assert image.dtype == np.uint8


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_the_same_card_is_printed_the_same(card: Card) -> None:
    assert np.array_equal(draw(card, PPM), draw(card, PPM))


def test_letters_are_as_high_as_ordered_and_stand_where_ordered() -> None:
    card = Card("test", 0.8, 0.4, (Line("HI", 0.10, 0.5, 0.17, (0, 0, 0)),), paper=(255, 255, 255), border=None)

    rows, columns = np.nonzero(draw(card, PPM).mean(axis=2) < 128)

    assert rows.max() - rows.min() + 1 == pytest.approx(0.10 * PPM, abs=2)
    assert (rows.max() + rows.min()) / 2 == pytest.approx(0.5 * 0.4 * PPM, abs=2)
    assert (columns.max() + columns.min()) / 2 == pytest.approx(0.5 * 0.8 * PPM, abs=3)


def test_paper_and_ink_are_the_colours_ordered() -> None:
    card = Card("test", 0.8, 0.4, (Line("I", 0.2, 0.5, 0.3, (20, 30, 160)),), paper=(210, 220, 230), border=None)
    image = draw(card, PPM).astype(float)

    assert image[:20].mean(axis=(0, 1)) == pytest.approx([210, 220, 230], abs=2)
    assert image[image.mean(axis=2) < 120].mean(axis=0) == pytest.approx([20, 30, 160], abs=25)


def test_every_line_of_the_sample_stays_inside_its_border() -> None:
    for card in CARDS:
        margin = round(0.03 * PPM)
        plain = dataclasses.replace(card, lines=())
        different = np.abs(draw(card, PPM).astype(int) - draw(plain, PPM)).max(axis=2) > 30
        inside = different[margin:-margin, margin:-margin]

        assert different.sum() == inside.sum() > 0, card.name


def test_a_line_that_is_too_long_for_its_card_is_refused() -> None:
    card = Card("test", 0.3, 0.3, (Line("MUCH TOO LONG", 0.1, 0.5),))

    with pytest.raises(ValueError, match=r"'MUCH TOO LONG' is .* m wide and does not fit its card"):
        draw(card, PPM)
