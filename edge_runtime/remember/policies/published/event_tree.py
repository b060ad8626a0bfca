"""VideoScaffold: events begin where prediction fails; older events are gathered into longer ones, level upon level."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import TokenFrame, frames_of, unit_rows
from edge_runtime.remember.policies.reduce import merge
from edge_runtime.remember.policies.signals import PredictionError
from edge_runtime.types import Box, Vector

EVENT_BYTES = 350
"""One event without its slabs and the numbers of its vector: the struct, the array object, and its place in a list."""
UNFORESEEN = 2.0
"""The error of a frame that nothing foretold: the largest there is."""


class Event(msgspec.Struct):
    """A stretch of the stream.

    Attributes:
        anchor: The frame with the largest error, in full; no tokens once it has been folded into the mean.
        coarse: All other frames as a few tokens; none while there is no other frame.
        error: Of the anchor.
        vector: Of the anchor.
    """

    anchor: Slab
    coarse: Slab
    error: float
    vector: Vector

    @property
    def nbytes(self) -> int:
        """Bytes of the event."""
        return EVENT_BYTES + slabs.slab_bytes(self.anchor) + slabs.slab_bytes(self.coarse) + self.vector.nbytes


class _State(msgspec.Struct):
    levels: list[list[Event]]
    meter: PredictionError


class EventTree:
    """VideoScaffold (2025), training-free: an event tree with a coarse and a fine view of every event.

    An event begins with the overview that differs from what was foretold by more than ``epsilon``; it is the element with the largest
    error, the anchor. The other frames are told by a few tokens: each of theirs joins the one most like it, which is attention from the
    event to its elements made hard, so that weights stay whole and frames need not be aligned. Looks of other kinds than the overview
    belong to the event under way. When a level is full, its oldest events, up to where one foretells the next worst, become one event of
    the next level, with the anchor of the largest error. Over the bytes the anchors of the smallest error are folded into their means
    first, then the two oldest events are joined.

    Not kept: the trained compressor and predictors; the running mean foretells. The paper builds every level at once from below; here a
    level is made only from what leaves the one before, so that the recent past is fine and the distant one coarse.

    Args:
        budget_bytes: Everything kept.
        seed: Makes no difference here.
        epsilon: Error of a boundary; 0.4 in the paper.
        levels: At most; 3 in the paper.
        fan: Events a level holds at most, at least 2.
        coarse: Tokens an event is told by besides its anchor.
    """

    def __init__(self, budget_bytes: int, *, seed: int = 0, epsilon: float = 0.4, levels: int = 3, fan: int = 32, coarse: int = 16) -> None:
        self._budget_bytes = budget_bytes
        self._epsilon = epsilon
        self._fan = fan
        self._coarse = coarse
        self._levels: list[list[Event]] = [[] for _ in range(levels)]
        self._meter = PredictionError("mean")

    @property
    def levels(self) -> tuple[tuple[Event, ...], ...]:
        """The events of each level in order of time, the finest level first."""
        return tuple(map(tuple, self._levels))

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look. Where the gaze rests makes no difference here."""
        frames, refused = frames_of(look, protect, self._dim)
        gone: list[Slab] = []
        for frame in frames:
            self._take_in(frame)
            for level, events in enumerate(self._levels):
                if len(events) > self._fan:
                    self._gather(level)
            while self._events and self.nbytes() > self._budget_bytes:
                gone += self._shrink()
            if not self._events:
                self._meter = PredictionError("mean")
        return refused + slabs.dropped("budget", *gone)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """Events told coarsely as far as there is room, then their anchors in full; the newest first.

        A cue's vector puts the events first whose anchors it is most like; its tokens are not used.
        """
        events = self._events
        rank = sorted(range(len(events)), reverse=True, key=lambda at: (_fit(events[at], cue), at))
        room = max_tokens
        shown: list[Slab] = []
        for part in [events[at].coarse for at in rank] + [events[at].anchor for at in rank]:
            if len(part.t_ns) <= room:
                shown.append(part)
                room -= len(part.t_ns)
        return slabs.in_time(slabs.concat(shown, self._dim))

    def nbytes(self) -> int:
        """Bytes kept."""
        events = self._events
        return sum(event.nbytes for event in events) + (self._meter.nbytes if events else 0)

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget every event with a frame captured within one of these spans, both ends included, nanoseconds; predict afresh."""
        gone: list[Slab] = []
        for events in self._levels:
            for at in reversed(range(len(events))):
                both = slabs.concat([events[at].anchor, events[at].coarse])
                if slabs.touched(both, spans).any():
                    gone.append(both)
                    events.pop(at)
        self._meter = PredictionError("mean")
        return slabs.dropped("forgotten", *gone)

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(_State(self._levels, self._meter))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        state = codec.decode(data, _State)
        self._levels, self._meter = state.levels, state.meter

    @property
    def _events(self) -> list[Event]:
        """All events, the oldest first."""
        return [event for events in reversed(self._levels) for event in events]

    @property
    def _dim(self) -> int:
        return next((int(event.anchor.emb.shape[1]) for event in self._events), 0)

    def _take_in(self, frame: TokenFrame) -> None:
        """Begin an event with a frame that was not foretold, or add it to the one under way."""
        error = 0.0
        if frame.kind == "overview":
            error = UNFORESEEN if self._meter.last is None else self._meter.update(frame.vector)
            if error > self._epsilon:  # what was before the boundary foretells nothing after it
                self._meter = PredictionError("mean")
                self._meter.update(frame.vector)
        newest = self._levels[0]
        if error > self._epsilon or not newest:
            newest.append(Event(slabs.of_frame(frame), slabs.empty(frame.dim), error, frame.vector))
        else:
            newest[-1].coarse = _told(newest[-1].coarse, slabs.of_frame(frame), self._coarse)

    def _gather(self, level: int) -> None:
        """Make one event of the oldest of a level, up to the worst prediction among its older half, at least two."""
        events = self._levels[level]
        meter = PredictionError("mean")
        error = [meter.update(event.vector) for event in events[: max(3, len(events) // 2)]]
        cut = 2 + int(np.argmax(error[2:]))
        joined = self._joined(events[:cut])
        del events[:cut]
        if level + 1 < len(self._levels):
            self._levels[level + 1].append(joined)
        else:
            events.insert(0, joined)

    def _shrink(self) -> list[Slab]:
        """Give up the least: an anchor of its own, else an event of its own, else the last event."""
        whole = [event for event in self._events if len(event.anchor.t_ns)]
        if whole:
            least = min(whole, key=lambda event: event.error)
            least.coarse = _told(least.coarse, least.anchor, self._coarse)
            least.anchor = slabs.empty(self._dim)
            return []
        place = [(level, at) for level in reversed(range(len(self._levels))) for at in range(len(self._levels[level]))]
        level, at = place[0]
        if len(place) == 1:
            return [self._levels[level].pop(at).coarse]
        next_level, next_at = place[1]
        joined = self._joined([self._levels[level][at], self._levels[next_level].pop(next_at)])
        self._levels[level][at] = joined
        return []

    def _joined(self, events: Sequence[Event]) -> Event:
        """One event of several in order of time: the anchor of the largest error, the rest told coarsely."""
        first = max(events, key=lambda event: event.error)
        coarse = slabs.empty(self._dim)
        for event in events:
            for part in (event.coarse,) if event is first else (event.coarse, event.anchor):
                coarse = _told(coarse, part, self._coarse)
        return Event(first.anchor, coarse, first.error, first.vector)


def _told(coarse: Slab, tokens: Slab, k: int) -> Slab:
    """``k`` tokens that also tell of others, each of which joins the one most like it; the first to come give the ``k``, evenly chosen."""
    if not len(tokens.t_ns):
        return coarse
    heads = np.arange(len(coarse.t_ns))
    if not len(heads):
        heads = np.unique(np.linspace(0, len(tokens.t_ns) - 1, k).astype(np.int64))
    both = slabs.concat([coarse, tokens])
    unit = unit_rows(both.emb)
    assign = (unit @ unit[heads].T).argmax(axis=1)
    assign[heads] = np.arange(len(heads))
    return merge(both, assign, len(heads))


def _fit(event: Event, cue: RetrievalCue | None) -> float:
    """Cosine of a cue's vector with that of an event; 0 without one."""
    if cue is None or cue.vector is None or cue.vector.shape != event.vector.shape:
        return 0.0
    return float(np.dot(cue.vector, event.vector))
