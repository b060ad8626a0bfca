"""What can be recalled for one question: the memory, and what the log has added so far."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence

import msgspec

from edge_runtime import codec
from edge_runtime.records import Concept, Query, Sighting
from edge_runtime.remember.gazes import Regard
from edge_runtime.remember.recall import Likeness, answer
from edge_runtime.speak import phrasing
from edge_runtime.speak.recallable import Recallable
from edge_runtime.speak.times import ALWAYS, Window
from edge_runtime.types import Capabilities, Value, Vector


class Fetched(Value, frozen=True):
    """What the log found for a query.

    Attributes:
        query: As it was asked.
        rows: The sightings.
        places: The name of each one's place; may be shorter than ``rows``.
    """

    query: Query
    rows: tuple[Sighting, ...]
    places: tuple[str, ...] = ()


class Recollection:
    """Answers queries from memory, and notes the first one that memory alone cannot answer in full.

    Args:
        memory: The memory.
        capabilities: What the loaded models can do.
        now_ns: The present.
        origin_ns: Where the stream's clock reads 0:00.
        known_from_ns: Since when it can be said that something was *not* seen.
        fetched: What the log has found so far.
        asked_ns: When the question began: its words of time count from there, however late the log answers. Left out, now.
        regards: What the wearer looked at up to the question, newest first.
        lost_ns: Up to here sightings have been lost that never reached the log; -1 if none.

    Attributes:
        window: The stretch of time that is recalled.
    """

    def __init__(
        self,
        memory: Recallable,
        capabilities: Capabilities,
        *,
        now_ns: int,
        origin_ns: int,
        known_from_ns: int,
        fetched: Sequence[Fetched] = (),
        asked_ns: int | None = None,
        regards: tuple[Regard, ...] = (),
        lost_ns: int = -1,
    ) -> None:
        """Look at a memory from one moment."""
        self.now_ns = now_ns
        self.asked_ns = now_ns if asked_ns is None else asked_ns
        self.origin_ns = origin_ns
        self.capabilities = capabilities
        self.regards = regards
        self.window = ALWAYS
        self._place_ids: frozenset[int] | None = None
        self._missing: list[Query] = []  # one list for all that is narrowed from this
        self._memory = memory
        self._known_from_ns = known_from_ns
        self._lost_ns = lost_ns
        # By their bytes: a query may hold a vector, and arrays are neither hashed nor compared as one value.
        self._fetched = {codec.encode(found.query): found for found in fetched}
        self._places = {row.id: place for found in fetched for row, place in zip(found.rows, found.places, strict=False)}

    @property
    def missing(self) -> Query | None:
        """A query to put to the log before the answer is complete, or ``None``."""
        return self._missing[0] if self._missing else None

    @property
    def concepts(self) -> Mapping[str, Concept]:
        """What the wearer has taught."""
        return self._memory.concepts

    def narrowed(self, window: Window = ALWAYS, place_ids: frozenset[int] | None = None) -> Recollection:
        """The same, recalling only what was in a stretch of time, and at certain places."""
        part = copy.copy(self)
        part.window = self.window.meet(window)
        part._place_ids = self._place_ids if place_ids is None else place_ids
        return part

    def recall(self, query: Query, enough: Callable[[tuple[Sighting, ...]], bool] | None = None) -> tuple[Sighting, ...]:
        """Find sightings in memory and in what the log has found, cut to the stretch of time that is recalled.

        Args:
            query: What to find.
            enough: Whether what memory has will do, however much more the log may hold.
        """
        t_from_ns, t_to_ns = max(0, query.t_from_ns, self.window.t_from_ns), min(query.t_to_ns, self.window.t_to_ns)
        query = msgspec.structs.replace(query, t_from_ns=t_from_ns, t_to_ns=t_to_ns)
        found = self._fetched.get(codec.encode(query))
        if found is not None:
            by_id = {row.id: row for row in (*found.rows, *self._memory.recall(query))}  # what both know, memory knows better
            return self._meant(answer(by_id.values(), query))
        rows = self._meant(self._memory.recall(query))
        lost = self._memory.complete_since_ns > 0 and t_from_ns < self._memory.complete_since_ns and t_from_ns <= t_to_ns
        if lost and not (enough is not None and enough(rows)):
            self._missing.append(query)
        return rows

    def place(self, sighting: Sighting) -> str:
        """Say where a sighting was (``at place 2``), or ``""``."""
        if sighting.id in self._places:
            return self._places[sighting.id]
        return self._memory.place_name(sighting.place_id, apart_from=sighting.what.name)

    def neighbours(self, sighting: Sighting) -> tuple[str, ...]:
        """Name what was seen beside a sighting, in plain words."""
        return self._memory.neighbours(sighting)

    def likeness(self, sighting: Sighting, vector: Vector) -> Likeness:
        """Whether a sighting shows what a vector float32 [G] shows."""
        return self._memory.likeness(sighting, vector)

    @property
    def within(self) -> str:
        """The stretch of time that is recalled, to begin a clause with: ``"in the last 10 min "``; ``""`` for all time."""
        said = self.window.said
        return f"{said}{',' if ',' in said else ''} " if said else ""

    def unseen(self, concept: str = "") -> str:
        """In what time something was *not* seen: not before its concept was taught, nor in what is forgotten (``in the last 43 s``)."""
        known = self._memory.concepts.get(concept)
        known_from_ns = max(self._known_from_ns, known.t_taught_ns if known is not None else 0)
        known_ns = max(0, min(self.now_ns, self.window.t_to_ns) - known_from_ns)
        lost = self._lost_ns >= max(known_from_ns, self.window.t_from_ns)
        but = "; I could not keep all that I saw then" if lost else ""
        if not self.window.said:
            return f"in the last {phrasing.duration(known_ns)}{but}"
        if self.window.t_from_ns >= known_from_ns or (not self.window.bounded and known_from_ns <= self.origin_ns):
            return self.window.said + but
        sure = f"; I can be sure of only {phrasing.duration(known_ns)} of that" if known_ns else ", but I cannot be sure of that time"
        return f"{self.window.said}{sure}{but}"

    def _meant(self, rows: Sequence[Sighting]) -> tuple[Sighting, ...]:
        here = (row for row in rows if self._place_ids is None or row.place_id in self._place_ids)
        cut = (_cut(row, self.window) for row in here)
        return tuple(row for row in cut if row is not None)


def _cut(row: Sighting, window: Window) -> Sighting | None:
    """What a sighting was within a stretch of time; of several in one, only looks tell whether one lay in it."""
    if window.t_from_ns <= row.t_start_ns and row.t_end_ns <= window.t_to_ns:
        return row
    looks = tuple(look for look in row.evidence if window.t_from_ns <= look.t_ns <= window.t_to_ns)
    if row.merged > 1 and not looks:
        return None
    t_start_ns, t_end_ns = max(row.t_start_ns, window.t_from_ns), min(row.t_end_ns, window.t_to_ns)
    if row.merged > 1:
        t_start_ns, t_end_ns = min(look.t_ns for look in looks), max(look.t_ns for look in looks)
    return msgspec.structs.replace(
        row,
        t_start_ns=t_start_ns,
        t_end_ns=t_end_ns,
        gaze_ns=min(row.gaze_ns, t_end_ns - t_start_ns),
        evidence=looks or row.evidence,
        merged=1,
    )
