"""CurveStream (2026): frames routed by motion and bend, with a floor under both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import TokenFrame, frames_of
from edge_runtime.remember.policies.reduce import pool
from edge_runtime.remember.policies.signals import Curvature as CurvatureSignal
from edge_runtime.remember.policies.signals import KSigma, motion
from edge_runtime.remember.sizes import vector_bytes
from edge_runtime.types import Box, Vector

Route = Literal["clear", "blurred", "skipped"]


class Router(msgspec.Struct):
    """Decides what the frames of one kind of region are worth.

    Attributes:
        signal: Motion and bend.
        level: Where a score stands among those before.
        drift: A frame this far from the last one kept is blurred at least, however slowly it came there.
        kept: Vector of the last frame that was not skipped.
    """

    signal: CurvatureSignal
    level: KSigma
    drift: float
    kept: Vector | None = None

    def route(self, vector: Vector) -> Route:
        """Take in the next frame; the first is clear."""
        score = self.signal.update(vector)
        level = self.level.update(score)
        if self.kept is None or self.kept.shape != vector.shape:
            route: Route = "clear"
        elif score > 0.0 and level == 2:
            route = "clear"
        elif (score > 0.0 and level == 1) or motion(self.kept, vector) >= self.drift**2 / 2:
            route = "blurred"
        else:
            return "skipped"
        self.kept = vector.copy()
        return route

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return self.signal.nbytes + vector_bytes(self.kept)


class Newest(msgspec.Struct):
    """A frame of the last look: whole until the next comes, then what it is worth.

    Attributes:
        whole: All its tokens.
        route: What it is worth.
        coarse: What stays of it if that is blurred.
    """

    whole: Slab
    route: Route
    coarse: Slab | None = None

    def settled(self) -> Slab | None:
        """What stays of it."""
        return self.whole if self.route == "clear" else self.coarse

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return slabs.slab_bytes(self.whole) + (slabs.slab_bytes(self.coarse) if self.coarse is not None else 0)


class CurvatureState(msgspec.Struct):
    """What a policy of this kind keeps, as plain data."""

    bank: list[Slab]
    newest: list[Newest]
    routers: dict[str, Router]


class Curvature:
    """Keeps frames where the picture turns a corner whole, others coarse or not at all; the oldest frame goes first.

    CurveStream scores a frame by how far the path of frame vectors moves and how much it bends, routes it by K-sigma to clear, blurred
    (a low resolution) or discarded, and keeps 20 frames, first in first out; the frame of the question is clear. Kept of it: score,
    routes, bank. Departures: blurred frames are the tokens averaged over a coarser grid, because a look is encoded only once; vectors
    are those of the looks. Mended: a step shorter than the noise scores nothing, since noise bends more than a cut; clear wants a
    distance from the mean, since K-sigma alone passes a constant share of a dull stream; slow drift adds up to a blurred frame. The
    newest look is whole until the next one comes, so that a question always finds it clear. Where the gaze rests makes no difference.

    Args:
        budget_bytes: Everything kept.
        seed: Makes no difference here.
        weight: Of the bend; lambda in the paper.
        gamma: Of the running mean and variance; the paper does not give it.
        k1: Deviations above the mean from which a frame is blurred.
        k2: Deviations from which it is clear.
        most_frames: At most so many, however many bytes there are.
        floor: Length of a step between unit vectors that is noise.
        least: How far above the mean a clear frame scores at least.
        drift: Distance from the last frame kept at which a frame is blurred at least.
        coarser: Cells of a frame that make one of a blurred frame, each way.
    """

    def __init__(
        self,
        budget_bytes: int,
        *,
        seed: int = 0,
        weight: float = 0.2,
        gamma: float = 0.9,
        k1: float = 0.0,
        k2: float = 1.0,
        most_frames: int = 20,
        floor: float = 0.15,
        least: float = 0.05,
        drift: float = 0.3,
        coarser: int = 2,
    ) -> None:
        self._budget_bytes = budget_bytes
        self._most_frames = most_frames
        self._coarser = coarser
        self._fresh = codec.encode(Router(CurvatureSignal(weight, floor), KSigma(gamma, k1, k2, least), drift))
        self._bank = slabs.Shelf()
        self._newest: list[Newest] = []
        self._routers: dict[str, Router] = {}

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look, and settle those of the look before: ``skipped`` ones go, then the oldest frame."""
        frames, refused = frames_of(look, (), self._dim)
        skipped, gone = [], []
        for frame in frames:
            skipped += self._settle(frame.seq)
            self._newest.append(self._arrived(frame))
            gone += self._make_room()
        return refused + slabs.dropped("skipped", *skipped) + slabs.dropped("budget", *gone)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """The newest tokens, whatever is asked; the last look whole."""
        kept = slabs.concat([*self._bank, *(frame.whole for frame in self._newest)], self._dim)
        return slabs.take(kept, np.arange(max(0, len(kept.t_ns) - max_tokens), len(kept.t_ns)))

    def nbytes(self) -> int:
        """Bytes kept."""
        newest = sum(frame.nbytes for frame in self._newest)
        return self._bank.nbytes + newest + sum(router.nbytes for router in self._routers.values())

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget frames captured within one of these spans, both ends included; scoring begins anew."""
        gone = [frame.whole for frame in self._newest if slabs.touched(frame.whole, spans).any()]
        self._newest = [frame for frame in self._newest if not slabs.touched(frame.whole, spans).any()]
        self._routers = {}
        return self._bank.forget(spans) + slabs.dropped("forgotten", *gone)

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(CurvatureState(list(self._bank), self._newest, self._routers))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        state = codec.decode(data, CurvatureState)
        self._bank, self._newest, self._routers = slabs.Shelf(state.bank), state.newest, state.routers

    @property
    def _dim(self) -> int:
        if len(self._bank):
            return int(self._bank[0].emb.shape[1])
        return int(self._newest[0].whole.emb.shape[1]) if self._newest else 0

    def _settle(self, seq: int) -> list[Slab]:
        """Reduce the frames of looks before ``seq`` to what they are worth; returns those that are worth nothing."""
        skipped = []
        while self._newest and self._newest[0].whole.pos[0, 0] != seq:
            frame = self._newest.pop(0)
            settled = frame.settled()
            if settled is None:
                skipped.append(frame.whole)
            else:
                self._bank.append(settled)
        return skipped

    def _arrived(self, frame: TokenFrame) -> Newest:
        router = self._routers.setdefault(frame.kind, codec.decode(self._fresh, Router))
        route = router.route(frame.vector)
        rows, columns = -(-frame.hw[0] // self._coarser), -(-frame.hw[1] // self._coarser)
        return Newest(slabs.of_frame(frame), route, pool(frame, (rows, columns)) if route == "blurred" else None)

    def _make_room(self) -> list[Slab]:
        """Let the oldest frame go until the rest fits."""
        gone = []
        while self.nbytes() > self._budget_bytes or len(self._bank) + len(self._newest) > self._most_frames:
            if len(self._bank):
                gone.append(self._bank.pop())
            elif self._newest:
                gone.append(self._newest.pop(0).whole)
            else:
                self._routers = {}
        return gone
