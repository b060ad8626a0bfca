"""The verb ``memory forget``: gone from every file of a run that has ended, as if the wearer had asked while it lasted."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from apps.main import main
from edge_runtime.config import Config, JournalConfig, S
from edge_runtime.decisions import DecisionLog, read_decisions
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.journal import JournalReader
from edge_runtime.journal.segment import Segment
from edge_runtime.log import open_log
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.protocol import Forget, Look
from edge_runtime.records import Query, Scope
from edge_runtime.types import LookedRegion
from tests import world
from tests.ended import WORDS, content, ended, everything, open_all, refused
from tests.unit.test_log import two_sessions

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ended(tmp_path_factory.mktemp("made") / "walk")


@pytest.fixture
def walk(made: Path, tmp_path: Path) -> Path:
    """A run that has ended, of this test's own."""
    return Path(shutil.copytree(made, tmp_path / "walk"))


def replays(run: Path, tmp_path: Path) -> bool:
    """Whether what is left of a journal replays to the decisions that are left."""
    with DecisionLog(tmp_path / "again.jsonl") as decisions:
        replay_journal(run, decisions)
    return (tmp_path / "again.jsonl").read_bytes() == (run / "decisions.jsonl").read_bytes()


def with_a_lookalike(command: Look) -> Sequence[LookedRegion]:
    """From 14 to 20 s something that may well be the mug, and that nobody called so; from 20 s on another place."""
    regions = world.see(command)
    if command.t_capture_ns >= 20 * S:
        return [msgspec.structs.replace(region, vector=world.DOOR) if region.kind == "overview" else region for region in regions]
    if not 14 * S <= command.t_capture_ns < 20 * S:
        return regions
    alike = (0.5 * world.MUG + np.sqrt(0.75) * world.WALL).astype(np.float32)
    return [msgspec.structs.replace(region, vector=alike) if region.kind == "foveal" else region for region in regions]


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (Scope("thing", name="mug"), ["--thing", "mug"]),
        (Scope("thing", name="pin 4071"), ["--thing", "PIN 4071"]),
        (Scope("thing", name="cat"), ["--person", "cat"]),
        (Scope("place", place_id=2), ["--place", "2"]),
        (Scope("place", place_id=2), ["--place", "4071"]),
        (Scope("since", t_from_ns=22 * S), ["--last"]),
    ],
)
def test_forgotten_afterwards_is_as_if_forgotten_at_the_end(tmp_path: Path, scope: Scope, words: list[str]) -> None:
    asked, after = tmp_path / "asked", tmp_path / "after"
    world.run(after, *WORDS, looker=ScriptedLooker(with_a_lookalike))
    end_ns = JournalReader(after).t_last_ns or 0
    # Two seconds after the last frame: by then every look, and the last dwell, has come to its end.
    world.run(asked, *WORDS, Forget(t_ns=38 * S, scope=scope), looker=ScriptedLooker(with_a_lookalike))
    minutes = [f"{(end_ns - scope.t_from_ns) / 60 / S}"] if scope.kind == "since" else []
    before = open_all(after)
    assert main(["memory", "forget", str(after), *words, *minutes, "--yes"]) == 0
    left = [[(one.session, one.place, *_plain(one.sighting)) for one in open_all(run)] for run in (asked, after)]
    assert left[0] == left[1] and 0 < len(left[1]) < len(before)
    with open_log(asked) as one, open_log(after) as other:
        thumbs = {look.thumb_id for fact in before for look in fact.sighting.evidence if look.thumb_id}
        assert {name: one.thumb(1, name) for name in thumbs} == {name: other.thumb(1, name) for name in thumbs}
    assert replays(after, tmp_path)


def _plain(value: msgspec.Struct) -> tuple[object, ...]:
    return tuple(getattr(value, name) for name in value.__struct_fields__ if name != "vector")


def test_a_thing_that_is_forgotten_is_gone_from_every_file_of_the_run(walk: Path, tmp_path: Path, capsys: Capture) -> None:
    assert b"mug" in everything(walk).lower()
    assert main(["memory", "forget", str(walk), "--thing", "mug", "--yes"]) == 0
    assert b"mug" not in everything(walk).lower()
    printed = capsys.readouterr().out
    assert "are gone from the log" in printed and "report.html is removed" in printed
    assert re.search(r"Journal and decisions hold nothing from 0:0[0-6]\.\d on", printed)
    assert replays(walk, tmp_path)
    names = {one.sighting.what.name for one in open_all(walk)}
    assert "PIN 4071" in names and "ROOM 204" in names, "what else was seen is still known"


def test_a_place_that_is_not_known_is_refused_with_those_that_are(walk: Path, capsys: Capture) -> None:
    assert main(["memory", "forget", str(walk), "--place", "the kitchen", "--yes"]) == 2
    told = capsys.readouterr().err
    assert "'the kitchen' is no place of the last session" in told and 'places: 1: by the sign "' in told


def test_what_is_read_is_forgotten_by_its_words(walk: Path, tmp_path: Path) -> None:
    assert b"4071" in everything(walk)
    assert main(["memory", "forget", str(walk), "--thing", "pin 4071", "--yes"]) == 0
    assert b"4071" not in everything(walk) and replays(walk, tmp_path)
    names = {one.sighting.what.name for one in open_all(walk)}
    assert "mug" in names
    assert [decision for decision in read_decisions(walk / "decisions.jsonl") if decision.t_ns < 20 * S]


def test_the_last_minutes_are_counted_from_the_end_of_the_run(walk: Path, tmp_path: Path, capsys: Capture) -> None:
    end_ns = JournalReader(walk).t_last_ns
    assert end_ns is not None
    from_ns = end_ns - 15 * S
    before = {one.sighting.id: one for one in open_all(walk)}
    assert main(["memory", "forget", str(walk), "--last", "0.25", "--yes"]) == 0
    assert "all of session 1 from 0:2" in capsys.readouterr().out
    after = {one.sighting.id: one for one in open_all(walk)}
    assert all(one.sighting.t_end_ns < from_ns for one in after.values())
    assert {number for number, one in before.items() if one.sighting.t_end_ns < from_ns} <= set(after)
    assert b"4071" not in everything(walk) and b"pixels of the letter" not in everything(walk) and replays(walk, tmp_path)
    assert all(decision.t_ns < from_ns for decision in read_decisions(walk / "decisions.jsonl"))


def test_a_fact_that_lives_on_in_part_keeps_the_pictures_that_may_stay(walk: Path) -> None:
    before = {one.sighting.id: one.sighting for one in open_all(walk)}
    with open_log(walk) as log:
        pictures = {look.thumb_id: log.thumb(1, look.thumb_id) for fact in before.values() for look in fact.evidence if look.thumb_id}
    # The first mug was in view from 4 to 10 s. Cut in the middle of it.
    end_ns = JournalReader(walk).t_last_ns or 0
    from_ns = 8 * S
    assert any(fact.t_start_ns < from_ns <= fact.t_end_ns for fact in before.values())
    assert main(["memory", "forget", str(walk), "--last", f"{(end_ns - from_ns) / 60 / S}", "--yes"]) == 0
    with open_log(walk) as log:
        left = log.search(Query(limit=1000)).found
        cut = [one.sighting for one in left if before[one.sighting.id].t_end_ns >= from_ns]
        assert cut and all(fact.t_end_ns < from_ns for fact in cut)
        kept = [look.thumb_id for fact in cut for look in fact.evidence if look.thumb_id]
        assert kept and all(log.thumb(1, thumb_id) == pictures[thumb_id] is not None for thumb_id in kept)


def test_everything_is_forgotten_even_where_the_journal_is_damaged(walk: Path) -> None:
    for path in (walk / "journal").glob("*.segment"):
        path.write_bytes(path.read_bytes()[:50])
    assert main(["memory", "forget", str(walk), "--all", "--yes"]) == 0
    assert open_all(walk) == [] and sorted(content(walk)) == ["log/log.db", "log/log.lock"]
    data = everything(walk).lower()
    assert all(word not in data for word in (b"mug", b"4071", b"pixels of", b"tabby"))


def test_a_journal_that_cannot_be_replayed_is_said_to_hold_it_still(walk: Path, capsys: Capture) -> None:
    for path in (walk / "journal").glob("*.segment"):
        path.write_bytes(b"edge-runtime journal 9\n" + path.read_bytes())
    before = content(walk / "journal")
    words: list[object] = ["forget", walk, "--thing", "mug", "--yes"]
    refused(words, 3, "still holds it, since it cannot be replayed", f"rm -r {walk / 'journal'}", capsys)
    assert content(walk / "journal") == before
    assert b"mug" not in everything(walk / "log").lower() and not (walk / "report.html").exists()


def test_damage_that_may_hold_it_is_said(tmp_path: Path, capsys: Capture) -> None:
    run = tmp_path / "walk"
    world.run(run, *WORDS, config=Config(journal=JournalConfig(segment_ns=5 * S)))
    first, *others = sorted((run / "journal").glob("*.segment"))
    assert len(others) > 2
    first.write_bytes(first.read_bytes()[:-7])
    # What is torn lies before what is forgotten, and stays: nobody can say what it holds.
    words: list[object] = ["forget", run, "--last", "0.1", "--yes"]
    refused(words, 3, "bytes of the journal are damaged, and may still hold something of it", f"rm -r {run / 'journal'}", capsys)
    # Now it lies in the part that is cut off: there is nothing left to warn of.
    assert main(["memory", "forget", str(run), "--thing", "room 204", "--yes"]) == 0
    assert JournalReader(run).torn_bytes == 0 and b"204" not in everything(run)


def test_forgetting_the_last_minutes_again_takes_no_more(walk: Path) -> None:
    left = []
    for _ in range(2):
        assert main(["memory", "forget", str(walk), "--last", "0.25", "--yes"]) == 0
        left.append(([one.sighting.id for one in open_all(walk)], JournalReader(walk).t_last_ns, read_decisions(walk / "decisions.jsonl")))
    assert left[0] == left[1]


def test_a_disk_that_refuses_is_said_and_done_again_it_is_done(
    walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Segment, "cut", full)
        broken.setattr(Segment, "unlink", full)
        refused(["forget", walk, "--thing", "mug", "--yes"], 5, "cannot be written: No space left", "free some disk", capsys)
    assert b"mug" in everything(walk / "journal").lower()
    assert main(["memory", "forget", str(walk), "--thing", "mug", "--yes"]) == 0
    assert b"mug" not in everything(walk).lower() and replays(walk, tmp_path)


def test_a_log_without_a_journal_is_forgotten_in_alone(tmp_path: Path, capsys: Capture) -> None:
    two_sessions(tmp_path)
    assert main(["memory", "forget", str(tmp_path), "--thing", "mug", "--yes"]) == 0
    assert "There is no journal beside the log" in capsys.readouterr().out
    assert [one.sighting.what.name for one in open_all(tmp_path)] == ["EXIT 7", "coffee mug", "Emergency exit"]
    assert main(["memory", "forget", str(tmp_path), "--last", "10", "--yes"]) == 0
    assert [(one.session, one.sighting.what.name) for one in open_all(tmp_path)] == [(1, "EXIT 7"), (1, "coffee mug")]


def test_what_lies_beside_a_log_that_is_no_run_is_left_alone(tmp_path: Path, capsys: Capture) -> None:
    two_sessions(tmp_path / "log")
    (tmp_path / "report.html").write_text("of somebody else")
    assert main(["memory", "forget", str(tmp_path / "log"), "--all", "--yes"]) == 0
    assert (tmp_path / "report.html").read_text() == "of somebody else" and "report.html" not in capsys.readouterr().out
    assert open_all(tmp_path / "log") == []


def test_the_folder_of_the_log_does_as_well(walk: Path, tmp_path: Path) -> None:
    assert main(["memory", "forget", str(walk / "log"), "--thing", "mug", "--yes"]) == 0
    assert b"mug" not in everything(walk).lower() and replays(walk, tmp_path)


def test_forgetting_twice_is_no_error(walk: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert main(["memory", "forget", str(walk), "--thing", "mug", "--yes"]) == 0
    for _ in range(2):
        assert main(["memory", "forget", str(walk), "--all", "--yes"]) == 0
    assert open_all(walk) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "gone"), [("yes\n", True), ("Y\n", True), ("no\n", False), ("\n", False), ("", False)])
def test_it_asks_first(tmp_path: Path, answer: str, gone: bool, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    two_sessions(tmp_path)
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert main(["memory", "forget", str(tmp_path), "--all"]) == 0
    printed = capsys.readouterr().out
    assert "This forgets everything, in every session" in printed and "5 sightings, 2 pictures" in printed
    assert ("Nothing was forgotten." in printed) is not gone
    assert (open_all(tmp_path) == []) is gone


def test_where_there_is_nobody_to_ask_nothing_is_forgotten(walk: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    before = content(walk)
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    refused(["forget", walk, "--all"], 2, "there is nobody to ask", "--yes", capsys)
    assert content(walk) == before
