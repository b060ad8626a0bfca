"""Video2LoRA (2025) as a contract: a stretch of video as low-rank weights that a model takes up and gives back.

The published network turns the frames into adapters of a frozen model in one pass; it is trained, reads the model's hidden states, and is
not kept here. What is kept is the slot it needs: attach, detach, and the base model's answers restored to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import UsageError

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Adapter:
    """What is added to one linear layer: ``x @ down.T @ up.T``, with the scale in ``up``.

    Attributes:
        down: float32 [R,I].
        up: float32 [O,R].

    Raises:
        UsageError: The ranks differ.
    """

    down: Matrix
    up: Matrix

    def __post_init__(self) -> None:
        if self.down.ndim != 2 or self.up.ndim != 2 or self.down.shape[0] != self.up.shape[1]:
            raise UsageError(f"an adapter of {self.down.shape} and {self.up.shape}", hint="give down [R,I] and up [O,R] of one rank R")

    @property
    def rank(self) -> int:
        """``R``."""
        return int(self.down.shape[0])

    @property
    def nbytes(self) -> int:
        """Bytes of its numbers."""
        return self.down.nbytes + self.up.nbytes


class AdapterSlot(Protocol):
    """A model that takes up one adapter at a time."""

    def attach(self, adapter: Adapter) -> None:
        """Take an adapter up in the place of the one there.

        Raises:
            UsageError: It does not fit the model.
        """
        ...

    def detach(self) -> None:
        """Give it back: from here on every answer is the base model's, to the bit. Nothing happens if there is none."""
        ...


class LinearSlot:
    """The smallest slot that works: one linear layer. The adapter is added beside the weights, never into them.

    Args:
        weight: float32 [O,I] of the base layer; not changed.
    """

    def __init__(self, weight: Matrix) -> None:
        self._weight = weight
        self._adapter: Adapter | None = None

    def attach(self, adapter: Adapter) -> None:
        """Take an adapter up in the place of the one there.

        Raises:
            UsageError: It is of another layer.
        """
        if (adapter.up.shape[0], adapter.down.shape[1]) != self._weight.shape:
            made_for = (adapter.up.shape[0], adapter.down.shape[1])
            raise UsageError(f"an adapter for {made_for} does not fit a layer of {self._weight.shape}", hint="make it for this model")
        self._adapter = adapter

    def detach(self) -> None:
        """Give it back; the base layer answers again."""
        self._adapter = None

    def answer(self, x: Matrix) -> Matrix:
        """The layer on float32 [N,I], float32 [N,O]."""
        base: Matrix = x @ self._weight.T
        return base if self._adapter is None else base + x @ self._adapter.down.T @ self._adapter.up.T


def joined(adapters: Sequence[Adapter]) -> Adapter:
    """Several stretches in one adapter, which adds what all of them add; its rank is the sum of theirs.

    Raises:
        UsageError: There is none, or they are of different layers.
    """
    if len({(adapter.up.shape[0], adapter.down.shape[1]) for adapter in adapters}) != 1:
        raise UsageError("adapters are joined for one layer", hint="give at least one, all of the same layer")
    return Adapter(np.concatenate([adapter.down for adapter in adapters]), np.concatenate([adapter.up for adapter in adapters], axis=1))
