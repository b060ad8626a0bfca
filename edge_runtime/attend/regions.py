"""Which part of a frame to look at."""

from __future__ import annotations

from edge_runtime.types import WHOLE, Box, Region
from gaze.geometry import perifovea_box_norm

_TILE = 0.5
_MIN_SIDE = 1e-3


def foveal(x_norm: float, y_norm: float, width_px: int, height_px: int, hfov_deg: float, radius_deg: float) -> Region | None:
    """What the eye resolves: the perifoveal square around the gaze, cut at the picture's edge.

    Returns:
        ``None`` where the gaze is so far outside that nothing worth a look is left.
    """
    corners = perifovea_box_norm(x_norm, y_norm, width_px, height_px, hfov_deg, radius_deg)
    if corners is None:
        return None
    box = _inside(*corners)
    return None if box is None else Region("foveal", box, ("vector", "labels", "tokens", "thumb"))


def named(region: Region) -> Region:
    """The same part of the picture, only to be named: a fraction of the cost."""
    return Region(region.kind, region.box, ("labels", "thumb"))


def text(x_norm: float, y_norm: float, width_px: int, height_px: int, side_px: int) -> Region | None:
    """The square that is read, moved rather than cut where it meets the picture's edge; ``None`` with gaze outside."""
    if not (0.0 <= x_norm <= 1.0 and 0.0 <= y_norm <= 1.0):
        return None
    half_w, half_h = min(0.5, side_px / width_px / 2), min(0.5, side_px / height_px / 2)
    x, y = min(max(x_norm, half_w), 1 - half_w), min(max(y_norm, half_h), 1 - half_h)
    box = _inside(x - half_w, y - half_h, x + half_w, y + half_h)
    return None if box is None else Region("text", box, ("text", "thumb"))


def overview() -> Region:
    """The whole picture: for the place, and for the memory's tokens."""
    return Region("overview", WHOLE, ("vector", "tokens", "thumb"))


def centre(width_px: int, height_px: int) -> Region:
    """The middle square: the best guess where no gaze is known. It is looked at by us, not by the wearer."""
    side_px = 0.6 * min(width_px, height_px)
    half_w, half_h = side_px / width_px / 2, side_px / height_px / 2
    return Region("watch", Box(0.5 - half_w, 0.5 - half_h, 0.5 + half_w, 0.5 + half_h), ("vector", "labels", "thumb"))


def shown(region: Region) -> Region:
    """The same part of the picture, with all that a language model and memory take from it."""
    return Region(region.kind, region.box, ("vector", "labels", "tokens", "thumb"))


def tiles() -> tuple[Region, ...]:
    """Six overlapping tiles, two rows of three, for things that a watch waits for and the wearer does not look at."""
    lefts, tops = (0.0, 0.25, 0.5), (0.0, 0.5)
    return tuple(Region("watch", Box(x, y, x + _TILE, y + _TILE), ("labels", "thumb")) for y in tops for x in lefts)


def _inside(x0: float, y0: float, x1: float, y1: float) -> Box | None:
    x0, y0, x1, y1 = max(0.0, x0), max(0.0, y0), min(1.0, x1), min(1.0, y1)
    if x1 - x0 < _MIN_SIDE or y1 - y0 < _MIN_SIDE:
        return None
    return Box(x0, y0, x1, y1)
