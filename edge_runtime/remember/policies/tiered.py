"""The product's policy: the last looks whole, those before them thinned, and of the rest of the day what the wearer looked at."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.events import Events, condense
from edge_runtime.remember.policies.frames import TokenFrame, frames_of
from edge_runtime.remember.policies.matching import LastKept, most_alike
from edge_runtime.remember.policies.reduce import quadrant_quota
from edge_runtime.remember.policies.salience import Dwell, gazed
from edge_runtime.remember.policies.select import best_in_time, lasting
from edge_runtime.types import Box

SHORT_SHARE, MID_SHARE, REFERENCE_SHARE = 0.125, 0.125, 0.125
"""Of the budget, at most: looks kept whole, looks kept thinned, and the frames that later ones are held against. Events have the rest."""
LOOK_CANDIDATES = 16
"""So many tokens of a look, a quarter from each quarter of it, compete for a place in long memory."""
NEWEST_SHARE = 0.25
"""Of what a model is shown, at most: the newest looks, whatever is asked."""
STANDING_SHARE, STANDING_BINS = 0.375, 32
"""Of what a model is shown, at most: what of long memory stands from question to question, and into how many bins of time that is cut."""


class TieredState(msgspec.Struct):
    """All that is kept, as plain data."""

    short: list[Slab]
    mid: list[Slab]
    long: list[Slab]
    kept: LastKept
    dwell: Dwell


class Tiered:
    """Three tiers, after SAVEMem (2026), with DTD against the last kept token, and long memory by what gaze rested on.

    *Short*: the last looks, whole. *Mid*: looks before them without what a kept token still stands for; what is protected stays. *Long*:
    events (:class:`Events`). A look brings a few tokens there, chosen by a quota over its quarters and then by salience: how near the
    gaze they lie, and for how many looks it has rested there. So what was looked at stays for hours with its time, one or a few tokens of
    each thing, and backgrounds merge.

    Not kept of SAVEMem: its pseudo-questions (gaze takes their place), its threshold on both sides, its test for a new scene, and short
    and middle tiers without a bound. Salience 0 marks what short memory alone still holds.

    Args:
        budget_bytes: Everything kept, all tiers and references.
        seed: Makes no difference: nothing is drawn.
        tau: Cosine above which a kept token stands for a later one.
        look_tokens: What a look brings into long memory, at most.
        event_tokens: What an event keeps, at most.
    """

    def __init__(self, budget_bytes: int, *, seed: int = 0, tau: float = 0.9, look_tokens: int = 4, event_tokens: int = 12) -> None:
        self._budget_bytes = budget_bytes
        self._look_tokens = look_tokens
        self._event_tokens = event_tokens
        self._short, self._mid, self._long = slabs.Shelf(), slabs.Shelf(), Events(event_tokens)
        self._kept, self._dwell = LastKept(tau), Dwell()

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look. What goes: ``similar`` on its way from short to mid, ``budget`` from mid to long and beyond."""
        frames, refused = frames_of(look, protect, self._dim)
        similar: list[Slab] = []
        gone: list[Slab] = []
        for frame in frames:
            self._short.append(self._weighed(frame))
            while self._short.nbytes > SHORT_SHARE * self._budget_bytes:
                similar.append(self._thin(self._short.pop()))
            while self._mid.nbytes > MID_SHARE * self._budget_bytes:
                gone.append(self._conclude(self._mid.pop()))
            while self.nbytes() > self._budget_bytes:
                gone.append(self._long.shrink())
        return refused + slabs.dropped("similar", *similar) + slabs.dropped("budget", *gone)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """What stands whatever is asked, then what the cue finds and the newest.

        The newest whole looks have up to a quarter of it. Three eighths stand: the most salient of long memory, as many from each stretch
        of the day. The rest is what is most like one of the cue's tokens, or most salient without any.
        """
        looks = [*self._long, *self._mid, *self._short]
        newest, room = len(looks), int(NEWEST_SHARE * max_tokens)
        while newest and len(looks[newest - 1].t_ns) <= room:
            newest -= 1
            room -= len(looks[newest].t_ns)
        rest, last = looks[:newest], slabs.concat(looks[newest:], self._dim)
        score = np.concatenate([np.empty(0, np.float32), *(look.salience for look in rest)])
        long_ns = np.concatenate([np.empty(0, np.int64), *(look.t_ns for look in rest[: len(self._long)])])
        standing = lasting(score[: len(long_ns)], long_ns, STANDING_BINS, int(STANDING_SHARE * max_tokens) // STANDING_BINS)
        if cue is not None and cue.tokens is not None and cue.tokens.shape[1:] == (self._dim,):
            score = most_alike([look.emb for look in rest], cue.tokens)
        others = np.delete(np.arange(len(score)), standing)
        found = others[best_in_time(score[others], max_tokens - len(standing) - len(last.t_ns))]
        asked = slabs.in_time(slabs.concat([slabs.pick(rest, found, self._dim), last]))
        whole = slabs.concat([slabs.in_time(slabs.pick(rest, standing, self._dim)), asked])
        return msgspec.structs.replace(whole, standing=len(standing))

    def nbytes(self) -> int:
        """Bytes kept: all tiers, and what later looks are held against."""
        return self._short.nbytes + self._mid.nbytes + self._long.nbytes + self._kept.nbytes + self._dwell.nbytes

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget every token that stands for anything captured within one of these spans, both ends included, nanoseconds."""
        self._kept.forget(spans)
        self._dwell.clear()
        drops = [drop for tier in (self._short, self._mid, self._long) for drop in tier.forget(spans)]
        count = sum(drop.count for drop in drops)
        return (Dropped("token", "forgotten", count),) if count else ()

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(TieredState(list(self._short), list(self._mid), list(self._long), self._kept, self._dwell))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        state = codec.decode(data, TieredState)
        self._short, self._mid = slabs.Shelf(state.short), slabs.Shelf(state.mid)
        self._long = Events(self._event_tokens, state.long)
        self._kept, self._dwell = state.kept, state.dwell

    @property
    def _dim(self) -> int:
        return next((int(tier[0].emb.shape[1]) for tier in (self._short, self._mid, self._long) if len(tier)), 0)

    def _weighed(self, frame: TokenFrame) -> Slab:
        """The tokens of a frame with their salience, 0 where a kept token stands for one."""
        worth = gazed(frame)
        if frame.kind == "foveal":
            worth *= self._dwell.update(frame)
        else:
            worth *= self._kept.keep(frame)
        if self._kept.nbytes + self._dwell.nbytes > REFERENCE_SHARE * self._budget_bytes:
            self._kept.clear()
            self._dwell.clear()
        return msgspec.structs.replace(slabs.of_frame(frame), salience=worth)

    def _thin(self, look: Slab) -> Slab:
        """Hand a look on to mid; returns what stays behind."""
        new = look.salience > 0.0
        if new.any():
            self._mid.append(slabs.take(look, new))
        return slabs.take(look, ~new)

    def _conclude(self, look: Slab) -> Slab:
        """Hand the best tokens of a look on to long memory; returns the rest."""
        rows, columns = (look.pos[:, 1:].max(axis=0) + 1).tolist()
        chosen = quadrant_quota(look.salience, look.pos, (rows, columns), LOOK_CANDIDATES)
        few, gone = condense(slabs.take(look, chosen), self._look_tokens)
        # What lies beside the thing looked at must not crowd out another: the second of a look counts a quarter, the third a ninth.
        rank = 1 + np.argsort(np.argsort(-few.salience, kind="stable"))
        self._long.append(msgspec.structs.replace(few, salience=(few.salience / rank**2).astype(np.float32)))
        return slabs.concat([slabs.take(look, np.delete(np.arange(len(look.t_ns)), chosen)), gone])
