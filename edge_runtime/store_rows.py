"""Rows of the log: written, replaced, let go, and picked for erasing. All inside a transaction of the caller's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from edge_runtime.records import Query, Row, Scope, Sighting
from edge_runtime.remember import scopes as rules
from edge_runtime.remember.words import fold, needles
from edge_runtime.store_schema import COLUMNS, INSERT, from_row, to_row

Key = tuple[int, int]
"""Session and number of a sighting."""


def conditions(query: Query) -> tuple[str, list[object]] | None:
    """What a query asks for, as a WHERE clause on sightings and its values; ``None`` if nothing can match.

    The same as :func:`edge_runtime.remember.recall.matching` means in memory.
    """
    words = needles(query.text)
    if query.text and not words:
        return None
    clauses = ["t_end_ns >= ?", "t_start_ns <= ?"]
    values: list[object] = [query.t_from_ns, query.t_to_ns]
    for column, wanted in (("kind", tuple(query.kinds)), ("name_key", tuple(fold(name) for name in query.names))):
        if wanted:
            clauses.append(f"{column} IN ({', '.join('?' * len(wanted))})")
            values.extend(wanted)
    clauses.extend("instr(words, ?) > 0" for _ in words)
    return " AND ".join(clauses), [*values, *words]


def write(db: sqlite3.Connection, session: int, rows: Sequence[Row]) -> tuple[int, int]:
    """Write rows, replacing those known; returns how many thumbnails were new, and their bytes."""
    thumbs = nbytes = 0
    for row in rows:
        sighting = row.sighting
        db.execute(INSERT, to_row(session, sighting))
        if sighting.place_id is not None:
            db.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", (session, sighting.place_id, row.place))
        taken_ns = {look.thumb_id: look.t_ns for look in sighting.evidence}
        for thumb in row.thumbs:
            if thumb.data is not None and thumb.id in taken_ns:
                values = (session, thumb.id, taken_ns[thumb.id], thumb.data)
                done = db.execute("INSERT OR IGNORE INTO thumbs (session, id, t_ns, jpeg) VALUES (?, ?, ?, ?)", values)
                thumbs += done.rowcount
                nbytes += done.rowcount * len(thumb.data)
        _cite(db, session, sighting)
    return thumbs, nbytes


def delete(db: sqlite3.Connection, keys: Iterable[Key]) -> int:
    """Delete sightings, with the thumbnails that nothing else cites; returns how many thumbnails went."""
    thumbs = 0
    for key in keys:
        cited = db.execute("SELECT thumb FROM cites WHERE session = ? AND sighting = ?", key).fetchall()
        db.execute("DELETE FROM cites WHERE session = ? AND sighting = ?", key)
        db.execute("DELETE FROM sightings WHERE session = ? AND id = ?", key)
        thumbs += sum(_drop_uncited(db, key[0], thumb) for (thumb,) in cited)
    return thumbs


def erase(db: sqlite3.Connection, session: int, scope: Scope, sightings: Sequence[int]) -> tuple[int, int]:
    """Delete what lies in the scope and these sightings, every picture that may show it, and every name made of it.

    Returns:
        How many sightings and thumbnails went.
    """
    before = _count(db)
    if scope.kind == "all":
        for sql in ("DELETE FROM cites", "DELETE FROM sightings", "DELETE FROM places", "DELETE FROM thumbs"):
            db.execute(sql)
        # Of the sessions nothing stays but the number of the one at hand, so that the next gets another: not even a date.
        db.execute("DELETE FROM sessions WHERE id != ?", (session,))
        db.execute("UPDATE sessions SET begun_unix_ns = NULL")
        return before
    gone = _in_scope(db, session, scope)
    for number in sightings:
        gone.update(_read(db, "session = ? AND id = ?", (session, number)))
    for (theirs, _), sighting in gone.items():
        db.execute("UPDATE places SET name = '' WHERE session = ? AND id = ?", (theirs, sighting.place_id))
        pictures = [(theirs, look.thumb_id) for look in sighting.evidence if look.thumb_id is not None]
        db.executemany("DELETE FROM thumbs WHERE session = ? AND id = ?", pictures)
    delete(db, gone)
    if scope.kind == "since":
        db.execute("DELETE FROM thumbs WHERE session = ? AND t_ns >= ?", (session, scope.t_from_ns))
    else:
        for theirs in {key[0] for key in gone}:
            spans = rules.spans_of(sighting for key, sighting in gone.items() if key[0] == theirs)
            db.executemany("DELETE FROM thumbs WHERE session = ? AND t_ns BETWEEN ? AND ?", [(theirs, *span) for span in spans])
    if scope.kind == "place":
        db.execute("DELETE FROM places WHERE session = ? AND id = ?", (session, scope.place_id))
    if scope.kind == "thing":
        called = [row for row in db.execute("SELECT session, id, name FROM places WHERE name != ''") if rules.mentions(row[2], scope.name)]
        db.executemany("UPDATE places SET name = '' WHERE session = ? AND id = ?", [row[:2] for row in called])
    after = _count(db)
    return before[0] - after[0], before[1] - after[1]


def _in_scope(db: sqlite3.Connection, session: int, scope: Scope) -> dict[Key, Sighting]:
    """The sightings that a scope names; times and places are those of one session, names are those of all."""
    if scope.kind == "since":
        return _read(db, "session = ? AND t_end_ns >= ?", (session, scope.t_from_ns))
    if scope.kind == "place":
        return _read(db, "session = ? AND place_id = ?", (session, scope.place_id))
    wanted, folded = needles(scope.name), fold(scope.name)
    if not wanted:
        return {}
    found = _read(db, "name_key = ?", (folded,))
    found.update(_read(db, " AND ".join(["instr(words, ?) > 0"] * len(wanted)), wanted))
    looks = {theirs: rules.looks_of(s for key, s in found.items() if key[0] == theirs) for theirs in {key[0] for key in found}}
    for (theirs, _), sighting in list(found.items()):
        beside = _read(
            db,
            "session = ? AND t_end_ns >= ? AND t_start_ns <= ? AND kind IN ('label', 'thing')",
            (theirs, sighting.t_start_ns, sighting.t_end_ns),
        )
        found.update({key: other for key, other in beside.items() if rules.same_thing(other, looks[theirs])})
    return found


def _read(db: sqlite3.Connection, where: str, values: Sequence[object]) -> dict[Key, Sighting]:
    # ``where`` is always one of this module's own.
    rows = db.execute(f"SELECT session, {COLUMNS} FROM sightings WHERE {where}", tuple(values)).fetchall()  # noqa: S608
    return {(row[0], row[1]): from_row(row[1:]) for row in rows}


def _cite(db: sqlite3.Connection, session: int, sighting: Sighting) -> None:
    """Note which thumbnails a row cites; one that nothing cites any more goes."""
    key = (session, sighting.id)
    before = {thumb for (thumb,) in db.execute("SELECT thumb FROM cites WHERE session = ? AND sighting = ?", key)}
    now = {look.thumb_id for look in sighting.evidence if look.thumb_id is not None}
    db.executemany("INSERT INTO cites VALUES (?, ?, ?)", [(*key, thumb) for thumb in sorted(now - before)])
    for thumb in sorted(before - now):
        db.execute("DELETE FROM cites WHERE session = ? AND sighting = ? AND thumb = ?", (*key, thumb))
        _drop_uncited(db, session, thumb)


def _drop_uncited(db: sqlite3.Connection, session: int, thumb: str) -> int:
    if db.execute("SELECT 1 FROM cites WHERE session = ? AND thumb = ? LIMIT 1", (session, thumb)).fetchone() is not None:
        return 0
    return db.execute("DELETE FROM thumbs WHERE session = ? AND id = ?", (session, thumb)).rowcount


def _count(db: sqlite3.Connection) -> tuple[int, int]:
    return (
        int(db.execute("SELECT count(*) FROM sightings").fetchone()[0]),
        int(db.execute("SELECT count(*) FROM thumbs").fetchone()[0]),
    )
