"""The log's tables, how its file is opened and brought up to date, and how a sighting lies in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.errors import StoreError
from edge_runtime.records import Evidence, Sighting, SightingKind, What
from edge_runtime.remember.words import fold
from edge_runtime.store_keys import key_of
from edge_runtime.types import Box, Vector

VERSION = 4
"""Of the tables, kept in the file as ``user_version``. An older file is migrated when it is opened to be written; a newer one is refused,
because whatever this version wrote into it would be in the old form."""
APPLICATION_ID = 0x65647274  # "edrt"
_SMALL_LOG = 4 * 1024 * 1024
_BUSY_S = 1.0

# What goes with a sighting goes by a trigger: its search key, its words in the full-text index. That index holds the trigrams of the
# words and which rows have them, not the words; what it keeps of rows that are gone leaves it when it is made anew (ANEW).
_WITH_SIGHTINGS = (
    """CREATE TABLE likeness (
    session INTEGER NOT NULL, sighting INTEGER NOT NULL, key BLOB NOT NULL, PRIMARY KEY (session, sighting)
) WITHOUT ROWID""",
    """CREATE TABLE absorbed (
    session INTEGER NOT NULL, sighting INTEGER NOT NULL, host INTEGER NOT NULL, t_start_ns INTEGER NOT NULL, t_end_ns INTEGER NOT NULL,
    evidence BLOB NOT NULL, PRIMARY KEY (session, sighting)
) WITHOUT ROWID""",
    "CREATE INDEX absorbed_host ON absorbed (session, host)",
    "CREATE VIRTUAL TABLE texts USING fts5(folded, content='', columnsize=0, detail=none, tokenize='trigram case_sensitive 1')",
    """CREATE TRIGGER text_in AFTER INSERT ON sightings WHEN NEW.words IS NOT NULL BEGIN
    INSERT INTO texts (rowid, folded) VALUES ((NEW.session << 42) + NEW.id, NEW.words); END""",
    """CREATE TRIGGER text_out AFTER DELETE ON sightings WHEN OLD.words IS NOT NULL BEGIN
    INSERT INTO texts (texts, rowid, folded) VALUES ('delete', (OLD.session << 42) + OLD.id, OLD.words); END""",
    """CREATE TRIGGER sighting_out AFTER DELETE ON sightings BEGIN
    DELETE FROM likeness WHERE session = OLD.session AND sighting = OLD.id;
    DELETE FROM absorbed WHERE session = OLD.session AND host = OLD.id; END""",
    "CREATE INDEX by_name ON sightings (session, name_key, t_end_ns)",
    "CREATE INDEX by_kind ON sightings (session, kind, t_end_ns)",
)
_OWED = "CREATE TABLE owed (number INTEGER PRIMARY KEY, session INTEGER NOT NULL, erasure BLOB)"
"""Erasing under way (:mod:`edge_runtime.store_owed`)."""
_TABLES = """
CREATE TABLE sessions (id INTEGER PRIMARY KEY, begun_unix_ns INTEGER);
CREATE TABLE sightings (
    session INTEGER NOT NULL, id INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, name_key TEXT NOT NULL, words TEXT,
    place_id INTEGER, x0 REAL NOT NULL, y0 REAL NOT NULL, x1 REAL NOT NULL, y1 REAL NOT NULL,
    t_start_ns INTEGER NOT NULL, t_end_ns INTEGER NOT NULL, confidence REAL NOT NULL, looks INTEGER NOT NULL,
    gazed INTEGER NOT NULL, gaze_ns INTEGER NOT NULL, evidence BLOB NOT NULL, vector BLOB, merged INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (session, id)
) WITHOUT ROWID;
CREATE INDEX by_time ON sightings (session, t_end_ns, t_start_ns);
CREATE TABLE places (session INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (session, id)) WITHOUT ROWID;
CREATE TABLE thumbs (
    number INTEGER PRIMARY KEY, session INTEGER NOT NULL, id TEXT NOT NULL, t_ns INTEGER NOT NULL, jpeg BLOB NOT NULL,
    UNIQUE (session, id)
);
CREATE TABLE cites (
    session INTEGER NOT NULL, sighting INTEGER NOT NULL, thumb TEXT NOT NULL, PRIMARY KEY (session, sighting, thumb)
) WITHOUT ROWID;
CREATE INDEX cites_thumb ON cites (session, thumb);
CREATE TABLE totals (
    thumb_bytes INTEGER NOT NULL, merged_session INTEGER NOT NULL DEFAULT 0, merged_to_ns INTEGER NOT NULL DEFAULT 0
);
INSERT INTO totals (thumb_bytes) VALUES (0);
CREATE TRIGGER thumb_in AFTER INSERT ON thumbs BEGIN UPDATE totals SET thumb_bytes = thumb_bytes + length(NEW.jpeg); END;
CREATE TRIGGER thumb_out AFTER DELETE ON thumbs BEGIN UPDATE totals SET thumb_bytes = thumb_bytes - length(OLD.jpeg); END;
"""
TEXT_BITS = 42
"""A row of the full-text index is numbered by its session, shifted by so many bits, plus the number of the sighting."""
REFILL = "INSERT INTO texts (rowid, folded) SELECT (session << 42) + id, words FROM sightings WHERE words IS NOT NULL"
ANEW = ("INSERT INTO texts (texts) VALUES ('delete-all')", REFILL)
"""Make the full-text index of what is there now, and of nothing that ever was."""
COLUMNS = "id, kind, name, place_id, x0, y0, x1, y1, t_start_ns, t_end_ns, confidence, looks, gazed, gaze_ns, evidence, vector, merged"
INSERT = "INSERT OR REPLACE INTO sightings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

MIGRATIONS: Mapping[int, Sequence[str]] = {
    # When a session began, by the machine's clock: the one date in the log, without which no answer could say how old it is. Of
    # the sessions of an old file it is not known.
    1: ("ALTER TABLE sessions ADD COLUMN begun_unix_ns INTEGER",),
    # Search keys, a full-text index in place of one of whole texts, and sightings that stand for several.
    2: (
        "ALTER TABLE sightings ADD COLUMN merged INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE totals ADD COLUMN merged_session INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE totals ADD COLUMN merged_to_ns INTEGER NOT NULL DEFAULT 0",
        "DROP INDEX by_name",
        "DROP INDEX by_words",
        *_WITH_SIGHTINGS,
        "INSERT INTO likeness SELECT session, id, search_key(vector) FROM sightings WHERE search_key(vector) IS NOT NULL",
        REFILL,
    ),
    # Erasing is noted before it is done, so that a crash cannot leave it half done.
    3: (_OWED,),
}
"""What leads from each version to the next."""

_evidence: msgspec.msgpack.Decoder[tuple[Evidence, ...]] = codec.decoder(tuple[Evidence, ...])


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
        db.execute("PRAGMA synchronous=FULL")  # what is acknowledged is on the disk, also when the power goes
        db.execute("PRAGMA secure_delete=ON")
        db.execute("PRAGMA recursive_triggers=ON")  # a row that is replaced is one that goes, to the triggers
        db.create_function("search_key", 1, _search_key, deterministic=True)
        if version is None:
            mark = f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION}"
            db.executescript(f"BEGIN; {_TABLES} {'; '.join((*_WITH_SIGHTINGS, _OWED))}; {mark}; COMMIT;")
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


def _search_key(vector: bytes | None) -> bytes | None:
    key = key_of(_vector(vector))
    return None if key is None else key.tobytes()


def _vector(data: bytes | None) -> Vector | None:
    return None if data is None else np.frombuffer(data, "<f2").astype(np.float32)


def to_row(session: int, sighting: Sighting) -> tuple[object, ...]:
    """A sighting as the values of its row, for :data:`INSERT`. The vector is kept as float16."""
    what, box = sighting.what, sighting.box
    folded = fold(what.name)
    vector = None if sighting.vector is None else sighting.vector.astype("<f2").tobytes()
    return (
        *(session, sighting.id, what.kind, what.name, folded, folded if what.kind == "text" else None),
        *(sighting.place_id, box.x0, box.y0, box.x1, box.y1, sighting.t_start_ns, sighting.t_end_ns, sighting.confidence),
        *(sighting.looks, sighting.gazed, sighting.gaze_ns, codec.encode(sighting.evidence), vector, sighting.merged),
    )


def evidence_of(data: bytes) -> tuple[Evidence, ...]:
    """Looks from the bytes of their column."""
    return _evidence.decode(data)


def from_row(row: tuple[Any, ...]) -> Sighting:
    """A sighting from the :data:`COLUMNS` of its row."""
    number, kind, name, place_id, x0, y0, x1, y1, start_ns, end_ns, confidence, looks, gazed, gaze_ns, evidence, vector, merged = row
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
        evidence=evidence_of(evidence),
        vector=_vector(vector),
        merged=merged,
    )
