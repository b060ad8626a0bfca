"""Merging: what was seen again and again in an old hour becomes one row that says so, before anything is erased for want of room.

A row that stands for several keeps what an answer needs (from when to when, how often, how long, the best looks) and gives up the rest.
Of every sighting it stands for its time and its looks are noted apart: forgetting must find it by them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from edge_runtime import codec, store_rows
from edge_runtime.config import S
from edge_runtime.records import Evidence, Sighting
from edge_runtime.store_schema import COLUMNS, from_row
from edge_runtime.types import Value

PERIOD_NS = 3600 * S
"""Sightings of one thing at one place that begin and end in the same hour may become one."""
_MOST_LOOKS = 4


class Merged(Value, frozen=True):
    """What came of merging a period.

    Attributes:
        session: Its session.
        hosts: Rows that stand for several now.
        absorbed: Sightings that lost their own row.
        thumbs: Thumbnails that nothing cites any more, which went.
    """

    session: int
    hosts: tuple[Sighting, ...]
    absorbed: tuple[int, ...]
    thumbs: int


def merge_next(db: sqlite3.Connection, present: int) -> Merged | None:
    """Merge within the next period, oldest first; ``None`` if all is merged that may be. Inside a transaction of the caller's.

    Args:
        db: The log.
        present: The session at hand, of which the latest period is left alone: it is still being written.
    """
    period = _next_period(db, present)
    if period is None:
        return None
    session, start_ns = period
    end_ns = start_ns + PERIOD_NS
    sql = f"SELECT {COLUMNS} FROM sightings WHERE session = ? AND t_end_ns >= ? AND t_end_ns < ? AND t_start_ns >= ?"  # noqa: S608
    groups: dict[tuple[str, str, int | None], list[Sighting]] = {}
    for row in db.execute(sql, (session, start_ns, end_ns, start_ns)).fetchall():
        sighting = from_row(row)
        groups.setdefault((sighting.what.kind, sighting.what.name, sighting.place_id), []).append(sighting)
    hosts: list[Sighting] = []
    absorbed: list[int] = []
    before = _thumbs(db)
    for group in groups.values():
        if len(group) > 1:
            host = as_one(group)
            _write(db, session, host, group)
            hosts.append(host)
            absorbed.extend(sighting.id for sighting in group if sighting.id != host.id)
    db.execute("UPDATE totals SET merged_session = ?, merged_to_ns = ?", (session, end_ns))
    return Merged(session, tuple(hosts), tuple(absorbed), before - _thumbs(db))


def as_one(group: Sequence[Sighting]) -> Sighting:
    """Sightings of one thing at one place as one: numbered like the latest, with box, vector and first look of the best."""
    ranked = sorted(group, key=lambda sighting: (-sighting.confidence, -sighting.t_end_ns, -sighting.id))
    # The best look of each before the second look of any.
    looks = [sighting.evidence[i] for i in range(_MOST_LOOKS) for sighting in ranked if i < len(sighting.evidence)]
    return msgspec.structs.replace(
        ranked[0],
        id=max(group, key=lambda sighting: (sighting.t_end_ns, sighting.id)).id,
        t_start_ns=min(sighting.t_start_ns for sighting in group),
        t_end_ns=max(sighting.t_end_ns for sighting in group),
        looks=sum(sighting.looks for sighting in group),
        gazed=any(sighting.gazed for sighting in group),
        gaze_ns=sum(sighting.gaze_ns for sighting in group),
        evidence=tuple(dict.fromkeys(looks))[:_MOST_LOOKS],
        merged=sum(sighting.merged for sighting in group),
    )


def _next_period(db: sqlite3.Connection, present: int) -> tuple[int, int] | None:
    """Session and beginning of the oldest period that has not been merged and may be."""
    session, to_ns = db.execute("SELECT merged_session, merged_to_ns FROM totals").fetchone()
    first = db.execute(
        "SELECT session, t_end_ns FROM sightings WHERE session = ? AND t_end_ns >= ? ORDER BY t_end_ns LIMIT 1", (session, to_ns)
    ).fetchone()
    if first is None:
        first = db.execute(
            "SELECT session, t_end_ns FROM sightings INDEXED BY by_time WHERE session > ? ORDER BY session, t_end_ns LIMIT 1", (session,)
        ).fetchone()
    if first is None:
        return None
    start_ns = first[1] // PERIOD_NS * PERIOD_NS
    if first[0] == present:
        latest_ns = db.execute("SELECT max(t_end_ns) FROM sightings WHERE session = ?", (present,)).fetchone()[0]
        if start_ns + PERIOD_NS > latest_ns:
            return None
    return first[0], start_ns


def _write(db: sqlite3.Connection, session: int, host: Sighting, group: Sequence[Sighting]) -> None:
    """Put one row in the place of several."""
    parts: dict[int, Sighting] = {}
    for sighting in group:
        parts.update((part.id, part) for part in store_rows.stood_for(db, (session, sighting.id), sighting))
    store_rows.put(db, session, host)
    store_rows.delete(db, [(session, sighting.id) for sighting in group if sighting.id != host.id])
    values = [(session, part.id, host.id, part.t_start_ns, part.t_end_ns, codec.encode(_bare(part))) for part in parts.values()]
    db.executemany("INSERT OR REPLACE INTO absorbed VALUES (?, ?, ?, ?, ?, ?)", values)


def _bare(sighting: Sighting) -> tuple[Evidence, ...]:
    return tuple(msgspec.structs.replace(look, thumb_id=None) for look in sighting.evidence)


def _thumbs(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM thumbs").fetchone()[0])
