"""Erasing that is owed. It is noted in the log before anything is erased, so that the next start carries out what a crash cut short.

A note goes through three states: what is to be erased; nothing but the mark that rows are gone and the file still has to be rewritten;
no note. The first names what is to be forgotten, so it is blanked together with the rows, and leaves the file when that is rewritten.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from edge_runtime import codec, store_rows
from edge_runtime.records import Row, Scope
from edge_runtime.types import Value


class Erasure(Value, frozen=True):
    """A wish to erase.

    Attributes:
        scope: What.
        sightings: These of the session in which it was asked, too.
        kept: Rows that live on in part: written in the same transaction, so that no crash can lose them.
    """

    scope: Scope
    sightings: tuple[int, ...] = ()
    kept: tuple[Row, ...] = ()


_erasure: msgspec.msgpack.Decoder[Erasure] = codec.decoder(Erasure)


def note(db: sqlite3.Connection, session: int, erasures: Sequence[Erasure]) -> None:
    """Note wishes of a session."""
    db.executemany("INSERT INTO owed (session, erasure) VALUES (?, ?)", [(session, codec.encode(erasure)) for erasure in erasures])


def first(db: sqlite3.Connection) -> int | None:
    """The number of the oldest wish that has not been carried out."""
    found = db.execute("SELECT number FROM owed WHERE erasure IS NOT NULL ORDER BY number").fetchone()
    return None if found is None else int(found[0])


def carry_out(db: sqlite3.Connection, number: int) -> tuple[int, int]:
    """Erase what a note says, and blank it, inside a transaction of the caller's.

    Returns:
        How many sightings and thumbnails went.
    """
    session, data = db.execute("SELECT session, erasure FROM owed WHERE number = ?", (number,)).fetchone()
    erasure = _erasure.decode(data)
    gone = store_rows.erase(db, session, erasure.scope, erasure.sightings)
    store_rows.write(db, session, erasure.kept)
    db.execute("UPDATE owed SET erasure = NULL WHERE number = ?", (number,))
    return gone


def rewriting(db: sqlite3.Connection) -> bool:
    """Whether rows are gone whose bytes may still be in the file."""
    return db.execute("SELECT 1 FROM owed LIMIT 1").fetchone() is not None


def settle(db: sqlite3.Connection) -> None:
    """The file has been rewritten: nothing is owed any more."""
    db.execute("DELETE FROM owed WHERE erasure IS NULL")
