"""Reading a log from outside: over all sessions, by name, kind, words and time, page by page; and never while a run holds it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_runtime.errors import EdgeError, Locked, LogError, StoreError
from edge_runtime.log import Log, open_log, run_of
from edge_runtime.log_contents import Found
from edge_runtime.records import Query
from edge_runtime.store import LOG_NAME, open_store
from edge_runtime.store_lock import LOCK_NAME
from tests.unit.test_store import ROOT, row
from tests.unit.test_store_schema import old_log

MIB = 1024 * 1024
BEGUN_NS = 1_700_000_000_000_000_000


def two_sessions(folder: Path) -> Path:
    """A mug with a picture, a sign and a cup; in a second session the mug again and another sign."""
    with open_store(folder, log_bytes=MIB, begun_unix_ns=BEGUN_NS) as store:
        store.append([row(1, pictures={"1-0": b"first mug"}), row(2, "EXIT 7", "text", place_id=1, place="by the door")])
        store.append([row(3, "coffee mug", "label")])
    with open_store(folder, log_bytes=MIB, begun_unix_ns=BEGUN_NS + 1) as store:
        store.append([row(1, t_ns=500, pictures={"1-0": b"second mug"}), row(2, "Emergency exit", "text", t_ns=600)])
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with open_log(two_sessions(tmp_path)) as opened:
        yield opened


def named(found: tuple[Found, ...]) -> list[tuple[int, str]]:
    return [(one.session, one.sighting.what.name) for one in found]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_every_session_says_what_it_holds(log: Log) -> None:
    first, second = log.sessions()
    assert (first.session, first.begun_unix_ns, first.sightings, first.thumbs, first.thumb_bytes) == (1, BEGUN_NS, 3, 1, 9)
    assert (first.t_first_ns, first.t_last_ns) == (10, 35)
    assert (second.session, second.begun_unix_ns, second.sightings, second.t_first_ns, second.t_last_ns) == (2, BEGUN_NS + 1, 2, 500, 605)
    assert log.kinds() == {"concept": 2, "text": 2, "label": 1}


def test_a_session_in_which_nothing_was_seen_is_listed(tmp_path: Path) -> None:
    open_store(tmp_path, log_bytes=MIB, begun_unix_ns=5).close()
    with open_log(tmp_path) as log:
        (only,) = log.sessions()
        assert (only.begun_unix_ns, only.sightings, only.thumb_bytes, only.t_first_ns) == (5, 0, 0, None)
        assert log.search(Query()).total == 0 and list(log.every()) == []


@pytest.mark.parametrize(
    ("query", "more", "found"),
    [
        (Query(), {}, [(2, "Emergency exit"), (2, "mug"), (1, "coffee mug"), (1, "EXIT 7"), (1, "mug")]),
        (Query(newest_first=False), {"session": 1}, [(1, "mug"), (1, "EXIT 7"), (1, "coffee mug")]),
        (Query(), {"words": "mug"}, [(2, "mug"), (1, "coffee mug"), (1, "mug")]),
        (Query(), {"words": "exit emergency"}, [(2, "Emergency exit")]),
        (Query(), {"words": "?!"}, []),
        (Query(), {"session": 3}, []),
        (Query(names=("MUG",)), {}, [(2, "mug"), (1, "mug")]),
        (Query(kinds=("label", "text")), {}, [(2, "Emergency exit"), (1, "coffee mug"), (1, "EXIT 7")]),
        (Query(text="exit"), {}, [(2, "Emergency exit"), (1, "EXIT 7")]),
        (Query(text="mug"), {}, []),
        (Query(text="?!"), {}, []),
        (Query(t_from_ns=26, t_to_ns=550), {}, [(2, "mug"), (1, "coffee mug")]),
    ],
)
def test_all_sessions_are_searched(log: Log, query: Query, more: dict[str, object], found: list[tuple[int, str]]) -> None:
    page = log.search(query, **more)  # type: ignore[arg-type]
    assert named(page.found) == found and page.total == len(found)


def test_pages_follow_each_other_and_know_how_many_there_are(log: Log) -> None:
    pages = [log.search(Query(limit=2), offset=offset) for offset in (0, 2, 4, 6)]
    assert [len(page.found) for page in pages] == [2, 2, 1, 0] and {page.total for page in pages} == {5}
    assert [one for page in pages for one in page.found] == list(log.search(Query()).found)


def test_a_place_and_a_picture_belong_to_their_session(log: Log) -> None:
    assert [one.place for one in log.every()] == ["", "by the door", "", "", ""]
    assert [log.thumb(1, "1-0"), log.thumb(2, "1-0"), log.thumb(1, "2-0"), log.thumb(3, "1-0")] == [b"first mug", b"second mug", None, None]
    assert named(tuple(log.every())) == [(1, "mug"), (1, "EXIT 7"), (1, "coffee mug"), (2, "mug"), (2, "Emergency exit")]


def test_the_weights_add_up_to_the_file_and_each_is_told_apart(tmp_path: Path) -> None:
    with open_store(tmp_path, log_bytes=64 * MIB) as store:
        store.append([row(n, f"sign {n} " * 20, "text", pictures={f"{n}-0": bytes(20_000)}) for n in range(1, 51)])
    with open_log(tmp_path) as log:
        weights = log.weights()
    assert weights.facts is not None and weights.thumbs is not None and weights.index is not None
    assert weights.total == (tmp_path / LOG_NAME).stat().st_size and weights.wal == 0
    assert weights.total == weights.facts + weights.thumbs + weights.index + weights.free + weights.other
    assert 50 * 20_000 <= weights.thumbs < 60 * 20_000
    assert weights.facts > 50 * 160 and weights.index > 50 * 2 * 160, "a text is in its row, in the index of names and in that of words"
    assert weights.other < 64 * 1024


def test_free_pages_are_told(tmp_path: Path) -> None:
    with open_store(tmp_path, log_bytes=MIB) as store:
        for n in range(1, 200):
            store.append([row(n, pictures={f"{n}-0": bytes(8000)})])
    with closing(sqlite3.connect(tmp_path / LOG_NAME, isolation_level=None)) as db:
        db.execute("DELETE FROM thumbs WHERE number > (SELECT max(number) - 10 FROM thumbs)")
    with open_log(tmp_path) as log:
        assert log.weights().free >= 10 * 7000


def test_where_sqlite_cannot_tell_pages_apart_it_says_so(log: Log) -> None:
    def refuse(action: int, what: str | None, *_: object) -> int:
        return sqlite3.SQLITE_DENY if what == "dbstat" else sqlite3.SQLITE_OK

    log._db.set_authorizer(refuse)
    weights = log.weights()
    assert (weights.facts, weights.thumbs, weights.index) == (None, None, None)
    assert weights.total == log.file.stat().st_size == weights.free + weights.other


def test_the_folder_of_a_run_does_as_well(tmp_path: Path) -> None:
    two_sessions(tmp_path / "walk" / "log")
    with open_log(tmp_path / "walk") as log:
        assert log.file == tmp_path / "walk" / "log" / LOG_NAME and len(log.sessions()) == 2


def test_the_run_around_a_log_is_found_and_none_is_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = two_sessions(tmp_path / "walk" / "log")
    assert run_of(log) == log, "a log on its own: whatever lies beside it is somebody else's"
    (tmp_path / "walk" / "decisions.jsonl").touch()
    assert run_of(log) == tmp_path / "walk"
    assert run_of(log.rename(tmp_path / "walk" / "copy")) == tmp_path / "walk" / "copy"
    (tmp_path / "walk" / "copy").rename(log)
    monkeypatch.chdir(log)
    assert run_of(Path()) == tmp_path / "walk"


def test_reading_changes_nothing_and_leaves_nothing_behind(tmp_path: Path) -> None:
    two_sessions(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with open_log(tmp_path) as log, open_log(tmp_path) as at_once:
        assert log.search(Query()) == at_once.search(Query())
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            log._db.execute("DELETE FROM sightings")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_old_log_is_read_without_being_migrated(tmp_path: Path) -> None:
    file = old_log(tmp_path)
    before = file.read_bytes()
    with open_log(tmp_path) as log:
        assert (log.version, [session.begun_unix_ns for session in log.sessions()]) == (1, [None, None])
        assert named(log.search(Query()).found) == [(2, "EXIT"), (1, "mug")]
    assert file.read_bytes() == before


def test_what_a_killed_run_had_acknowledged_is_read(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from tests.unit.test_store import row; from edge_runtime.store import open_store\n"
        "store = open_store(Path(sys.argv[1]), log_bytes=1 << 20); store.append([row(1), row(2, 'EXIT', 'text')]); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False)  # noqa: S603
    wal = tmp_path / f"{LOG_NAME}-wal"
    assert done.returncode == 9 and wal.stat().st_size > 0
    before = wal.read_bytes()
    with open_log(tmp_path) as log:
        assert named(log.search(Query()).found) == [(1, "EXIT"), (1, "mug")]
        assert log.weights().wal == len(before)
    assert wal.read_bytes() == before
    with open_store(tmp_path, log_bytes=MIB, resume=True) as store:
        assert len(store.search(Query())[0]) == 2
    assert names(tmp_path) - {f"{LOG_NAME}-shm"} == {LOG_NAME, LOCK_NAME}


def test_while_a_run_holds_it_the_process_is_named(tmp_path: Path) -> None:
    with (
        open_store(tmp_path, log_bytes=MIB),
        pytest.raises(Locked, match=rf"a run holds the log in .* \(process {os.getpid()}\)") as caught,
    ):
        open_log(tmp_path)
    assert "page" in caught.value.hint
    open_log(tmp_path).close()


def test_while_it_is_read_no_run_changes_it(tmp_path: Path) -> None:
    two_sessions(tmp_path)
    with open_log(tmp_path) as log:
        with pytest.raises(Locked):
            open_store(tmp_path, log_bytes=MIB)
        assert len(log.sessions()) == 2
        log.close()
        log.close()
        open_store(tmp_path, log_bytes=MIB).close()


def test_a_copy_without_its_lock_is_read(tmp_path: Path) -> None:
    two_sessions(tmp_path)
    (tmp_path / LOCK_NAME).unlink()
    with open_log(tmp_path) as log:
        assert log.search(Query()).total == 5
    assert names(tmp_path) == {LOG_NAME}


def _garbage(file: Path) -> None:
    file.write_bytes(b"this is not a log" * 1000)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2 // 1024 * 1024])


def _sql(statement: str) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        with closing(sqlite3.connect(file, isolation_level=None)) as db:
            db.execute(statement)

    return change


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (Path.unlink, "there is no log in"),
        (_garbage, "is damaged: file is not a database"),
        (_cut, "is damaged: database disk image is malformed"),
        (_sql("UPDATE sightings SET evidence = x'c1'"), "is damaged"),
        (_sql("UPDATE sightings SET x0 = 2.0"), "is damaged: a box lies inside the picture"),
        (_sql("PRAGMA user_version=99"), "newer version"),
        (_sql("PRAGMA application_id=1"), "another program"),
        (lambda file: file.write_bytes(b""), "is empty"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_a_hint(tmp_path: Path, damage: Callable[[Path], object], words: str) -> None:
    two_sessions(tmp_path)
    damage(tmp_path / LOG_NAME)
    with pytest.raises(LogError, match=words) as caught, open_log(tmp_path) as log:
        list(log.every())
        log.search(Query())
        log.sessions()
    assert caught.value.hint and caught.value.exit_code == 3
    if (tmp_path / LOG_NAME).exists():
        (tmp_path / LOG_NAME).unlink()
    open_store(tmp_path, log_bytes=MIB).close()  # and nothing holds the lock any more


def test_a_log_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    two_sessions(tmp_path)
    (tmp_path / LOG_NAME).chmod(0)
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom tests.unit.test_log import refused\n"
        "os.chdir(sys.argv[1])\nif os.geteuid() == 0:\n    os.setgid(65534)\n    os.setuid(65534)\nrefused(Path())"
    )
    tmp_path.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, done.stderr


def refused(folder: Path) -> None:
    """In a process of its own, which has given up its rights."""
    with pytest.raises(EdgeError, match="cannot be read") as caught:
        open_log(folder)
    assert isinstance(caught.value, StoreError) and "who may read" in caught.value.hint
