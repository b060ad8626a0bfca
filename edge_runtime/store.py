"""The log on disk: facts and thumbnails in one SQLite file, bounded in bytes, that forgets down to the last byte.

One process holds a log at a time. Sightings are numbered anew in every session, so a row is known by session and number; questions
are answered from the session at hand, erasing a thing by its name reaches all of them.

What a method has returned from is on the disk: neither a process that is killed nor a lost power takes it back.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

from edge_runtime import store_merge, store_owed, store_repair, store_rows, store_search
from edge_runtime.errors import StoreError
from edge_runtime.records import Dropped, Query, Receipt, Row, Scope, Sighting
from edge_runtime.store_keys import MATRIX_BYTES, KeyMatrix, key_of
from edge_runtime.store_lock import StoreLock
from edge_runtime.store_owed import Erasure
from edge_runtime.store_schema import connect
from edge_runtime.store_trouble import damaged, telling

_log = logging.getLogger(__name__)
LOG_NAME = "log.db"

_WAL_BYTES = 4 * 1024 * 1024
_SLACK_BYTES = 4 * 1024 * 1024
_PICTURES = 8
"""Thumbnails go first until they hold only one part in so many of the log; then the oldest facts go, with theirs."""
_AT_ONCE = 32
_SMALLEST = 64 * 1024  # a log this small lets go one by one, or the newest would go with the oldest
MOST_OWED = 64
"""Wishes to erase that may wait for a disk to take a note of them; one more is refused."""


def open_store(
    folder: Path, *, log_bytes: int, resume: bool = False, begun_unix_ns: int | None = None, matrix_bytes: int = MATRIX_BYTES
) -> Store:
    """Open the log in a folder, which is made if need be; repair it, and finish what was being erased, if its last run was cut short.

    Args:
        folder: Where ``log.db`` and ``log.lock`` lie.
        log_bytes: Bound on the log's file and its write-ahead file, after every append.
        resume: Go on with the last session, after a restart from a snapshot; else a new one begins.
        begun_unix_ns: When it begins, by the machine's clock; left out, that is now.
        matrix_bytes: What the search matrix takes in memory, from the beginning and for good.

    Raises:
        Locked: Another process, or another part of this one, holds the log.
        StoreError: The folder or the file cannot be used.
    """
    lock, file = StoreLock(folder), folder / LOG_NAME
    try:
        with telling(file):
            salvage = store_repair.make_good(file, log_bytes, thorough=lock.cut_short or not lock.found, ours=lock.found)
        if salvage is not None:
            _log.warning("%s: %s", file, salvage.words)
        begun_unix_ns = time.time_ns() if begun_unix_ns is None else begun_unix_ns
        return Store(file, lock, log_bytes, KeyMatrix(matrix_bytes), resume=resume, begun_unix_ns=begun_unix_ns, salvage=salvage)
    except BaseException:
        lock.release(in_order=False)
        raise


class Store:
    """The log. Use :func:`open_store`; a context manager, used by one thread at a time.

    Args:
        file: The database.
        lock: The lock that is held; let go of with the store.
        log_bytes: The bound.
        matrix: The search matrix, empty.
        resume: Go on with the last session.
        begun_unix_ns: When a new session begins, by the machine's clock.
        salvage: What became of a damaged log in whose place this one is.

    Attributes:
        session: The number of the session at hand.
        salvage: What became of a damaged log in whose place this one is; ``None`` if it was whole.
        wished: Erasures of which the log has no note yet, because the disk took none; they are tried again before anything else.
        lost: Its file was ``"removed"`` or found ``"damaged"`` while it was open: it must be closed, and can be opened again.
    """

    def __init__(
        self,
        file: Path,
        lock: StoreLock,
        log_bytes: int,
        matrix: KeyMatrix,
        *,
        resume: bool,
        begun_unix_ns: int,
        salvage: store_repair.Salvage | None = None,
    ) -> None:
        self._file = file
        self._lock = lock
        self._log_bytes = log_bytes
        self._at_once = min(_AT_ONCE, max(1, log_bytes // _SMALLEST))
        self._wal_bytes = min(_WAL_BYTES, log_bytes // 8)
        self._matrix = matrix
        self._dropped: dict[tuple[str, str], int] = {}
        self.wished: list[Erasure] = []
        self._stale = False
        self.session = 0
        self.salvage = salvage
        self.lost: Literal["", "removed", "damaged"] = ""
        for drop in salvage.dropped if salvage is not None else ():
            self._count(drop.what, drop.reason, drop.count)
        with telling(file):
            self._db = connect(file, log_bytes)
        try:
            with telling(file):
                self._settle()
                self._rewrite()
                with self._transaction():
                    last = int(self._db.execute("SELECT max(id) FROM sessions").fetchone()[0] or 0)
                    self.session = last if resume and last else last + 1
                    self._db.execute("INSERT OR IGNORE INTO sessions VALUES (?, ?)", (self.session, begun_unix_ns))
                    store_search.load(self._db, self.session, matrix)
                stat = file.stat()
                self._inode = (stat.st_dev, stat.st_ino)
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
        self._lock.release(in_order=not self.lost)

    # ------------------------------------------------------------ writing

    def append(self, rows: Sequence[Row]) -> Receipt:
        """Write rows; one whose sighting is known replaces it. Then let the oldest go until the log fits.

        Returns:
            How many rows and new thumbnails, and the bytes of these.

        Raises:
            StoreError: The log cannot be written. What was in it still is; the same rows may be appended again.
        """
        with self._telling():
            self._settle()
            self._rewrite()
            with self._transaction():
                done = store_rows.write(self._db, self.session, rows)
            self._matrix.drop(done.undone)
            for row in rows:
                self._note(row.sighting)
            self._count("sighting", "log_bytes", done.lost)
            self._fit()
        return Receipt(len(rows), done.thumbs, done.nbytes)

    def erase(self, scope: Scope, sightings: Sequence[int] = (), kept: Sequence[Row] = ()) -> Receipt:
        """Erase what lies in the scope, and these sightings of this session; no byte of the log's files holds any of it afterwards.

        The wish is noted in the log first: should the process die after that, the next start carries it out. Deleting alone is not
        enough: SQLite overwrites what it deletes, but rows that moved when their page filled up leave fragments in pages still in use.
        The file is therefore rewritten, which for a moment takes as much room again as it holds.

        Args:
            scope: What to erase.
            sightings: Of this session.
            kept: Rows that live on in part, such as without a picture: written in the same transaction that erases.

        Returns:
            How many rows and thumbnails, and by how many bytes the files shrank.

        Raises:
            StoreError: It cannot be done now. Nothing is read before the rows are gone, nothing written before the bytes are.
        """
        if len(self.wished) >= MOST_OWED:
            raise StoreError(f"{MOST_OWED} wishes to forget wait for {self._file} already", hint="free some space, then ask again")
        self.wished.append(Erasure(scope, tuple(sightings), tuple(kept)))
        with self._telling():
            before = self.nbytes()
            rows, thumbs = self._settle()
            self._rewrite()
        return Receipt(rows, thumbs, max(0, before - self.nbytes()))

    # ------------------------------------------------------------ reading

    def search(self, query: Query) -> tuple[tuple[Sighting, ...], tuple[str, ...]]:
        """Sightings of this session that match, ordered as asked, and the name of each one's place (``""`` if unknown).

        Raises:
            StoreError: The log cannot be read.
        """
        with self._telling():
            self._settle()
            rows = store_search.search(self._db, self.session, query, self._matrix)
            places = dict(self._db.execute("SELECT id, name FROM places WHERE session = ?", (self.session,)).fetchall())
        return rows, tuple(places.get(row.place_id, "") for row in rows)

    def thumb(self, thumb_id: str) -> bytes | None:
        """A thumbnail of this session, as JPEG; ``None`` if it is not there (any more).

        Raises:
            StoreError: The log cannot be read.
        """
        with self._telling():
            self._settle()
            row = self._db.execute("SELECT jpeg FROM thumbs WHERE session = ? AND id = ?", (self.session, thumb_id)).fetchone()
        return None if row is None else bytes(row[0])

    def nbytes(self) -> int:
        """Bytes of the log's files; at most ``log_bytes`` after every append."""
        with self._telling():
            return max(self._file.stat().st_size, self._pragma("page_count") * self._pragma("page_size")) + self._wal_size()

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """What had to go because the log was full (``log_bytes``), or lost its own row for that reason (``merged``)."""
        return tuple(Dropped(what, reason, count) for (what, reason), count in sorted(self._dropped.items()))

    @property
    def ram_bytes(self) -> int:
        """What the search matrix takes in memory, always."""
        return self._matrix.nbytes

    # ------------------------------------------------------------ inside

    def _settle(self) -> tuple[int, int]:
        """Carry out the erasing that is owed; returns how many rows and thumbnails went."""
        if self._stale:
            store_search.load(self._db, self.session, self._matrix)
            self._stale = False
        if self.wished:
            with self._transaction():
                store_owed.note(self._db, self.session, self.wished)
            self.wished.clear()
        rows = thumbs = 0
        while (number := store_owed.first(self._db)) is not None:
            with self._transaction():
                gone = store_owed.carry_out(self._db, number)
            self._stale = True
            rows, thumbs = rows + gone[0], thumbs + gone[1]
        if self._stale:
            store_search.load(self._db, self.session, self._matrix)
            self._stale = False
        return rows, thumbs

    def _rewrite(self) -> None:
        """Rewrite the file if something was erased since it last was."""
        if store_owed.rewriting(self._db):
            self._db.execute("VACUUM")
            self._checkpoint()
            store_owed.settle(self._db)

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
            self._db.executescript("PRAGMA incremental_vacuum")  # execute() would take the first step only, which frees one page
            self._checkpoint()
        elif self._wal_size() > self._wal_bytes:
            self._checkpoint()

    def _drop_oldest(self) -> bool:
        """Make some room; ``False`` if nothing is left to go.

        Thumbnails go first. Once these are few, sightings of one thing are merged, period by period, and then the oldest facts go.
        """
        pictures = int(self._db.execute("SELECT thumb_bytes FROM totals").fetchone()[0])
        if pictures > self._log_bytes // _PICTURES:
            return self._drop_thumbs()
        if self._merge():
            return True
        oldest = "SELECT session, id, merged FROM sightings INDEXED BY by_time ORDER BY session, t_end_ns LIMIT ?"
        rows = self._db.execute(oldest, (self._at_once,)).fetchall()
        thumbs = store_rows.delete(self._db, [row[:2] for row in rows])
        self._matrix.drop(number for session, number, _ in rows if session == self.session)
        self._count("sighting", "log_bytes", sum(merged for _, _, merged in rows))
        self._count("thumb", "log_bytes", thumbs)
        return bool(rows) or self._drop_thumbs()

    def _drop_thumbs(self) -> bool:
        oldest = "DELETE FROM thumbs WHERE number IN (SELECT number FROM thumbs ORDER BY number LIMIT ?)"
        thumbs = self._db.execute(oldest, (self._at_once,)).rowcount
        self._count("thumb", "log_bytes", thumbs)
        return thumbs > 0

    def _merge(self) -> bool:
        """Merge the oldest period in which that saves a row; ``False`` if there is none."""
        while (merged := store_merge.merge_next(self._db, self.session)) is not None:
            if merged.absorbed:
                if merged.session == self.session:
                    self._matrix.drop(merged.absorbed)
                    for host in merged.hosts:
                        self._note(host)
                self._count("sighting", "merged", len(merged.absorbed))
                self._count("thumb", "log_bytes", merged.thumbs)
                return True
        return False

    def _note(self, sighting: Sighting) -> None:
        """Have the search matrix hold what the log holds."""
        key = key_of(sighting.vector)
        self._matrix.put(sighting.id, sighting.what.kind, sighting.t_start_ns, sighting.t_end_ns, None if key is None else key.tobytes())

    def _count(self, what: str, reason: str, count: int) -> None:
        if count:
            self._dropped[what, reason] = self._dropped.get((what, reason), 0) + count

    def _checkpoint(self) -> None:
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def _wal_size(self) -> int:
        wal = self._file.with_name(f"{self._file.name}-wal")
        return wal.stat().st_size if wal.exists() else 0

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """See that the file is still there, and say in our own words what goes wrong with it."""
        with telling(self._file):
            try:
                stat = self._file.stat()
                if (stat.st_dev, stat.st_ino) != self._inode:
                    raise FileNotFoundError(self._file)
                yield
            except FileNotFoundError:
                self.lost = "removed"
                raise
            except sqlite3.DatabaseError as error:
                self.lost = "damaged" if damaged(error) else self.lost
                raise

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing: whatever fails inside, the log is as it was."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._stale = True  # the search matrix may have gone ahead
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
