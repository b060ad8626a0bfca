"""All state of the memory, and the parts that work on it."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from edge_runtime.config import RememberConfig
from edge_runtime.facts import Match, Remembered
from edge_runtime.records import Concept, Dropped, Row
from edge_runtime.remember.concepts import Concepts, ConceptsState
from edge_runtime.remember.gazes import GazesState
from edge_runtime.remember.places import Places, PlacesState
from edge_runtime.remember.policies import MemoryPolicy
from edge_runtime.remember.policies.named import make_policy
from edge_runtime.remember.reading import Reader, ReaderState
from edge_runtime.remember.rows import Rows, RowsState
from edge_runtime.remember.sightings import Sightings, SightingsState
from edge_runtime.remember.things import Things, ThingsState
from edge_runtime.types import Capabilities


class MemoryState(msgspec.Struct):
    """Every fact remembered, as plain data. Tokens are not among them: a journal replays without their numbers."""

    sightings: SightingsState = msgspec.field(default_factory=SightingsState)
    concepts: ConceptsState = msgspec.field(default_factory=ConceptsState)
    places: PlacesState = msgspec.field(default_factory=PlacesState)
    things: ThingsState = msgspec.field(default_factory=ThingsState)
    reader: ReaderState = msgspec.field(default_factory=ReaderState)
    gazes: GazesState = msgspec.field(default_factory=GazesState)
    rows: RowsState = msgspec.field(default_factory=RowsState)
    erasing: list[int] = []


class Parts:
    """The parts of the memory around one state.

    Args:
        state: Fresh, from a snapshot, or of parts with other settings.
        config: Thresholds and the budget.
        capabilities: Of the loaded models.
        tokens: Token memory to go on with; it begins empty without.

    Attributes:
        room_bytes: What is left for facts, vectors and thumbnails. The search matrix of the log has its part, and the tokens theirs where
            the models give any, full or not: what the facts keep must depend neither on the log nor on the numbers in the tokens.
    """

    def __init__(self, state: MemoryState, config: RememberConfig, capabilities: Capabilities, tokens: MemoryPolicy | None = None) -> None:
        self.config = config
        self.dim = capabilities.vector_dim
        self.state = state
        self.sightings = Sightings(state.sightings, config.gap_ns)
        self.concepts = Concepts(state.concepts, config, capabilities.vector_dim)
        self.places = Places(state.places, config.place_same)
        self.things = Things(state.things)
        self.reader = Reader(state.reader, config.text_accept, config.gap_ns)
        self.gazes = state.gazes
        self.rows = Rows(state.rows, self.sightings, config.gap_ns)
        token_bytes = config.token_bytes if capabilities.tokens else 0
        self.tokens = make_policy(config.token_policy, token_bytes) if tokens is None else tokens
        self.room_bytes = config.ram_bytes - config.matrix_bytes - token_bytes


@dataclass
class Gathered:
    """What one event changes, as it is found; sightings by id, so that each is told once, as it stands at the end."""

    looked_at_ns: int | None = None
    opened: dict[int, None] = field(default_factory=dict)
    extended: dict[int, None] = field(default_factory=dict)
    matches: list[Match] = field(default_factory=list)
    learned: list[Concept] = field(default_factory=list)
    unlearned: list[str] = field(default_factory=list)
    unsure: list[Match] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    rows: tuple[Row, ...] = ()
    """What a forgetting has the log write again."""

    def tell(self, parts: Parts, rows: tuple[Row, ...]) -> Remembered:
        """The result of a step."""
        opened = (parts.sightings.get(number) for number in self.opened)
        extended = (parts.sightings.get(number) for number in self.extended if number not in self.opened)
        return Remembered(
            looked_at_ns=self.looked_at_ns,
            opened=tuple(sighting for sighting in opened if sighting is not None),
            extended=tuple(sighting for sighting in extended if sighting is not None),
            matches=tuple(self.matches),
            reading=parts.reader.lines,
            reading_evidence=parts.reader.evidence,
            learned=tuple(self.learned),
            unlearned=tuple(self.unlearned),
            unsure=tuple(self.unsure),
            rows=rows,
            dropped=tuple(self.dropped),
        )
