"""Field angles of gaze files as places in the picture, and how the head turned by what a file tells of the scene."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import GazeFileError
from gaze.geometry import deg_to_norm
from gaze.head import HeadRotation, rotation_of_points

Array: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]
_PICTURE_DEG = 89.0
_FOLD_DEG = 20.0
_EYE_DEG = 60.0
_FASTEST_EYE_DPS = 1000.0


def head_turns(scene: Array, kept: Mask, *, head: bool) -> list[HeadRotation | None]:
    """How the head turned from row to row, for the rows that are kept.

    Args:
        scene: float64 [n, 2], field angles right and down of a thing that stands still or, with ``head``, where the head points; degrees.
            NaN where that is not known.
        kept: bool [n].
        head: What ``scene`` is.

    Returns:
        One for each row kept, ``None`` where it is not known; the next one known covers the time between.
    """
    turns: list[HeadRotation | None] = []
    last: tuple[float, float] | None = None
    for x_deg, y_deg in scene[kept].tolist():
        if not (math.isfinite(x_deg) and abs(y_deg) < _PICTURE_DEG and (head or abs(x_deg) < _PICTURE_DEG)):
            turns.append(None)
            continue
        before, last = last or (x_deg, y_deg), (x_deg, y_deg)
        if head:
            turns.append(HeadRotation(x_deg - before[0], before[1] - y_deg))
        else:
            turns.append(rotation_of_points(_ray(*before), _ray(*last))[0])
    return turns


def _ray(x_deg: float, y_deg: float) -> tuple[float, float, float]:
    return math.tan(math.radians(x_deg)), math.tan(math.radians(y_deg)), 1.0


def in_picture(place: Array, seen: Mask, t_s: Array, name: str, camera: tuple[float, float]) -> tuple[Array, list[str]]:
    """Field angles as places in the picture.

    Args:
        place: float64 [n, 2], field angles right and down, degrees.
        seen: bool [n], rows with gaze.
        t_s: float64 [n], times of the rows, seconds, going up among those with gaze.
        name: Of the file.
        camera: Horizontal field of view, degrees, and aspect.

    Returns:
        Normalised positions float64 [n, 2], NaN where no picture holds them, and what was done about those, in words.

    Raises:
        GazeFileError: The angles are pixels.
    """
    size = np.abs(place).max(axis=1)
    farthest_deg, usual_deg = float(np.max(size[seen])), float(np.median(size[seen]))
    notes: list[str] = []
    if _wanders(place[seen], t_s[seen]):
        # a path added up from speeds wanders off; folding it back keeps the size of its steps, which is all that a movement is, but for
        # the few in which the fold lies
        place = np.abs((place + _FOLD_DEG) % (4.0 * _FOLD_DEG) - 2.0 * _FOLD_DEG) - _FOLD_DEG
        notes.append(
            f"angles reach {farthest_deg:.0f} deg, farther than eyes turn, in steps that eyes can make: taken as a path without a fixed "
            f"place and folded into {_FOLD_DEG:g} deg around the middle; steps keep their size, places mean nothing"
        )
    elif usual_deg > _PICTURE_DEG:
        hint = "divide x by the picture's width and y by its height, and call them x_norm, y_norm"
        raise GazeFileError(f"the degrees of {name} look like pixels: half of them exceed {usual_deg:g}", hint=hint)
    elif farthest_deg > _PICTURE_DEG:
        notes.append(f"{int((seen & (size > _PICTURE_DEG)).sum())} positions beyond {_PICTURE_DEG:g} deg lie in no picture: no gaze")
    x_norm, y_norm = deg_to_norm(*np.where(np.abs(place) <= _PICTURE_DEG, place, np.nan).T, hfov_deg=camera[0], aspect=camera[1])
    return np.stack([x_norm, y_norm], axis=1), notes


def _wanders(place: Array, t_s: Array) -> bool:
    """Whether angles begin where eyes can be, come to lie where they cannot, and get there in steps that eyes can make."""
    size = np.abs(place).max(axis=1)
    if size[0] > _EYE_DEG or np.mean(size > _EYE_DEG) < 0.01:
        return False
    speed_dps = np.hypot(*np.diff(place, axis=0).T) / np.diff(t_s)
    return bool(np.mean(speed_dps > _FASTEST_EYE_DPS) < 0.01)
