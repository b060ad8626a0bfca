"""Facts on their way to the log: which ones, when, and what happens if the log does not take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from edge_runtime.config import S
from edge_runtime.outbox import Outbox
from edge_runtime.protocol import Append, Erase
from edge_runtime.records import Dropped, Row, Scope
from edge_runtime.remember import sizes
from edge_runtime.remember.sightings import Fact, Sightings

EVERY_NS = 5 * S
"""A sighting that goes on is written this often."""
DEADLINE_NS = 2 * S
ERASE_DEADLINE_NS = 60 * S
"""Erasing rewrites the log, which takes a while where it is large."""
MAX_ROWS = 64
MAX_UNDER_WAY = 4
_LONGEST_WAIT_NS = 30 * S


class PlaceName(Protocol):
    """Says what a place is called, if need be after something else than the thing that was seen there."""

    def __call__(self, place_id: int | None, *, apart_from: str) -> str:
        """Name it."""
        ...


class Batch(msgspec.Struct, frozen=True):
    """Rows under way: their sightings and the thumbnails that ride along."""

    sightings: tuple[int, ...]
    thumbs: tuple[str, ...]


class RowsState(msgspec.Struct):
    """What is under way, and how the log has been of late."""

    under_way: dict[int, Batch] = {}
    failures: int = 0
    retry_ns: int = 0


class Rows:
    """Brings facts to the log, and again if that failed: nothing is lost while the fact is in memory.

    Args:
        state: Fresh, or taken from a snapshot.
        sightings: The facts.
        gap_ns: A sighting not seen for longer than this is over.
    """

    def __init__(self, state: RowsState, sightings: Sightings, gap_ns: int) -> None:
        self.state = state
        self._sightings = sightings
        self._gap_ns = gap_ns

    def write(self, t_ns: int, place_name: PlaceName, out: Outbox) -> tuple[Row, ...]:
        """Emit what is due: what has opened, ended or got another name, and every five seconds what goes on."""
        facts = self._sightings.state
        if not facts.changed or t_ns < self.state.retry_ns or len(self.state.under_way) >= MAX_UNDER_WAY:
            return ()
        due = [number for number, urgent in facts.changed.items() if urgent or self._due(facts.facts[number], t_ns)][:MAX_ROWS]
        if not due:
            return ()
        rows, batch = self._batch(due, t_ns, place_name)
        self.state.under_way[out.emit(Append, deadline_ns=t_ns + DEADLINE_NS, rows=rows)] = batch
        return rows

    def erase(self, scope: Scope, sightings: tuple[int, ...], t_first_ns: int, t_ns: int, place_name: PlaceName, out: Outbox) -> Erase:
        """Have the log erase, and write in the same breath what of these sightings lives on in part."""
        facts = self._sightings.state
        rows, batch = self._batch([number for number in sightings if number in facts.changed], t_ns, place_name)
        deadline_ns = t_ns + ERASE_DEADLINE_NS
        number = out.emit(Erase, deadline_ns=deadline_ns, scope=scope, sightings=sightings, t_first_ns=t_first_ns, rows=rows)
        if rows:
            self.state.under_way[number] = batch
        return Erase(number, deadline_ns, scope, sightings, t_first_ns, rows)

    def stored(self, answers: int) -> None:
        """The log has taken a batch."""
        if self.state.under_way.pop(answers, None) is not None:
            self.state.failures, self.state.retry_ns = 0, 0

    def failed(self, answers: int, t_ns: int) -> tuple[Dropped, ...]:
        """The log has not taken a batch: its facts are due again after a wait that doubles; those that are gone are lost."""
        batch = self.state.under_way.pop(answers, None)
        if batch is None:
            return ()
        self.state.failures += 1
        self.state.retry_ns = t_ns + min(_LONGEST_WAIT_NS, S << min(self.state.failures - 1, 6))
        facts = self._sightings.state
        for thumb_id in batch.thumbs:
            if thumb_id in facts.thumbs:
                facts.thumbs[thumb_id].sent = False
        kept = [number for number in batch.sightings if number in facts.facts]
        facts.changed.update(dict.fromkeys(kept, True))
        lost = len(batch.sightings) - len(kept)
        return (Dropped("row", "store", lost),) if lost else ()

    def forget(self, sightings: frozenset[int]) -> None:
        """Expect nothing of the log about these sightings any more."""
        for number, batch in self.state.under_way.items():
            kept = tuple(sighting for sighting in batch.sightings if sighting not in sightings)
            self.state.under_way[number] = Batch(kept, batch.thumbs)

    def shed(self) -> tuple[Dropped, ...]:
        """Stop waiting for the oldest batch: whether the log took it is not known any more."""
        batch = self.state.under_way.pop(next(iter(self.state.under_way)))
        return (Dropped("row", "unconfirmed", len(batch.sightings)),)

    @property
    def nbytes(self) -> int:
        """What the batches under way weigh."""
        entries = sum(len(batch.sightings) + len(batch.thumbs) for batch in self.state.under_way.values())
        return sizes.ENTRY_BYTES * len(self.state.under_way) + sizes.NUMBER_BYTES * entries

    def _batch(self, due: Sequence[int], t_ns: int, place_name: PlaceName) -> tuple[tuple[Row, ...], Batch]:
        """Rows of these facts with the thumbnails that the log has not got yet, no longer to be written."""
        facts = self._sightings.state
        rows: list[Row] = []
        sent: list[str] = []
        for number in due:
            del facts.changed[number]
            fact = facts.facts[number]
            fact.sent_ns = t_ns
            cited = [facts.thumbs.get(look.thumb_id or "") for look in fact.sighting.evidence]
            fresh = [kept for kept in cited if kept is not None and not kept.sent]
            for kept in fresh:
                kept.sent = True
            sent.extend(kept.thumb.id for kept in fresh)
            place = place_name(fact.sighting.place_id, apart_from=fact.sighting.what.name)
            rows.append(Row(fact.sighting, place, tuple(kept.thumb for kept in fresh)))
        return tuple(rows), Batch(tuple(due), tuple(sent))

    def _due(self, fact: Fact, t_ns: int) -> bool:
        return t_ns - fact.sent_ns >= EVERY_NS or t_ns - fact.sighting.t_end_ns > self._gap_ns
