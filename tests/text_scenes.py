"""Rendered pictures with known text, and without any: what text reading is measured on. Seeded; nothing in them is photographed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
"""uint8 BGR [H,W,3]."""

WIDTH_PX, HEIGHT_PX = 400, 200
TEXTS = (
    "EXIT", "Platform 9", "Fire door", "KEEP CLEAR", "Open 9-17", "Room 214", "No smoking", "TAXI", "Push", "Mind the gap",
    "Soup 4.50", "WET PAINT", "Gate B12", "Flour", "PAY HERE", "Line 4", "330 ml", "Sugar-free", "Ticket office", "DO NOT TOUCH",
)  # fmt: skip
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)
COLOURS = (
    ((20, 20, 20), (225, 230, 232)),
    ((240, 240, 240), (40, 60, 30)),
    ((30, 30, 200), (235, 240, 240)),
    ((30, 220, 240), (40, 40, 40)),
)
CONDITIONS: dict[str, dict[str, float]] = {
    "clean": {},
    "blur": {"blur_px": 1.0},
    "noise": {"noise": 12.0},
    "blur and noise": {"blur_px": 1.0, "noise": 8.0},
    "turned 12 deg": {"turn_deg": 12.0},
    "perspective": {"slant": 0.15},
    "on texture": {"texture": 18.0},
    "hard": {"blur_px": 1.6, "noise": 14.0, "turn_deg": -8.0},
}
LETTER_HEIGHTS_PX = (12, 20)

_FINE = 4  # drawn this many times larger, for smooth edges


class Scene(NamedTuple):
    """A picture, and the one line in it."""

    condition: str
    letter_px: int
    text: str
    image: Picture


def scenes(condition: str, letter_px: int, seed: int = 0) -> Iterator[Scene]:
    """Every text once, in changing fonts and colours."""
    for i, text in enumerate(TEXTS):
        image = draw(text, letter_px, font=i // 4 % len(FONTS), colours=i % len(COLOURS), seed=seed + i, **CONDITIONS[condition])
        yield Scene(condition, letter_px, text, image)


def draw(
    text: str,
    letter_px: float,
    *,
    font: int = 0,
    colours: int = 0,
    seed: int = 0,
    turn_deg: float = 0.0,
    slant: float = 0.0,
    blur_px: float = 0.0,
    noise: float = 0.0,
    texture: float = 0.0,
) -> Picture:
    """Draw one line of text in the middle of a card of 400 x 200 px.

    Args:
        text: What to draw.
        letter_px: Height of a capital.
        font: Index into ``FONTS``.
        colours: Index into ``COLOURS``.
        seed: For noise and texture.
        turn_deg: Turned anticlockwise.
        slant: How far the left side recedes, as a share of the picture.
        blur_px: Gaussian blur, standard deviation.
        noise: Of the sensor, standard deviation, grey levels.
        texture: Of the card, standard deviation, grey levels.
    """
    rng = np.random.default_rng(seed)
    ink, paper = COLOURS[colours]
    card = np.full((HEIGHT_PX, WIDTH_PX, 3), paper, dtype=np.float32)
    if texture:
        grain = rng.normal(0, texture, (HEIGHT_PX // 8, WIDTH_PX // 8, 3)).astype(np.float32)
        card += cv2.resize(grain, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    cover = _lettering(text, letter_px, FONTS[font], turn_deg, slant)[..., np.newaxis]
    return _seen(card * (1 - cover) + np.array(ink, dtype=np.float32) * cover, rng, blur_px, noise)


def textless(seed: int) -> Picture:
    """A picture of 448 x 448 px with shapes, stripes, grids and grain, and no text."""
    rng = np.random.default_rng(seed)
    side = 448
    grain = rng.normal(0, rng.uniform(4, 40), (side // 16, side // 16, 3)).astype(np.float32)
    picture = cv2.resize(grain, (side, side), interpolation=cv2.INTER_CUBIC) + rng.uniform(40, 215, 3).astype(np.float32)
    canvas = np.clip(picture, 0, 255).astype(np.uint8)
    kind = seed % 4
    if kind == 0:
        pitch = int(rng.integers(6, 40))
        for offset in range(0, 2 * side, 2 * pitch):
            cv2.line(canvas, (offset, 0), (offset - side // 2, side), _colour(rng), pitch // 2 + 1, cv2.LINE_AA)
    elif kind == 1:
        cell = int(rng.integers(8, 60))
        tiles = (np.indices((side, side)) // cell).sum(axis=0) % 2 == 0
        canvas[tiles] = _colour(rng)
    elif kind == 2:
        for _ in range(int(rng.integers(3, 14))):
            corners = rng.integers(0, side, (int(rng.integers(3, 7)), 2), dtype=np.int32)
            cv2.fillPoly(canvas, [corners], _colour(rng), cv2.LINE_AA)
    else:
        for _ in range(int(rng.integers(8, 40))):
            centre = (int(rng.integers(0, side)), int(rng.integers(0, side)))
            axes = (int(rng.integers(4, 60)), int(rng.integers(4, 60)))
            cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, _colour(rng), -1, cv2.LINE_AA)
    return _seen(canvas.astype(np.float32), rng, blur_px=float(rng.uniform(0.3, 2.0)), noise=float(rng.uniform(0, 14)))


def enlarged(image: Picture, times: int = 2) -> Picture:
    """The picture, so many times larger, as a crop is before it is read."""
    size = (image.shape[1] * times, image.shape[0] * times)
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)


def _lettering(text: str, letter_px: float, font: int, turn_deg: float, slant: float) -> npt.NDArray[np.float32]:
    """How far letters cover each pixel, float32 [H,W], 0..1."""
    width, height = WIDTH_PX * _FINE, HEIGHT_PX * _FINE
    mask = np.zeros((height, width), dtype=np.uint8)
    scale = letter_px * _FINE / cv2.getTextSize("H", font, 1, 1)[0][1]
    thick = max(1, round(letter_px * _FINE / 9))
    (long, _), _ = cv2.getTextSize(text, font, scale, thick)
    cv2.putText(mask, text, ((width - long) // 2, (height + round(letter_px * _FINE)) // 2), font, scale, 255, thick, cv2.LINE_AA)
    turn: npt.NDArray[Any] = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, 1.0), [0, 0, 1]])
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    x, y = width * slant, height * slant
    receding = np.array([[x, y], [width - x, 0], [width - x, height], [x, height - y]], dtype=np.float32)
    mask = cv2.warpPerspective(mask, cv2.getPerspectiveTransform(flat, receding) @ turn, (width, height)).astype(np.uint8)
    cover = cv2.resize(mask, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    covered: npt.NDArray[np.float32] = cover.astype(np.float32) / np.float32(255)
    return covered


def _seen(picture: npt.NDArray[np.float32], rng: np.random.Generator, blur_px: float, noise: float) -> Picture:
    """What a camera makes of it."""
    blurred = cv2.GaussianBlur(picture, (0, 0), blur_px) if blur_px else picture
    return np.clip(blurred + rng.normal(0, noise or 1e-9, picture.shape), 0, 255).astype(np.uint8)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    b, g, r = (int(value) for value in rng.integers(0, 256, 3))
    return b, g, r
