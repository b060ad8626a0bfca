"""Heat reaches a live run: from the board's files through the watch to what the core gives up, and the journal of it replays exactly."""

from __future__ import annotations

from pathlib import Path

from devices.boards import BoardWatch
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.protocol import BoardChanged, Command, Event
from tests import fake_board
from tests.integration.test_live_host import live


def hot(event: Event, commands: tuple[Command, ...]) -> bool:
    return isinstance(event, BoardChanged) and event.power == "low" and event.temperature_c == 97.0


def test_a_hot_board_makes_the_run_give_way_and_the_journal_replays_it(tmp_path: Path) -> None:
    root = fake_board.orin_nano(tmp_path / "board", celsius=97.0)
    with live(tmp_path / "run") as (host, log, _), BoardWatch(host.tell, root=root):
        log.wait_for(hot)
    assert host.core.attend.state.power == "low"
    with DecisionLog(tmp_path / "again.jsonl") as decisions:
        core = replay_journal(tmp_path / "run", decisions)
    assert core.attend.state.power == "low"
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "run/decisions.jsonl").read_bytes()
