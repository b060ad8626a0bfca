"""Printed cards: paper, border and lettering, drawn four times too large and brought down, so that edges come out as in print."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge_runtime.pixels import Picture

Colour = tuple[int, int, int]
"""BGR, 0..255."""

_OVER = 4
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_CAP_UNITS = 21.0
"""Height of a capital letter of that font, in its own units."""
_PAPER_GRAIN = 2.5
_TRACKING = 0.45
"""Room added between letters, in strokes: the font was made for thin ones."""


@dataclass(frozen=True)
class Line:
    """One line of lettering.

    Attributes:
        text: What it says, ASCII.
        cap_m: Height of a capital letter.
        y_norm: Where its middle stands, 0 top to 1 bottom of the card.
        weight: Thickness of the strokes as a share of ``cap_m``.
        colour: BGR.
    """

    text: str
    cap_m: float
    y_norm: float
    weight: float = 0.17
    colour: Colour = (44, 36, 32)


@dataclass(frozen=True)
class Card:
    """A card as the printer gets it.

    Attributes:
        name: Of the thing on the wall.
        width_m: Of the paper.
        height_m: Of the paper.
        lines: Top to bottom.
        paper: BGR.
        border: BGR of the printed border, or ``None``.
    """

    name: str
    width_m: float
    height_m: float
    lines: tuple[Line, ...]
    paper: Colour = (226, 238, 243)
    border: Colour | None = (60, 60, 66)


_WHITE = (242, 245, 245)
CARDS: tuple[Card, ...] = (
    Card("room", 0.74, 0.50, (Line("ROOM 204", 0.090, 0.36, 0.19), Line("QUIET PLEASE", 0.060, 0.70, 0.17, (52, 46, 120)))),
    Card("exit", 0.70, 0.36, (Line("EXIT", 0.150, 0.50, 0.19, _WHITE),), paper=(78, 122, 22), border=_WHITE),
    Card("menu", 0.70, 0.48, (Line("COFFEE", 0.095, 0.34, 0.18, (38, 58, 96)), Line("2.50", 0.095, 0.69, 0.17)), paper=(206, 228, 240)),
    Card("letter", 0.66, 0.48, (Line("PRIVATE", 0.070, 0.30, 0.15, (40, 34, 150)), Line("PIN 4071", 0.080, 0.66, 0.15)), _WHITE, None),
)
"""The cards of the sample."""


def draw(card: Card, ppm: float) -> Picture:
    """Print a card.

    Args:
        card: What to print.
        ppm: Pixels a metre.

    Returns:
        uint8 BGR [height, width, 3].

    Raises:
        ValueError: A line is wider than the card.
    """
    width, height = round(card.width_m * ppm), round(card.height_m * ppm)
    sheet = np.full((height * _OVER, width * _OVER, 3), card.paper, np.uint8)
    if card.border is not None:
        inset, stroke = round(0.022 * ppm * _OVER), max(1, round(0.006 * ppm * _OVER))
        cv2.rectangle(sheet, (inset, inset), (width * _OVER - inset, height * _OVER - inset), card.border, stroke, cv2.LINE_AA)
    for line in card.lines:
        _letter(sheet, line, ppm * _OVER)
    printed = cv2.resize(sheet, (width, height), interpolation=cv2.INTER_AREA)
    # Paper is never quite even: a fine grain, the same on every print of the card.
    grain = np.random.default_rng(len(card.name)).normal(0.0, _PAPER_GRAIN, (height, width, 1))
    return np.clip(printed + grain, 0, 255).astype(np.uint8)


def _letter(sheet: Picture, line: Line, ppm: float) -> None:
    """Put a line in the middle of the sheet."""
    stroke = max(1, round(line.weight * line.cap_m * ppm))
    # Strokes are drawn around the letter's skeleton, so the skeleton is smaller by one stroke.
    scale = (line.cap_m * ppm - stroke) / _CAP_UNITS
    advance = [cv2.getTextSize(letter, _FONT, scale, 1)[0][0] + _TRACKING * stroke for letter in line.text]
    width = sum(advance)
    if width > 0.9 * sheet.shape[1]:
        raise ValueError(f"{line.text!r} is {width / ppm:.2f} m wide and does not fit its card")
    x, base = (sheet.shape[1] - width) / 2, round(line.y_norm * sheet.shape[0] + _CAP_UNITS * scale / 2)
    for letter, step in zip(line.text, advance, strict=True):
        cv2.putText(sheet, letter, (round(x + _TRACKING * stroke / 2), base), _FONT, scale, line.colour, stroke, cv2.LINE_AA)
        x += step
