"""A log whose file is damaged: found out when it is opened, saved as far as it can be read, and removed.

What SQLite itself makes good is no damage: a write-ahead file that ends in the middle, or a page that was half written when the power
went, is put right from the write-ahead file. Damage is what is left then. The damaged file is not kept, because nothing could be
forgotten in it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from edge_runtime import store_rows
from edge_runtime.records import Dropped
from edge_runtime.store_schema import APPLICATION_ID, COLUMNS, connect, evidence_of, from_row
from edge_runtime.store_trouble import damaged
from edge_runtime.types import Value

_UNREADABLE = (ValueError, TypeError, msgspec.MsgspecError)
"""What a row raises whose bytes are not what was written."""


class Salvage(Value, frozen=True):
    """What became of a damaged log.

    Attributes:
        saved: How many rows of sightings are in the new file.
        lost: How many are not; ``None`` where even that cannot be read.
        why: What was wrong, in SQLite's words.
    """

    saved: int
    lost: int | None
    why: str

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """The same, counted."""
        return (Dropped("log", "damaged"), *([Dropped("sighting", "damaged", self.lost)] if self.lost else []))

    @property
    def words(self) -> str:
        """The same, for a person."""
        lost = "how many are lost is not known" if self.lost is None else f"{self.lost} are lost"
        return f"the log was damaged ({self.why}): {self.saved} rows were saved, {lost}"


def make_good(file: Path, log_bytes: int, *, thorough: bool, ours: bool) -> Salvage | None:
    """See whether the file of a log is whole, and save what can be read of it if it is not; ``None`` if it is.

    Args:
        file: The database, which need not exist.
        log_bytes: Bound on the log, of which a new file is made.
        thorough: Go through the whole file: its last run was cut short.
        ours: A log of ours was here before. What is no database at all is then one of ours that is damaged.

    Raises:
        sqlite3.Error: It is no database and none of ours; or there is no room to save it, and it stays as it is.
        OSError: It cannot be read or replaced.
    """
    part = file.with_name(f"{file.name}.part")
    _remove(part)  # a salvage that was itself cut short
    if not file.exists():
        return None
    why = _damage(file, thorough=thorough, ours=ours)
    if not why:
        return None
    try:
        saved, lost = _save(file, part, log_bytes)
        _replace(file, part)
    except BaseException:
        _remove(part)
        raise
    return Salvage(saved, lost, why)


def _damage(file: Path, *, thorough: bool, ours: bool) -> str:
    """What is wrong with the file, in SQLite's words; ``""`` if it is whole, or of another program."""
    if ours and not thorough and not file.stat().st_size:
        return "it is empty"  # whoever closed it in good order had made its tables
    try:
        with _opened(file) as db:
            if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                return ""
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            words = str(db.execute("PRAGMA quick_check(1)").fetchone()[0]).splitlines()[-1] if thorough else "ok"
    except sqlite3.DatabaseError as error:
        if not damaged(error) or ("not a database" in str(error) and not ours):
            raise
        words = str(error)
    return "" if words == "ok" else words


def _save(file: Path, part: Path, log_bytes: int) -> tuple[int, int | None]:
    """Copy what can be read into a new file; returns how many sightings that were, and how many more there had been."""
    with _opened(file) as old, contextlib.closing(connect(part, log_bytes)) as new:
        # The write-ahead file must not lie beside the new one; what it holds goes into the old one first, or is lost with it.
        with contextlib.suppress(sqlite3.DatabaseError):
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        new.execute("BEGIN")
        saved = _sightings(old, new)
        _others(old, new)
        new.execute("COMMIT")
    with _opened(file) as old:
        try:
            there = int(old.execute("SELECT count(*) FROM sightings INDEXED BY by_time").fetchone()[0])
        except sqlite3.DatabaseError:
            return saved, None
    return saved, max(0, there - saved)


def _sightings(old: sqlite3.Connection, new: sqlite3.Connection) -> int:
    """Copy sightings, with everything that is made of them."""
    saved = 0
    columns = COLUMNS if "merged" in _columns(old, "sightings") else COLUMNS.replace("merged", "1")
    for session, *row in _rows(old, "sightings", f"session, {columns}", "session", "id"):
        with contextlib.suppress(*_UNREADABLE):
            store_rows.put(new, session, from_row(tuple(row)))
            saved += 1
    return saved


def _others(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Copy what goes with sightings that were saved, and what is still to be erased."""
    if "begun_unix_ns" in _columns(old, "sessions"):
        new.executemany("INSERT INTO sessions VALUES (?, ?)", _rows(old, "sessions", "id, begun_unix_ns", "id"))
    new.execute("INSERT OR IGNORE INTO sessions SELECT DISTINCT session, NULL FROM sightings")
    new.executemany("INSERT OR IGNORE INTO places VALUES (?, ?, ?)", _rows(old, "places", "session, id, name", "session", "id"))
    pictures = _rows(old, "thumbs", "number, session, id, t_ns, jpeg", "number")
    new.executemany("INSERT OR IGNORE INTO thumbs VALUES (?, ?, ?, ?, ?)", pictures)
    # A picture whose sighting is lost could not be found when that is to be forgotten.
    new.execute("DELETE FROM thumbs WHERE NOT EXISTS (SELECT 1 FROM cites WHERE cites.session = thumbs.session AND thumb = thumbs.id)")
    for row in _rows(old, "absorbed", "session, sighting, host, t_start_ns, t_end_ns, evidence", "session", "sighting"):
        with contextlib.suppress(*_UNREADABLE):
            evidence_of(row[-1])
            new.execute("INSERT OR IGNORE INTO absorbed VALUES (?, ?, ?, ?, ?, ?)", row)
    hosts = "SELECT 1 FROM sightings WHERE sightings.session = absorbed.session AND id = host"
    new.execute(f"DELETE FROM absorbed WHERE NOT EXISTS ({hosts})")  # noqa: S608
    new.executemany("INSERT INTO owed VALUES (?, ?, ?)", _rows(old, "owed", "number, session, erasure", "number"))
    for merged in _rows(old, "totals", "rowid, merged_session, merged_to_ns", "rowid"):
        new.execute("UPDATE totals SET merged_session = ?, merged_to_ns = ?", merged[1:])


def _rows(db: sqlite3.Connection, table: str, columns: str, *key: str) -> Iterator[tuple[Any, ...]]:
    """What can be read of a table: from its beginning up to the damage, then from its end back to it.

    The first columns are the key.
    """
    last: tuple[Any, ...] | None = None
    for order in ("ASC", "DESC"):
        by = ", ".join(f"{column} {order}" for column in key)
        try:
            for row in db.execute(f"SELECT {columns} FROM {table} ORDER BY {by}"):  # noqa: S608
                at = row[: len(key)]
                if not all(isinstance(part, int) for part in at):
                    continue
                if order == "DESC" and last is not None and at <= last:
                    return
                last = at if order == "ASC" else last
                yield row
        except sqlite3.DatabaseError:
            continue  # the damage; how much lies in it is counted in the end
        if order == "ASC":
            return


def _columns(db: sqlite3.Connection, table: str) -> set[str]:
    try:
        return {name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")}
    except sqlite3.DatabaseError:
        return set()


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(file, timeout=1.0, isolation_level=None)) as db:
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        yield db


def _replace(file: Path, part: Path) -> None:
    for suffix in ("-wal", "-shm", "-journal"):
        file.with_name(f"{file.name}{suffix}").unlink(missing_ok=True)
    part.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        file.with_name(f"{file.name}{suffix}").unlink(missing_ok=True)
