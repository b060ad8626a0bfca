"""Reading a log from outside a run: what is in it, over all its sessions, and what it weighs. Nothing is written.

A run holds its log alone, so that what it forgets is gone from every file at once; while it lasts nobody else can read it. A log
whose run has ended is read without locks of SQLite's. Only the lock file is shared meanwhile, so that no run changes the file
under the reader.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from edge_runtime.errors import Locked, LogError, StoreError
from edge_runtime.log_contents import Found, Page, SessionInfo, Weights
from edge_runtime.records import Query
from edge_runtime.remember.recall import alike
from edge_runtime.remember.words import needles
from edge_runtime.store import LOG_NAME, open_store
from edge_runtime.store_lock import LOCK_NAME
from edge_runtime.store_rows import conditions
from edge_runtime.store_schema import COLUMNS, from_row, version_of

_FACTS = ("sightings", "places", "cites", "absorbed", "sessions", "totals")
_PLACE = "(SELECT places.name FROM places WHERE places.session = sightings.session AND places.id = sightings.place_id)"


def log_folder(folder: Path) -> Path:
    """The folder of the log: the one given, or the one inside the folder of a run."""
    inner = folder / "log"
    return inner if (inner / LOG_NAME).is_file() else folder


def run_of(log: Path) -> Path:
    """The folder of the run that wrote into this folder of a log; the folder itself where no run lies around it, as around a copy."""
    run = log.parent if log.name else log.absolute().parent
    around = (run / "journal").is_dir() or (run / "decisions.jsonl").is_file()
    return run if log.absolute().name == "log" and around else log


def open_log(folder: Path) -> Log:
    """Open a log to read it. If its run was cut short while it erased something, that is finished first: then alone it is written.

    Args:
        folder: Of the log, or of the run that wrote it.

    Raises:
        LogError: There is none, or it is damaged, of another program or of a newer version.
        Locked: A run holds it.
        StoreError: It cannot be read.
    """
    inner = log_folder(folder)
    file = inner / LOG_NAME
    with contextlib.ExitStack() as stack:
        try:
            if not file.is_file():
                hint = "a log is in the folder that `edge-runtime simulator` or `edge-runtime replay ... --out DIR` writes"
                raise LogError(f"there is no log in {folder}", hint=hint)
            lock = stack.enter_context((inner / LOCK_NAME).open("rb")) if (inner / LOCK_NAME).exists() else None
        except OSError as error:
            raise StoreError(f"the log in {inner} cannot be read: {error.strerror}", hint="check who may read it") from error
        if lock is not None:
            _share(lock, inner)
        with _reading(file):
            owed = _owes(file)
        if owed:
            # Nothing may be read of what was to be forgotten.
            stack.close()
            open_store(inner, log_bytes=file.stat().st_size, resume=True).close()
            return open_log(folder)
        with _reading(file):
            db = stack.enter_context(contextlib.closing(_connect(file)))
            version = _version(db, file)
        return Log(file, db, version, stack.pop_all())


class Log:
    """A log that is read. Use :func:`open_log`; a context manager. Its methods raise ``LogError`` where the file is damaged.

    Args:
        file: The database.
        db: The database, opened.
        version: Of its tables.
        held: What is let go of in the end.

    Attributes:
        file: The database.
        version: Of its tables.
    """

    def __init__(self, file: Path, db: sqlite3.Connection, version: int, held: contextlib.ExitStack) -> None:
        self.file = file
        self.version = version
        self._db = db
        self._held = held

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let go of the lock. May be called twice."""
        self._held.close()

    def sessions(self) -> tuple[SessionInfo, ...]:
        """Every session, oldest first."""
        begun = "begun_unix_ns" if self.version >= 2 else "NULL"
        merged = "sum(merged) - count(*)" if self.version >= 3 else "0"
        with _reading(self.file):
            sessions = self._db.execute(f"SELECT id, {begun} FROM sessions ORDER BY id").fetchall()  # noqa: S608
            counts = f"count(*), count(vector), {merged}, min(t_start_ns), max(t_end_ns)"
            facts = self._db.execute(f"SELECT session, {counts} FROM sightings GROUP BY session")  # noqa: S608
            spans = {row[0]: row[1:] for row in facts}
            thumbs = self._db.execute("SELECT session, count(*), sum(length(jpeg)) FROM thumbs GROUP BY session")
            pictures = {row[0]: row[1:] for row in thumbs}
        made = []
        for number, begun_unix_ns in sessions:
            count, vectors, more, first_ns, last_ns = spans.get(number, (0, 0, 0, None, None))
            thumbs_count, thumb_bytes = pictures.get(number, (0, 0))
            made.append(SessionInfo(number, begun_unix_ns, count, thumbs_count, thumb_bytes, first_ns, last_ns, vectors, more))
        return tuple(made)

    def kinds(self) -> dict[str, int]:
        """How many sightings of each kind, most first."""
        sql = "SELECT kind, count(*) FROM sightings GROUP BY kind ORDER BY count(*) DESC, kind"
        with _reading(self.file):
            return dict(self._db.execute(sql).fetchall())

    def weights(self) -> Weights:
        """Bytes by what they hold. Reads the whole file."""
        with _reading(self.file):
            page_bytes, pages, unused = (self._pragma(name) for name in ("page_size", "page_count", "freelist_count"))
            try:
                sizes: dict[str, int] = dict(self._db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall())
            except sqlite3.DatabaseError as error:
                if "dbstat" not in str(error):
                    raise
                sizes = {}
            wal = _wal_bytes(self.file)
        main, free = pages * page_bytes, unused * page_bytes
        if not sizes:
            return Weights(main + wal, None, None, None, free, wal, main - free)
        facts = sum(sizes.get(name, 0) for name in _FACTS)
        thumbs = sizes.get("thumbs", 0)
        index = sum(size for name, size in sizes.items() if name not in (*_FACTS, "thumbs", "sqlite_schema", "sqlite_master"))
        return Weights(main + wal, facts, thumbs, index, free, wal, main - free - facts - thumbs - index)

    def search(self, query: Query, *, words: str = "", session: int | None = None, offset: int = 0) -> Page:
        """Sightings of all sessions that match, by session and within it by time; by likeness where the query has a vector.

        Args:
            query: As a run would ask. Its times are stream times, of every session alike.
            words: Words that the name must hold, of whatever kind it is; ``""`` asks for none.
            session: Only of this one.
            offset: Leave out as many of the first: the next page.
        """
        asked = conditions(query)
        if asked is None or (words and not needles(words)):
            return Page((), 0)
        where, values = asked
        for needle in needles(words):
            where, values = f"{where} AND instr(name_key, ?) > 0", [*values, needle]
        if session is not None:
            where, values = f"{where} AND session = ?", [*values, session]
        skip, limit = max(0, offset), max(0, query.limit)
        order = "session DESC, t_end_ns DESC, id DESC" if query.newest_first else "session, t_start_ns, id"
        with _reading(self.file):
            total = int(self._db.execute(f"SELECT count(*) FROM sightings WHERE {where}", values).fetchone()[0])  # noqa: S608
            if query.key is None:
                return Page(tuple(self._rows(where, values, order, limit, skip)), total)
            # A stable choice: of those equally alike the one that comes first in order.
            key, rows = query.key, self._rows(where, values, order, -1, 0)
            return Page(tuple(heapq.nlargest(skip + limit, rows, key=lambda one: alike(one.sighting, key))[skip:]), total)

    def every(self) -> Iterator[Found]:
        """Every sighting of every session, oldest first, read as it goes."""
        with _reading(self.file):
            yield from self._rows("1", (), "session, t_start_ns, id", -1, 0)

    def sighting(self, session: int, number: int) -> Found | None:
        """One sighting; ``None`` if it is not there (any more)."""
        with _reading(self.file):
            return next(self._rows("session = ? AND id = ?", (session, number), "id", 1, 0), None)

    def thumb(self, session: int, thumb_id: str) -> bytes | None:
        """A thumbnail, as JPEG; ``None`` if it is not there (any more)."""
        with _reading(self.file):
            row = self._db.execute("SELECT jpeg FROM thumbs WHERE session = ? AND id = ?", (session, thumb_id)).fetchone()
        return None if row is None else bytes(row[0])

    def _rows(self, where: str, values: Sequence[object], order: str, limit: int, offset: int) -> Iterator[Found]:
        # Only column names and question marks are put together here and above; what was asked for travels as values.
        columns = COLUMNS if self.version >= 3 else COLUMNS.replace("merged", "1")
        sql = f"SELECT session, {_PLACE}, {columns} FROM sightings WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
        for number, place, *row in self._db.execute(sql, (*values, limit, offset)):
            yield Found(number, from_row(tuple(row)), place or "")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])


def _share(lock: IO[bytes], folder: Path) -> None:
    """Keep runs out while the log is read.

    Raises:
        Locked: One is there already; the lock says which process that is.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as error:
        number = lock.read(20).decode("ascii", "replace").strip()
        who = f"process {number}" if number.isdecimal() else "another process"
        raise Locked(
            f"a run holds the log in {folder} ({who})", hint="look at its page, or end the run: a log is read when its run is over"
        ) from error


def _owes(file: Path) -> bool:
    """Whether a run was cut short while it erased something."""
    with contextlib.closing(_connect(file)) as db:
        there = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'owed'").fetchone() is not None
        return there and db.execute("SELECT 1 FROM owed").fetchone() is not None


def _connect(file: Path) -> sqlite3.Connection:
    # Without anything left in the write-ahead file the main file is all there is, and nobody changes it: SQLite needs no lock and no
    # shared-memory file, and reads where nothing can be written. After a crash the write-ahead file must be read too.
    whole = "" if _wal_bytes(file) else "&immutable=1"
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro{whole}", uri=True, isolation_level=None)


def _version(db: sqlite3.Connection, file: Path) -> int:
    try:
        version = version_of(db, file)
    except StoreError as error:
        raise LogError(str(error), hint=error.hint) from error
    if version is None:
        raise LogError(f"{file} is empty", hint="its run ended before it began; give the folder of another run")
    return version


def _wal_bytes(file: Path) -> int:
    wal = file.with_name(f"{file.name}-wal")
    return wal.stat().st_size if wal.exists() else 0


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Say in our own words, with a hint, why a log cannot be read."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "unable to open" in str(error) or "readonly" in str(error):
            hint = "check who may read it; after a run that was killed its folder must be one that can be written"
            raise StoreError(f"{file} cannot be read: {error}", hint=hint) from error
        raise StoreError(f"{file} cannot be read: {error}", hint="try again; if it stays so, move the log away") from error
    except (sqlite3.DatabaseError, msgspec.DecodeError, ValueError) as error:
        raise LogError(f"{file} is damaged: {error}", hint="move it away; the next run begins a new one") from error
    except OSError as error:
        raise StoreError(f"{file} cannot be read: {error.strerror}", hint="check who may read it") from error
