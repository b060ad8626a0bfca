"""What speaking needs of the memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from edge_runtime.records import Concept, Query, RetrievalCue, Sighting, Slab
from edge_runtime.remember.gazes import Regard
from edge_runtime.remember.recall import Likeness
from edge_runtime.types import Vector


class Recallable(Protocol):
    """The memory, as far as answers and watches need it."""

    @property
    def complete_since_ns(self) -> int:
        """From here on nothing has been lost from memory; what is older may stand in the log only."""
        ...

    @property
    def concepts(self) -> Mapping[str, Concept]:
        """What the wearer has taught, by name; one without views is still being looked at."""
        ...

    def recall(self, query: Query) -> tuple[Sighting, ...]:
        """Find sightings."""
        ...

    def place_name(self, place_id: int | None, *, apart_from: str = "") -> str:
        """Name a place with its preposition (``at place 2``), not after ``apart_from``; ``""`` if it is not known."""
        ...

    def neighbours(self, sighting: Sighting) -> tuple[str, ...]:
        """Name what was seen beside a sighting, in plain words."""
        ...

    def looked_at(self, t_ns: int) -> tuple[Regard, ...]:
        """The things the wearer looked at up to a time, newest first; a few seconds of them."""
        ...

    def slab(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """Memory tokens for a language model, at most so many, in order of time; with a cue, those that fit it."""
        ...

    def likeness(self, sighting: Sighting, vector: Vector) -> Likeness:
        """Whether a sighting shows what a vector float32 [G] shows."""
        ...
