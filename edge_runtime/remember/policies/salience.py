"""What keeping a token is worth before anybody has asked for it: how near the gaze it lies, and for how long gaze has rested there."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.remember.policies.frames import TokenFrame, unit_rows
from edge_runtime.remember.policies.matching import best_neighbour
from edge_runtime.types import TokenArray

Floats = npt.NDArray[np.float32]

FOVEA = 0.25
"""Standard deviation of the gaze around the middle of a foveal crop, as a share of its side."""
ASIDE = 0.1
"""What a token is worth that the gaze does not rest on, against one at its very point."""
MOST_LOOKS = 4.0
"""A dwell counts no higher."""
_LAST_BYTES = 500
"""Two array objects, the struct and its grid."""


def gazed(frame: TokenFrame) -> Floats:
    """How near each cell is to where the gaze rests: float32 [P], from ``ASIDE`` to 1.

    A foveal crop lies around the gaze, so its middle counts most; elsewhere a protected cell counts half.
    """
    if frame.kind == "foveal":
        rows, columns = ((np.arange(side, dtype=np.float32) + 0.5) / side - 0.5 for side in frame.hw)
        near = np.exp(-(rows[:, None] ** 2 + columns[None, :] ** 2) / (2.0 * FOVEA**2)).ravel()
    else:
        near = np.where(frame.protected, np.float32(0.5), np.float32(0.0))
    worth: Floats = np.maximum(near, np.float32(ASIDE)) * frame.emb.view(np.uint16).any(axis=1)  # bits: six times as fast
    return worth


class Dwelling(msgspec.Struct):
    """The middle of the last foveal look.

    Attributes:
        hw: Its grid.
        t_ns: Capture time.
        emb: float16 [M,D].
        looks: float32 [M]: over how many looks, this one counted, the gaze has rested on what each cell shows.
    """

    hw: tuple[int, int]
    t_ns: int
    emb: TokenArray
    looks: Floats


class Dwell(msgspec.Struct):
    """Counts over how many looks the gaze has rested on one thing.

    The middles of crops around the gaze are compared cell by cell, wherever they were taken: while the head turns, what the gaze rests on
    moves in the picture and stays in the crop.

    Attributes:
        tau: Cosine above which two tokens show the same.
        last: The last foveal look.
    """

    tau: float = 0.8
    last: Dwelling | None = None

    def update(self, frame: TokenFrame) -> Floats:
        """Looks float32 [P], this one counted, in a row that showed what each cell of this foveal one shows; 1 outside its middle."""
        rows, columns = frame.hw
        middle = slice(rows // 4, rows - rows // 4), slice(columns // 4, columns - columns // 4)
        emb = frame.emb.reshape(rows, columns, -1)[middle]
        now = Dwelling(emb.shape[:2], frame.t_ns, emb.reshape(-1, frame.dim).copy(), np.ones(emb.shape[0] * emb.shape[1], np.float32))
        last = self.last
        if last is not None and last.hw == now.hw and last.emb.shape == now.emb.shape:
            cosine, source = best_neighbour(unit_rows(now.emb), unit_rows(last.emb), now.hw, 1)
            now.looks = np.where(cosine > self.tau, np.minimum(last.looks[source] + 1, MOST_LOOKS), 1).astype(np.float32)
        self.last = now
        looks = np.ones(frame.hw, np.float32)
        looks[middle] = now.looks.reshape(now.hw)
        return looks.ravel()

    def clear(self) -> None:
        """Begin anew."""
        self.last = None

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return 0 if self.last is None else _LAST_BYTES + self.last.emb.nbytes + self.last.looks.nbytes
