"""What can be recalled for one question: the memory, and what the log has added so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edge_runtime.records import Concept, Query, Sighting
from edge_runtime.speak.recallable import Recallable
from edge_runtime.types import Capabilities, Value


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

    Attributes:
        missing: A query to put to the log before the answer is complete, or ``None``.
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
    ) -> None:
        """Look at a memory from one moment."""
        self.now_ns = now_ns
        self.origin_ns = origin_ns
        self.capabilities = capabilities
        self.missing: Query | None = None
        self._memory = memory
        self._known_from_ns = known_from_ns
        self._fetched = {found.query: found for found in fetched}
        self._places = {row.id: place for found in fetched for row, place in zip(found.rows, found.places, strict=False)}

    @property
    def concepts(self) -> Mapping[str, Concept]:
        """What the wearer has taught."""
        return self._memory.concepts

    def recall(self, query: Query, enough: Callable[[tuple[Sighting, ...]], bool] | None = None) -> tuple[Sighting, ...]:
        """Find sightings in memory and in what the log has found.

        Args:
            query: What to find.
            enough: Whether what memory has will do, however much more the log may hold.
        """
        rows = self._memory.recall(query)
        found = self._fetched.get(query)
        if found is not None:
            return _merged(rows, found.rows, query)
        lost = self._memory.complete_since_ns > 0 and query.t_from_ns < self._memory.complete_since_ns
        if lost and not (enough is not None and enough(rows)) and self.missing is None:
            self.missing = query
        return rows

    def place(self, sighting: Sighting) -> str:
        """Say where a sighting was (``at place 2``), or ``""``."""
        if sighting.id in self._places:
            return self._places[sighting.id]
        return self._memory.place_name(sighting.place_id, apart_from=sighting.what.name)

    def neighbours(self, sighting: Sighting) -> tuple[str, ...]:
        """Name what was seen beside a sighting, in plain words."""
        return self._memory.neighbours(sighting)

    def known_for_ns(self, concept: str = "") -> int:
        """How long "I did not see it" reaches back: not before the concept was taught, nor into what is forgotten."""
        known = self._memory.concepts.get(concept)
        return max(0, self.now_ns - max(self._known_from_ns, known.t_taught_ns if known is not None else 0))


def _merged(rows: Sequence[Sighting], more: Sequence[Sighting], query: Query) -> tuple[Sighting, ...]:
    """By id; where both know a sighting, memory knows it better."""
    by_id = {row.id: row for row in (*more, *rows)}
    order = (lambda row: (-row.t_end_ns, -row.id)) if query.newest_first else (lambda row: (row.t_start_ns, row.id))
    return tuple(sorted(by_id.values(), key=order)[: query.limit])
