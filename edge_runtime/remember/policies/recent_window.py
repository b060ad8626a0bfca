"""The last looks, whole, first in first out: the control that every other policy has to beat."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, Slab
from edge_runtime.types import Box, TokenArray, Tokens

_LOOK_BYTES = 700
"""A look without its tokens."""


class KeptTokens(msgspec.Struct, frozen=True):
    """The tokens of one region of one look."""

    frame_seq: int
    t_ns: int
    tokens: Tokens

    @property
    def nbytes(self) -> int:
        """Bytes it takes, whether the tokens' numbers are here or not."""
        return self.tokens.nbytes + _LOOK_BYTES


class RecentWindow:
    """Keeps the newest tokens.

    Args:
        budget_bytes: Everything kept.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._looks: deque[KeptTokens] = deque()
        self._nbytes = 0

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look; the oldest go. Where the gaze rests makes no difference here."""
        lost = odd = 0
        for region in look.regions:
            if region.tokens is None:
                continue
            kept = KeptTokens(look.frame_seq, look.t_capture_ns, region.tokens)
            if not _sound(kept.tokens):
                odd += _count(kept)
                continue
            self._looks.append(kept)
            self._nbytes += kept.nbytes
            while self._nbytes > self._budget_bytes:
                oldest = self._looks.popleft()
                self._nbytes -= oldest.nbytes
                lost += _count(oldest)
        dropped = (Dropped("token", "budget", lost), Dropped("token", "shape", odd))
        return tuple(drop for drop in dropped if drop.count)

    def view(self, max_tokens: int) -> Slab:
        """The newest whole looks that fit, in order of time. Tokens whose numbers are not here are left out."""
        chosen: list[KeptTokens] = []
        room, dim = max_tokens, 0
        for kept in reversed(self._looks):
            if kept.tokens.emb is None or (dim and kept.tokens.dim != dim):
                continue
            if _count(kept) > room:
                break
            room, dim = room - _count(kept), kept.tokens.dim
            chosen.append(kept)
        return _slab(chosen[::-1], dim)

    def nbytes(self) -> int:
        """Bytes kept."""
        return self._nbytes

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget every look captured within one of these spans, both ends included, nanoseconds."""
        before = sum(map(_count, self._looks))
        self._keep([kept for kept in self._looks if not any(start <= kept.t_ns <= end for start, end in spans)])
        gone = before - sum(map(_count, self._looks))
        return (Dropped("token", "forgotten", gone),) if gone else ()

    def state(self) -> bytes:
        """What is kept, as bytes, without the numbers of the tokens."""
        bare = [KeptTokens(kept.frame_seq, kept.t_ns, Tokens(kept.tokens.hw, kept.tokens.dim)) for kept in self._looks]
        return codec.encode(bare)

    def load(self, data: bytes) -> None:
        """Take up a state."""
        self._keep(codec.decoder(list[KeptTokens]).decode(data))

    def _keep(self, looks: list[KeptTokens]) -> None:
        self._looks = deque(looks)
        self._nbytes = sum(kept.nbytes for kept in looks)


def _count(kept: KeptTokens) -> int:
    return kept.tokens.hw[0] * kept.tokens.hw[1]


def _sound(tokens: Tokens) -> bool:
    return tokens.emb is None or tokens.emb.shape == (tokens.hw[0] * tokens.hw[1], tokens.dim)


def _slab(looks: Sequence[KeptTokens], dim: int) -> Slab:
    parts: list[TokenArray] = [kept.tokens.emb for kept in looks if kept.tokens.emb is not None]
    grids = [np.indices(kept.tokens.hw, dtype=np.int32).reshape(2, -1).T for kept in looks]
    counts = np.array([_count(kept) for kept in looks], dtype=np.int64)
    total = int(counts.sum())
    pos = np.empty((total, 3), dtype=np.int32)
    if looks:
        pos[:, 0] = np.repeat(np.array([kept.frame_seq for kept in looks], dtype=np.int32), counts)
        pos[:, 1:] = np.concatenate(grids)
    return Slab(
        emb=np.concatenate(parts) if parts else np.empty((0, dim), dtype=np.float16),
        pos=pos,
        t_ns=np.repeat(np.array([kept.t_ns for kept in looks], dtype=np.int64), counts),
        weight=np.ones(total, dtype=np.float32),
        salience=np.ones(total, dtype=np.float32),
    )
