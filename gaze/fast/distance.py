"""The length of a vector, exact to the last digit, as ``math.dist`` and ``math.hypot`` give it (down to 1e-120, far below any gaze).

The squares are added with what their rounding left over (Dekker 1971), and the root is corrected by what its own square misses.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from gaze.fast.compiled import compiled

_SPLITTER = 2.0**27 + 1.0


@compiled
def _square(a: float) -> tuple[float, float]:
    """Its square, and the error of that."""
    c = _SPLITTER * a
    high = c - (c - a)
    low = a - high
    square = a * a
    return square, ((high * high - square) + 2.0 * high * low) + low * low


@compiled
def _sum(a: float, b: float) -> tuple[float, float]:
    """Their sum, and the error of that."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@compiled
def length(x: float, y: float, z: float) -> float:
    """Of the vector (x, y, z)."""
    xx, x_rest = _square(x)
    yy, y_rest = _square(y)
    zz, z_rest = _square(z)
    xy, xy_rest = _sum(xx, yy)
    total, total_rest = _sum(xy, zz)
    if total == 0.0:
        return 0.0
    root = sqrt(total)
    square, square_rest = _square(root)
    rest = ((total - square) - square_rest) + ((xy_rest + total_rest) + ((x_rest + y_rest) + z_rest))
    return root + rest / (2.0 * root)


@compiled
def distance(a: Any, b: Any) -> float:
    """Between two rays."""
    return length(a[0] - b[0], a[1] - b[1], a[2] - b[2])
