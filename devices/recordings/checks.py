"""Is a file in the unit that its format promises? Checks that raise rather than let a wrong unit become wrong gaze."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import GazeFileError

_S = 1_000_000_000
_FASTEST_HZ = 4000.0
_SLOWEST_HZ = 1.0
_MOST_BACKWARD = 0.05
_FARTHEST_NORM = 2.5
_CORNER_NORM = 0.06
_FEWEST_POINTS = 20
_SURE = 0.5


def check_order(backward: int, kept: int, path: str) -> None:
    """A few rows out of order are left out; many mean that the clock was set, or that two recordings lie in one file.

    Raises:
        GazeFileError: More than a twentieth of the rows are.
    """
    if backward > _MOST_BACKWARD * (backward + kept):
        raise GazeFileError(
            f"{backward} of {backward + kept} rows of {path} are out of order in time",
            hint="the clock was set, or two recordings lie in one file",
        )


def check_times(steps_ns: Sequence[int], path: str) -> None:
    """No eye tracker takes a second from sample to sample, and none is faster than 4000 Hz: then the unit is another one.

    Raises:
        GazeFileError: The usual step is impossible.
    """
    if not steps_ns:
        return
    hz = _S / median(steps_ns)
    if _SLOWEST_HZ <= hz <= _FASTEST_HZ:
        return
    factor = next((f for f in (10**3, 10**6, 10**9) if _SLOWEST_HZ <= (hz / f if hz > 1 else hz * f) <= _FASTEST_HZ), None)
    unit = f"; the unit seems {factor} times {'larger' if hz > 1 else 'smaller'} than the format's" if factor else ""
    raise GazeFileError(
        f"by the times of {path} there would be {hz:.3g} samples a second{unit}", hint="seconds, milli-, micro- and nanoseconds mixed up?"
    )


def check_places(points: Sequence[tuple[float, float]], path: str, *, in_pixels: bool) -> None:
    """Most gaze lies in or near the picture, and not all of it in its corner.

    Args:
        points: Normalised positions, no NaN.
        path: For the message.
        in_pixels: The file gives pixels; then gaze that never leaves a top left corner of a twentieth of the picture is in degrees or
            normalised already.

    Raises:
        GazeFileError: The unit cannot be right.
    """
    xy = np.asarray(points, np.float64)
    usual = float(np.median(np.max(np.abs(xy - 0.5), axis=1)))
    if usual > _FARTHEST_NORM:
        hint = "pixels of a larger picture, or pixels or degrees where 0 to 1 is expected?"
        raise GazeFileError(f"half of the gaze in {path} lies {usual:.3g} pictures or more away from the picture's middle", hint=hint)
    if in_pixels and len(xy) >= _FEWEST_POINTS and float(np.quantile(np.abs(xy).max(axis=1), 0.95)) < _CORNER_NORM:
        raise GazeFileError(
            f"the gaze in {path} never leaves the picture's top left corner",
            hint="degrees or positions of 0 to 1 where pixels are expected?",
        )


def check_radians(yaw: Sequence[float], pitch: Sequence[float], path: str) -> None:
    """Gaze angles in radians stay below a quarter turn.

    Raises:
        GazeFileError: Half of the rows do not; they are degrees, most likely.
    """
    size = np.maximum(np.abs(np.asarray(yaw, np.float64)), np.abs(np.asarray(pitch, np.float64)))
    size = size[np.isfinite(size)]
    if size.size and float(np.median(size)) > np.pi / 2:
        raise GazeFileError(f"half of the angles in {path} exceed a quarter turn in radians", hint="degrees where radians are expected?")


def check_direction(position: npt.ArrayLike, witness: npt.ArrayLike, path: str, what: str) -> None:
    """A position must grow with what the same file says of the same gaze in another way.

    Args:
        position: [n] positions, growing to the right or down; NaN where there is no gaze.
        witness: [n] something of the same rows that grows with it.
        path: For the message.
        what: The two things compared, in words.

    Raises:
        GazeFileError: They clearly run against each other. Too few points, or gaze that hardly moves, decides nothing.
    """
    a, b = np.asarray(position, np.float64), np.asarray(witness, np.float64)
    there = np.isfinite(a) & np.isfinite(b)
    a, b = a[there], b[there]
    if a.size < _FEWEST_POINTS or float(np.std(a)) < 1e-9 or float(np.std(b)) < 1e-9:
        return
    if float(np.corrcoef(a, b)[0, 1]) < -_SURE:
        raise GazeFileError(
            f"{what} in {path} run against each other", hint="an axis is turned over, for instance y up where y down is expected"
        )
