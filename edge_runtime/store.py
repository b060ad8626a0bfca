"""The log on disk: facts and thumbnails in one SQLite file, bounded in bytes, that forgets down to the last byte.

One process holds a log at a time. Sightings are numbered anew in every session, so a row is known by session and number; questions
are answered from the session at hand, erasing a thing by its name reaches all of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from edge_runtime import store_rows
from edge_runtime.errors import DeviceError, Locked, StoreError
from edge_runtime.records import Dropped, Query, Receipt, Row, Scope, Sighting
from edge_runtime.store_schema import COLUMNS, connect, from_row

LOG_NAME = "log.db"
LOCK_NAME = "log.lock"

_WAL_BYTES = 4 * 1024 * 1024
_SLACK_BYTES = 4 * 1024 * 1024
_PICTURES = 8
"""Thumbnails go first until they hold only one part in so many of the log; then the oldest facts go, with theirs."""
_AT_ONCE = 32


def open_store(folder: Path, *, log_bytes: int, resume: bool = False, begun_unix_ns: int | None = None) -> Store:
    """Open the log in a folder, which is made if need be.

    Args:
        folder: Where ``log.db`` and ``log.lock`` lie.
        log_bytes: Bound on the log's file and its write-ahead file, after every append.
        resume: Go on with the last session, after a restart from a snapshot; else a new one begins.
        begun_unix_ns: When it begins, by the machine's clock; left out, that is now.

    Raises:
        Locked: Another process, or another part of this one, holds the log.
        StoreError: The folder or the file cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK_NAME).open("ab")
    except OSError as error:
        raise StoreError(f"the log in {folder} cannot be opened: {error.strerror}", hint="choose a folder that can be written") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _locked(folder) from error
        _sign(lock, folder)
        begun_unix_ns = time.time_ns() if begun_unix_ns is None else begun_unix_ns
        return Store(folder / LOG_NAME, lock, log_bytes, resume=resume, begun_unix_ns=begun_unix_ns)
    except BaseException:
        lock.close()
        raise


class Store:
    """The log. Use :func:`open_store`; a context manager, used by one thread at a time.

    Args:
        file: The database.
        lock: The lock that is held; closed with the store.
        log_bytes: The bound.
        resume: Go on with the last session.
        begun_unix_ns: When a new session begins, by the machine's clock.

    Attributes:
        session: The number of the session at hand.
    """

    def __init__(self, file: Path, lock: IO[bytes], log_bytes: int, *, resume: bool, begun_unix_ns: int) -> None:
        self._file = file
        self._lock = lock
        self._log_bytes = log_bytes
        self._wal_bytes = min(_WAL_BYTES, log_bytes // 8)
        self._dropped: dict[str, int] = {}
        self._owed: list[tuple[Scope, tuple[int, ...]]] = []
        self._unclean = False
        with _telling(file):
            self._db = connect(file, log_bytes)
        try:
            with _telling(file), self._transaction():
                last = int(self._db.execute("SELECT max(id) FROM sessions").fetchone()[0] or 0)
                self.session = last if resume and last else last + 1
                self._db.execute("INSERT OR IGNORE INTO sessions VALUES (?, ?)", (self.session, begun_unix_ns))
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let go of the lock. May be called twice."""
        self._db.close()
        self._lock.close()

    # ------------------------------------------------------------ writing

    def append(self, rows: Sequence[Row]) -> Receipt:
        """Write rows; one whose sighting is known replaces it. Then let the oldest go until the log fits.

        Returns:
            How many rows and new thumbnails, and the bytes of these.

        Raises:
            StoreError: The log cannot be written. What was in it still is; the same rows may be appended again.
        """
        with _telling(self._file):
            self._settle()
            self._rewrite()
            with self._transaction():
                thumbs, nbytes = store_rows.write(self._db, self.session, rows)
            self._fit()
        return Receipt(len(rows), thumbs, nbytes)

    def erase(self, scope: Scope, sightings: Sequence[int] = ()) -> Receipt:
        """Erase what lies in the scope, and these sightings of this session; no byte of the log's files holds any of it afterwards.

        Deleting alone is not enough: SQLite overwrites what it deletes, but rows that moved when their page filled up leave fragments in
        pages still in use. The file is therefore rewritten, which for a moment takes as much room again as it holds.

        Returns:
            How many rows and thumbnails, and by how many bytes the files shrank.

        Raises:
            StoreError: It cannot be done now. Nothing is read before the rows are gone, nothing written before the bytes are.
        """
        self._owed.append((scope, tuple(sightings)))
        before = self.nbytes()
        with _telling(self._file):
            rows, thumbs = self._settle()
            self._rewrite()
        return Receipt(rows, thumbs, max(0, before - self.nbytes()))

    # ------------------------------------------------------------ reading

    def search(self, query: Query) -> tuple[tuple[Sighting, ...], tuple[str, ...]]:
        """Sightings of this session that match, ordered as asked, and the name of each one's place (``""`` if unknown).

        Raises:
            StoreError: The log cannot be read.
        """
        asked = store_rows.conditions(query)
        if asked is None:
            return (), ()
        where, values = asked
        order = "t_end_ns DESC, id DESC" if query.newest_first else "t_start_ns, id"
        # Only column names and question marks are put together here; what was asked for travels as values.
        sql = f"SELECT {COLUMNS} FROM sightings WHERE session = ? AND {where} ORDER BY {order} LIMIT ?"  # noqa: S608
        with _telling(self._file):
            self._settle()
            rows = tuple(from_row(row) for row in self._db.execute(sql, (self.session, *values, max(0, query.limit))))
            places = dict(self._db.execute("SELECT id, name FROM places WHERE session = ?", (self.session,)).fetchall())
        return rows, tuple(places.get(row.place_id, "") for row in rows)

    def thumb(self, thumb_id: str) -> bytes | None:
        """A thumbnail of this session, as JPEG; ``None`` if it is not there (any more).

        Raises:
            StoreError: The log cannot be read.
        """
        with _telling(self._file):
            self._settle()
            row = self._db.execute("SELECT jpeg FROM thumbs WHERE session = ? AND id = ?", (self.session, thumb_id)).fetchone()
        return None if row is None else bytes(row[0])

    def nbytes(self) -> int:
        """Bytes of the log's files; at most ``log_bytes`` after every append."""
        with _telling(self._file):
            return max(self._file.stat().st_size, self._pragma("page_count") * self._pragma("page_size")) + self._wal_size()

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """What had to go because the log was full."""
        return tuple(Dropped(what, "log_bytes", count) for what, count in sorted(self._dropped.items()))

    # ------------------------------------------------------------ inside

    def _settle(self) -> tuple[int, int]:
        """Carry out the erasing that is owed; returns how many rows and thumbnails went."""
        rows = thumbs = 0
        while self._owed:
            scope, sightings = self._owed[0]
            with self._transaction():
                gone = store_rows.erase(self._db, self.session, scope, sightings)
            del self._owed[0]
            self._unclean = True
            rows, thumbs = rows + gone[0], thumbs + gone[1]
        return rows, thumbs

    def _rewrite(self) -> None:
        """Rewrite the file if something was erased since it last was."""
        if self._unclean:
            self._db.execute("VACUUM")
            self._checkpoint()
            self._unclean = False

    def _fit(self) -> None:
        """Bring the files back inside their bound."""
        limit = self._log_bytes - self._wal_bytes
        page_bytes = self._pragma("page_size")
        if self._pragma("page_count") * page_bytes > limit:
            room = limit - min(_SLACK_BYTES, limit // 16)
            while (self._pragma("page_count") - self._pragma("freelist_count")) * page_bytes > room:
                with self._transaction():
                    if not self._drop_oldest():
                        break
                if self._wal_size() > self._wal_bytes:
                    self._checkpoint()
            self._db.execute("PRAGMA incremental_vacuum").fetchall()
            self._checkpoint()
        elif self._wal_size() > self._wal_bytes:
            self._checkpoint()

    def _drop_oldest(self) -> bool:
        """Let a few of the oldest thumbnails go, or, once these are few, of the oldest facts; ``False`` if nothing is left."""
        pictures = int(self._db.execute("SELECT thumb_bytes FROM totals").fetchone()[0])
        rows: list[tuple[int, int]] = []
        if pictures <= self._log_bytes // _PICTURES:
            rows = self._db.execute("SELECT session, id FROM sightings ORDER BY session, t_end_ns LIMIT ?", (_AT_ONCE,)).fetchall()
            thumbs = store_rows.delete(self._db, rows)
        if not rows:
            oldest = "DELETE FROM thumbs WHERE number IN (SELECT number FROM thumbs ORDER BY number LIMIT ?)"
            thumbs = self._db.execute(oldest, (_AT_ONCE,)).rowcount
        self._count("sighting", len(rows))
        self._count("thumb", thumbs)
        return bool(rows or thumbs)

    def _count(self, what: str, count: int) -> None:
        if count:
            self._dropped[what] = self._dropped.get(what, 0) + count

    def _checkpoint(self) -> None:
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def _wal_size(self) -> int:
        wal = self._file.with_name(f"{self._file.name}-wal")
        return wal.stat().st_size if wal.exists() else 0

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing: whatever fails inside, the log is as it was."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _sign(lock: IO[bytes], folder: Path) -> None:
    """Leave the number of this process in the lock, for whoever finds it held."""
    try:
        lock.truncate(0)
        lock.write(str(os.getpid()).encode())
        lock.flush()
    except OSError as error:
        raise StoreError(f"the log in {folder} cannot be written: {error.strerror}", hint="free some space") from error


def _locked(folder: Path) -> Locked:
    return Locked(f"another process holds the log in {folder}", hint="end the other run, or give this one a folder of its own")


@contextlib.contextmanager
def _telling(file: Path) -> Iterator[None]:
    """Say what SQLite and the file system complain about in our own words, with a hint."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise _told(file, error) from error


def _told(file: Path, error: Exception) -> DeviceError:
    words = str(error)
    if "locked" in words:
        return _locked(file.parent)
    if "full" in words or "disk I/O" in words:
        return StoreError(
            f"the disk that holds {file} is full or does not take writes: {words}",
            hint="free some space; what is not yet written is tried again",
        )
    if "not a database" in words or "malformed" in words:
        return StoreError(f"{file} is damaged: {words}", hint="move it away; a new log is begun in its place")
    if "readonly" in words or "unable to open" in words:
        return StoreError(f"{file} cannot be written: {words}", hint="choose a folder that can be written")
    return StoreError(f"the log {file} cannot be used: {words}", hint="move it away; a new log is begun in its place")
