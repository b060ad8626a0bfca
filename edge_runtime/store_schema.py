"""The log's tables, how its file is opened and brought up to date, and how a sighting lies in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from edge_runtime import codec
from edge_runtime.errors import StoreError
from edge_runtime.records import Evidence, Sighting, SightingKind, What
from edge_runtime.remember.words import fold
from edge_runtime.types import Box

VERSION = 2
"""Of the tables, kept in the file as ``user_version``. An older file is migrated when it is opened to be written; a newer one is refused,
because whatever this version wrote into it would be in the old form."""
APPLICATION_ID = 0x65647274  # "edrt"
_SMALL_LOG = 4 * 1024 * 1024
_BUSY_S = 1.0

# ``name_key`` and ``words`` are what names and words are compared with; the words are searched through their index, which is narrow.
# A full-text index would keep deleted words in tables of its own.
_TABLES = """
CREATE TABLE sessions (id INTEGER PRIMARY KEY, begun_unix_ns INTEGER);
CREATE TABLE sightings (
    session INTEGER NOT NULL, id INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, name_key TEXT NOT NULL, words TEXT,
    place_id INTEGER, x0 REAL NOT NULL, y0 REAL NOT NULL, x1 REAL NOT NULL, y1 REAL NOT NULL,
    t_start_ns INTEGER NOT NULL, t_end_ns INTEGER NOT NULL, confidence REAL NOT NULL, looks INTEGER NOT NULL,
    gazed INTEGER NOT NULL, gaze_ns INTEGER NOT NULL, evidence BLOB NOT NULL, vector BLOB,
    PRIMARY KEY (session, id)
) WITHOUT ROWID;
CREATE INDEX by_time ON sightings (session, t_end_ns, t_start_ns);
CREATE INDEX by_name ON sightings (name_key);
CREATE INDEX by_words ON sightings (words) WHERE words IS NOT NULL;
CREATE TABLE places (session INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (session, id)) WITHOUT ROWID;
CREATE TABLE thumbs (
    number INTEGER PRIMARY KEY, session INTEGER NOT NULL, id TEXT NOT NULL, t_ns INTEGER NOT NULL, jpeg BLOB NOT NULL,
    UNIQUE (session, id)
);
CREATE TABLE cites (
    session INTEGER NOT NULL, sighting INTEGER NOT NULL, thumb TEXT NOT NULL, PRIMARY KEY (session, sighting, thumb)
) WITHOUT ROWID;
CREATE INDEX cites_thumb ON cites (session, thumb);
CREATE TABLE totals (thumb_bytes INTEGER NOT NULL);
INSERT INTO totals VALUES (0);
CREATE TRIGGER thumb_in AFTER INSERT ON thumbs BEGIN UPDATE totals SET thumb_bytes = thumb_bytes + length(NEW.jpeg); END;
CREATE TRIGGER thumb_out AFTER DELETE ON thumbs BEGIN UPDATE totals SET thumb_bytes = thumb_bytes - length(OLD.jpeg); END;
"""
COLUMNS = "id, kind, name, place_id, x0, y0, x1, y1, t_start_ns, t_end_ns, confidence, looks, gazed, gaze_ns, evidence, vector"
INSERT = "INSERT OR REPLACE INTO sightings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

MIGRATIONS: Mapping[int, Sequence[str]] = {
    # When a session began, by the machine's clock: the one date in the log, without which no answer could say how old it is. Of
    # the sessions of an old file it is not known.
    1: ("ALTER TABLE sessions ADD COLUMN begun_unix_ns INTEGER",),
}
"""What leads from each version to the next."""

_evidence = codec.decoder(tuple[Evidence, ...])


def connect(file: Path, log_bytes: int) -> sqlite3.Connection:
    """Open the log's file to write it: make its tables if it is new, bring them up to date if they are old.

    Raises:
        StoreError: The file is of another program or a newer version.
        sqlite3.Error: It cannot be opened, read or written.
    """
    db = sqlite3.connect(file, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        # One process holds the log anyway (there is a lock): exclusive mode needs no shared-memory file beside it.
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        version = version_of(db, file)
        if version is None:
            # A small log is made of small pages, or its empty tables would fill it.
            db.execute("PRAGMA page_size=1024" if log_bytes < _SMALL_LOG else "PRAGMA page_size=4096")
            db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA secure_delete=ON")
        if version is None:
            db.executescript(f"BEGIN; {_TABLES} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION}; COMMIT;")
        elif version < VERSION:
            migrate(db, version)
    except BaseException:
        db.close()
        raise
    return db


def version_of(db: sqlite3.Connection, file: Path) -> int | None:
    """The version of a log's tables; ``None`` if it has none yet.

    Raises:
        StoreError: The file is of another program or a newer version, or of no version that there ever was.
        sqlite3.Error: It cannot be read.
    """
    owner, version = (int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("application_id", "user_version"))
    if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return None
    if owner != APPLICATION_ID:
        raise StoreError(f"{file} was written by another program", hint="give the log a folder of its own")
    if version > VERSION:
        hint = f"update edge-runtime, which here knows formats up to {VERSION}, or use another folder"
        raise StoreError(f"{file} was written by a newer version (log format {version})", hint=hint)
    if version < 1:
        raise StoreError(f"{file} is damaged: no log has format {version}", hint="move it away; a new log is begun in its place")
    return version


def migrate(db: sqlite3.Connection, version: int, steps: Mapping[int, Sequence[str]] = MIGRATIONS) -> None:
    """Bring the tables from an older version up to date, in one transaction: if any of it fails, the file is as it was.

    Args:
        db: The log, opened to be written, outside a transaction.
        version: What it is now.
        steps: For each version, the statements that lead to the next.

    Raises:
        sqlite3.Error: It cannot be done; the log is still of the old version.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        for old in range(version, VERSION):
            for statement in steps[old]:
                db.execute(statement)
        db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def to_row(session: int, sighting: Sighting) -> tuple[object, ...]:
    """A sighting as the values of its row, for :data:`INSERT`. The vector is kept as float16."""
    what, box = sighting.what, sighting.box
    folded = fold(what.name)
    vector = None if sighting.vector is None else sighting.vector.astype("<f2").tobytes()
    return (
        *(session, sighting.id, what.kind, what.name, folded, folded if what.kind == "text" else None),
        *(sighting.place_id, box.x0, box.y0, box.x1, box.y1, sighting.t_start_ns, sighting.t_end_ns, sighting.confidence),
        *(sighting.looks, sighting.gazed, sighting.gaze_ns, codec.encode(sighting.evidence), vector),
    )


def from_row(row: tuple[Any, ...]) -> Sighting:
    """A sighting from the :data:`COLUMNS` of its row."""
    number, kind, name, place_id, x0, y0, x1, y1, start_ns, end_ns, confidence, looks, gazed, gaze_ns, evidence, vector = row
    return Sighting(
        id=number,
        what=What(cast(SightingKind, kind), name),
        place_id=place_id,
        box=Box(x0, y0, x1, y1),
        t_start_ns=start_ns,
        t_end_ns=end_ns,
        confidence=confidence,
        looks=looks,
        gazed=bool(gazed),
        gaze_ns=gaze_ns,
        evidence=_evidence.decode(evidence),
        vector=None if vector is None else np.frombuffer(vector, "<f2").astype(np.float32),
    )
