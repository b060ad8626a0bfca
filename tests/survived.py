"""What must hold of a daemon's state folder after whatever its processes went through."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from edge_runtime.config import S
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.journal import Head, JournalReader
from edge_runtime.protocol import Append, Command, Event, Record, Say, Stored
from edge_runtime.records import Query
from edge_runtime.store import open_store


def steps(state: Path) -> list[tuple[Event, tuple[Command, ...]]]:
    """All that the journal holds."""
    return [(record.event, record.commands) for record in JournalReader(state) if not isinstance(record, Head)]


def the_journal_replays_to_the_decisions(state: Path, scratch: Path) -> int:
    """It does, byte for byte; returns how many decisions there were."""
    with DecisionLog(scratch) as decisions:
        replay_journal(state, decisions)
    assert scratch.read_bytes() == (state / "decisions.jsonl").read_bytes()
    return len(scratch.read_bytes().splitlines())


def nothing_was_said_twice(state: Path) -> list[str]:
    """No sentence has gone out under one number twice, and no alert by the same evidence; returns the alerts."""
    says = [command for _, commands in steps(state) for command in commands if isinstance(command, Say)]
    again = [number for number, count in Counter(say.id for say in says).items() if count > 1]
    assert not again, f"commands {again} were given twice"
    alerts = [(say.response.watch, say.response.evidence) for say in says if say.response.watch and say.response.evidence]
    assert len(alerts) == len({str(alert) for alert in alerts}), "an alert was said again by the same evidence"
    decided = [command.decision.id for _, commands in steps(state) for command in commands if isinstance(command, Record)]
    assert len(decided) == len(set(decided))
    return [say.response.text for say in says if say.response.watch]


def watches_keep_their_pause(state: Path, rearm_ns: int) -> None:
    """One watch fires at most once in that time, restarts or not."""
    fired: dict[str, int] = {}
    for event, commands in steps(state):
        for command in commands:
            if isinstance(command, Say) and command.response.watch and command.response.evidence:
                before_ns = fired.get(command.response.watch)
                assert before_ns is None or event.t_ns - before_ns >= rearm_ns, f"{command.response.watch} within {rearm_ns / S:g} s"
                fired[command.response.watch] = event.t_ns


def what_was_acknowledged_is_in_the_log(state: Path, log_bytes: int) -> int:
    """Every row that the core was told to be stored is there; returns how many."""
    asked: dict[int, tuple[int, ...]] = {}
    stored: set[int] = set()
    for event, commands in steps(state):
        for command in commands:
            if isinstance(command, Append):
                asked[command.id] = tuple(row.sighting.id for row in command.rows)
        if isinstance(event, Stored):
            stored.update(asked.get(event.answers, ()))
    with open_store(state / "log", log_bytes=log_bytes, resume=True) as store:
        rows, _ = store.search(Query(limit=100_000, newest_first=False))
        assert not stored - {row.id for row in rows}
    return len(stored)
