"""Paints the wall and the floor of the sample: plaster, panels, frames, ledges, lamp light. Everything that does not depend on the camera.

The painted wall shows every thing that never moves. What comes and goes is painted as patches, one for each state of the wall.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from devices.gallery.cards import CARDS, draw
from devices.gallery.frames import hang
from devices.gallery.layout import (
    DADO_M,
    HANG_M,
    LEDGE_Y_M,
    LEDGES_M,
    PICTURE_RAIL_M,
    SKIRTING_M,
    THINGS,
    WALL_LEFT_M,
    WALL_RIGHT_M,
    WALL_TOP_M,
    Thing,
)
from edge_runtime.pixels import Picture, resize

PPM = 360.0
"""Pixels a metre of the painted wall: about what the camera resolves at arm's length and a half."""
FLOOR_PPM = 160.0
FLOOR_DEPTH_M = 1.9

_PLASTER, _PANEL, _WOOD_WHITE = (176, 190, 182), (120, 134, 122), (222, 230, 232)
_LAMP_GAIN, _AMBIENT = 0.30, 0.80
_DIM_FROM_M, _DIM_TO_M, _DIM_GAIN = 11.9, 14.0, 0.80
"""The second ledge stands in a darker, warmer corner."""
_MARGIN_M = 0.22

_FULL_LIGHT = 200.0

Light = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Patch:
    """A rectangle of the wall in one of its states.

    Attributes:
        thing: What is there, in this state.
        top: First row on the painted wall.
        left: First column on the painted wall.
        with_it: uint8 BGR, the wall with the thing.
        without: uint8 BGR, the wall without it.
    """

    thing: Thing
    top: int
    left: int
    with_it: Picture
    without: Picture


def paint_wall(pictures: Mapping[str, Picture], seed: int) -> tuple[Picture, tuple[Patch, ...]]:
    """Paint the wall without what comes and goes, and the patches for that.

    Args:
        pictures: Photographs by the name that the layout uses, uint8 BGR [H,W,3].
        seed: Of the plaster.

    Raises:
        KeyError: A picture of the layout is missing.
    """
    prints = {card.name: draw(card, PPM) for card in CARDS}
    wall = _bare(seed)
    light = _light(wall.shape[0], wall.shape[1])
    moving = [thing for thing in THINGS if thing.from_ns > 0 or thing.to_ns < 2**62]
    for x_m in LEDGES_M:
        _ledge(wall, x_m)
    for thing in THINGS:
        if thing not in moving:
            hang(wall, _fit(thing, pictures, prints), thing.mount, *_corner(thing), PPM)
    patches = []
    for thing in moving:
        with_it = wall[:, _columns(thing)].copy()
        top, left = _corner(thing)
        hang(with_it, _fit(thing, pictures, prints), thing.mount, top, left - _columns(thing).start, PPM)
        rows, columns = _rows(thing), _columns(thing)
        lit = light[rows, columns]
        patches.append(
            Patch(thing, rows.start, columns.start, _lit(with_it[rows], lit), _lit(wall[rows, columns], lit)),
        )
    return _lit(wall, light), tuple(patches)


def paint_floor(seed: int) -> Picture:
    """Paint the floor: oak planks, its first row at the wall. uint8 BGR, :data:`FLOOR_PPM` pixels a metre."""
    rng = np.random.default_rng([seed, 11])
    width, depth = round((WALL_RIGHT_M - WALL_LEFT_M) * FLOOR_PPM), round(FLOOR_DEPTH_M * FLOOR_PPM)
    floor = np.empty((depth, width, 3), np.float32)
    plank = round(0.16 * FLOOR_PPM)
    for row, top in enumerate(range(0, depth, plank)):
        left = -int(rng.uniform(0, 1.4 * FLOOR_PPM))
        while left < width:
            length = int(rng.uniform(1.0, 1.8) * FLOOR_PPM)
            tone = np.array([74, 108, 148], np.float32) * rng.uniform(0.82, 1.12)
            floor[top : top + plank, max(0, left) : left + length] = tone
            floor[top : top + plank, max(0, left + length - 1) : max(0, left + length)] *= 0.62
            left += length
        floor[top : top + 1] *= 0.62 if row else 0.5
    grain = cv2.resize(rng.normal(0.0, 1.0, (depth, width // 24 + 1)).astype(np.float32), (width, depth), interpolation=cv2.INTER_LINEAR)
    floor *= 1.0 + 0.05 * grain[..., None]
    # The foot of the wall lies in its own shadow.
    floor *= (1.0 - 0.45 * np.exp(-np.arange(depth, dtype=np.float32) / FLOOR_PPM / 0.10))[:, None, None]
    return np.clip(floor, 0, 255).astype(np.uint8)


def _bare(seed: int) -> Picture:
    """Plaster above, painted panels below, rails and skirting between."""
    height, width = round(WALL_TOP_M * PPM), round((WALL_RIGHT_M - WALL_LEFT_M) * PPM)
    rng = np.random.default_rng([seed, 10])
    wall = np.empty((height, width, 3), np.uint8)
    wall[:] = _PLASTER
    dado, skirting, rail = _row(DADO_M), _row(SKIRTING_M), _row(PICTURE_RAIL_M)
    wall[dado:] = _PANEL
    wall[:rail] = (206, 212, 210)
    for left in range(round(0.1 * PPM), width, round(1.3 * PPM)):
        corner, other = (left, dado + round(0.12 * PPM)), (left + round(1.1 * PPM), skirting - round(0.10 * PPM))
        cv2.rectangle(wall, corner, other, (150, 163, 152), 3)
        cv2.rectangle(wall, (corner[0] + 5, corner[1] + 5), (other[0] - 5, other[1] - 5), (92, 104, 94), 2)
    for row, thick_m in ((dado, 0.055), (rail, 0.05)):
        _moulding(wall, row, round(thick_m * PPM))
    _moulding(wall, skirting, height - skirting)
    blotches = cv2.resize(rng.normal(0.0, 2.2, (24, 240)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    tile = rng.normal(0.0, 2.0, (height, 1024)).astype(np.float32)
    grain = np.tile(tile, (1, width // 1024 + 1))[:, :width]
    rough = (blotches + grain).astype(np.int8)
    for top in range(0, height, 128):  # strip by strip: a wall of wider numbers would take a hundred megabytes more
        strip = wall[top : top + 128]
        strip[:] = np.clip(strip + rough[top : top + 128, :, None].astype(np.int16), 0, 255)
    return wall


def _moulding(wall: Picture, top: int, thick: int) -> None:
    """A strip of white wood with a lit upper edge and a shadow below."""
    wall[top : top + thick] = _WOOD_WHITE
    wall[top : top + 2] = (246, 250, 250)
    wall[top + thick - 3 : top + thick] = (168, 176, 178)
    below = wall[top + thick : top + thick + round(0.03 * PPM)]
    fade = np.linspace(0.72, 1.0, below.shape[0], dtype=np.float32)[:, None, None]
    below[:] = (below * fade).astype(np.uint8)


def _ledge(wall: Picture, x_m: float) -> None:
    """A narrow wooden shelf for a picture to stand on."""
    left, right, top = _column(x_m - 0.48), _column(x_m + 0.48), _row(LEDGE_Y_M)
    board, shade = round(0.035 * PPM), round(0.09 * PPM)
    below = wall[top + board : top + board + shade, left + 6 : right + 10]
    below[:] = (below * np.linspace(0.62, 1.0, shade, dtype=np.float32)[:, None, None]).astype(np.uint8)
    wall[top : top + board, left:right] = (62, 92, 128)
    wall[top - 4 : top, left:right] = (96, 132, 172)
    wall[top + board - 2 : top + board, left:right] = (38, 58, 84)


def _light(height: int, width: int) -> Light:
    """Lamp light on the wall, uint8 [H,W,3], 200 for 1: a pool above every thing, dim and warm in one corner."""
    scale = 8
    rows = WALL_TOP_M - (np.arange(height // scale + 1) + 0.5) * scale / PPM
    columns = WALL_LEFT_M + (np.arange(width // scale + 1) + 0.5) * scale / PPM
    pools = np.zeros((rows.size, columns.size))
    for x_m in sorted({thing.x_m for thing in THINGS}):
        across = np.exp(-0.5 * ((columns - x_m) / 0.42) ** 2)
        down = np.exp(-0.5 * ((rows - HANG_M - 0.22) / np.where(rows > HANG_M + 0.22, 0.36, 0.62)) ** 2)
        pools = np.maximum(pools, down[:, None] * across[None, :])
    dim = 1.0 / (1.0 + np.exp(-(columns - _DIM_FROM_M) / 0.18)) / (1.0 + np.exp((columns - _DIM_TO_M) / 0.18))
    level = (_AMBIENT + _LAMP_GAIN * pools) * (1.0 - (1.0 - _DIM_GAIN) * dim)
    tint = np.array([0.985, 1.0, 1.01]) - dim[None, :, None] * np.array([0.10, 0.03, -0.01])
    small = (level[..., None] * tint * _FULL_LIGHT).astype(np.uint8)
    light: Light = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    return light


def _lit(image: Picture, light: Light) -> Picture:
    return cv2.multiply(image, light, scale=1.0 / _FULL_LIGHT).astype(np.uint8, copy=False)


def _fit(thing: Thing, pictures: Mapping[str, Picture], prints: Mapping[str, Picture]) -> Picture:
    """The picture of a thing at the size it has on the wall, cut to its shape rather than stretched."""
    image = prints.get(thing.image)
    image = pictures[thing.image] if image is None else image
    height, width = image.shape[:2]
    aspect = thing.width_m / thing.height_m
    if width > height * aspect:
        spare = round((width - height * aspect) / 2)
        image = image[:, spare : width - spare]
    else:
        spare = round((height - width / aspect) / 2)
        image = image[spare : height - spare]
    return resize(image, round(thing.width_m * PPM), round(thing.height_m * PPM))


def _corner(thing: Thing) -> tuple[int, int]:
    return _row(thing.y_m + thing.height_m / 2), _column(thing.x_m - thing.width_m / 2)


def _rows(thing: Thing) -> slice:
    return slice(_row(thing.y_m + thing.height_m / 2 + _MARGIN_M), _row(thing.y_m - thing.height_m / 2 - _MARGIN_M))


def _columns(thing: Thing) -> slice:
    return slice(_column(thing.x_m - thing.width_m / 2 - _MARGIN_M), _column(thing.x_m + thing.width_m / 2 + _MARGIN_M))


def _row(y_m: float) -> int:
    return round((WALL_TOP_M - y_m) * PPM)


def _column(x_m: float) -> int:
    return round((x_m - WALL_LEFT_M) * PPM)
