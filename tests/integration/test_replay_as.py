"""``replay --as BOARD``: what is looked at answers as late as it would there, in order, and the same each time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from apps.main import main
from apps.playing import Played, play
from edge_runtime.boards import Board, board
from edge_runtime.config import MS, Config, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.hosts.pace import Pace
from edge_runtime.journal import JournalReader, Step
from edge_runtime.models.opening import only_looking
from edge_runtime.models.scripted import EVERYTHING, ScriptedLooker
from edge_runtime.protocol import Append, Command, Event, Failed, Forget, Look, Looked, Stored
from edge_runtime.records import Scope
from tests import world
from tests.integration.test_replay_cli import write_video
from tests.isolation import REAL_CACHE

PREPARED = (REAL_CACHE / "bundles" / "pocket" / "bundle.toml").is_file()
Capture = pytest.CaptureFixture[str]


@dataclass
class Log:
    """An observer that keeps when each look was asked for and how it ended."""

    asked: dict[int, tuple[Look, int]] = field(default_factory=dict)
    looked: list[Looked] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    appended: dict[int, tuple[Append, int]] = field(default_factory=dict)
    stored: list[Stored] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        self.times_ns.append(event.t_ns)
        for command in commands:
            if isinstance(command, Look):
                self.asked[command.id] = (command, event.t_ns)
            elif isinstance(command, Append):
                self.appended[command.id] = (command, event.t_ns)
        if isinstance(event, Looked):
            self.looked.append(event)
        elif isinstance(event, Stored):
            self.stored.append(event)
        elif isinstance(event, Failed) and event.answers in self.asked:
            self.failed.append(event)


def run(out: Path, profile: Board | None, *script: Event, config: Config | None = None) -> tuple[Played, Log]:
    log, pace = Log(), None if profile is None else Pace(profile)
    recording = world.recording(*(script or world.WORDS))
    with play(recording, out, config or Config(), only_looking(ScriptedLooker(world.see)), observers=[log], pace=pace) as played:
        pass
    return played, log


def slow(ms: float) -> Board:
    """An Orin Nano on which encoding takes so long."""
    nano = board("orin-nano")
    stages = {**nano.stages, "encode": msgspec.structs.replace(nano.stages["encode"], value=ms)}
    return msgspec.structs.replace(nano, stages=stages)


def decisions(out: Path) -> bytes:
    return (out / "decisions.jsonl").read_bytes()


def test_each_look_is_answered_as_late_as_the_profile_says_and_one_after_another(tmp_path: Path) -> None:
    _, log = run(tmp_path / "run", board("orin-nano"))
    pace, free_ns = Pace(board("orin-nano")), 0
    assert len(log.looked) > 20
    for looked in log.looked:
        look, asked_ns = log.asked[looked.answers]
        free_ns = max(free_ns, asked_ns) + pace.look_ns(look, EVERYTHING)
        assert looked.t_ns == free_ns
    assert log.times_ns == sorted(log.times_ns)


def test_rows_are_stored_as_late_as_the_profile_says(tmp_path: Path) -> None:
    _, log = run(tmp_path / "run", board("orin-nano"))
    assert log.stored
    for stored in log.stored:
        append, asked_ns = log.appended[stored.answers]
        assert stored.t_ns - asked_ns >= len(append.rows) * board("orin-nano").cost_ns("append")


def test_without_a_board_everything_is_answered_at_once(tmp_path: Path) -> None:
    _, log = run(tmp_path / "run", None)
    assert all(looked.t_ns == log.asked[looked.answers][1] for looked in log.looked)


def test_two_runs_as_a_board_give_the_same_bytes_and_the_journal_replays_exactly(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run(tmp_path / name, slow(700.0))
    assert decisions(tmp_path / "a") == decisions(tmp_path / "b")
    journals = [b"".join(path.read_bytes() for path in sorted((tmp_path / name / "journal").iterdir())) for name in "ab"]
    assert journals[0] == journals[1]
    with DecisionLog(tmp_path / "again.jsonl") as log:
        replay_journal(tmp_path / "a", log)
    assert (tmp_path / "again.jsonl").read_bytes() == decisions(tmp_path / "a")


def test_a_slower_board_decides_otherwise(tmp_path: Path) -> None:
    run(tmp_path / "fast", board("pc"))
    run(tmp_path / "slow", slow(2500.0))
    assert decisions(tmp_path / "fast") != decisions(tmp_path / "slow")


def test_a_look_that_comes_after_its_deadline_is_given_up_and_counted(tmp_path: Path) -> None:
    config = Config(models=msgspec.structs.replace(Config().models, look_deadline_ns=400 * MS))
    played, log = run(tmp_path / "run", slow(1000.0), config=config)
    late = [looked for looked in log.looked if looked.t_ns > log.asked[looked.answers][1] + 500 * MS]
    assert late and all(looked.regions == () for looked in late)
    assert played.core.dropped["result:late"] >= len(late)
    assert played.cost.failed_looks.keys() <= {"superseded", "deadline", "evicted"}
    cancelled = sum(drop.count for drop in played.cost.dropped if (drop.what, drop.reason) == ("look", "cancelled"))
    assert cancelled > 0
    assert len(log.asked) == len(log.looked) + len(log.failed) + cancelled


def test_what_was_under_way_when_its_time_was_forgotten_leaves_no_trace(tmp_path: Path) -> None:
    forget = Forget(t_ns=31 * S, scope=Scope("since", t_from_ns=24 * S))
    run(tmp_path / "run", slow(1500.0), *world.WORDS, forget)
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file():
            assert b"4071" not in path.read_bytes(), path
            assert b"pixels of the letter" not in path.read_bytes(), path
    with DecisionLog(tmp_path / "again.jsonl") as log:
        replay_journal(tmp_path / "run", log)
    assert (tmp_path / "again.jsonl").read_bytes() == decisions(tmp_path / "run")
    times = [record.event.t_ns for record in JournalReader(tmp_path / "run") if isinstance(record, Step)]
    assert times == sorted(times)


def test_an_unknown_board_is_refused_before_anything_is_written(tmp_path: Path, capsys: Capture) -> None:
    assert main(["replay", "sample", "--as", "orin-nanno", "--out", str(tmp_path / "run")]) == 2
    first, second = capsys.readouterr().err.splitlines()[-2:]
    assert "there is no profile of a board called orin-nanno" in first
    assert second == "hint: did you mean orin-nano"
    assert not (tmp_path / "run").exists()


def test_a_journal_is_not_replayed_as_a_board(tmp_path: Path, capsys: Capture) -> None:
    run(tmp_path / "run", None)
    assert main(["replay", str(tmp_path / "run"), "--as", "thor", "--out", str(tmp_path / "again")]) == 2
    assert "a journal is replayed as it was recorded" in capsys.readouterr().err


@pytest.mark.weights
@pytest.mark.skipif(not PREPARED, reason="pocket pack not prepared")
def test_the_summary_and_the_report_say_which_figures_counted_and_how_sure_they_are(
    tmp_path: Path, capsys: Capture, pocket_cache: Path
) -> None:
    video, out = write_video(tmp_path / "walk.mp4"), tmp_path / "run"
    assert main(["replay", str(video), "--as", "orin-nano", "--json", "--out", str(out)]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["played as"].startswith("Jetson Orin Nano 8 GB; assumed: ")
    assert "encode 155 ms" in summary["played as"]
    page = (out / "report.html").read_text()
    assert "Played as on a Jetson Orin Nano 8 GB" in page
    assert "generate a token: 31 ms, published: 32.3 tokens a second" in page
    assert main(["replay", str(out), "--out", str(tmp_path / "again")]) == 0
    assert decisions(tmp_path / "again") == decisions(out)
    assert "Played as on a Jetson Orin Nano 8 GB" in (tmp_path / "again" / "report.html").read_text()
