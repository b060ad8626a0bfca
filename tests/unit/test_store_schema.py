"""The version of the log's tables: an old file is brought up to date in one transaction or left as it was, a newer one is refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import codec, store_schema
from edge_runtime.errors import StoreError
from edge_runtime.records import Evidence, Query, Scope
from edge_runtime.store import LOG_NAME, open_store
from edge_runtime.store_keys import key_of
from edge_runtime.store_schema import APPLICATION_ID, MIGRATIONS, VERSION, connect, migrate, version_of
from edge_runtime.types import WHOLE
from tests.unit.test_store import row

MIB = 1024 * 1024
VECTOR = np.array([0.6, 0.0, -0.8], np.float32)
FORMAT_1 = """
CREATE TABLE sessions (id INTEGER PRIMARY KEY);
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
"""The tables as the first version made them, to the letter. Never to be changed."""
FORMAT_2 = FORMAT_1.replace("sessions (id INTEGER PRIMARY KEY)", "sessions (id INTEGER PRIMARY KEY, begun_unix_ns INTEGER)")
"""As the second did."""


def old_log(folder: Path, version: int = 1) -> Path:
    """A log as an old version left it: two sessions, a sighting with picture and vector in the first, one read in the second."""
    folder.mkdir(exist_ok=True)
    file = folder / LOG_NAME
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        for pragma in ("page_size=1024", "auto_vacuum=INCREMENTAL", "journal_mode=WAL", "secure_delete=ON"):
            db.execute(f"PRAGMA {pragma}")
        tables = FORMAT_1 if version == 1 else FORMAT_2
        db.executescript(f"BEGIN; {tables} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={version}; COMMIT;")
        db.executemany("INSERT INTO sessions (id) VALUES (?)", [(1,), (2,)])
        looks = [codec.encode((Evidence(number, 10 * number, WHOLE, thumb),)) for number, thumb in ((1, "1-0"), (5, None))]
        times = (0, 0, 1, 1, 10, 15, 0.9, 1, 1, 0)
        insert = f"INSERT INTO sightings VALUES ({', '.join('?' * 19)})"  # noqa: S608
        db.execute(insert, (1, 1, "concept", "mug", " mug ", None, None, *times, looks[0], VECTOR.astype("<f2").tobytes()))
        db.execute(insert, (2, 5, "text", "EXIT", " exit ", " exit ", 1, *times, looks[1], None))
        db.execute("INSERT INTO places VALUES (2, 1, 'by the door')")
        db.execute("INSERT INTO thumbs (session, id, t_ns, jpeg) VALUES (1, '1-0', 10, ?)", (b"jpeg",))
        db.execute("INSERT INTO cites VALUES (1, 1, '1-0')")
    return file


def columns(file: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(file)) as db:
        made = db.execute("SELECT type, name FROM sqlite_master ORDER BY type, name").fetchall()
        return {f"{kind} {name}": db.execute(f"PRAGMA table_info({name})").fetchall() for kind, name in made}


def version(file: Path) -> int:
    with closing(sqlite3.connect(file)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


@pytest.mark.parametrize("old", [1, 2])
def test_an_old_log_is_brought_up_to_date_and_loses_nothing(tmp_path: Path, old: int) -> None:
    file = old_log(tmp_path, old)
    with open_store(tmp_path, log_bytes=MIB, resume=True) as store:
        (found,), places = store.search(Query())
        assert (store.session, found.id, found.what.name, found.merged, places) == (2, 5, "EXIT", 1, ("by the door",))
        assert [sighting.id for sighting in store.search(Query(text="exit"))[0]] == [5]
        assert store.append([row(6, "keys")]).rows == 1
        assert store.erase(Scope("thing", name="mug")).thumbs == 1
    assert version(file) == VERSION
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT id, begun_unix_ns FROM sessions").fetchall() == [(1, None), (2, None)], "a date is never made up"


@pytest.mark.parametrize("old", [1, 2])
def test_the_vectors_of_an_old_log_get_their_search_keys(tmp_path: Path, old: int) -> None:
    file = old_log(tmp_path, old)
    open_store(tmp_path, log_bytes=MIB).close()
    key = key_of(VECTOR)
    assert key is not None
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT * FROM likeness").fetchall() == [(1, 1, key.tobytes())]


@pytest.mark.parametrize("old", [1, 2])
def test_an_old_log_that_was_migrated_is_made_like_a_new_one(tmp_path: Path, old: int) -> None:
    file = old_log(tmp_path / "old", old)
    for folder in ("old", "new"):
        open_store(tmp_path / folder, log_bytes=MIB).close()
    assert columns(file) == columns(tmp_path / "new" / LOG_NAME)
    assert version(tmp_path / "new" / LOG_NAME) == VERSION


def test_there_is_a_way_from_every_version_to_the_next() -> None:
    assert sorted(MIGRATIONS) == list(range(1, VERSION))


def test_a_session_that_begins_is_dated_and_one_that_goes_on_keeps_its_date(tmp_path: Path) -> None:
    open_store(tmp_path, log_bytes=MIB, begun_unix_ns=1_700_000_000_000_000_000).close()
    open_store(tmp_path, log_bytes=MIB, resume=True, begun_unix_ns=5).close()
    open_store(tmp_path, log_bytes=MIB, begun_unix_ns=1_800_000_000_000_000_000).close()
    with closing(sqlite3.connect(tmp_path / LOG_NAME)) as db:
        assert db.execute("SELECT * FROM sessions").fetchall() == [(1, 1_700_000_000_000_000_000), (2, 1_800_000_000_000_000_000)]


def test_when_everything_is_forgotten_no_date_stays(tmp_path: Path) -> None:
    open_store(tmp_path, log_bytes=MIB).close()
    with open_store(tmp_path, log_bytes=MIB) as store:
        store.erase(Scope("all"))
    with closing(sqlite3.connect(tmp_path / LOG_NAME)) as db:
        assert db.execute("SELECT * FROM sessions").fetchall() == [(2, None)]


def test_a_migration_that_fails_leaves_the_old_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = old_log(tmp_path)
    before = file.read_bytes()
    broken = {**MIGRATIONS, 1: (*MIGRATIONS[1], "UPDATE sessions SET begun_unix_ns = 7", "INSERT INTO nowhere VALUES (1)")}
    monkeypatch.setattr(store_schema.migrate, "__defaults__", (broken,))
    with pytest.raises(StoreError, match="cannot be used: no such table: nowhere") as caught:
        open_store(tmp_path, log_bytes=MIB)
    assert caught.value.hint and file.read_bytes() == before and version(file) == 1
    monkeypatch.undo()
    with open_store(tmp_path, log_bytes=MIB, resume=True) as store:
        assert [sighting.what.name for sighting in store.search(Query())[0]] == ["EXIT"]


def test_a_migration_is_one_transaction(tmp_path: Path) -> None:
    file = old_log(tmp_path)
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        with pytest.raises(sqlite3.OperationalError):
            migrate(db, 1, {1: ("CREATE TABLE half (id INTEGER)", "not a statement")})
        assert not db.in_transaction
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
        assert version_of(db, file) == 1


@pytest.mark.parametrize(
    ("number", "words", "hint"), [(VERSION + 1, "newer version", "update edge-runtime"), (0, "damaged", "move it away")]
)
def test_a_version_that_is_not_known_is_refused_and_left_alone(tmp_path: Path, number: int, words: str, hint: str) -> None:
    file = old_log(tmp_path)
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"PRAGMA user_version={number}")
    before = file.read_bytes()
    with pytest.raises(StoreError, match=words) as caught:
        connect(file, MIB)
    assert hint in caught.value.hint and file.read_bytes() == before
