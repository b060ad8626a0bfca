"""Questions to the log of the session at hand. Each means what :func:`edge_runtime.remember.recall.answer` means in memory."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator

import numpy as np

from edge_runtime.records import Query, Sighting
from edge_runtime.remember.recall import answer
from edge_runtime.remember.words import needles
from edge_runtime.store_keys import Ids, Key, KeyMatrix, dots, foremost, key_of
from edge_runtime.store_rows import conditions
from edge_runtime.store_schema import COLUMNS, TEXT_BITS, from_row

_GRAM = 3
_FEW = 160
"""Texts with the words, times the root of how many are asked for: if more have them, going back in time is the shorter way. Where the two
are equally long was measured on 100,000 texts (``python -m tests.bench.log``)."""
_BLOCK = 4096
_SPARE = 64  # candidates beyond those asked for: their keys are near enough that the vectors must decide

# Below, only column names and question marks are put together; what was asked for travels as values.


def search(db: sqlite3.Connection, session: int, query: Query, matrix: KeyMatrix) -> tuple[Sighting, ...]:
    """Sightings of the session that match, ordered as asked."""
    if query.key is not None:
        return _most_alike(db, session, query, matrix)
    asked = _asked(db, session, query)
    if asked is None:
        return ()
    source, values = asked
    order = "t_end_ns DESC, id DESC" if query.newest_first else "t_start_ns, id"
    picked = f"SELECT id FROM {source} ORDER BY {order} LIMIT ?"  # noqa: S608
    return _read(db, session, [number for (number,) in db.execute(picked, (*values, max(0, query.limit)))])


def load(db: sqlite3.Connection, session: int, matrix: KeyMatrix) -> None:
    """Fill the search matrix from the log."""
    matrix.clear()
    sql = (
        "SELECT sightings.id, kind, t_start_ns, t_end_ns, key FROM likeness"
        " CROSS JOIN sightings ON sightings.session = likeness.session AND sightings.id = likeness.sighting"
        " WHERE likeness.session = ? ORDER BY likeness.sighting"
    )
    for row in db.execute(sql, (session,)):
        matrix.put(*row)


def grams(words: tuple[str, ...]) -> str:
    """The full-text query for texts that hold all three-letter pieces of these words; ``""`` if none is that long.

    All texts that hold the words are among them.
    """
    pieces = {word[i : i + _GRAM] for word in words for i in range(len(word) - _GRAM + 1)}
    return " AND ".join(f'"{piece}"' for piece in sorted(pieces))


def _asked(db: sqlite3.Connection, session: int, query: Query) -> tuple[str, list[object]] | None:
    """Where to look and under which conditions, as the end of a SELECT, with its values; ``None`` if nothing can match."""
    asked = conditions(query)
    if asked is None:
        return None
    where, values = asked
    match = grams(needles(query.text))
    if match:
        base = session << TEXT_BITS
        range_of = (match, base, base + (1 << TEXT_BITS) - 1)
        few = _FEW * math.isqrt(max(0, query.limit))
        held = "texts MATCH ? AND texts.rowid BETWEEN ? AND ?"
        (count,) = db.execute(f"SELECT count(*) FROM (SELECT 1 FROM texts WHERE {held} LIMIT ?)", (*range_of, few + 1)).fetchone()  # noqa: S608
        if count <= few:
            joined = f"texts CROSS JOIN sightings ON session = ? AND id = texts.rowid - ? WHERE {held} AND {where}"
            return joined, [session, base, *range_of, *values]
    # SQLite keeps no figures of ours on which it could choose an index.
    index = "by_name" if query.names else "by_kind" if len(set(query.kinds)) == 1 else "by_time"
    if query.text:
        index, where = "by_kind", f"kind = 'text' AND {where}"
    return f"sightings INDEXED BY {index} WHERE session = ? AND {where}", [session, *values]


def _most_alike(db: sqlite3.Connection, session: int, query: Query, matrix: KeyMatrix) -> tuple[Sighting, ...]:
    """By keys those that may be the most alike, by their vectors which of them are."""
    key = key_of(query.key)
    asked = _asked(db, session, query)
    if key is None or asked is None or query.limit <= 0:
        return ()
    among: Ids | None = None
    if query.names or query.text:
        source, values = asked
        among = np.array([number for (number,) in db.execute(f"SELECT id FROM {source}", values)], np.int64)  # noqa: S608
    count = 2 * query.limit + _SPARE
    found = list(matrix.nearest(key, count, kinds=query.kinds, t_from_ns=query.t_from_ns, t_to_ns=query.t_to_ns, among=among))
    if matrix.floor:
        found.extend(_older(db, session, query, key, count, matrix.floor))
        found = sorted(found, key=lambda one: (-one[0], -one[1]))[:count]
    return answer(_read(db, session, [number for _, number in found]), query)


def _read(db: sqlite3.Connection, session: int, numbers: list[int]) -> tuple[Sighting, ...]:
    """These sightings in this order. Which they are was found by narrow columns; only they are read in full."""
    sql = (
        f"SELECT {COLUMNS} FROM (SELECT key AS nth, value AS number FROM json_each(?))"  # noqa: S608
        " CROSS JOIN sightings ON session = ? AND sightings.id = number ORDER BY nth"
    )
    return tuple(from_row(row) for row in db.execute(sql, (json.dumps(numbers), session)))


def _older(db: sqlite3.Connection, session: int, query: Query, key: Key, count: int, floor: int) -> Iterator[tuple[float, int]]:
    """The nearest among the sightings that are too old for the matrix, block by block from the disk."""
    asked = conditions(query)
    if asked is None:
        return
    where, values = asked
    sql = (
        "SELECT likeness.sighting, t_end_ns, key FROM likeness"  # noqa: S608
        " CROSS JOIN sightings ON sightings.session = likeness.session AND sightings.id = likeness.sighting"
        f" WHERE likeness.session = ? AND likeness.sighting < ? AND {where}"
    )
    rows = db.execute(sql, (session, floor, *values))
    while block := rows.fetchmany(_BLOCK):
        numbers, ends, keys = zip(*block, strict=True)
        ids, scores = np.array(numbers, np.int64), dots(np.frombuffer(b"".join(keys), np.int8).reshape(len(block), -1), key)
        best = foremost(scores, np.array(ends, np.int64), ids, count)
        yield from zip(scores[best].tolist(), ids[best].tolist(), strict=True)
