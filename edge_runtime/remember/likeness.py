"""How alike two looks are: cosine in whole numbers, so that a journal replays to the last digit on any machine.

A floating-point dot product depends on the order of its additions, and that order on the processor. Vectors are therefore
scaled to integers once; a sum of integers has no order.
"""

from __future__ import annotations

import math
from typing import cast

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.types import Vector

Exact = npt.NDArray[np.int64]
"""int64 [G]: a unit vector times 2**20, or a sum of such."""

_SCALE = float(1 << 20)
_MOST = 64  # views a mean may hold before older ones count half: keeps sums inside int32 and dot products inside int64


class Mean(msgspec.Struct):
    """A running mean of unit vectors; new views count more than very old ones.

    Attributes:
        total: int32 [G], sum of the scaled views.
        count: How many views it stands for.
    """

    total: npt.NDArray[np.int32]
    count: int

    def add(self, vector: Vector) -> None:
        """Take in one more view, float32 [G], unit norm."""
        total, count = exact_sum(self), self.count
        if count >= _MOST:
            total, count = total // 2, count // 2
        self.total = (total + exact(vector)).astype(np.int32)
        self.count = count + 1


def to_members(mean: Mean, look: Exact) -> float:
    """Mean cosine of a look to the views behind a mean, -1..1.

    Not the cosine to their mean direction: that one grows with the spread of the views, so that what has taken in much would take in
    everything.
    """
    length = mean.count * _SCALE * math.sqrt(int(look @ look))
    return int(exact_sum(mean) @ look) / length if length and mean.total.size == look.size else 0.0


def mean_of(views: tuple[Vector, ...]) -> Mean:
    """Mean direction of one or more unit vectors float32 [G]."""
    mean = Mean(np.zeros(views[0].size, np.int32), 0)
    for view in views:
        mean.add(view)
    return mean


def exact(vector: Vector) -> Exact:
    """Scale a unit vector float32 [G] to whole numbers."""
    return np.rint(vector.astype(np.float64) * _SCALE).astype(np.int64)


def exact_sum(mean: Mean) -> Exact:
    """The direction of a mean, as whole numbers."""
    return mean.total.astype(np.int64)


def cosine(a: Exact, b: Exact) -> float:
    """Cosine of two directions, -1..1; 0 if either has no length or they are of different dimension."""
    if a.size != b.size:
        return 0.0
    length = math.sqrt(int(a @ a)) * math.sqrt(int(b @ b))
    return int(a @ b) / length if length else 0.0


def usable(vector: Vector | None, dim: int) -> Vector | None:
    """A vector as a unit vector float32 [G] of our own, or ``None`` if it is absent, of another dimension, not finite or without length.

    Args:
        vector: float [G].
        dim: ``G``; 0 takes any.
    """
    if vector is None or vector.ndim != 1 or not vector.size or (dim and vector.size != dim):
        return None
    body = vector.astype(np.float64)
    if not bool(np.isfinite(body).all()):
        return None
    length = math.sqrt(math.fsum((body * body).tolist()))
    if not length:
        return None
    if abs(length - 1.0) <= 1e-2:  # as the models give it: kept to the bit
        return np.array(vector, dtype=np.float32)
    return cast(Vector, (body / length).astype(np.float32))
