"""What stood on a page's board, moment by moment: kept as what changed, with all there was at the start of every chunk of changes."""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterator
from typing import Any

import msgspec

from devices.page.board import BOUNDS
from devices.page.items import ConceptView, DecisionView, Line, SightingView, WatchView
from devices.page.views import (
    ENCODER,
    CameraView,
    Changes,
    DoubtView,
    DropsView,
    EyeView,
    FrameView,
    GaugesView,
    GazedView,
    LessonView,
    Update,
    View,
    VoiceView,
)
from edge_runtime.config import MIB

REEL_BYTES = 64 * MIB
CHUNK = 500
"""Entries from one start to the next."""


class Parts(msgspec.Struct, frozen=True):
    """The parts that changed."""

    frame: FrameView | None = None
    eye: EyeView | None = None
    gazed: GazedView | None = None
    lesson: LessonView | None = None
    doubt: DoubtView | None = None
    gauges: GaugesView | None = None
    drops: DropsView | None = None
    voice: VoiceView | None = None
    camera: CameraView | None = None


class Rolls(msgspec.Struct, frozen=True):
    """The items that came, or changed."""

    said: tuple[Line, ...] = ()
    sightings: tuple[SightingView, ...] = ()
    decisions: tuple[DecisionView, ...] = ()
    watches: tuple[WatchView, ...] = ()
    concepts: tuple[ConceptView, ...] = ()


class Entry(msgspec.Struct, frozen=True):
    """What changed on the board at one moment; ``gone`` are keys that left, before ``rolls`` came."""

    parts: Parts
    rolls: Rolls
    gone: dict[str, tuple[int | str, ...]] = {}
    fresh: bool = False


_ENTRY = msgspec.json.Decoder(Entry)


class Moment:
    """All that is on the board at one moment.

    Attributes:
        parts: By name.
        rolls: By name, items by key, oldest first.
    """

    def __init__(self) -> None:
        self.parts: dict[str, View] = {}
        self.rolls: dict[str, dict[int | str, Any]] = {roll: {} for roll in BOUNDS}

    def apply(self, entry: Entry) -> None:
        """Go on by one entry."""
        self.parts.update(named(entry.parts))
        for roll, keys in entry.gone.items():
            for key in keys:
                del self.rolls[roll][key]
        for roll, items in named(entry.rolls).items():
            self.rolls[roll].update((item.key, item) for item in items)

    def all(self) -> dict[str, Changes]:
        """Every roll, whole."""
        return {roll: Changes(tuple(items.values()), whole=True) for roll, items in self.rolls.items()}

    def entry(self, update: Update) -> bytes | None:
        """What an update of the board changes here, as it is kept; ``None`` if nothing."""
        parts = {name: part for name, part in update.parts.items() if self.parts.get(name) != part}
        rolls: dict[str, tuple[View, ...]] = {}
        gone: dict[str, list[int | str]] = {}
        for roll, changes in update.rolls.items():
            known, items = self.rolls[roll], {item.key: item for item in changes.items}  # type: ignore[attr-defined]
            if changes.whole:
                # The board hands out whole what merely lost its oldest; only the difference is kept.
                stay = [key for key in known if key in items]
                if stay != list(items)[: len(stay)]:
                    stay = []
                gone[roll] = [key for key in known if key not in set(stay)]
                known = {key: known[key] for key in stay}
            rolls[roll] = tuple(item for key, item in items.items() if known.get(key) != item)
        gone = {roll: keys for roll, keys in gone.items() if keys}
        if not (parts or gone or update.fresh or any(rolls.values())):
            return None
        return ENCODER.encode({"parts": parts, "rolls": rolls, "gone": gone, "fresh": update.fresh})

    def state(self) -> bytes:
        """All of it as one entry."""
        rolls = {roll: tuple(items.values()) for roll, items in self.rolls.items()}
        return ENCODER.encode({"parts": self.parts, "rolls": rolls})


def named(struct: Parts | Rolls) -> dict[str, Any]:
    """What is there, by name."""
    values = ((name, getattr(struct, name)) for name in struct.__struct_fields__)
    return {name: value for name, value in values if value}


class _Chunk:
    def __init__(self, first: int, start: bytes) -> None:
        self.first, self.start = first, start
        self.entries: list[bytes] = []
        self.nbytes = len(start)


class Reel:
    """Entries in order of time, bounded in bytes: past the bound the oldest are let go, and what they came to is where the reel begins.

    An entry is named by its number; numbers go on counting when the oldest leave.

    Args:
        limit_bytes: Of all entries and starts together.

    Attributes:
        limit_bytes: The bound.
        nbytes: Bytes held.
        first: Number of the oldest entry held; as many were let go.
        t_from_ns: From when on it can be shown, if any were let go.
    """

    def __init__(self, limit_bytes: int = REEL_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._now = Moment()
        self._times = array("q")
        self._chunks = [_Chunk(0, self._now.state())]
        self.nbytes = self._chunks[0].nbytes
        self.first = self.t_from_ns = 0

    def add(self, t_ns: int, update: Update) -> None:
        """Add what changed on the board."""
        body = self._now.entry(update)
        if body is None:
            return
        chunk = self._chunks[-1]
        # As with the journal: a chunk is at least as long as its start, or all would be spent on starts.
        if len(chunk.entries) >= CHUNK or chunk.nbytes - len(chunk.start) >= max(self.limit_bytes // 8, len(chunk.start)):
            chunk = self._begin_chunk()
        self._now.apply(_ENTRY.decode(body))
        chunk.entries.append(body)
        chunk.nbytes += len(body)
        self.nbytes += len(body)
        self._times.append(t_ns)
        while self.nbytes > self.limit_bytes and len(self._chunks) > 1:
            self._let_go()
        if self.nbytes > self.limit_bytes:
            # One chunk alone is too much: only how things stand now is left.
            self._begin_chunk()
            self._let_go()

    def _begin_chunk(self) -> _Chunk:
        chunk = _Chunk(self.first + len(self._times), self._now.state())
        self._chunks.append(chunk)
        self.nbytes += chunk.nbytes
        return chunk

    def _let_go(self) -> None:
        oldest = self._chunks.pop(0)
        count = len(oldest.entries)
        self.nbytes -= oldest.nbytes
        self.first += count
        self.t_from_ns = self._times[count - 1]
        del self._times[:count]

    def until(self, t_ns: int) -> int:
        """The number of the first entry after a time."""
        return self.first + bisect.bisect_right(self._times, t_ns)

    def moment(self, end: int) -> Moment:
        """Everything up to, but not including, the entry with this number."""
        chunk = self._chunks[max(0, bisect.bisect_right(self._chunks, end, key=lambda chunk: chunk.first) - 1)]
        moment = Moment()
        moment.apply(_ENTRY.decode(chunk.start))
        for body in chunk.entries[: max(0, end - chunk.first)]:
            moment.apply(_ENTRY.decode(body))
        return moment

    def between(self, first: int, end: int) -> Iterator[Entry]:
        """The entries from one number up to, but not including, another."""
        for chunk in self._chunks:
            for body in chunk.entries[max(0, first - chunk.first) : max(0, end - chunk.first)]:
                yield _ENTRY.decode(body)
