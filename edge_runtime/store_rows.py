"""Rows of the log: written, replaced, let go, and picked for erasing. All inside a transaction of the caller's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from edge_runtime.records import Query, Row, Scope, Sighting
from edge_runtime.remember import scopes as rules
from edge_runtime.remember.likeness import usable
from edge_runtime.remember.words import fold, needles
from edge_runtime.store_keys import key_of
from edge_runtime.store_schema import ANEW, COLUMNS, INSERT, evidence_of, from_row, to_row
from edge_runtime.types import Value

Key = tuple[int, int]
"""Session and number of a sighting."""


def conditions(query: Query) -> tuple[str, list[object]] | None:
    """What a query asks for, as a WHERE clause on sightings and its values; ``None`` if nothing can match.

    The same as :func:`edge_runtime.remember.recall.matching` means in memory.
    """
    words = needles(query.text)
    if (query.text and not words) or (query.key is not None and usable(query.key, 0) is None):
        return None
    clauses = ["t_end_ns >= ?", "t_start_ns <= ?"]
    values: list[object] = [query.t_from_ns, query.t_to_ns]
    for column, wanted in (("kind", tuple(query.kinds)), ("name_key", tuple(fold(name) for name in query.names))):
        if wanted:
            clauses.append(f"{column} IN ({', '.join('?' * len(wanted))})")
            values.extend(wanted)
    if query.key is not None:
        clauses.append("length(vector) = ?")
        values.append(query.key.size * 2)
    clauses.extend("instr(words, ?) > 0" for _ in words)
    return " AND ".join(clauses), [*values, *words]


class Written(Value, frozen=True):
    """What became of rows.

    Attributes:
        thumbs: How many thumbnails were new.
        nbytes: What these weigh.
        undone: The sightings that had been merged with one that was written again.
        lost: How many these stood for, beside those written again: they are gone.
    """

    thumbs: int
    nbytes: int
    undone: tuple[int, ...] = ()
    lost: int = 0


def write(db: sqlite3.Connection, session: int, rows: Sequence[Row]) -> Written:
    """Write rows, replacing those known.

    What is told anew of a sighting that was merged with others undoes that: it may have another name now, and must be found and
    forgotten by it. The others go; they were among the oldest, which had to make room.
    """
    thumbs = nbytes = 0
    undone: list[int] = []
    lost: set[int] = set()
    for row in rows:
        sighting = row.sighting
        for host in hosts_of(db, session, (sighting.id,)):
            lost.update(number for (number,) in db.execute("SELECT sighting FROM absorbed WHERE session = ? AND host = ?", host))
            delete(db, [host])
            undone.append(host[1])
        put(db, session, sighting)
        if sighting.place_id is not None:
            db.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", (session, sighting.place_id, row.place))
        taken_ns = {look.thumb_id: look.t_ns for look in sighting.evidence}
        for thumb in row.thumbs:
            if thumb.data is not None and thumb.id in taken_ns:
                values = (session, thumb.id, taken_ns[thumb.id], thumb.data)
                done = db.execute("INSERT OR IGNORE INTO thumbs (session, id, t_ns, jpeg) VALUES (?, ?, ?, ?)", values)
                thumbs += done.rowcount
                nbytes += done.rowcount * len(thumb.data)
    return Written(thumbs, nbytes, tuple(undone), len(lost.difference(row.sighting.id for row in rows)))


def put(db: sqlite3.Connection, session: int, sighting: Sighting) -> None:
    """Write one sighting with its search key, and note what it cites; a thumbnail that nothing cites any more goes."""
    db.execute(INSERT, to_row(session, sighting))
    key = key_of(sighting.vector)
    if key is not None:
        db.execute("INSERT INTO likeness VALUES (?, ?, ?)", (session, sighting.id, key.tobytes()))
    _cite(db, session, sighting)


def hosts_of(db: sqlite3.Connection, session: int, sightings: Iterable[int]) -> set[Key]:
    """The rows that stand for these sightings of a session, among others."""
    sql = "SELECT host FROM absorbed WHERE session = ? AND sighting = ?"
    return {(session, host) for number in sightings for (host,) in db.execute(sql, (session, number))}


def stood_for(db: sqlite3.Connection, key: Key, sighting: Sighting) -> tuple[Sighting, ...]:
    """The sightings that a row stands for, as far as is still known: when, and in which looks; itself if it was never merged."""
    sql = "SELECT sighting, t_start_ns, t_end_ns, evidence FROM absorbed WHERE session = ? AND host = ?"
    parts = db.execute(sql, key).fetchall() if sighting.merged > 1 else []
    return tuple(
        msgspec.structs.replace(sighting, id=number, t_start_ns=start_ns, t_end_ns=end_ns, evidence=evidence_of(looks), merged=1)
        for number, start_ns, end_ns, looks in parts
    ) or (sighting,)


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
        _erase_all(db, session)
    else:
        _erase_some(db, session, scope, sightings)
    for statement in ANEW:
        db.execute(statement)
    after = _count(db)
    return before[0] - after[0], before[1] - after[1]


def _erase_all(db: sqlite3.Connection, session: int) -> None:
    for table in ("cites", "sightings", "likeness", "absorbed", "places", "thumbs"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608
    db.execute("UPDATE totals SET merged_session = 0, merged_to_ns = 0")
    # Of the sessions nothing stays but the number of the one at hand, so that the next gets another: not even a date.
    db.execute("DELETE FROM sessions WHERE id != ?", (session,))
    db.execute("UPDATE sessions SET begun_unix_ns = NULL")


def _erase_some(db: sqlite3.Connection, session: int, scope: Scope, sightings: Sequence[int]) -> None:
    gone = _in_scope(db, session, scope)
    for key in {*((session, number) for number in sightings), *hosts_of(db, session, sightings)}:
        gone.update(_read(db, "session = ? AND id = ?", key))
    parts = {key: stood_for(db, key, sighting) for key, sighting in gone.items()}
    for (theirs, _), sighting in gone.items():
        db.execute("UPDATE places SET name = '' WHERE session = ? AND id = ?", (theirs, sighting.place_id))
        pictures = [(theirs, look.thumb_id) for look in sighting.evidence if look.thumb_id is not None]
        db.executemany("DELETE FROM thumbs WHERE session = ? AND id = ?", pictures)
    delete(db, gone)
    if scope.kind == "since":
        db.execute("DELETE FROM thumbs WHERE session = ? AND t_ns >= ?", (session, scope.t_from_ns))
    else:
        for theirs in {key[0] for key in gone}:
            spans = rules.spans_of(part for key in gone if key[0] == theirs for part in parts[key])
            taken = db.execute("SELECT number, t_ns FROM thumbs WHERE session = ?", (theirs,))
            within = [(number,) for number, t_ns in taken if rules.within(t_ns, spans)]
            db.executemany("DELETE FROM thumbs WHERE number = ?", within)
    if scope.kind == "place":
        db.execute("DELETE FROM places WHERE session = ? AND id = ?", (session, scope.place_id))
    if scope.kind == "thing":
        called = [row for row in db.execute("SELECT session, id, name FROM places WHERE name != ''") if rules.mentions(row[2], scope.name)]
        db.executemany("UPDATE places SET name = '' WHERE session = ? AND id = ?", [row[:2] for row in called])


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
    looks: dict[int, rules.Looks] = {}
    for key, sighting in found.items():
        looks[key[0]] = looks.get(key[0], frozenset()) | rules.looks_of(stood_for(db, key, sighting))
    for theirs, shown in looks.items():
        # All of them once, rather than a search through all that came later for each that was found.
        for key, other in _each(db, "session = ? AND kind IN ('label', 'thing')", (theirs,)):
            if key not in found and any(rules.same_thing(part, shown) for part in stood_for(db, key, other)):
                found[key] = other
    return found


def _read(db: sqlite3.Connection, where: str, values: Sequence[object]) -> dict[Key, Sighting]:
    return dict(_each(db, where, values))


def _each(db: sqlite3.Connection, where: str, values: Sequence[object]) -> Iterator[tuple[Key, Sighting]]:
    # ``where`` is always one of this module's own.
    for row in db.execute(f"SELECT session, {COLUMNS} FROM sightings WHERE {where}", tuple(values)):  # noqa: S608
        yield (row[0], row[1]), from_row(row[1:])


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
