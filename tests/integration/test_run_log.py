"""A run whose log cannot be used, or is lost while it runs: it goes on in memory, says so once, and catches up."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from apps.playing import play
from apps.replay import remembered
from edge_runtime.config import Config, S
from edge_runtime.core import Core
from edge_runtime.decisions import AbsentDecisions, DecisionLog
from edge_runtime.errors import DeviceError, Locked, StoreError
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.live import LiveHost
from edge_runtime.hosts.replay import ReplayHost
from edge_runtime.hosts.run_log import RunLog
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import AbsentJournal, Head, Journal
from edge_runtime.log import open_log
from edge_runtime.models.opening import only_looking
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.protocol import Asked, Command, Erased, Event, Failed, Forget
from edge_runtime.records import Dropped, Query, Receipt, Scope
from edge_runtime.store import LOG_NAME, MOST_OWED, open_store
from edge_runtime.store_lock import LOCK_NAME
from edge_runtime.types import Session
from gaze import EyeEvents
from tests import world
from tests.dying_disk import give_up_rights, in_child, room
from tests.dying_log import raw
from tests.integration.test_live_host import Log, is_a, says
from tests.unit.test_store import row

MIB = 1024 * 1024


class Told:
    """What a log says to the wearer."""

    def __init__(self) -> None:
        self.troubles: list[str] = []
        self.news: list[str] = []

    def __call__(self, words: str, trouble: bool) -> None:
        (self.troubles if trouble else self.news).append(words)


def run_log(folder: Path, told: Told | None = None, log_bytes: int = 8 * MIB) -> RunLog:
    return RunLog(folder, log_bytes=log_bytes, matrix_bytes=MIB, tell=told)


def names(log: RunLog) -> list[str]:
    return [sighting.what.name for sighting in log.search(Query(newest_first=False, limit=1000))[0]]


def test_a_log_that_cannot_be_opened_is_told_once_and_opened_when_it_can_be(tmp_path: Path) -> None:
    told, obstacle = Told(), tmp_path / "log"
    obstacle.write_text("in the way")
    with run_log(obstacle, told) as log:
        assert log.trouble and log.nbytes() == 0
        for _ in range(3):
            with pytest.raises(StoreError, match="cannot be opened"):
                log.append([row(1)])
            with pytest.raises(StoreError, match="cannot be opened"):
                log.search(Query())
        assert len(told.troubles) == 1 and "cannot be opened" in told.troubles[0] and "stays in memory" in told.troubles[0]
        obstacle.unlink()
        assert log.append([row(1)]) == Receipt(1)
        assert names(log) == ["mug"] and not log.trouble and told.news == ["The log takes what is remembered again."]
        assert log.dropped == (Dropped("log", "unusable", 1),)


def test_another_run_in_the_folder_is_an_error_and_not_a_trouble(tmp_path: Path) -> None:
    with open_store(tmp_path, log_bytes=MIB), pytest.raises(Locked):
        run_log(tmp_path)


def test_a_log_that_was_removed_is_begun_anew(tmp_path: Path) -> None:
    told, folder = Told(), tmp_path / "log"
    with run_log(folder, told) as log:
        log.append([row(1)])
        shutil.rmtree(folder)
        with pytest.raises(StoreError, match="was removed while it was in use"):
            log.append([row(2, "keys")])
        assert log.append([row(2, "keys")]).rows == 1
        assert names(log) == ["keys"], "what was in it is gone with it"
        assert len(told.troubles) == 1 and len(told.news) == 1
    with open_log(folder) as read:
        assert [found.sighting.what.name for found in read.every()] == ["keys"]


def test_a_log_that_another_took_the_place_of_is_left_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    with run_log(folder) as log:
        log.append([row(1)])
        folder.rename(tmp_path / "elsewhere")
        with open_store(folder, log_bytes=MIB) as other:
            for _ in range(2):
                with pytest.raises(DeviceError):
                    log.append([row(2)])
            assert not other.search(Query())[0]
        log.append([row(2, "keys")])
        assert names(log) == ["keys"], "not those of the other's session"


def test_a_log_that_is_damaged_while_it_is_in_use_is_saved_and_goes_on(tmp_path: Path) -> None:
    told = Told()
    with run_log(tmp_path, told, log_bytes=64 * MIB) as log:
        log.append([row(number, f"vase {number}", pictures={f"{number}-0": bytes(30_000)}) for number in range(1, 200)])
        log.erase(Scope("thing", name="vase 199"))  # all is in the main file now
        _damage(tmp_path / LOG_NAME)
        with pytest.raises(StoreError, match="damaged"):
            for number in range(1, 199):
                log.thumb(f"{number}-0")
        assert log.append([row(500, "keys")]).rows == 1
        found = names(log)
        assert "keys" in found and len(found) > 100, "the same session, as far as it can be read"
        assert any("rows were saved" in words for words in told.troubles)
        assert Dropped("log", "damaged", 1) in log.dropped


def _damage(file: Path) -> None:
    """Garble the pictures' index."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_thumbs_1'").fetchone()
    with file.open("r+b") as opened:
        opened.seek((root - 1) * 4096)
        opened.write(b"\xff" * 4096)


def test_what_is_forgotten_while_there_is_no_log_is_erased_before_anything_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    with open_store(folder, log_bytes=8 * MIB) as store:
        store.append([row(1, "PASSPORT", "text"), row(2, "keys")])
    away = tmp_path / "away"
    folder.rename(away)
    folder.write_text("in the way")
    with run_log(folder) as log:
        with pytest.raises(StoreError):
            log.erase(Scope("thing", name="passport"))
        folder.unlink()
        away.rename(folder)
        log.append([row(1, "cup")])
        assert b"PASSPORT" not in raw(folder)
    with open_log(folder) as read:
        assert [found.sighting.what.name for found in read.every()] == ["keys", "cup"]


def test_wishes_that_wait_are_bounded_and_the_next_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.write_text("in the way")
    with run_log(folder) as log:
        for _ in range(MOST_OWED):
            with pytest.raises(StoreError, match="cannot be opened"):
                log.erase(Scope("thing", name="passport"))
        with pytest.raises(StoreError, match="wait for the log"):
            log.erase(Scope("thing", name="passport"))


def test_a_full_disk_is_got_over(tmp_path: Path) -> None:
    in_child(_full_disk, tmp_path / "log")


def _full_disk(folder: Path) -> None:
    told = Told()
    with run_log(folder, told) as log:
        log.append([row(1)])
        room(60_000)
        big = [row(n, pictures={f"{n}-0": bytes(20_000)}) for n in range(2, 20)]
        for _ in range(3):
            with pytest.raises(StoreError, match="full"):
                log.append(big)
        assert names(log) == ["mug"] and len(told.troubles) == 1
        room(None)
        assert log.append(big).rows == 18 and len(told.news) == 1


def test_a_disk_that_is_full_when_the_run_begins_is_got_over(tmp_path: Path) -> None:
    in_child(_full_from_the_start, tmp_path / "log")


def _full_from_the_start(folder: Path) -> None:
    room(100)
    with run_log(folder) as log:
        assert "full" in log.trouble
        room(None)
        assert log.append([row(1)]).rows == 1 and not log.trouble


def test_a_folder_that_is_read_only_is_got_over(tmp_path: Path) -> None:
    in_child(_read_only, tmp_path)


def _read_only(_: Path) -> None:
    folder = Path(tempfile.mkdtemp())  # not inside folders of the superuser's, where nobody finds the way
    give_up_rights(folder)
    try:
        open_store(folder, log_bytes=MIB).close()
        files = (folder / LOCK_NAME, folder / LOG_NAME)
        for file in files:
            file.chmod(0o444)
        folder.chmod(0o555)
        with run_log(folder) as log:
            assert "cannot be opened" in log.trouble
            folder.chmod(0o755)
            files[0].chmod(0o644)
            with pytest.raises(DeviceError, match=r"does not take writes|cannot be written"):
                log.append([row(1)])
            files[1].chmod(0o644)
            assert log.append([row(1)]).rows == 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# ---------------------------------------------------------------- a run around it


@contextlib.contextmanager
def parts(out: Path, log: RunLog, *, has_gaze: bool = False) -> Iterator[tuple[Core, Workers, Journal, DecisionLog]]:
    config, looker = Config(), ScriptedLooker(world.see)
    session = Session(looker.capabilities, has_gaze=has_gaze)
    core = Core(config, session)
    head = Head(version="1", segment=0, config=config, session=session, snapshot=b"")
    with Journal(out / "journal", head, core.snapshot) as journal, DecisionLog(out / "decisions.jsonl") as decisions:
        yield core, Workers(FrameRing(config.capture.ring_bytes), looker, log), journal, decisions


def eyes() -> EyeEvents:
    return EyeEvents(90.0, world.WIDTH_PX / world.HEIGHT_PX)


def replay(out: Path, log: RunLog, at_ns: int, then: Callable[[], object]) -> Log:
    """Play the world, and have something happen at a time of it."""
    seen, due = Log(), [then]

    def happen(event: Event, commands: tuple[Command, ...], core: Core) -> None:
        if event.t_ns >= at_ns and due:
            due.pop()()

    with parts(out, log, has_gaze=True) as (core, workers, journal, decisions):
        host = ReplayHost(core, workers, journal, decisions, eyes=eyes(), observers=[happen, seen])
        host.run(world.frames(), world.gaze(), world.WORDS)
    return seen


def test_a_replay_says_and_remembers_the_same_with_a_log_that_comes_late(tmp_path: Path) -> None:
    for name in ("with", "late"):
        (tmp_path / name).mkdir()
    with run_log(tmp_path / "with/log") as log:
        before = replay(tmp_path / "with", log, 0, lambda: None)
    obstacle = tmp_path / "late/log"
    obstacle.write_text("in the way")
    with run_log(obstacle) as log:
        late = replay(tmp_path / "late", log, 20 * S, obstacle.unlink)
        assert not log.trouble
    assert late.said() == before.said()
    assert any(isinstance(event, Failed) and event.reason == "storeerror" for event, _ in late.steps)
    with open_log(tmp_path / "with") as one, open_log(tmp_path / "late") as other:
        assert [found.sighting.id for found in other.every()] == [found.sighting.id for found in one.every()], "it has caught up"


def answers_and_catches_up(host: LiveHost, seen: Log, told: Told, mend: Callable[[], object]) -> None:
    """Answers without a log, says that it cannot erase, and can when there is one again."""
    host.tell(Asked(t_ns=0, question="q", text="did you see my passport?"))
    seen.wait_for(says("passport"))
    host.tell(Forget(t_ns=0, scope=Scope("all")))
    seen.wait_for(says("the log could not be erased"))
    assert len(told.troubles) == 1 and not told.news
    mend()
    host.tell(Forget(t_ns=0, scope=Scope("all")))
    seen.wait_for(is_a(Erased))
    assert len(told.troubles) == len(told.news) == 1


def test_a_live_run_without_a_log_answers_and_catches_up(tmp_path: Path) -> None:
    obstacle = tmp_path / "log"
    obstacle.write_text("in the way")
    told, seen = Told(), Log()
    with (
        run_log(obstacle, told) as log,
        parts(tmp_path, log) as (core, workers, journal, decisions),
        LiveHost(core, workers, journal, decisions, eyes=None, observers=[seen]) as host,
    ):
        answers_and_catches_up(host, seen, told, obstacle.unlink)


def test_a_live_run_on_a_disk_that_fills_up_loses_its_journal_and_not_its_log(tmp_path: Path) -> None:
    in_child(_live_on_a_full_disk, tmp_path)


def _live_on_a_full_disk(out: Path) -> None:
    told, seen = Told(), Log()
    with (
        run_log(out / "log", told) as log,
        parts(out, log) as (core, workers, journal, decisions),
        LiveHost(core, workers, journal, decisions, eyes=None, observers=[seen]) as host,
    ):
        log.append([row(1, "PASSPORT", "text")])
        room(100)
        answers_and_catches_up(host, seen, told, lambda: room(None))
        assert b"PASSPORT" not in raw(out / "log")
    assert "step:journal" in {f"{drop.what}:{drop.reason}" for drop in host.cost.dropped}


def test_a_live_run_without_any_file_answers_forgets_and_counts_what_is_not_kept(tmp_path: Path) -> None:
    obstacle, seen, full = tmp_path / "log", Log(), DeviceError("the disk is full", hint="free some space")
    obstacle.write_text("in the way")
    core = Core(Config(), Session(ScriptedLooker(world.see).capabilities))
    with run_log(obstacle) as log:
        workers = Workers(FrameRing(10**6), ScriptedLooker(world.see), log)
        with LiveHost(core, workers, AbsentJournal(full), AbsentDecisions(full), eyes=None, observers=[seen]) as host:
            host.tell(Asked(t_ns=0, question="q", text="did you see my passport?"))
            seen.wait_for(says("passport"))
            host.tell(Forget(t_ns=0, scope=Scope("all")))
            seen.wait_for(says("the log could not be erased"))
    assert {"step:journal", "record:disk"} <= {f"{drop.what}:{drop.reason}" for drop in host.cost.dropped}


def test_a_wish_to_forget_without_a_log_is_not_called_done(tmp_path: Path) -> None:
    obstacle = tmp_path / "log"
    obstacle.write_text("in the way")
    seen = Log()
    with run_log(obstacle) as log, parts(tmp_path, log) as (core, workers, journal, decisions):
        host = ReplayHost(core, workers, journal, decisions, eyes=eyes(), observers=[seen])
        host.run(world.frames(length_ns=12 * S), world.gaze(length_ns=12 * S), (Forget(t_ns=11 * S, scope=Scope("all")),))
    assert seen.said()[-1] == "Forgotten: everything in memory, but the log could not be erased."
    assert core.dropped["erasure:storeerror"] == 1


def test_a_recording_is_played_to_its_end_when_its_log_is_taken_away(tmp_path: Path) -> None:
    out, due = tmp_path / "run", [None]

    def take_away(event: Event, commands: tuple[Command, ...], core: Core) -> None:
        if event.t_ns >= 20 * S and due:
            due.pop()
            shutil.rmtree(out / "log")
            (out / "log").write_text("in the way")

    with play(world.recording(*world.WORDS), out, Config(), only_looking(ScriptedLooker(world.see)), observers=[take_away]) as played:
        rows, _, thumbs = remembered(played)
    assert "mug" in {sighting.what.name for sighting in rows} and not thumbs, "what is in memory, without pictures"
    assert Dropped("log", "unusable", 1) in played.store.dropped
