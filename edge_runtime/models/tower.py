"""Towers: the eye of a vision-language model. Pictures in, rows of the language model's own numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelError
from edge_runtime.models.bundle import Tower
from edge_runtime.pixels import Picture
from edge_runtime.types import Tokens


class TowerModel(Protocol):
    """A tower that is open. One thread uses it."""

    @property
    def spec(self) -> Tower:
        """Its geometry."""
        ...

    @property
    def backend(self) -> str:
        """What really runs it, for the record, such as ``"CPUExecutionProvider"``."""
        ...

    def encode(self, images: Sequence[Picture]) -> list[Tokens]:
        """Encode pictures, each on its own, so that the result of one does not depend on its neighbours.

        Args:
            images: uint8 BGR [H,W,3] each, any size; brought to the tower's square without keeping their shape.

        Returns:
            For each its tokens, float16 [rows*columns, dim], row by row.

        Raises:
            ModelError: The network cannot be run, or gives numbers that are not finite.
        """
        ...

    def close(self) -> None:
        """Let go of it."""
        ...

    def __enter__(self) -> TowerModel:
        """Return the tower itself."""
        ...

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        ...


class ScriptedTower:
    """A tower without weights: each token is the mean colour of its part of the picture, repeated. Keeps :class:`TowerModel`.

    Args:
        spec: The geometry that it claims to have.
    """

    def __init__(self, spec: Tower) -> None:
        self.spec = spec
        self.backend = "scripted"

    def encode(self, images: Sequence[Picture]) -> list[Tokens]:
        """Encode pictures: the means of their cells, B, G and R in turn, from 0 to 1."""
        return [self._encode(image) for image in images]

    def _encode(self, image: Picture) -> Tokens:
        rows, columns, dim = self.spec.rows, self.spec.columns, self.spec.dim
        # A picture smaller than the grid fills several cells with one pixel.
        down, across = (np.linspace(0, side, count + 1).astype(int) for side, count in zip(image.shape[:2], (rows, columns), strict=True))
        means = [
            image[top : max(top + 1, bottom), left : max(left + 1, right)].mean(axis=(0, 1)) / 255.0
            for top, bottom in pairwise(down)
            for left, right in pairwise(across)
        ]
        emb = np.resize(np.array(means, np.float32).T, (dim, rows * columns)).T
        return Tokens(hw=(rows, columns), dim=dim, emb=emb.astype(np.float16))

    def close(self) -> None:
        """Nothing to let go of."""

    def __enter__(self) -> ScriptedTower:
        """Return the tower itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing to let go of."""


def tokens_of(rows: npt.NDArray[np.floating[Any]], spec: Tower, whose: str) -> Tokens:
    """Take what a tower's network gives for one picture.

    Args:
        rows: float [rows*columns, dim] of any precision.
        spec: What was promised.
        whose: Name of the network, for the message.

    Raises:
        ModelError: The shape is another one, or the numbers are not finite in half precision.
    """
    if rows.shape != (spec.rows * spec.columns, spec.dim):
        message = f"{whose} gives tokens {list(rows.shape)}, and {spec.rows} x {spec.columns} of {spec.dim} were promised"
        raise ModelError(message, hint="prepare or export the bundle again")
    with np.errstate(over="ignore"):
        halves = rows.astype(np.float16)
    if not np.isfinite(halves).all():
        bad = int(np.count_nonzero(~np.isfinite(halves).all(axis=1)))
        hint = "take the tower in another precision, such as fp16 or dynamic-int8, and export it again"
        raise ModelError(f"{whose} gives {bad} of {len(halves)} tokens that are not finite", hint=hint)
    return Tokens(hw=(spec.rows, spec.columns), dim=spec.dim, emb=halves)
