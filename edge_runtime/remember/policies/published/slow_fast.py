"""Keye-VL 1.5 (2025): slow frames whole, fast frames coarse, and a resolution that makes all of them fit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import TokenFrame, frames_of, unit_rows
from edge_runtime.remember.policies.matching import LastKept, aligned_cosine
from edge_runtime.remember.policies.reduce import merge
from edge_runtime.types import Box

FRAME_BYTES = 200
"""One frame's struct and grid, beside its slab."""


def frame_tokens(slow: int, fast: int, room: int, most: int, *, share: float = 0.3, step: int = 1) -> tuple[int, int]:
    """How many tokens a slow and a fast frame may take so that all frames together fit: the largest, by bisection.

    Args:
        slow: Slow frames.
        fast: Fast frames.
        room: Tokens for all of them.
        most: Tokens of a slow frame at full resolution.
        share: Of a slow frame's tokens that a fast one takes.
        step: Both are multiples of this, at least one.

    Returns:
        Tokens of a slow and of a fast frame, the latter ``share`` of the former to the nearest step; 0 and 0 if not even one step each
        fits.
    """

    def of_fast(tokens: int) -> int:
        return max(1, round(share * tokens / step)) * step

    fits, too_many = 0, most // step + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if slow * middle * step + fast * of_fast(middle * step) <= room:
            fits = middle
        else:
            too_many = middle
    return (fits * step, of_fast(fits * step)) if fits else (0, 0)


def grid_within(hw: tuple[int, int], tokens: int) -> tuple[int, int]:
    """A grid of the same shape with at most so many cells (at least 1), no finer than ``hw``."""
    most = max(1, tokens)
    scale = min(1.0, math.sqrt(most / (hw[0] * hw[1])))
    rows = min(most, max(1, math.floor(hw[0] * scale + 1e-9)))
    return rows, min(most // rows, max(1, math.floor(hw[1] * scale + 1e-9)))


class Frame(msgspec.Struct):
    """A kept frame.

    Attributes:
        tokens: Its tokens, row by row.
        hw: Their grid.
        slow: Whether it is a slow one.
    """

    tokens: Slab
    hw: tuple[int, int]
    slow: bool

    def coarser(self, hw: tuple[int, int]) -> Frame:
        """The same frame averaged over a grid no finer than its own."""
        row, column = np.arange(self.hw[0]) * hw[0] // self.hw[0], np.arange(self.hw[1]) * hw[1] // self.hw[1]
        cells = (row[:, None] * hw[1] + column).ravel()
        return Frame(merge(self.tokens, cells, hw[0] * hw[1]), hw, self.slow)

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return FRAME_BYTES + slabs.slab_bytes(self.tokens)


class SlowFastState(msgspec.Struct):
    """What a policy of this kind keeps, as plain data."""

    frames: list[Frame]
    last_slow: LastKept


class SlowFast:
    """Keeps a frame whole when it differs from the last whole one, else coarse; shows all frames at the resolution that fits.

    Keye-VL 1.5 takes the first frame as slow, each later one as fast if its patches are more than 95 % alike to those of the last
    slow one, else as slow; a fast frame gets 30 % of a slow one's tokens, and bisection finds the tokens of a slow frame with which a
    video fits. Kept of it: the split, the shares, the bisection (:func:`frame_tokens`), at every view. Not kept: the trained model.
    Departures: alike is the mean cosine of tokens at one place; a fast frame is averaged over a coarser grid, because a look is encoded
    only once; a stream has no end, so the oldest frame goes when the bytes are full. Where the gaze rests makes no difference.

    Args:
        budget_bytes: Everything kept, the last slow frame once more with it.
        seed: Makes no difference here.
        alike: Mean cosine with the last slow frame above which a frame is fast.
        share: Of a slow frame's tokens that a fast one takes.
        most_tokens: Shown at most, whatever a view allows.
    """

    def __init__(self, budget_bytes: int, *, seed: int = 0, alike: float = 0.95, share: float = 0.3, most_tokens: int = 75_000) -> None:
        self._budget_bytes = budget_bytes
        self._alike = alike
        self._share = share
        self._most_tokens = most_tokens
        self._frames: list[Frame] = []
        self._last_slow = LastKept(alike, reach=0)
        self._nbytes = 0

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look; the oldest frame goes. Where the gaze rests makes no difference here."""
        frames, refused = frames_of(look, (), self._dim)
        gone = []
        for frame in frames:
            self._frames.append(self._split(frame))
            self._nbytes += self._frames[-1].nbytes
            gone += self._make_room()
        return refused + slabs.dropped("budget", *gone)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """Every frame, as fine as fits, whatever is asked; the newest alone where there is not a token for each."""
        room = min(max_tokens, self._most_tokens)
        frames = self._frames[max(0, len(self._frames) - room) :]
        if sum(len(frame.tokens.t_ns) for frame in frames) > room:
            slow = sum(frame.slow for frame in frames)
            most = max(len(frame.tokens.t_ns) for frame in frames)
            per_slow, per_fast = frame_tokens(slow, len(frames) - slow, room, most, share=self._share)
            frames = [frame.coarser(grid_within(frame.hw, per_slow if frame.slow else per_fast)) for frame in frames]
        return slabs.concat([frame.tokens for frame in frames], self._dim)

    def nbytes(self) -> int:
        """Bytes kept."""
        return self._nbytes + self._last_slow.nbytes

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget frames captured within one of these spans, both ends included, nanoseconds."""
        self._last_slow.forget(spans)
        gone = [frame for frame in self._frames if slabs.touched(frame.tokens, spans).any()]
        self._frames = [frame for frame in self._frames if not slabs.touched(frame.tokens, spans).any()]
        self._nbytes = sum(frame.nbytes for frame in self._frames)
        return slabs.dropped("forgotten", *(frame.tokens for frame in gone))

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(SlowFastState(self._frames, self._last_slow))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        state = codec.decode(data, SlowFastState)
        self._frames, self._last_slow = state.frames, state.last_slow
        self._nbytes = sum(frame.nbytes for frame in self._frames)

    @property
    def _dim(self) -> int:
        return int(self._frames[0].tokens.emb.shape[1]) if self._frames else 0

    def _split(self, frame: TokenFrame) -> Frame:
        """Slow or fast; a slow one is what the next are held against."""
        whole = Frame(slabs.of_frame(frame), frame.hw, slow=True)
        if self._last_slow.fits(frame):
            held = unit_rows(self._last_slow.held[frame.kind].emb)
            if float(aligned_cosine(unit_rows(frame.emb), held).mean()) > self._alike:
                side = math.sqrt(self._share)
                fast = whole.coarser((max(1, round(side * frame.hw[0])), max(1, round(side * frame.hw[1]))))
                return Frame(fast.tokens, fast.hw, slow=False)
        self._last_slow.renew(frame)
        return whole

    def _make_room(self) -> list[Slab]:
        """Let the oldest frame go until the rest fits; the last frame is worth more than what the next one would be held against."""
        gone = []
        while self.nbytes() > self._budget_bytes:
            if len(self._frames) <= 1 and self._last_slow.held:
                self._last_slow.clear()
            else:
                gone.append(self._frames[0].tokens)
                self._nbytes -= self._frames.pop(0).nbytes
        return gone
