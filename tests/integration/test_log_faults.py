"""What may befall a log and a journal at any moment: nothing that was acknowledged is lost, and what is damaged from outside is said."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge_runtime import store_owed
from edge_runtime.log import open_log
from edge_runtime.records import Dropped, Query, Scope
from edge_runtime.store import LOG_NAME, Store, open_store
from edge_runtime.store_lock import LOCK_NAME
from edge_runtime.store_schema import connect
from tests.dying_disk import tortured
from tests.dying_log import raw
from tests.unit.test_store import row

MIB = 1024 * 1024
WAL_NAME = f"{LOG_NAME}-wal"


@pytest.mark.slow
@pytest.mark.parametrize("log_bytes", [8 * MIB, 96 * 1024], ids=["plenty", "full"])
def test_a_process_may_be_killed_at_any_write(tmp_path: Path, log_bytes: int) -> None:
    assert tortured("tests.dying_log", tmp_path, 50, 1000, log_bytes).startswith("50 kills")


@pytest.mark.slow
def test_a_journal_is_read_up_to_the_last_step_that_was_written(tmp_path: Path) -> None:
    assert tortured("tests.dying_journal", tmp_path, 100, 1000).startswith("100 kills")


# ---------------------------------------------------------------- a lost power


def left_behind(folder: Path, at: Path, *, secret: bool = False) -> Path:
    """The files of a log as they are while its run goes on: some rows in the main file, the last batches in the write-ahead file."""
    with open_store(folder, log_bytes=8 * MIB) as store:
        for number in range(1, 200):
            store.append(
                [row(number, f"vase {number} in the hall", "text" if number % 2 else "label", pictures={f"{number}-0": bytes(3000)})]
            )
        store.append([row(200, "PASSPORT" if secret else "keys")])
        shutil.copytree(folder, at)
    return at


def ids(store: Store) -> list[int]:
    return sorted(sighting.id for sighting in store.search(Query(limit=10_000))[0])


def whole(folder: Path) -> bool:
    with closing(sqlite3.connect(folder / LOG_NAME)) as db:
        return db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("seed", range(8))
def test_a_torn_write_ahead_file_costs_its_last_batches_and_nothing_before(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    folder = left_behind(tmp_path / "run", tmp_path / "left")
    wal = folder / WAL_NAME
    data = bytearray(wal.read_bytes())
    at = dice.randrange(32, len(data))
    if seed % 2:
        wal.write_bytes(data[:at])
    else:
        data[at : at + 512] = dice.randbytes(len(data[at : at + 512]))
        wal.write_bytes(data)
    with open_store(folder, log_bytes=8 * MIB, resume=True) as store:
        assert store.salvage is None, "SQLite puts this right by itself"
        found = ids(store)
        assert found == list(range(1, len(found) + 1)), "batches are lost from the end, whole"
        assert store.append([row(201)]).rows == 1
    assert whole(folder)


def test_a_page_that_was_half_written_when_the_power_went_is_put_right(tmp_path: Path) -> None:
    folder = left_behind(tmp_path / "run", tmp_path / "left")
    # A checkpoint was under way: what it writes to the main file is still in the write-ahead file, until all of it is on the disk.
    with closing(sqlite3.connect(f"file:{folder / LOG_NAME}?mode=ro", uri=True)) as db:
        page_bytes = db.execute("PRAGMA page_size").fetchone()[0]
    for number in _pages_in(folder / WAL_NAME, page_bytes):
        _overwrite(folder / LOG_NAME, (number - 1) * page_bytes + 512, b"\xff" * 512)
    with open_store(folder, log_bytes=8 * MIB, resume=True) as store:
        assert store.salvage is None and ids(store) == list(range(1, 201))
    assert whole(folder)


def _pages_in(wal: Path, page_bytes: int) -> set[int]:
    data = wal.read_bytes()
    frames = range(32, len(data) - page_bytes, 24 + page_bytes)
    return {int.from_bytes(data[at : at + 4], "big") for at in frames}


def _overwrite(file: Path, at: int, data: bytes) -> None:
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(data)


@pytest.mark.parametrize("seed", range(8))
def test_a_main_file_that_is_damaged_is_saved_as_far_as_it_can_be_read(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    folder = left_behind(tmp_path / "run", tmp_path / "left", secret=True)
    file = folder / LOG_NAME
    (folder / WAL_NAME).unlink()
    there, data = _rows_in(file), file.read_bytes()
    # A page of pictures, or one of facts.
    page = dice.randrange(4, len(data) // 4096) if seed % 2 else data.index(b"vase %d in the hall" % dice.randrange(1, 150)) // 4096
    _overwrite(file, page * 4096, dice.randbytes(4096 * dice.choice([1, 3])) if seed % 3 else bytes(4096))
    with open_store(folder, log_bytes=8 * MIB, resume=True) as store:
        assert store.salvage is not None and Dropped("log", "damaged", 1) in store.dropped
        found, lost = ids(store), store.salvage.lost
        assert store.salvage.saved == len(found) > there // 2
        assert lost is None or len(found) + lost == there
        assert not lost or Dropped("sighting", "damaged", lost) in store.dropped
        store.append([row(500)])
        store.erase(Scope("thing", name="passport"))
    assert whole(folder) and b"PASSPORT" not in raw(folder)
    assert sorted(path.name for path in folder.iterdir()) == [LOG_NAME, LOCK_NAME]


def test_only_a_log_whose_run_was_cut_short_is_gone_through(tmp_path: Path) -> None:
    with open_store(tmp_path, log_bytes=8 * MIB) as store:
        store.append([row(number, pictures={f"{number}-0": b"%04d" % number * 2000}) for number in range(1, 50)])
        assert (tmp_path / LOCK_NAME).read_text().isdecimal()
    assert (tmp_path / LOCK_NAME).read_bytes() == b"", "closed in good order"
    data = (tmp_path / LOG_NAME).read_bytes()
    _overwrite(tmp_path / LOG_NAME, data.index(b"0033" * 500) // 4096 * 4096, b"\xff" * 4)  # the link to the picture's next page
    with open_store(tmp_path, log_bytes=8 * MIB) as store:
        assert store.salvage is None
    (tmp_path / LOCK_NAME).write_text("4194305")
    with open_store(tmp_path, log_bytes=8 * MIB, resume=True) as store:
        assert store.salvage is not None and store.salvage.saved == 49
        assert store.thumb("33-0") is None


def _rows_in(file: Path) -> int:
    with closing(sqlite3.connect(file)) as db:
        return int(db.execute("SELECT count(*) FROM sightings").fetchone()[0])


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: _overwrite(file, 0, bytes(512)),
        lambda file: _overwrite(file, 0, b"this is not a log" * 100),
        lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
        lambda file: file.write_bytes(b""),
    ],
    ids=["zeroed header", "not a database", "cut in half", "empty"],
)
def test_a_log_that_cannot_be_read_at_all_is_begun_anew_and_that_is_said(
    tmp_path: Path, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    with open_store(tmp_path, log_bytes=8 * MIB) as store:
        store.append([row(number, "PASSPORT", "text", pictures={f"{number}-0": b"SECRETPICTURE" * 300}) for number in range(1, 200)])
    damage(tmp_path / LOG_NAME)
    with open_store(tmp_path, log_bytes=8 * MIB, resume=True) as store:
        store.append([row(500)])
        assert 500 in ids(store)
        assert store.salvage is not None and Dropped("log", "damaged", 1) in store.dropped
        store.erase(Scope("thing", name="passport"))
    assert "the log was damaged" in caplog.text
    assert b"PASSPORT" not in raw(tmp_path) and b"SECRETPICTURE" not in raw(tmp_path), "the damaged file is not kept"


# ---------------------------------------------------------------- erasing that was cut short


def half_erased(folder: Path) -> None:
    """A log whose process was killed when it had noted what to erase, and done no more."""

    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Died), open_store(folder, log_bytes=8 * MIB) as store:
        store.append([row(1, "PASSPORT", "text"), row(2, "keys"), row(3, "mug", pictures={"3-0": b"a hand with a passport"})])
        patch.setattr(store_owed, "carry_out", die)
        store.erase(Scope("thing", name="passport"), [3], [row(3, "mug")])


def test_what_was_to_be_forgotten_is_not_read_before_it_is_gone(tmp_path: Path) -> None:
    half_erased(tmp_path)
    assert b"PASSPORT" in raw(tmp_path)
    with open_log(tmp_path) as log:
        assert [found.sighting.what.name for found in log.every()] == ["keys", "mug"]
        assert log.thumb(1, "3-0") is None
    assert b"PASSPORT" not in raw(tmp_path) and b"a hand with a passport" not in raw(tmp_path)


def test_the_next_start_erases_first_and_keeps_what_lives_on_in_part(tmp_path: Path) -> None:
    half_erased(tmp_path)
    with open_store(tmp_path, log_bytes=8 * MIB) as store:
        assert b"PASSPORT" not in raw(tmp_path) and store.session == 2
    with open_store(tmp_path, log_bytes=8 * MIB) as store:
        assert store.salvage is None
    with open_log(tmp_path) as log:
        assert [(found.session, found.sighting.what.name) for found in log.every()] == [(1, "keys"), (1, "mug")]


# ---------------------------------------------------------------- a clock that was set back


def test_nothing_depends_on_the_order_of_the_sessions_dates(tmp_path: Path) -> None:
    for number, begun_unix_ns in enumerate((3 * 10**18, 10**18, 2 * 10**18), 1):
        with open_store(tmp_path, log_bytes=8 * MIB, begun_unix_ns=begun_unix_ns) as store:
            store.append([row(number, f"vase {number}")])
    with open_store(tmp_path, log_bytes=8 * MIB, resume=True, begun_unix_ns=5) as store:
        assert store.session == 3 and ids(store) == [3], "the last session is the one begun last, whatever its date"
    with open_log(tmp_path) as log:
        assert [(one.session, one.begun_unix_ns) for one in log.sessions()] == [(1, 3 * 10**18), (2, 10**18), (3, 2 * 10**18)]
        assert [found.sighting.id for found in log.every()] == [1, 2, 3]
        assert [found.sighting.id for found in log.search(Query()).found] == [3, 2, 1]


def test_the_log_is_full_by_its_own_order_and_not_by_the_clock(tmp_path: Path) -> None:
    for begun_unix_ns in (2 * 10**18, 10**18):
        with open_store(tmp_path, log_bytes=128 * 1024, begun_unix_ns=begun_unix_ns) as store:
            for number in range(1, 60):
                store.append([row(number, f"vase {store.session} {number}" * 20, "label")])
            assert 59 in ids(store)
    with open_log(tmp_path) as log:
        left = [found.session for found in log.every()]
    assert left.count(2) == 59 and left.count(1) < 59, "the older session goes first, though its date is the later one"


def test_what_is_acknowledged_has_reached_the_disk(tmp_path: Path) -> None:
    with closing(connect(tmp_path / LOG_NAME, MIB)) as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL: every commit is synchronised"
